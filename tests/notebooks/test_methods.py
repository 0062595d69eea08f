"""The companion on methods: executed with a tiny model, it compares, searches and trains privately; and its chain."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

import kept

ROOT = Path(__file__).parents[2]
COMPARED = {"full": {"frozen_layers": 1}, "lora": {"rank": 4}, "adapter": {}}
SETTINGS = {
    "notebooks": ["01_governance", "02_pretraining", "03_finetuning", "03a_methods"],
    "common": {"precision": "fp32", "threads": 1},
    "01_governance": {
        "threads": 2, "source": "storefront", "source_options": {"events": 20000, "faults": False, "language": "zh"},
        "pair_targets": {"train": 1500, "valid": 400, "test": 400}, "corpus_docs": {"train": 800, "valid": 100},
    },
    "02_pretraining": {
        "base_model": "scratch", "scratch": {"hidden": 32, "layers": 2, "heads": 2, "pieces": 2000},
        "objectives": ["mlm", "classification", "contrastive"], "reading": {"whole_words": True},
        "max_tokens": 12000, "optimizer": {"evaluations": 1}, "learning_rate": 1.0e-3,
    },
    "03_finetuning": {
        "base_model": "scratch", "rivals": ["base", "random"], "labels": {"share": 0.5}, "max_tokens": 12000,
        "method": {"lora": {"rank": 4}}, "learning_rates": [1.0e-3, 1.0e-2], "optimizer": {"evaluations": 1},
        "resamples": 50, "users": {"valid": 100, "test": 100},
    },
    "03a_methods": {
        "base_model": "tiny", "users": {"valid": 100, "test": 100}, "candidates": ["tfidf", "tiny"],
        "choice": {"tokens": 4000, "milliseconds": 0, "megabytes": 100}, "compared": COMPARED,
        "budget": {"max_tokens": 8000, "epochs": 0.0, "seeds": 2, "evaluations": 1},
        "step": {"batch_tokens": 512, "max_length": 64},
        "searched": {"method": "lora", "trials": 2}, "privacy": {"epsilons": [8.0], "delta": 1.0e-5, "most": 2},
        "dp": {"steps": 10, "batch_rows": 64, "rate": 2.0e-3, "seeds": 1}, "resamples": 50,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Chinese shop whose language no base model here knows: its model and its vocabulary are its own."""
    folder = tmp_path_factory.mktemp("methods") / "project"
    for name in ("notebooks", "parameters"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (folder / "parameters/small.yaml").write_text(yaml.safe_dump(SETTINGS, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "workbench.cli", "run", "small"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return (folder / "outputs/latest-ok/small").resolve()


def metrics(stage: Path) -> pd.DataFrame:
    return pd.DataFrame(json.loads((stage / "metrics.json").read_text(encoding="utf-8")))


def test_a_model_of_the_shops_own_learns_by_three_objectives_in_turn(run: Path) -> None:
    rows = metrics(run / "02_pretraining").set_index(["slice", "subject", "metric"])["value"]
    for objective, loss in (("mlm", "loss"), ("classification", "log_loss")):
        assert rows[objective, "adapted", loss] < rows[objective, "base", loss]
    assert 0 < rows["contrastive", "adapted", "mrr"] <= 1  # whether so few clicks make it better is not for a test
    curve = kept.table(run / "02_pretraining", "curve")
    assert curve["objective"].unique().tolist() == ["mlm", "classification", "contrastive"]
    config = json.loads((run / "02_pretraining/model/config.json").read_text(encoding="utf-8"))
    assert config["hidden_size"] == 32
    assert config["vocab_size"] <= 2000


def test_it_is_fine_tuned_beside_its_rivals_by_a_method_that_is_merged(run: Path) -> None:
    stage = run / "03_finetuning"
    assert {"adapted", "base", "random", "adapted - base", "adapted - random"} <= set(metrics(stage)["subject"])
    config = json.loads((stage / "model/config.json").read_text(encoding="utf-8"))
    assert config.get("method") is None, "the model that is handed on is slower than its base"
    card = (stage / "model/README.md").read_text(encoding="utf-8")
    assert "| method | lora |" in card
    assert "| rank | 4 |" in card
    assert len(list((stage / "tracking").glob("adapted-lora-*"))) == 2, "each learning rate has its curve"


def test_a_model_is_recommended_by_what_was_measured(run: Path) -> None:
    rows = kept.table(run / "03a_methods", "choice").set_index("candidate")
    assert set(rows.index) == {"tfidf", "tiny"}
    assert rows["loss_4000"].is_monotonic_increasing
    report = (run / "03a_methods/report.html").read_text(encoding="utf-8")
    assert f"Recommended within these limits: {rows.index[0]}" in report
    assert f"<strong>{rows.index[0]}</strong> recommended (log-loss" in report


def test_methods_are_compared_at_both_budgets(run: Path) -> None:
    rows = metrics(run / "03a_methods")
    for budget in ("equal tokens", "equal time"):
        mine = rows[(rows["slice"] == budget) & (rows["metric"] == "pr_auc")]
        assert set(mine["subject"]) == {*COMPARED, "full - lora", "full - adapter"}
        assert (mine["low"] <= mine["high"]).all()
    trainings = kept.table(run / "03a_methods", "trainings").groupby(["budget", "method"])
    assert (trainings["seed"].nunique() == 2).all(), "each method is to be trained with two seeds in each budget"
    assert (trainings["rate"].nunique() == 1).all()
    costs = kept.table(run / "03a_methods", "costs").set_index("method")
    assert costs.loc["lora", "megabytes"] < costs.loc["full", "megabytes"]
    assert len(kept.table(run / "03a_methods", "trials")) == 2


def test_what_was_trained_privately_is_told_with_its_price(run: Path) -> None:
    rows = metrics(run / "03a_methods")
    assert set(rows.loc[rows["slice"] == "private", "subject"]) == {"without noise", "ε = 8", "without noise - ε = 8"}
    report = (run / "03a_methods/report.html").read_text(encoding="utf-8")
    assert "for adding or removing one user with at most 2 training pairs" in report
    assert "At ε = 8, PR-AUC differs by" in report
