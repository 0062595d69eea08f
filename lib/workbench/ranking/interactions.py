"""Purchases up to a week as codes and sparse matrices: what every ranker is fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import scipy.sparse as sp


@dataclass(frozen=True)
class Interactions:
    """The eligible purchases of all users in weeks up to and including ``until``.

    Codes follow the sorted ids, so that "ties by item id" is "ties by code".

    Attributes:
        users: [users] ids of those who bought anything up to ``until``, sorted.
        items: [items] ids of the eligible items, sorted.
        log: one row an order line: ``user``, ``item``, ``order`` (codes), ``week``, ``quantity``, ``value``.
        until: last week of the log.
    """

    users: np.ndarray
    items: np.ndarray
    log: pd.DataFrame
    until: int

    @classmethod
    def fit(
        cls, purchases: pd.DataFrame, items: pd.DataFrame, until: int, min_users: int, excluded: Sequence[str] = ()
    ) -> Interactions:
        """Keep weeks ≤ ``until`` and the items that at least ``min_users`` users bought in them.

        Args:
            purchases: ``user_id, item_id, order_id, week, quantity, value``; each names its order.
            items: ``item_id, category``; the first part of the category path is the department.
            until: nothing after this week is looked at.
            min_users: an item bought by fewer users is not a product that can be ranked.
            excluded: departments left out.

        Raises:
            ValueError: a purchase names no order, or no item is left.
        """
        if purchases.order_id.isna().any():  # they would count as one order, however many they are
            raise ValueError("a purchase names no order: read the purchases by `inputs.read_purchases`")
        department = items.category.str.split(" > ").str[0]
        allowed = items.item_id[~department.isin(excluded)]
        past = purchases[purchases.week <= until]
        seen = past[past.item_id.isin(allowed)]
        buyers = seen.groupby("item_id").user_id.nunique()
        eligible = np.sort(buyers.index[buyers >= min_users].to_numpy(str))
        if not len(eligible):
            raise ValueError(f"no item was bought by {min_users} users up to week {until}: lower min_users")
        users = np.sort(past.user_id.unique().astype(str))
        kept = seen[seen.item_id.isin(eligible)]
        log = pd.DataFrame(
            {
                "user": np.searchsorted(users, kept.user_id.to_numpy(str)),
                "item": np.searchsorted(eligible, kept.item_id.to_numpy(str)),
                "order": pd.factorize(kept.order_id)[0],
                "week": kept.week.to_numpy(),
                "quantity": kept.quantity.to_numpy(float),
                "value": kept.value.to_numpy(float),
            }
        )
        return cls(users, eligible, log, until)

    @cached_property
    def orders(self) -> pd.DataFrame:
        """One row for each (user, item, order) with its week: buying five in one basket is one decision."""
        return self.log.drop_duplicates(["user", "item", "order"])[["user", "item", "order", "week"]]

    def matrix(self, half_life: float | None = None) -> sp.csr_matrix:
        """[users, items] number of orders; with a half-life in weeks, each order fades by its age."""
        age = (self.until - self.orders.week).to_numpy(float)
        weight = np.ones(len(age)) if half_life is None else 0.5 ** (age / half_life)
        shape = (len(self.users), len(self.items))
        return sp.coo_matrix((weight.astype(np.float32), (self.orders.user, self.orders.item)), shape).tocsr()

    @property
    def pairs(self) -> pd.DataFrame:
        """The distinct (user, item) codes of the log."""
        return self.orders[["user", "item"]].drop_duplicates()

    def truth(self, purchases: pd.DataFrame, last: int) -> tuple[pd.DataFrame, np.ndarray]:
        """What was bought in weeks ``until + 1 … last``.

        Returns:
            truth: the distinct eligible (user, item) codes.
            user_ids: id of each user code: ``users``, and after them those who bought for the first time.
        """
        window = purchases[(purchases.week > self.until) & (purchases.week <= last)]
        window = window[window.item_id.isin(self.items)]
        ids = window.user_id.to_numpy(str)
        user_ids = np.concatenate([self.users, np.setdiff1d(ids, self.users)])
        pairs = pd.DataFrame(
            {
                "user": pd.Index(user_ids).get_indexer(ids),
                "item": np.searchsorted(self.items, window.item_id.to_numpy(str)),
            }
        )
        return pairs.drop_duplicates().sort_values(["user", "item"], ignore_index=True), user_ids


def belongs(rows: pd.DataFrame, pairs: pd.DataFrame) -> np.ndarray:
    """Which rows' (user, item) are among ``pairs``: [rows] bool."""
    return np.isin(pack(rows.user, rows["item"]), pack(pairs.user, pairs["item"]))


def pack(first: pd.Series, second: pd.Series) -> np.ndarray:
    """Two codes as one integer: [rows]."""
    return first.to_numpy(np.int64) << 32 | second.to_numpy(np.int64)
