"""From a raw score to a probability at the natural rate, and to a decision."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression


@dataclass(frozen=True)
class Calibration:
    """P(label = 1) = σ(a · score + b), and the probability from which a pair counts as predicted."""

    a: float
    b: float
    threshold: float

    def probability(self, scores: ArrayLike) -> np.ndarray:
        """Calibrated probabilities of raw scores."""
        return sigmoid(self.a * np.asarray(scores, dtype=float) + self.b)

    def to_dict(self) -> dict[str, float]:
        """As plain numbers, for a JSON file; `Calibration(**values)` reads it back."""
        return asdict(self)


def calibrate(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike) -> Calibration:
    """Platt's calibration and the threshold, both from valid; `weights` carry the natural rate."""
    a, b = platt(labels, scores, weights)
    return Calibration(a, b, choose_threshold(labels, Calibration(a, b, 0.5).probability(scores), weights))


def platt(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike) -> tuple[float, float]:
    """Slope and offset of the weighted logistic regression of the labels on the scores (Platt 1999).

    A slope is never negative: calibration must not turn a ranking round. Scores that would need it get slope 0, the
    same probability for all. Raises ValueError where only one class is present.
    """
    labels, scores, weights = (np.asarray(values, dtype=float) for values in (labels, scores, weights))
    if labels.min() == labels.max():
        raise ValueError("Calibration needs positives and negatives: take more users into valid.")
    centre, spread = float(scores.mean()), float(scores.std()) or 1.0
    # a weak prior on the standardised slope, so that separable scores still end at a finite one
    fit = LogisticRegression(C=1e4, tol=1e-8, max_iter=1000)
    fit.fit(((scores - centre) / spread)[:, None], labels, sample_weight=weights)
    a = float(fit.coef_[0, 0]) / spread
    if a <= 0:
        return 0.0, float(np.log((weights * labels).sum() / (weights * (1 - labels)).sum()))
    return a, float(fit.intercept_[0]) - a * centre


def choose_threshold(labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike) -> float:
    """The probability from which predicting 1 gives the largest weighted F1."""
    labels, probabilities, weights = (np.asarray(values, dtype=float) for values in (labels, probabilities, weights))
    order = np.argsort(-probabilities, kind="stable")
    last = np.append(np.diff(probabilities[order]) != 0, True)  # equal probabilities fall on one side together
    shown = np.cumsum(weights[order])[last]
    hits = np.cumsum((weights * labels)[order])[last]
    return float(probabilities[order][last][np.argmax(2 * hits / (shown + (weights * labels).sum()))])


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))
