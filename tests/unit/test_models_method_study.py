"""What methods cost is measured over the same batches, and adds up."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from workbench.models import base, method_study
from workbench.models.device import choose_device
from workbench.models.finetuning import text_rows, training_batches
from workbench.models.loop import TrainingError, TrainSettings
from workbench.models.merging import SAME, check_merged
from workbench.models.method_study import Material, Start, costs, equal_time, learn
from workbench.models.tasks import task_for

ROWS = pd.DataFrame({"context": [f"{a} {b}" for a in ("red", "blue") for b in ("shoes", "coat", "hat")] * 40})
ROWS["label"] = ROWS["context"].str.split().str[1]


@pytest.fixture(scope="module")
def table() -> Any:
    task = task_for(ROWS["label"], "classes")
    batches = training_batches(
        base.load_tokenizer("tiny", 8), ROWS, task, max_tokens=4000, batch_tokens=400, use_weights=False, seed=1
    )
    chosen: dict[str, Any] = {"full": {}, "head": {}, "lora": {"rank": 4}, "adapter": {"size": 8}, "prefix": {}}
    batches = [batches[number] for number in range(len(batches))]
    return costs(Start("tiny", 3, seed=1), chosen, batches, task, choose_device("fp32", threads=1))


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
    tokens = equal_time(table["step_times"].to_dict(), 10_000)
    assert tokens["full"] == 10_000
    assert tokens["head"] == pytest.approx(10_000 * table.loc["full", "step"] / table.loc["head", "step"], abs=1)
    assert table.loc["head", "step"] < table.loc["full", "step"]


def test_full_fine_tuning_may_leave_layers_as_they_are() -> None:
    whole, some = (Start("tiny", 3, seed=1, frozen_layers=layers).model("full", {}, 1)[0] for layers in (0, 1))
    free = [sum(value.numel() for value in model.parameters() if value.requires_grad) for model in (whole, some)]
    assert free[1] < 0.2 * free[0]
    assert torch.equal(whole.classifier.weight, some.classifier.weight)


def test_what_no_rate_would_mend_ends_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise TrainingError("One single text does not fit into the GPU's memory: shorten it.")

    monkeypatch.setattr(method_study, "fine_tune", fails)
    material = Material(
        base.load_tokenizer("tiny", 8), ROWS, ROWS[:60], task_for(ROWS["label"], "classes"), batch_tokens=400
    )
    with pytest.raises(TrainingError, match="One single text does not fit"):
        learn(
            Start("tiny", 3, seed=1), "head", {}, [1e-3, 1e-2], material, 500, settings=TrainSettings(),
            device=choose_device("fp32", threads=1), place=tmp_path.joinpath,
        )  # fmt: skip


def test_each_method_is_trained_at_its_best_rate_and_merges(tmp_path: Path) -> None:
    task = task_for(ROWS["label"], "classes")
    material = Material(base.load_tokenizer("tiny", 8), ROWS, ROWS[:60], task, batch_tokens=400)
    device, settings = choose_device("fp32", threads=1), TrainSettings(evaluations=2, seed=1)
    rates = [1e-7, 1e-2, 1e30]
    found = learn(
        Start("tiny", 3, seed=1), "lora", {"rank": 4}, rates, material, 3000,
        settings=settings, device=device, place=tmp_path.joinpath,
    )  # fmt: skip
    assert found.rate == 1e-2
    assert found.diverged == (1e30,)
    assert found.tokens >= 3000
    assert found.best < 0.5
    assert check_merged(found.model, text_rows(material.tokenizer, ROWS), device) <= SAME == 1e-5
    again = learn(
        Start("tiny", 3, seed=1), "lora", {"rank": 4}, rates, material, 3000,
        settings=settings, device=device, place=tmp_path.joinpath,
    )  # fmt: skip
    assert again.best == found.best, "what was trained is trained again, and otherwise"
