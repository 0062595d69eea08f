"""Sums of behaviour by user, item, category, query, session, day and week, blind to what came after a cut."""

from collections.abc import Iterable
from functools import reduce

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import Table

from workbench.data import contract

BY = {
    "user": ["user_id"], "item": ["item_id"], "category": ["category"], "query": ["query"], "session": ["session_id"],
    "day": ["day"], "week": ["week"],
}  # fmt: skip
"""The dimensions and their keys."""
CUT = ("user", "item", "category", "query")
"""Dimensions that go on over time: each cut has rows of its own. A session, a day or a week is over, and known once."""
KINDS = ("impression", "click", "cart", "purchase", "review")


def aggregates(events: Table, items: Table, until: Iterable[int]) -> dict[str, Table]:
    """Aggregates by name; a dimension whose key is null everywhere has no rows.

    Tables of a dimension in `CUT` have the column `until`, the last week that a row knows: a reader takes the rows of
    one cut. They count events by kind, orders, users, products and weeks, sum what was bought, and give the first and
    last week and the median unit price paid.

    Args:
        events: user_id, session_id, order_id, item_id, event_type, timestamp, query, week, quantity, value.
        items: item_id, category (the first two levels are taken).
        until: the cuts.

    """
    levels, cuts = items.category.split(" > "), sorted(set(until))
    named = items.select("item_id", category=levels[:2].join(" > "))
    known = contract.conform(events, "events").left_join(named, "item_id")
    known = known.mutate(day=known.timestamp.date())
    past = known.filter(_.week <= cuts[-1])
    return {
        name: reduce(Table.union, [_at(known, keys, cut) for cut in cuts]) if name in CUT else _sums(past, keys)
        for name, keys in BY.items()
    }


def ordered(table: Table, name: str) -> Table:
    """An aggregate in the order of its keys, so that the same run writes the same file."""
    return table.order_by([*(["until"] if name in CUT else []), *BY[name]])


def latest(table: Table) -> pd.DataFrame:
    """The rows of the last cut."""
    return table.filter(_.until == table.until.max().as_scalar()).execute()


def _at(events: Table, keys: list[str], cut: int) -> Table:
    return _sums(events.filter(_.week <= cut), keys).mutate(until=ibis.literal(cut, "int32"))


def _sums(events: Table, keys: list[str]) -> Table:
    present = events.filter(*(events[key].notnull() for key in keys))
    bought = present.event_type == "purchase"
    weeks = {"weeks": present.week.nunique(), "first_week": present.week.min(), "last_week": present.week.max()}
    return present.group_by(*keys).agg(
        **{f"{kind}s": (present.event_type == kind).sum() for kind in KINDS},
        orders=_.order_id.nunique(),
        users=_.user_id.nunique(),
        products=_.item_id.nunique(),
        **({} if keys == ["week"] else weeks),
        quantity=_.quantity.sum(where=bought).round(3),  # rounded: the order of a sum differs from run to run
        value=_.value.sum(where=bought).round(2),
        price=((_.value / _.quantity.nullif(0)).median(where=bought)).round(4),
    )
