"""Sums by household, product, category and week, each as of the end of a week and blind to what came after."""

from collections.abc import Iterable
from functools import reduce

import ibis
from ibis import _
from ibis.expr.types import Table

BY = {"user": ["user_id"], "item": ["item_id"], "category": ["category"], "week": ["week"]}


def aggregates(purchases: Table, items: Table, until: Iterable[int]) -> dict[str, Table]:
    """Aggregates by name (user, item, category, week), one block of rows for each cut.

    Every table has the column `until`, the last week that its row knows; a reader takes the rows of one cut. They
    count purchases, baskets, households, products and weeks, sum quantity and value, and give the first and last week
    and the median unit price paid.

    Args:
        purchases: user_id, order_id, item_id, week, quantity, value.
        items: item_id, category (the second level is taken).
        until: the cuts.

    """
    levels = items.category.split(" > ")
    known = purchases.left_join(items.select("item_id", category=levels[:2].join(" > ")), "item_id")
    return {
        name: reduce(Table.union, [_one(known, keys, cut) for cut in sorted(set(until))]) for name, keys in BY.items()
    }


def ordered(table: Table, name: str) -> Table:
    """An aggregate in the order of its keys, so that the same run writes the same file."""
    return table.order_by(["until", *BY[name]])


def _one(purchases: Table, keys: list[str], until: int) -> Table:
    seen = purchases.filter(_.week <= until)
    table = seen.group_by(*keys).agg(
        purchases=_.count(),
        baskets=_.order_id.nunique(),
        households=_.user_id.nunique(),
        products=_.item_id.nunique(),
        weeks=seen.week.nunique(),
        first_week=seen.week.min(),
        last_week=seen.week.max(),
        quantity=_.quantity.sum().round(3),  # rounded: the order of a sum differs from run to run
        value=_.value.sum().round(2),
        price=((_.value / _.quantity.nullif(0)).median()).round(4),
    )
    return table.mutate(until=ibis.literal(until, "int32"))
