"""Steps of shoppers: the events that faults take, or make where a small shop has too few of a type."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.sources.storefront.faults import texts
from workbench.data.sources.storefront.faults.shop import Row, Shop, present

FILLED = {
    "impression": {"request_id", "query", "position", "propensity"},
    "click": {"request_id", "query", "position"},
    "cart": {"quantity", "value", "currency"},
    "purchase": {"order_id", "quantity", "value", "currency"},
    "review": {"text"},
    "rating": {"value"},
    "comment": {"text"},
    "share": set(),
}
"""What an event of a type holds beside ids and time, where the shop has none of that type to look at."""
OPTIONAL = (
    "session_id",
    "request_id",
    "order_id",
    "query",
    "position",
    "propensity",
    "quantity",
    "value",
    "currency",
    "text",
)


def moved(time: Any, seconds: float) -> pd.Timestamp:
    """A time so many seconds later, in whole microseconds."""
    return time + pd.Timedelta(microseconds=round(seconds * 1e6))


def price_of(shop: Shop, item: Any) -> float:
    """The price of an item; 49.9 where it is unknown."""
    if "prices" not in shop.cache:
        shop.cache["prices"] = dict(zip(shop.array("items", "item_id"), shop.array("items", "price"), strict=True))
    price = shop.cache["prices"].get(item)
    return float(price) if present(price) else 49.9


def currency_of(shop: Shop) -> str:
    """The shop's currency: the most frequent one."""
    if "currency" not in shop.cache:
        counts = shop.tables["events"]["currency"].dropna().value_counts()
        shop.cache["currency"] = str(counts.index[0]) if len(counts) else "USD"
    return shop.cache["currency"]


def best_rating(shop: Shop) -> float:
    """The highest rating of the shop's scale."""
    ratings = shop.tables["events"].loc[shop.typed("rating"), "value"].dropna()
    top = float(ratings.max()) if len(ratings) else 5.0
    return 5.0 if top <= 5 else 10.0 if top <= 10 else 100.0


def filled(shop: Shop, kind: str) -> set[str]:
    """The optional columns that most of the shop's events of a type hold."""
    if ("filled", kind) not in shop.cache:
        rows = shop.typed(kind)
        usual = (
            {c for c in OPTIONAL if shop.has("events", c)[rows].mean() > 0.5}
            if rows.any()
            else FILLED[kind] | {"session_id"}
        )
        shop.cache["filled", kind] = usual
    return shop.cache["filled", kind]


def blank(shop: Shop, kind: str, user: str, item: str, time: pd.Timestamp) -> Row:
    """A new event of a type with ordinary values in its columns, in a session and request of its own."""
    row: Row = dict.fromkeys(map(str, shop.tables["events"].columns))
    price = price_of(shop, item)
    ordinary: dict[str, Callable[[], Any]] = {
        "session_id": lambda: shop.fresh("session_id"), "request_id": lambda: shop.fresh("request_id"),
        "order_id": lambda: shop.fresh("order_id"), "query": lambda: _some(shop, "query"),
        "position": lambda: _some(shop, "position", 1), "propensity": lambda: _some(shop, "propensity", 0.2),
        "quantity": lambda: 1.0, "currency": lambda: currency_of(shop), "text": lambda: _review(shop),
        "value": lambda: best_rating(shop) - 1 if kind in ("rating", "review") else price,
    }  # fmt: skip
    row.update({column: make() for column, make in ordinary.items() if column in filled(shop, kind)})
    return {
        **row,
        "event_id": shop.fresh("event_id"),
        "user_id": user,
        "item_id": item,
        "event_type": kind,
        "timestamp": time,
    }


def _some(shop: Shop, column: str, otherwise: Any = None) -> Any:
    """A value that some impression has in a column."""
    if ("some", column) not in shop.cache:
        values = shop.array("events", column)[shop.typed("impression") & shop.has("events", column)]
        shop.cache["some", column] = values if len(values) else [otherwise]
    return shop.pick(shop.cache["some", column])


def _review(shop: Shop) -> str:
    return shop.pick(texts.REVIEWS_ZH if in_chinese(shop) else texts.REVIEWS)


def in_chinese(shop: Shop) -> bool:
    """Whether most titles of the shop are Chinese."""
    if "chinese" not in shop.cache:
        titles = shop.array("items", "title")[:200]
        shop.cache["chinese"] = sum(texts.chinese(title) for title in titles) > len(titles) / 2
    return shop.cache["chinese"]


def leaves(shop: Shop) -> np.ndarray:
    """Events after which their session does nothing more with the item: no later step leans on them."""
    if "leaves" not in shop.cache:
        frame = shop.tables["events"][["session_id", "user_id", "item_id", "timestamp"]].sort_values(
            "timestamp", kind="stable"
        )
        last = ~frame.duplicated(["session_id", "user_id", "item_id"], keep="last")
        shop.cache["leaves"] = last.sort_index().to_numpy(dtype=bool)
    return shop.cache["leaves"]


def follow(shop: Shop, donor: int, kind: str) -> int:
    """Append the next step after an event: same user, session and item, some minutes later."""
    before = shop.row("events", donor)
    step = blank(shop, kind, before["user_id"], before["item_id"], moved(before["timestamp"], shop.between(20, 900)))
    same = {
        c: before[c]
        for c in ("session_id", "request_id", "query", "position")
        if present(step[c]) and present(before[c])
    }
    return shop.add("events", {**step, **same})


def donor(shop: Shop) -> int:
    """An untouched click, or an impression where none is left; it stays as it is."""
    intact = (
        shop.has("events", "user_id")
        & shop.has("events", "item_id")
        & shop.has("events", "timestamp")
        & ~shop.used["events"]
    )
    for kind in ("click", "impression"):
        rows = np.flatnonzero(intact & shop.typed(kind))
        if len(rows):
            return int(shop.pick(rows))
    raise shop.too_small("events", "an untouched click or impression")


def event(shop: Shop, kind: str, *columns: str, prefer: np.ndarray | None = None) -> int:
    """An untouched event of a type that holds these columns; one more is made where none is left."""
    mask = np.logical_and.reduce([shop.typed(kind), *(shop.has("events", column) for column in columns)])
    if (mask & ~shop.used["events"]).any():
        return shop.take("events", mask, prefer=prefer)
    row = follow(shop, donor(shop), kind)
    lacking = [column for column in columns if not present(shop.get("events", row, column))]
    if lacking:
        raise shop.too_small("events", f"an untouched {kind} with {' and '.join(lacking)}")
    return row
