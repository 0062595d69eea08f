"""The chooser recommends what measures best, within the limits, and spends most on those that promise most."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.models import base
from workbench.models.chooser import ChoiceError, Limits, candidates, choose
from workbench.models.device import choose_device
from workbench.models.finetuning import BINARY
from workbench.models.loop import Diverged, TrainingError, TrainSettings
from workbench.models.tuning import Material, Setup, Start

ROWS = pd.DataFrame({"context": [f"{a} {b}" for a in ("red", "blue") for b in ("shoes", "coat", "hat")] * 30})
ROWS["candidate"] = (["shoes"] * 3 + ["coat"] * 2 + ["hat"]) * 30
ROWS["label"] = [int(b in a) for a, b in zip(ROWS["context"], ROWS["candidate"], strict=True)]
ROWS["weight"] = 1.0


@dataclass
class Told:
    """A candidate whose losses and costs are known."""

    losses: Mapping[int, float]
    megabytes: float = 1.0
    asked: list[int] = field(default_factory=list)

    def untrained(self) -> tuple[Any, float]:
        return lambda rows: np.zeros(len(rows)), self.megabytes

    def loss(self, tokens: int) -> float:
        self.asked.append(tokens)
        found = self.losses[tokens]
        if found < 0:
            raise Diverged("The loss became infinite.")
        return found


def chosen(told: Mapping[str, Any], limits: Limits | None = None) -> Any:
    return choose(told, ROWS, limits or Limits(), 100)


def test_the_better_half_goes_on_with_twice_the_tokens() -> None:
    told = {
        "slow": Told({100: 0.60, 200: 0.30}), "fast": Told({100: 0.50, 200: 0.45}),
        "poor": Told({100: 0.70}), "poorer": Told({100: 0.80}),
    }  # fmt: skip
    found = chosen(told)
    assert found.best == "slow"
    assert [each.asked for each in told.values()] == [[100, 200], [100, 200], [100], [100]]
    assert list(found.table.index) == ["slow", "fast", "poor", "poorer"]
    assert found.table["loss_200"].notna().tolist() == [True, True, False, False]


def test_three_take_two_rounds_and_one_takes_one() -> None:
    told = {name: Told({100: loss, 200: loss}) for name, loss in (("a", 0.3), ("b", 0.2), ("c", 0.4))}
    assert chosen(told).best == "b"
    assert [len(each.asked) for each in told.values()] == [2, 2, 1]
    assert chosen({"a": Told({100: 0.3})}).best == "a"


def test_what_is_too_large_or_too_slow_is_never_trained() -> None:
    told = {"large": Told({100: 0.1}, megabytes=90), "small": Told({100: 0.5}, megabytes=2)}
    found = chosen(told, Limits(megabytes=10))
    assert found.best == "small"
    assert found.table.loc["large", "out"] == "too large"
    assert not told["large"].asked
    with pytest.raises(ChoiceError, match=r"No candidate is within the limits \(large 90\.0 MB, .*raise them"):
        chosen(told, Limits(megabytes=1))
    with pytest.raises(ChoiceError, match="within the limits"):
        chosen(told, Limits(milliseconds=1e-9))


def test_what_diverges_is_out_and_said_so() -> None:
    found = chosen({"wild": Told({100: -1}), "tame": Told({100: 0.5})})
    assert found.best == "tame"
    assert found.table.loc["wild", "out"] == "diverged"
    with pytest.raises(ChoiceError, match="Every candidate diverged"):
        chosen({"wild": Told({100: -1})})
    with pytest.raises(ChoiceError, match="no candidate to choose from"):
        chosen({})


def test_what_fails_otherwise_did_not_diverge(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> float:
        raise TrainingError("A mpnet knows no gradient checkpointing.")

    monkeypatch.setattr(Told, "loss", fails)
    with pytest.raises(TrainingError, match="knows no gradient checkpointing"):
        chosen({"a": Told({}), "b": Told({})})


def test_real_candidates_are_measured(tmp_path: Path) -> None:
    material = Material(base.load_tokenizer("tiny", 16), ROWS, ROWS[:90], BINARY, batch_tokens=400)
    device, settings = choose_device("fp32", threads=1), TrainSettings(evaluations=1, seed=1)
    setup = Setup(Start("tiny", BINARY, seed=1), material, settings, device, tmp_path.joinpath)
    found = choose(candidates(["tfidf", "tiny"], setup, [3e-3]), ROWS, Limits(request=5), 3000)
    assert found.best in ("tfidf", "tiny")
    table = found.table
    assert table.loc["tiny", "megabytes"] == pytest.approx(4 * 2_054_913 / 1e6, rel=0.02)
    assert table.loc["tfidf", "megabytes"] < 0.1
    assert (table["milliseconds"] > 0).all()
    assert table["loss_3000"].between(0, 1).all()
    assert (table["seconds"] > 0).all()
