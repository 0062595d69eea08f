"""Slices of an evaluation: which (user, item) pairs are looked at."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.evaluation.comparison import Slice
from workbench.ranking.interactions import Interactions, belongs

HEAD_SHARE = 0.8  # the head is the fewest items that make this share of all orders
COLD_SHARE = 0.25  # the quarter of users with the fewest orders


def standard_slices(interactions: Interactions) -> dict[str, Slice | None]:
    """All pairs; repeat and novel products of the user; head and tail products; warm and cold users.

    Everything is told from purchases up to the cut, so that a slice never depends on what it measures.
    """
    bought, head = interactions.pairs, _head_items(interactions)
    visits = interactions.orders.drop_duplicates(["user", "order"]).groupby("user").size()
    warm = visits.index[visits > visits.quantile(COLD_SHARE)]

    def repeat(rows: pd.DataFrame) -> np.ndarray:
        return belongs(rows, bought)

    def in_head(rows: pd.DataFrame) -> np.ndarray:
        return head[rows.item.to_numpy()]

    def is_cold(rows: pd.DataFrame) -> np.ndarray:
        return ~np.isin(rows.user.to_numpy(), warm)

    return {
        "all": None,
        "repeat products": repeat,
        "novel products": lambda rows: ~repeat(rows),
        "head products": in_head,
        "tail products": lambda rows: ~in_head(rows),
        "warm users": lambda rows: ~is_cold(rows),
        "cold users": is_cold,
    }


def _head_items(interactions: Interactions) -> np.ndarray:
    orders = np.bincount(interactions.orders.item, minlength=len(interactions.items))
    by_size = np.argsort(-orders, kind="stable")
    share_before = (np.cumsum(orders[by_size]) - orders[by_size]) / max(orders.sum(), 1)
    head = np.zeros(len(orders), bool)
    head[by_size[share_before < HEAD_SHARE]] = True
    return head
