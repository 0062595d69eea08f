"""Pairs from promotions: what a household bought before, a product it was shown, whether it bought it."""

from collections.abc import Mapping

import ibis
from ibis import _
from ibis.expr.types import Table

from workbench.data import engine
from workbench.data.contract import COLUMNS, conform
from workbench.governance.labels.contexts import MEMORY, contexts
from workbench.governance.labels.exposure import channel
from workbench.governance.labels.splits import by_week, fill
from workbench.governance.recipes.base import BEYOND, BOUGHT, NO_PRODUCT, OUTSIDE

KEY = ("user_id", "week", "item_id")
NO_PAST = f"the household bought nothing in the {MEMORY} weeks before: there is no context"
UNTOLD = "nothing that the household bought before is in the catalogue: there is no context"


def exposures(bought: Table, sampled: Table) -> Table:
    """Exposed purchases (weight 1) and the sample of exposed non-purchases: user_id, week, item_id, bought, weight."""
    columns = ("user_id", "week", "item_id", "bought", "weight")
    ones = bought.mutate(bought=True, weight=ibis.literal(1.0))
    zeros = sampled.mutate(bought=False)
    both = ones.select(*columns).union(zeros.select(*columns))
    return both.mutate(item_id=both.item_id.cast("string"))


def groups(exposed: Table, history: Table, splits: Mapping[str, tuple[int, int]], targets: Mapping[str, int]) -> Table:
    """Household-weeks for each split, whole, drawn by digest until their pairs would exceed the target.

    Args:
        exposed: as `exposures` gives it.
        history: user_id, week of the household-weeks that have a context.
        splits: first and last week of each split.
        targets: how many pairs each split may have.

    Returns:
        user_id, week, split.

    """
    known = exposed.semi_join(history, ["user_id", "week"])
    sizes = known.group_by("user_id", "week").agg(pairs=_.count())
    sizes = sizes.mutate(split=by_week(sizes.week, splits)).filter(_.split.notnull())
    return fill(sizes, ["user_id", "week"], engine.digest(sizes.user_id, sizes.week, salt="group"), targets)


def pairs(
    con: ibis.BaseBackend,
    purchases: Table,
    items: Table,
    exposed: Table,
    splits: Mapping[str, tuple[int, int]],
    targets: Mapping[str, int],
) -> Table:
    """The contract's `pairs`, and user_id and week, ordered by pair_id: one group is one household in one week.

    All exposed purchases of a chosen household-week are in, and those of its sampled non-purchases that the household
    does not buy later either, up to the last week of their split; what it buys after that is not looked at. `origin` is
    'sampled' for a non-purchase that was drawn at a rate below 1, else 'observed'. `event_time` is the beginning of the
    household's first trip of the week, when it could first have seen the product.

    A weight is the inverse of the rate at which its row was drawn, so leaving out what is bought later changes no
    other's: within a household-week, weighted sums of non-purchases are unbiased for the products that it was exposed
    to and buys neither that week nor later in the split (a domain of the sample; Horvitz and Thompson 1952). They no
    longer stand for all that was shown: the share of positives by weight is that of what was bought at once among what
    was bought at once or not at all.

    Args:
        con: the engine.
        purchases: user_id, item_id, week, timestamp.
        items: item_id, title, type_text.
        exposed: as `exposures` gives it.
        splits: first and last week of each split.
        targets: how many pairs each split may have.

    """
    trips = purchases.group_by("user_id", "week").agg(event_time=_.timestamp.min())
    chosen = engine.keep(con, "groups", groups(exposed, _before(purchases), splits, targets))
    context = engine.keep(con, "contexts", contexts(purchases, items, chosen))
    drawn = exposed.join(chosen, ["user_id", "week"])
    kept = drawn.anti_join(_bought_later(drawn, purchases, splits), KEY)
    shown = kept.join(context, ["user_id", "week"]).join(trips, ["user_id", "week"])
    told = shown.join(items.select("item_id", "title"), "item_id")
    group = told.user_id + "-" + told.week.cast("string").lpad(2, "0")
    return told.select(
        pair_id=group + "-" + told.item_id,
        group_id=group,
        context=told.context,
        candidate_id=told.item_id,
        candidate=told.title,
        label=told.bought.cast("int64"),
        weight=told.weight,
        origin=((told.weight > 1) & ~told.bought).ifelse("sampled", "observed"),
        split=told.split,
        event_time=told.event_time,
        user_id=told.user_id,
        week=told.week,
    ).order_by("pair_id")


def left_out(
    purchases: Table,
    items: Table,
    exposed: Table,
    splits: Mapping[str, tuple[int, int]],
    targets: Mapping[str, int],
) -> dict[str, int]:
    """Why exposed products make no pair in `pairs` of the same arguments, the first reason that applies → rows."""
    key = ["user_id", "week"]
    before = _before(purchases)
    chosen = groups(exposed, before, splits, targets)
    context = contexts(purchases, items, chosen)
    marks = {"past": before, "chosen": chosen.select(*key), "context": context.select(*key)}
    told = exposed.mutate(split=by_week(exposed.week, splits))
    for name, table in marks.items():
        told = told.left_join(table.mutate(**{name: True}), key).select(*told.columns, name)
    told = told.left_join(items.select("item_id", known=True), "item_id").select(*told.columns, "known")
    late = _bought_later(exposed.join(chosen, key), purchases, splits)
    told = told.left_join(late.mutate(late=True), KEY).select(*told.columns, "late")
    reason = ibis.cases(
        (told.split.isnull(), OUTSIDE),
        (told.past.isnull(), NO_PAST),
        (told.chosen.isnull(), BEYOND),
        (told.context.isnull(), UNTOLD),
        (told.known.isnull(), NO_PRODUCT),
        (told.late.notnull(), BOUGHT),
        else_=None,
    )
    counts = told.group_by(reason=reason).agg(rows=_.count()).filter(_.reason.notnull()).execute()
    return dict(zip(counts["reason"], counts["rows"], strict=True))


def _bought_later(drawn: Table, purchases: Table, splits: Mapping[str, tuple[int, int]]) -> Table:
    """user_id, week, item_id of the non-purchases that their household buys in a later week of the same split."""
    until = ibis.cases(*((drawn.split == name, last) for name, (_first, last) in splits.items()), else_=None)
    passed = drawn.filter(~drawn.bought).select(*KEY, until=until)
    later = purchases.select("user_id", "item_id", later=_.week)
    both = passed.join(later, ["user_id", "item_id", passed.week < later.later, later.later <= passed.until])
    return both.select(*KEY).distinct()


def _before(purchases: Table) -> Table:
    """user_id, week of the household-weeks with a trip, and another one in the `MEMORY` weeks before."""
    trips = purchases.select("user_id", "week").distinct()
    past = purchases.select("user_id", past_week=_.week).distinct()
    seen = trips.join(past, ["user_id", trips.week > past.past_week, trips.week <= past.past_week + MEMORY])
    return seen.select("user_id", "week").distinct()


def events(purchases: Table, bought: Table, sampled: Table) -> Table:
    """Purchases, marked with the channel that exposed them, and sampled impressions, as one table of events.

    Own columns beyond the contract: store_id, week, channel (display, mailer, both; null: never promoted to the
    household that week) and weight (1, or the inverse sampling rate of an impression).
    """
    marks = bought.select("user_id", "week", item_id=_.item_id.cast("string"), channel=channel(bought))
    marked = purchases.left_join(marks, KEY).mutate(weight=ibis.literal(1.0))
    trips = purchases.group_by("user_id", "week").agg(timestamp=_.timestamp.min())
    seen = sampled.join(trips, ["user_id", "week"])
    item, group = seen.item_id.cast("string"), seen.user_id + "-" + seen.week.cast("string")
    impressions = seen.select(
        "user_id", "week", "timestamp", "weight",
        event_id="i-" + group + "-" + item,
        item_id=item,
        event_type=ibis.literal("impression"),
        store_id=seen.store_id.cast("string"),
        channel=channel(seen),
    )  # fmt: skip
    own = ("store_id", "week", "channel", "weight")
    both = [conform(part, "events").select(*COLUMNS["events"], *own) for part in (marked, impressions)]
    return both[0].union(both[1]).order_by("user_id", "timestamp", "event_id")
