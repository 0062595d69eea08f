"""Methods compared at equal budgets: each at its best rate, over several seeds, and judged on the same pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.models import methods
from workbench.models.classifier import TextClassifier
from workbench.models.comparison import calibrated, compare
from workbench.models.finetuning import pair_scorer, text_rows
from workbench.models.merging import check_merged
from workbench.models.tuning import Setup, learn

CHECKED = 1000  # pairs by which they are compared


@dataclass(frozen=True)
class Trained:
    """What the trainings came to: no model is kept, so that any number of them fits into memory.

    table: a row a training: budget, method, seed, rate, loss (on valid), tokens, seconds, diverged (rates that were too
    high), apart (largest difference of a logit once merged; missing where a method does not merge, or for later seeds).
    probabilities: budget → method → [seeds, pairs of test], calibrated on valid.
    """

    table: pd.DataFrame
    probabilities: dict[str, dict[str, np.ndarray]]

    @property
    def summary(self) -> pd.DataFrame:
        """A row a budget and method, over its seeds: rate, diverged, apart; means of loss, tokens and seconds.

        `spread` is the standard deviation of the loss between seeds, missing where there is one.
        """
        return self.table.groupby(["budget", "method"], sort=False).agg(
            rate=("rate", "first"), loss=("loss", "mean"), spread=("loss", "std"), tokens=("tokens", "mean"),
            seconds=("seconds", "mean"), diverged=("diverged", "first"), apart=("apart", "first"),
        )  # fmt: skip

    def compared(self, test: pd.DataFrame, *, draws: int = 500, seed: int = 0) -> dict[str, pd.DataFrame]:
        """`comparison.compare` at each budget."""
        return {budget: compare(test, found, draws=draws, seed=seed) for budget, found in self.probabilities.items()}


def train_all(
    setup: Setup,
    chosen: Mapping[str, methods.Options],
    rates: Mapping[str, Sequence[float]],
    budgets: Mapping[str, Mapping[str, int]],
    test: pd.DataFrame,
    seeds: int = 1,
) -> Trained:
    """Train every method within every budget: the first seed at each of its rates, the others at the best of them.

    Args:
        setup: see there.
        chosen: methods with their options.
        rates: method → learning rates that it tries; "others" for methods that have no entry.
        budgets: name → method → tokens that a training reads.
        test: pairs that are scored.
        seeds: trainings of each method in each budget.

    Raises:
        TrainingError: a training became infinite at all of its rates, or with a later seed at the best of them.
        MethodError: merged into the base model the weights of a method score otherwise.

    """
    tables: list[pd.DataFrame] = []
    probabilities: dict[str, dict[str, np.ndarray]] = {budget: {} for budget in budgets}
    known: dict[tuple[str, int], tuple[pd.DataFrame, np.ndarray]] = {}
    for budget, limits in budgets.items():
        for method, tokens in limits.items():
            if (method, tokens) not in known:  # the first method's budgets are one and the same
                tried = rates.get(method, rates["others"])
                known[method, tokens] = _repeated(setup, method, chosen[method], tried, tokens, test, seeds)
            rows, probabilities[budget][method] = known[method, tokens]
            tables.append(rows.assign(budget=budget, method=method))
    return Trained(pd.concat(tables, ignore_index=True), probabilities)


def scores_on(setup: Setup, model: TextClassifier, test: pd.DataFrame) -> np.ndarray:
    """A model's probabilities of the test pairs, calibrated on valid."""
    scorer = pair_scorer(model, setup.material.tokenizer, setup.device)
    return calibrated({"model": scorer}, setup.material.valid, test)[1]["model"]


def _repeated(
    setup: Setup,
    method: str,
    options: methods.Options,
    rates: Sequence[float],
    tokens: int,
    test: pd.DataFrame,
    seeds: int,
) -> tuple[pd.DataFrame, np.ndarray]:
    """A row a training, and their probabilities of the test pairs, [seeds, pairs]."""
    rows: list[dict[str, Any]] = []
    scored: list[np.ndarray] = []
    for number in range(seeds):
        mine = setup.repeated(number)
        found = learn(mine, method, options, [rows[0]["rate"]] if rows else rates, tokens)
        rows.append({
            "seed": mine.start.seed, "rate": found.rate, "loss": found.result.best, "tokens": found.result.tokens,
            "seconds": found.result.seconds, "diverged": ", ".join(f"{rate:g}" for rate in found.diverged),
            "apart": np.nan if rows or not methods.METHODS[method].merges else _apart(mine, found.model),
        })  # fmt: skip
        scored.append(scores_on(mine, found.model, test))
    return pd.DataFrame(rows), np.stack(scored)


def _apart(setup: Setup, model: TextClassifier) -> float:
    """How far the logits are from those of the merged model; an error where that is more than rounding."""
    texts = text_rows(setup.material.tokenizer, setup.material.valid.head(CHECKED))
    return check_merged(model, texts, setup.device)
