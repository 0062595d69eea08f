"""Choosing a model by measuring: all candidates are trained a little, and the better half goes on with twice as much.

Successive halving (Jamieson and Talwalkar 2016) spends most of the budget on those that promise most. What is too large
or too slow for the shop is out before anything is trained. A linear model on TF-IDF is always worth asking.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd

from workbench.models import base
from workbench.models.baseline import TfidfModel, fit_tfidf
from workbench.models.costs import megabytes
from workbench.models.finetuning import pair_scorer
from workbench.models.loop import Diverged
from workbench.models.tuning import Material, Setup, learn

LINEAR = "tfidf"
REQUESTS = 30  # that are timed, after one that is not
SOME = 20_000  # pairs that say how large a vocabulary becomes
Score = Callable[[pd.DataFrame], np.ndarray]


class ChoiceError(ValueError):
    """No candidate is left to choose; the message says why."""


@dataclass(frozen=True)
class Limits:
    """What a shop can afford; 0 for no limit."""

    milliseconds: float = 0.0  # p95 of a request on this device
    megabytes: float = 0.0  # of the model's weights
    request: int = 10  # pairs scored in one request


@dataclass(frozen=True)
class Choice:
    """The recommended candidate, and the table that it was decided by: a row a candidate, the best first.

    Columns: megabytes, milliseconds, out ("too large", "too slow", "diverged" or nothing), seconds in all, and for each
    round `loss_` and its tokens: the loss on valid, missing for who was not in it.
    """

    best: str
    table: pd.DataFrame


class Candidate(Protocol):
    """Something that can be trained within a budget of tokens."""

    def untrained(self) -> tuple[Score, float]:
        """A scorer as fast as the trained one, and the megabytes of its weights."""
        ...

    def loss(self, tokens: int) -> float:
        """The task's loss on valid after a training that reads so many tokens."""
        ...


@dataclass(frozen=True)
class Linear:
    """TF-IDF and logistic regression on the pairs that the others read."""

    material: Material
    seed: int

    def untrained(self) -> tuple[Score, float]:
        """Fitted on some of the pairs: it costs seconds, and its vocabulary is what makes it large."""
        model, _ = self._fitted(self.material.train.sample(frac=1, random_state=self.seed).head(SOME))
        return model.score, megabytes(model)

    def loss(self, tokens: int) -> float:
        """The log-loss of the best of its settings."""
        used = self.material.train.iloc[self.material.batches(tokens, self.seed).used()]
        return float(self._fitted(used)[1]["log_loss"].min())

    def _fitted(self, rows: pd.DataFrame) -> tuple[TfidfModel, pd.DataFrame]:
        return fit_tfidf(rows, self.material.valid, use_weights=self.material.use_weights)


@dataclass(frozen=True)
class Encoder:
    """A base model, fully fine-tuned at the best of some learning rates."""

    name: str
    setup: Setup  # of which the base model and the tokenizer are replaced by its own
    rates: Sequence[float]

    def untrained(self) -> tuple[Score, float]:
        """As it comes: training changes neither its size nor its speed."""
        model = base.load_classifier(self._own.start.where, self._own.start.seed)
        return pair_scorer(model, self._own.material.tokenizer, self._own.device), megabytes(model)

    def loss(self, tokens: int) -> float:
        """The loss at the best rate."""
        return learn(self._own, "full", {}, self.rates, tokens).result.best

    @cached_property
    def _own(self) -> Setup:
        given, where = self.setup, base.find_base_model(self.name)
        tokenizer = base.load_tokenizer(where, int(given.material.tokenizer.model_max_length))
        own = given.of(self.name.replace("/", "-"), where)
        return replace(own, material=replace(given.material, tokenizer=tokenizer))


def candidates(names: Sequence[str], setup: Setup, rates: Sequence[float]) -> dict[str, Candidate]:
    """The candidates of these names: "tfidf" is the linear model, any other name a base model."""
    return {
        name: Linear(setup.material, setup.start.seed) if name == LINEAR else Encoder(name, setup, rates)
        for name in names
    }


def choose(candidates: Mapping[str, Candidate], rows: pd.DataFrame, limits: Limits, tokens: int) -> Choice:
    """Measure the candidates, and recommend the one with the lowest loss in the last round.

    Args:
        candidates: by name.
        rows: pairs of which requests are made to time them.
        limits: see there.
        tokens: that each training of the first round reads; every round doubles them, and halves the candidates.

    Raises:
        ChoiceError: none is within the limits, or none could be trained.

    """
    if not candidates:
        raise ChoiceError("There is no candidate to choose from: name one or more.")
    found = {name: _cost(each, rows, limits) for name, each in candidates.items()}
    left = [name for name, row in found.items() if not row["out"]]
    if not left:
        costs = "; ".join(
            f"{name} {row['megabytes']:.1f} MB, {row['milliseconds']:.0f} ms" for name, row in found.items()
        )
        raise ChoiceError(f"No candidate is within the limits ({costs}): raise them, or name smaller ones.")
    order: list[str] = []
    while left:
        column, losses = f"loss_{tokens}", {}
        for name in left:
            began = time.perf_counter()
            losses[name] = found[name][column] = _loss(candidates[name], tokens)
            found[name]["seconds"] += time.perf_counter() - began
        ranked = sorted(losses, key=losses.__getitem__)
        able = [name for name in ranked if np.isfinite(losses[name])]
        for name in ranked[len(able) :]:
            found[name]["out"] = "diverged"
        order = [*ranked, *(name for name in order if name not in ranked)]
        left, tokens = able[: (len(able) + 1) // 2] if len(able) > 2 else [], 2 * tokens
    if not able:
        raise ChoiceError("Every candidate diverged: try lower learning rates.")
    order += [name for name in found if name not in order]
    return Choice(able[0], pd.DataFrame([found[name] for name in order], index=pd.Index(order, name="candidate")))


def _cost(candidate: Candidate, rows: pd.DataFrame, limits: Limits) -> dict[str, Any]:
    score, size = candidate.untrained()
    seconds = []
    for number in range(REQUESTS + 1):
        request = rows.iloc[np.arange(number * limits.request, (number + 1) * limits.request) % len(rows)]
        began = time.perf_counter()
        score(request)
        seconds.append(time.perf_counter() - began)
    milliseconds = 1000 * float(np.quantile(seconds[1:], 0.95))
    out = "too large" if 0 < limits.megabytes < size else ""
    out = out or ("too slow" if 0 < limits.milliseconds < milliseconds else "")
    return {"megabytes": size, "milliseconds": milliseconds, "out": out, "seconds": 0.0}


def _loss(candidate: Candidate, tokens: int) -> float:
    try:
        return candidate.loss(tokens)
    except Diverged:
        return float("inf")
