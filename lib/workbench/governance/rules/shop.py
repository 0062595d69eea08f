"""The rules that any shop's tables are held to, and the tables as these rules see them."""

from datetime import UTC, datetime

import ibis
from ibis.expr.types import Table, Value

from workbench.data import contract
from workbench.governance.quality import Rule, Tables
from workbench.governance.rules.tables import events, histories, items, judgments, log, offers, opinions, people, texts

# No column names a judgment alone: a query has many products, a product many queries, and some pairs are judged twice.
# The record tells the rows of one product apart by number (`copies.numbered`), as it does those of any repeated key.
CLEANING_ORDER = {
    "items": "item_id", "users": "user_id", "events": "event_id", "judgments": "item_id", "histories": "history_id",
    "texts": "text_id", "offers": "offer_id",
}  # fmt: skip
MIN_QUALITY = {
    "accuracy": 0.99, "completeness": 0.95, "consistency": 0.99, "usability": 0.95, "uniqueness": 0.95,
    "timeliness": 0.99,
}  # fmt: skip
RULES: tuple[Rule, ...] = (
    *items.RULES, *people.RULES, *events.RULES, *opinions.RULES, *judgments.RULES, *texts.RULES, *histories.RULES,
    *offers.RULES,
)  # fmt: skip


def seen(
    con: ibis.BaseBackend, tables: Tables, name: str = "collected", collected_at: datetime | None = None
) -> dict[str, Table]:
    """The tables as the rules see them: the same rows, with what the rest of the data says about each.

    Args:
        con: the engine, which keeps what several rules read.
        tables: any of the contract's; what is absent is not needed.
        name: a word of its own for each call.
        collected_at: when the log was collected; where not given, its main period ends it (`log.period`).

    """
    found = dict(tables)
    ends: Value = ibis.literal(collected_at or datetime.now(UTC)).cast(contract.UTC)
    if "events" in tables:
        made, ends = log.seen(con, tables, name, collected_at)
        found |= made | {"events": opinions.seen(con, made["events"], tables, name)}
    if "items" in tables:
        found |= items.seen(con, {**found, **tables}, name, ends)
    if "users" in tables:
        found |= people.seen(con, found, name, ends)
    if "judgments" in tables:
        found |= judgments.seen(con, tables, name)
    if "texts" in tables:
        found |= texts.seen(con, tables, name, ends)
    if "histories" in tables:
        found |= histories.seen(con, tables, name)
    return found
