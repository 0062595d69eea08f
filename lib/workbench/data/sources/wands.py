"""WANDS, Wayfair's annotated furniture search: 480 queries, 42,994 products, 233,448 judgments."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ibis
from ibis import _
from ibis.expr.types import Table

from workbench.data.collected import Collected
from workbench.data.raw import layouts

LICENCE = "MIT (github.com/wayfair/WANDS)"
CITATION = (
    "Chen, Liu, Liu, Sun, Baltrunas, Schroeder: WANDS: Dataset for Product Search Relevance Assessment. ECIR 2022"
)
QUASI_IDENTIFIERS: tuple[str, ...] = ()
SENSITIVE: tuple[str, ...] = ()
PII: tuple[str, ...] = ()
OPTIONS: dict[str, Any] = {}
FILES = {"queries": "query.csv", "products": "product.csv", "labels": "label.csv"}
GRADES = {"Exact": 2.0, "Partial": 1.0, "Irrelevant": 0.0}
PRODUCT = (
    "product_id", "product_name", "product_class", "category hierarchy", "product_description", "product_features",
)  # fmt: skip
CONVERSIONS = (
    ("items", "category", "A / B / C", "A > B > C; the class where there is no hierarchy"),
    ("items", "attributes", "name:value|…", "name: value | …"),
    ("judgments", "grade", "Exact, Partial, Irrelevant", "2, 1, 0"),
)
"""Changes of a whole column on the way into the contract: table, columns, before, after."""


def files(at: str, options: Mapping[str, Any]) -> dict[str, Path]:
    """`queries`, `products` and `labels`, in the folder or in its `dataset` as in a clone of the repository."""
    inside = "dataset/" if (Path(at) / "dataset").is_dir() else ""
    return layouts.found(at, {name: inside + file for name, file in FILES.items()}, "wands")


def collect(con: ibis.BaseBackend, paths: Mapping[str, Path], options: Mapping[str, Any]) -> Collected:
    """Read products and judgments; some pairs were judged more than once, and every judgment is a row.

    Of queries with the same id the first by its text counts, and the others are rejected.
    """
    queries, lost = layouts.read_csv(con, paths["queries"], "queries", ("query_id", "query"), "\t")
    products, unreadable = layouts.read_csv(con, paths["products"], "items", PRODUCT, "\t")
    labels, wrong = layouts.read_csv(con, paths["labels"], "judgments", ("id", "query_id", "product_id", "label"), "\t")
    copy = ibis.row_number().over(ibis.window(group_by=queries.query_id, order_by=queries["query"]))
    asked, repeated = layouts.part(
        queries,
        "queries",
        queries.query_id,
        {"no query_id": queries.query_id.isnull(), "another row of query.csv has the query_id": copy > 0},
    )
    known = labels.left_join(asked, "query_id").drop("query_id_right")
    judged, broken = layouts.part(
        known,
        "judgments",
        known.id,
        {
            "label is none of Exact, Partial, Irrelevant": ~known.label.isin(list(GRADES)),
            "the query is not in query.csv": known["query"].isnull(),
            "no product_id": known.product_id.isnull(),
        },
    )
    made = {"items": _items(products), "judgments": _judgments(judged)}
    return layouts.collected(con, made, "judged", CONVERSIONS, [*lost, repeated, *unreadable, *wrong, broken])


def _items(products: Table) -> Table:
    features = products.product_features.re_replace(r"\s*\|\s*", " | ").re_replace(r"\s*:\s*", ": ")
    return products.select(
        item_id=_.product_id,
        title=_.product_name,
        description=_.product_description,
        category=products["category hierarchy"].fill_null(products.product_class).re_replace(r"\s+/\s+", " > "),
        attributes=features,
        language=ibis.literal("en"),
        product_class=_.product_class,
    )


def _judgments(labels: Table) -> Table:
    return labels.select(
        query_id=_.query_id, query=labels["query"], item_id=_.product_id, grade=labels.label.cases(*GRADES.items())
    )
