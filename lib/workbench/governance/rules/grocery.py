"""The rules that this workbench holds a grocery shop's tables to, and the tables as these rules see them."""

import ibis
from ibis import _
from ibis.expr.types import BooleanValue, FloatingValue, Table

from workbench.data import engine
from workbench.governance.quality import Rule, Tables

GALLON = 1000  # the tills count fuel in thousandths of a gallon
FUEL_PRICE = 0.1  # USD; no gallon is that cheap, a thousandth of one always is
OUTLIER = 6.0  # robust standard deviations of the log unit price within a category
SPREAD_FLOOR = 0.1  # categories with one price would make every other price an outlier
SIZE = r"^[0-9]*\.?[0-9]+ [A-Z]+$"
UNTIDY = r"  |\*|^ | $"
CATCH_ALL = r"^(MISC|OTHER|UNKNOWN|NO )"
MIN_QUALITY = {
    "accuracy": 0.99, "completeness": 0.75, "consistency": 0.99, "usability": 0.95, "uniqueness": 0.85,
    "timeliness": 0.95,
}  # fmt: skip
CLEANING_ORDER = {"events": "event_id", "items": "item_id", "users": "user_id", "promotions": "item_id"}


def seen(con: ibis.BaseBackend, tables: Tables, name: str = "collected") -> dict[str, Table]:
    """The tables as the rules see them: each event with its product's category, usual price and week's bounds.

    Args:
        con: the engine, which keeps what is looked up for each event; it is joined where a rule reads it, for a copy of
            all events costs more than several such joins.
        tables: items, events, users, promotions, offers and calendar.
        name: a word of its own for each call.

    """
    kinds = engine.keep(con, f"{name}_seen_kinds", _kinds(con, tables, name))
    stores = tables["promotions"].select("store_id").distinct()
    stores = stores.select(store_id=stores.store_id.cast("string"), covered=True)
    covered = engine.keep(con, f"{name}_seen_stores", stores)
    events = tables["events"].left_join(kinds, "item_id").drop("item_id_right")
    events = events.mutate(known=events.known.notnull())
    events = events.left_join(tables["calendar"], "week").drop("week_right")
    events = events.left_join(covered, "store_id").drop("store_id_right")
    end = tables["calendar"].ends.max().as_scalar()
    return {**tables, "events": events, "offers": tables["offers"].mutate(log_ends=end)}


def _kinds(con: ibis.BaseBackend, tables: Tables, name: str) -> Table:
    """Category and type of each product, and its category's usual price and how far prices spread around it."""
    items, events = tables["items"].select("item_id", "product_category", "product_type"), tables["events"]
    priced = events.select("item_id", price=log_price(events)).filter(_.price.notnull())
    sold = engine.keep(con, f"{name}_seen_sold", priced.join(items, "item_id").select("product_category", "price"))
    middle = sold.group_by("product_category").agg(usual=_.price.median())
    off = sold.join(middle, "product_category").mutate(off=(_.price - _.usual).abs())
    spread = off.group_by("product_category").agg(usual=_.usual.max(), spread=1.4826 * _.off.median())
    prices = engine.keep(con, f"{name}_seen_prices", spread)
    return items.left_join(prices, "product_category").drop("product_category_right").mutate(known=True)


def log_price(events: Table) -> FloatingValue:
    """Logarithm of the unit price; null where quantity or value is not positive."""
    priced = (events.quantity > 0) & (events.value > 0)
    return (priced.ifelse(events.value, None) / events.quantity.nullif(0)).ln()


def _purchased_unknown(items: Table, tables: Tables) -> Table:
    """A bare product for each id that clean purchases name and the product table lacks."""
    return tables["events"].select("item_id").distinct().anti_join(items, "item_id")


def _promotes_unknown(promotions: Table, tables: Tables) -> BooleanValue:
    """Whether the product table lacks the product; ids are compared in the type that promotions have them in."""
    known = tables["items"].item_id.cast(promotions.item_id.type())
    return ~promotions.item_id.isin(known).fill_null(False)


RULES: tuple[Rule, ...] = (
    # events: what the tills recorded
    Rule("till entry: no goods and no money", "accuracy", "events",
         lambda t, _: (t.quantity == 0) & (t.value == 0), action="quarantine", severity="medium"),
    Rule("negative quantity or value", "accuracy", "events",
         lambda t, _: (t.quantity < 0) | (t.value < 0), action="quarantine", severity="high"),
    Rule("money paid for quantity 0", "accuracy", "events",
         lambda t, _: (t.quantity == 0) & (t.value > 0), action="repair", severity="low",
         repair=lambda t, _: {"quantity": ibis.literal(1.0)}),
    Rule("fuel counted in thousandths of a gallon", "consistency", "events",
         lambda t, _: t.product_type.startswith("GASOLINE") & (t.value > 0) & (t.value < FUEL_PRICE * t.quantity),
         action="repair", severity="high", repair=lambda t, _: {"quantity": t.quantity / GALLON}),
    Rule("unit price far from its category's", "accuracy", "events",
         lambda t, _: (log_price(t) - t.usual).abs() > OUTLIER * ibis.greatest(t.spread, SPREAD_FLOOR),
         severity="low"),
    Rule("goods for nothing", "usability", "events",
         lambda t, _: (t.quantity > 0) & (t.value == 0), severity="low"),
    Rule("event names an unknown product", "consistency", "events", lambda t, _: ~t.known, severity="high"),
    Rule("time outside the week it names", "consistency", "events",
         lambda t, _: t.begins.isnull() | (t.timestamp < t.begins) | (t.timestamp >= t.ends),
         action="quarantine", severity="high"),
    Rule("store without promotion records", "completeness", "events", lambda t, _: t.covered.isnull()),
    Rule("one event id twice", "uniqueness", "events", key=("event_id",), action="quarantine", severity="high"),
    # items
    Rule("purchased product missing from the catalogue", "completeness", "items",
         add=_purchased_unknown, action="repair", severity="high"),
    Rule("one product id twice", "uniqueness", "items", key=("item_id",), action="stop", severity="high"),
    Rule("same maker, brand, category and size", "uniqueness", "items",
         key=("manufacturer_id", "brand", "category", "package_size"), severity="low"),
    Rule("no product category", "completeness", "items", lambda t, _: t.product_category.isnull()),
    Rule("no package size", "completeness", "items", lambda t, _: t.package_size.isnull(), severity="low"),
    Rule("package size untidy", "consistency", "items",
         lambda t, _: t.package_size.re_search(UNTIDY), action="repair", severity="low",
         repair=lambda t, _: {"package_size": t.package_size.replace("*", "").re_replace(" +", " ").strip()}),
    Rule("package size is no measure", "usability", "items",
         lambda t, _: ~t.package_size.re_search(SIZE), severity="low"),
    Rule("product type says little (misc, other)", "usability", "items",
         lambda t, _: t.product_type.isnull() | t.product_type.re_search(CATCH_ALL), severity="low"),
    # users, promotions, offers
    Rule("household without demographics", "completeness", "users", lambda t, _: t.age.isnull()),
    Rule("home ownership or marital status missing", "completeness", "users",
         lambda t, _: t.age.notnull() & (t.home_ownership.isnull() | t.marital_status.isnull()), severity="low"),
    Rule("promotion neither displayed nor mailed", "accuracy", "promotions",
         lambda t, _: ~t.display & ~t.mailer, action="quarantine"),
    Rule("promotion of an unknown product", "consistency", "promotions", _promotes_unknown),
    Rule("one product, store and week twice", "uniqueness", "promotions",
         key=("item_id", "store_id", "week"), action="merge"),
    Rule("offer outlives the log", "timeliness", "offers", lambda t, _: t.valid_to > t.log_ends, severity="low"),
    Rule("event outside the calendar", "timeliness", "events", lambda t, _: t.begins.isnull(), severity="high"),
)  # fmt: skip
