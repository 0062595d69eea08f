"""The models side by side on test: metrics, intervals over users, paired differences, reports."""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from workbench.metrics.classification import (
    Metric,
    brier,
    calibration_error,
    pr_auc,
    precision_recall_f1,
    reliability,
    roc_auc,
    user_replicates,
)
from workbench.metrics.intervals import interval
from workbench.models.calibration import Calibration, calibrate
from workbench.models.tasks import check_differ

Scorer = Callable[[pd.DataFrame], np.ndarray]  # pairs → raw scores
METRICS: dict[str, Metric] = {"roc_auc": roc_auc, "pr_auc": pr_auc, "brier": brier}


def binary(pairs: pd.DataFrame, positive_from: int) -> pd.DataFrame:
    """The pairs with label 1 for a grade of at least `positive_from`, else 0.

    Raises:
        ValueError: no pair, or every pair, is positive then.

    """
    label = (pairs["label"] >= positive_from).astype(int)
    if label.nunique() < 2:
        grades = ", ".join(str(grade) for grade in sorted(pairs["label"].unique()))
        raise ValueError(
            f"positive_from is {positive_from}, and the pairs have the grades {grades}: choose between them"
        )
    return pairs.assign(label=label)


def sample_users(pairs: pd.DataFrame, count: int, seed: int = 0) -> pd.DataFrame:
    """All pairs of at most `count` users (households, queries, texts), chosen by the hash of their id."""
    users = pairs["user_id"].unique()
    chosen = sorted(users, key=lambda user: hashlib.sha256(f"{seed} {user}".encode()).digest())[:count]
    return pairs[pairs["user_id"].isin(chosen)].reset_index(drop=True)


def describe(splits: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row a split: pairs, users, positives, their rate as sampled, and the natural rate that weights restore.

    And the first and last day, where pairs have a moment.
    """
    rows: dict[str, dict[str, Any]] = {}
    for name, pairs in splits.items():
        label, weight = pairs["label"], pairs["weight"]
        rows[name] = {
            "pairs": len(pairs),
            "users": pairs["user_id"].nunique(),
            "positive": int(label.sum()),
            "rate as sampled": label.mean(),
            "natural rate": (label * weight).sum() / weight.sum(),
        }
        if "event_time" in pairs and pairs["event_time"].notna().any():
            first, last = pairs["event_time"].min(), pairs["event_time"].max()
            rows[name] |= {"first day": str(first.date()), "last day": str(last.date())}
    return pd.DataFrame(rows).T.astype({"pairs": int, "users": int, "positive": int})


def calibrated(
    scorers: Mapping[str, Scorer], valid: pd.DataFrame, test: pd.DataFrame
) -> tuple[dict[str, Calibration], dict[str, np.ndarray]]:
    """Each model's calibration, fitted on valid, and its probabilities on test."""
    calibrations = {name: calibrate(valid["label"], score(valid), valid["weight"]) for name, score in scorers.items()}
    return calibrations, {name: calibrations[name].probability(score(test)) for name, score in scorers.items()}


def compare(
    pairs: pd.DataFrame, probabilities: Mapping[str, np.ndarray], *, draws: int = 500, seed: int = 0
) -> pd.DataFrame:
    """ROC-AUC, PR-AUC and Brier score of each model, and of the first against each other one, user by user.

    pairs: label, weight, user_id; probabilities: model → calibrated probability of each pair.
    Returns rows subject, metric, value, low, high, n (users); the subject of a paired difference is
    "first - other". The interval is the 95 % percentile interval of `draws` bootstrap samples of users, the same
    for all models. Raises `TaskError` where the pairs have one label only.
    """
    check_differ(pairs["label"], "test")
    labels, weights = pairs["label"].to_numpy(dtype=float), pairs["weight"].to_numpy(dtype=float)
    first, rows = next(iter(probabilities)), []
    for name, metric in METRICS.items():
        value = {model: float(metric(labels, p, weights)) for model, p in probabilities.items()}
        with np.errstate(invalid="ignore", divide="ignore"):  # a draw without positives is NaN, and left out
            spread = {
                model: user_replicates(partial(metric, labels, p), pairs["user_id"], weights, draws, seed)
                for model, p in probabilities.items()
            }
        for model in probabilities:
            rows.append((model, name, value[model], *interval(spread[model])))
        for other in list(probabilities)[1:]:
            rows.append(
                (f"{first} - {other}", name, value[first] - value[other], *interval(spread[first] - spread[other]))
            )
    table = pd.DataFrame(rows, columns=["subject", "metric", "value", "low", "high"])
    return table.assign(n=pairs["user_id"].nunique())


def classification_report(
    pairs: pd.DataFrame, probabilities: np.ndarray, calibration: Calibration, *, draws: int = 500, seed: int = 0
) -> pd.DataFrame:
    """Precision, recall and F1 of both classes at the calibrated threshold, at the natural rate, with intervals.

    Rows metric, value, low, high, n (users) per class ("positive", "negative"), support (pairs), weight (what they
    stand for) and predicted (pairs that the model puts into the class).
    """
    labels, weights = pairs["label"].to_numpy(dtype=float), pairs["weight"].to_numpy(dtype=float)
    predicted = (probabilities >= calibration.threshold).astype(float)
    rows = []
    for name, truth, guess in (("positive", labels, predicted), ("negative", 1 - labels, 1 - predicted)):
        values = precision_recall_f1(truth, guess, weights)
        replicate = partial(precision_recall_f1, truth, guess)
        spreads = user_replicates(replicate, pairs["user_id"], weights, draws, seed)
        size = int(truth.sum()), float((weights * truth).sum()), int(guess.sum())
        for metric, value, spread in zip(("precision", "recall", "f1"), values, spreads, strict=True):
            rows.append((name, metric, float(value), *interval(spread), *size))
    columns = ["class", "metric", "value", "low", "high", "support", "weight", "predicted"]
    return pd.DataFrame(rows, columns=columns).assign(n=pairs["user_id"].nunique())


def calibration_report(
    pairs: pd.DataFrame, probabilities: np.ndarray, *, draws: int = 500, seed: int = 0
) -> dict[str, float]:
    """Expected calibration error: value, low, high (bootstrap over users) and n (users).

    An error is never below 0, so noise only adds to it, and a bootstrap sample has more noise than the sample itself:
    the interval reaches further up than down, and may lie above the value.
    """
    labels, weights = pairs["label"].to_numpy(dtype=float), pairs["weight"].to_numpy(dtype=float)

    def errors(replicates: np.ndarray) -> list[float]:
        return [calibration_error(labels, probabilities, row) for row in replicates]

    low, high = interval(user_replicates(errors, pairs["user_id"], weights, draws, seed))
    value = calibration_error(labels, probabilities, weights)
    return {"value": value, "low": float(low), "high": float(high), "n": pairs["user_id"].nunique()}


def reliability_table(pairs: pd.DataFrame, probabilities: Mapping[str, np.ndarray], bins: int = 10) -> pd.DataFrame:
    """Rows subject, predicted, observed, share: how far each model's probabilities can be taken at their word."""
    labels, weights = pairs["label"].to_numpy(dtype=float), pairs["weight"].to_numpy(dtype=float)
    tables = [
        pd.DataFrame(reliability(labels, p, weights, bins)).assign(subject=model) for model, p in probabilities.items()
    ]
    return pd.concat(tables, ignore_index=True)
