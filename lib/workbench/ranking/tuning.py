"""Settings of the simple rankers, chosen on the label window with the care that the fusion gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.metrics.ranking import ranking_metrics
from workbench.ranking.interactions import Interactions
from workbench.ranking.period import Settings
from workbench.ranking.rankers import ALS, Frequency, ItemKNN, Popularity, Ranker

# the setting a ranker is tuned by, and how to build it
MAKERS: dict[str, tuple[str, Callable[[Settings], Ranker]]] = {
    "popular_weeks": ("popularity", lambda s: Popularity(s.popular_weeks)),
    "half_life": ("recency", lambda s: Frequency(s.half_life)),
    "neighbours": ("item_knn", lambda s: ItemKNN(s.neighbours, s.half_life)),
    "factors": ("als", lambda s: ALS(s.factors, s.alpha, s.half_life, s.seed, s.threads)),
    "alpha": ("als", lambda s: ALS(s.factors, s.alpha, s.half_life, s.seed, s.threads)),
}


def tune(
    interactions: Interactions, truth: pd.DataFrame, grid: Mapping[str, Sequence[float]], start: Settings
) -> tuple[Settings, pd.DataFrame]:
    """Try each setting's values in turn, keep the best by NDCG@10, go on from there.

    Args:
        interactions: purchases up to the cut.
        truth: (user, item) codes bought in the label window.
        grid: setting → values, tried in this order.
        start: settings to begin with.

    Returns:
        The chosen settings, and a table ``ranker, setting, value, ndcg, chosen``.

    Raises:
        ValueError: a setting of the grid is none of the known ones.
    """
    if unknown := set(grid) - set(MAKERS):
        raise ValueError(f"cannot tune {sorted(unknown)}: the settings are {sorted(MAKERS)}")
    chosen, rows = start, []
    for setting, values in grid.items():
        ranker, make = MAKERS[setting]
        scores = [own_ndcg(make(_with(chosen, setting, value)).fit(interactions), truth) for value in values]
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
    label = pd.MultiIndex.from_frame(lists[["user", "item"]]).isin(pd.MultiIndex.from_frame(truth)).astype(int)
    values = ranking_metrics(lists.user.to_numpy(), lists.item.to_numpy(), lists.score.to_numpy(), label, size, k)
    return float(values.ndcg.mean())


def _with(settings: Settings, name: str, value: float) -> Settings:
    changed: dict[str, Any] = {name: value}
    return replace(settings, **changed)
