"""Fine-tuning a classifier on labelled texts or pairs of texts, for any task and by any method."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedTokenizerBase

from workbench.models.base import check_match
from workbench.models.batching import TextRows, digest_of, identity_of, plan_batches
from workbench.models.checkpoints import Keeper
from workbench.models.classifier import TextClassifier
from workbench.models.device import Device
from workbench.models.loop import Batch, Evaluate, Loss, TrainSettings
from workbench.models.methods import Adaptation
from workbench.models.scoring import score_pairs, score_texts
from workbench.models.tasks import Task, TaskError, check_differ, expected_grade, row_weights
from workbench.models.tracking import UNTRACKED, Tracker
from workbench.models.training import TrainResult, train

BINARY = Task("binary")
PLAIN = Adaptation()


@dataclass(frozen=True)
class LabelledBatches:
    """Batches of labelled rows, each a function of its number."""

    texts: TextRows
    targets: np.ndarray  # as the task's `targets` gives them
    weights: np.ndarray
    plan: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> Batch:
        if number >= len(self.plan):
            raise IndexError(number)
        rows = self.plan[number]
        share = self.weights[rows] / (self.weights[rows].sum() or 1.0)  # rows of weight 0 may be among themselves
        return {
            **self.texts.batch(rows),
            "labels": torch.from_numpy(self.targets[rows]),
            "scale": torch.from_numpy(share.astype(np.float32)),
        }

    def tokens(self) -> np.ndarray:
        """Tokens of each batch, padding not counted."""
        return np.array([self.texts.lengths[rows].sum() for rows in self.plan])

    def identity(self) -> str:
        """A digest of texts, targets, weights and plan."""
        return digest_of(self.texts.identity(), self.targets, self.weights, self.plan)

    def used(self) -> np.ndarray:
        """The rows that the training reads at least once."""
        return np.unique(np.concatenate(self.plan))


def text_rows(tokenizer: PreTrainedTokenizerBase, rows: pd.DataFrame) -> TextRows:
    """A table's texts: its columns context and candidate as pairs, or, without a candidate, its contexts alone."""
    candidates = rows["candidate"].tolist() if "candidate" in rows else None
    return TextRows(tokenizer, rows["context"].tolist(), candidates)


def training_batches(
    tokenizer: PreTrainedTokenizerBase,
    rows: pd.DataFrame,
    task: Task = BINARY,
    *,
    max_tokens: int,
    batch_tokens: int,
    use_weights: bool,
    seed: int,
) -> LabelledBatches:
    """The batches of a training that reads `max_tokens` tokens of `rows` (context, maybe candidate, label) in all.

    use_weights: False trains on the rows as they are, and leaves the natural rate to the calibration; True scales each
    row by its column `weight`, which trains at the natural rate at the price of noisier gradients.

    Raises:
        TaskError: labels of another task, or all alike; a weight that is none.
        ValueError: no rows, a text that is missing, or nothing to be read.

    """
    texts = text_rows(tokenizer, rows)
    weights = row_weights(rows) if use_weights else np.ones(len(rows))
    plan = plan_batches(texts.lengths, batch_tokens, seed=seed, max_tokens=max_tokens)
    targets = task.targets(rows["label"])
    check_differ(rows["label"], "train")
    return LabelledBatches(texts, targets, weights, plan)


def task_loss(task: Task, adaptation: Adaptation = PLAIN) -> Loss:
    """The loss of a batch: that of each row scaled by `scale` (its share of its batch's weight), and the penalty."""
    return partial(_loss, task=task, penalty=adaptation.penalty)


def pair_scorer(
    model: TextClassifier, tokenizer: PreTrainedTokenizerBase, device: Device
) -> Callable[[pd.DataFrame], np.ndarray]:
    """A trained classifier as a function: a table with context and candidate in, the logit of each row out.

    It is made ready here, once: a model that is trained further needs a new one.
    """
    ready = device.compact(model)
    return lambda pairs: score_pairs(ready, tokenizer, pairs["context"].tolist(), pairs["candidate"].tolist(), device)


def judge(tokenizer: PreTrainedTokenizerBase, rows: pd.DataFrame, task: Task, device: Device) -> Evaluate:
    """What gives a model's numbers on labelled rows, by their column `weight` where they have one.

    Raises:
        TaskError: the rows cannot judge it.

    """
    texts, targets, weights = text_rows(tokenizer, rows), task.targets(rows["label"]), row_weights(rows)
    if task.kind == "binary" or rows.empty:  # which is calibrated before it is judged
        check_differ(rows["label"], "valid")
    return partial(_numbers, task=task, texts=texts, targets=targets, weights=weights, device=device)


def fine_tune(
    model: TextClassifier,
    tokenizer: PreTrainedTokenizerBase,
    batches: LabelledBatches,
    valid: pd.DataFrame,
    task: Task = BINARY,
    adaptation: Adaptation = PLAIN,
    *,
    settings: TrainSettings,
    device: Device,
    checkpoints: str | Path | Keeper,
    tracker: Tracker = UNTRACKED,
    judged: Task | None = None,
) -> TrainResult:
    """Train in place on `batches`; stops early, and keeps the best weights, by the task's loss on `valid`'s rows.

    adaptation: what `methods.adapt` gave for the model. judged: the task of valid's rows where it is another one: a
    model that learns grades, or numbers, may be judged by how well it tells yes from no.

    Raises:
        TaskError: the head was made for another number of classes, or valid cannot judge it.
        BaseModelError: model and tokenizer are not of one kind.

    """
    if (has := int(model.config.num_labels or 1)) != task.outputs:
        raise TaskError(
            f"The head gives {has} logits, and the task {task.kind!r} of {len(task.classes)} classes needs "
            f"{task.outputs}: load the classifier with outputs={task.outputs}."
        )
    check_match(model, tokenizer)
    return train(
        model,
        batches,
        task_loss(task, adaptation),
        judge(tokenizer, valid, judged or task, device),
        better=(judged or task).better,
        settings=settings,
        device=device,
        checkpoints=checkpoints,
        tracker=tracker,
        callbacks=adaptation.callbacks,
        what=f"{task!r} {judged!r} {identity_of(valid)}",
        resumes=adaptation.resumes,
    )


def _loss(
    model: torch.nn.Module, batch: Batch, *, task: Task, penalty: Callable[[], torch.Tensor] | None
) -> torch.Tensor:
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    total = (task.losses(model(**inputs).logits, batch["labels"]) * batch["scale"]).sum()
    if penalty is None:
        return total
    return total + penalty() * batch["scale"].sum()  # its share where a batch is split


def _numbers(
    model: TextClassifier,
    *,
    task: Task,
    texts: TextRows,
    targets: np.ndarray,
    weights: np.ndarray,
    device: Device,
) -> dict[str, float]:
    logits = score_texts(device.compact(model), texts, device)
    return task.numbers(targets, expected_grade(logits) if model.graded and task.kind == "binary" else logits, weights)
