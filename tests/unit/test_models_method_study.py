"""What methods cost is measured over the same batches, and adds up."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from workbench.models import base, tuning
from workbench.models.device import choose_device
from workbench.models.finetuning import text_rows, training_batches
from workbench.models.loop import TrainingError, TrainSettings
from workbench.models.merging import SAME, check_merged
from workbench.models.method_study import budgets, costs, remembered, search_options
from workbench.models.search import table as trials_of
from workbench.models.tasks import task_for
from workbench.models.tuning import Material, Setup, Start, learn

ROWS = pd.DataFrame({"context": [f"{a} {b}" for a in ("red", "blue") for b in ("shoes", "coat", "hat")] * 40})
ROWS["label"] = ROWS["context"].str.split().str[1]
METHODS: dict[str, Any] = {"full": {}, "head": {}, "lora": {"rank": 4}, "adapter": {"size": 8}, "prefix": {}}


def made(folder: Path) -> Setup:
    task = task_for(ROWS["label"], "classes")
    material = Material(base.load_tokenizer("tiny", 8), ROWS, ROWS[:60], task, batch_tokens=400)
    settings, device = TrainSettings(evaluations=2, seed=1), choose_device("fp32", threads=1)
    return Setup(Start("tiny", task, seed=1), material, settings, device, folder.joinpath)


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return made(tmp_path)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return costs(made(tmp_path_factory.mktemp("costs")), METHODS)


def test_small_methods_train_keep_and_hold_less(table: pd.DataFrame) -> None:
    assert table["trained"].idxmin() == "head"
    assert table.loc["head", "trained"] == 3 * 64 + 3
    assert 0.99 < table.loc["full", "share"] <= 1  # all but the pooler
    others = table.drop("full")
    assert (others["share"] < 0.1).all()
    assert (others["megabytes"] < 0.1 * table.loc["full", "megabytes"]).all()
    assert (others["held_megabytes"] < 0.5 * table.loc["full", "held_megabytes"]).all()


def test_a_file_holds_four_bytes_for_each_weight(table: pd.DataFrame) -> None:
    assert (table["megabytes"] >= table["trained"] * 4 / 1e6).all()
    assert table.loc["full", "megabytes"] == pytest.approx(table.loc["full", "trained"] * 4 / 1e6, rel=0.01)


def test_equal_time_gives_more_tokens_to_the_faster(table: pd.DataFrame) -> None:
    assert table["step_times"].iloc[0] == 1
    found = budgets(table["step_times"].to_dict(), 10_000)
    assert found["equal tokens"] == dict.fromkeys(METHODS, 10_000)
    tokens = found["equal time"]
    assert tokens["full"] == 10_000
    assert tokens["head"] == pytest.approx(10_000 * table.loc["full", "step"] / table.loc["head", "step"], abs=1)
    assert table.loc["head", "step"] < table.loc["full", "step"]


def test_times_of_another_question_are_measured_anew(setup: Setup, table: pd.DataFrame) -> None:
    first = remembered(setup, METHODS, table, None)
    assert first["times"] == table["step_times"].to_dict()
    later = table.assign(step_times=7.0)
    assert remembered(setup, METHODS, later, first) == first
    assert remembered(setup, {"full": {}}, later[:1], first)["times"] == {"full": 7.0}


def test_a_budget_may_be_passes_over_all_pairs(setup: Setup) -> None:
    batches = setup.material.batches(setup.material.tokens(2), seed=1)
    times = np.bincount(np.concatenate(batches.plan), minlength=len(ROWS))
    assert (times == 2).all()


def test_texts_are_read_once_and_batches_are_those_of_a_training(setup: Setup) -> None:
    material = setup.material
    again = training_batches(
        material.tokenizer, ROWS, material.task, max_tokens=900, batch_tokens=400, use_weights=False, seed=5
    )
    assert material.batches(900, seed=5).identity() == again.identity()
    assert material.batches(900, seed=5).texts is material.batches(2000, seed=6).texts


def test_a_repeat_has_another_start_and_another_order(setup: Setup) -> None:
    again = setup.repeated(1)
    heads = [each.start.model("head", {}, 1)[0].classifier.weight for each in (setup, again)]
    assert not torch.equal(*heads)
    assert again.settings.seed == setup.settings.seed + 1
    plans = [each.material.batches(900, each.start.seed).plan for each in (setup, again)]
    assert [rows.tolist() for rows in plans[0]] != [rows.tolist() for rows in plans[1]]


def test_full_fine_tuning_may_leave_layers_as_they_are() -> None:
    whole, some = (
        Start("tiny", task_for(ROWS["label"], "classes"), seed=1).model("full", {"frozen_layers": layers}, 1)[0]
        for layers in (0, 1)
    )
    free = [sum(value.numel() for value in model.parameters() if value.requires_grad) for model in (whole, some)]
    assert free[1] < 0.2 * free[0]
    assert torch.equal(whole.classifier.weight, some.classifier.weight)


def test_what_no_rate_would_mend_ends_the_study(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise TrainingError("One single text does not fit into the GPU's memory: shorten it.")

    monkeypatch.setattr(tuning, "fine_tune", fails)
    with pytest.raises(TrainingError, match="One single text does not fit"):
        learn(setup, "head", {}, [1e-3, 1e-2], 500)


def test_each_method_is_trained_at_its_best_rate_and_merges(setup: Setup) -> None:
    rates = [1e-7, 1e-2, 1e30]
    found = learn(setup, "lora", {"rank": 4}, rates, 3000)
    assert found.rate == 1e-2
    assert found.diverged == (1e30,)
    assert found.result.tokens >= 3000
    assert found.result.best < 0.5
    assert check_merged(found.model, text_rows(setup.material.tokenizer, ROWS), setup.device) <= SAME == 1e-5
    again = learn(setup, "lora", {"rank": 4}, rates, 3000)
    assert again.result.best == found.result.best, "what was trained is trained again, and otherwise"


def test_rates_that_are_none_or_all_too_high_are_said(setup: Setup) -> None:
    with pytest.raises(ValueError, match="no learning rate to train head with"):
        learn(setup, "head", {}, [], 3000)
    with pytest.raises(TrainingError, match="infinite or NaN"):
        learn(setup, "lora", {}, [1e30], 1000)


def test_options_of_a_method_are_searched(setup: Setup, tmp_path: Path) -> None:
    ranges = {"learning_rate": [1e-7, 1e-2], "rank": [2, 4]}
    storage = tmp_path / "below/trials.db"
    study = search_options(setup, "lora", {}, 1e-3, ranges, 1500, trials=6, storage=storage)
    rows = trials_of(study)
    assert len(rows) == 6
    complete = rows[~rows["cut short"]]
    best, worst = (complete.loc[complete["learning_rate"] == rate, "value"] for rate in (1e-2, 1e-7))
    assert best.max() < worst.min()
    assert trials_of(search_options(setup, "lora", {}, 1e-3, ranges, 900, trials=0, storage=storage)).empty
