"""Rankers side by side: every figure with its interval over users, every difference paired."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from workbench.metrics.intervals import bootstrap_means
from workbench.metrics.ranking import ranking_metrics
from workbench.ranking.period import Period

Slice = Callable[[pd.DataFrame], np.ndarray]  # rows of (user, item) codes → which belong to the slice
CUT = {"ndcg", "ndcg_exp", "map", "recall", "precision", "hit"}  # metrics that have a k; the reciprocal rank has none


def user_values(period: Period, rankers: Sequence[str], k: int = 10, inside: Slice | None = None) -> pd.DataFrame:
    """Each ranker's metrics of each user.

    Args:
        period: candidates with a ``by_<ranker>`` score each.
        rankers: their names.
        k: cut-off.
        inside: ranks, and looks for, only the pairs of this slice; users without truth in it do not count.

    Returns:
        [users, (ranker, metric)], indexed by user code.
    """
    pairs, truth = period.pairs, period.truth
    if inside is not None:
        pairs, truth = pairs[inside(pairs)], truth[inside(truth)]
    size = truth.groupby("user").size()
    user, item, label = (pairs[column].to_numpy() for column in ("user", "item", "label"))
    return pd.concat(
        {name: ranking_metrics(user, item, pairs[f"by_{name}"].to_numpy(), label, size, k) for name in rankers}, axis=1
    )


def compare(
    period: Period,
    rankers: Sequence[str],
    versus: Sequence[tuple[str, str]] = (),
    slices: Mapping[str, Slice | None] | None = None,
    k: int = 10,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """All rankers, metrics and slices with bootstrap intervals over users.

    Args:
        period: candidates and truth.
        rankers: names to show.
        versus: pairs (a, b) whose paired difference "a - b" is shown as well.
        slices: name → slice; by default all pairs, under the name "all". A slice without any truth is left out.
        k: cut-off.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        Tidy rows ``subject, metric, k, slice, value, low, high, n`` (k is missing for ``mrr``).
    """
    frames = []
    for name, inside in (slices or {"all": None}).items():
        values = user_values(period, rankers, k, inside)
        if values.empty:
            continue
        differences = {f"{a} - {b}": values.xs(a, axis=1) - values.xs(b, axis=1) for a, b in versus}
        columns = pd.concat([values, pd.concat(differences, axis="columns")], axis="columns") if versus else values
        table = bootstrap_means(columns, resamples, seed=seed)
        table.index.names = ["subject", "metric"]
        frames.append(table.reset_index().assign(slice=name))
    rows = pd.concat(frames, ignore_index=True)
    rows["k"] = pd.array([k if metric in CUT else pd.NA for metric in rows.metric], dtype="Int64")
    return rows[["subject", "metric", "k", "slice", "value", "low", "high", "n"]]


def table(rows: pd.DataFrame, metric: str, slice_: str = "all") -> pd.DataFrame:
    """The rows of one metric and slice, best first, indexed by subject."""
    chosen = rows[(rows.metric == metric) & (rows["slice"] == slice_)]
    return chosen.sort_values("value", ascending=False).set_index("subject")[["value", "low", "high", "n"]]


def estimate(rows: pd.DataFrame, subject: str, metric: str = "ndcg", slice_: str = "all") -> dict[str, float]:
    """One figure: ``value``, ``low``, ``high``, ``n``."""
    return dict(zip(["value", "low", "high", "n"], map(float, table(rows, metric, slice_).loc[subject]), strict=True))
