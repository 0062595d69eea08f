"""Private training: what a pair can do is bounded, what it costs is counted, and what comes out is what was trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from workbench.models import base, methods, private
from workbench.models.device import choose_device
from workbench.models.finetuning import task_loss, text_rows
from workbench.models.loop import BatchTrainer, TrainingError, TrainSettings
from workbench.models.private import Budget, PrivacyError, epsilon_of, noise_for, train_privately
from workbench.models.tasks import task_for

DELTA = 1e-5
ROWS = pd.DataFrame(
    {"context": [f"{a} {b}" for a in ("red", "blue", "green", "old") for b in ("shoes", "coat", "hat")] * 60}
)
ROWS["label"] = ROWS["context"].str.split().str[1]
ROWS["user_id"] = [f"u{at // 9}" for at in range(len(ROWS))]


def trained(folder: Path, budget: Budget, method: str = "lora", **given: Any) -> tuple[private.Private, Any]:
    task = task_for(ROWS["label"], "classes")
    model = base.load_classifier("tiny", seed=1, outputs=3)
    chosen: dict[str, Any] = {"steps": 60, "batch_rows": 64} | given
    found = train_privately(
        model, base.load_tokenizer("tiny", 8), ROWS, ROWS[:120], task, budget, method=method, checkpoints=folder,
        settings=TrainSettings(learning_rate=1e-2, evaluations=2, seed=1), device=choose_device("fp32", 1), **chosen,
    )  # fmt: skip
    return found, model


@pytest.mark.parametrize("method", private.METHODS)
def test_it_learns_within_its_budget(method: str, tmp_path: Path) -> None:
    found, model = trained(tmp_path, Budget(8.0, DELTA), method)
    accuracy = found.result.curve["eval_accuracy"].dropna()
    assert accuracy.max() > (0.6 if method == "head" else 0.9)
    assert 7.8 < found.epsilon <= 8.0
    assert f"ε = {found.epsilon:.2f} at δ = 1.0e-05 for adding or removing one training pair. It" in found.statement
    assert {"loss", "grad_norm"}.isdisjoint(found.result.curve), "the report would tell what no noise covers"
    assert not any(hasattr(value, "grad_sample") and value.grad_sample is not None for value in model.parameters())
    if method == "lora":
        methods.merge(model)
        assert not getattr(model.config, "method", None)


def test_a_small_budget_buys_less(tmp_path: Path) -> None:
    losses = [
        min(trained(tmp_path / str(epsilon), Budget(epsilon, DELTA))[0].result.curve["eval_log_loss"].dropna())
        for epsilon in (0.1, 8.0)
    ]
    assert losses[0] > 1.3 * losses[1]


@pytest.mark.parametrize(
    ("noise", "rate", "steps"), [(0.8, 0.02, 500), (1.0, 0.1, 60), (2.0, 0.05, 1000), (1.2, 0.01, 300)]
)
def test_the_accountant_agrees_with_another_to_one_percent(noise: float, rate: float, steps: int) -> None:
    from dp_accounting import dp_event
    from dp_accounting.pld import PLDAccountant

    event = dp_event.SelfComposedDpEvent(dp_event.PoissonSampledDpEvent(rate, dp_event.GaussianDpEvent(noise)), steps)
    theirs = PLDAccountant(value_discretization_interval=1e-3).compose(event).get_epsilon(DELTA)
    assert epsilon_of(noise, rate, steps, DELTA) == pytest.approx(theirs, rel=0.01)


def test_the_noise_is_the_least_that_keeps_the_budget() -> None:
    noise = noise_for(Budget(3.0, DELTA), 0.1, 60)
    assert 2.97 < epsilon_of(noise, 0.1, 60, DELTA) <= 3.0


def test_a_household_is_protected_by_protecting_each_of_its_pairs_more() -> None:
    epsilon, delta = Budget(3.0, DELTA, most=3).of_a_pair
    assert epsilon == 1.0
    # group privacy step by step: each further pair multiplies what was hidden by e^ε, and adds δ
    group = 0.0
    for _ in range(3):
        group = group * np.exp(epsilon) + delta
    assert group == pytest.approx(DELTA)
    assert Budget(3.0, DELTA).of_a_pair == (3.0, DELTA)


def test_pairs_beyond_the_cap_are_left_out(tmp_path: Path) -> None:
    found, _ = trained(tmp_path, Budget(8.0, DELTA, most=4), steps=4)
    assert found.pairs == 4 * ROWS["user_id"].nunique()
    assert found.epsilon <= 8.0
    assert found.left_out == len(ROWS) - found.pairs
    assert f"one user with at most 4 training pairs, for which {found.left_out} were left out" in found.statement


def test_each_pairs_gradient_is_clipped_and_then_all_are_summed() -> None:
    task, clip = task_for(ROWS["label"], "classes"), 0.05
    model = base.load_classifier("tiny", seed=1, outputs=3).train()
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    methods.adapt(model, "lora", seed=1)
    free = [value for value in model.parameters() if value.requires_grad]
    texts, targets = text_rows(base.load_tokenizer("tiny", 8), ROWS), task.targets(ROWS["label"])
    loss = task_loss(task)

    def batch(rows: list[int]) -> private.PoissonBatches:
        return private.PoissonBatches(texts, targets, np.ones(len(ROWS)), [np.array(rows)], expected=1.0)

    expected = [torch.zeros_like(value) for value in free]
    for row in range(7):
        gradients = torch.autograd.grad(loss(model, batch([row])[0]), free)
        norm = torch.sqrt(sum((gradient**2).sum() for gradient in gradients))
        for total, gradient in zip(expected, gradients, strict=True):
            total += gradient * min(1.0, clip / float(norm))
    optimizer = private._noisy(torch.optim.SGD(free, lr=1.0), noise=0.0, clip=clip)
    before = [value.detach().clone() for value in free]
    with private._each_gradient(model):
        loss(model, batch(list(range(7)))[0]).backward()
        optimizer.step()
    for value, old, total in zip(free, before, expected, strict=True):
        torch.testing.assert_close(old - value.detach(), total, atol=1e-6, rtol=1e-3)


def test_the_noise_has_the_scale_that_is_accounted_for() -> None:
    free = torch.nn.Parameter(torch.zeros(20_000))
    optimizer = private._noisy(torch.optim.SGD([free], lr=1.0), noise=1.5, clip=0.2)
    free.grad_sample = torch.zeros(3, 20_000)  # type: ignore[attr-defined]
    optimizer.step()
    assert float(free.detach().std()) == pytest.approx(1.5 * 0.2, rel=0.03)


def test_two_trainings_draw_other_batches_and_other_noise(tmp_path: Path) -> None:
    plans = [private._plan(500, 0.2, 3) for _ in "ab"]
    assert not all(np.array_equal(*both) for both in zip(*plans, strict=True))
    steps = []
    for _ in "ab":
        free = torch.nn.Parameter(torch.zeros(50))
        free.grad_sample = torch.zeros(3, 50)  # type: ignore[attr-defined]
        private._noisy(torch.optim.SGD([free], lr=1.0), noise=1.0, clip=1.0).step()
        steps.append(free.detach().clone())
    assert not torch.isclose(steps[0], steps[1]).any()


def test_the_secure_numbers_are_uniform_and_normal() -> None:
    uniform, normal = private._uniform(100_000), private._normal(torch.Size((1000, 100))).flatten().numpy()
    assert stats.kstest(uniform, "uniform").pvalue > 1e-4
    assert stats.kstest(normal, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(normal[1:], normal[:-1])[0, 1]) < 0.02


def test_without_noise_the_same_training_shows_what_clipping_costs(tmp_path: Path) -> None:
    found, _ = trained(tmp_path, Budget(float("inf"), DELTA))
    assert found.noise == 0
    assert found.epsilon == float("inf")
    assert found.result.curve["eval_accuracy"].dropna().max() > 0.9


def test_a_full_memory_ends_a_private_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise torch.OutOfMemoryError("no more")

    monkeypatch.setattr(BatchTrainer, "_backward", full)
    with pytest.raises(TrainingError, match="A batch does not fit into the GPU's memory"):
        trained(tmp_path, Budget(8.0, DELTA), steps=3)


def test_a_loss_that_rests_on_all_labels_is_refused() -> None:
    for task in (task_for(ROWS["label"], "classes", balance=True), task_for(pd.Series([1.0, 2.0, 4.0]), "number")):
        with pytest.raises(PrivacyError, match="are computed from all labels"):
            private.check("lora", task)


def test_weights_that_score_otherwise_once_merged_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = methods.merge

    def corrupt(model: Any) -> Any:
        merged = real(model)
        merged.classifier.weight.data *= 1.5
        return merged

    monkeypatch.setattr(methods, "merge", corrupt)
    with pytest.raises(methods.MethodError, match="score otherwise, by up to"):
        trained(tmp_path, Budget(8.0, DELTA), steps=3)


def test_a_training_that_moves_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        private, "_noisy", lambda optimizer, *_: torch.optim.SGD(optimizer.param_groups[0]["params"], lr=0.0)
    )
    with pytest.raises(PrivacyError, match="moved no weight"):
        trained(tmp_path, Budget(8.0, DELTA), steps=3)


def test_what_cannot_be_trained_privately_is_said(tmp_path: Path) -> None:
    for budget, given, said in (
        (Budget(8.0, DELTA), {"method": "full"}, "method full is not trained privately: use head, lora"),
        (Budget(8.0, DELTA), {"batch_rows": 8}, "Batches of 8 of 720 pairs"),
        (Budget(8.0, DELTA), {"batch_rows": 1000}, "take 32 to 720"),
    ):
        with pytest.raises(PrivacyError, match=said):
            trained(tmp_path, budget, **given)
    with pytest.raises(PrivacyError, match="needs their column user_id"):
        private._capped(ROWS.drop(columns="user_id"), 3)
    with pytest.raises(PrivacyError, match="filled in every row"):
        private._capped(ROWS.assign(user_id=None), 3)
