"""Amazon Reviews of the McAuley Lab, UC San Diego: reviews and products of a category, as published in 2018 and 2023.

One JSON object a line, or objects one after another; plain or gzip. The release is told by the keys of each object.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa

from workbench.data.collected import Collected, SourceError
from workbench.data.raw import layouts

LICENCE = "for research only (the publisher states no licence)"
CITATION = (
    "2018: Ni, Li, McAuley: Justifying Recommendations using Distantly-Labeled Reviews and Fine-Grained Aspects. "
    "EMNLP 2019. 2023: Hou et al.: Bridging Language and Items for Retrieval and Recommendation. arXiv:2403.03952"
)
QUASI_IDENTIFIERS: tuple[str, ...] = ()
SENSITIVE: tuple[str, ...] = ()
PII = ("events.text", "events.summary")
OPTIONS: dict[str, Any] = {"category": "", "language": "en"}
ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
PRICE = re.compile(r"(?:US)?\s*\$?\s*(\d[\d,]*(?:\.\d+)?)")  # "$12.99"; a range or anything else is no price
CONVERSIONS = (
    ("events", "event_id", "none", "user-product-time"),
    ("events", "timestamp", "seconds (2018) or milliseconds (2023) since 1970", "UTC"),
    ("events", "item_id", "asin (2018), parent_asin (2023)", "text; the variant reviewed is in asin"),
    ("items", "price", "text such as $12.99", "dollars; null for a range or other text, which price_text keeps"),
    ("items", "category", "list of levels, main_category where there is none", "A > B > C"),
    ("items", "description, attributes", "lists and key-value pairs", "text joined by ' | '"),
)
"""Changes of a whole column on the way into the contract: table, columns, before, after."""
TIME = pa.timestamp("us", tz="UTC")
EVENTS = pa.schema({
    "event_id": pa.string(), "user_id": pa.string(), "item_id": pa.string(), "event_type": pa.string(),
    "timestamp": TIME, "value": pa.float64(), "text": pa.string(), "summary": pa.string(), "asin": pa.string(),
    "verified": pa.bool_(),
})  # fmt: skip
ITEMS = pa.schema({
    **dict.fromkeys(("item_id", "title", "description", "category", "brand"), pa.string()), "price": pa.float64(),
    "attributes": pa.string(), "price_text": pa.string(),
})  # fmt: skip


def files(at: str, options: Mapping[str, Any]) -> dict[str, Path]:
    """`reviews` and, where there is one, `products` (the file `meta_<category>`) of a category in the folder."""
    category = options["category"]
    stems = {path: path.name[: -len(end)] for path in sorted(Path(at).glob("*")) if (end := _ending(path.name))}
    reviews = [path for path, stem in stems.items() if not stem.startswith("meta_") and _of(stem, category)]
    if not reviews:
        raise SourceError(
            f"no reviews{' of ' + category if category else ''} in {at}: run `workbench fetch amazon_reviews`, "
            "or put <category>.jsonl.gz (2023) or <category>_5.json.gz (2018) there"
        )
    if len(reviews) > 1:
        names = ", ".join(path.name for path in reviews)
        raise SourceError(f"{at} holds several files of reviews ({names}): set the option category to one's first part")
    wanted = "meta_" + stems[reviews[0]].removesuffix("_5")
    products = [path for path, stem in stems.items() if stem == wanted]
    return {"reviews": reviews[0], **({"products": products[0]} if products else {})}


def collect(con: ibis.BaseBackend, paths: Mapping[str, Path], options: Mapping[str, Any]) -> Collected:
    """Read reviews into events and products into items.

    `events` has further columns summary (the headline), asin and verified, `items` has price_text. The names and
    images of reviewers are not read.

    Args:
        con: the engine.
        paths: the raw files, as `files` gives them.
        options: `category`, where the folder holds several; `language` of the texts.

    """
    tables, refused = layouts.load_objects(con, [paths["reviews"]], {"raw_reviews": EVENTS}, _review, "events")
    unreadable = [refused]
    events = tables["raw_reviews"]
    made = {"events": events, "users": events.select("user_id").distinct()}
    if "products" in paths:
        tables, refused = layouts.load_objects(con, [paths["products"]], {"raw_products": ITEMS}, _product, "items")
        unreadable.append(refused)
        made["items"] = tables["raw_products"].mutate(language=ibis.literal(options["language"]))
    notes = () if "products" in paths else ("no file of products beside the reviews: the items have no texts",)
    return layouts.collected(con, made, "behaviour", CONVERSIONS, unreadable, notes)


def _ending(name: str) -> str:
    return max((ending for ending in ENDINGS if name.endswith(ending)), key=len, default="")


def _of(stem: str, category: str) -> bool:
    return not category or stem in (category, f"{category}_5")


def _review(record: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    recent = "user_id" in record  # 2023
    user, asin = _needed(record, "user_id" if recent else "reviewerID"), _needed(record, "asin")
    seconds = _needed(record, "timestamp" if recent else "unixReviewTime")
    at = datetime.fromtimestamp(float(seconds) / (1000 if recent else 1), UTC)
    rating = _needed(record, "rating" if recent else "overall")
    yield (
        "raw_reviews",
        {
            "event_id": f"{user}-{asin}-{seconds}",
            "user_id": str(user),
            "item_id": str(record.get("parent_asin") or asin),
            "event_type": "review",
            "timestamp": at,
            "value": float(rating),
            "text": layouts.text(record.get("text" if recent else "reviewText")),
            "summary": layouts.text(record.get("title" if recent else "summary")),
            "asin": str(asin),
            "verified": _flag(record.get("verified_purchase" if recent else "verified")),
        },
    )


def _product(record: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    recent = "parent_asin" in record
    details = record.get("details")
    details = details if isinstance(details, dict) else {}
    levels = record.get("categories") or record.get("category") or record.get("main_category" if recent else "main_cat")
    price = record.get("price")
    pairs = [f"{key.strip(': ')}: {value}" for key, value in details.items() if isinstance(value, str | int | float)]
    brand = (details.get("Brand") or record.get("store")) if recent else record.get("brand")
    yield (
        "raw_products",
        {
            "item_id": str(_needed(record, "parent_asin" if recent else "asin")),
            "title": layouts.text(record.get("title")),
            "description": _joined(record.get("description"), " | "),
            "category": _joined(levels, " > "),
            "brand": layouts.text(brand),
            "price": _price(price),
            "attributes": _joined([*_listed(record.get("features" if recent else "feature")), *pairs], " | "),
            "price_text": layouts.text(price),
        },
    )


def _needed(record: dict[str, Any], key: str) -> Any:
    if record.get(key) in (None, ""):
        raise ValueError(f"no {key}")
    return record[key]


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _listed(value: Any) -> list[Any]:
    """A list, flattened by one level (older files give several paths of categories: the first one counts)."""
    if isinstance(value, list):
        return value[0] if value and isinstance(value[0], list) else value
    return [] if value is None else [value]


def _joined(value: Any, separator: str) -> str | None:
    return separator.join(text for part in _listed(value) if (text := str(part).strip())) or None


def _price(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = PRICE.fullmatch(str(value).strip())
    return float(match[1].replace(",", "")) if match else None
