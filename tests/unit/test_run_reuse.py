"""What decides whether a stage is run again: the key, the inputs, the files left."""

import sys
from pathlib import Path

import pytest

from toy import ToyProject
from workbench.artifacts import Stage, read_json, write_json
from workbench.run import reuse
from workbench.run.parameters import Notebook
from workbench.run.status import Run


@pytest.fixture
def lib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package: `top` imports `deep`, nobody imports `apart`, and `display` is of no influence."""
    package = tmp_path / "toylib"
    for name, source in {
        "__init__": "", "top": "from toylib import deep", "deep": "x = 1", "apart": "", "display": "",
    }.items():  # fmt: skip
        package.mkdir(exist_ok=True)
        (package / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(reuse, "WITHOUT_INFLUENCE", ("toylib.display",))

    def forget() -> None:
        reuse.graph_of.cache_clear()
        reuse.source_hash.cache_clear()
        for name in [name for name in sys.modules if name.startswith("toylib")]:
            del sys.modules[name]

    forget()
    yield package, forget
    forget()


def test_imports_are_followed_and_display_is_left_out(lib) -> None:
    code = ["import toylib.top as t\nimport os", "from toylib import display"]
    assert reuse.lib_modules(code, "toylib") == ["toylib", "toylib.deep", "toylib.top"]
    assert reuse.lib_modules(["from toylib.apart import x"], "toylib") == ["toylib", "toylib.apart"]
    assert reuse.lib_modules(["import os"], "toylib") == []


def test_key_follows_code_lib_and_parameters_and_nothing_else(toy: ToyProject, lib) -> None:
    package, forget = lib

    def key(*code: str, **parameters: object) -> str:
        forget()
        path = toy.notebook("01_a", *code, parameters=f"size = 1  # {len(toy.names)}\n")
        return reuse.key(Notebook(path), {"size": 1, "profile": "x"} | parameters, "toylib")

    base = key("import toylib.top")
    path = toy.root / "notebooks" / "01_a.ipynb"
    path.write_text(path.read_text().replace("# Toy", "# Renamed toy").replace("size = 1 ", "size = 5 "))
    assert reuse.key(Notebook(path), {"size": 1, "profile": "y", "run_dir": "z"}, "toylib") == base
    assert key("import toylib.top", profile="y") == base
    assert key("import toylib.top", size=2) != base
    assert key("import toylib.top\nx = 1") != base
    (package / "apart.py").write_text("y = 1")
    (package / "display.py").write_text("y = 1")
    assert key("import toylib.top") == base
    (package / "deep.py").write_text("x = 2")
    assert key("import toylib.top") != base


def test_key_follows_package_versions(toy: ToyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook(toy.notebook("01_a"))
    base = reuse.key(notebook, {})
    monkeypatch.setattr(reuse, "versions", lambda: {"torch": "0"})
    assert reuse.key(notebook, {}) != base


def test_the_real_lib_is_read(toy: ToyProject) -> None:
    modules = reuse.lib_modules(["from workbench.metrics import ranking", "from workbench.run import notebook"])
    assert "workbench.metrics.ranking" in modules
    assert not [name for name in modules if name.startswith("workbench.run")]


@pytest.fixture
def before(toy: ToyProject) -> tuple[ToyProject, Run]:
    """An earlier run whose 02_b read 01_a and a raw file, and a new run whose 01_a is the same."""
    raw = toy.root / "raw.csv"
    raw.write_text("raw")
    first = toy.fake_stage("20260101T000000Z-toy", "01_a", x="one")
    second = toy.fake_stage("20260101T000000Z-toy", "02_b")
    stage = Stage(second)
    stage.input("01_a", "data/x.txt")
    stage.source(raw)
    stage.path("data/y.txt").write_text("two")
    stage.complete()
    write_json(second / "status.json", read_json(second / "status.json") | {"key": "k"})
    new = toy.outputs / "20260102T000000Z-toy"
    write_json(new / "run.json", read_json(first.parent / "run.json") | {"started": "20260102"})
    reused = {"status": "ok", "reused_from": "../../20260101T000000Z-toy/01_a"}
    write_json(new / "01_a" / "status.json", reused)
    return toy, Run(new)


def test_the_same_is_reused(before: tuple[ToyProject, Run]) -> None:
    toy, run = before
    found = reuse.candidate(toy.outputs, run, "02_b", "k")
    assert found is not None
    assert found.folder == toy.outputs / "20260101T000000Z-toy" / "02_b"
    assert reuse.candidate(toy.outputs, run, "02_b", "other key") is None


@pytest.mark.parametrize("change", ["raw altered", "raw gone", "upstream", "output altered", "output gone", "failed"])
def test_what_changed_is_not_reused(before: tuple[ToyProject, Run], change: str) -> None:
    toy, run = before
    old = toy.outputs / "20260101T000000Z-toy"
    if change == "raw altered":
        (toy.root / "raw.csv").write_text("other")
    elif change == "raw gone":
        (toy.root / "raw.csv").unlink()
    elif change == "upstream":
        toy.fake_stage(run.name, "01_a", x="other")
    elif change == "output altered":
        (old / "02_b/data/y.txt").write_text("other")
    elif change == "output gone":
        (old / "02_b/data/y.txt").unlink()
    else:
        write_json(old / "02_b/status.json", read_json(old / "02_b/status.json") | {"status": "failed"})
    assert reuse.candidate(toy.outputs, run, "02_b", "k") is None
