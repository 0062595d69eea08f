"""How a model does on parts of the test pairs: for whom, and for what, it works less well."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd

from workbench.metrics.classification import Metric, roc_auc, user_replicates
from workbench.metrics.intervals import interval

FEW = 10  # users below which a slice is not measured, and a trait's value is not named


def standard_slices(
    test: pd.DataFrame, train: pd.DataFrame, traits: pd.DataFrame | None = None, languages: pd.Series | None = None
) -> dict[str, np.ndarray]:
    """Which test pairs (a mask over the rows of `test`) belong to which slice.

    Users, contexts and candidates that training read, and others; short and long contexts, by the median; the
    candidate's language; each trait of people. All of it is known before the outcome: a slice that is chosen by the
    outcome, such as where a pair comes from, has a biased gap.

    Args:
        test: user_id, context, candidate_id, candidate.
        train: the pairs that training read: user_id, context, candidate.
        traits: user_id, a column a trait; None where there are none, or none may be read. Of a trait's values those
            with fewer than `FEW` users in `test` come together, so that nobody is told apart by what is rare.
        languages: of candidates, indexed by candidate_id.

    """
    length = test["context"].str.len()
    halves = {
        ("returning users", "new users"): test["user_id"].isin(train["user_id"]),
        ("contexts read in training", "new contexts"): test["context"].isin(train["context"]),
        ("candidates read in training", "new candidates"): test["candidate"].isin(train["candidate"]),
        ("short contexts", "long contexts"): length <= length.median(),
    }
    slices = {name: (inside if first else ~inside).to_numpy() for names, inside in halves.items()
              for name, first in zip(names, (True, False), strict=True)}  # fmt: skip
    columns = {} if languages is None else {"language": test["candidate_id"].map(languages)}
    people = pd.DataFrame() if traits is None else traits.set_index("user_id").reindex(test["user_id"])
    columns |= {str(name): _pooled(people[name], test["user_id"]) for name in people}
    for column, values in columns.items():
        words = values.astype("str").to_numpy()
        slices |= {f"{column}: {word}": words == word for word in sorted(set(words))}
    return {name: inside for name, inside in slices.items() if 0 < inside.sum() < len(test)}


def by_slice(
    pairs: pd.DataFrame,
    probabilities: np.ndarray,
    slices: Mapping[str, np.ndarray],
    *,
    subject: str,
    draws: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """ROC-AUC and calibration gap of a model on each slice, with 95 % bootstrap intervals over users.

    pairs: label, weight, user_id; probabilities: calibrated, of each pair. Rows subject, slice, metric, value, low,
    high and n (users). The gap is the predicted minus the observed rate: above 0 the model promises too much. A slice
    of fewer than `FEW` users, or of one class alone, has no value.
    """
    rows = []
    for name, inside in slices.items():
        part, p = pairs[inside], probabilities[inside]
        users, labels = part["user_id"].nunique(), part["label"].to_numpy(dtype=float)
        weights = part["weight"].to_numpy(dtype=float)
        for metric, measure in MEASURED.items():
            value = low = high = float("nan")
            if users >= FEW and labels.min() < labels.max():
                value = float(measure(labels, p, weights))
                with np.errstate(invalid="ignore", divide="ignore"):  # a draw of one class is NaN, and left out
                    spread = user_replicates(partial(measure, labels, p), part["user_id"], weights, draws, seed)
                low, high = map(float, interval(spread))
            rows.append((subject, name, metric, value, low, high, users))
    return pd.DataFrame(rows, columns=["subject", "slice", "metric", "value", "low", "high", "n"])


def overall(pairs: pd.DataFrame, probabilities: np.ndarray) -> dict[str, float]:
    """The same metrics on all pairs, which the slices are held against."""
    labels, weights = pairs["label"].to_numpy(dtype=float), pairs["weight"].to_numpy(dtype=float)
    return {metric: float(measure(labels, probabilities, weights)) for metric, measure in MEASURED.items()}


def calibration_gap(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean probability minus share of positives, at the natural rate; weights (n, or replicates × n)."""
    return (weights * (probabilities - labels)).sum(-1) / weights.sum(-1)


MEASURED: Mapping[str, Metric] = {"roc_auc": roc_auc, "calibration_gap": calibration_gap}


def _pooled(values: pd.Series, users: pd.Series) -> pd.Series:
    """A trait of each pair's user, in words; values of few users are one."""
    known = values.astype("str").where(values.notna().to_numpy(), "not known").reset_index(drop=True)
    counts = users.reset_index(drop=True).groupby(known).nunique()
    return known.where(known.map(counts) >= FEW, "any other")
