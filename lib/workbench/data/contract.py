"""The contract: canonical tables that every source fills and every later stage reads.

Ids are strings and times are UTC. Pandera checks names and types and says what is wrong; uniqueness, ranges and
foreign keys are quality rules, because pandera's Ibis backend ignores a column's `unique` and `coerce`.
"""

import ibis
import pandera.ibis as pa
from ibis.expr.datatypes import DataType
from ibis.expr.types import Table
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaErrors

UTC = "timestamp('UTC', 6)"
SPLITS = ("train", "valid", "test")

COLUMNS: dict[str, dict[str, str]] = {
    "items": {
        "item_id": "string", "title": "string", "description": "string", "category": "string", "brand": "string",
        "price": "float64", "attributes": "string", "language": "string", "available_from": UTC, "in_stock": "boolean",
    },
    "users": {"user_id": "string"},
    "events": {
        "event_id": "string", "user_id": "string", "session_id": "string", "request_id": "string",
        "order_id": "string", "item_id": "string", "event_type": "string", "timestamp": UTC, "query": "string",
        "position": "int64", "propensity": "float64", "quantity": "float64", "value": "float64",
        "currency": "string", "text": "string",
    },
    "judgments": {
        "query_id": "string", "query": "string", "item_id": "string", "grade": "float64", "split": "string",
    },
    "histories": {
        "history_id": "string", "user_id": "string", "item_ids": "array<string>", "next_item_id": "string",
        "split": "string",
    },
    "texts": {
        "text_id": "string", "text": "string", "label": "string", "language": "string", "timestamp": UTC,
        "split": "string",
    },
    "offers": {"offer_id": "string", "item_id": "string", "user_id": "string", "valid_from": UTC, "valid_to": UTC},
    "pairs": {
        "pair_id": "string", "group_id": "string", "context": "string", "candidate_id": "string",
        "candidate": "string", "label": "int64", "weight": "float64", "origin": "string", "split": "string",
        "event_time": UTC,
    },
    "corpus": {"doc_id": "string", "text": "string", "language": "string"},
}  # fmt: skip
"""Columns of each canonical table with their Ibis types; `users` adds what its source declares."""

REQUIRED = {
    "items": {"item_id", "title", "language"},
    "users": {"user_id"},
    "events": {"event_id", "user_id", "item_id", "event_type", "timestamp"},
    "judgments": {"query_id", "query", "item_id", "grade"},
    "histories": {"history_id", "item_ids", "next_item_id"},
    "texts": {"text_id", "text", "label"},
    "offers": {"offer_id", "item_id", "user_id"},
    "pairs": set(COLUMNS["pairs"]) - {"event_time"},  # a judgment has no moment
    "corpus": set(COLUMNS["corpus"]),
}
"""Columns in which a null breaks the contract."""


class ContractError(ValueError):
    """A table is not as the contract says."""


def schema(name: str) -> pa.DataFrameSchema:
    """Pandera model of a canonical table; columns beyond the contract (a shop's own) are let through.

    A list is checked for being there only: pandera's Ibis engine has no type for it.
    """
    columns = {
        column: pa.Column(
            None if kind.startswith("array") else DataType.from_string(kind), nullable=column not in REQUIRED[name]
        )
        for column, kind in COLUMNS[name].items()
    }
    return pa.DataFrameSchema(columns, name=name, strict=False)


def conform(table: Table, name: str) -> Table:
    """Bring a table to the contract's columns, order and types; lacking ones are null, its own stay at the end."""
    columns = COLUMNS[name]
    own = [column for column in table.columns if column not in columns]
    given = {
        column: table[column].cast(kind) if column in table.columns else ibis.null(kind)
        for column, kind in columns.items()
    }
    return table.select(**given, **{column: table[column] for column in own})


def check_schema(table: Table, name: str) -> Table:
    """Check names and types alone, which computes nothing, and return the table.

    Raises:
        ContractError: a column is missing or has another type; the message names them.

    """
    with config_context(validation_depth=ValidationDepth.SCHEMA_ONLY):
        try:
            schema(name).validate(table, lazy=True)
        except SchemaErrors as errors:
            problems = "; ".join(
                sorted({str(error).splitlines()[0].split(". Columns")[0] for error in errors.schema_errors})
            )
            raise ContractError(f"table '{name}' breaks the contract: {problems}") from errors
    return table


def check(table: Table, name: str) -> Table:
    """Check a table against the contract, and return it.

    Raises:
        ContractError: a column is missing, has another type, or is null where it must not be; the message names them.

    """
    check_schema(table, name)
    required = sorted(REQUIRED[name])
    nulls = table.aggregate(**{column: table[column].isnull().sum() for column in required}).execute().iloc[0].fillna(0)
    if empty := [f"{column} ({int(nulls[column])} rows)" for column in required if nulls[column]]:
        raise ContractError(f"table '{name}' breaks the contract: null in {', '.join(empty)}")
    return table
