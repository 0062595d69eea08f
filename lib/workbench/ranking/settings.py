"""The settings of the simple rankers, and how each ranker is made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp

from workbench.ranking.rankers import ALS, Content, Frequency, ItemKNN, Popularity, Ranker

Vectors: TypeAlias = np.ndarray | sp.csr_matrix


@dataclass(frozen=True)
class Settings:
    """What is tuned on the label window, one value each; half-lives in weeks."""

    popular_weeks: int = 4
    half_life: float = 20.0
    profile_half_life: float = 8.0
    neighbours: int = 50
    factors: int = 64
    alpha: float = 10.0
    seed: int = 0
    threads: int = 2


# name → how to make it; vectors: [items, dimensions] of the eligible items' texts, by name of the content ranker
MAKERS: dict[str, Callable[[Settings, dict[str, Vectors]], Ranker]] = {
    "popularity": lambda s, _: Popularity(s.popular_weeks),
    "frequency": lambda s, _: Frequency(),
    "recency": lambda s, _: Frequency(s.half_life),
    "item_knn": lambda s, _: ItemKNN(s.neighbours, s.half_life),
    "als": lambda s, _: ALS(s.factors, s.alpha, s.half_life, s.seed, s.threads),
    "tfidf": lambda s, vectors: Content("tfidf", vectors["tfidf"], s.profile_half_life),
    "bi_encoder": lambda s, vectors: Content("bi_encoder", vectors["bi_encoder"], s.profile_half_life),
}

# setting → the ranker whose NDCG chooses it; the others that use it take the same value
TUNED_BY = {
    "popular_weeks": "popularity",
    "half_life": "recency",
    "neighbours": "item_knn",
    "factors": "als",
    "alpha": "als",
    "profile_half_life": "tfidf",
}
