"""User Behavior Insights, the format in which OpenSearch and Solr log queries and what users did with the results.

Files are newline-delimited JSON of queries and events, in bulk form (each after a line that names its index and id) or
plain. Schema: github.com/o19s/ubi.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis import _
from ibis.expr.types import Table

from workbench.data.collected import Collected, SourceError
from workbench.data.raw import layouts

LICENCE = "that of the shop; the sample of the OpenSearch project is Apache-2.0"
CITATION = "User Behavior Insights, github.com/o19s/ubi; simulated sample of opensearch-project/opensearch-devops"
QUASI_IDENTIFIERS: tuple[str, ...] = ()
SENSITIVE: tuple[str, ...] = ()
PII = ("events.query", "other_events.text")
ACTIONS = {
    "impression": "impression", "click": "click", "item_click": "click", "add_to_cart": "cart", "purchase": "purchase",
}  # fmt: skip
OPTIONS: dict[str, Any] = {"application": "", "actions": {}, "language": "en"}
CONVERSIONS = (
    ("events", "event_id", "id of the document, none in plain files", "the same; file:line where there is none"),
    ("events", "event_type", "action_name", "impression, click, cart, purchase"),
    ("events", "timestamp", "ISO 8601 or milliseconds since 1970", "UTC"),
    ("events", "user_id, request_id", "client_id, query_id", "the same under the contract's names"),
    ("events", "position", "ordinal, from 0 in some applications", "from 1"),
)
"""Changes of a whole column on the way into the contract: table, columns, before, after."""
TEXT, TIME = pa.string(), pa.timestamp("us", tz="UTC")
EVENTS = pa.schema({
    **dict.fromkeys(("event_id", "user_id", "session_id", "request_id", "order_id", "item_id", "event_type"), TEXT),
    "timestamp": TIME, "query": TEXT, "position": pa.int64(), "text": TEXT, "application": TEXT, "title": TEXT,
})  # fmt: skip
QUERIES = pa.schema({
    "request_id": TEXT, "user_id": TEXT, "query": TEXT, "timestamp": TIME, "application": TEXT, "hits": pa.list_(TEXT),
})  # fmt: skip


def files(at: str, options: Mapping[str, Any]) -> dict[str, Path]:
    """All files of newline-delimited JSON in the folder whose names begin with `ubi`, by their names."""
    found = sorted(path for path in Path(at).glob("ubi*") if path.name.endswith((".ndjson", ".jsonl", "json.gz")))
    found += sorted(path for path in Path(at).glob("ubi*.ndjson.gz"))
    if not found:
        raise SourceError(f"no ubi*.ndjson, ubi*.jsonl or their .gz in {at}: run `workbench fetch ubi`")
    return {path.name: path for path in found}


def collect(con: ibis.BaseBackend, paths: Mapping[str, Path], options: Mapping[str, Any]) -> Collected:
    """Read queries and events.

    Events of actions that the contract does not know (filters, sorting, hovering) are in the table `other_events`,
    the queries themselves in `queries` (request_id, user_id, query, timestamp, application, hits).
    A query that no impression was logged for, but whose response names its hits, gives an impression for each, told
    by the column `logged`: false, because nobody saw whether the user looked at them. Items are those that an event
    describes; their title is that description.

    Args:
        con: the engine.
        paths: the raw files, as `files` gives them.
        options: `application`, empty for all; `actions`, the shop's own action names with what they mean (impression,
            click, cart, purchase, rating, review or share); `language` of the descriptions.

    """
    schemas = {"raw_events": EVENTS, "raw_queries": QUERIES, "raw_others": EVENTS}
    convert = _reader({**ACTIONS, **options["actions"]}, options["application"])
    raw, refused = layouts.load_objects(con, paths.values(), schemas, convert, "events")
    events = _events(raw["raw_events"], raw["raw_queries"])
    described = raw["raw_events"].filter(_.title.notnull()).group_by("item_id").aggregate(title=_.title.min())
    made = {
        "events": events,
        "users": events.select("user_id").distinct(),
        "items": described.mutate(language=ibis.literal(options["language"])),
        "queries": raw["raw_queries"],
        "other_events": raw["raw_others"].drop("title", "order_id"),
    }
    return layouts.collected(con, made, "behaviour", CONVERSIONS, [refused])


def _reader(actions: Mapping[str, str], application: str) -> layouts.Convert:
    """What makes rows of the objects in their order: an action line names the document that follows it."""
    named = ""

    def convert(record: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
        nonlocal named
        action = record.get("index") or record.get("create")
        if isinstance(action, dict) and len(record) == 1:
            named = str(action.get("_id") or "")
            return
        name, named = named or place, ""
        if application and record.get("application") != application:
            return
        if "action_name" in record:
            yield _event(record, name, actions)
        elif "user_query" in record or "query_response_hit_ids" in record:
            yield "raw_queries", _query(record)
        else:
            raise ValueError("neither an event (action_name) nor a query (user_query)")

    return convert


def _event(record: dict[str, Any], name: str, actions: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    attributes = record.get("event_attributes") or {}
    thing, place = attributes.get("object") or {}, attributes.get("position") or {}
    kind = actions.get(record["action_name"])
    row = {
        "event_id": name,
        "user_id": _text(record.get("client_id")),
        "session_id": _text(record.get("session_id") or attributes.get("session_id")),
        "request_id": _text(record.get("query_id")),
        "order_id": _text(thing.get("transaction_id")),
        "item_id": _text(thing.get("object_id")),
        "event_type": kind or _text(record["action_name"]),
        "timestamp": _time(record),
        "query": _text(record.get("user_query")),
        "position": None if place.get("ordinal") is None else int(place["ordinal"]),
        "text": None if kind else _text(record.get("message")),
        "application": _text(record.get("application")),
        "title": _text(thing.get("description")),
    }
    if kind and (lacking := [column for column in ("user_id", "item_id") if row[column] is None]):
        raise ValueError(f"{record['action_name']} without {' and '.join(lacking)}")
    return ("raw_events" if kind else "raw_others"), row


def _query(record: dict[str, Any]) -> dict[str, Any]:
    request = _text(record.get("query_id"))
    if request is None:
        raise ValueError("a query without query_id")
    return {
        "request_id": request,
        "user_id": _text(record.get("client_id")),
        "query": _text(record.get("user_query")),
        "timestamp": _time(record),
        "application": _text(record.get("application")),
        "hits": [str(hit) for hit in record.get("query_response_hit_ids") or []],
    }


def _time(record: dict[str, Any]) -> datetime:
    value = record.get("timestamp")
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000, UTC)
    if not value:
        raise ValueError("no timestamp")
    read = datetime.fromisoformat(str(value))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _events(logged: Table, queries: Table) -> Table:
    """The events with their query texts and positions from 1, and the hits of queries without logged impressions."""
    logged = logged.mutate(application=_.application.fill_null(""))  # so that nothing finds its partner, too
    from_zero = logged.group_by("application").aggregate(first=_.position.min())
    asked = queries.filter(_["query"].notnull()).group_by("request_id").aggregate(asked=_["query"].min())
    full = logged.left_join(from_zero, "application").left_join(asked, "request_id")
    position = full.position + (full["first"] == 0).fill_null(False).cast("int64")
    events = full.mutate(query=full["query"].fill_null(full.asked), position=position, logged=True)
    columns = [*(name for name in EVENTS.names if name != "title"), "logged"]
    return events.select(columns).union(_hits(logged, queries).select(columns))


def _hits(logged: Table, queries: Table) -> Table:
    shown = logged.filter(_.event_type == "impression").select("request_id").distinct()
    silent = queries.filter((_.hits.length() > 0) & _.user_id.notnull()).anti_join(shown, "request_id")
    each = silent.unnest("hits", offset="rank")
    missing = {name: ibis.null("string") for name in ("session_id", "order_id", "text")}
    return each.mutate(
        **missing,
        event_id=each.request_id + "-hit-" + (each["rank"] + 1).cast("string"),
        item_id=each.hits,
        event_type=ibis.literal("impression"),
        position=(each["rank"] + 1).cast("int64"),
        logged=False,
    )
