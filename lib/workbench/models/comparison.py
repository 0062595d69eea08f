"""The models side by side on test: metrics, intervals over users, paired differences, reports."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from workbench.metrics.classification import (
    Metric,
    brier,
    brier_skill,
    calibration_error,
    equal_bins,
    pr_auc,
    precision_recall,
    precision_recall_f1,
    reliability,
    roc_auc,
    user_replicates,
)
from workbench.metrics.intervals import interval, over_repeats
from workbench.models.calibration import Calibration, calibrate
from workbench.models.tasks import check_differ

Scorer = Callable[[pd.DataFrame], np.ndarray]  # pairs → raw scores
METRICS: dict[str, Metric] = {"roc_auc": roc_auc, "pr_auc": pr_auc, "brier": brier}
CONSTANT = "constant"  # what the model that says the same of every pair is called, where it is compared


@dataclass(frozen=True)
class Scores:
    """A model's raw scores."""

    valid: np.ndarray
    test: np.ndarray


def binary(pairs: pd.DataFrame, positive_from: int) -> pd.DataFrame:
    """The pairs with label 1 for a `grade` (the label before) of at least `positive_from`, else 0.

    Raises:
        ValueError: no pair, or every pair, is positive then.

    """
    label = (pairs["label"] >= positive_from).astype(int)
    if label.nunique() < 2:
        grades = ", ".join(str(grade) for grade in sorted(pairs["label"].unique()))
        raise ValueError(
            f"positive_from is {positive_from}, and the pairs have the grades {grades}: choose between them"
        )
    return pairs.assign(label=label, grade=pairs["label"])


def in_splits(
    pairs: pd.DataFrame, positive_from: int, *, users: Mapping[str, int], seed: int = 0, share: float = 1.0
) -> dict[str, pd.DataFrame]:
    """The pairs of train, valid and test, labelled by `binary`.

    Args:
        pairs: split, user_id, label.
        positive_from: the least positive grade.
        users: of a split, at most so many users, drawn by `sample_users`.
        seed: of what is drawn.
        share: of the users of train, whose labels are read: what more labels would bring.

    Raises:
        ValueError: the labels are all alike, or `share` is none.

    """
    if not 0 < share <= 1:
        raise ValueError(f"The share of labels is {share:g}: choose one above 0, up to 1.")
    pairs = binary(pairs, positive_from)
    split = {name: pairs[pairs["split"] == name] for name in ("train", "valid", "test")}
    if share < 1:
        users = {"train": max(1, round(share * split["train"]["user_id"].nunique())), **users}
    return split | {name: sample_users(split[name], count, seed) for name, count in users.items()}


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


def scored(scorers: Mapping[str, Scorer], valid: pd.DataFrame, test: pd.DataFrame) -> dict[str, Scores]:
    """Each model's scores of valid and of test."""
    return {name: Scores(score(valid), score(test)) for name, score in scorers.items()}


def probabilities_of(
    scores: Mapping[str, Scores], valid: pd.DataFrame
) -> tuple[dict[str, Calibration], dict[str, np.ndarray]]:
    """Each model's calibration, fitted on valid, and its probabilities on test."""
    found = {name: calibrate(valid["label"], each.valid, valid["weight"]) for name, each in scores.items()}
    return found, {name: found[name].probability(each.test) for name, each in scores.items()}


def calibrated(
    scorers: Mapping[str, Scorer], valid: pd.DataFrame, test: pd.DataFrame
) -> tuple[dict[str, Calibration], dict[str, np.ndarray]]:
    """As `probabilities_of`, from the models themselves."""
    return probabilities_of(scored(scorers, valid, test), valid)


def compare(
    pairs: pd.DataFrame, probabilities: Mapping[str, np.ndarray], *, draws: int = 500, seed: int = 0
) -> pd.DataFrame:
    """ROC-AUC, PR-AUC and Brier score of each model, and of the first against each other one, user by user.

    With a model named `CONSTANT` among them also the Brier skill: which share of its Brier score a model saves.

    Args:
        pairs: label, weight, user_id.
        probabilities: model → calibrated probability of each pair; [seeds, pairs] of trainings that were repeated.
        draws: bootstrap samples of users, the same for all models.
        seed: of the resampling.

    Returns:
        Rows subject, metric, value, low, high, n (users). The subject of a paired difference is "first - other"; it is
        taken within each bootstrap sample, and seed by seed. A value is the mean over seeds. The interval is the 95 %
        percentile interval over users, and over seeds where there are several: see `intervals.over_repeats`.

    Raises:
        TaskError: the pairs have one label only.

    """
    check_differ(pairs["label"], "test")
    labels, weights = pairs["label"].to_numpy(dtype=float), pairs["weight"].to_numpy(dtype=float)
    metrics, rows = dict(METRICS), []
    if CONSTANT in probabilities:
        metrics["brier_skill"] = partial(brier_skill, reference=probabilities[CONSTANT])
    for name, metric in metrics.items():
        values, spreads = {}, {}
        for subject, each in probabilities.items():
            of = [partial(metric, labels, p) for p in np.atleast_2d(each)]
            values[subject] = np.array([float(measure(weights)) for measure in of])
            with np.errstate(invalid="ignore", divide="ignore"):  # a draw without positives is NaN, and left out
                spreads[subject] = np.stack(
                    [user_replicates(measure, pairs["user_id"], weights, draws, seed) for measure in of]
                )
        first, *others = probabilities or [""]
        for other in others:
            values[f"{first} - {other}"] = values[first] - values[other]
            spreads[f"{first} - {other}"] = spreads[first] - spreads[other]
        for subject, repeats in values.items():
            low, high = interval(over_repeats(spreads[subject].mean(axis=0), repeats, seed))
            rows.append((subject, name, float(repeats.mean()), float(low), float(high)))
    table = pd.DataFrame(rows, columns=["subject", "metric", "value", "low", "high"])
    return table.assign(n=pairs["user_id"].nunique())


def classification_report(
    pairs: pd.DataFrame, probabilities: np.ndarray, calibration: Calibration, *, draws: int = 500, seed: int = 0
) -> pd.DataFrame:
    """Precision, recall and F1 of both classes at the calibrated threshold, at the natural rate, with intervals.

    Rows metric, value, low, high, n (users) per class ("positive", "negative"), support (pairs), weight (what they
    stand for), predicted (pairs that the model puts into the class) and hits (of these, those that belong there). A
    share of none or of all has no interval: every resample repeats it, and that is no certainty.
    """
    labels, weights = pairs["label"].to_numpy(dtype=float), pairs["weight"].to_numpy(dtype=float)
    predicted = (probabilities >= calibration.threshold).astype(float)
    rows = []
    for name, truth, guess in (("positive", labels, predicted), ("negative", 1 - labels, 1 - predicted)):
        values = precision_recall_f1(truth, guess, weights)
        replicate = partial(precision_recall_f1, truth, guess)
        spreads = user_replicates(replicate, pairs["user_id"], weights, draws, seed)
        size = int(truth.sum()), float((weights * truth).sum()), int(guess.sum()), int((truth * guess).sum())
        for metric, value, spread in zip(("precision", "recall", "f1"), values, spreads, strict=True):
            rows.append((name, metric, float(value), *_of_a_share(float(value), spread), *size))
    columns = ["class", "metric", "value", "low", "high", "support", "weight", "predicted", "hits"]
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


def precision_recall_curves(pairs: pd.DataFrame, probabilities: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Rows subject, precision, recall, at the natural rate: at each positive that a model finds, the surest first."""
    labels, weights = pairs["label"].to_numpy(dtype=float), pairs["weight"].to_numpy(dtype=float)
    found = {model: precision_recall(labels, p, weights) for model, p in probabilities.items()}
    return pd.concat(
        [pd.DataFrame({"subject": model, "precision": precision, "recall": recall})
         for model, (precision, recall) in found.items()],
        ignore_index=True,
    )  # fmt: skip


def reliability_table(
    pairs: pd.DataFrame, probabilities: Mapping[str, np.ndarray], bins: int = 10, *, draws: int = 500, seed: int = 0
) -> pd.DataFrame:
    """How far probabilities can be taken at their word: rows subject, predicted, observed, low, high, share.

    A row a bin of equal weight. The interval is that of the observed rate, over users; a bin without a positive has
    none.
    """
    labels, weights = pairs["label"].to_numpy(dtype=float), pairs["weight"].to_numpy(dtype=float)
    tables = []
    for model, p in probabilities.items():
        table = pd.DataFrame(reliability(labels, p, weights, bins)).assign(subject=model)
        number = equal_bins(p, weights, bins)
        inside = (number == np.unique(number)[:, None]).astype(float)
        with np.errstate(invalid="ignore"):  # a draw without a pair in a bin is NaN, and left out
            spreads = user_replicates(partial(_rates, labels, inside), pairs["user_id"], weights, draws, seed)
        bounds = [_of_a_share(value, spread) for value, spread in zip(table["observed"], spreads, strict=True)]
        tables.append(table.assign(low=[low for low, _ in bounds], high=[high for _, high in bounds]))
    return pd.concat(tables, ignore_index=True)


def _rates(labels: np.ndarray, inside: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The observed rate of each bin (bins × replicates); inside: bins × n, 1 where a pair is in the bin."""
    return ((weights @ (inside * labels).T) / (weights @ inside.T)).T


def _of_a_share(value: float, spread: np.ndarray) -> tuple[float, float]:
    """The interval of a share; of 0 and of 1 there is none, for every resample repeats them."""
    if value in (0, 1):
        return float("nan"), float("nan")
    low, high = interval(spread)
    return float(low), float(high)
