"""One period of the timetable: everything fitted up to a week, labels from the weeks after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.ranking.candidates import ceiling, propose
from workbench.ranking.features import candidate_features
from workbench.ranking.interactions import Interactions, belongs
from workbench.ranking.rankers import Ranker, tfidf_vectors
from workbench.ranking.settings import MAKERS, Settings, Vectors


@dataclass
class Period:
    """Candidates of one period with scores, features and labels.

    Attributes:
        interactions: the purchases the period may look at.
        pairs: ``user``, ``item``, ``repeat``, ``by_<ranker>``, ``label``; sorted by user and item.
        features: [pairs, features] of the fusion, the rankers' scores among them.
        truth: the (user, item) codes bought in the label window.
        user_ids: id of each user code; those beyond ``interactions.users`` bought for the first time.
        without_truth: users who shopped before but bought nothing eligible in the label window.
    """

    interactions: Interactions
    pairs: pd.DataFrame
    features: pd.DataFrame
    truth: pd.DataFrame
    user_ids: np.ndarray
    without_truth: int

    @property
    def truth_size(self) -> pd.Series:
        """Number of true items of each user that has any."""
        return self.truth.groupby("user").size()

    @property
    def rankers(self) -> list[str]:
        """Names of the rankers that scored the candidates."""
        return [column.removeprefix("by_") for column in map(str, self.pairs) if column.startswith("by_")]

    @property
    def ceiling(self) -> float:
        """Recall of the candidates."""
        return ceiling(self.pairs, self.truth)

    def summary(self) -> pd.DataFrame:
        """The period in figures, one row each."""
        each = self.pairs.groupby("user").size()
        figures = {
            "eligible products": f"{len(self.interactions.items):,}",
            "users with truth": f"{len(self.truth_size):,}",
            "of them never seen before": f"{(self.truth_size.index >= len(self.interactions.users)).sum():,}",
            "users left out, without truth": f"{self.without_truth:,}",
            "products bought by a user, mean": f"{self.truth_size.mean():.1f}",
            "candidates of a user, median": f"{each.median():.0f}",
            "candidates that were bought": f"{self.pairs.label.mean():.1%}",
            "recall of the candidates (ceiling)": f"{self.ceiling:.1%}",
        }
        return pd.DataFrame({"value": figures})


def open_period(
    purchases: pd.DataFrame,
    items: pd.DataFrame,
    window: tuple[int, int],
    embed: Callable[[list[str]], np.ndarray],
    settings: Settings,
    each: dict[str, int],
    min_users: int,
    excluded: Sequence[str] = (),
) -> Period:
    """Fit all cheap rankers up to the first week of ``window``, and assemble candidates, features and labels.

    Args:
        purchases: ``user_id, item_id, order_id, week, quantity, value``.
        items: ``item_id, title, category``.
        window: last week to fit on, last week of the labels.
        embed: texts → [texts, dimensions] unit vectors, for the bi-encoder.
        settings: of the rankers.
        each: proposals of each ranker by name.
        min_users: users who must have bought an item before it is ranked.
        excluded: departments left out.
    """
    interactions, rankers = fit_rankers(purchases, items, window[0], embed, settings, min_users, excluded)
    return assemble(purchases, items, interactions, window[1], rankers, each)


def fit_rankers(
    purchases: pd.DataFrame,
    items: pd.DataFrame,
    until: int,
    embed: Callable[[list[str]], np.ndarray],
    settings: Settings,
    min_users: int,
    excluded: Sequence[str] = (),
) -> tuple[Interactions, list[Ranker]]:
    """The eligible purchases up to a week, and all cheap rankers fitted on them; see :func:`open_period`."""
    interactions = Interactions.fit(purchases, items, until, min_users, excluded)
    texts = item_texts(interactions, items)
    vectors: dict[str, Vectors] = {"tfidf": tfidf_vectors(texts), "bi_encoder": embed(texts)}
    return interactions, [make(settings, vectors).fit(interactions) for make in MAKERS.values()]


def item_texts(interactions: Interactions, items: pd.DataFrame) -> list[str]:
    """The title of each eligible item, in the order of their codes."""
    return items.set_index("item_id").title.reindex(interactions.items).fillna("").tolist()


def assemble(
    purchases: pd.DataFrame,
    items: pd.DataFrame,
    interactions: Interactions,
    label_until: int,
    rankers: Sequence[Ranker],
    each: dict[str, int],
    counts: pd.DataFrame | None = None,
) -> Period:
    """Candidates, features and labels for the users who bought something eligible in the label window.

    Args:
        purchases: all purchases; only weeks up to ``label_until`` are read, those after the cut for labels alone.
        items: ``item_id, category``.
        interactions: the eligible purchases up to the cut.
        label_until: last week of the label window.
        rankers: fitted on ``interactions``.
        each: proposals of each ranker by name.
        counts: what to believe of the items, see :func:`candidate_features`.
    """
    truth, user_ids = interactions.truth(purchases, label_until)
    users = truth.user.unique()
    pairs = propose(users, interactions, rankers, each)
    features = candidate_features(pairs[["user", "item"]], interactions, items, counts)
    features = pd.concat([features, pairs.filter(regex="^by_")], axis=1)
    pairs["label"] = belongs(pairs, truth).astype(int)
    without = len(np.setdiff1d(interactions.log.user, users))
    return Period(interactions, pairs, features, truth, user_ids, without)
