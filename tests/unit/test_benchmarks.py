"""The benchmarks' common parts, and the runner's overhead on a toy."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.__main__ import main
from benchmarks.record import line, record, recorded
from benchmarks.runner_overhead import check_nothing_ran, measure, script_of
from toy import ToyProject
from workbench.run.parameters import Notebook
from workbench.run.project import Project
from workbench.run.status import StageFolder


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


@pytest.mark.parametrize(
    ("arguments", "passed_on"),
    [
        (["--only", "runner_overhead", "quickstart", "--repeats", "1"], ["quickstart", "--repeats", "1"]),
        (["--only", "runner_overhead"], []),
        ([], []),
    ],
)
def test_what_follows_a_benchmarks_name_is_passed_on_to_it(
    toy: ToyProject, monkeypatch: pytest.MonkeyPatch, arguments: list[str], passed_on: list[str]
) -> None:
    calls = []
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    monkeypatch.setattr(
        subprocess, "run", lambda command, check: calls.append(command) or SimpleNamespace(returncode=0)
    )
    assert main() == 0
    assert [sys.executable, "-m", "benchmarks.runner_overhead", *passed_on] in calls


def test_arguments_want_the_name_of_a_benchmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "quickstart"])
    with pytest.raises(SystemExit):
        main()
    assert "name the benchmark that takes this by --only" in capsys.readouterr().err


def test_an_unchanged_run_that_ran_is_no_measurement(toy: ToyProject) -> None:
    folder = toy.fake_stage("20260101T000000Z-toy", "01_a")
    StageFolder(folder).write(reused_from=None)
    with pytest.raises(RuntimeError, match="01_a ran again"):
        check_nothing_ran(toy.outputs)


def test_overhead_of_a_toy(toy: ToyProject) -> None:
    toy.notebook("01_a", "stage.path('data/x.txt').write_text('x')")
    toy.notebook("02_b", "display(stage.input('01_a', 'data/x.txt').read_text())", needs=("01_a",))
    toy.profile()
    measure(Project.find(), "toy", repeats=1, bench=toy.outputs / "bench")
    overhead, unchanged = recorded(toy.outputs / "bench")
    assert 0 < overhead["value"] < 60
    assert unchanged["value"] < 20
    assert not (toy.outputs / "bench" / "runner_overhead").exists()
