"""Candidates of each user: what could be on the list at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.ranking.interactions import Interactions, belongs
from workbench.ranking.rankers import Ranker


def propose(
    users: np.ndarray, interactions: Interactions, rankers: Sequence[Ranker], each: dict[str, int]
) -> pd.DataFrame:
    """A user's own past items and each ranker's first proposals, once each.

    Args:
        users: codes of the users to rank for.
        interactions: gives the past items.
        rankers: fitted rankers.
        each: how many proposals of each ranker by name; a ranker not named proposes nothing.

    Returns:
        ``user``, ``item`` sorted by both, ``repeat`` (bought before), and ``by_<ranker>``: its score.
    """
    own = interactions.pairs
    own = own[own.user.isin(users)]
    proposals = [r.recommend(users, each[r.name])[["user", "item"]] for r in rankers if each.get(r.name)]
    pairs = pd.concat([own, *proposals]).drop_duplicates().sort_values(["user", "item"], ignore_index=True)
    pairs["repeat"] = belongs(pairs, own)
    for ranker in rankers:
        pairs[f"by_{ranker.name}"] = ranker.score(pairs)
    return pairs


def ceiling(pairs: pd.DataFrame, truth: pd.DataFrame) -> float:
    """Share of the true (user, item) pairs that are candidates: no ranking of them can recall more."""
    return float(belongs(truth, pairs).mean())
