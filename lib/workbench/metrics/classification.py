"""Weighted metrics of binary predictions, and their intervals by resampling users; pure numpy.

Every metric takes labels (n, 0 or 1), scores or probabilities (n) and weights (n, or replicates × n), and returns one
number for each row of weights: a bootstrap is a matrix of weights. Rates are the natural ones where the weights are
inverse sampling rates.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from workbench.metrics.intervals import resample

AT_ONCE = 4_000_000  # bootstrap weights in memory, 32 MB of them
Metric = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def roc_auc(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> np.ndarray:
    """Area under the ROC curve: the chance that a positive scores above a negative, a tie counting half."""
    positive, negative = _by_threshold(labels, scores, weights)
    above = np.cumsum(positive, -1) - positive / 2
    return (above * negative).sum(-1) / (positive.sum(-1) * negative.sum(-1))


def pr_auc(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> np.ndarray:
    """Average precision: precision at each threshold, weighted by the recall that it adds (as in scikit-learn)."""
    positive, negative = _by_threshold(labels, scores, weights)
    hits = np.cumsum(positive, -1)
    precision = hits / np.maximum(hits + np.cumsum(negative, -1), np.finfo(float).tiny)
    return (precision * positive).sum(-1) / positive.sum(-1)


def brier(labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None) -> np.ndarray:
    """Mean squared distance of the probability from the label."""
    labels, probabilities = np.asarray(labels, float), np.asarray(probabilities, float)
    return _mean((probabilities - labels) ** 2, weights)


def brier_skill(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None, *, reference: ArrayLike
) -> np.ndarray:
    """Share of the `reference` probabilities' Brier score that is saved: 1 is perfect, 0 no better, below 0 worse."""
    return 1 - brier(labels, probabilities, weights) / brier(labels, reference, weights)


def log_loss(labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None) -> np.ndarray:
    """Mean negative log-likelihood, in nats; probabilities are kept 1e-15 away from 0 and 1."""
    labels, p = np.asarray(labels, float), np.clip(np.asarray(probabilities, float), 1e-15, 1 - 1e-15)
    return _mean(-(labels * np.log(p) + (1 - labels) * np.log1p(-p)), weights)


def precision_recall_f1(
    labels: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision TP / (TP + FP), recall TP / (TP + FN) and F1 of the class 1; 0 where nothing is predicted or true."""
    labels, predicted = np.asarray(labels, float), np.asarray(predicted, float)
    w = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    hits, shown, true = ((w * chosen).sum(-1) for chosen in (labels * predicted, predicted, labels))
    tiny = np.finfo(float).tiny
    return hits / np.maximum(shown, tiny), hits / np.maximum(true, tiny), 2 * hits / np.maximum(shown + true, tiny)


def precision_recall(
    labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall at each distinct score at which a positive is found, from the highest score down.

    Their mean precision, weighted by the recall that each adds, is `pr_auc`. weights: (n).
    """
    positive, negative = _by_threshold(labels, scores, weights)
    hits, found = np.cumsum(positive), positive > 0
    return (hits / (hits + np.cumsum(negative)))[found], (hits / positive.sum())[found]


def equal_bins(probabilities: ArrayLike, weights: ArrayLike, bins: int) -> np.ndarray:
    """The number of each row's bin: bins of equal weight, the lowest probabilities first."""
    p, w = np.asarray(probabilities, float), np.asarray(weights, float)
    order = np.argsort(p, kind="stable")
    middle = (np.cumsum(w[order]) - w[order] / 2) / w.sum()
    number = np.empty(len(p), dtype=int)
    number[order] = np.minimum((middle * bins).astype(int), bins - 1)
    return number


def reliability(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None, bins: int = 10
) -> dict[str, np.ndarray]:
    """Mean predicted and observed rate, and share of the weight, in bins of equal weight (empty bins are left out)."""
    labels, p = np.asarray(labels, float), np.asarray(probabilities, float)
    w = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    number = equal_bins(p, w, bins)
    mass, predicted, observed = (np.bincount(number, w * x, minlength=bins) for x in (np.ones_like(p), p, labels))
    full = mass > 0
    return {
        "predicted": predicted[full] / mass[full],
        "observed": observed[full] / mass[full],
        "share": mass[full] / w.sum(),
    }


def calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None, bins: int = 10
) -> float:
    """Expected calibration error: mean distance of predicted from observed rate over the bins of `reliability`."""
    table = reliability(labels, probabilities, weights, bins)
    return float((np.abs(table["predicted"] - table["observed"]) * table["share"]).sum())


def user_replicates(
    value: Callable[[np.ndarray], ArrayLike], users: ArrayLike, weights: ArrayLike, draws: int, seed: int
) -> np.ndarray:
    """What `value(weights)` gives in each of `draws` bootstrap samples of whole users, with all their pairs.

    The weights (replicates × n) come a few million numbers at a time, so that memory is bounded; the draws are along
    the last axis of the result.
    """
    _, number = np.unique(np.asarray(users), return_inverse=True)
    weights = np.asarray(weights, float)
    counts = resample(int(number.max()) + 1, draws, seed)
    step = max(1, AT_ONCE // len(number))
    parts = [value(weights * counts[at : at + step][:, number]) for at in range(0, draws, step)]
    return np.concatenate(parts, axis=-1)


def _mean(values: np.ndarray, weights: ArrayLike | None) -> np.ndarray:
    w = np.ones_like(values) if weights is None else np.asarray(weights, float)
    return (w * values).sum(-1) / w.sum(-1)


def _by_threshold(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """Weight of positives and of negatives at each distinct score, from the highest score down."""
    labels, scores = np.asarray(labels, float), np.asarray(scores, float)
    w = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(scores[order]) != 0))
    sums = np.add.reduceat(w[..., order] * labels[order], starts, -1), np.add.reduceat(w[..., order], starts, -1)
    return sums[0], sums[1] - sums[0]
