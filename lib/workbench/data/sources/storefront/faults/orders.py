"""Planted faults of carts and orders: lines that contradict each other, orders sent twice, and invented ones."""

from workbench.data.sources.storefront.faults.lists import again, later, moment, newcomer, on_sale, step, together
from workbench.data.sources.storefront.faults.shop import Shop, fault
from workbench.data.sources.storefront.faults.steps import blank, donor, event, follow, leaves, price_of

DAY = 86400.0
DIRECT = {"request_id": None, "query": None}
"""What an event holds of lists that comes by an address of its own."""


@fault("events", "completeness")
def purchase_unseen(shop: Shop) -> None:
    """A product is bought that its session never showed, clicked or put into the cart: the steps before it are lost."""
    before = shop.row("events", donor(shop))
    rows = [int(row) for row in shop.group("session_id").get(before["session_id"], ())]
    seen = {shop.get("events", row, "item_id") for row in rows} | {before["item_id"]}
    late = max([shop.get("events", row, "timestamp") for row in rows], default=before["timestamp"])
    item = on_sale(shop, before["timestamp"], *seen)
    step(shop, "purchase", {**before, "timestamp": late}, item, shop.between(20, 120))


def _order(shop: Shop, least: int = 1) -> list[int]:
    """The lines of an untouched order, all kept."""
    mask = shop.typed("purchase") & shop.has("events", "order_id") & shop.has("events", "value")
    used = shop.used["events"]

    def whole(row: int) -> bool:
        rows = together(shop, "order_id", row)
        return len(rows) >= least and mask[rows].all() and not used[rows].any()

    row = shop.take("events", mask, whole, need=f"an untouched order of {least} lines")
    rows = together(shop, "order_id", row)
    for row in rows:
        shop.keep("events", row)
    return rows


@fault("events", "uniqueness")
def order_resubmitted(shop: Shop) -> None:
    """The pay button was pressed twice: the same lines of the same user, as a second order within a minute."""
    try:
        rows = _order(shop)
        again(shop, rows, shop.turn([2.0, 9.0, 40.0]), order_id=shop.fresh("order_id"))
    except ValueError:
        first = shop.row("events", follow(shop, donor(shop), "purchase"))
        late = {"event_id": shop.fresh("event_id"), "order_id": shop.fresh("order_id")}
        shop.add("events", {**first, **late, "timestamp": later(first["timestamp"], 9.0)})


@fault("events", "consistency")
def order_over_days(shop: Shop) -> None:
    """One order_id serves two orders of a user, days apart: its lines were not bought at one moment."""
    mask = shop.typed("purchase") & shop.has("events", "order_id") & shop.has("events", "session_id")
    row = event(shop, "purchase", "order_id", "timestamp")
    own = shop.row("events", row)
    shop.keep("events", row)
    times = shop.tables["events"]["timestamp"]
    away = ((times - own["timestamp"]).abs().dt.total_seconds() > DAY).fillna(False).to_numpy(dtype=bool)
    theirs = mask & away & (shop.array("events", "user_id") == own["user_id"]) & ~shop.used["events"]
    theirs &= shop.array("events", "order_id") != own["order_id"]
    if theirs.any():
        shop.edit("events", shop.take("events", theirs), order_id=own["order_id"])
        return
    late = later(own["timestamp"], shop.between(1.5, 9) * DAY)
    line = blank(shop, "purchase", own["user_id"], own["item_id"], late)
    shop.add("events", {**line, "order_id": own["order_id"]})


@fault("events", "accuracy")
def order_total_on_line(shop: Shop) -> None:
    """Every line of an order bears the total of the order instead of its own amount."""
    try:
        rows = _order(shop, 2)
    except ValueError:
        row = event(shop, "purchase", "order_id", "value")
        own = shop.row("events", row)
        item = on_sale(shop, own["timestamp"], own["item_id"])
        rows = [row, step(shop, "purchase", own, item, 0.0, order_id=own["order_id"])]
    total = round(sum(float(shop.get("events", row, "value")) for row in rows), 2)
    for row in rows:
        shop.edit("events", row, value=total)


@fault("events", "consistency")
def quantity_value_swapped(shop: Shop) -> None:
    """Quantity and value stand in each other's column: as many pieces as they cost, for the price of one or two."""
    row = event(shop, shop.turn(["purchase", "cart"]), "quantity", "value", prefer=leaves(shop))
    quantity, value = (shop.get("events", row, column) for column in ("quantity", "value"))
    shop.edit("events", row, quantity=value, value=quantity)


@fault("events", "timeliness")
def cart_after_purchase(shop: Shop) -> None:
    """The product came into the cart only after the same session had bought it."""
    kinds, items = shop.array("events", "event_type"), shop.array("events", "item_id")

    def bought(row: int) -> list[int]:
        rows = together(shop, "session_id", row)
        return [i for i in rows if kinds[i] == "purchase" and items[i] == items[row] and not shop.used["events"][i]]

    gap = shop.turn([4.0, 45.0, 300.0]) * shop.between(0.7, 1.3)
    try:
        row = shop.take("events", shop.typed("cart") & shop.has("events", "session_id"), lambda i: bool(bought(i)))
        after = bought(row)[0]
    except ValueError:
        before = donor(shop)
        after, row = follow(shop, before, "purchase"), follow(shop, before, "cart")
    shop.keep("events", after)
    shop.edit("events", row, timestamp=later(shop.get("events", after, "timestamp"), gap))


@fault("events", "accuracy")
def order_burst(shop: Shop) -> None:
    """Invented sales: one user orders one product again and again within minutes, each time as a new order."""
    orders, gap = shop.size(12, 40, 0.0005), shop.turn([6.0, 15.0, 25.0])
    time, session = moment(shop, 2400), shop.fresh("session_id")
    item, user = on_sale(shop, time), newcomer(shop)
    for _ in range(orders):
        for kind in ("cart", "purchase"):
            row = blank(shop, kind, user, item, time)
            shop.add("events", {**row, **DIRECT, "session_id": session if row["session_id"] else None})
            time = later(time, gap * shop.between(0.2, 0.8))


@fault("users", "accuracy")
def order_of_test_account(shop: Shop) -> None:
    """An account of the shop's testers buys in the live shop: its id says so, and is unlike all other users' ids."""
    number = 1 + int(shop.rng.integers(10**6))
    names = ["test", "qa-bot-", "demo_user_", "staging-", "测试账号", "autotest."]
    user = newcomer(shop, f"{shop.turn(names)}{number}")
    time, session = moment(shop, 600), shop.fresh("session_id")
    for _ in range(shop.pick([1, 2, 3])):
        item = on_sale(shop, time)
        for kind in ("cart", "purchase"):
            row = blank(shop, kind, user, item, time)
            value = {"value": price_of(shop, item)} if row["value"] else {}
            shop.add("events", {**row, **DIRECT, **value, "session_id": session if row["session_id"] else None})
            time = later(time, shop.between(3, 30))
