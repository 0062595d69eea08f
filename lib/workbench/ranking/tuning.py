"""Settings of the simple rankers, chosen on the label window with the care that the fusion gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.metrics.ranking import ranking_metrics
from workbench.ranking.interactions import Interactions, belongs
from workbench.ranking.rankers import Ranker
from workbench.ranking.settings import MAKERS, TUNED_BY, Settings, Vectors

GRID: dict[str, list[float]] = {
    "half_life": [8, 13, 20, 26],
    "neighbours": [2, 5, 10, 20],
    "factors": [8, 16, 32],
    "alpha": [0.1, 0.3, 1.0],
    "profile_half_life": [1, 2, 4, 8],
}
"""Values worth trying, half-lives in weeks; wide enough that the best ones of a grocery lie inside."""


def tune(
    interactions: Interactions,
    truth: pd.DataFrame,
    grid: Mapping[str, Sequence[float]],
    start: Settings,
    vectors: dict[str, Vectors],
) -> tuple[Settings, pd.DataFrame]:
    """Try each setting's values in turn, keep the best by NDCG@10, go on from there.

    Args:
        interactions: purchases up to the cut.
        truth: (user, item) codes bought in the label window.
        grid: setting → values, tried in this order.
        start: settings to begin with.
        vectors: of the items' texts, for the content rankers.

    Returns:
        The chosen settings, and a table ``ranker, setting, value, ndcg, chosen``; its first row is personal frequency,
        which has nothing to tune.

    Raises:
        ValueError: a setting of the grid is none of the known ones.
    """
    if unknown := set(grid) - set(TUNED_BY):
        raise ValueError(f"cannot tune {sorted(unknown)}: the settings are {sorted(TUNED_BY)}")

    def trial(ranker: str, settings: Settings) -> float:
        return own_ndcg(MAKERS[ranker](settings, vectors).fit(interactions), truth)

    rows = [
        {"ranker": "frequency", "setting": "none", "value": None, "ndcg": trial("frequency", start), "chosen": True}
    ]
    chosen = start
    for setting, values in grid.items():
        ranker = TUNED_BY[setting]
        scores = [trial(ranker, _with(chosen, setting, value)) for value in values]
        best = int(np.argmax(scores))
        chosen = _with(chosen, setting, values[best])
        rows += [
            {"ranker": ranker, "setting": setting, "value": value, "ndcg": score, "chosen": i == best}
            for i, (value, score) in enumerate(zip(values, scores, strict=True))
        ]
    return chosen, pd.DataFrame(rows)


def own_ndcg(ranker: Ranker, truth: pd.DataFrame, k: int = 10) -> float:
    """Mean NDCG@k of a ranker's own first k among all eligible items."""
    size = truth.groupby("user").size()
    lists = ranker.recommend(size.index.to_numpy(), k)
    label = belongs(lists, truth).astype(int)
    values = ranking_metrics(lists.user.to_numpy(), lists.item.to_numpy(), lists.score.to_numpy(), label, size, k)
    return float(values.ndcg.mean())


def _with(settings: Settings, name: str, value: float) -> Settings:
    changed: dict[str, Any] = {name: value}
    return replace(settings, **changed)
