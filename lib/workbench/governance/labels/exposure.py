"""Who could have seen which promotion, without ever joining all households with all promotions.

The view has one row for each household × product × week × store: an in-store display counts in every store that the
household visited that week, a mailer in its home store, the one visited most in the 8 weeks before. Only weeks in
which the household shopped count. The view is an expression that nobody executes; what is needed of it comes from
counts by store and week, from the purchases, and from a sample.

The sample draws products, a product being exposed to a household in a week once however many stores show it.
Products fall into `BUCKETS` by the digest of their id. A household-week draws d neighbouring buckets, the first one
by its own digest, and is joined with the promotions of these buckets only. Of the m products found there that were
not bought, the first k = min(m, cap) in an order of the household-week's own are kept. A product is thus kept with
probability (d / BUCKETS)·(k / m), and weighs the inverse of that (Horvitz and Thompson 1952): sums over the sample are
unbiased whatever products the buckets hold. d grows where the counts promise few products, up to all buckets.
"""

from dataclasses import dataclass

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import StringValue, Table

from workbench.data import engine
from workbench.data.offers import REACH

BUCKETS = 64
PRIME = 2**31 - 1  # multiplying by a number below it, modulo it, permutes the numbers below it
KEY = ("user_id", "week", "item_id")


def places(events: Table, promotions: Table) -> Table:
    """Where promotions could reach a household: user_id, week, store_id, visited, home.

    One row for each store visited in a week, and one for the home store if that was not visited. `store_id` has the
    type that it has in `promotions`.
    """
    store = events.store_id.cast(promotions.store_id.type())
    visits = events.mutate(store_id=store).group_by("user_id", "week", "store_id").agg(trips=_.order_id.nunique())
    visited = visits.select("user_id", "week", "store_id", visited=ibis.literal(True), home=ibis.literal(False))
    home = home_stores(visits).mutate(visited=ibis.literal(False), home=ibis.literal(True))
    both = visited.union(home.select(*visited.columns))
    return both.group_by("user_id", "week", "store_id").agg(visited=_.visited.any(), home=_.home.any())


def home_stores(visits: Table, reach: int = REACH) -> Table:
    """The store each household made most trips to in the `reach` weeks before a week it shopped in; ties by store id.

    Args:
        visits: user_id, week, store_id, trips.
        reach: weeks before.

    Returns:
        user_id, week, store_id; no row where the household made no trip in that time.

    """
    weeks = visits.select("user_id", "week").distinct()
    past = visits.rename(past_week="week")
    seen = weeks.join(past, ["user_id", weeks.week > past.past_week, weeks.week <= past.past_week + reach])
    trips = seen.group_by("user_id", "week", "store_id").agg(trips=_.trips.sum())
    order = ibis.window(group_by=["user_id", "week"], order_by=[trips.trips.desc(), trips.store_id])
    return trips.mutate(rank=ibis.row_number().over(order)).filter(_.rank == 0).select("user_id", "week", "store_id")


def view(places: Table, promotions: Table) -> Table:
    """The full view: user_id, week, store_id, item_id, display, mailer. Filter it before you execute it."""
    joined = places.join(promotions, ["store_id", "week"])
    reached = joined.mutate(display=_.display & _.visited, mailer=_.mailer & _.home)
    return reached.filter(_.display | _.mailer).select("user_id", "week", "store_id", "item_id", "display", "mailer")


@dataclass(frozen=True)
class Size:
    """Rows, from counts: of the plain join of visits and promotions, and of the view by channel."""

    joined: int
    rows: int
    display: int
    mailer: int
    household_weeks: int


def size(reach: Table) -> Size:
    """Size of the full view, summed over the reach of each household-week as `reach` gives it."""
    sums = reach.aggregate(
        joined=_.joined.sum(), rows=_.rows.sum(), display=_.display.sum(), mailer=_.mailer.sum(),
        household_weeks=_.count(),
    )  # fmt: skip
    return Size(**{name: int(value) for name, value in sums.execute().iloc[0].fillna(0).items()})


def reach(places: Table, promotions: Table) -> Table:
    """How many rows of the view each household-week has, from counts by store and week alone.

    Returns:
        user_id, week, joined (promotions in the visited stores), display, mailer, rows (display or mailer).

    """
    counts = promotions.group_by("store_id", "week").agg(
        all=_.count(), shown=_.display.sum(), sent=_.mailer.sum(), both=(_.display & _.mailer).sum()
    )
    known = places.left_join(counts, ["store_id", "week"])
    shown = known.visited.ifelse(known.shown.fill_null(0), 0)
    sent = known.home.ifelse(known.sent.fill_null(0), 0)
    both = (known.visited & known.home).ifelse(known.both.fill_null(0), 0)
    parts = known.mutate(
        joined=known.visited.ifelse(known["all"].fill_null(0), 0), shown=shown, sent=sent, rows=shown + sent - both
    )
    return parts.group_by("user_id", "week").agg(
        joined=_.joined.sum(), display=_.shown.sum(), mailer=_.sent.sum(), rows=_.rows.sum()
    )


def bought(events: Table, places: Table, promotions: Table) -> Table:
    """Every product that a household bought in a week in which it was exposed to it, in whatever store it bought it.

    Returns:
        user_id, week, item_id, store_id (the smallest of those that exposed it), stores, display, mailer.

    """
    item = events.item_id.cast(promotions.item_id.type())
    bought = events.mutate(item_id=item).select(*KEY).distinct()
    exposed = bought.join(places, ["user_id", "week"]).join(promotions, ["store_id", "week", "item_id"])
    return _once(exposed)


def sample(
    events: Table, places: Table, promotions: Table, reach: Table, cap: int = 20, buckets: int = BUCKETS, salt: str = ""
) -> Table:
    """For each household-week up to `cap` products that it was exposed to and did not buy that week.

    Args:
        events: purchases with user_id, week, item_id.
        places: as `places` gives them.
        promotions: item_id, store_id, week, display, mailer; one row for each product, store and week.
        reach: as `reach` gives it; only `rows` is used.
        cap: how many to keep.
        buckets: how finely the products are split; a power of 2 up to 65,536.
        salt: another one draws another sample.

    Returns:
        user_id, week, item_id, store_id, stores, display, mailer, and weight, the inverse of the sampling rate.

    """
    draws = reach.filter(_.rows > 0)
    mark = engine.digest(draws.user_id, draws.week, salt=f"household-week{salt}")
    wanted = (2.0 * cap * buckets / draws.rows).ceil().cast("int64")  # twice the cap, so that few fall short of it
    draws = draws.select(
        "user_id", "week",
        first=engine.digits(mark, 0, 4) % buckets,
        factor=engine.digits(mark, 4, 7) + 1,
        drawn=ibis.least(wanted, buckets),
    )  # fmt: skip
    products = promotions.select("item_id").distinct()
    digest = engine.digest(products.item_id.cast("string"), salt=f"product{salt}")
    products = products.mutate(bucket=engine.digits(digest, 0, 4) % buckets, number=engine.digits(digest, 4, 7))
    spread = draws.mutate(step=ibis.range(draws.drawn).unnest())
    spread = spread.mutate(bucket=(_.first + _.step) % buckets).drop("first", "step")
    asked = spread.join(places, ["user_id", "week"])
    found = asked.join(promotions.join(products, "item_id"), ["store_id", "week", "bucket"])
    item = events.item_id.cast(promotions.item_id.type())
    candidates = _once(found, "factor", "drawn", "number").anti_join(events.mutate(item_id=item).select(*KEY), KEY)
    order = [(candidates.number * candidates.factor) % PRIME, candidates.item_id]
    ranked = candidates.mutate(
        rank=ibis.row_number().over(ibis.window(group_by=["user_id", "week"], order_by=order)),
        found=candidates.count().over(ibis.window(group_by=["user_id", "week"])),
    )
    weight = (buckets / _.drawn) * (_.found / ibis.least(_.found, cap))
    return ranked.filter(_.rank < cap).mutate(weight=weight).drop("factor", "drawn", "number", "rank", "found")


def channel(table: Table) -> StringValue:
    """How the promotion came: 'display', 'mailer' or 'both'."""
    return ibis.cases((table.display & table.mailer, "both"), (table.display, "display"), else_="mailer")


def coverage(events: Table) -> pd.DataFrame:
    """How purchases were reached: channel ('never promoted' among them), purchases, and their share."""
    bought = events.filter(_.event_type == "purchase").mutate(channel=_.channel.fill_null("never promoted"))
    table = bought.group_by("channel").agg(purchases=_.count()).execute()
    table["share"] = table["purchases"] / max(table["purchases"].sum(), 1)
    return table.sort_values("purchases", ascending=False, ignore_index=True)


def positive_rate(bought: Table, sampled: Table) -> float:
    """Share of exposed products that the household bought that week, non-purchases counted by their weights."""
    ones, zeros = bought.count().execute(), sampled.weight.sum().execute() or 0
    return float(ones / max(ones + zeros, 1))


def estimated_rows(bought: Table, sampled: Table) -> float:
    """Rows of the full view as the sample estimates them, to hold against the count in `Size.rows`."""
    return float((bought.stores.sum().execute() or 0) + ((sampled.weight * sampled.stores).sum().execute() or 0))


def _once(exposed: Table, *carried: str) -> Table:
    """One row for each household, week and product that a promotion reached; `carried` columns depend on these."""
    reached = exposed.mutate(display=_.display & _.visited, mailer=_.mailer & _.home).filter(_.display | _.mailer)
    return reached.group_by(*KEY).agg(
        store_id=_.store_id.min(), stores=_.count(), display=_.display.any(), mailer=_.mailer.any(),
        **{column: reached[column].max() for column in carried},
    )  # fmt: skip
