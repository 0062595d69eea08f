"""One fine-tuning, as every study does it: from where, on what, by which method; and of several rates the best.

A model that is given its learning rate by hand is compared by the luck of the hand: each is tuned, with the same care.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd
from transformers import PreTrainedTokenizerBase, TrainerCallback

from workbench.models import base, methods
from workbench.models.base import BaseModelError, Where
from workbench.models.batching import plan_batches
from workbench.models.checkpoints import Keeper
from workbench.models.classifier import TextClassifier
from workbench.models.device import Device
from workbench.models.finetuning import LabelledBatches, fine_tune, training_batches
from workbench.models.loop import Diverged, TrainSettings
from workbench.models.tasks import Task, TaskError, task_for
from workbench.models.tracking import UNTRACKED, Tracker
from workbench.models.training import TrainResult
from workbench.spelling import nearest

Place = Callable[[str], str | Path | Keeper]
Track = Callable[[str], Tracker]
HEADS = ("binary", "grades", "number")


@dataclass(frozen=True)
class Start:
    """From what a training starts: the base model, the task of its head, and the seed of what is added."""

    where: Where
    task: Task
    seed: int

    def model(self, method: str, options: methods.Options, steps: int) -> tuple[TextClassifier, methods.Adaptation]:
        """A fresh model, prepared for a method."""
        model = base.load_classifier(self.where, self.seed, self.task.outputs, graded=self.task.kind == "grades")
        return model, methods.adapt(model, method, options, steps=steps, seed=self.seed)


def starts(adapted: str | Path, began: Where, others: Sequence[str]) -> dict[str, Where]:
    """Where the trainings begin that are compared: "adapted", and of the `others` each by its name.

    Args:
        adapted: folder of the adapted model.
        began: what it began as, which `base.unadapted` gives.
        others: "base" is that, and "random" has the shape of the adapted one and random weights.

    Raises:
        BaseModelError: another name.

    """
    known: dict[str, Where] = {"base": began, "random": base.read_config(adapted)}
    if unknown := [name for name in others if name not in known]:
        raise BaseModelError(
            f"An adapted model has no rival {unknown[0]!r}{nearest(unknown[0], known)}: use {', '.join(known)}."
        )
    return {"adapted": adapted} | {name: known[name] for name in others}


def to_learn(train: pd.DataFrame, head: str) -> tuple[Task, pd.DataFrame]:
    """The task of a head for pairs, and train's rows with its labels.

    Args:
        train: label (0 or 1), and the grade that it was made of.
        head: "binary" learns the label; "grades" (in an order) and "number" (by squared error) the grade.

    Raises:
        TaskError: another head, or grades that are all alike.

    """
    if head not in HEADS:
        raise TaskError(f"Pairs have no head {head!r}{nearest(head, HEADS)}: use {', '.join(HEADS)}.")
    rows = train if head == "binary" else train.assign(label=train["grade"])
    return task_for(rows["label"], head), rows


@dataclass(frozen=True)
class Material:
    """What is trained on and chosen by; texts are read once, for all trainings.

    task is that of train's labels; judged, if it is given, that of valid's (see `finetuning.fine_tune`).
    """

    tokenizer: PreTrainedTokenizerBase
    train: pd.DataFrame
    valid: pd.DataFrame
    task: Task
    batch_tokens: int
    use_weights: bool = False
    judged: Task | None = None

    @cached_property
    def _read(self) -> LabelledBatches:
        return training_batches(
            self.tokenizer, self.train, self.task, max_tokens=1, batch_tokens=self.batch_tokens,
            use_weights=self.use_weights, seed=0,
        )  # fmt: skip

    def batches(self, tokens: int, seed: int) -> LabelledBatches:
        """The batches of a training that reads so many tokens: the same first ones, however many."""
        lengths = self._read.texts.lengths
        return replace(self._read, plan=plan_batches(lengths, self.batch_tokens, seed=seed, max_tokens=tokens))

    def tokens(self, epochs: float) -> int:
        """Tokens of so many passes over all training pairs."""
        return int(epochs * self._read.texts.lengths.sum())


@dataclass(frozen=True)
class Setup:
    """How every training is done: from where, on what, how it is optimised, where it is computed, kept and followed.

    `place` says where the checkpoints of a name are kept, so that a training that was broken off goes on; `track` what
    its curve is shown by.
    """

    start: Start
    material: Material
    settings: TrainSettings
    device: Device
    place: Place
    track: Track = lambda _: UNTRACKED

    def repeated(self, number: int) -> "Setup":
        """The same with another seed of the head, of the method's weights, of the order of pairs, and of dropout."""
        seed = self.start.seed + number
        return replace(self, start=replace(self.start, seed=seed), settings=replace(self.settings, seed=seed))

    def of(self, name: str, where: Where) -> "Setup":
        """The same from another base model, whose trainings bear its name."""
        return replace(
            self, start=replace(self.start, where=where),
            place=lambda training: self.place(f"{name}-{training}"),
            track=lambda training: self.track(f"{name}-{training}"),
        )  # fmt: skip


@dataclass(frozen=True)
class Learned:
    """What a model learned at the best of its rates."""

    model: TextClassifier
    rate: float
    result: TrainResult
    seconds: float  # of the trainings at all rates
    diverged: tuple[float, ...] = ()  # rates at which the training became infinite


def learn(
    setup: Setup,
    method: str,
    options: methods.Options,
    rates: Sequence[float],
    tokens: int,
    *,
    callbacks: Sequence[TrainerCallback] = (),
) -> Learned:
    """Train by a method within a budget of tokens at each of these rates, and keep what is best on valid.

    Args:
        setup: see there.
        method: one of `methods.METHODS`.
        options: of the method, where they differ from its own.
        rates: learning rates of the encoder, at their peak.
        tokens: that each training reads.
        callbacks: of each training.

    Raises:
        TrainingError: at every rate the training became infinite.

    """
    if not rates:
        raise ValueError(f"There is no learning rate to train {method} with: name one or more.")
    start, material = setup.start, setup.material
    batches = material.batches(tokens, start.seed)
    found: list[Learned] = []
    diverged: list[float] = []
    for rate in rates:
        model, adaptation = start.model(method, options, len(batches))
        adaptation.callbacks.extend(callbacks)
        name = f"{method}-{tokens}-{rate:g}-{start.seed}"
        try:
            result = fine_tune(
                model, material.tokenizer, batches, material.valid, material.task, adaptation,
                settings=replace(setup.settings, learning_rate=rate), device=setup.device,
                checkpoints=setup.place(name), tracker=setup.track(name), judged=material.judged,
            )  # fmt: skip
        except Diverged:
            if rate == rates[-1] and not found:
                raise
            diverged.append(rate)
            continue
        found.append(Learned(model, rate, result, result.seconds))
    best = min(found, key=lambda each: each.result.best)
    return replace(best, seconds=sum(each.seconds for each in found), diverged=tuple(diverged))
