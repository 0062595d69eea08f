"""Whole runs: what is reused and what is not, parts of a run, grids, and a notebook run both ways."""

import shutil
import time
from pathlib import Path

import papermill
import pytest
import yaml

from toy import ToyProject
from workbench.artifacts import read_json


@pytest.fixture
def two(toy: ToyProject) -> ToyProject:
    write = (
        "import time\nstage.path('data/x.txt').write_text(f'{size}')\nstage.metric('fusion', 'ndcg', size / 10, k=10)"
    )
    read = "stage.path('data/y.txt').write_text(stage.input('01_a', 'data/x.txt').read_text() + str(rate))"
    toy.notebook("01_a", write, parameters="size = 3\n")
    toy.notebook("02_b", read, parameters="rate = 0.5\n", needs=("01_a",))
    toy.profile(headline=["fusion/ndcg@10"])
    return toy


def reused(toy: ToyProject) -> list[bool]:
    return [bool(stage.status["reused_from"]) for stage in toy.runs()[0].stages()]


def test_reuse_force_only_from_and_prune(two: ToyProject, workbench, capsys) -> None:
    assert workbench("run", "toy") == 0
    first = two.runs()[0]
    out = capsys.readouterr().out
    assert "fusion/ndcg@10" in out
    assert "0.3" in out
    assert f"ok: open {first.folder / '02_b' / 'report.html'}" in out
    status = two.status("01_a")
    assert status["peak_mb"] > 30
    assert list(status["cell_seconds"]) == ["2", "3", "4", "5"]
    assert yaml.safe_load((first.folder / "01_a" / "parameters.yaml").read_text()) == {
        "profile": "toy", "seed": 1, "size": 3,
    }  # fmt: skip

    began = time.monotonic()
    assert workbench("run", "toy") == 0
    assert time.monotonic() - began < 20
    assert reused(two) == [True, True]
    assert "nothing changed: reused from" in capsys.readouterr().out
    assert (two.outputs / "latest-ok" / "toy").resolve() == two.runs()[0].folder

    assert workbench("run", "toy", "--set", "02_b.rate=0.7") == 0
    assert reused(two) == [True, False]
    assert (two.runs()[0].folder / "02_b/data/y.txt").read_text() == "30.7"
    capsys.readouterr()
    assert workbench("compare", first.name, two.runs()[0].name) == 0
    out = capsys.readouterr().out
    assert "rate" in out
    assert "0.7" in out

    assert workbench("run", "toy", "--only", "02_b", "--force", "--set", "01_a.size=9") == 2
    assert "--set 01_a.size=9: that stage is not run" in capsys.readouterr().err
    assert workbench("run", "toy", "--only", "02_b", "--force") == 0
    assert reused(two) == [True, False]
    assert (two.runs()[0].folder / "02_b/data/y.txt").read_text() == "30.5"  # 01_a stands as it was
    assert two.runs()[0].record["parameters"]["01_a"]["size"] == 3

    assert workbench("run", "toy", "--from", "01_a", "--set", "01_a.size=4") == 0
    assert reused(two) == [False, False]  # 02_b has no other code, but another input

    assert workbench("prune", "--keep", 2) == 0
    assert first in two.runs()  # its 01_a is reused by a run that stays
    assert len(two.runs()) == 3


def test_one_notebook_both_ways_leaves_the_same(two: ToyProject, workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headless by the runner, and by plain Papermill, which is how JupyterLab runs it too: no `run_dir`."""
    two.profile(**{"01_a": {"size": 6}})
    assert workbench("run", "toy", "--only", "01_a") == 0
    headless = two.runs()[0].folder / "01_a"
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    notebook = two.root / "notebooks" / "01_a.ipynb"
    copy = Path("by_hand.ipynb")
    plain = {"kernel_name": "python3", "language": "python", "progress_bar": False}
    executed = papermill.execute_notebook(notebook, copy, **plain)
    assert "profile toy: size = 6 (default 3)" in executed.cells[2].outputs[0].text
    lab = two.outputs / "lab" / "01_a"
    assert read_json(lab / "status.json")["status"] == "ok"
    for name in ("manifest.json", "metrics.json"):
        assert read_json(lab / name) == read_json(headless / name)
    assert (lab / "parameters.yaml").read_text() == (headless / "parameters.yaml").read_text()
    shutil.copy(lab / "data/x.txt", two.root / "first.txt")
    papermill.execute_notebook(notebook, copy, parameters={"size": 5}, **plain)
    assert ((two.root / "first.txt").read_text(), (lab / "data/x.txt").read_text()) == ("6", "5")
