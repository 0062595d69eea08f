"""The price of privacy: how much worse a ranking becomes when what it knows of people is protected.

What does not depend on the protection (the other rankers, a user's own history) is computed once. Under each ε the
counts of items are drawn anew for the period that the fusion learns from and for the one it is judged by, popularity
and its candidates follow from them, and the fusion is fitted again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
from typing_extensions import override

from workbench.evaluation import private_counts
from workbench.evaluation.comparison import user_values
from workbench.evaluation.private_counts import Bounds, Noise
from workbench.governance.privacy.releases import mechanism
from workbench.metrics.intervals import repeated_mean
from workbench.ranking import cascade, period
from workbench.ranking.fusion import Fusion
from workbench.ranking.interactions import Interactions
from workbench.ranking.period import Period
from workbench.ranking.rankers import Popularity, Ranker

NO_NOISE, BOUNDS_ALONE = "ε = ∞", "bounds alone"
WEEKS = {4: "users_4w", 12: "users_12w"}


@dataclass(frozen=True)
class Season:
    """A period before its counts of items are known.

    Attributes:
        purchases, items: as `period.assemble` takes them.
        interactions: purchases up to the cut.
        rankers: fitted on them.
        label_until: last week of the label window.
        each: proposals of each ranker by name.
        contexts: user_id → text of the user's past; the text model would read for those alone.
        text_candidates: products of each user that it would read.
    """

    purchases: pd.DataFrame
    items: pd.DataFrame
    interactions: Interactions
    rankers: Sequence[Ranker]
    label_until: int
    each: dict[str, int]
    contexts: pd.Series
    text_candidates: int

    @classmethod
    def open(
        cls,
        purchases: pd.DataFrame,
        items: pd.DataFrame,
        window: tuple[int, int],
        contexts: pd.Series,
        each: dict[str, int],
        text_candidates: int,
        **how: object,
    ) -> Self:
        """Fit the rankers; `how` are the other arguments of `period.open_period`."""
        interactions, rankers = period.fit_rankers(purchases, items, window[0], **how)  # type: ignore[arg-type]
        kept = [ranker if ranker.name == "popularity" else Once(ranker) for ranker in rankers]
        return cls(purchases, items, interactions, kept, window[1], each, contexts, text_candidates)

    def period(self, counts: pd.DataFrame | None = None) -> Period:
        """Candidates, features and labels, as the fusion of the evaluation sees them but for the text model's score.

        Args:
            counts: what to believe of the items (see `ranking.features.item_counts`) in popularity and in features;
                None for the truth.
        """
        rankers = [
            self._popularity(ranker, counts) if counts is not None and isinstance(ranker, Popularity) else ranker
            for ranker in self.rankers
        ]
        made = period.assemble(
            self.purchases, self.items, self.interactions, self.label_until, rankers, self.each, counts
        )
        cascade.add_choice(made, self.contexts, self.text_candidates)
        return made

    def _popularity(self, ranker: Popularity, counts: pd.DataFrame) -> Popularity:
        if ranker.weeks not in WEEKS:
            raise ValueError(f"popularity over {ranker.weeks} weeks is none of the counts: choose one of {[*WEEKS]}")
        told = Popularity(ranker.weeks)
        told.known = ranker.known  # how many users a shop has is no secret
        told.cold = (counts[WEEKS[ranker.weeks]].to_numpy() / ranker.known).astype(np.float32)
        return told


class Once(Ranker):
    """A fitted ranker that is asked for the same users' proposals again and again, and computes them once."""

    def __init__(self, ranker: Ranker) -> None:
        self.ranker, self.name = ranker, ranker.name
        self.known, self.cold = ranker.known, ranker.cold
        self.proposals: dict[tuple[bytes, int], pd.DataFrame] = {}

    @override
    def block(self, users: np.ndarray) -> np.ndarray:
        return self.ranker.block(users)

    @override
    def recommend(self, users: np.ndarray, k: int) -> pd.DataFrame:
        key = users.tobytes(), k
        if key not in self.proposals:
            self.proposals[key] = self.ranker.recommend(users, k)
        return self.proposals[key]


def ndcg(learn: Period, test: Period, fusion: Fusion, k: int = 10) -> pd.Series:
    """NDCG@k of each test user, by id, after the fusion was fitted on `learn`."""
    model = fusion.unfitted().fit(learn.features, learn.pairs.user.to_numpy(), learn.pairs.label.to_numpy())
    judged = replace(test, pairs=test.pairs.assign(by_fusion=model.score(test.features[model.features])))
    values = user_values(judged, ["fusion"], k)["fusion", "ndcg"]
    return values.set_axis(test.user_ids[values.index])


def by_epsilon(
    learn: Season,
    test: Season,
    bounds: Bounds,
    epsilons: Iterable[float],
    fusions: Sequence[Fusion],
    noise: Noise = mechanism.noisy,
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, pd.DataFrame]:
    """NDCG@10 of each test user under each ε.

    Args:
        learn: the period that the fusion is fitted on.
        test: the period that it is judged by.
        bounds: of what a user adds to the counts.
        epsilons: what the counts of one period may cost.
        fusions: unfitted, one for each repeat: a repeat draws its noise and grows its trees with a seed of its own.
        noise: draws it.
        told: hears of what is being done.

    Returns:
        By name (without noise; bounds alone; each ε, the largest first): [users, repeats].
    """
    whole = learn.period(), test.period()
    found = {NO_NOISE: pd.concat([ndcg(*whole, fusion) for fusion in fusions], axis=1)}
    exact = [private_counts.bounded(season.interactions, bounds) for season in (learn, test)]
    for epsilon in (np.inf, *sorted(epsilons, reverse=True)):
        name = BOUNDS_ALONE if np.isinf(epsilon) else f"ε = {epsilon:g}"
        told(name)
        repeats = []
        for number, fusion in enumerate(fusions):
            if number == 0 or np.isfinite(epsilon):
                drawn = [private_counts.noisy(units, bounds, epsilon, noise) for units in exact]
                periods = [
                    season.period(private_counts.as_counts(units))
                    for season, units in zip((learn, test), drawn, strict=True)
                ]
            repeats.append(ndcg(periods[0], periods[1], fusion))
        found[name] = pd.concat(repeats, axis=1)
    return found


def prices(
    values: Mapping[str, pd.DataFrame], baseline: str, resamples: int = 1000, seed: int = 0, k: int = 10
) -> pd.DataFrame:
    """What each protection costs: means, and differences from the baseline paired by user and repeat, with intervals.

    Args:
        values: by name: [users, repeats].
        baseline: name of what there is without protection.
        resamples: of the bootstrap over users; see `metrics.intervals.repeated_mean` for the repeats.
        seed: of the bootstrap.
        k: cut-off of the metric.

    Returns:
        Tidy rows ``subject, metric, k, slice, value, low, high, n``, and ``repeats`` and ``spread``: the standard
        deviation of the mean between repeats, which is what one release may differ by from another; null for one.
    """
    rows = []
    for name, table in values.items():
        parts = {name: table}
        if name != baseline:
            parts[f"{name} - {baseline}"] = table - values[baseline].reindex(table.index)
        for subject, part in parts.items():
            matrix = part.to_numpy(float)
            value, low, high = repeated_mean(matrix, resamples, seed=seed)
            repeats = matrix.shape[1]
            spread = float(matrix.mean(axis=0).std(ddof=1)) if repeats > 1 else None
            rows.append((subject, "ndcg", k, "all", value, low, high, len(matrix), repeats, spread))
    columns = ["subject", "metric", "k", "slice", "value", "low", "high", "n", "repeats", "spread"]
    return pd.DataFrame(rows, columns=columns)
