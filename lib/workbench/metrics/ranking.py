"""Metrics of ranked lists, one value a group (household, query), in plain NumPy.

Every list is given as its gains in rank order; ties are broken before (by item id), never here.
The definitions are those of ``ir-measures`` (nDCG with the gain itself, P, R, RR), to which a test holds them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def rank_by_score(group: np.ndarray, item: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order rows by group, then score downwards, then item id upwards: the one place where ties are broken.

    Args:
        group: [rows] group of each row.
        item: [rows] item of each row; equal scores go by it.
        score: [rows] higher is better; NaN comes last.

    Returns:
        order: [rows] positions that sort the rows.
        rank: [rows] rank within its group of each *sorted* row, from 0.
    """
    order = np.lexsort((item, -np.nan_to_num(score, nan=-np.inf), group))
    sorted_group = group[order]
    starts = np.flatnonzero(np.r_[True, sorted_group[1:] != sorted_group[:-1]]) if len(order) else np.array([], int)
    lengths = np.diff(np.r_[starts, len(order)])
    return order, np.arange(len(order)) - np.repeat(starts, lengths)


def ideal_dcg(gains_per_group: np.ndarray, k: int) -> np.ndarray:
    """DCG of the best list when a group has that many relevant items of gain 1: [groups] counts → [groups]."""
    best = np.cumsum(1.0 / np.log2(np.arange(k) + 2.0))
    return best[np.clip(gains_per_group, 1, k) - 1]


def ranking_metrics(
    group: np.ndarray, item: np.ndarray, score: np.ndarray, relevant: np.ndarray, truth_size: pd.Series, k: int = 10
) -> pd.DataFrame:
    """NDCG, recall, precision at k and the reciprocal rank, one row a group of ``truth_size``.

    Args:
        group, item, score: [rows] the candidates of all groups and one ranker's score of each.
        relevant: [rows] 1 where the candidate is in the group's truth, else 0.
        truth_size: how many relevant items each group has, outside the candidates too; its index names the groups
            that count. A group without candidates scores 0.
        k: cut-off.

    Returns:
        Frame indexed like ``truth_size`` with columns ``ndcg``, ``recall``, ``precision`` (at k) and ``mrr`` (no cut).

    Source: Järvelin & Kekäläinen 2002 for nDCG.
    """
    if (truth_size < 1).any():
        raise ValueError("a group without relevant items has no ranking metric: leave it out and count it")
    order, rank = rank_by_score(group, item, score)
    gain = relevant[order].astype(float)
    place = pd.Index(truth_size.index).get_indexer(group[order])
    counted = (place >= 0) & (gain > 0)
    top = counted & (rank < k)
    n, size = len(truth_size), truth_size.to_numpy()
    dcg = np.bincount(place[top], 1.0 / np.log2(rank[top] + 2.0), n)
    hits = np.bincount(place[top], minlength=n)
    first = np.full(n, np.inf)
    np.minimum.at(first, place[counted], rank[counted] + 1.0)
    values = {"ndcg": dcg / ideal_dcg(size, k), "recall": hits / size, "precision": hits / k, "mrr": 1.0 / first}
    return pd.DataFrame(values, index=truth_size.index)
