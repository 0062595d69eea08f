"""Notebook 01 on Spark: a run by a parameters file alone, and one day written anew in the next run."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import yaml

import kept
from workbench.data import sources

ROOT = Path(__file__).parents[2]
OPTIONS = {"events": 2000, "weeks": 20, "faults": False}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, require) -> Path:
    """A small log of a generated shop."""
    require(find_spec("pyspark"), "the extra spark is not installed")
    require(shutil.which("java"), "Java 17 is not installed")
    folder = tmp_path_factory.mktemp("spark") / "project"
    (folder / "parameters").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/01_governance.ipynb", folder / "notebooks")
    sources.find("storefront", str(folder / "data"), OPTIONS).files()
    governed = {
        "source": "storefront", "folder": "data", "source_options": OPTIONS, "engine": "spark",
        "pair_targets": {"train": 400, "valid": 100, "test": 100}, "corpus_docs": {"train": 100, "valid": 20},
    }  # fmt: skip
    profile = {"notebooks": ["01_governance"], "01_governance": governed}
    (folder / "parameters/lake.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    return folder


def run(project: Path, *settings: str) -> Path:
    command = [sys.executable, "-m", "workbench.cli", "run", "lake"]
    command += [part for setting in settings for part in ("--set", f"01_governance.{setting}")]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=900, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return (project / "outputs/latest-ok/lake").resolve() / "01_governance"


def days(stage: Path, table: str) -> dict[str, int]:
    """Each day's file, by the number that the file system knows it by."""
    files = (stage / f"data/{table}.parquet").glob("day=*/*.parquet")
    return {file.parent.name: file.stat().st_ino for file in files}


@pytest.mark.slow
def test_a_run_on_spark_and_one_day_anew(project: Path) -> None:
    first = run(project)
    html = (first / "report.html").read_text(encoding="utf-8")
    assert "rely on the storage" in html
    events = kept.table(first, "events")
    assert len(events) > 1500
    assert "day" not in events.columns
    assert events["user_id"].dropna().str.fullmatch("[0-9a-f]{32}").all()
    before = days(first, "events")
    assert len(before) > 25
    day = sorted(before)[20]
    again = run(project, f"engine_options={{only_day: '{day.removeprefix('day=')}'}}")
    after = days(again, "events")
    assert after.keys() == before.keys()
    assert {each for each in before if before[each] != after[each]} == {day}
    pd.testing.assert_frame_equal(
        *(kept.table(stage, "events").sort_values("event_id", ignore_index=True) for stage in (first, again))
    )
    manifest = json.loads((again / "manifest.json").read_text(encoding="utf-8"))
    assert any(entry["path"].startswith(f"data/events.parquet/{day}/") for entry in manifest["outputs"])
