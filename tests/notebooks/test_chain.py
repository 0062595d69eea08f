"""The real notebooks, one after the other, on a sample of households: what each stage leaves."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml
from nbclient import NotebookClient

import kept
from workbench.display.card import inert

ROOT = Path(__file__).parents[2]
STAGES = ["01_governance", "02_pretraining", "03_finetuning", "04_evaluation", "case_personalised"]
FILES = {"notebook.ipynb", "report.html", "parameters.yaml", "metrics.json", "manifest.json", "status.json", "log.txt"}


def workbench(project: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "workbench.cli", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=900, check=False)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of its own with the real notebooks and profiles."""
    folder = tmp_path_factory.mktemp("chain") / "project"
    for name in ("notebooks", "parameters"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return folder


@pytest.fixture(scope="session")
def run(project: Path) -> Path:
    """The folder of one whole run of the profile smoke."""
    ended = workbench(project, "run", "smoke")
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return (project / "outputs/latest-ok/smoke").resolve()


def read(path: Path) -> dict | list:
    return json.loads(path.read_text(encoding="utf-8"))


def metrics(run: Path, stage: str) -> pd.DataFrame:
    return pd.DataFrame(read(run / stage / "metrics.json"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_leaves_its_files_and_their_hashes(run: Path, stage: str) -> None:
    folder = run / stage
    assert {path.name for path in folder.iterdir()} >= FILES
    assert read(folder / "status.json")["status"] == "ok"
    manifest = read(folder / "manifest.json")
    assert manifest["outputs"]
    assert all((folder / entry["path"]).stat().st_size for entry in manifest["outputs"])
    needs = {entry["stage"] for entry in manifest["inputs"] if "stage" in entry}
    assert all(STAGES.index(need) < STAGES.index(stage) for need in needs)
    assert bool(needs) == (stage != STAGES[0])


@pytest.mark.parametrize("stage", STAGES)
def test_a_report_is_whole_and_loads_nothing(run: Path, stage: str) -> None:
    html = (run / stage / "report.html").read_text(encoding="utf-8")
    assert "What we learned" in html
    assert "<script" not in html
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?\s*(?:https?:)?//|@import|url\(\s*["']?https?:""", html)
    assert "Traceback" not in html


def test_every_number_has_a_place_and_lies_in_its_interval(run: Path) -> None:
    for stage in STAGES:
        rows = metrics(run, stage)
        assert list(rows.columns) == ["subject", "metric", "k", "slice", "value", "low", "high", "n"]
        bounded = rows.dropna(subset=["low", "high"])
        assert (bounded.low <= bounded.high).all()
        assert not rows.duplicated(["subject", "metric", "k", "slice"]).any()


def test_pairs_and_corpus_keep_to_the_timetable(run: Path) -> None:
    data = run / "01_governance/data"
    timetable = read(data / "timetable.json")
    weeks = kept.table(data.parent, "pairs").groupby("split").week.agg(["min", "max"])
    assert weeks.loc["train", "max"] <= timetable["text_train"] < weeks.loc["valid", "min"]
    assert weeks.loc["valid", "max"] <= timetable["text_valid"] < weeks.loc["test", "min"]
    assert weeks.loc["test", "max"] <= timetable["fusion_label"]
    corpus = kept.table(data.parent, "corpus")
    assert not set(corpus.text[corpus.split == "train"]) & set(corpus.text[corpus.split == "valid"])


def test_governance_accounts_for_every_row(run: Path) -> None:
    rows = metrics(run, "01_governance")
    counts = rows[rows.subject == "events"].set_index("metric").value
    assert counts["collected"] + counts["added"] == counts[["clean", "quarantined", "merged"]].sum()
    quarantine = kept.table(run / "01_governance", "quarantine")
    assert (quarantine["table"] == "events").sum() == counts["quarantined"]
    exposure = rows[rows.subject == "exposure"].set_index("metric").value
    assert exposure["estimated_rows"] == pytest.approx(exposure["rows"], rel=0.05)


def test_pretraining_learns_and_fine_tuning_is_calibrated(run: Path) -> None:
    guesses = metrics(run, "02_pretraining").pivot_table(index="subject", columns="metric", values="value")
    assert guesses.perplexity["adapted"] < guesses.perplexity["base"]
    assert guesses.perplexity["blind guess"] < 1000  # of 30,522 tokens a shop uses few
    pairs = metrics(run, "03_finetuning")
    assert {"adapted", "base", "tfidf", "constant", "adapted - base", "adapted - tfidf"} <= set(pairs.subject)
    assert pairs[pairs.metric == "roc_auc"].value.abs().between(0, 1).all()
    assert set(read(run / "03_finetuning/model/calibration.json")) == {"a", "b", "threshold"}


def test_the_model_card_says_what_was_measured(run: Path) -> None:
    folder = run / "03_finetuning"
    _, front, card = (folder / "model/README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert yaml.safe_load(front)["language"] == ["en"]
    sections = re.findall(r"(?m)^## (.+)$", card)
    assert {"Data", "Base model", "Training", "Metrics on test", "Calibration", "Slices", "Limits"} <= set(sections)
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert all(f"{section}</h2>" in html for section in sections)
    rows = metrics(run, "03_finetuning")
    assert len(rows[rows["slice"] != "all"])
    for row in rows.itertuples():
        begins = inert(row.subject if row.slice == "all" else row.slice)
        lines = [line for line in card.splitlines() if line.startswith((f"| {begins} |", "Platt's"))]
        interval = "(no interval)" if pd.isna(row.low) else f"[{row.low:.4g}, {row.high:.4g}]"
        assert f"{row.value:.4g} {interval}" in "\n".join(lines)
    source = read(run / "01_governance/data/source.json")
    assert all(source[name] in card for name in ("source", "licence", "citation"))


def test_curves_are_kept_and_not_handed_on(run: Path) -> None:
    settings = "full-20000-0.0001-20170101"  # method, tokens, learning rate, seed
    tuned = [f"{name}-{settings}" for name in ("adapted", "base")]
    for stage, trainings in (("02_pretraining", ["mlm"]), ("03_finetuning", tuned)):
        assert sorted(path.name for path in (run / stage / "tracking").iterdir()) == trainings
        assert all(len(list((run / stage / "tracking" / name).glob("events.*"))) == 1 for name in trainings)
        assert not [each for each in read(run / stage / "manifest.json")["outputs"] if "tracking" in each["path"]]


def test_the_evaluation_compares_all_rankers_on_all_slices(run: Path) -> None:
    rows = metrics(run, "04_evaluation")
    ndcg = rows[(rows.metric == "ndcg") & (rows["slice"] == "all")].set_index("subject").value
    rankers = {"popularity", "frequency", "recency", "item_knn", "als", "tfidf", "bi_encoder", "text_model"}
    assert rankers | {"fusion", "fusion_without_text", "fusion - frequency"} <= set(ndcg.index)
    assert ndcg["fusion - frequency"] == pytest.approx(ndcg["fusion"] - ndcg["frequency"])
    assert ndcg["fusion"] > ndcg["popularity"]
    assert {"repeat products", "novel products", "head products", "tail products"} <= set(rows["slice"])
    lists = kept.table(run / "04_evaluation", "lists")
    assert (lists.groupby(["ranker", "user_id"])["rank"].max() <= 20).all()
    recall = rows[(rows.metric == "recall") & (rows["slice"] == "all")].set_index("subject").value
    assert recall.drop("candidates").max() <= recall["candidates"] <= 1
    assert rows[rows.metric == "looks"].value.item() >= 1


def test_every_recommended_product_has_a_reason(run: Path) -> None:
    listed = kept.table(run / "case_personalised", "explained_lists")
    assert listed["rank"].between(1, 10).all()
    assert (listed.reason != "—").mean() > 0.9
    assert not listed.duplicated(["user_id", "item_id"]).any()


def test_smoke_is_quick(run: Path) -> None:
    seconds = sum(read(run / stage / "status.json")["seconds"] for stage in STAGES)
    assert seconds <= 240, "two minutes on a quiet machine; twice that says that something became slow"


def test_a_run_in_which_nothing_changed_reuses_all(project: Path, run: Path) -> None:
    began = time.perf_counter()
    ended = workbench(project, "run", "smoke")
    assert ended.returncode == 0, ended.stderr
    assert time.perf_counter() - began <= 20
    again = (project / "outputs/latest-ok/smoke").resolve()
    assert again != run
    assert all(read(again / stage / "status.json")["reused_from"] for stage in STAGES)


def test_by_hand_the_same_notebook_leaves_the_same(project: Path, run: Path) -> None:
    path = project / "notebooks/case_personalised.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source = cell.source.replace('profile = "quickstart"', 'profile = "smoke"')
    nbformat.write(notebook, path)  # as one would save it in JupyterLab
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    lab = project / "outputs/lab/case_personalised"
    assert read(lab / "status.json")["status"] == "ok"
    assert read(lab / "metrics.json") == read(run / "case_personalised/metrics.json")
    ours, theirs = (read(folder / "manifest.json")["outputs"] for folder in (lab, run / "case_personalised"))
    assert [(entry["path"], entry["content"]) for entry in ours] == [
        (entry["path"], entry["content"]) for entry in theirs
    ]
    widgets = [
        o
        for c in notebook.cells
        for o in c.get("outputs", [])
        if "application/vnd.jupyter.widget-view+json" in o.get("data", {})
    ]
    assert widgets, "by hand the household browser is shown"


def test_plain_papermill_takes_a_parameter(project: Path, run: Path, tmp_path: Path) -> None:
    command = [
        "papermill",
        "case_personalised.ipynb",
        str(tmp_path / "out.ipynb"),
        "-p",
        "profile",
        "smoke",
        "-p",
        "households",
        "1",
    ]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ended = subprocess.run(
        command, cwd=project / "notebooks", capture_output=True, text=True, timeout=300, env=environment, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    resolved = yaml.safe_load((project / "outputs/lab/case_personalised/parameters.yaml").read_text(encoding="utf-8"))
    assert resolved["households"] == 1
