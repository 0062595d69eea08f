"""Planted faults of tracking: lists, clicks and sessions as browsers and collectors get them wrong."""

from workbench.data.sources.storefront.faults.lists import again, later, shown, together
from workbench.data.sources.storefront.faults.shop import Shop, fault
from workbench.data.sources.storefront.faults.steps import filled, leaves


@fault("events", "completeness")
def list_with_hole(shop: Shop) -> None:
    """The positions of one shown list leave a hole, where all others count on: rows in between were lost."""
    seen, rest = shown(shop)
    first = int(shop.get("events", seen[int(shop.rng.integers(1, len(seen)))], "position"))
    gap = shop.turn([2, 1, 4])
    for row in seen + [row for row in rest if shop.has("events", "position")[row]]:
        place = int(shop.get("events", row, "position"))
        if place >= first:
            shop.edit("events", row, position=place + gap)


@fault("events", "timeliness")
def list_split_in_time(shop: Shop) -> None:
    """One shown list has two times: its lower part is stamped minutes before its upper part."""
    seen, _ = shown(shop)
    gap = shop.turn([75.0, 240.0, 900.0]) * shop.between(0.8, 1.3)
    for row in seen[int(shop.rng.integers(1, len(seen))) :]:
        shop.edit("events", row, timestamp=later(shop.get("events", row, "timestamp"), -gap))


@fault("events", "uniqueness")
def list_loaded_twice(shop: Shop) -> None:
    """A page was loaded twice: the same list in the same order, under a second request within a second."""
    seen, _ = shown(shop)
    again(shop, seen, shop.turn([0.12, 0.4, 0.85]), request_id=shop.fresh("request_id"))


@fault("events", "uniqueness")
def request_id_reused(shop: Shop) -> None:
    """Two lists of different users share one request_id, as after the restart of a counter."""
    first = shown(shop)[0][0]
    user = shop.get("events", first, "user_id")
    seen, rest = shown(shop, test=lambda row: shop.get("events", row, "user_id") != user)
    for row in seen + rest:
        shop.edit("events", row, request_id=shop.get("events", first, "request_id"))


@fault("events", "consistency")
def click_position_differs(shop: Shop) -> None:
    """The click names another position than the one at which its list shows the product."""
    kinds, items = shop.array("events", "event_type"), shop.array("events", "item_id")
    places, used = shop.array("events", "position"), shop.used["events"]

    def impressions(row: int) -> list[int]:
        rows = together(shop, "request_id", row)
        return [i for i in rows if kinds[i] == "impression" and items[i] == items[row] and places[i] == places[row]]

    mask = shop.typed("click") & shop.has("events", "request_id") & shop.has("events", "position")
    row = shop.take(
        "events",
        mask,
        lambda i: len(found := impressions(i)) == 1 and not used[found].any(),
        leaves(shop),
        "an untouched click with its impression",
    )
    shop.keep("events", impressions(row)[0])
    place = int(places[row])
    new = place + shop.turn([1, -1, 3, 10])
    shop.edit("events", row, position=new if new >= 1 else place + 1)


@fault("events", "accuracy")
def clicks_prefetched(shop: Shop) -> None:
    """A browser fetched every page of a list ahead: each product shown is clicked in one instant."""
    seen, _ = shown(shop, least=4)
    delay, apart = shop.turn([0.02, 0.2, 0.6]), shop.pick([0.0, 0.001, 0.004])
    lacking = {c: None for c in ("position", "propensity", "query") if c not in filled(shop, "click")}
    for place, row in enumerate(seen):
        again(shop, [row], delay + apart * place, event_type="click", **lacking)


@fault("events", "consistency")
def session_splintered(shop: Shop) -> None:
    """The session was renewed at every event: one request of one user lies in as many sessions as it has events."""
    seen, rest = shown(shop)
    for row in seen + rest:
        shop.edit("events", row, session_id=shop.fresh("session_id"))


@fault("events", "timeliness")
def session_one_instant(shop: Shop) -> None:
    """A session was stamped on its arrival in one batch: lists and clicks all bear one time."""
    times, used = shop.tables["events"]["timestamp"], shop.used["events"]

    def whole(row: int) -> bool:
        rows = together(shop, "session_id", row)
        return 5 <= len(rows) <= 70 and not used[rows].any() and bool(times.iloc[rows].notna().all())

    mask = shop.typed("click") & shop.has("events", "session_id")
    rows = together(shop, "session_id", shop.take("events", mask, whole, need="an untouched session of 5 events"))
    arrival = later(times.iloc[rows].max(), shop.between(1, 240))
    for row in rows:
        shop.edit("events", row, timestamp=arrival)
