"""What customers pay, held against what products cost: which of quantity, value and listed price is wrong."""

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import FloatingValue, Table

from workbench.data import engine

MONEY = ("cart", "purchase")
TOLERANCE = 0.15  # of the log of paid over listed price, where all pay the listed price; a cent of rounding is below
FAR = 6.0  # robust standard deviations of that logarithm
ENOUGH = 30  # carts below which it is not said what their value is
SOLD = 3  # times a product is sold before what was paid says what it costs
EVEN = 0.005  # of the logarithm of a price: below it, buyers pay alike


def seen(con: ibis.BaseBackend, events: Table, name: str) -> tuple[Table, Table]:
    """The events with what their value is off by, and the products that cost another price than listed.

    A value is that of all pieces (price times quantity) or of one, by whichever fits better; carts and purchases may
    differ in this. Where a product's buyers agree among themselves and not with the list, the list is wrong.

    Args:
        con: the engine.
        events: with list_price.
        name: a word of its own for each call.

    Returns:
        The events with unit_off (log of paid over expected price of a piece), unit_spread (its usual spread),
        usual_quantity and value_due (the value by what nearly all others pay for the product, null if unknown or if no
        value is missing); and a table with the item_id of each product whose listed price is wrong.

    """
    sold = (events.value > 0) & (events.quantity > 0)
    paid = events.filter(sold & events.event_type.isin(MONEY)).select(
        "event_type", "item_id", "list_price", "quantity", unit=(_.value / _.quantity).ln(), whole=_.value.ln()
    )
    relations = {kind: found for kind in MONEY if (found := _relation(con, paid.filter(_.event_type == kind)))}
    off = ibis.null("float64")
    price: FloatingValue = off
    spread: FloatingValue = off
    each = {kind: (events.event_type == kind, *found) for kind, found in relations.items()}
    level: FloatingValue = off
    pieces: FloatingValue = off
    if each:
        price = ibis.cases(*[(is_kind, _one(events, how)) for is_kind, how, _m, _s in each.values()], else_=off)
        price -= ibis.cases(*[(is_kind, middle) for is_kind, _h, middle, _s in each.values()], else_=0.0)
        spread = ibis.cases(*[(is_kind, wide) for is_kind, _h, _m, wide in each.values()], else_=0.0)
        level = ibis.cases(*[(is_kind, middle) for is_kind, _h, middle, _s in each.values()], else_=off)
        bought = {"unit": _positive(events.quantity), "whole": ibis.literal(1.0)}
        pieces = ibis.cases(*[(is_kind, bought[how]) for is_kind, how, _m, _s in each.values()], else_=off)
    events = events.mutate(  # the price as a logarithm, put on the list's level
        unit_price=price, unit_spread=spread, unit_level=level, unit_pieces=pieces
    )
    usual = events.filter(_.unit_price.notnull()).group_by("item_id").agg(
        paid=_.unit_price.median(), low=_.unit_price.quantile(0.25), high=_.unit_price.quantile(0.75),
        sold=_.count(), listed=_.list_price.max(),
    )  # fmt: skip
    usual = usual.filter((usual.sold >= SOLD) & (usual.high - usual.low <= TOLERANCE))
    usual = engine.keep(con, f"{name}_paid", usual.select("item_id", "paid", "listed"))
    widest = max((wide for _h, _m, wide in relations.values()), default=0.0)
    apart = (usual.paid - _log(usual.listed)).abs() > max(FAR * widest, TOLERANCE)
    wrong = engine.keep(con, f"{name}_mispriced", usual.filter(apart).select("item_id"))
    unlisted = usual.filter(usual.listed.isnull() | (usual.listed <= 0)).select("item_id").union(wrong)
    known = usual.semi_join(unlisted, "item_id").select("item_id", paid_price=usual.paid)
    both = known.outer_join(_agreed(events), "item_id")
    both = both.select("paid_price", "agreed_price", paid_id=ibis.coalesce(both.item_id, both.item_id_right))
    both = engine.keep(con, f"{name}_known_prices", both)
    events = events.left_join(both, events.item_id == both.paid_id).drop("paid_id")
    quantity = con.to_pandas(events.filter(events.event_type.isin(MONEY) & (events.quantity > 0)).agg(
        n=_.count(), size=_.quantity.quantile(0.5))).iloc[0]  # fmt: skip
    expected = ibis.coalesce(events.paid_price, _log(events.list_price))
    due = ((events.agreed_price + events.unit_level).exp() * events.unit_pieces).round(2)
    usually = ibis.literal(float(quantity["size"] or 1.0)) if quantity["n"] else ibis.literal(1.0)
    events = events.mutate(unit_off=events.unit_price - expected, usual_quantity=usually, value_due=due)
    return events.drop("unit_price", "unit_level", "unit_pieces", "paid_price", "agreed_price"), wrong


def _agreed(events: Table) -> Table:
    """What nearly all buyers of a product pay for a piece, of those products that a value is missing of.

    Args:
        events: with unit_price.

    Returns:
        item_id, agreed_price, a logarithm.

    """
    unpriced = events.filter(events.event_type.isin(MONEY) & events.value.isnull())
    paid = events.filter(_.unit_price.notnull()).semi_join(unpriced, "item_id")
    found = paid.group_by("item_id").agg(
        sold=_.count(), agreed_price=_.unit_price.median(), low=_.unit_price.quantile(0.1),
        high=_.unit_price.quantile(0.9),
    )  # fmt: skip
    return found.filter((_.sold >= SOLD) & (_.high - _.low <= EVEN)).select("item_id", "agreed_price")


def _relation(con: ibis.BaseBackend, paid: Table) -> tuple[str, float, float] | None:
    """Whether a value is for all pieces ("unit") or one ("whole"), and its log ratio to the list: middle, spread."""
    listed = paid.filter((paid.list_price > 0) & ~paid.list_price.isinf())
    ratios = listed.select(unit=listed.unit - listed.list_price.ln(), whole=listed.whole - listed.list_price.ln(),
                           several=listed.quantity != 1)  # fmt: skip
    row = con.to_pandas(ratios.agg(n=_.count(), unit=_.unit.median(), whole=_.whole.median(),
                                   several=_.several.sum())).iloc[0]  # fmt: skip
    if row["n"] < ENOUGH:
        return ("unit", 0.0, 0.0) if row["n"] < 1 else ("unit", float(row["unit"]), _few(con, ratios, row))
    off = {how: (ratios[how] - float(row[how])).abs() for how in ("unit", "whole")}
    tests = {f"{how}_fits": (value <= TOLERANCE).sum(where=ratios.several) for how, value in off.items()}
    spreads = {how: 1.4826 * value.median() for how, value in off.items()}
    found = con.to_pandas(ratios.agg(**tests, **spreads)).iloc[0].fillna(0)
    how = "whole" if found["whole_fits"] > found["unit_fits"] else "unit"
    return how, float(row[how]), float(found[how])


def _few(con: ibis.BaseBackend, ratios: Table, row: pd.Series) -> float:
    return float(con.to_pandas(ratios.agg(s=1.4826 * (ratios.unit - float(row["unit"])).abs().median())).iloc[0, 0])


def _one(events: Table, how: str) -> FloatingValue:
    """Logarithm of the price of one piece; null where quantity or value is not positive."""
    value, quantity = (_positive(events[column]) for column in ("value", "quantity"))
    return (value / quantity).ln() if how == "unit" else value.ln()


def _log(price: FloatingValue) -> FloatingValue:
    return _positive(price).ln()


def _positive(number: FloatingValue) -> FloatingValue:
    return ((number > 0) & ~number.isinf()).ifelse(number, ibis.null("float64"))
