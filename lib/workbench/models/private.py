"""Private training: DP-SGD on the few weights that a method adds, with the ε that it cost.

Each pair's gradient is clipped and noise is added to their sum (Abadi et al. 2016), so that what the weights reveal
about any one pair is bounded. Batches are Poisson samples, as the accounting asks; their draws and the noise come from
the system's secure source, so that two trainings differ. What is trained is small (head, LoRA, adapters): noise grows
with the number of weights, and the base model is public.
"""

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedTokenizerBase

from workbench.models import methods, processes
from workbench.models.batching import TextRows
from workbench.models.checkpoints import Keeper
from workbench.models.classifier import TextClassifier
from workbench.models.device import Device
from workbench.models.finetuning import LabelledBatches, judge, task_loss, text_rows
from workbench.models.loop import Batch, TrainSettings
from workbench.models.merging import check_merged
from workbench.models.tasks import Task, check_differ
from workbench.models.training import TrainResult, train

METHODS = ("head", "lora", "adapter")
FEWEST = 32  # expected rows of a batch: below it the noise drowns the gradient, and an empty batch is not unheard of
CHECKED = 64  # rows by which they are compared


class PrivacyError(ValueError):
    """A private training that cannot be done, or whose weights are not what they seem; the message says what to do."""


@dataclass(frozen=True)
class Budget:
    """What a training may reveal about one unit: (ε, δ)-differential privacy.

    A unit is a pair; or a household (a user, a query) with at most `most` pairs, by group privacy: what protects one
    pair with ε/most protects `most` of them with ε, at a δ that is larger (Dwork and Roth 2014, theorem 2.2).
    """

    epsilon: float
    delta: float
    clip: float = 1.0  # largest norm of a pair's gradient; ε infinite: clipped, but without noise, to compare with
    most: int = 1  # pairs of a unit; more of them are left out

    @property
    def of_a_pair(self) -> tuple[float, float]:
        """ε and δ that each pair has to have, so that `most` of them together have the budget's."""
        epsilon = self.epsilon / self.most
        return epsilon, self.delta / sum(math.exp(epsilon * number) for number in range(self.most))


@dataclass(frozen=True)
class Private:
    """What came of it: the training, the pairs it used, and what it cost."""

    result: TrainResult
    budget: Budget
    pairs: int
    left_out: int  # pairs of units that had more than the budget's `most`
    noise: float  # standard deviation, in units of the largest gradient
    sample_rate: float
    steps: int
    epsilon: float  # of a unit, as spent

    @property
    def statement(self) -> str:
        """What is protected, and what is not, in words for a report."""
        most = self.budget.most
        unit = "one training pair" if most == 1 else f"one user with at most {most} training pairs"
        left = f", for which {self.left_out:,} were left out" if self.left_out else ""
        return (
            f"ε = {self.epsilon:.2f} at δ = {self.budget.delta:.1e} for adding or removing {unit}{left}. It covers the "
            "weights of the model that were trained, and nothing else: not which classes there are, nor the pairs of "
            "valid, by which weights and stopping were chosen, nor counts, features or rankings that other stages "
            "compute from the same log."
        )


@dataclass(frozen=True)
class PoissonBatches(LabelledBatches):
    """Batches in which each row is with the same probability, whatever the others do."""

    expected: float  # rows of a batch
    whole = True  # in parts, after a full memory, gradients of some pairs could count twice

    def __getitem__(self, number: int) -> Batch:
        batch = super().__getitem__(number)
        return {**batch, "scale": torch.full_like(batch["scale"], 1 / self.expected)}  # not of the rows that happened


def check(method: str, task: Task) -> None:
    """See that a task can be trained privately by a method, before anything is computed.

    Raises:
        PrivacyError: it cannot.

    """
    if method not in METHODS:
        raise PrivacyError(f"The method {method} is not trained privately: use {', '.join(METHODS)}.")
    if task.weights or task.kind == "number":
        what = "class weights" if task.weights else "the mean and spread of a number"
        raise PrivacyError(
            f"{what} are computed from all labels, so that one pair would change the loss of every other, which no "
            "noise covers: train without balance, or a task of another kind."
        )


def train_privately(
    model: TextClassifier,
    tokenizer: PreTrainedTokenizerBase,
    rows: pd.DataFrame,
    valid: pd.DataFrame,
    task: Task,
    budget: Budget,
    *,
    method: str = "lora",
    options: methods.Options | None = None,
    steps: int,
    batch_rows: int,
    settings: TrainSettings,
    device: Device,
    checkpoints: str | Path | Keeper,
) -> Private:
    """Train a public base model in place on the pairs of `rows`, within the budget.

    Args:
        model: a classifier on a base model that has seen none of these pairs.
        tokenizer: the model's.
        rows: context, maybe candidate, label; and `user_id`, the unit, if the budget caps its pairs.
        valid: likewise; by them the weights are chosen.
        task: of the labels.
        budget: see there.
        method: one of `METHODS`.
        options: of the method.
        steps: of the training; more of them need more noise.
        batch_rows: rows expected in a batch.
        settings: `clip` is the budget's affair.
        device: where to compute.
        checkpoints: a folder or a keeper; a private training that was broken off starts anew.

    Raises:
        PrivacyError: a method that cannot be trained so, batches that are too small, or weights that score otherwise
            once they are merged.

    """
    check(method, task)
    _alone(settings, device)
    given = len(rows)
    rows = _capped(rows, budget.most)
    sample_rate = _sample_rate(batch_rows, len(rows))
    noise = noise_for(budget, sample_rate, steps)
    methods.adapt(model, method, options, seed=settings.seed)
    device.place(model)
    before = {name: value.clone() for name, value in methods.trained(model).items()}
    batches = _batches(tokenizer, rows, task, sample_rate, steps)
    with _each_gradient(model):
        result = train(
            model,
            batches,
            task_loss(task),
            judge(tokenizer, valid, task, device),
            better=task.better,
            settings=replace(settings, clip=0.0),  # each pair's own gradient is clipped
            device=device,
            checkpoints=checkpoints,
            wrap=lambda optimizer: _noisy(optimizer, noise, budget.clip / batch_rows),
        )
    told = result.curve.drop(columns=["loss", "grad_norm"])  # these say of the pairs what no noise covers
    _sound(model, before, text_rows(tokenizer, valid.head(CHECKED)), device, method)
    spent = epsilon_of(noise, sample_rate, steps, budget.of_a_pair[1]) * budget.most
    left_out = given - len(rows)
    return Private(replace(result, curve=told), budget, len(rows), left_out, noise, sample_rate, steps, spent)


def _alone(settings: TrainSettings, device: Device) -> None:
    """See that each pair's gradient is computed once, and noised once."""
    if max(device.processes, processes.count()) > 1:
        raise PrivacyError("A private training has one process: each of several would add noise of its own.")
    if settings.gradient_checkpointing:
        raise PrivacyError("A private training counts what a layer sees once: set gradient_checkpointing to false.")
    if settings.compile:
        raise PrivacyError("A private training asks each layer for each pair's gradient: set compile to false.")


def noise_for(budget: Budget, sample_rate: float, steps: int) -> float:
    """The least noise with which `steps` batches stay within the budget, by the PRV accountant (Gopi et al. 2021)."""
    if math.isinf(budget.epsilon):
        return 0.0
    from opacus.accountants.utils import get_noise_multiplier

    epsilon, delta = budget.of_a_pair
    with _quiet("Optimal order is the largest alpha"):  # of a bound from which the search begins
        return get_noise_multiplier(
            target_epsilon=epsilon, target_delta=delta, sample_rate=sample_rate, steps=steps, accountant="prv",
            epsilon_tolerance=0.001 * epsilon,
        )  # fmt: skip


def epsilon_of(noise: float, sample_rate: float, steps: int, delta: float) -> float:
    """ε of a pair after so many batches, by the PRV accountant."""
    if not noise:
        return math.inf
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = [(noise, sample_rate, steps)]
    with _quiet("Optimal order is the largest alpha"):
        return float(accountant.get_epsilon(delta, eps_error=0.001))


@contextmanager
def _quiet(message: str) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message)
        yield


def _capped(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many pairs of each unit, drawn anew each time."""
    if most == 1:
        return rows.reset_index(drop=True)
    if "user_id" not in rows or rows["user_id"].isna().any():
        raise PrivacyError("A budget for units of several pairs needs their column user_id, filled in every row.")
    order = np.argsort(_uniform(len(rows)), kind="stable")
    return rows.iloc[order].groupby("user_id", sort=False).head(most).reset_index(drop=True)


def _sample_rate(batch_rows: int, rows: int) -> float:
    """With what probability a row is in a batch."""
    if not FEWEST <= batch_rows <= rows:
        raise PrivacyError(
            f"Batches of {batch_rows} of {rows} pairs cannot be trained privately: take {FEWEST} to {rows}."
        )
    return batch_rows / rows


def _batches(
    tokenizer: PreTrainedTokenizerBase, rows: pd.DataFrame, task: Task, rate: float, steps: int
) -> PoissonBatches:
    """Batches drawn at this rate; which rows are in one is nobody's to know."""
    plan = _plan(len(rows), rate, steps)
    targets = task.targets(rows["label"])
    check_differ(rows["label"], "train")
    return PoissonBatches(text_rows(tokenizer, rows), targets, np.ones(len(rows)), plan, rate * len(rows))


def _plan(rows: int, rate: float, steps: int) -> list[np.ndarray]:
    plan = [np.flatnonzero(_uniform(rows) < rate) for _ in range(steps)]
    if not all(map(len, plan)):
        raise PrivacyError("A batch came out empty, by chance: start the training again, or with larger batches.")
    return plan


def _uniform(count: int) -> np.ndarray:
    """Numbers in [0, 1) from the system's secure source, of 53 bits each."""
    return (np.frombuffer(os.urandom(8 * count), dtype=np.uint64) >> 11) / 2.0**53


def _normal(shape: torch.Size) -> torch.Tensor:
    """Standard normal numbers from the system's secure source (Box and Muller 1958); PyTorch's have a 32-bit seed."""
    count = math.prod(shape)
    radius = np.sqrt(-2 * np.log1p(-_uniform(count)))
    return torch.from_numpy((radius * np.cos(2 * np.pi * _uniform(count))).astype(np.float32)).reshape(shape)


@contextmanager
def _each_gradient(model: TextClassifier) -> Iterator[None]:
    """Have each pair's own gradient computed, as long as this lasts."""
    from opacus.grad_sample.grad_sample_module import GradSampleHooks

    hooks = GradSampleHooks(model, batch_first=True, loss_reduction="sum", strict=False)
    try:
        with _quiet("Full backward hook is firing"):  # a frozen layer lies below the first that is trained
            yield
    finally:
        hooks.cleanup()


def _noisy(optimizer: torch.optim.Optimizer, noise: float, clip: float) -> torch.optim.Optimizer:
    """The optimizer over gradients that are clipped pair by pair, summed, and noised."""
    from opacus.optimizers import DPOptimizer

    class Secure(DPOptimizer):
        """Noise from the system's secure source, and each pair's gradient cleared after each step.

        Trainer clears the gradients of the model, and not those of each pair.
        """

        def add_noise(self) -> None:
            for weights in self.params:
                drawn = _normal(weights.summed_grad.shape).to(weights.summed_grad)
                weights.grad = (weights.summed_grad + noise * clip * drawn).view_as(weights)

        def step(self, closure: Any = None) -> float | None:
            found = super().step(closure)
            self.zero_grad(set_to_none=True)
            return found

    return Secure(optimizer, noise_multiplier=noise, max_grad_norm=clip, expected_batch_size=None, loss_reduction="sum")


def _sound(
    model: TextClassifier, before: dict[str, torch.Tensor], texts: TextRows, device: Device, method: str
) -> None:
    """See that the weights which were trained are those which score: it has gone wrong in silence (opacus #820)."""
    moved = [
        name for name, value in methods.trained(model).items() if not torch.equal(value, before[name].to(value.device))
    ]
    if not moved:
        raise PrivacyError("The private training moved no weight: its result is the base model's, and not to be used.")
    if methods.METHODS[method].merges:
        check_merged(model, texts, device)
