"""Counts of items as a release with differential privacy would give them, for a study of what that costs a ranking.

The unit is the user: each counts at a bounded number of items and with a clipped value there, and discrete Laplace
noise covers that (`governance.privacy.releases.mechanism`). The items are public: a shop's catalogue is no secret.
Nothing of this is a release: there is no ledger behind it, so nothing of it may be shown or handed on but how well it
ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from workbench.governance.privacy.releases import mechanism
from workbench.ranking.features import user_items
from workbench.ranking.interactions import Interactions

Noise = Callable[[Sequence[int], float], list[int]]
POPULARITY = "users_4w"
"""The count that popularity is: it chooses candidates, scores them, and stands in two features."""
SHARES = {POPULARITY: 1 / 2} | dict.fromkeys(
    ("orders", "users", "weeks", "users_12w", "repeaters", "before", "again", "value", "quantity"), 1 / 18
)
"""Which part of ε goes to which count of `ranking.features.item_counts`: together 1, by basic composition."""
UNITS = {"value": 0.01}
"""What a count is a whole multiple of, where not of 1."""


@dataclass(frozen=True)
class Bounds:
    """What one user may add to each count.

    Args:
        max_items: items at which a user counts, at most.
        clips: by count, what a user adds at one item, at most; 1 where not given.

    Raises:
        ValueError: a bound is of none of the counts, or below one unit.

    """

    max_items: int
    clips: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.clips) - set(SHARES)):
            raise ValueError(f"there is no count '{unknown[0]}' to clip: the counts are {', '.join(SHARES)}")
        if self.max_items < 1 or min(self.most(name) for name in SHARES) < 1:
            raise ValueError("a user must count at one item at least, and with one unit at least: raise the bounds")

    def most(self, name: str) -> int:
        """Whole units that a user adds to one item's count, at most."""
        return int(self.clips.get(name, 1) / UNITS.get(name, 1) + 1e-9)

    def scale(self, name: str, epsilon: float) -> float:
        """Scale of the noise on a count when all counts together may cost ε."""
        return mechanism.scale(self.max_items * self.most(name), epsilon * SHARES[name])


def bounded(interactions: Interactions, bounds: Bounds) -> pd.DataFrame:
    """Counts of bounded users in whole units: [items, counts] integers, an item a row.

    At which items a user counts is decided by digests of the ids of user and item, in each count among those that the
    user adds to: nobody else's purchases move it. So one user changes a count by `max_items` times `most` at most.
    """
    said = user_items(interactions)
    digest = _digests(interactions, said.user, said["item"])
    items = np.arange(len(interactions.items))
    found = {}
    for name in SHARES:
        if name == "weeks":
            found[name] = _weeks(interactions, bounds)
            continue
        units = (said[name] / UNITS.get(name, 1)).round().clip(0, bounds.most(name)).astype(np.int64)
        counting = np.flatnonzero(units > 0)
        kept = counting[_first(said.user.to_numpy()[counting], digest[counting], bounds.max_items)]
        found[name] = units.iloc[kept].groupby(said["item"].to_numpy()[kept]).sum()
    return pd.DataFrame(found, index=items).fillna(0).astype(np.int64)


def noisy(exact: pd.DataFrame, bounds: Bounds, epsilon: float, noise: Noise = mechanism.noisy) -> pd.DataFrame:
    """Bounded counts with noise, for ε in all; of infinite ε without any. Whole units stay."""
    if np.isinf(epsilon):
        return exact
    drawn = {name: noise(exact[name].tolist(), bounds.scale(name, epsilon)) for name in SHARES}
    return pd.DataFrame(drawn, index=exact.index)


def as_counts(units: pd.DataFrame) -> pd.DataFrame:
    """Whole units as `ranking.features.item_features` takes them."""
    return units * pd.Series({name: UNITS.get(name, 1) for name in SHARES})


def plan(bounds: Bounds, epsilon: float) -> pd.DataFrame:
    """How ε is split, one row a count: its share, a user's bound at an item and in all, and the noise's mean size."""
    rows = {
        name: {
            "share of ε": share,
            "at an item, at most": bounds.most(name) * UNITS.get(name, 1),
            "in all, at most": bounds.max_items * bounds.most(name) * UNITS.get(name, 1),
            f"mean noise at ε = {epsilon:g}": (
                mechanism.expected_error(bounds.scale(name, epsilon)) * UNITS.get(name, 1)
            ),
        }
        for name, share in SHARES.items()
    }
    return pd.DataFrame(rows).T.rename_axis("count")


def _weeks(interactions: Interactions, bounds: Bounds) -> pd.Series:
    """Weeks in which anybody bought an item, counting of each user the newest ones at the items that count."""
    seen = interactions.orders[["user", "item", "week"]].drop_duplicates()
    seen = seen.sort_values(["user", "item", "week"], ascending=[True, True, False])
    seen = seen[seen.groupby(["user", "item"]).cumcount() < bounds.most("weeks")]
    pairs = seen[["user", "item"]].drop_duplicates()
    digest = _digests(interactions, pairs.user, pairs["item"])
    kept = pairs.iloc[_first(pairs.user.to_numpy(), digest, bounds.max_items)]
    return seen.merge(kept, on=["user", "item"]).groupby("item").week.nunique()


def _digests(interactions: Interactions, user: pd.Series, item: pd.Series) -> np.ndarray:
    """A number for each pair, from nothing but its ids."""
    users, items = (pd.util.hash_array(ids.astype(object)) for ids in (interactions.users, interactions.items))
    return pd.util.hash_array(users[user] + items[item])


def _first(user: np.ndarray, digest: np.ndarray, most: int) -> np.ndarray:
    """Rows of each user with the lowest digests."""
    order = np.lexsort((digest, user))
    ordered = user[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(order) else np.array([], int)
    place = np.arange(len(order)) - np.repeat(begins, np.diff(np.r_[begins, len(order)]))
    return np.sort(order[place < most])
