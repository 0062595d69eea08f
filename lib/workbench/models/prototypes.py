"""Few labels a class: a head that tells a text by its angle to each class's prototype, which starts as a mean."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedConfig, PreTrainedTokenizerBase

from workbench.models import base
from workbench.models.classifier import TextClassifier
from workbench.models.device import Device
from workbench.models.scoring import embed_texts
from workbench.models.tasks import Task, TaskError

SCALE = 20.0  # of the cosines, which lie between -1 and 1: so a class can come close to probability 1


def load_prototypes(
    where: str | Path | PreTrainedConfig,
    tokenizer: PreTrainedTokenizerBase,
    rows: pd.DataFrame,
    task: Task,
    device: Device,
    *,
    seed: int = 0,
    scale: float = SCALE,
) -> TextClassifier:
    """A classifier of single texts whose head is scale · cosine to the mean unit vector of each class's texts.

    So it tells classes before any training (a prototypical network, Snell et al. 2017), and `fine_tune` goes on from
    there. A linear head begins with random weights, and few texts a class do not suffice to turn them.

    Args:
        where: an encoder whose mean over tokens says what a text is about, such as MiniLM.
        tokenizer: its own.
        rows: context, label; every class has one row at least.
        task: of `task_for(rows["label"], "classes")`.
        device: where to compute.
        seed: of what `where` lacks.
        scale: of the cosines.

    Raises:
        TaskError: another task than one class of several, or a class without a text.

    """
    if task.kind != "classes" or "candidate" in rows:
        raise TaskError("Prototypes tell which of several classes a single text has: use the task 'classes', no pairs.")
    model = base.load_classifier(where, seed, task.outputs, scale)
    means = _class_means(embed_texts(model.base_model, tokenizer, rows["context"].tolist(), device), rows, task)
    with torch.no_grad():
        model.classifier.weight.copy_(torch.from_numpy(means))
    return model


def _class_means(vectors: np.ndarray, rows: pd.DataFrame, task: Task) -> np.ndarray:
    """Unit vectors (classes × hidden)."""
    targets = task.targets(rows["label"])
    counts = np.bincount(targets, minlength=task.outputs)
    if not counts.all():
        raise TaskError(f"The class {task.classes[int(counts.argmin())]!r} has no text to start from: give it one.")
    sums = np.zeros((task.outputs, vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, targets, vectors)
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)
