"""User Behavior Insights, the format in which OpenSearch and Solr log queries and what users did with the results.

Files are newline-delimited JSON of queries and events, in bulk form (each after a line that names its index and id) or
plain. Schema: github.com/o19s/ubi.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis import _
from ibis.expr.types import Table

from workbench.data.collected import REJECTED, Collected, SourceError
from workbench.data.raw import layouts

LICENCE = "that of the shop; the sample of the OpenSearch project is Apache-2.0"
CITATION = "User Behavior Insights, github.com/o19s/ubi; simulated sample of opensearch-project/opensearch-devops"
QUASI_IDENTIFIERS: tuple[str, ...] = ()
SENSITIVE: tuple[str, ...] = ()
PII = ("events.query",)
ACTIONS = {
    "impression": "impression", "click": "click", "item_click": "click", "add_to_cart": "cart", "purchase": "purchase",
}  # fmt: skip
OPTIONS: dict[str, Any] = {"application": "", "actions": {}, "language": "en"}
ENDINGS = tuple(ending + packed for ending in (".ndjson", ".jsonl", ".json") for packed in ("", ".gz"))
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
    "timestamp": TIME, "query": TEXT, "position": pa.int64(), "application": TEXT, "title": TEXT,
})  # fmt: skip
QUERIES = pa.schema({
    "request_id": TEXT, "user_id": TEXT, "query": TEXT, "timestamp": TIME, "application": TEXT, "hits": pa.list_(TEXT),
})  # fmt: skip
OTHERS = pa.schema(dict.fromkeys(REJECTED, TEXT))


def files(at: str, options: Mapping[str, Any]) -> dict[str, Path]:
    """All files of JSON in the folder whose names begin with `ubi`, by their names."""
    found = sorted(path for path in Path(at).glob("ubi*") if path.name.endswith(ENDINGS))
    if not found:
        raise SourceError(f"no ubi*.ndjson, ubi*.jsonl, ubi*.json or their .gz in {at}: run `workbench fetch ubi`")
    return {path.name: path for path in found}


def collect(con: ibis.BaseBackend, paths: Mapping[str, Path], options: Mapping[str, Any]) -> Collected:
    """Read queries and events.

    Events of actions that the contract does not know (filters, sorting, hovering) are rejected with that reason. The
    queries themselves are in `queries` (request_id, user_id, query, timestamp, application, hits).
    A query that no impression was logged for, but whose response names its hits, gives an impression for each, told
    by the column `logged`: false, because nobody saw whether the user looked at them. Items are those that an event
    describes; their title is that description.

    Args:
        con: the engine.
        paths: the raw files, as `files` gives them.
        options: `application`, empty for all; `actions`, the shop's own action names with what they mean (impression,
            click, cart, purchase, rating, review or share); `language` of the descriptions.

    """
    schemas = {"raw_events": EVENTS, "raw_queries": QUERIES, "raw_others": OTHERS}
    convert = _reader({**ACTIONS, **options["actions"]}, options["application"])
    raw, refused = layouts.load_objects(con, paths.values(), schemas, convert, "events")
    events = _events(raw["raw_events"], raw["raw_queries"])
    described = raw["raw_events"].filter(_.title.notnull()).group_by("item_id").aggregate(title=_.title.min())
    made = {
        "events": events,
        "users": events.select("user_id").distinct(),
        "items": described.mutate(language=ibis.literal(options["language"])),
        "queries": raw["raw_queries"],
    }
    done = layouts.collected(con, made, "behaviour", CONVERSIONS, [refused, raw["raw_others"]])
    return replace(done, notes=_notes(done.tables))


def _notes(tables: Mapping[str, Table]) -> list[str]:
    """What becomes of the queries, which are no rows of a table of the contract."""
    total = tables["queries"].count().execute()
    silent = tables["queries"].anti_join(tables["events"], "request_id").count().execute()
    return [f"queries: {silent:,} of {total:,} led to no event, and leave nothing in the tables"] if silent else []


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
            kind = actions.get(record["action_name"])
            yield _event(record, name, kind) if kind else _other(record, place)
        elif "user_query" in record or "query_response_hit_ids" in record:
            yield "raw_queries", _query(record)
        else:
            raise ValueError("neither an event (action_name) nor a query (user_query)")

    return convert


def _other(record: dict[str, Any], place: str) -> tuple[str, dict[str, Any]]:
    """An event that the contract has no name for, as a rejected row."""
    reason = f"the action '{record['action_name']}' is none of the contract's: if it means one, set it in `actions`"
    row = ("events", place, reason, json.dumps(record, ensure_ascii=False))
    return "raw_others", dict(zip(REJECTED, row, strict=True))


def _event(record: dict[str, Any], name: str, kind: str) -> tuple[str, dict[str, Any]]:
    attributes = _within(record, "event_attributes")
    thing, place = _within(attributes, "object"), _within(attributes, "position")
    row = {
        "event_id": name,
        "user_id": layouts.text(record.get("client_id")),
        "session_id": layouts.text(record.get("session_id") or attributes.get("session_id")),
        "request_id": layouts.text(record.get("query_id")),
        "order_id": layouts.text(thing.get("transaction_id")),
        "item_id": layouts.text(thing.get("object_id")),
        "event_type": kind,
        "timestamp": _time(record),
        "query": layouts.text(record.get("user_query")),
        "position": _whole(place.get("ordinal")),
        "application": layouts.text(record.get("application")),
        "title": layouts.text(thing.get("description")),
    }
    if lacking := [column for column in ("user_id", "item_id") if row[column] is None]:
        raise ValueError(f"{record['action_name']} without {' and '.join(lacking)}")
    return "raw_events", row


def _query(record: dict[str, Any]) -> dict[str, Any]:
    request, hits = layouts.text(record.get("query_id")), record.get("query_response_hit_ids") or []
    if request is None:
        raise ValueError("a query without query_id")
    if not isinstance(hits, list):
        raise ValueError("query_response_hit_ids is no list")
    return {
        "request_id": request,
        "user_id": layouts.text(record.get("client_id")),
        "query": layouts.text(record.get("user_query")),
        "timestamp": _time(record),
        "application": layouts.text(record.get("application")),
        "hits": [str(hit) for hit in hits],
    }


def _within(record: dict[str, Any], name: str) -> dict[str, Any]:
    """The object that a record has under a name, empty where there is none."""
    found = record.get(name)
    if found in (None, "", []):
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{name} is no JSON object")
    return found


def _whole(value: Any) -> int | None:
    """A whole number of 64 bits."""
    if value is None or value == "":
        return None
    number = int(value)
    if isinstance(value, bool) or (isinstance(value, float) and number != value) or abs(number) >= 1 << 63:
        raise ValueError(f"the position {value} is no whole number of 64 bits")
    return number


def _time(record: dict[str, Any]) -> datetime:
    value = record.get("timestamp")
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000, UTC)
    if not value:
        raise ValueError("no timestamp")
    read = datetime.fromisoformat(str(value))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


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
    missing = {name: ibis.null("string") for name in ("session_id", "order_id")}
    return each.mutate(
        **missing,
        event_id=each.request_id + "-hit-" + (each["rank"] + 1).cast("string"),
        item_id=each.hits,
        event_type=ibis.literal("impression"),
        position=(each["rank"] + 1).cast("int64"),
        logged=False,
    )
