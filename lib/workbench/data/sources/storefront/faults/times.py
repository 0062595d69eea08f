"""Planted faults between events: times out of order, and sessions, requests and orders that do not hold together."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from workbench.data.sources.storefront.faults.shop import Shop, fault
from workbench.data.sources.storefront.faults.steps import blank, donor, event, follow, leaves, moved

DAY = 86400.0


def _ends(shop: Shop) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The times of the shop's first and last event."""
    times = shop.tables["events"]["timestamp"]
    return times.min(), times.max()


def _timed(shop: Shop) -> int:
    return shop.take("events", shop.has("events", "timestamp"), prefer=leaves(shop))


@fault("events", "timeliness")
def event_in_future(shop: Shop) -> None:
    """The event lies in the future, long after the log ends."""
    row = _timed(shop)
    time, end = shop.get("events", row, "timestamp"), _ends(shop)[1]
    years = shop.pick([1, 10])
    forms = [end + pd.Timedelta(days=float(shop.pick([35, 90, 200]))), time + pd.DateOffset(years=10 * years),
             pd.Timestamp("2099-12-31 23:59:59", tz=time.tz), end + pd.DateOffset(years=years)]  # fmt: skip
    shop.edit("events", row, timestamp=shop.turn(forms))


@fault("events", "timeliness")
def event_before_shop(shop: Shop) -> None:
    """The event lies before the shop existed: a clock reset, or a unit mistaken."""
    row = _timed(shop)
    time, start = shop.get("events", row, "timestamp"), _ends(shop)[0]
    zero = pd.Timestamp(0, tz=time.tz)
    forms = [zero, moved(zero, (time - zero).total_seconds() / 1000), time - pd.DateOffset(years=10),
             pd.Timestamp("2000-01-01", tz=time.tz),
             start - pd.Timedelta(days=float(shop.pick([200, 400])))]  # fmt: skip
    shop.edit("events", row, timestamp=shop.turn(forms))


def _steps(shop: Shop, row: int, types: Iterable[str], column: str) -> list[int]:
    """Untouched events of these types with the same item in the same session or request, in time."""
    same: Sequence[int] | np.ndarray = shop.group(column).get(shop.get("events", row, column), [])
    items, kinds, user = (
        shop.array("events", "item_id"),
        shop.array("events", "event_type"),
        shop.array("events", "user_id"),
    )
    fits = [int(i) for i in same if i != row and items[i] == items[row] and kinds[i] in types and user[i] == user[row]]
    return sorted((i for i in fits if not shop.used["events"][i]), key=lambda i: shop.get("events", i, "timestamp"))


@fault("events", "timeliness")
def purchase_before_click(shop: Shop) -> None:
    """The purchase comes before the shopper first saw or clicked the product in the session."""
    early = ("impression", "click")
    mask = shop.typed("purchase", "cart") & shop.has("events", "session_id")
    try:
        row = shop.take("events", mask, lambda i: bool(_steps(shop, i, early, "session_id")), shop.typed("purchase"))
        first = _steps(shop, row, early, "session_id")[0]
    except ValueError:
        first = donor(shop)
        row = follow(shop, first, "purchase")
    shop.keep("events", first)
    gap = shop.turn([45.0, 600.0, 5400.0]) * shop.between(0.6, 1.4)
    shop.edit("events", row, timestamp=moved(shop.get("events", first, "timestamp"), -gap))


@fault("events", "timeliness")
def click_before_impression(shop: Shop) -> None:
    """The click comes before the list that shows the product."""
    mask = shop.typed("click") & shop.has("events", "request_id")
    row = shop.take(
        "events",
        mask,
        lambda i: bool(_steps(shop, i, ["impression"], "request_id")),
        need="an untouched click and its impression",
    )
    first = _steps(shop, row, ["impression"], "request_id")[0]
    shop.keep("events", first)
    gap = shop.turn([3.0, 40.0, 1200.0]) * shop.between(0.6, 1.4)
    shop.edit("events", row, timestamp=moved(shop.get("events", first, "timestamp"), -gap))


def _in_company(shop: Shop, column: str, mask: np.ndarray, least: int = 3) -> tuple[int, list[int]]:
    """An untouched event in a session or request of at least so many untouched events, and those others."""
    used = shop.used["events"]

    def company(row: int) -> list[int]:
        return [int(i) for i in shop.group(column)[shop.get("events", row, column)] if i != row and not used[i]]

    fits = mask & shop.has("events", column)
    row = shop.take(
        "events",
        fits,
        lambda i: len(company(i)) + 1 >= least,
        leaves(shop),
        f"{least} untouched events of one {column}",
    )
    return row, company(row)


@fault("events", "timeliness")
def session_torn(shop: Shop) -> None:
    """One event of a session lies days away from the others."""
    start, end = _ends(shop)
    row, others = _in_company(shop, "session_id", shop.has("events", "timestamp"))
    days = shop.pick([2, 3, 7, 16]) + shop.between(-0.3, 0.3)
    later = moved(shop.get("events", row, "timestamp"), days * DAY)
    earlier = moved(shop.get("events", row, "timestamp"), -days * DAY)
    shop.keep("events", others[0])
    shop.edit("events", row, timestamp=earlier if later > end and earlier > start else later)


def _other(shop: Shop, table: str, column: str, value: object) -> str:
    """Another value of a column of ids."""
    rows = np.flatnonzero(shop.has(table, column) & (shop.array(table, column) != value))
    if not len(rows):
        raise shop.too_small(table, f"two values of {column}")
    return str(shop.array(table, column)[shop.pick(rows)])


@fault("events", "consistency")
def session_two_users(shop: Shop) -> None:
    """One session is shared by two users."""
    row, others = _in_company(shop, "session_id", shop.has("events", "user_id"))
    shop.keep("events", others[0])
    shop.edit("events", row, user_id=_other(shop, "users", "user_id", shop.get("events", row, "user_id")))


@fault("events", "consistency")
def order_two_users(shop: Shop) -> None:
    """One order is shared by two users."""
    row = event(shop, "purchase", "order_id", "user_id")
    user = shop.get("events", row, "user_id")
    mask = shop.typed("purchase") & shop.has("events", "order_id") & (shop.array("events", "user_id") != user)
    if (mask & ~shop.used["events"]).any():
        other = shop.take("events", mask)
    else:
        theirs = blank(shop, "purchase", _other(shop, "users", "user_id", user), shop.get("events", row, "item_id"),
                       moved(shop.get("events", row, "timestamp"), shop.between(60, 7200)))  # fmt: skip
        other = shop.add("events", theirs)
    shop.edit("events", row, order_id=shop.get("events", other, "order_id"))


@fault("events", "consistency")
def position_repeated(shop: Shop) -> None:
    """Two products of one shown list stand at the same position."""
    mask = shop.typed("impression") & shop.has("events", "position") & shop.has("events", "request_id")
    row, others = _in_company(shop, "request_id", mask, 2)
    own = shop.get("events", row, "position")
    places = [i for i in others if mask[i] and shop.get("events", i, "position") != own]
    if not places:
        raise shop.too_small("events", "two untouched impressions of one request")
    other = shop.pick(places)
    shop.keep("events", other)
    shop.edit("events", row, position=shop.get("events", other, "position"))


@fault("events", "uniqueness")
def impression_repeated(shop: Shop) -> None:
    """One product is shown twice in one list."""
    mask = shop.typed("impression") & shop.has("events", "request_id") & shop.has("events", "position")
    row = shop.row("events", shop.take("events", mask, need="an untouched impression with a request and a position"))
    places = [shop.get("events", int(i), "position") for i in shop.group("request_id")[row["request_id"]]]
    last = max(int(p) for p in places if p == p and p is not None)
    shop.add(
        "events",
        {**row, "event_id": shop.fresh("event_id"), "position": shop.turn([last + 1, int(row["position"]), last + 2])},
    )


@fault("events", "consistency")
def request_two_queries(shop: Shop) -> None:
    """Events of one request carry two different queries."""
    row, others = _in_company(shop, "request_id", shop.has("events", "query") & shop.typed("impression"))
    shop.keep("events", others[0])
    shop.edit("events", row, query=_other(shop, "events", "query", shop.get("events", row, "query")))


@fault("events", "consistency")
def click_without_impression(shop: Shop) -> None:
    """The click was never shown: its list does not exist or does not hold the product."""
    row = shop.take(
        "events",
        shop.typed("click") & shop.has("events", "request_id"),
        prefer=leaves(shop),
        need="a click with a request",
    )
    if shop.turn([True, False]):
        shop.edit("events", row, request_id=shop.fresh("request_id"))
        return
    shown = set(shop.array("events", "item_id")[shop.group("request_id")[shop.get("events", row, "request_id")]])
    absent = [item for item in shop.array("items", "item_id") if item not in shown]
    shop.edit("events", row, item_id=shop.pick(absent) if absent else shop.fresh("item_id"))


@fault("events", "timeliness")
def event_before_available(shop: Shop) -> None:
    """The event comes before the product was available."""
    if any(_shown_early(shop, float(days)) for days in shop.rng.permutation([20.0, 5.0, 1.0, 0.1])):
        return
    mask = shop.has("items", "available_from")
    item = shop.take("items", mask, lambda i: _few(shop, i), need="an untouched product with 1 to 10 untouched events")
    rows = shop.group("item_id")[shop.get("items", item, "item_id")]
    times = sorted(shop.get("events", int(row), "timestamp") for row in rows)
    since = moved(shop.pick([times[0], times[-1]]), shop.between(0.2, 40) * DAY)
    shop.edit("items", item, available_from=since)
    for row in rows:
        shop.keep("events", int(row))
        if shop.get("events", int(row), "timestamp") < since:
            shop.touch("events", int(row), "timestamp")


def _shown_early(shop: Shop, days: float) -> bool:
    """Put a product into a list that was shown so many days before its start; False where there is none so young."""
    times, since = shop.tables["events"]["timestamp"], shop.tables["items"]["available_from"]
    free = leaves(shop) & shop.typed("impression") & shop.has("events", "timestamp") & ~shop.used["events"]
    gap = pd.Timedelta(days=days)
    young = (since - gap > times[free].min()).to_numpy(dtype=bool) & ~shop.used["items"]
    if not young.any():
        return False
    item = shop.take("items", young)
    row = shop.take("events", free & (times < since.iloc[item] - gap).to_numpy(dtype=bool))
    shop.edit("events", row, item_id=shop.get("items", item, "item_id"))
    return True


def _few(shop: Shop, item: int) -> bool:
    rows: Sequence[int] | np.ndarray = shop.group("item_id").get(shop.get("items", item, "item_id"), [])
    return 1 <= len(rows) <= 10 and not shop.used["events"][rows].any()


def _block(shop: Shop, mask: np.ndarray, length: int) -> list[int]:
    """Untouched events that follow each other in time."""
    free = np.flatnonzero(mask & shop.has("events", "timestamp") & ~shop.used["events"])
    if len(free) < length:
        raise shop.too_small("events", f"{length} untouched events in a row")
    ordered = shop.tables["events"]["timestamp"].iloc[free].sort_values(kind="stable").index
    start = int(shop.rng.integers(len(ordered) - length + 1))
    return [int(row) for row in ordered[start : start + length]]


@fault("events", "accuracy")
def midnight_block(shop: Shop) -> None:
    """A block of events was loaded with dates alone: all lie at midnight exactly."""
    if "timed" not in shop.cache:
        times = shop.tables["events"]["timestamp"]
        shop.cache["timed"] = (times != times.dt.normalize()).to_numpy(dtype=bool)
    for row in _block(shop, shop.cache["timed"], shop.size(8, 60)):
        shop.edit("events", row, timestamp=shop.get("events", row, "timestamp").normalize())


@fault("events", "timeliness")
def timezone_block(shop: Shop) -> None:
    """A block of clicks was stamped in another time zone, hours off the lists they answer."""
    mask = shop.typed("click") & (shop.has("events", "request_id") | shop.has("events", "session_id"))
    hours = shop.turn([8.0, -8.0, 5.5, -5.0, 1.0])
    for row in _block(shop, mask, shop.size(4, 40, 0.001)):
        shop.edit("events", row, timestamp=moved(shop.get("events", row, "timestamp"), hours * 3600))
