"""Planted faults of single events: their ids, types, texts, amounts and positions."""

from typing import Any

import numpy as np

from workbench.data.sources.storefront.faults import texts
from workbench.data.sources.storefront.faults.shop import Shop, chinese, fault
from workbench.data.sources.storefront.faults.steps import best_rating, currency_of, event, in_chinese, leaves, price_of


@fault("events", "consistency")
def event_type_unknown(shop: Shop) -> None:
    """The event's type is none of the shop's."""
    row = shop.take("events", shop.has("events", "event_type"), prefer=leaves(shop))
    own = shop.get("events", row, "event_type")
    forms = [
        texts.mistyped(own, shop.rng),
        own.upper(),
        f"{own}ed",
        "undefined",
        f"{own} ",
        "page_view",
        own.capitalize(),
        "evt_7",
        "",
    ]
    shop.edit("events", row, event_type=shop.turn([form for form in forms if form != own]))


def _empty(shop: Shop, column: str, options: list[Any]) -> None:
    row = shop.take("events", shop.has("events", column), prefer=leaves(shop))
    shop.edit("events", row, **{column: shop.turn(options)})


@fault("events", "completeness")
def event_user_missing(shop: Shop) -> None:
    """The event has no user."""
    _empty(shop, "user_id", [None, "", "null", "undefined"])


@fault("events", "completeness")
def event_item_missing(shop: Shop) -> None:
    """The event has no item."""
    _empty(shop, "item_id", [None, "", "None", "nan"])


@fault("events", "completeness")
def event_time_missing(shop: Shop) -> None:
    """The event has no time."""
    _empty(shop, "timestamp", [None])


@fault("events", "consistency")
def event_item_unknown(shop: Shop) -> None:
    """The event names an item that is not in the catalogue."""
    _empty(shop, "item_id", [shop.fresh("item_id")])


@fault("events", "consistency")
def event_user_unknown(shop: Shop) -> None:
    """The event names a user that is not in the users' table."""
    _empty(shop, "user_id", [shop.fresh("user_id")])


def _respelt(shop: Shop, column: str) -> None:
    row = shop.take("events", shop.has("events", column), prefer=leaves(shop))
    name = shop.get("events", row, column)
    cased = name.swapcase() if name.swapcase() != name else f"#{name}"
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in name)
    forms = [f"{name}.0", f" {name}", f"{name} ", f'"{name}"', cased, f"\ufeff{name}", f"{name}\r", wide, f"{name}\t"]
    shop.edit("events", row, **{column: shop.turn([form for form in forms if form != name])})


@fault("events", "consistency")
def event_item_respelt(shop: Shop) -> None:
    """The event's item_id is in another form: as a float, in quotes, with stray characters."""
    _respelt(shop, "item_id")


@fault("events", "consistency")
def event_user_respelt(shop: Shop) -> None:
    """The event's user_id is in another form: as a float, in quotes, with stray characters."""
    _respelt(shop, "user_id")


@fault("events", "accuracy")
def event_ids_swapped(shop: Shop) -> None:
    """User and item stand in each other's column."""
    row = shop.take("events", shop.has("events", "user_id") & shop.has("events", "item_id"), prefer=leaves(shop))
    shop.edit("events", row, user_id=shop.get("events", row, "item_id"), item_id=shop.get("events", row, "user_id"))


@fault("events", "accuracy")
def event_text_in_query(shop: Shop) -> None:
    """A written opinion stands in the query column, its own column is empty."""
    row = event(shop, shop.turn(["review", "comment", "review"]), "text")
    shop.edit("events", row, query=shop.get("events", row, "text"), text=None)


def _wordy(shop: Shop) -> tuple[int, str]:
    """An untouched event with a query, or a review's text in turn, and the column."""
    asked = shop.has("events", "query") & ~shop.used["events"]
    if shop.turn([True, False]) and asked.any():
        return shop.take("events", shop.has("events", "query"), prefer=leaves(shop)), "query"
    return event(shop, "review", "text"), "text"


def _spoil(shop: Shop, change: Any) -> None:
    row, column = _wordy(shop)
    shop.edit("events", row, **{column: change(shop.get("events", row, column), shop.rng)})


@fault("events", "usability")
def event_text_mojibake(shop: Shop) -> None:
    """The query or the opinion was decoded with the wrong encoding."""
    _spoil(shop, texts.mojibake)


@fault("events", "usability")
def event_text_html(shop: Shop) -> None:
    """HTML tags or entities stand in the query or the opinion."""
    _spoil(shop, texts.marked_up)


@fault("events", "usability")
def event_text_invisible(shop: Shop) -> None:
    """Control or zero-width characters hide in the query or the opinion."""
    _spoil(shop, texts.invisible)


@fault("events", "consistency")
def event_text_fullwidth(shop: Shop) -> None:
    """The query or the opinion is written in full-width letters or digits."""
    _spoil(shop, texts.widened)


@fault("events", "usability")
def query_placeholder(shop: Shop) -> None:
    """The query is a placeholder that a program wrote."""
    _query(shop, texts.QUERIES)


@fault("events", "usability")
def query_attack(shop: Shop) -> None:
    """The query is an address or an attack on the database, not a search."""
    _query(shop, texts.ATTACKS)


def _query(shop: Shop, options: tuple[str, ...]) -> None:
    searches = shop.typed("impression", "click")
    row = shop.take(
        "events", searches, prefer=leaves(shop) & shop.has("events", "query"), need="an impression or click"
    )
    shop.edit("events", row, query=shop.turn(options))


@fault("events", "completeness")
def review_empty(shop: Shop) -> None:
    """The review is empty, or says nothing but punctuation."""
    shop.edit("events", event(shop, "review", "text"), text=shop.turn([None, "", "   ", ".", "。。", "---", "\n"]))


@fault("events", "usability")
def review_gibberish(shop: Shop) -> None:
    """The review is a row of meaningless characters."""
    row = event(shop, "review", "text")
    if chinese(shop.get("events", row, "text")) or in_chinese(shop):
        forms = [
            "啊啊啊啊啊啊啊啊啊啊啊啊啊啊啊",
            "的的的的 的的的的的的的",
            "嗯嗯嗯嗯嗯嗯哈哈哈哈哈哈哈哈哈哈",
            "1111111111111",
        ]
    else:
        forms = [
            "asdkjh asdlkj qwelkj zxmcn",
            "gooooooooooooooooooooooooooooood",
            "qwertyuiop qwertyuiop qwertyuiop",
            "aaaa aaaa aaaa aaaa aaaa",
        ]
    shop.edit("events", row, text=shop.turn(forms))


@fault("events", "accuracy")
def rating_out_of_range(shop: Shop) -> None:
    """The rating lies outside the shop's scale."""
    top = best_rating(shop)
    shop.edit(
        "events", event(shop, "rating", "value"), value=shop.turn([top + 1, 0.0, -1.0, top * 10, top * 2, 99.0 + top])
    )


def _bought(shop: Shop) -> int:
    return event(shop, shop.turn(["purchase", "purchase", "cart"]), "quantity", "value", prefer=leaves(shop))


@fault("events", "accuracy")
def quantity_not_positive(shop: Shop) -> None:
    """The quantity is zero or negative."""
    shop.edit("events", _bought(shop), quantity=shop.turn([0.0, -1.0, -2.0, -10.0]))


@fault("events", "accuracy")
def quantity_absurd(shop: Shop) -> None:
    """The quantity is absurd for shoes and clothes: hundreds of a kind, or a part of one."""
    row = _bought(shop)
    quantity = float(shop.turn([250, 999, 0.37, 2147483647, 1.5, 10000]))
    each = float(shop.get("events", row, "value")) / max(float(shop.get("events", row, "quantity")), 1.0)
    value = round(each * quantity, 2) if shop.rng.random() < 0.5 else shop.get("events", row, "value")
    shop.edit("events", row, quantity=quantity, value=value)


@fault("events", "consistency")
def value_mismatch(shop: Shop) -> None:
    """The value is not price times quantity."""
    row = _bought(shop)
    quantity = float(shop.get("events", row, "quantity"))
    right = max(price_of(shop, shop.get("events", row, "item_id")) * quantity, float(shop.get("events", row, "value")))
    if shop.turn([False, True]):
        shop.edit("events", row, quantity=quantity + shop.pick([2, 3, 5]))  # more pieces for the same money
    else:
        shop.edit("events", row, value=round(right * shop.pick([1.4, 1.9, 2.5, 3.3, 0.05]), 2))


@fault("events", "consistency")
def value_in_cents(shop: Shop) -> None:
    """The value is in hundredths of the currency."""
    row = _bought(shop)
    shop.edit("events", row, value=float(round(float(shop.get("events", row, "value")) * 100)))


@fault("events", "accuracy")
def value_not_positive(shop: Shop) -> None:
    """The value of a sale is zero or negative."""
    row = _bought(shop)
    shop.edit("events", row, value=shop.turn([0.0, -float(shop.get("events", row, "value")), -0.01]))


@fault("events", "completeness")
def purchase_amount_missing(shop: Shop) -> None:
    """A purchase lacks its value, its quantity or its currency."""
    column = shop.turn(["value", "quantity", "currency"])
    shop.edit("events", event(shop, "purchase", column, prefer=leaves(shop)), **{column: None})


@fault("events", "consistency")
def currency_foreign(shop: Shop) -> None:
    """The purchase is in a currency in which the shop does not sell."""
    row = event(shop, "purchase", "currency", "value", prefer=leaves(shop))
    rates = {"USD": 1.0, "EUR": 0.92, "CNY": 7.2, "JPY": 151.0, "GBP": 0.79, "KRW": 1370.0, "HKD": 7.8}
    own = currency_of(shop)
    other = shop.turn([code for code in rates if code != own])
    rate = rates[other] / rates.get(own, 1.0) if shop.rng.random() < 0.5 else 1.0  # converted, or the code alone
    shop.edit("events", row, currency=other, value=round(float(shop.get("events", row, "value")) * rate, 2))


@fault("events", "consistency")
def currency_malformed(shop: Shop) -> None:
    """The currency is not a code of ISO 4217."""
    own = currency_of(shop)
    forms = [own.lower(), f"{own} ", own[:2], "$" if own != "CNY" else "元", "RMB", f"{own}$", "Dollar", "¥", "???"]
    shop.edit("events", event(shop, "purchase", "currency", prefer=leaves(shop)), currency=shop.turn(forms))


@fault("events", "accuracy")
def propensity_impossible(shop: Shop) -> None:
    """The propensity is no probability: zero, negative, above one, or in percent."""
    row = shop.take(
        "events", shop.typed("impression") & shop.has("events", "propensity"), need="an impression with a propensity"
    )
    percent = round(100 * float(shop.get("events", row, "propensity")), 3)
    shop.edit("events", row, propensity=shop.turn([0.0, -0.12, 1.08, max(percent, 1.6), 2.5, -1.0]))


@fault("events", "accuracy")
def position_impossible(shop: Shop) -> None:
    """The position in the shown list is impossible."""
    row = shop.take(
        "events", shop.typed("impression") & shop.has("events", "position"), need="an impression with a position"
    )
    top = int(np.nanmin(shop.tables["events"]["position"].to_numpy(dtype=float, na_value=np.nan)))
    shop.edit("events", row, position=shop.turn([-1, top - 1, 9999, -7, 100000, 65535]))


@fault("events", "completeness")
def position_missing(shop: Shop) -> None:
    """An impression has no position."""
    mask = shop.typed("impression") & shop.has("events", "position")
    shop.edit("events", shop.take("events", mask, need="an impression with a position"), position=None)


@fault("events", "completeness")
def purchase_without_order(shop: Shop) -> None:
    """A purchase belongs to no order."""
    shop.edit("events", event(shop, "purchase", "order_id", prefer=leaves(shop)), order_id=shop.turn([None, "", "0"]))
