"""The pages of a case study: a user's history, their list with reasons, and the coupons that fit."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Case:
    """What the pages are made of; all frames keep the original ids.

    Attributes:
        purchases: ``user_id, item_id, order_id, week`` up to the cut.
        lists: ``user_id, item_id, rank, repeat, bought, reason``: the list to show.
        offers: ``user_id, item_id, rank, offer_id, valid_to``: the coupons that fit a list at the cut.
        titles: item_id → title.
    """

    purchases: pd.DataFrame
    lists: pd.DataFrame
    offers: pd.DataFrame
    titles: pd.Series

    def history(self, user_id: str, top: int = 8) -> pd.DataFrame:
        """What the user bought most often: ``product, orders, last week``."""
        mine = self.purchases[self.purchases.user_id == user_id].drop_duplicates(["item_id", "order_id"])
        table = mine.groupby("item_id").agg(orders=("order_id", "size"), last=("week", "max")).reset_index()
        table = table.sort_values(["orders", "last", "item_id"], ascending=[False, False, True]).head(top)
        return pd.DataFrame(
            {"product": self._titles(table.item_id), "orders": table.orders, "last week": table["last"]}
        )

    def ranked(self, user_id: str, top: int = 10) -> pd.DataFrame:
        """The list: ``rank, product, new, reason, bought`` (in the weeks after the cut)."""
        mine = self.lists[(self.lists.user_id == user_id) & (self.lists["rank"] <= top)].sort_values("rank")
        return pd.DataFrame({
            "rank": mine["rank"],
            "product": self._titles(mine.item_id),
            "new": mine["repeat"].map({True: "", False: "new"}),
            "reason": mine.reason,
            "bought": mine.bought.map({1: "✓", 0: ""}),
        })  # fmt: skip

    def coupons(self, user_id: str, top: int = 10) -> pd.DataFrame:
        """Valid coupons for products on the first ``top`` places: ``rank, product, coupon, valid to``."""
        mine = self.offers[(self.offers.user_id == user_id) & (self.offers["rank"] <= top)]
        mine = mine.sort_values(["rank", "valid_to", "offer_id"])
        return pd.DataFrame({
            "rank": mine["rank"],
            "product": self._titles(mine.item_id),
            "coupon": mine.offer_id,
            "valid to": mine.valid_to.dt.strftime("%Y-%m-%d"),
        })  # fmt: skip

    def chosen(self, count: int) -> list[str]:
        """Users to show: spread evenly from the longest history to the shortest, so not the flattering ones."""
        orders = self.purchases[self.purchases.user_id.isin(self.lists.user_id)].groupby("user_id").order_id.nunique()
        ordered = orders.sort_values(ascending=False, kind="stable").index
        places = [round((i + 0.5) * len(ordered) / count) for i in range(count)]
        return [str(ordered[min(place, len(ordered) - 1)]) for place in places]

    def _titles(self, items: pd.Series) -> pd.Series:
        return items.map(self.titles).fillna(items)
