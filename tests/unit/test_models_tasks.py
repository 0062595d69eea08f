"""Each kind of task: its loss is the textbook's, its probabilities are probabilities, and a head learns it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import TrainerCallback

from workbench.models import base, methods
from workbench.models.batching import TextRows
from workbench.models.device import choose_device
from workbench.models.finetuning import fine_tune, task_loss, text_rows, training_batches
from workbench.models.loop import TrainSettings
from workbench.models.scoring import score_texts
from workbench.models.tasks import KINDS, Task, TaskError, task_for

COLOURS = ["red", "green", "blue"]
LABELS: dict[str, list[Any]] = {
    "binary": [1, 0, 0] * 40,
    "classes": COLOURS * 40,
    "labels": [["red"], ["red", "green"], []] * 40,
    "grades": [0, 1, 3] * 40,
    "number": [10.0, 12.5, 20.0] * 40,
}


def table(kind: str) -> pd.DataFrame:
    texts = [f"{COLOURS[at % 3]} {'shoes' if at % 2 else 'coat'} {at}" for at in range(120)]
    return pd.DataFrame({"context": texts, "label": pd.Series(LABELS[kind]), "weight": 1.0})


def logits(task: Task, rows: int = 6) -> torch.Tensor:
    return torch.randn(rows, task.outputs, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_learns_to_tell_single_texts(kind: str, tmp_path: Any) -> None:
    rows, task = table(kind), task_for(table(kind)["label"], kind)
    model = base.load_classifier("tiny", seed=1, outputs=task.outputs)
    tokenizer = base.load_tokenizer("tiny", 16)
    device = choose_device("fp32", threads=1)
    batches = training_batches(tokenizer, rows, task, max_tokens=60_000, batch_tokens=400, use_weights=False, seed=2)
    settings = TrainSettings(learning_rate=3e-3, evaluations=2, seed=2)
    fine_tune(model, tokenizer, batches, rows, task, settings=settings, device=device, checkpoints=tmp_path)
    scores = score_texts(model, text_rows(tokenizer, rows), device)
    assert scores.shape == ((120,) if task.outputs == 1 else (120, task.outputs))
    numbers = task.numbers(task.targets(rows["label"]), scores, np.ones(120))
    name, least = {
        "binary": ("roc_auc", 0.99), "classes": ("accuracy", 0.99), "labels": ("micro_f1", 0.99),
        "grades": ("kappa", 0.98), "number": ("spearman", 0.9),
    }[kind]  # fmt: skip
    assert numbers[name] >= least
    assert task.better in numbers


@pytest.mark.parametrize("kind", ["classes", "labels", "grades", "binary"])
def test_probabilities_are_probabilities_and_the_likelihood_is_theirs(kind: str) -> None:
    task = task_for(table(kind)["label"], kind)
    given = logits(task)
    told, targets = task.predict(given.numpy()), task.targets(table(kind)["label"][:6])
    assert ((told >= 0) & (told <= 1)).all()
    if kind in ("classes", "grades"):
        np.testing.assert_allclose(told.sum(1), 1, atol=1e-9)
        own = -np.log(told[np.arange(6), targets])
    else:
        both = np.where(targets > 0.5, told, 1 - told)
        own = -np.log(both) if kind == "binary" else -np.log(both).mean(1)
    np.testing.assert_allclose(task.losses(given, torch.from_numpy(targets)).numpy(), own, rtol=1e-5)


def test_a_number_comes_back_in_its_own_unit() -> None:
    task = task_for(table("number")["label"], "number")
    targets = task.targets(pd.Series([10.0, 20.0]))
    np.testing.assert_allclose(task.predict(targets), [10, 20], rtol=1e-6)
    numbers = task.numbers(targets, targets + np.float32(1 / task.spread), np.ones(2))
    assert numbers["rmse"] == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("kind", ["binary", "classes", "labels"])
def test_the_focal_loss_takes_weight_from_what_is_told_already(kind: str) -> None:
    plain, focal = (task_for(table(kind)["label"], kind, focal=gamma) for gamma in (0.0, 2.0))
    sure, unsure = (torch.full((3, plain.outputs), value) for value in (6.0, 0.1))
    targets = torch.from_numpy(plain.targets(table(kind)["label"][:3]))
    sure = torch.eye(3)[targets] * 6 if kind == "classes" else sure * (targets.reshape(3, -1) * 2 - 1)
    shares = [
        float(focal.losses(given, targets).sum() / plain.losses(given, targets).sum()) for given in (sure, unsure)
    ]
    assert shares[0] < 1e-3 < 0.1 < shares[1] < 1


def test_smoothing_wants_no_logit_without_bound() -> None:
    task = task_for(table("classes")["label"], "classes", smoothing=0.1)
    targets = torch.tensor([0, 1, 2])
    losses = [float(task.losses(torch.eye(3) * size, targets).sum()) for size in (1.0, 4.0, 40.0)]
    assert losses[1] < losses[0] < losses[2]


def test_balanced_classes_weigh_alike_in_sum() -> None:
    labels = pd.Series(["usual"] * 90 + ["rare"] * 10)
    task = task_for(labels, "classes", balance=True)
    losses = task.losses(torch.zeros(100, 2), torch.from_numpy(task.targets(labels))).numpy()
    assert losses[:90].sum() == pytest.approx(losses[90:].sum(), rel=1e-5)
    assert losses.mean() == pytest.approx(np.log(2), rel=1e-5)
    many = task_for(pd.Series([["a"], ["a"], ["a"], ["a", "b"]]), "labels", balance=True)
    assert many.weights == (0.01, 3.0), "a label that every row has is still told"
    assert task_for(pd.Series([["a", "a"], ["b"]]), "labels", balance=True).weights == (1.0, 1.0)


def test_what_was_added_goes_through_the_same_training(tmp_path: Any) -> None:
    rows, task = table("classes"), task_for(table("classes")["label"], "classes")
    tokenizer, device = base.load_tokenizer("tiny", 16), choose_device("fp32", threads=1)
    batches = training_batches(tokenizer, rows, task, max_tokens=30_000, batch_tokens=400, use_weights=False, seed=2)
    model = base.load_classifier("tiny", seed=1, outputs=3)
    adaptation = methods.adapt(model, "adalora", {"rank": 4}, steps=len(batches), seed=1)
    loss = task_loss(task, adaptation)
    assert loss(model, batches[0]) > task_loss(task)(model.eval(), batches[0])
    settings = TrainSettings(learning_rate=2e-2, evaluations=1, seed=2)
    fine_tune(model, tokenizer, batches, rows, task, adaptation, settings=settings, device=device, checkpoints=tmp_path)
    scores = score_texts(model, text_rows(tokenizer, rows), device)
    assert task.numbers(task.targets(rows["label"]), scores, np.ones(120))["accuracy"] > 0.95
    ranks = sum(int((value != 0).sum()) for name, value in model.named_parameters() if "lora_E" in name)
    layers = sum("lora_E" in name for name, _ in model.named_parameters())
    assert ranks == 4 * layers, "the ranks were not cut to what was asked"


def test_a_checkpoint_of_another_training_is_not_taken_for_this_ones(tmp_path: Any) -> None:
    rows = table("classes")
    tokenizer, device = base.load_tokenizer("tiny", 16), choose_device("fp32", threads=1)
    settings = TrainSettings(learning_rate=1e-2, evaluations=1, seed=2)

    def weights(folder: Any, *, focal: float = 0.0, alpha: int = 16, last: str = "blue") -> torch.Tensor:
        labelled = rows.assign(label=[*rows["label"][:-1], last])
        task = task_for(labelled["label"], "classes", focal=focal)
        batches = training_batches(
            tokenizer, labelled, task, max_tokens=4000, batch_tokens=400, use_weights=False, seed=2
        )
        model = base.load_classifier("tiny", seed=1, outputs=3)
        adaptation = methods.adapt(model, "lora", {"alpha": alpha}, seed=1)
        fine_tune(
            model, tokenizer, batches, labelled, task, adaptation, settings=settings, device=device, checkpoints=folder
        )
        return model.classifier.weight.detach().clone()

    first = weights(tmp_path / "same")
    assert torch.equal(weights(tmp_path / "same"), first)
    for other in ({"focal": 2.0}, {"alpha": 64}, {"last": "red"}):
        fresh = weights(tmp_path / str(other), **other)
        assert not torch.equal(fresh, first)
        assert torch.equal(weights(tmp_path / "same", **other), fresh)


@pytest.mark.parametrize("name", ["lora", "prefix", "adalora"])
def test_a_training_by_any_method_that_was_broken_off_ends_as_one_that_was_not(name: str, tmp_path: Any) -> None:
    rows, task = table("classes"), task_for(table("classes")["label"], "classes")
    tokenizer, device = base.load_tokenizer("tiny", 16), choose_device("fp32", threads=1)
    batches = training_batches(tokenizer, rows, task, max_tokens=8000, batch_tokens=400, use_weights=False, seed=2)
    settings = TrainSettings(learning_rate=1e-2, evaluations=4, patience=9, seed=2)

    def run(folder: Any, stop: int = 0) -> dict[str, torch.Tensor]:
        model = base.load_classifier("tiny", seed=1, outputs=3)
        adaptation = methods.adapt(model, name, steps=len(batches), seed=1)
        adaptation.callbacks.append(Stopping(stop))
        fine_tune(
            model, tokenizer, batches, rows, task, adaptation, settings=settings, device=device, checkpoints=folder
        )
        return methods.trained(model)

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", stop=int(0.6 * len(batches)))
    parts = run(tmp_path / "parts")
    assert all(torch.equal(parts[key], value) for key, value in whole.items())


class Stopping(TrainerCallback):
    """Breaks a training off at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.step and state.global_step == self.step:
            raise KeyboardInterrupt


def test_labels_that_make_no_task_are_said() -> None:
    for labels, kind, said in (
        ([1, 1], "binary", "name 1 class: all are 1"),
        ([], "classes", "name 0 class"),
        ([0, 2], "binary", "labels 0 and 1, and here are 0, 2"),
        (["a", None], "classes", "1 rows have no label"),
        (["a", "b"], "class", "no task 'class': use binary"),
    ):
        with pytest.raises(TaskError, match=said):
            task_for(pd.Series(labels, dtype=object), kind)
    with pytest.raises(TaskError, match=r"focal means nothing for the task 'grades': leave it at 0\.0"):
        task_for(pd.Series([0, 1]), "grades", focal=1.0)


def test_more_classes_than_the_head_are_said() -> None:
    task = task_for(pd.Series(["a", "b"]), "classes")
    with pytest.raises(TaskError, match=r"2 labels are not among the 2 .* 'c' first"):
        task.targets(pd.Series(["a", "c", "d"]))


def test_a_single_text_is_a_row_of_one_type() -> None:
    tokenizer = base.load_tokenizer("tiny", 8)
    texts = TextRows(tokenizer, ["red shoes", "", "shoes " * 2000])
    batch = texts.batch(np.arange(3))
    assert texts.lengths.tolist() == [4, 2, 8]
    assert not batch["token_type_ids"].any()
    assert tokenizer.decode(batch["input_ids"][0]).split()[:4] == ["[CLS]", "red", "shoes", "[SEP]"]
    model = base.load_classifier("tiny", seed=1).eval()
    assert torch.isfinite(model(**batch).logits).all()


def test_a_tokenizer_without_padding_is_read_and_one_without_an_end_is_said() -> None:
    tokenizer = base.load_tokenizer("tiny")
    rows = TextRows(tokenizer, ["red shoes", "red"]).batch(np.arange(2))
    tokenizer.pad_token = None  # what fills is never read
    bare = TextRows(tokenizer, ["red shoes", "red"]).batch(np.arange(2))
    assert torch.equal(bare["attention_mask"], rows["attention_mask"])
    model = base.load_classifier("tiny", seed=1).eval()
    torch.testing.assert_close(model(**bare).logits, model(**rows).logits)
    tokenizer.sep_token = None
    with pytest.raises(ValueError, match="has no token for the end"):
        TextRows(tokenizer, ["red shoes"])
