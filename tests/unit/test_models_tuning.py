"""Where fine-tunings that are compared begin, and how they are kept apart."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AlbertConfig

from workbench.metrics.classification import roc_auc
from workbench.models import base, methods
from workbench.models.comparison import binary
from workbench.models.device import choose_device
from workbench.models.finetuning import BINARY, pair_scorer, text_rows
from workbench.models.loop import TrainSettings
from workbench.models.merging import merged
from workbench.models.scoring import score_texts
from workbench.models.tasks import Task, TaskError, expected_grade
from workbench.models.text import load_scorer
from workbench.models.tracking import Tracker
from workbench.models.tuning import HEADS, Material, Setup, Start, learn, starts, to_learn

ROWS = pd.DataFrame({"context": ["red shoes", "blue coat", "red hat", "blue shoes"] * 30})
ROWS["candidate"] = ROWS["context"].str.split().str[0]
ROWS["label"] = (ROWS["candidate"] == "red").astype(int)


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    material = Material(base.load_tokenizer("tiny", 16), ROWS, ROWS[:40], BINARY, batch_tokens=400)
    settings, device = TrainSettings(evaluations=1, seed=1), choose_device("fp32", threads=1)
    return Setup(Start("tiny", BINARY, seed=1), material, settings, device, (tmp_path / "kept").joinpath)


def test_random_weights_have_the_shape_of_the_adapted_model(tmp_path: Path) -> None:
    folder = base.save_model(base.load_masked_lm("tiny", 3), base.load_tokenizer("tiny"), tmp_path / "adapted")
    found = starts(folder, "tiny", ["base", "random"])
    assert list(found) == ["adapted", "base", "random"]
    models = {name: base.load_classifier(where, seed=1) for name, where in found.items()}
    assert len({model.num_parameters() for model in models.values()}) == 1
    layer = [model.bert.encoder.layer[0].output.dense.weight for model in (models["adapted"], models["random"])]
    assert not torch.equal(*layer)
    assert list(starts(folder, "tiny", [])) == ["adapted"]


def test_an_unknown_rival_is_said(tmp_path: Path) -> None:
    folder = base.save_model(base.load_masked_lm("tiny", 3), base.load_tokenizer("tiny"), tmp_path / "adapted")
    with pytest.raises(base.BaseModelError, match=r"no rival 'randon', did you mean 'random'.*use base, random"):
        starts(folder, "tiny", ["randon"])


def test_trainings_of_two_models_are_kept_and_followed_apart(setup: Setup, tmp_path: Path) -> None:
    setup = replace(setup, track=Tracker("tensorboard", tmp_path / "tracking").of)
    found = {name: learn(setup.of(name, "tiny"), "head", {}, [1e-3, 1e-2], 800) for name in ("one", "other")}
    assert found["one"].result.best == found["other"].result.best
    names = {f"{name}-head-800-{rate}-1" for name in found for rate in ("0.001", "0.01")}
    assert {folder.name for folder in (tmp_path / "kept").iterdir()} == names
    assert {folder.name for folder in (tmp_path / "tracking").iterdir()} == names
    assert found["one"].seconds > found["one"].result.seconds, "the time of the other rate is spent as well"


def test_one_method_is_named() -> None:
    assert methods.only({"lora": {"rank": 4}}) == ("lora", {"rank": 4})
    for given in ({}, {"full": {}, "lora": {}}):
        with pytest.raises(methods.MethodError, match=f"names {len(given)} methods: name one"):
            methods.only(given)


@pytest.mark.parametrize(("method", "kept"), [("lora", False), ("adapter", True), ("full", False)])
def test_a_model_is_merged_where_it_can_be(setup: Setup, method: str, kept: bool) -> None:
    model = learn(setup, method, {}, [1e-2], 800).model
    texts = text_rows(setup.material.tokenizer, ROWS[:20])
    before = score_texts(setup.device.compact(model), texts, setup.device)
    after = score_texts(setup.device.compact(merged(model, texts, setup.device)), texts, setup.device)
    assert hasattr(model.config, "method") is kept
    assert abs(before - after).max() <= 1e-5


def test_grades_are_learned_in_their_order_and_score_one_number(setup: Setup, tmp_path: Path) -> None:
    graded = ROWS.assign(grade=ROWS["candidate"].map({"red": 3, "blue": 0}) + (ROWS["context"] == "red hat") * -2)
    yes = binary(graded.assign(label=graded["grade"]), 1)
    assert yes["grade"].tolist() == graded["grade"].tolist()
    texts = yes["context"].tolist(), yes["candidate"].tolist()
    for head in HEADS:
        task, rows = to_learn(yes, head)
        material = replace(setup.material, train=rows, valid=yes[:40], task=task, judged=BINARY)
        mine = replace(setup, start=Start("tiny", task, seed=1), material=material)
        found = learn(mine.of(head, "tiny"), "full", {}, [1e-2], 4000)
        assert found.result.curve["eval_log_loss"].notna().any(), "each head is judged as the others"
        score = pair_scorer(found.model, material.tokenizer, mine.device)(yes)
        assert score.shape == (len(yes),)
        assert roc_auc(yes["label"], score) > 0.99
        if head != "binary":
            order = pd.Series(score).groupby(graded["grade"]).mean()
            assert order.is_monotonic_increasing
            assert order.min() < order[1] < order.max()
        folder = base.save_model(found.model, material.tokenizer, tmp_path / head)
        assert abs(load_scorer(folder, mine.device)(*texts) - score).max() <= 1e-6
    with pytest.raises(TaskError, match=r"no head 'grade', did you mean 'grades'.*use binary, grades, number"):
        to_learn(yes, "grade")


def test_the_expected_grade_adds_up_from_the_probabilities() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    told = Task("grades", ("none", "some", "much", "all")).predict(logits)
    np.testing.assert_allclose(expected_grade(logits), told @ np.arange(4), rtol=1e-6)
    np.testing.assert_allclose(expected_grade(logits[:, 0]), 1 / (1 + np.exp(-logits[:, 0])), rtol=1e-6)


def test_layers_that_share_their_weights_are_trained_or_not_together() -> None:
    model = base.load_classifier(AlbertConfig(**base.TINY, embedding_size=16, vocab_size=300), seed=1)
    methods.adapt(model, "full")
    for method, options in (("full", {"frozen_layers": 1}), ("lora", {})):
        with pytest.raises(
            methods.MethodError, match="layers of a albert are not known: use full with frozen_layers 0"
        ):
            methods.adapt(model, method, options)
