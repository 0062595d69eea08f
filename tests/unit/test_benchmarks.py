"""The benchmarks' common parts, and the runner's overhead on a toy."""

from pathlib import Path

import pytest

from benchmarks.record import line, record, recorded
from benchmarks.runner_overhead import measure, script_of
from toy import ToyProject
from workbench.run.parameters import Notebook
from workbench.run.project import Project


@pytest.mark.parametrize(
    ("value", "target", "higher", "met"),
    [(3.0, 5.0, False, True), (6.0, 5.0, False, False), (6.0, 5.0, True, True), (5.0, None, True, None)],
)
def test_a_row_is_kept_and_judged(
    tmp_path: Path, value: float, target: float | None, higher: bool, met: bool | None
) -> None:
    row = record("x", value, "s", target=target, higher_is_better=higher, rival="y", folder=tmp_path)
    assert row["met"] is met
    assert recorded(tmp_path) == [row]
    assert ("NOT MET" in line(row)) == (met is False)
    keys = "name value unit target higher_is_better met rival machine versions date"
    assert list(row) == keys.split()


def test_a_notebook_as_a_script(toy: ToyProject) -> None:
    notebook = Notebook(toy.notebook("01_a", "%matplotlib inline\ndisplay(size)", parameters="size = 1\n"))
    script = script_of(notebook, {"size": 2, "name": "a'b"})
    assert script.startswith("from IPython.display import display\n")
    assert script.index("size = 1") < script.index("size = 2") < script.index("open_stage(")
    assert "%" not in script
    compile(script, "script", "exec")


def test_overhead_of_a_toy(toy: ToyProject) -> None:
    toy.notebook("01_a", "stage.path('data/x.txt').write_text('x')")
    toy.notebook("02_b", "display(stage.input('01_a', 'data/x.txt').read_text())", needs=("01_a",))
    toy.profile()
    measure(Project.find(), "toy", repeats=1, bench=toy.outputs / "bench")
    overhead, unchanged = recorded(toy.outputs / "bench")
    assert 0 < overhead["value"] < 60
    assert unchanged["value"] < 20
    assert not (toy.outputs / "bench" / "runner_overhead").exists()
