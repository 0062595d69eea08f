"""Whole lists, sessions and orders that faults take, and shoppers and products that they bring in."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from workbench.data.sources.storefront.faults.shop import Row, Shop, present
from workbench.data.sources.storefront.faults.steps import blank


def later(time: pd.Timestamp, seconds: float) -> pd.Timestamp:
    """A time so many seconds later, in whole milliseconds, in which shops' clocks count."""
    return time + pd.Timedelta(milliseconds=round(seconds * 1e3))


def together(shop: Shop, column: str, row: int) -> list[int]:
    """All events that share a row's session, request or order, the row itself too."""
    return [int(i) for i in shop.group(column).get(shop.get("events", row, column), [row])]


def shown(
    shop: Shop, least: int = 3, test: Callable[[int], bool] | None = None, query: bool = False
) -> tuple[list[int], list[int]]:
    """An untouched list: its impressions by position, and the other events of the request; all are kept."""
    used, kinds = shop.used["events"], shop.array("events", "event_type")
    mask = np.logical_and.reduce(
        [shop.typed("impression"), *(shop.has("events", c) for c in ("request_id", "position", "timestamp"))]
    )
    mask = mask & shop.has("events", "query") if query else mask

    def whole(row: int) -> bool:
        rows = together(shop, "request_id", row)
        enough = sum(kinds[i] == "impression" for i in rows) >= least
        return enough and not used[rows].any() and (test is None or test(row))

    rows = together(shop, "request_id", shop.take("events", mask, whole, need=f"an untouched list of {least} products"))
    for row in rows:
        shop.keep("events", row)
    seen = [row for row in rows if mask[row]]
    seen.sort(key=lambda row: int(shop.get("events", row, "position")))
    return seen, [row for row in rows if not mask[row]]


def again(shop: Shop, rows: Iterable[int], seconds: float, **changes: object) -> None:
    """Append copies of events under new ids, so many seconds later."""
    for row in rows:
        copy = shop.row("events", row)
        late = {"event_id": shop.fresh("event_id"), "timestamp": later(copy["timestamp"], seconds)}
        shop.add("events", {**copy, **late, **changes})


def newcomer(shop: Shop, user: str | None = None) -> str:
    """Append a user who looks like some other user, under a new id or the one given."""
    frame = shop.tables["users"]
    if frame.empty:
        raise shop.too_small("users", "a user to take after")
    like = shop.row("users", int(shop.rng.integers(len(frame))))
    row = shop.add("users", {**like, "user_id": user or shop.fresh("user_id")})
    return shop.get("users", row, "user_id")


def moment(shop: Shop, seconds: float) -> pd.Timestamp:
    """A random time after which so many seconds of the log are left, where it is that long."""
    times = shop.tables["events"]["timestamp"]
    first, last = times.min().floor("ms"), times.max()
    return later(first, shop.between(0.05, 1) * max((last - first).total_seconds() - seconds, 1.0))


def on_sale(shop: Shop, time: pd.Timestamp, *absent: str) -> str:
    """An untouched product with a price that is available at a time and is none of these."""
    since = shop.tables["items"]["available_from"]
    fits = (since.isna() | (since <= time)).to_numpy(dtype=bool) & ~shop.used["items"] & shop.has("items", "price")
    free = [item for item in shop.array("items", "item_id")[fits] if present(item) and item not in absent]
    if not free:
        raise shop.too_small("items", "an untouched product on sale")
    return str(shop.pick(free))


def step(shop: Shop, kind: str, before: Row, item: str, seconds: float, **changes: object) -> int:
    """Append an event after another one, in its session."""
    row = blank(shop, kind, before["user_id"], item, later(before["timestamp"], seconds))
    same = {c: before[c] for c in ("session_id", "request_id", "query") if present(row[c]) and present(before[c])}
    return shop.add("events", {**row, **same, **changes})
