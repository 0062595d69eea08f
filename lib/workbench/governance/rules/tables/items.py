"""What goes wrong with the products of any shop."""

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import BooleanValue, Table, Value

from workbench.data import contract, engine
from workbench.governance.quality import Rule, Tables
from workbench.governance.rules import ids
from workbench.governance.rules.language import LANGUAGE, wrong_script
from workbench.governance.rules.strings import CONTACT, id_rules, placeholder, text_rules
from workbench.governance.rules.tables import catalogue, catalogue_ids
from workbench.governance.rules.vocabulary import counts, spelled
from workbench.governance.signals import duplicates

PATH = r"^[^>\s](?:[^>]*[^>\s])?(?: > [^>\s](?:[^>]*[^>\s])?)*$"
SEPARATOR = r"\s*(?:>+|»|›|→|->|=>|::|\||\\|/)\s*"
DEAREST = 1_000_000  # in any currency: prices such as 9999999 stand for "not for sale"
PLACEHOLDER_PRICE = (0.01, 9999.0, 9999.99, 99999.0, 99999.99, 999999.0, 999999.99, 123456.0, 1234.56)
CUSTOM = 0.2  # a column that is null in at most this share of the rows is one that the shop fills
SPELLED = ("brand", "category", "language")
WORDED = ("description", "brand", "category")
TOLD = (*WORDED, "price")


def seen(con: ibis.BaseBackend, tables: Tables, name: str, log_ends: Value) -> dict[str, Table]:
    """The products with what the catalogue says about each, and `item_copies`, the products that stand twice.

    Args:
        con: the engine, which keeps what several rules read.
        tables: items, and events for how well known a product is.
        name: a word of its own for each call.
        log_ends: the moment of collection.

    """
    items = contract.conform(tables["items"], "items")
    popularity = None
    if "events" in tables:
        events = tables["events"]
        popularity = con.to_pandas(events.group_by("item_id").agg(events=events.count()))
        popularity = ibis.memtable(popularity, schema={"item_id": "string", "events": "int64"})
    lent = catalogue_ids.lent(con, items, name)
    copies = duplicates.copies(con, catalogue_ids.standing(items, lent), popularity, f"{name}_item_copies")
    columns = ["item_id", "title", "description", "brand", "category", "price", "attributes"]
    frame = con.to_pandas(items.select(*columns))
    schema = {"item_id": "string"} | dict.fromkeys(catalogue.FACTS, "boolean")
    facts = engine.keep(con, f"{name}_item_facts", ibis.memtable(catalogue.facts(frame), schema=schema))
    usual = _filled(con, items)
    json = con.to_pandas(items.agg(share=items.attributes.re_search(r"^\s*\{").mean())).iloc[0, 0]
    items = spelled(con, items, SPELLED, f"{name}_items", {})
    items = items.left_join(facts, "item_id").drop("item_id_right")
    known = {f"{column}_usual": ibis.literal(bool(usual[column])) for column in usual.index}
    twice = copies.select(copy_id=copies.key).distinct()
    items = items.left_join(twice, items.item_id == twice.copy_id)
    known["attributes_json"] = ibis.literal(bool(pd.notna(json) and json > 1 - CUSTOM))
    items = _told(con, items.mutate(foreign=_foreign(con, items)), name)
    named = lent.select(lent_id=lent.item_id, lent_title=lent.title)
    items = items.left_join(named, [items.item_id == named.lent_id, items.title == named.lent_title])
    items = items.mutate(lent=items.lent_id.notnull()).drop("lent_id", "lent_title")
    pattern = ids.form(con, items.item_id)
    twins = ids.twins(con, items, "item_id", pattern, f"{name}_item_twins", says="title")
    items = items.mutate(item_id_unlike=ids.unlike(items.item_id, pattern))
    items = _named(items, tables, "early_items", "sold_early")
    items = _named(items, tables, "mispriced_items", "mispriced")
    items = items.mutate(log_ends=log_ends, copied=items.copy_id.notnull(), **known).drop("copy_id")
    return {"items": con.create_view(f"{name}_seen_items", items, overwrite=True), "item_copies": copies,
            "item_twins": twins}  # fmt: skip


def _named(items: Table, tables: Tables, name: str, flag: str) -> Table:
    """The products with whether a table lists them, where there is one."""
    if name not in tables:
        return items.mutate(**{flag: ibis.literal(False)})
    listed = tables[name].select(listed_id=tables[name].item_id)
    joined = items.left_join(listed, items.item_id == listed.listed_id)
    return joined.mutate(**{flag: joined.listed_id.notnull()}).drop("listed_id")


def _told(con: ibis.BaseBackend, items: Table, name: str) -> Table:
    """The products with what all rows of one id and title say where they say anything: `<column>_told`, else null.

    Null as well where a product has one row only.
    """
    given = items.mutate(price=items.price.isnan().ifelse(None, items.price))
    lowest = {f"{column}_told": given[column].min() for column in TOLD}
    highest = {f"{column}_high": given[column].max() for column in TOLD}
    rows = given.group_by("item_id", "title").agg(n=_.count(), **lowest, **highest).filter(_.n > 1)
    alike = {f"{column}_told": (rows[f"{column}_told"] == rows[f"{column}_high"]).ifelse(rows[f"{column}_told"], None)
             for column in TOLD}  # fmt: skip
    known = engine.keep(con, f"{name}_items_told", rows.select(told_id=rows.item_id, told_title=rows.title, **alike))
    joined = items.left_join(known, [items.item_id == known.told_id, items.title == known.told_title])
    return joined.drop("told_id", "told_title")


def _filled(con: ibis.BaseBackend, items: Table) -> pd.Series:
    """Which columns the shop customarily fills."""
    columns = [column for column in contract.COLUMNS["items"] if column not in ("item_id", "title")]
    shares = con.to_pandas(items.agg(**{column: items[column].isnull().mean() for column in columns})).iloc[0]
    return (shares.astype(float) < CUSTOM) & shares.notna()


def _foreign(con: ibis.BaseBackend, items: Table) -> Value:
    """Whether a product's price is in another currency than nearly all, where the shop has such a column."""
    if "currency" not in items.columns:
        return ibis.literal(False)
    counted = counts(con, items.currency)
    main = len(counted) and counted["n"].iloc[0] >= (1 - CUSTOM) * counted["n"].sum()
    return (
        (items.currency.isnull() | (items.currency != str(counted["value"].iloc[0]))) if main else ibis.literal(False)
    )


def _missing(column: str) -> Rule:
    """A word that only stands in for a value is none, so that taking it away makes no product less complete."""

    def failing(t: Table, _: Tables) -> BooleanValue:
        lacking = t[column].isnull() | (placeholder(t[column]) if column in WORDED else ibis.literal(False))
        return t[f"{column}_usual"] & lacking

    return Rule(f"product without {column}", "completeness", "items", failing, columns=(column,),
                needs=(f"items.{column}",))  # fmt: skip


def _filled_in(column: str) -> Rule:
    return Rule(f"{column} missing where the product's other rows have it", "completeness", "items",
                lambda t, _: t[column].isnull() & t[f"{column}_told"].notnull(), action="repair",
                repair=lambda t, _: {column: t[f"{column}_told"]}, columns=(column,),
                needs=(f"items.{column}",))  # fmt: skip


def _fact(name: str, fact: str, dimension: str, column: str, severity: str = "low") -> Rule:
    return Rule(name, dimension, "items", lambda t, _: t[fact], severity=severity,  # type: ignore[arg-type]
                columns=(column,), needs=(f"items.{column}",))  # fmt: skip


def _spelling(column: str) -> Rule:
    return Rule(f"{column} spelled unlike its usual form", "consistency", "items",
                lambda t, _: (t[f"{column}_meant"] != t[column]), action="repair", severity="medium",
                repair=lambda t, _: {column: ibis.coalesce(t[f"{column}_meant"], t[column])},
                columns=(column,), needs=(f"items.{column}",))  # fmt: skip


RULES: tuple[Rule, ...] = (
    *id_rules("items", "item_id", required=True),
    ids.form_rule("items", "item_id"),
    Rule("product without title", "completeness", "items", lambda t, _: t.title.isnull(),
         action="quarantine", severity="high", columns=("title",)),
    *text_rules("items", "title", "product title", required=True),
    *(rule for column, label in zip(WORDED, ("product description", "brand", "category"), strict=True)
      for rule in text_rules("items", column, label, required=False)),
    # category
    _spelling("category"),
    Rule("category path malformed", "consistency", "items",
         lambda t, _: (t.category.strip() != "") & ~t.category.re_search(PATH), action="repair", severity="medium",
         repair=lambda t, _: {"category": t.category.re_replace(r"\s*>(?:\s*>)*\s*", " > ")
                              .re_replace(r"^(?:\s|>)+|(?:\s|>)+$", "")},
         columns=("category",), needs=("items.category",)),
    Rule("category path with another separator", "consistency", "items",
         lambda t, _: ~t.category.contains(" > ") & t.odd_depth & t.category.re_search(SEPARATOR), action="repair",
         repair=lambda t, _: {"category": t.category.re_replace(SEPARATOR, " > ")},
         columns=("category",), needs=("items.category",)),
    Rule("category repeats a level", "consistency", "items",
         lambda t, _: t.category.split(" > ").length() != t.category.split(" > ").unique().length(),
         severity="low", columns=("category",), needs=("items.category",)),
    Rule("category is a number or an id", "usability", "items",
         lambda t, _: t.category.re_search(r"^[\d\s._>-]+$"), columns=("category",), needs=("items.category",)),
    _fact("category of an unknown root", "unknown_root", "consistency", "category", "medium"),
    _fact("category path deeper or shallower than all others", "odd_depth", "consistency", "category"),
    _fact("category under another parent than usual", "odd_parent", "consistency", "category"),
    _fact("title does not fit the category", "no_fit", "accuracy", "category", "medium"),
    # brand, language
    _spelling("brand"),
    Rule("brand is no name", "accuracy", "items",
         lambda t, _: t.brand.contains(" > ") | t.brand.re_search(r"^[\d\s.,%$€£¥-]+$|https?://")
           | (t.brand.length() > 60),
         severity="medium", columns=("brand",), needs=("items.brand",)),
    _spelling("language"),
    Rule("language is no code", "consistency", "items", lambda t, _: ~t.language.re_search(LANGUAGE),
         columns=("language",), needs=("items.language",)),
    Rule("language that hardly any product has", "accuracy", "items", lambda t, _: t.language_rare,
         severity="low", columns=("language",), needs=("items.language",)),
    Rule("text in another script than its language's", "consistency", "items", lambda t, _: wrong_script(t),
         severity="medium", columns=("language", "title"), needs=("items.language",)),
    # titles and descriptions
    Rule("title without a letter", "usability", "items", lambda t, _: ~t.title.re_search(r"\p{L}"),
         severity="high", columns=("title",)),
    _fact("title far shorter than others, or of one or two characters", "too_short", "usability", "title", "medium"),
    _fact("title far longer than others", "too_long", "usability", "title"),
    _fact("title stuffed with repeated or advertising words", "stuffed", "usability", "title", "medium"),
    _fact("title with emoji, stars or shouting marks", "decorated", "usability", "title"),
    _fact("description far longer or shorter than others", "odd_length", "usability", "description"),
    _fact("description says one thing twice", "says_twice", "usability", "description"),
    _fact("description names another brand or attribute", "description_contradicts", "accuracy", "description"),
    _fact("title is a code or the name of a picture", "is_code", "usability", "title", "medium"),
    _fact("title names a price", "named_price", "usability", "title"),
    _fact("title in capitals", "shouted", "consistency", "title"),
    _fact("text cut off", "cut_off", "completeness", "description"),
    _fact("one description for several products", "text_twice", "uniqueness", "description"),
    _fact("title names another brand or attribute", "contradicts", "accuracy", "title", "medium"),
    Rule("title and another column swapped or repeated", "accuracy", "items",
         lambda t, _: (t.title == t.brand) | (t.title == t.description) | (t.title == t.category)
         | (t.title == t.item_id) | t.title.contains(" > ")
         | (t.description.notnull() & t.too_long & (t.description.length() < t.title.length()))
         | ((t.description.length() < t.title.length()) & (t.description.length() > 0)
             & t.title.re_search("[.。!！] ?.+[.。!！]$"))
         | (t.brand == t.category) | t.category.re_search(r"^[\d.]+$"),
         severity="medium", columns=("title", "description", "brand")),
    Rule("address or contact in a product's text", "usability", "items",
         lambda t, _: t.title.re_search(r"(?i)https?://|www\.") | t.title.re_search(CONTACT)
         | t.description.re_search(CONTACT), severity="low", columns=("title", "description")),
    # price and stock
    Rule("price is not a number above 0", "accuracy", "items", lambda t, _: (t.price <= 0) | t.price.isnan()
         | t.price.isinf(),
         severity="high", columns=("price",), needs=("items.price",)),
    Rule("price a hundred times what is usual in its category", "accuracy", "items",
         lambda t, _: t.price_cents & ~t.mispriced.fill_null(False), severity="medium", columns=("price",),
         needs=("items.price", "items.category")),
    Rule("price in cents", "consistency", "items", lambda t, _: t.price_cents & t.mispriced.fill_null(False),
         action="repair", severity="high",
         repair=lambda t, _: {"price": (t.price / 100).round(2)}, columns=("price",), needs=("items.price",)),
    Rule("price a hundredth of what is usual", "consistency", "items", lambda t, _: t.price_hundredth,
         severity="high", columns=("price",), needs=("items.price",)),
    _fact("price below the smallest coin", "price_fraction", "accuracy", "price"),
    Rule("price far from its category's", "accuracy", "items", lambda t, _: t.price_far,
         severity="medium", columns=("price",), needs=("items.price",)),
    Rule("price unlike what customers pay", "consistency", "items", lambda t, _: t.mispriced,
         severity="medium", columns=("price",), needs=("items.price", "events.value")),
    Rule("price that stands for none", "accuracy", "items",
         lambda t, _: (t.price >= DEAREST) | (t.price_far & t.price.isin(PLACEHOLDER_PRICE)),
         columns=("price",), needs=("items.price",)),
    Rule("product priced in another currency than all others", "consistency", "items", lambda t, _: t.foreign,
         columns=("price",), needs=("items.currency",)),
    # attributes
    Rule("attributes are not a JSON object", "consistency", "items",
         lambda t, _: t.attributes_json & (t.attributes.strip() != "")
           & ~t.attributes.try_cast("json").cast("string").re_search(r"^\s*\{").fill_null(False),
         severity="medium", columns=("attributes",), needs=("items.attributes",)),
    Rule("attributes without content", "completeness", "items",
         lambda t, _: t.attributes_json & t.attributes.re_search(r"^\s*(?:\{\s*\}|\[\s*\]|null)?\s*$")
         | t.attributes.re_search(r'(?i):\s*(?:null|""|"n/?a"|"none"|"null"|"unknown"|"-")\s*[,}]'),
         severity="low", columns=("attributes",), needs=("items.attributes",)),
    Rule("attributes with broken characters", "consistency", "items",
         lambda t, _: t.attributes.re_search(r"Ã|â€|\x{FFFD}|<[a-z/]+>|&[a-z]+;|[\x{200B}\x{FEFF}]"),
         severity="low", columns=("attributes",), needs=("items.attributes",)),
    _fact("attribute or value that hardly any product has", "attribute_rare", "consistency", "attributes"),
    _fact("attribute lacking that nearly all of the category have", "attribute_lacking", "completeness", "attributes"),
    _fact("attribute of another type than usual", "attribute_kind", "consistency", "attributes"),
    _fact("attribute's number far from the category's", "attribute_far", "accuracy", "attributes", "medium"),
    # time
    Rule("product available before any shop or after the log", "timeliness", "items",
         lambda t, _: (t.available_from > t.log_ends)
           | (t.available_from < ibis.timestamp("1995-01-01 00:00:00+00:00")),
         columns=("available_from",), needs=("items.available_from",)),
    Rule("product sold before it was available", "timeliness", "items", lambda t, _: t.sold_early, severity="medium",
         columns=("available_from",), needs=("events", "items.available_from")),
    *(_filled_in(column) for column in TOLD),
    *(_missing(column) for column in ("description", "category", "brand", "price", "attributes", "available_from",
      "in_stock")),
    Rule("product without language", "completeness", "items", lambda t, _: t.language.isnull(), severity="medium",
         columns=("language",)),
    # uniqueness
    Rule("product id on a row that names another product", "uniqueness", "items", lambda t, _: t.lent,
         action="quarantine", severity="high", columns=("item_id",)),
    Rule("one product id twice", "uniqueness", "items", key=("item_id",), action="quarantine", severity="high",
         columns=("item_id",)),
    Rule("product id is another spelling of another's", "uniqueness", "items", action="merge", severity="high",
         survivors=lambda t, tables: ids.standing(tables["item_twins"], t, "item_id"), columns=("item_id",)),
    Rule("product stands in the catalogue twice", "uniqueness", "items", action="merge", severity="high",
         survivors=lambda t, tables: ids.standing(tables["item_copies"], t, "item_id"),
         columns=("title", "brand", "attributes")),
)  # fmt: skip
