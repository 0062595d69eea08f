"""What a merchandiser asks of the lists as a whole: coverage and diversity."""

from __future__ import annotations

import pandas as pd


def coverage(lists: pd.DataFrame, catalogue_size: int, k: int = 10) -> pd.Series:
    """Share of the catalogue's items that stand on at least one user's first k: one figure a ranker.

    Args:
        lists: ``ranker, user_id, item_id, rank`` (from 1).
        catalogue_size: number of eligible items.
        k: length of the lists.
    """
    return lists[lists["rank"] <= k].groupby("ranker").item_id.nunique() / catalogue_size


def diversity(lists: pd.DataFrame, kind: pd.Series, k: int = 10) -> pd.Series:
    """Mean over users of the distinct kinds on a list, divided by its length: 1 = no kind twice.

    Args:
        lists: ``ranker, user_id, item_id, rank`` (from 1).
        kind: kind (category, type) of each item, indexed by item id.
        k: length of the lists.
    """
    shown = lists[lists["rank"] <= k].assign(kind=lambda rows: rows.item_id.map(kind))
    groups = shown.groupby(["ranker", "user_id"])
    return (groups.kind.nunique() / groups.size()).groupby("ranker").mean()


def breadth(lists: pd.DataFrame, catalogue_size: int, kind: pd.Series, k: int = 10) -> pd.DataFrame:
    """Coverage and diversity of each ranker: [rankers, (coverage, diversity)]."""
    return pd.DataFrame({"coverage": coverage(lists, catalogue_size, k), "diversity": diversity(lists, kind, k)})


def novel_share(lists: pd.DataFrame, k: int = 10) -> pd.Series:
    """Share of the first k places that hold a product new to the user, by ranker."""
    return 1 - lists[lists["rank"] <= k].groupby("ranker")["repeat"].mean()
