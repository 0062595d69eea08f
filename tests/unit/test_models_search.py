"""Searching: ranges are read as written, the best is found, and a search that was killed goes on where it was."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench.models import base
from workbench.models.device import choose_device
from workbench.models.finetuning import fine_tune, training_batches
from workbench.models.loop import Diverged, TrainingError, TrainSettings
from workbench.models.methods import Adaptation
from workbench.models.search import Pruning, SearchError, check, importance, search, table
from workbench.models.tasks import task_for

RANGES = {
    "rate": {"low": 1e-3, "high": 1.0, "log": True},
    "layers": [0, 3, 6],
    "rank": {"low": 4, "high": 32, "step": 4},
}
KNOWN = {"rate": 0.1, "layers": 0, "rank": 8}


def valley(drawn: dict[str, Any], _trial: Any) -> float:
    """Lowest at a rate of 0.1; the layers matter little, the rank not at all."""
    return abs(drawn["rate"] - 0.1) + 0.01 * drawn["layers"]


def test_the_best_is_found_and_what_mattered_is_told(tmp_path: Path) -> None:
    study = search(RANGES, valley, trials=30, storage=tmp_path / "search.db", seed=1)
    assert study.best_value < 0.03
    rows = table(study)
    assert len(rows) == 30
    assert rows["value"].is_monotonic_increasing
    assert set(rows["layers"]) <= {0, 3, 6}
    assert (rows["rank"] % 4 == 0).all()
    assert rows["rate"].between(1e-3, 1).all()
    shares = importance(study, seed=1)
    assert shares.idxmax() == "rate"
    assert shares.sum() == pytest.approx(1)


def test_a_search_that_was_broken_off_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = table(search(RANGES, valley, trials=12, storage=tmp_path / "whole.db", seed=1))
    for trials in (4, 7, 12):
        study = search(RANGES, valley, trials=trials, storage=tmp_path / "parts.db", seed=1)
    pd.testing.assert_frame_equal(table(study), whole)
    asked = []
    search(RANGES, lambda *given: asked.append(given) or 0.0, trials=12, storage=tmp_path / "parts.db", seed=1)
    assert not asked, "what is there is searched again"


def test_a_trial_that_a_kill_broke_off_is_run_again(tmp_path: Path) -> None:
    storage = tmp_path / "search.db"
    script = (
        "import os, sys\nfrom tests.unit.test_models_search import RANGES, valley\n"
        "from workbench.models.search import search\n"
        "def run(drawn, trial):\n"
        "    if trial.number == 3: os.kill(os.getpid(), 9)\n"
        "    return valley(drawn, trial)\n"
        f"search(RANGES, run, trials=8, storage={str(storage)!r}, seed=1)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    study = search(RANGES, valley, trials=8, storage=storage, seed=1)
    rows = table(study)
    assert len(rows) == 8
    assert 3 not in set(rows["trial"])
    broken = study.get_trials()[3].params
    assert (rows[list(broken)] == pd.Series(broken)).all(axis=1).any(), "its parameters were not tried again"


def test_a_training_that_is_behind_is_cut_short(tmp_path: Path) -> None:
    rows = pd.DataFrame({"context": ["red shoes", "blue coat"] * 30, "label": ["shoes", "coat"] * 30})
    task = task_for(rows["label"], "classes")
    tokenizer, device = base.load_tokenizer("tiny", 8), choose_device("fp32", threads=1)
    batches = training_batches(tokenizer, rows, task, max_tokens=3000, batch_tokens=128, use_weights=False, seed=2)

    def run(_drawn: dict[str, Any], trial: Any) -> float:
        rate = 1e-3 if trial.number < 6 else 1e-9  # the last one learns nothing
        found = fine_tune(
            base.load_classifier("tiny", seed=1, outputs=2), tokenizer, batches, rows, task,
            Adaptation([Pruning(trial, task.better)]), device=device, checkpoints=tmp_path / str(trial.number),
            settings=TrainSettings(learning_rate=rate, evaluations=4, patience=9, seed=2),
        )  # fmt: skip
        return found.best

    found = table(search({"any": [1, 2]}, run, trials=7, storage=tmp_path / "search.db", seed=1))
    assert found.loc[found["cut short"], "trial"].tolist() == [6]


def test_a_training_that_diverges_is_a_trial_cut_short(tmp_path: Path) -> None:
    def run(drawn: dict[str, Any], trial: Any) -> float:
        if drawn["rate"] > 0.1:
            raise Diverged("The loss became infinite.")
        return valley(drawn, trial)

    rows = table(search(RANGES, run, trials=12, storage=tmp_path / "search.db", seed=1))
    assert len(rows) == 12
    assert rows["cut short"].any()
    assert (rows.loc[rows["cut short"], "rate"] > 0.1).all()


def test_what_no_rate_would_mend_ends_the_search(tmp_path: Path) -> None:
    def run(drawn: dict[str, Any], trial: Any) -> float:
        raise TrainingError("One single text does not fit into the GPU's memory: shorten it.")

    with pytest.raises(TrainingError, match="One single text does not fit"):
        search(RANGES, run, trials=2, storage=tmp_path / "search.db", seed=1)


def test_trials_of_another_question_do_not_count(tmp_path: Path) -> None:
    storage = tmp_path / "search.db"
    search(RANGES, valley, trials=4, storage=storage, seed=1, question="60,000 tokens")
    for ranges, question in ((RANGES, "90,000 tokens"), (RANGES | {"rank": [4, 8]}, "60,000 tokens")):
        asked: list[Any] = []
        search(ranges, lambda *given, asked=asked: asked.append(given) or 1.0, trials=4, storage=storage, seed=1,
               question=question)  # fmt: skip
        assert len(asked) == 4


def test_one_result_explains_nothing(tmp_path: Path) -> None:
    study = search({"rank": [4, 8]}, lambda *_: 1.0, trials=3, storage=tmp_path / "search.db", seed=1)
    assert importance(study, seed=1).empty


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ({"ratte": [1, 2]}, "names 'ratte', which is no parameter that can be searched, did you mean 'rate'"),
        ({"rate": [1]}, "rate has 1 choice"),
        ({"rate": 0.1}, "rate is 0.1; write a list"),
        ({"rate": {"low": 1}}, "write a list of choices, or"),
        ({"rate": {"low": 2, "high": 1}}, "goes from 2 to 1: low has to be below"),
        ({"rate": {"low": 0, "high": 1, "log": True}}, "with log above 0"),
        ({"rate": {"low": 1, "high": 2, "size": 3}}, "write a list of choices, or"),
    ],
)
def test_a_range_that_is_none_is_said(ranges: dict[str, Any], said: str) -> None:
    with pytest.raises(SearchError, match=said):
        check(ranges, KNOWN)


def test_ranges_that_are_right_pass() -> None:
    check(RANGES, KNOWN)
