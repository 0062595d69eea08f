"""Planted faults of many rows: robots, click farms, bursts, spam and floods."""

import numpy as np
import pandas as pd

from workbench.data.sources.storefront.faults import texts
from workbench.data.sources.storefront.faults.shop import Shop, fault, present
from workbench.data.sources.storefront.faults.steps import best_rating, blank, donor, filled, in_chinese, moved


def _newcomer(shop: Shop) -> str:
    """Append a user who looks like some other user."""
    frame = shop.tables["users"]
    if frame.empty:
        raise shop.too_small("users", "a user to take after")
    like = shop.row("users", int(shop.rng.integers(len(frame))))
    row = shop.add("users", {**like, "user_id": shop.fresh("user_id")})
    return shop.get("users", row, "user_id")


def _member(shop: Shop) -> str:
    """An existing user."""
    return shop.pick(shop.array("users", "user_id"))


def _moment(shop: Shop, seconds: float) -> pd.Timestamp:
    """A random time from which so many seconds still fit into the log, where they can."""
    times = shop.tables["events"]["timestamp"]
    first, last = times.min(), times.max()
    return moved(first, shop.between(0, max((last - first).total_seconds() - seconds, 1.0)))


def _on_sale(shop: Shop, time: pd.Timestamp, least: int) -> list[str]:
    """Untouched items that are available at a time, in catalogue order."""
    since = shop.tables["items"]["available_from"]
    fits = (since.isna() | (since <= time)).to_numpy(dtype=bool) & ~shop.used["items"] & shop.has("items", "item_id")
    if fits.sum() < least:
        raise shop.too_small("items", f"{least} untouched products on sale at one time")
    return list(shop.array("items", "item_id")[fits])


def _lowest(shop: Shop) -> int:
    if "lowest" not in shop.cache:
        values = shop.tables["events"].loc[shop.typed("impression"), "position"].dropna()
        shop.cache["lowest"] = int(values.min()) if len(values) else 1
    return shop.cache["lowest"]


def _show(shop: Shop, user: str, session: str, items: list[str], time: pd.Timestamp, clicks: int) -> None:
    """Append one shown list, with clicks on its first items a moment later."""
    shown = blank(shop, "impression", user, items[0], time)
    same = {
        "session_id": session if present(shown["session_id"]) else None,
        "request_id": shown["request_id"],
        "query": shown["query"],
    }
    for place, item in enumerate(items):
        row = {**blank(shop, "impression", user, item, time), **same}
        shop.add(
            "events", {**row, "position": _lowest(shop) + place if "position" in filled(shop, "impression") else None}
        )
        if place < clicks:
            click = blank(shop, "click", user, item, moved(time, 0.2 + 0.3 * place))
            place_of = {"position": _lowest(shop) + place if "position" in filled(shop, "click") else None}
            shop.add("events", {**click, **{c: v for c, v in same.items() if c in filled(shop, "click")}, **place_of})


@fault("events", "accuracy")
def robot_rate(shop: Shop) -> None:
    """A robot: one user sends request after request, many a minute."""
    requests, gap = shop.size(40, 300), shop.turn([0.4, 1.0, 2.2])
    time = _moment(shop, requests * gap)
    items = _on_sale(shop, time, 3)
    user, session = _newcomer(shop), shop.fresh("session_id")
    for _ in range(requests):
        some = shop.rng.choice(len(items), size=3, replace=False)
        _show(shop, user, session, [items[i] for i in some], time, shop.pick([0, 0, 1]))
        time = moved(time, gap * shop.between(0.5, 1.5))


@fault("events", "accuracy")
def robot_regular(shop: Shop) -> None:
    """A robot: one user's requests come at the intervals of a machine."""
    requests, gap = shop.size(40, 240), shop.turn([30.0, 60.0, 10.0, 300.0])
    time = _moment(shop, requests * gap)
    items = _on_sale(shop, time, 2)
    user, session = _newcomer(shop), shop.fresh("session_id")
    jitter = shop.pick([0.0, 0.05])
    for step in range(requests):
        at = moved(time, step * gap + shop.between(0, jitter))
        _show(shop, user, session, [shop.pick(items)], at, 1)


@fault("events", "accuracy")
def robot_breadth(shop: Shop) -> None:
    """A robot: one user walks through the catalogue product by product and buys nothing."""
    time = _moment(shop, 7200)
    items = _on_sale(shop, time, 20)
    if shop.turn([False, True]):
        items = items[::-1]
    user, session = _newcomer(shop), shop.fresh("session_id")
    for item in items[: shop.size(60, 400, 0.01)]:
        _show(shop, user, session, [item], time, 1)
        time = moved(time, shop.between(2, 9))


@fault("events", "accuracy")
def robot_sleepless(shop: Shop) -> None:
    """A robot: one user is active around the clock for days, without a break for sleep."""
    time = _moment(shop, 3 * 86400.0)
    items = _on_sale(shop, time, 2)
    user, end = _newcomer(shop), moved(time, shop.turn([3.0, 4.0]) * 86400)
    session = shop.fresh("session_id")
    while time < end:
        _show(shop, user, session, [shop.pick(items)], time, shop.pick([0, 1]))
        pause = shop.between(300, 1600)
        session = shop.fresh("session_id") if pause > 1400 else session
        time = moved(time, pause)


@fault("events", "accuracy")
def click_farm(shop: Shop) -> None:
    """A click farm: many users click one product within a minute or a few."""
    members, span = shop.size(15, 80), shop.turn([60.0, 45.0, 180.0])
    time = _moment(shop, span)
    item = shop.pick(_on_sale(shop, time, 1))
    newcomers = shop.turn([True, True, False])
    users = (
        [_newcomer(shop) for _ in range(members)]
        if newcomers
        else list(dict.fromkeys(_member(shop) for _ in range(3 * members)))[:members]
    )
    for user in users:
        _show(shop, user, shop.fresh("session_id"), [item], moved(time, shop.between(0, span)), 1)


@fault("events", "accuracy")
def click_burst(shop: Shop) -> None:
    """A burst: one user clicks one product dozens of times within minutes."""
    clicks = shop.typed("click")
    first = shop.take(
        "events", clicks & shop.has("events", "timestamp") & shop.has("events", "item_id"), need="an untouched click"
    )
    row = shop.row("events", first)
    time = row["timestamp"]
    for _ in range(shop.size(20, 60)):
        time = moved(time, shop.turn([2.0, 6.0, 12.0]) * shop.between(0.3, 1.7))
        shop.add("events", {**row, "event_id": shop.fresh("event_id"), "timestamp": time})


@fault("events", "accuracy")
def review_spam(shop: Shop) -> None:
    """One advertising text is posted as a review by many users on many products."""
    text = shop.turn(texts.SPAM_ZH if in_chinese(shop) else texts.SPAM)
    for index in range(shop.size(6, 25)):
        before = shop.row("events", donor(shop))
        row = blank(
            shop, "review", before["user_id"], before["item_id"], moved(before["timestamp"], shop.between(600, 90000))
        )
        tail = shop.pick(["", "", "!", " "]) if index else ""
        shop.add("events", {**row, "text": text + tail})


@fault("events", "accuracy")
def review_flood(shop: Shop) -> None:
    """One user floods the shop with best ratings and reviews of products never bought."""
    user, posts = shop.turn([_newcomer, _newcomer, _member])(shop), shop.size(12, 30)
    time = _moment(shop, 3600)
    items = _on_sale(shop, time, 5)
    session = shop.fresh("session_id")
    for _ in range(posts):
        row = blank(shop, "review", user, shop.pick(items), time)
        best = {"value": best_rating(shop)} if present(row["value"]) else {}
        shop.add("events", {**row, **best, "session_id": session if present(row["session_id"]) else None})
        time = moved(time, shop.between(8, 70))


@fault("events", "accuracy")
def cart_hoarder(shop: Shop) -> None:
    """One user puts product after product into the cart within minutes and buys nothing."""
    user, time = _newcomer(shop), _moment(shop, 900)
    items = _on_sale(shop, time, 5)
    session = shop.fresh("session_id")
    order = shop.rng.permutation(len(items))
    for index in range(shop.size(25, 60)):
        row = blank(shop, "cart", user, items[order[index % len(items)]], time)
        shop.add("events", {**row, "session_id": session if present(row["session_id"]) else None})
        time = moved(time, float(np.clip(shop.rng.exponential(4), 0.5, 20)))
