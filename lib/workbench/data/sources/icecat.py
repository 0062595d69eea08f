"""Icecat products with graded search results, as the Chorus project of the Querqy community publishes them."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis import _
from ibis.expr.types import Table

from workbench.data import contract, engine
from workbench.data.collected import Collected
from workbench.data.raw import layouts

LICENCE = "products: Icecat Open Content License, attribution; judgments: Apache-2.0 (github.com/querqy/chorus)"
CITATION = "Open Icecat; Chorus, an open e-commerce search stack, github.com/querqy/chorus, data of 2020-11-27"
QUASI_IDENTIFIERS: tuple[str, ...] = ()
SENSITIVE: tuple[str, ...] = ()
PII: tuple[str, ...] = ()
OPTIONS: dict[str, Any] = {"judgments": "Broad_Query_Set_rated.csv"}
PARQUET, JSON = "products.parquet", "icecat-products-w_price-19k-20201127.json"
COLUMNS = ("id", "name", "title", "short_description", "supplier", "price", "date_released", "attributes")
CONVERSIONS = (
    ("items", "price", "cents", "dollars"),
    ("items", "available_from", "date_released as text", "UTC"),
    ("judgments", "query_id", "none", "digest of the query"),
)
"""Changes of a whole column on the way into the contract: table, columns, before, after."""


def files(at: str, options: Mapping[str, Any]) -> dict[str, Path]:
    """`products` (as Parquet if that is there, else the publisher's JSON) and `judgments`."""
    products = PARQUET if (Path(at) / PARQUET).is_file() else JSON
    return layouts.found(at, {"products": products, "judgments": options["judgments"]}, "icecat")


def collect(con: ibis.BaseBackend, paths: Mapping[str, Path], options: Mapping[str, Any]) -> Collected:
    """Read products and judgments (grades 0 to 3, as rated); the products have no category.

    Args:
        con: the engine.
        paths: the raw files, as `files` gives them.
        options: `judgments`, the name of the file of ratings.

    """
    products, rejected = _products(con, paths["products"])
    rated, unreadable = layouts.read_csv(con, paths["judgments"], "judgments", ("query", "docid", "rating"))
    reasons = {"no query": rated.query.isnull(), "no docid": rated.docid.isnull()}
    reasons["rating is not a number"] = rated.rating.try_cast("float64").isnull()
    rated, broken = layouts.part(rated, "judgments", rated.query.fill_null("") + " / " + rated.docid, reasons)
    made = {
        "items": _items(con, products),
        "judgments": rated.select(
            query_id=engine.digest(rated.query), query=_.query, item_id=_.docid, grade=_.rating.cast("float64")
        ),
    }
    return layouts.collected(con, made, "judged", CONVERSIONS, [rejected, *unreadable, broken])


def _products(con: ibis.BaseBackend, path: Path) -> tuple[Table, Table | None]:
    if path.suffix == ".parquet":
        return layouts.read_parquet(con, path, "items", COLUMNS), None
    schema = pa.schema(dict.fromkeys(COLUMNS, pa.string()))
    tables, rejected = layouts.load_objects(con, [path], {"raw_items": schema}, _product, "items")
    return tables["raw_items"], rejected


def _product(record: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The publisher's object as a row: its keys `attr_<type>_<name>` become one text `name: value | …`."""
    if record.get("id") is None:
        raise ValueError("no id")
    named = ((re.match(r"attr_[a-z]+_(.+)", key), value) for key, value in record.items())
    attributes = " | ".join(f"{key[1].replace('_', ' ')}: {value}" for key, value in named if key)
    texts = {column: record.get(column) for column in COLUMNS}
    row = {column: None if value is None else str(value) for column, value in texts.items()}
    yield "raw_items", {**row, "attributes": attributes or None}


def _items(con: ibis.BaseBackend, products: Table) -> Table:
    dated = products.mutate(available_from=_.date_released)
    read = layouts.typed(con, dated, "items", "id", {"price": "float64", "available_from": contract.UTC})
    return read.select(
        item_id=_.id,
        title=_.title,
        description=_.short_description,
        brand=_.supplier,
        price=_.price / 100,
        attributes=_.attributes,
        language=ibis.literal("en"),
        available_from=_.available_from,
        name=_.name,
    )
