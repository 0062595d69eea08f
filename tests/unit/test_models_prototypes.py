"""Prototypes tell classes before any training, learn from there, and are what they were when they are loaded again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.models import base
from workbench.models.device import choose_device
from workbench.models.finetuning import fine_tune, text_rows, training_batches
from workbench.models.loop import TrainSettings
from workbench.models.prototypes import SCALE, load_prototypes
from workbench.models.scoring import embed_texts, score_texts
from workbench.models.tasks import Task, TaskError, task_for

DEVICE = choose_device("fp32", threads=1)
TOKENIZER = base.load_tokenizer("tiny", 16)


@pytest.fixture
def rows() -> pd.DataFrame:
    words = {"refund": "money back please", "delivery": "where is my parcel", "account": "cannot log in"}
    texts = [(f"{said} {at}", name) for name, said in words.items() for at in range(8)]
    return pd.DataFrame(texts, columns=["context", "label"])


@pytest.fixture
def task(rows: pd.DataFrame) -> Task:
    return task_for(rows["label"], "classes")


def test_the_untrained_head_is_the_angle_to_the_means(rows: pd.DataFrame, task: Task) -> None:
    model = load_prototypes("tiny", TOKENIZER, rows, task, DEVICE, seed=1)
    vectors = embed_texts(model.base_model, TOKENIZER, rows["context"].tolist(), DEVICE)
    means = np.stack([vectors[rows["label"] == name].mean(0) for name in task.classes])
    cosines = vectors @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T
    logits = score_texts(model, text_rows(TOKENIZER, rows), DEVICE)
    np.testing.assert_allclose(logits, SCALE * cosines, atol=1e-4)
    assert (logits.argmax(1) == task.targets(rows["label"])).all()


def test_it_learns_from_there_and_is_loaded_as_it_was(rows: pd.DataFrame, task: Task, tmp_path: Path) -> None:
    model = load_prototypes("tiny", TOKENIZER, rows, task, DEVICE, seed=1)
    texts = text_rows(TOKENIZER, rows)
    before = task.numbers(task.targets(rows["label"]), score_texts(model, texts, DEVICE), np.ones(len(rows)))
    batches = training_batches(TOKENIZER, rows, task, max_tokens=4000, batch_tokens=128, use_weights=False, seed=1)
    fine_tune(
        model, TOKENIZER, batches, rows, task, settings=TrainSettings(learning_rate=1e-3, evaluations=1),
        device=DEVICE, checkpoints=tmp_path / "checkpoints",
    )  # fmt: skip
    scores = score_texts(model, texts, DEVICE)
    after = task.numbers(task.targets(rows["label"]), scores, np.ones(len(rows)))
    assert after["log_loss"] < before["log_loss"] / 2
    again = base.load_classifier(base.save_model(model, TOKENIZER, tmp_path / "model"))
    np.testing.assert_allclose(score_texts(again, texts, DEVICE), scores, atol=1e-6)


def test_what_has_no_prototype_is_said(rows: pd.DataFrame, task: Task) -> None:
    with pytest.raises(TaskError, match="'refund' has no text to start from"):
        load_prototypes("tiny", TOKENIZER, rows[rows["label"] != "refund"], task, DEVICE)
    with pytest.raises(TaskError, match="use the task 'classes', no pairs"):
        load_prototypes("tiny", TOKENIZER, rows.assign(candidate="a class"), task, DEVICE)
