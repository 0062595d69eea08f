"""The shop's tables as plain pandera schemas: what one writes in half an hour, as the rival of the rules.

Types, nulls, allowed values, ranges, uniqueness and regular expressions, a column at a time. The schemas are told what
a shop knows of itself, and the rules are not: its lists (brands, categories, regions, currency), how its ids are
formed, which prices it asks, and when the log begins and ends; all of that is read off the shop before anything went
wrong in it.
"""

from collections.abc import Mapping

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

TYPES = ("impression", "click", "cart", "purchase", "rating", "review", "comment", "share")
IDS = {
    "event_id": r"e\d{12}", "session_id": r"s\d{12}", "request_id": r"r\d{12}", "order_id": r"o\d{12}",
    "user_id": r"u\d{7}", "item_id": r"p\d{6}",
}  # fmt: skip
TRIMMED = r"\S(?:.*\S)?"
SPOILT = r"<[a-zA-Z/][^>]*>|&#?\w+;|[\x00-\x1f\x7f\u200b\ufeff\ufffd]|Ã.|â€|https?://"
NARROW, WIDE = 0.5, 2.0  # times the least and the greatest of what the shop had
LONGEST = {"title": 200, "description": 1000, "text": 1000, "query": 150}
LAST_POSITION, MOST_PIECES = 100, 20
Frames = Mapping[str, pd.DataFrame]


def flags(sound: Frames, tables: Frames, keys: Mapping[str, str]) -> pd.DataFrame:
    """The key of each row that a check refuses: rule, table, key.

    Args:
        sound: the shop's tables before anything went wrong, for what the shop knows of itself.
        tables: the tables to check.
        keys: the key column of each.

    """
    found = []
    for name, schema in schemas(sound, tables).items():
        frame = tables[name].reset_index(drop=True)
        cases = _cases(schema, frame)
        rows = cases["index"].astype("int64")
        rule = cases["column"].astype("str") + ": " + cases["check"].astype("str").str.slice(0, 60)
        found.append(pd.DataFrame({"rule": rule, "table": name, "key": frame[keys[name]].iloc[rows].to_numpy()}))
    return pd.concat(found, ignore_index=True)


def schemas(sound: Frames, tables: Frames) -> dict[str, pa.DataFrameSchema]:
    """The schemas of items, users and events; events must name users and products that the checked tables have."""
    items, users, events = sound["items"], sound["users"], sound["events"]
    return {
        "items": pa.DataFrameSchema({
            "item_id": _id("item_id", unique=True),
            "title": _text("title", nullable=False, unique=bool(items["title"].is_unique)),
            "description": _text("description", nullable=False),
            "category": _listed(items["category"]),
            "brand": _listed(items["brand"]),
            "price": pa.Column(float, _about(items["price"])),
            "attributes": pa.Column(None, [pa.Check.str_matches(r"\{.+\}$"), _whole()]),
            "language": _listed(items["language"]),
            "currency": _listed(items["currency"]),
            "available_from": pa.Column(None, pa.Check.in_range(items["available_from"].min(), _end(events))),
            "in_stock": pa.Column(bool),
        }),
        "users": pa.DataFrameSchema({
            "user_id": _id("user_id", unique=True),
            **{column: _listed(users[column]) for column in users.columns if column != "user_id"},
        }),
        "events": pa.DataFrameSchema({
            "event_id": _id("event_id", unique=True),
            "user_id": _id("user_id", known=tables["users"]["user_id"]),
            "session_id": _id("session_id"),
            "request_id": _id("request_id", nullable=True),
            "order_id": _id("order_id", nullable=True),
            "item_id": _id("item_id", known=tables["items"]["item_id"]),
            "event_type": pa.Column(None, pa.Check.isin(TYPES)),
            "timestamp": pa.Column(None, pa.Check.in_range(_begin(events), _end(events))),
            "query": _text("query", nullable=True),
            "position": _number(pa.Check.in_range(1, LAST_POSITION), _is_whole()),
            "propensity": _number(pa.Check.in_range(0, 1, include_min=False)),
            "quantity": _number(pa.Check.in_range(1, MOST_PIECES), _is_whole()),
            "value": _number(_about(events["value"])),
            "currency": _listed(events["currency"], nullable=True),
            "text": _text("text", nullable=True),
        }),
    }  # fmt: skip


def _cases(schema: pa.DataFrameSchema, frame: pd.DataFrame) -> pd.DataFrame:
    """The refused rows: column, check, index."""
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        return errors.failure_cases.dropna(subset=["index"])
    return pd.DataFrame(columns=["column", "check", "index"])


def _id(column: str, *, nullable: bool = False, unique: bool = False, known: pd.Series | None = None) -> pa.Column:
    checks = [pa.Check.str_matches(f"{IDS[column]}$")]
    checks += [] if known is None else [pa.Check.isin(list(known.dropna().unique()), error="unknown id")]
    return pa.Column(None, checks, nullable=nullable, unique=unique)


def _text(column: str, *, nullable: bool, unique: bool = False) -> pa.Column:
    checks = [pa.Check.str_matches(f"{TRIMMED}$"), _whole(), pa.Check.str_length(1, LONGEST[column])]
    return pa.Column(None, checks, nullable=nullable, unique=unique)


def _whole() -> pa.Check:
    return pa.Check(lambda text: ~text.str.contains(SPOILT, regex=True), error="markup or broken characters")


def _listed(values: pd.Series, *, nullable: bool = False) -> pa.Column:
    return pa.Column(None, pa.Check.isin(list(values.dropna().unique()), error="not in the list"), nullable=nullable)


def _number(*checks: pa.Check) -> pa.Column:
    return pa.Column(float, list(checks), nullable=True)


def _about(values: pd.Series) -> pa.Check:
    return pa.Check.in_range(NARROW * values.min(), WIDE * values.max())


def _is_whole() -> pa.Check:
    return pa.Check(lambda number: number % 1 == 0, error="no whole number")


def _begin(events: pd.DataFrame) -> pd.Timestamp:
    return events["timestamp"].min().floor("D")


def _end(events: pd.DataFrame) -> pd.Timestamp:
    return events["timestamp"].max().ceil("D")
