"""What privacy costs: the same private training at several ε, and without noise, over several seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from workbench.models import base, methods
from workbench.models.method_comparison import scores_on
from workbench.models.private import Budget, Private, train_privately
from workbench.models.tuning import Setup

NO_NOISE = "without noise"


@dataclass(frozen=True)
class Sweep:
    """The trainings by subject, "without noise" first; and their probabilities on test, [seeds, pairs]."""

    found: dict[str, list[Private]]
    probabilities: dict[str, np.ndarray]

    @property
    def table(self) -> pd.DataFrame:
        """A row a subject: ε and δ as spent, the clipping norm, the noise, the pairs that could be drawn, the steps."""
        rows = {
            subject: {
                "ε spent": each.epsilon, "δ": each.budget.delta, "clipped at": each.budget.clip, "noise": each.noise,
                "pairs": each.pairs, "steps": each.steps,
            }
            for subject, (each, *_) in self.found.items()
        }  # fmt: skip
        return pd.DataFrame.from_dict(rows, orient="index")

    @property
    def statements(self) -> list[str]:
        """What each private training protects, and what not."""
        return [each.statement for subject, (each, *_) in self.found.items() if subject != NO_NOISE]


def sweep(
    setup: Setup,
    method: str,
    options: methods.Options,
    test: pd.DataFrame,
    *,
    epsilons: Sequence[float],
    delta: float,
    most: int,
    steps: int,
    batch_rows: int,
    rate: float,
    seeds: int = 1,
) -> Sweep:
    """Train by `train_privately` without noise, and at each ε: the same pairs, batches, steps, rate and clipping.

    So only the noise differs, and what it costs can be read off. Where no ε is given nothing is trained.
    """
    budgets = {f"ε = {epsilon:g}": Budget(epsilon, delta, most=most) for epsilon in epsilons}
    if budgets:
        budgets = {NO_NOISE: Budget(math.inf, delta, most=most), **budgets}
    found: dict[str, list[Private]] = {subject: [] for subject in budgets}
    scored: dict[str, list[np.ndarray]] = {subject: [] for subject in budgets}
    for subject, budget in budgets.items():
        for number in range(seeds):
            mine = setup.repeated(number)
            model = base.load_classifier(mine.start.where, mine.start.seed, mine.start.task.outputs)
            spent = train_privately(
                model, mine.material.tokenizer, mine.material.train, mine.material.valid, mine.material.task, budget,
                method=method, options=options, steps=steps, batch_rows=batch_rows,
                settings=replace(mine.settings, learning_rate=rate), device=mine.device,
                checkpoints=mine.place(f"private-{budget.epsilon:g}-{number}"),
            )  # fmt: skip
            found[subject].append(spent)
            scored[subject].append(scores_on(mine, model, test))
    return Sweep(found, {subject: np.stack(each) for subject, each in scored.items()})
