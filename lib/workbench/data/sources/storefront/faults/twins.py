"""Planted faults of identity: products, users and events that stand in the tables twice."""

from typing import Any

import pandas as pd

from workbench.data.sources.storefront.faults import texts
from workbench.data.sources.storefront.faults.items import item_with
from workbench.data.sources.storefront.faults.shop import Row, Shop, chinese, fault, present
from workbench.data.sources.storefront.faults.steps import moved


@fault("items", "uniqueness")
def item_id_reused(shop: Shop) -> None:
    """Two products of different content share one item_id."""
    row = item_with(shop, "title")
    other = shop.row("items", shop.take("items", shop.has("items", "title"), need="two untouched items"))
    own = shop.row("items", row)
    price = None if not present(own["price"]) else round(float(own["price"]) * shop.pick([0.8, 0.9, 1.15, 1.3]), 2)
    renamed = f"{own['title']}（新款）" if chinese(own["title"]) else f"{own['title']} (new model)"
    forms: list[Row] = [
        other,
        {**own, "price": price, "title": renamed},
        {**own, "category": other["category"], "title": other["title"]},
    ]
    shop.add("items", {**shop.turn(forms), "item_id": own["item_id"]})


def _twin(shop: Shop, retitle: Any) -> None:
    """Append a product that is another one under a new id; every second time some of its events go with it."""
    row = item_with(shop, "title", test=lambda i: len(str(shop.get("items", i, "title"))) > 3)
    twin = {**shop.row("items", row), "item_id": shop.fresh("item_id")}
    if retitle:
        twin["title"] = retitle(twin["title"], shop.rng)
        if present(twin["price"]) and shop.rng.random() < 0.4:
            twin["price"] = round(float(twin["price"]) * shop.between(0.97, 1.03), 2)
        lost = shop.pick(["", "description", "attributes", ""])
        if lost:
            twin[lost] = None
    new = shop.add("items", twin)
    if shop.turn([False, True]):
        for event in _visits(shop, shop.get("items", row, "item_id"), shop.pick([1, 2, 4])):
            shop.edit("events", event, item_id=shop.get("items", new, "item_id"))


def _visits(shop: Shop, item: str, most: int) -> list[int]:
    """Untouched events of an item in whole sessions, so that a click stays with its impression."""
    rows = pd.Series(shop.group("item_id").get(item, []), dtype="int64")
    sessions = rows.groupby(shop.tables["events"]["session_id"].iloc[rows].to_numpy())
    whole = [list(visit) for _, visit in sessions if not shop.used["events"][visit].any()]
    return [int(row) for visit in whole[:most] for row in visit]


@fault("items", "uniqueness")
def item_exact_duplicate(shop: Shop) -> None:
    """The same product stands in the catalogue twice, under two ids."""
    _twin(shop, None)


@fault("items", "uniqueness")
def item_near_duplicate_typo(shop: Shop) -> None:
    """The same product stands there twice, once with a slip in its title."""
    _twin(shop, texts.mistyped)


@fault("items", "uniqueness")
def item_near_duplicate_reordered(shop: Shop) -> None:
    """The same product stands there twice, the words of its title in another order."""
    _twin(shop, texts.reordered)


@fault("items", "uniqueness")
def item_near_duplicate_restyled(shop: Shop) -> None:
    """The same product stands there twice, with other capitals or punctuation."""
    _twin(shop, texts.restyled)


@fault("events", "uniqueness")
def event_delivered_twice(shop: Shop) -> None:
    """The same event was delivered twice, under one id."""
    row = shop.row("events", shop.take("events", shop.has("events", "timestamp")))
    if shop.turn([False, True]):
        row["timestamp"] = moved(row["timestamp"], shop.pick([1, 2, 30]))  # stamped at arrival, after a retry
    shop.add("events", row)


@fault("events", "uniqueness")
def event_fired_twice(shop: Shop) -> None:
    """One action was sent twice under two ids, within half a second."""
    row = shop.row("events", shop.take("events", shop.has("events", "timestamp") & ~shop.typed("impression")))
    gap = shop.turn([0.0, 0.04, 0.2, 0.45])
    shop.add("events", {**row, "event_id": shop.fresh("event_id"), "timestamp": moved(row["timestamp"], gap)})


@fault("events", "uniqueness")
def event_id_reused(shop: Shop) -> None:
    """Two different events carry one event_id."""
    row = shop.take("events")
    shop.edit("events", row, event_id=shop.get("events", shop.take("events"), "event_id"))


def _demographics(shop: Shop) -> list[str]:
    columns = [str(c) for c in shop.tables["users"].columns if c != "user_id"]
    filled = [c for c in columns if shop.has("users", c).any()]
    if not filled:
        raise shop.too_small("users", "a column of demographics")
    return filled


def _user_cell(shop: Shop) -> tuple[int, str, Any, bool]:
    """An untouched user's row, one of its demographics, the value and whether it is text."""
    column = shop.pick(_demographics(shop))
    row = shop.take("users", shop.has("users", column), need=f"an untouched user with {column}")
    value = shop.get("users", row, column)
    return row, column, value, isinstance(value, str)


def _different(shop: Shop, options: list[Any], value: Any, column: str) -> Any:
    known = set(shop.array("users", column))
    return shop.turn([o for o in options if o != value and o not in known])


@fault("users", "uniqueness")
def user_id_reused(shop: Shop) -> None:
    """One user_id stands there twice with different demographics."""
    columns = _demographics(shop)
    row = shop.take("users")
    own = shop.row("users", row)
    column = shop.pick(columns)
    others = [v for v in pd.unique(shop.array("users", column)) if present(v) and v != own[column]]
    shop.add("users", {**own, column: shop.pick(others) if others else None})


@fault("users", "uniqueness")
def user_id_respelt(shop: Shop) -> None:
    """A user stands there again under the same id in another spelling."""
    own = shop.row("users", shop.take("users", shop.has("users", "user_id")))
    name = own["user_id"]
    forms = [f" {name}", f"{name} ", name.swapcase() if name.swapcase() != name else f"{name}.0", f"{name}\u200b"]
    shop.add("users", {**own, "user_id": shop.turn(forms)})


@fault("users", "accuracy")
def user_value_impossible(shop: Shop) -> None:
    """A demographic value lies outside its domain."""
    row, column, value, text = _user_cell(shop)
    options = ["-3", "150+", "???", "1899", "34-25", "#REF!", "other;other", "0x1F"] if text else [-3, 999, -1, 250]
    shop.edit("users", row, **{column: _different(shop, options, value, column)})


@fault("users", "consistency")
def user_value_variant(shop: Shop) -> None:
    """A demographic value is a spelling variant of one of its domain."""
    text_columns = [c for c in _demographics(shop) if any(isinstance(v, str) for v in shop.array("users", c)[:100])]
    if not text_columns:
        raise shop.too_small("users", "a text column of demographics")
    column = shop.pick(text_columns)
    row = shop.take("users", shop.has("users", column))
    value = str(shop.get("users", row, column))
    options = [
        f"{value} ",
        value.upper(),
        f" {value}",
        value.capitalize(),
        f"'{value}'",
        value.replace("-", "–"),
        f"{value}.",
        value.swapcase(),
    ]
    shop.edit("users", row, **{column: _different(shop, options, value, column)})


@fault("users", "completeness")
def user_value_missing(shop: Shop) -> None:
    """A demographic value is missing, or a text that stands for missing."""
    row, column, value, text = _user_cell(shop)
    options = [None, "", "unknown ", "N/A", "null", "NaN", "未知 "] if text else [None]
    shop.edit("users", row, **{column: _different(shop, options, value, column)})
