"""Features of (user, item) candidates from purchases up to a week; nothing later can reach them.

The prefix of a feature names the family that an explanation speaks of: ``own_`` (the user and this item), ``type_``
and ``category_`` (the user and the kind of item), ``user_`` and ``item_``; ``by_`` is another ranker's score,
``cascade_`` what they say together.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.ranking.interactions import Interactions, pack

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


def candidate_features(
    pairs: pd.DataFrame, interactions: Interactions, items: pd.DataFrame, counts: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Features of each candidate, in the order of ``pairs``.

    Args:
        pairs: columns ``user``, ``item`` (codes of ``interactions``).
        interactions: purchases up to the cut.
        items: ``item_id, category`` with the path ``department > category > type``.
        counts: what to believe of the items in place of :func:`item_counts`.

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
    by_user = _users(orders)
    by_item = item_features(item_counts(interactions) if counts is None else counts)
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
    packed = keys[on[0]].to_numpy() if len(on) == 1 else pack(keys[on[0]], keys[on[1]])
    return table.reindex(packed).reset_index(drop=True)


def _faded(age: pd.Series, half_life: float) -> pd.Series:
    return 0.5 ** (age / half_life)


def _own(orders: pd.DataFrame, interactions: Interactions) -> pd.DataFrame:
    """The user and this very item: counts, recency, rhythm."""
    columns = {f"own_orders_{weeks}w": orders.age < weeks for weeks in WINDOWS}
    columns |= {f"own_faded_{int(h)}w": _faded(orders.age, h) for h in HALF_LIVES}
    groups = pd.DataFrame(columns).groupby(pack(orders.user, orders.item))
    own = groups.sum()
    own["own_orders"] = groups.size()
    weeks = orders.groupby(pack(orders.user, orders.item)).agg(
        first=("age", "max"), recency=("age", "min"), weeks=("age", "nunique")
    )
    own["own_weeks"], own["own_recency"] = weeks.weeks, weeks.recency
    gap: pd.Series = (weeks["first"] - weeks.recency) / np.maximum(weeks.weeks - 1, 1)
    own["own_gap"] = gap.where(weeks.weeks > 1)
    # 1 means: as much time has passed as usually lies between two purchases
    own["own_due"] = weeks.recency / np.maximum(gap, 0.5)
    lines = interactions.log.groupby(pack(interactions.log.user, interactions.log.item))
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


def item_counts(interactions: Interactions) -> pd.DataFrame:
    """What all users together say of each item: the one part of the features that is not a user's own.

    Returns:
        [items, counts], one row an eligible item: ``orders``; ``users``; ``weeks`` in which anybody bought it;
        ``users_4w`` and ``users_12w``; ``repeaters`` (users with more than one order); ``before`` (users who bought it
        five to nine weeks ago) and ``again`` (those of them who did so since); ``value``; ``quantity``.
    """
    said = user_items(interactions)
    counts = said.drop(columns="user").groupby("item").sum()
    counts["weeks"] = interactions.orders.groupby("item").week.nunique()
    return counts.reindex(np.arange(len(interactions.items)), fill_value=0)


def user_items(interactions: Interactions) -> pd.DataFrame:
    """What each user adds to :func:`item_counts`, but for ``weeks``, which no sum gives: ``user``, ``item``, counts."""
    orders = interactions.orders
    age = interactions.until - orders.week
    flags = pd.DataFrame({
        "orders": 1, "users_4w": age < 4, "users_12w": age < 12,
        "before": (age >= 5) & (age < 10), "again": age < 5,
    }, index=orders.index)  # fmt: skip
    groups = flags.astype(np.int64).groupby([orders.user, orders["item"]])
    said = groups.sum()
    bought = said.orders
    said = said.clip(upper=1).assign(orders=bought, users=1, repeaters=(bought > 1).astype(np.int64))
    said["again"] *= said.before
    lines = interactions.log.groupby(["user", "item"])[["value", "quantity"]].sum()
    return said.join(lines).reset_index()


def item_features(counts: pd.DataFrame) -> pd.DataFrame:
    """Popularity, trend and stickiness from :func:`item_counts`, or from noisy ones: [items, features]."""
    known = counts.clip(lower=0)  # noise may leave a count below 0
    items = known[["orders", "users", "weeks", "users_4w", "users_12w"]].add_prefix("item_")
    items["item_trend"] = known.users_4w / (known.users_12w + 1)
    items["item_repeat"] = known.repeaters / known.users.where(known.users > 0)
    # of those who bought it five to nine weeks ago, the share who did so again since (smoothed by 1 in 5)
    items["item_sticky"] = ((known.again + 1) / (known.before + 5)).where(known.before > 0)
    items["item_price"] = known.value / known.quantity.clip(lower=1)
    return items


def _by_kind(orders: pd.DataFrame, kind: str) -> pd.DataFrame:
    key = pack(orders.user, orders[kind])
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
