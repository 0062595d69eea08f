import numpy as np
import pytest
from sklearn import metrics as sk

from workbench.metrics.classification import (
    brier,
    brier_skill,
    calibration_error,
    log_loss,
    pr_auc,
    precision_recall,
    precision_recall_f1,
    reliability,
    roc_auc,
    user_replicates,
)
from workbench.metrics.intervals import interval, resample


@pytest.fixture
def predictions():
    rng = np.random.default_rng(3)
    p = np.round(rng.random(400), 2)  # with ties
    return (rng.random(400) < p).astype(int), p, rng.uniform(0.5, 20, 400)


def test_equal_to_scikit_learn(predictions):
    y, p, w = predictions
    assert roc_auc(y, p, w) == pytest.approx(sk.roc_auc_score(y, p, sample_weight=w), abs=1e-12)
    assert pr_auc(y, p, w) == pytest.approx(sk.average_precision_score(y, p, sample_weight=w), abs=1e-12)
    assert brier(y, p, w) == pytest.approx(sk.brier_score_loss(y, p, sample_weight=w), abs=1e-12)
    clipped = np.clip(p, 0.01, 0.99)
    assert log_loss(y, clipped, w) == pytest.approx(sk.log_loss(y, clipped, sample_weight=w), abs=1e-12)
    expected = sk.precision_recall_fscore_support(y, p > 0.5, average="binary", sample_weight=w)[:3]
    assert precision_recall_f1(y, p > 0.5, w) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("metric", [roc_auc, pr_auc, brier])
def test_a_row_twice_is_a_row_of_weight_two(metric, predictions):
    y, p, _ = predictions
    times = np.random.default_rng(0).integers(1, 4, len(y))
    assert metric(y, p, times) == pytest.approx(metric(np.repeat(y, times), np.repeat(p, times)), abs=1e-12)


@pytest.mark.parametrize("metric", [roc_auc, pr_auc, brier, log_loss])
def test_rows_of_weights_are_replicates(metric, predictions):
    y, p, w = predictions
    many = np.stack([w, np.ones_like(w), w[::-1]])
    assert metric(y, p, many) == pytest.approx([float(metric(y, p, row)) for row in many])


def test_bootstrap_of_households_equals_the_analytical_error():
    rng = np.random.default_rng(1)
    households = np.repeat(np.arange(300), 6)
    y = np.repeat(rng.random(300) < 0.4, 6).astype(float)  # a household's pairs agree: 300 facts, not 1800
    values = user_replicates(lambda w: brier(y, np.zeros(1800), w), households, np.ones(1800), 2000, seed=1)
    low, high = interval(values)
    expected = 2 * 1.96 * np.sqrt(y.mean() * (1 - y.mean()) / 300)
    assert high - low == pytest.approx(expected, rel=0.06)


def test_replicates_draw_whole_households_and_do_not_depend_on_the_memory_at_once(monkeypatch):
    households, weights = np.repeat(["b", "a", "c"], [3, 1, 2]), np.array([1.0, 2, 3, 4, 5, 6])
    counts = resample(3, 40, seed=2)
    drawn = user_replicates(lambda w: w.T, households, weights, 40, seed=2)  # [pairs, draws]
    np.testing.assert_array_equal(drawn, weights[:, None] * counts.T[[1, 1, 1, 0, 2, 2]])
    monkeypatch.setattr("workbench.metrics.classification.AT_ONCE", 13)
    np.testing.assert_array_equal(user_replicates(lambda w: w.T, households, weights, 40, seed=2), drawn)
    pairs = user_replicates(lambda w: (w.sum(-1), w.max(-1)), households, weights, 40, seed=2)
    np.testing.assert_array_equal(pairs, [drawn.sum(0), drawn.max(0)])


def test_an_interval_leaves_out_draws_without_a_value():
    values = np.append(np.arange(101.0), np.nan)
    assert interval(values, level=0.9) == pytest.approx((5, 95))


def test_the_brier_skill_is_the_share_that_is_saved():
    labels, weights = np.array([1, 0, 0, 0]), np.array([1.0, 2.0, 3.0, 4.0])
    rate = np.full(4, 0.1)
    assert brier_skill(labels, labels, weights, reference=rate) == 1
    assert brier_skill(labels, rate, weights, reference=rate) == 0
    assert brier_skill(labels, 1 - labels, weights, reference=rate) < 0
    half = np.array([0.5, 0, 0, 0])
    assert brier_skill(labels, half, weights, reference=rate) == pytest.approx(1 - 0.25 / (0.81 + 0.01 * 9))


def test_precision_and_recall_are_told_where_a_positive_is_found():
    precision, recall = precision_recall([0, 1, 0, 1, 1], [0.9, 0.8, 0.8, 0.3, 0.1], [1, 1, 2, 1, 1])
    np.testing.assert_allclose(precision, [1 / 4, 2 / 5, 3 / 6])
    np.testing.assert_allclose(recall, [1 / 3, 2 / 3, 1])


def test_reliability_of_true_and_of_false_probabilities():
    p = np.random.default_rng(2).random(40_000)
    y = (np.random.default_rng(3).random(40_000) < p).astype(int)
    assert calibration_error(y, p) < 0.01
    assert calibration_error(y, p**3) > 0.1
    table = reliability(y, p, np.ones(len(p)), bins=5)
    assert table["share"] == pytest.approx([0.2] * 5)
    assert (np.diff(table["predicted"]) > 0).all()
