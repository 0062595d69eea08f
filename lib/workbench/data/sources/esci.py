"""ESCI, the Shopping Queries Dataset of Amazon: queries in English, Spanish and Japanese with graded products."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis import _
from ibis.expr.types import Table

from workbench.data.collected import Collected, SourceError
from workbench.data.raw import layouts

LICENCE = "Apache-2.0 (github.com/amazon-science/esci-data)"
CITATION = "Reddy et al.: Shopping Queries Dataset: A Large-Scale ESCI Benchmark for Improving Product Search. 2022"
QUASI_IDENTIFIERS: tuple[str, ...] = ()
SENSITIVE: tuple[str, ...] = ()
PII: tuple[str, ...] = ()
LANGUAGES = {"us": "en", "es": "es", "jp": "ja"}
VERSIONS = ("small", "large")
OPTIONS: dict[str, Any] = {"locale": "us", "version": "small"}
GRADES = {"E": 3.0, "S": 2.0, "C": 1.0, "I": 0.0}
"""Exact, substitute, complement, irrelevant: the paper's order in steps of one (its gains are 1, 0.1, 0.01, 0)."""
PUBLISHED = {
    "examples": "shopping_queries_dataset_examples.parquet", "products": "shopping_queries_dataset_products.parquet",
}  # fmt: skip
SAMPLE = {"examples": "esci16.parquet", "products": "esci16_products.jsonl"}
EXAMPLE = (
    "query", "query_id", "product_id", "product_locale", "esci_label", "small_version", "large_version", "split",
)  # fmt: skip
PRODUCT = (
    "product_id", "product_title", "product_description", "product_bullet_point", "product_brand", "product_color",
    "product_locale",
)  # fmt: skip
TEXTS = ("query", "product_id", "product_locale", "esci_label", "split")
FED = {"bullet_point": "bullets"}  # fields of the sample that are called otherwise
CONVERSIONS = (
    ("items, judgments", "item_id", "product_id, which locales share", "locale:product_id"),
    ("items", "language", "locale us, es, jp", "en, es, ja"),
    ("judgments", "query_id", "whole number", "text"),
    ("judgments", "grade", "E, S, C, I", "3, 2, 1, 0"),
)
"""Changes of a whole column on the way into the contract: table, columns, before, after."""


def files(at: str, options: Mapping[str, Any]) -> dict[str, Path]:
    """`examples` and `products`: the publisher's, or, without them, a sample of 16 pairs in a search engine's feed."""
    if options["locale"] not in (*LANGUAGES, ""):
        raise SourceError(f"esci has no locale '{options['locale']}': choose {', '.join(LANGUAGES)}, or empty for all")
    if options["version"] not in VERSIONS:
        raise SourceError(f"esci has no version '{options['version']}': choose {' or '.join(VERSIONS)}")
    sample = (Path(at) / SAMPLE["examples"]).is_file() and not (Path(at) / PUBLISHED["examples"]).is_file()
    return layouts.found(at, SAMPLE if sample else PUBLISHED, "esci")


def collect(con: ibis.BaseBackend, paths: Mapping[str, Path], options: Mapping[str, Any]) -> Collected:
    """Read products and judgments.

    Rows that do not say which locale or version they are of are rejected, not taken for those of another.

    Args:
        con: the engine.
        paths: the raw files, as `files` gives them.
        options: `locale` (us, es, jp; empty for all) and `version`: small, the harder queries of the ranking task, or
            large. Products are cut to the locale, not to the version.

    """
    examples = layouts.read_parquet(con, paths["examples"], "examples", EXAMPLE, TEXTS)
    products, rejected = _products(con, paths["products"])
    version = f"{options['version']}_version"
    examples = _of_locale(examples, options["locale"]).filter((_[version] == 1) | _[version].isnull())
    judged, broken = layouts.part(
        examples.select(*EXAMPLE),
        "judgments",
        examples.query_id.cast("string").fill_null("") + " / " + examples.product_id.fill_null(""),
        {
            "esci_label is none of E, S, C, I": ~examples.esci_label.isin(list(GRADES)),
            "no query or product": examples.query_id.isnull() | examples["query"].isnull() | _none(examples),
            f"no {version}": examples[version].isnull(),
        },
    )
    products = _of_locale(products.select(*PRODUCT), options["locale"])
    whole, unnamed = layouts.part(products, "items", products.product_id, {"no product or locale": _none(products)})
    made = {"items": _items(whole), "judgments": _judgments(judged)}
    return layouts.collected(con, made, "judged", CONVERSIONS, [rejected, unnamed, broken])


def _of_locale(rows: Table, locale: str) -> Table:
    """Rows of a locale, all if it is "", and those that name none: they are rejected later, not passed over."""
    return rows.filter((_.product_locale == locale) | _.product_locale.nullif("").isnull()) if locale else rows


def _none(rows: Table) -> ibis.expr.types.BooleanValue:
    return rows.product_id.nullif("").isnull() | rows.product_locale.nullif("").isnull()


def _products(con: ibis.BaseBackend, path: Path) -> tuple[Table, Table | None]:
    if path.suffix == ".parquet":
        return layouts.read_parquet(con, path, "products", PRODUCT, PRODUCT), None
    schema = pa.schema(dict.fromkeys(PRODUCT, pa.string()))
    tables, rejected = layouts.load_objects(con, [path], {"raw_products": schema}, _fed, "items")
    return tables["raw_products"], rejected


def _fed(record: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A product of the feed: `{"put": address, "fields": {id, title, …}}`."""
    fields = record.get("fields")
    if not isinstance(fields, dict) or not fields.get("id") or not fields.get("locale"):
        raise ValueError("not a product with id and locale")
    names = (column.removeprefix("product_") for column in PRODUCT)
    values = (fields.get(FED.get(name, name)) for name in names)
    yield "raw_products", dict(zip(PRODUCT, ("" if value is None else str(value) for value in values), strict=True))


def _item_id(table: Table) -> ibis.expr.types.StringValue:
    return table.product_locale + ":" + table.product_id


def _items(products: Table) -> Table:
    colour = ibis.literal("color: ") + products.product_color.nullif("")
    return products.select(
        item_id=_item_id(products),
        title=_.product_title,
        description=_.product_description.nullif(""),
        brand=_.product_brand.nullif(""),
        attributes=ibis.literal(" | ").join([colour, products.product_bullet_point.nullif("")]).nullif(""),
        language=products.product_locale.cases(*LANGUAGES.items(), else_=products.product_locale),
    )


def _judgments(examples: Table) -> Table:
    return examples.select(
        query_id=_.query_id.cast("string"),
        query=examples["query"],
        item_id=_item_id(examples),
        grade=examples.esci_label.cases(*GRADES.items()),
        split=_.split,
    )
