"""Methods are compared at equal budgets, each at its best rate, with intervals that cover users and seeds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.metrics.classification import pr_auc
from workbench.models import base, merging, method_comparison
from workbench.models.comparison import compare
from workbench.models.device import choose_device
from workbench.models.finetuning import BINARY
from workbench.models.loop import TrainSettings
from workbench.models.method_comparison import train_all
from workbench.models.methods import MethodError
from workbench.models.private_study import NO_NOISE, sweep
from workbench.models.tasks import TaskError
from workbench.models.tuning import Material, Setup, Start

METHODS: dict[str, Any] = {"full": {}, "lora": {"rank": 4}}
BUDGETS = {"equal tokens": {"full": 1500, "lora": 1500}, "equal time": {"full": 1500, "lora": 2500}}
RATES = {"full": [1e-7, 3e-3], "others": [1e-2, 1e30]}

ROWS = pd.DataFrame({"context": [f"{a} {b}" for a in ("red", "blue") for b in ("shoes", "coat", "hat")] * 30})
ROWS["candidate"] = (["shoes"] * 3 + ["coat"] * 2 + ["hat"]) * 30
ROWS["label"] = [int(b in a) for a, b in zip(ROWS["context"], ROWS["candidate"], strict=True)]
ROWS["weight"], ROWS["user_id"] = 1.0, np.arange(len(ROWS)) // 6


def made(folder: Path) -> Setup:
    material = Material(base.load_tokenizer("tiny", 16), ROWS, ROWS[:90], BINARY, batch_tokens=400)
    settings, device = TrainSettings(evaluations=1, seed=1), choose_device("fp32", threads=1)
    return Setup(Start("tiny", BINARY, seed=1), material, settings, device, folder.joinpath)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> method_comparison.Trained:
    return train_all(made(tmp_path_factory.mktemp("all")), METHODS, RATES, BUDGETS, ROWS, seeds=2)


def test_each_method_is_trained_with_every_seed_in_every_budget(trained: method_comparison.Trained) -> None:
    rows = trained.table
    assert rows.groupby(["budget", "method"])["seed"].apply(list).tolist() == [[1, 2]] * 4
    for budget, limits in BUDGETS.items():
        for method, tokens in limits.items():
            mine = rows[(rows["budget"] == budget) & (rows["method"] == method)]
            assert mine["tokens"].between(tokens, tokens + 400).all()
            scored = trained.probabilities[budget][method]
            assert scored.shape == (2, len(ROWS))
            assert np.abs(scored[0] - scored[1]).max() > 1e-6, "both seeds are the same training"
    full = rows[rows["method"] == "full"].groupby("budget")["seconds"].sum()
    assert full.nunique() == 1, "one and the same training is done, or timed, twice"


def test_later_seeds_take_the_rate_that_was_best_for_the_first(trained: method_comparison.Trained) -> None:
    rates = trained.table.groupby("method")["rate"].unique()
    assert rates.map(list).to_dict() == {"full": [3e-3], "lora": [1e-2]}
    first = trained.table[trained.table["seed"] == 1].set_index("method")["diverged"]
    assert set(first["lora"]) == {"1e+30"}
    assert set(first["full"]) == {""}


def test_a_summary_is_over_seeds(trained: method_comparison.Trained) -> None:
    summary = trained.summary
    assert summary.index.tolist() == [(budget, method) for budget in BUDGETS for method in METHODS]
    losses = trained.table.groupby(["budget", "method"], sort=False)["loss"]
    assert summary["loss"].tolist() == pytest.approx(losses.mean().tolist())
    assert summary["spread"].tolist() == pytest.approx([abs(np.diff(each)[0]) / np.sqrt(2) for _, each in losses])
    assert summary["apart"].notna().tolist() == [False, True] * 2, "what merges is checked, and nothing else"
    assert summary["apart"].max() < 1e-4


def test_weights_that_do_not_merge_are_not_compared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(merging, "merged_apart", lambda *_: 0.5)
    with pytest.raises(MethodError, match=r"score otherwise, by up to 0\.5"):
        train_all(made(tmp_path), {"lora": {}}, {"others": [1e-2]}, {"equal tokens": {"lora": 500}}, ROWS)


# ---- intervals


@pytest.fixture
def pairs() -> pd.DataFrame:
    random = np.random.default_rng(4)
    rows = pd.DataFrame({"user_id": np.repeat(np.arange(120), 10), "label": random.random(1200) < 0.2})
    return rows.assign(label=rows["label"].astype(int), weight=random.uniform(1, 3, len(rows)))


@pytest.fixture
def scored(pairs: pd.DataFrame) -> Callable[..., np.ndarray]:
    def scored(strength: float, seeds: int, own: float = 0.5) -> np.ndarray:
        """Probabilities [seeds, pairs] that tell the label by `strength`, each seed with noise of its own."""
        random = np.random.default_rng(5)
        common = strength * pairs["label"].to_numpy() + random.normal(0, 1, len(pairs))
        return 1 / (1 + np.exp(-common - own * random.normal(0, 1, (seeds, len(pairs)))))

    return scored


def test_of_one_seed_the_numbers_are_those_of_the_plain_comparison(pairs: pd.DataFrame, scored: Any) -> None:
    given = {"good": scored(2, 1), "poor": scored(1, 1)}
    mine = compare(pairs, given, draws=100, seed=3).set_index(["subject", "metric"])
    plain = compare(pairs, {name: each[0] for name, each in given.items()}, draws=100, seed=3)
    plain = plain.set_index(["subject", "metric"]).loc[mine.index]
    pd.testing.assert_frame_equal(mine, plain[mine.columns])


def test_values_are_means_over_seeds_and_seeds_that_differ_widen_the_interval(pairs: pd.DataFrame, scored: Any) -> None:
    steady, shaken = scored(2, 1).repeat(3, axis=0), np.vstack([scored(2, 1), scored(1, 1), scored(3, 1)])
    rows = compare(pairs, {"steady": steady, "shaken": shaken}, draws=400).set_index(["subject", "metric"])
    labels, weights = pairs["label"].to_numpy(float), pairs["weight"].to_numpy(float)
    each = [float(pr_auc(labels, p, weights)) for p in shaken]
    assert rows.loc[("shaken", "pr_auc"), "value"] == pytest.approx(np.mean(each))
    width = (rows["high"] - rows["low"]).xs("pr_auc", level="metric")
    alone = compare(pairs, {"steady": steady[:1]}, draws=400).set_index(["subject", "metric"])
    assert width["steady"] == pytest.approx(alone.loc[("steady", "pr_auc"), ["low", "high"]].diff().iloc[-1])
    assert width["shaken"] > 2 * 4.3 * np.std(each, ddof=1) / np.sqrt(3) * 0.9  # Student's t, two degrees of freedom


def test_differences_are_paired_by_seed(pairs: pd.DataFrame, scored: Any) -> None:
    shaken = np.vstack([scored(2, 1), scored(1, 1), scored(3, 1)])
    rows = compare(pairs, {"one": shaken, "same": shaken}, draws=50).set_index(["subject", "metric"])
    assert (rows.loc["one - same", ["value", "low", "high"]] == 0).all(axis=None)


def test_nothing_compared_is_an_empty_table_and_one_label_is_an_error(pairs: pd.DataFrame, scored: Any) -> None:
    assert compare(pairs, {}).columns.tolist() == ["subject", "metric", "value", "low", "high", "n"]
    with pytest.raises(TaskError, match="test"):
        compare(pairs.assign(label=1), {"any": scored(1, 1)})


# ---- with noise


def test_a_private_sweep_begins_without_noise_and_tells_its_price(tmp_path: Path) -> None:
    found = sweep(
        made(tmp_path), "head", {}, ROWS, epsilons=[1.0, 8.0], delta=1e-4, most=1, steps=4, batch_rows=40, rate=1e-2,
        seeds=2,
    )  # fmt: skip
    assert list(found.probabilities) == [NO_NOISE, "ε = 1", "ε = 8"]
    assert all(each.shape == (2, len(ROWS)) for each in found.probabilities.values())
    table = found.table
    assert table.loc[NO_NOISE, "noise"] == 0
    assert table.loc["ε = 1", "noise"] > table.loc["ε = 8", "noise"] > 0
    assert table.loc["ε = 8", "ε spent"] <= 8
    assert (table["clipped at"] == 1).all()
    spent = [float(text.split()[2]) for text in found.statements]
    assert spent == pytest.approx([1, 8], rel=0.02)
    judged = compare(ROWS, found.probabilities, draws=20)
    assert f"{NO_NOISE} - ε = 8" in set(judged["subject"])


def test_without_epsilons_nothing_is_trained_privately(tmp_path: Path) -> None:
    found = sweep(made(tmp_path), "lora", {}, ROWS, epsilons=[], delta=1e-4, most=1, steps=4, batch_rows=40, rate=1e-2)
    assert found.table.empty
    assert not found.statements
    assert not found.probabilities
