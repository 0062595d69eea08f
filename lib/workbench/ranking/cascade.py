"""The cascade: cheap rankers choose, the text model re-scores the first few of each user."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from workbench.metrics.ranking import rank_by_score


def reciprocal_rank_fusion(pairs: pd.DataFrame, columns: Sequence[str], damping: float = 60.0) -> np.ndarray:
    """Sum of 1 / (damping + rank) over rankers' score columns: [pairs]. Source: Cormack, Clarke & Büttcher 2009."""
    fused = np.zeros(len(pairs))
    user, item = pairs.user.to_numpy(), pairs.item.to_numpy()
    for column in columns:
        order, rank = rank_by_score(user, item, pairs[column].to_numpy())
        fused[order] += 1.0 / (damping + 1.0 + rank)
    return fused


def first_candidates(pairs: pd.DataFrame, columns: Sequence[str], n: int) -> np.ndarray:
    """Which pairs the text model gets to see: the first ``n`` of each user by fused cheap ranks, as [pairs] bool.

    Half of them are new to the user, where there are any: on these the counts are silent and text can speak.
    """
    chosen = np.zeros(len(pairs), bool)
    fused = reciprocal_rank_fusion(pairs, columns)
    repeat = pairs["repeat"].to_numpy()
    for part, share in ((repeat, n - n // 2), (~repeat, n // 2)):
        rows = np.flatnonzero(part)
        order, rank = rank_by_score(pairs.user.to_numpy()[rows], pairs.item.to_numpy()[rows], fused[rows])
        chosen[rows[order[rank < share]]] = True
    return chosen


def text_scores(
    pairs: pd.DataFrame,
    chosen: np.ndarray,
    contexts: pd.Series,
    texts: np.ndarray,
    score: Callable[[list[str], list[str]], np.ndarray],
) -> np.ndarray:
    """The text model's score where chosen, NaN elsewhere: [pairs] float32.

    Args:
        pairs: ``user``, ``item`` codes.
        chosen: [pairs] which to score.
        contexts: text of each user's past, indexed by user code; a user without one is not scored.
        texts: [items] text of each item.
        score: [n] contexts and candidates → [n] scores.
    """
    result = np.full(len(pairs), np.nan, np.float32)
    rows = np.flatnonzero(chosen & pairs.user.isin(contexts.index).to_numpy())
    context = contexts.loc[pairs.user.to_numpy()[rows]].tolist()
    result[rows] = score(context, texts[pairs.item.to_numpy()[rows]].tolist())
    return result
