"""Features of (user, item) candidates from purchases up to a week; nothing later can reach them.

The prefix of a feature names the family that an explanation speaks of: ``own_`` (the user and this item), ``type_``
and ``category_`` (the user and the kind of item), ``user_`` and ``item_``; ``by_`` is another ranker's score,
``cascade_`` what they say together.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.ranking.interactions import Interactions

WINDOWS = (1, 4, 12, 26)  # weeks
HALF_LIVES = (2.0, 4.0, 8.0, 20.0)  # weeks

FAMILIES = {
    "own": "bought before",
    "type": "buys this kind",
    "category": "buys this category",
    "user": "shopping habits",
    "item": "popular and sticky product",
    "by_popularity": "popular now",
    "by_frequency": "bought before",
    "by_recency": "bought before",
    "by_item_knn": "bought by similar users",
    "by_als": "bought by similar users",
    "by_tfidf": "text like past purchases",
    "by_bi_encoder": "text like past purchases",
    "by_text_model": "text model's interest",
    "cascade": "first choice of the simple rankers",
}


def family(feature: str) -> str:
    """The words for what a feature speaks of, e.g. ``own_recency`` → "bought before"."""
    return FAMILIES[feature if feature.startswith("by_") else feature.split("_")[0]]


def candidate_features(pairs: pd.DataFrame, interactions: Interactions, items: pd.DataFrame) -> pd.DataFrame:
    """Features of each candidate, in the order of ``pairs``.

    Args:
        pairs: columns ``user``, ``item`` (codes of ``interactions``).
        interactions: purchases up to the cut.
        items: ``item_id, category`` with the path ``department > category > type``.

    Returns:
        [pairs, features] float32, NaN where a user never bought the item or its kind.
    """
    kinds = _kinds(interactions, items)
    orders = interactions.orders.assign(
        age=interactions.until - interactions.orders.week,
        **{name: code[interactions.orders.item] for name, code in kinds.items()},
    )
    keys = pairs.assign(**{name: code[pairs.item] for name, code in kinds.items()})
    own = _own(orders, interactions)
    by_user, by_item = _users(orders), _items(orders, interactions, own)
    frame = pd.concat(
        [
            _lookup(own, keys, ["user", "item"]),
            _lookup(by_user, keys, ["user"]),
            _lookup(by_item, keys, ["item"]),
            *(_lookup(_by_kind(orders, name), keys, ["user", name]) for name in kinds),
        ],
        axis=1,
    )
    return _ratios(frame).astype(np.float32)


def _kinds(interactions: Interactions, items: pd.DataFrame) -> dict[str, np.ndarray]:
    path = items.set_index("item_id").category.reindex(interactions.items).fillna("")
    parts = path.str.split(" > ")
    return {"type": pd.factorize(path)[0], "category": pd.factorize(parts.str[:2].str.join(" > "))[0]}


def _lookup(table: pd.DataFrame, keys: pd.DataFrame, on: list[str]) -> pd.DataFrame:
    """Rows of ``table`` for each key, missing as NaN; keys of two codes are packed into one integer."""
    packed = keys[on[0]].to_numpy() if len(on) == 1 else _pack(keys[on[0]], keys[on[1]])
    return table.reindex(packed).reset_index(drop=True)


def _pack(first: pd.Series, second: pd.Series) -> np.ndarray:
    return first.to_numpy(np.int64) << 32 | second.to_numpy(np.int64)


def _faded(age: pd.Series, half_life: float) -> pd.Series:
    return 0.5 ** (age / half_life)


def _own(orders: pd.DataFrame, interactions: Interactions) -> pd.DataFrame:
    """The user and this very item: counts, recency, rhythm."""
    columns = {f"own_orders_{weeks}w": orders.age < weeks for weeks in WINDOWS}
    columns |= {f"own_faded_{int(h)}w": _faded(orders.age, h) for h in HALF_LIVES}
    groups = pd.DataFrame(columns).groupby(_pack(orders.user, orders.item))
    own = groups.sum()
    own["own_orders"] = groups.size()
    weeks = orders.groupby(_pack(orders.user, orders.item)).agg(
        first=("age", "max"), recency=("age", "min"), weeks=("age", "nunique")
    )
    own["own_weeks"], own["own_recency"] = weeks.weeks, weeks.recency
    gap: pd.Series = (weeks["first"] - weeks.recency) / np.maximum(weeks.weeks - 1, 1)
    own["own_gap"] = gap.where(weeks.weeks > 1)
    # 1 means: as much time has passed as usually lies between two purchases
    own["own_due"] = weeks.recency / np.maximum(gap, 0.5)
    lines = interactions.log.groupby(_pack(interactions.log.user, interactions.log.item))
    own["own_quantity"], own["own_spend"] = lines.quantity.sum(), lines.value.sum()
    return own


def _users(orders: pd.DataFrame) -> pd.DataFrame:
    visits = orders.drop_duplicates(["user", "order"])
    visits = visits.assign(recent4=visits.age < 4, recent8=visits.age < 8)
    users = visits.groupby("user").agg(
        user_orders=("order", "size"),
        user_orders_4w=("recent4", "sum"),
        user_orders_8w=("recent8", "sum"),
        user_weeks=("age", "nunique"),
        user_recency=("age", "min"),
    )
    users["user_items"] = orders.groupby("user").item.nunique()
    users["user_basket"] = orders.groupby("user").size() / users.user_orders
    return users


def _items(orders: pd.DataFrame, interactions: Interactions, own: pd.DataFrame) -> pd.DataFrame:
    items = orders.groupby("item").agg(
        item_orders=("order", "size"), item_users=("user", "nunique"), item_weeks=("age", "nunique")
    )
    for weeks in (4, 12):
        recent = orders[orders.age < weeks].drop_duplicates(["user", "item"])
        items[f"item_users_{weeks}w"] = recent.groupby("item").size()
    items = items.fillna(0)
    items["item_trend"] = items.item_users_4w / (items.item_users_12w + 1)
    items["item_repeat"] = (own.own_orders > 1).groupby(own.index.to_numpy(np.int64) & 0xFFFFFFFF).mean()
    # of those who bought it five to nine weeks ago, the share who did so again since (smoothed by 1 in 5)
    before = orders[(orders.age >= 5) & (orders.age < 10)].drop_duplicates(["user", "item"])
    again = pd.Index(_pack(before.user, before.item)).isin(
        _pack(*(orders[orders.age < 5][c] for c in ("user", "item")))
    )
    kept = pd.Series(again, index=before.item).groupby(level=0).agg(["sum", "size"])
    items["item_sticky"] = (kept["sum"] + 1) / (kept["size"] + 5)
    sums = interactions.log.groupby("item")[["value", "quantity"]].sum()
    items["item_price"] = sums.value / sums.quantity.clip(lower=1)
    return items


def _by_kind(orders: pd.DataFrame, kind: str) -> pd.DataFrame:
    key = _pack(orders.user, orders[kind])
    table = pd.DataFrame({f"{kind}_faded": _faded(orders.age, 8.0)}).groupby(key).sum()
    groups = orders.groupby(key)
    table[f"{kind}_orders"], table[f"{kind}_recency"] = groups.size(), groups.age.min()
    return table


def _ratios(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        own_rate=frame.own_orders / frame.user_orders,
        own_rate_4w=frame.own_orders_4w / (frame.user_orders_4w + 0.5),
        own_faded_rate=frame.own_faded_8w / frame.user_orders_8w.clip(lower=0.5),
        own_share_of_type=frame.own_orders / frame.type_orders,
        own_faded_share_of_type=frame.own_faded_8w / frame.type_faded,
    )
