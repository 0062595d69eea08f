"""The cascade: cheap rankers choose, the text model re-scores the first few of each user."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from workbench.metrics.ranking import rank_by_score
from workbench.ranking.period import Period, item_texts


def reciprocal_rank_fusion(pairs: pd.DataFrame, columns: Sequence[str], damping: float = 60.0) -> np.ndarray:
    """Sum of 1 / (damping + rank) over rankers' score columns: [pairs]. Source: Cormack, Clarke & Büttcher 2009."""
    fused = np.zeros(len(pairs))
    user, item = pairs.user.to_numpy(), pairs.item.to_numpy()
    for column in columns:
        order, rank = rank_by_score(user, item, pairs[column].to_numpy())
        fused[order] += 1.0 / (damping + 1.0 + rank)
    return fused


def first_candidates(pairs: pd.DataFrame, fused: np.ndarray, n: int) -> np.ndarray:
    """Which pairs the text model gets to see: the first ``n`` of each user by fused cheap ranks, as [pairs] bool.

    Half of them are new to the user, where there are any: on these the counts are silent and text can speak.
    """
    chosen = np.zeros(len(pairs), bool)
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


def add_text_model(
    period: Period,
    contexts: pd.Series,
    items: pd.DataFrame,
    score: Callable[[list[str], list[str]], np.ndarray],
    n: int,
) -> dict[str, float]:
    """Re-score the first ``n`` candidates of each user and add the ranker ``text_model`` to the period.

    As a ranker it keeps the cheap order behind what it has read. As a feature it is missing there, and so that this
    alone tells the fusion nothing, the cheap order and the choice are features of their own.

    Args:
        period: with the scores of the cheap rankers.
        contexts: user_id → text of the user's past.
        items: ``item_id, title``.
        score: the text model.
        n: candidates of a user that it gets to see.

    Returns:
        What it cost: pairs asked for, distinct pairs scored, seconds, and their share of all candidates.
    """
    by_code = _by_code(period, contexts)
    fused, chosen = _choose(period, n)
    asked: set[tuple[str, str]] = set()

    def counted(left: list[str], right: list[str]) -> np.ndarray:
        asked.update(zip(left, right, strict=True))
        return score(left, right)

    start = time.perf_counter()
    texts = np.array(item_texts(period.interactions, items), dtype=object)
    scores = text_scores(period.pairs, chosen, by_code, texts, counted)
    seconds = time.perf_counter() - start
    read = np.isfinite(scores)
    _add_features(period, fused, read)
    period.features["by_text_model"] = scores
    lowest = scores[read].min() if read.any() else 0.0
    period.pairs["by_text_model"] = np.where(read, scores, lowest - 2 + fused)  # the fused score is below 1
    return {
        "products a user (N)": n,
        "pairs": int(chosen.sum()),
        "distinct pairs scored": len(asked),
        "share of all candidates": round(float(chosen.mean()), 4),
        "seconds": round(seconds, 1),
    }


def add_choice(period: Period, contexts: pd.Series, n: int) -> None:
    """Add what :func:`add_text_model` adds but the text model's score: the cheap order, and who would be read."""
    fused, chosen = _choose(period, n)
    _add_features(period, fused, chosen & period.pairs.user.isin(_by_code(period, contexts).index).to_numpy())


def _by_code(period: Period, contexts: pd.Series) -> pd.Series:
    """The contexts of the users who were seen before, by their codes."""
    users = period.interactions.users
    known = contexts[contexts.index.isin(users)]
    return known.set_axis(np.searchsorted(users, known.index.to_numpy(str)))


def _choose(period: Period, n: int) -> tuple[np.ndarray, np.ndarray]:
    fused = reciprocal_rank_fusion(period.pairs, [f"by_{name}" for name in period.rankers])
    return fused, first_candidates(period.pairs, fused, n)


def _add_features(period: Period, fused: np.ndarray, read: np.ndarray) -> None:
    period.features["cascade_rank"] = fused.astype(np.float32)
    period.features["cascade_chosen"] = read.astype(np.float32)
