"""What ranking reads of the governed tables."""

from __future__ import annotations

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from ibis import _

from workbench.data.engine import connect
from workbench.data.offers import personal_offers
from workbench.governance.labels.contexts import contexts

COLUMNS = ["user_id", "item_id", "order_id", "week", "quantity", "value"]
OF_EVENTS = [*COLUMNS, "session_id", "timestamp", "event_type"]
"""Columns of the events that ranking needs."""


def purchases_of(events: pa.Table) -> pd.DataFrame:
    """The purchases among the events (``OF_EVENTS``): ``user_id, item_id, order_id, week, quantity, value``.

    What names no order is one with all else that its user bought in that session, or without a session on that day
    (UTC).
    """
    rows = events.filter(pc.field("event_type") == "purchase").drop_columns("event_type").to_pandas()
    lacking = rows.order_id.isna()
    if lacking.any():
        some = rows[lacking]
        visit = some.session_id.fillna(some.timestamp.dt.strftime("%Y-%m-%d"))
        rows.loc[lacking, "order_id"] = "order of " + some.user_id + " in " + visit
    return rows[COLUMNS]


def user_contexts(events: pa.Table, items: pa.Table, week: int) -> pd.Series:
    """Each user's past as text at the beginning of a week, worded as in the training pairs: user_id → text.

    A user that bought nothing lately has none.
    """
    con = connect()
    log, catalogue = con.create_table("events", events), con.create_table("items", items)
    purchases = log.filter(_.event_type == "purchase", _.week < week)
    moments = purchases.select("user_id").distinct().mutate(week=ibis.literal(week))
    return contexts(purchases, catalogue, moments).to_pandas().set_index("user_id").context


def last_moment(events: pa.Table, week: int) -> pd.Timestamp:
    """When the last event of a week happened, UTC: the moment as of which lists that follow it are made."""
    return pd.Timestamp(pc.max(events.filter(pc.field("week") == week)["timestamp"]).as_py())


def fitting_offers(offers: pa.Table, audience: pa.Table, lists: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """The coupons that a user holds at a moment for a product of their own list.

    Args:
        offers: coupon × product with the time it is valid.
        audience: campaign × user; the full join of both is far larger than any list, and never computed.
        lists: ``user_id, item_id, rank``.
        moment: UTC.

    Returns:
        ``user_id, item_id, rank, offer_id, valid_to``, one row a coupon and product of a list.
    """
    con = connect()
    listed = ibis.memtable(lists[["user_id", "item_id", "rank"]])
    valid = con.create_table("offers", offers).filter(_.valid_from <= moment, _.valid_to > moment)
    held = personal_offers(valid.semi_join(listed, "item_id"), con.create_table("audience", audience))
    fitting = listed.join(held, ["user_id", "item_id"])
    columns = ["user_id", "item_id", "rank", "offer_id", "valid_to"]
    return fitting.select(*columns).distinct().order_by(columns).to_pandas()
