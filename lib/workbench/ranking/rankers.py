"""Rankers that score every item for a user: popularity, personal frequency, item-kNN, ALS and content.

Each is fitted on :class:`Interactions` and answers two questions, ``recommend`` and ``score``; both come from one
block of the score matrix, so a ranker proposes exactly what it would rank first.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender
from implicit.utils import ParameterWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits
from typing_extensions import override

from workbench.ranking.interactions import Interactions

BLOCK = 512  # users scored at once: 512 × 15,000 items in float32 are 30 MB


class Ranker:
    """What all rankers share: scores by block, proposals and scores of pairs.

    A user code beyond the fitted users is somebody who never bought before; only popularity knows anything for them.
    """

    name: str

    def fit(self, interactions: Interactions) -> Self:
        """Learn from the purchases up to ``interactions.until``."""
        self.known = len(interactions.users)
        self.cold: np.ndarray = np.zeros(len(interactions.items), np.float32)
        self.learn(interactions)
        return self

    def learn(self, interactions: Interactions) -> None:
        """What a ranker does to be fitted."""
        raise TypeError(f"{type(self).__name__} cannot be fitted")

    def block(self, users: np.ndarray) -> np.ndarray:
        """Scores of all items for these fitted users' codes: [users, items] float32."""
        raise TypeError(f"{type(self).__name__} has no scores")

    def _blocks(self, users: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for start in range(0, len(users), BLOCK):
            chunk = users[start : start + BLOCK]
            scores = np.tile(self.cold, (len(chunk), 1))
            known = chunk < self.known
            scores[known] = self.block(chunk[known])
            yield chunk, scores

    def recommend(self, users: np.ndarray, k: int) -> pd.DataFrame:
        """The k best items of each user, ties by item: ``user``, ``item``, ``score``; scores ≤ 0 are left out."""
        parts = []
        for chunk, scores in self._blocks(users):
            best = _top(scores, k)
            parts.append(
                pd.DataFrame(
                    {
                        "user": np.repeat(chunk, best.shape[1]),
                        "item": best.ravel(),
                        "score": np.take_along_axis(scores, best, 1).ravel(),
                    }
                )
            )
        frame = pd.concat(parts, ignore_index=True)
        return frame[frame.score > 0].reset_index(drop=True)

    def score(self, pairs: pd.DataFrame) -> np.ndarray:
        """Score of each (``user``, ``item``) pair of codes: [pairs] float32."""
        users, row = np.unique(pairs.user.to_numpy(), return_inverse=True)
        items, result = pairs.item.to_numpy(), np.empty(len(pairs), np.float32)
        for start, (_, scores) in zip(range(0, len(users), BLOCK), self._blocks(users), strict=True):
            inside = (row >= start) & (row < start + BLOCK)
            result[inside] = scores[row[inside] - start, items[inside]]
        return result


def _top(scores: np.ndarray, k: int) -> np.ndarray:
    """Columns of the k largest values of each row, best first, equal values by column: [rows, k]."""
    k = min(k, scores.shape[1])
    # the k-th value by partition; what equals it is cut by a stable sort, so that ties go by column
    threshold = -np.partition(-scores, k - 1, axis=1)[:, k - 1]
    best = np.empty((len(scores), k), np.int64)
    for row, (values, least) in enumerate(zip(scores, threshold, strict=True)):
        columns = np.flatnonzero(values >= least)
        best[row] = columns[np.argsort(-values[columns], kind="stable")[:k]]
    return best


class Popularity(Ranker):
    """Share of users who bought the item in the last weeks; the same list for everyone."""

    name = "popularity"

    def __init__(self, weeks: int = 4) -> None:
        self.weeks = weeks

    @override
    def learn(self, interactions: Interactions) -> None:
        recent = interactions.orders[interactions.orders.week > interactions.until - self.weeks]
        buyers = recent.drop_duplicates(["user", "item"]).item
        self.cold = (np.bincount(buyers, minlength=len(self.cold)) / self.known).astype(np.float32)

    @override
    def block(self, users: np.ndarray) -> np.ndarray:
        return np.tile(self.cold, (len(users), 1))


class Frequency(Ranker):
    """How often the user bought the item; with a half-life in weeks, older orders count less."""

    def __init__(self, half_life: float | None = None) -> None:
        self.half_life = half_life
        self.name = "frequency" if half_life is None else "recency"

    @override
    def learn(self, interactions: Interactions) -> None:
        self.counts = interactions.matrix(self.half_life)

    @override
    def block(self, users: np.ndarray) -> np.ndarray:
        return self.counts[users].toarray()


class ItemKNN(Ranker):
    """Items bought by the same users, BM25-weighted neighbours (``implicit``)."""

    name = "item_knn"

    def __init__(self, neighbours: int = 50, half_life: float | None = None) -> None:
        self.neighbours, self.half_life = neighbours, half_life

    @override
    def learn(self, interactions: Interactions) -> None:
        model = BM25Recommender(K=self.neighbours, num_threads=1)
        self.counts = interactions.matrix(self.half_life)
        with warnings.catch_warnings():  # implicit weighs into COO and then complains of it
            warnings.simplefilter("ignore", ParameterWarning)
            model.fit(self.counts, show_progress=False)
        self.similarity = model.similarity.astype(np.float32)

    @override
    def block(self, users: np.ndarray) -> np.ndarray:
        return (self.counts[users] @ self.similarity).toarray()


class ALS(Ranker):
    """Implicit-feedback matrix factorisation (Hu, Koren & Volinsky 2008), ``implicit``."""

    name = "als"

    def __init__(
        self,
        factors: int = 64,
        alpha: float = 10.0,
        half_life: float | None = None,
        seed: int = 0,
        threads: int = 2,
    ) -> None:
        self.factors, self.alpha, self.half_life = factors, alpha, half_life
        self.seed, self.threads = seed, threads

    @override
    def learn(self, interactions: Interactions) -> None:
        with threadpool_limits(1, "blas"):  # implicit runs its own threads; its ALS repeats exactly on any
            model = AlternatingLeastSquares(
                factors=self.factors,
                alpha=self.alpha,
                iterations=10,
                random_state=self.seed,
                num_threads=self.threads,
            )
            model.fit(interactions.matrix(self.half_life), show_progress=False)
        self.user_factors, self.item_factors = model.user_factors, model.item_factors

    @override
    def block(self, users: np.ndarray) -> np.ndarray:
        return self.user_factors[users] @ self.item_factors.T


class Content(Ranker):
    """Items whose text is near what the user buys: cosine of the item and the user's faded mean of items.

    Args:
        name: of the ranker.
        vectors: [items, dimensions] one row an eligible item, dense or sparse, of length 1.
        half_life: weeks after which an order counts half in the profile.
    """

    def __init__(self, name: str, vectors: np.ndarray | sp.csr_matrix, half_life: float | None = None) -> None:
        self.name, self.vectors, self.half_life = name, vectors, half_life

    @override
    def learn(self, interactions: Interactions) -> None:
        if self.vectors.shape[0] != len(interactions.items):
            raise ValueError(
                f"{self.name} needs one vector an eligible item: {len(interactions.items)}, not {self.vectors.shape[0]}"
            )
        self.profiles = normalize(interactions.matrix(self.half_life) @ self.vectors)

    @override
    def block(self, users: np.ndarray) -> np.ndarray:
        scores = self.profiles[users] @ self.vectors.T
        return np.asarray(scores.toarray() if sp.issparse(scores) else scores, np.float32)


def tfidf_vectors(texts: list[str]) -> sp.csr_matrix:
    """TF-IDF of words and word pairs, rows of length 1: [texts, terms]."""
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32).fit_transform(texts)
