"""What goes wrong with the order and the moments of what people do: steps in a wrong order, steps at one instant that
take time, and opinions of many that were stamped together.

A moment that many events share is a fault only where it is seldom: a log of mere dates has no others.
"""

import ibis
from ibis import _
from ibis.expr.types import BooleanValue, Table, Value

from workbench.data import engine
from workbench.governance.quality import Rule
from workbench.governance.rules.strings import guarded
from workbench.governance.rules.suspects import SELDOM, STEPS, Found, seldom
from workbench.governance.rules.tables.event_rules import is_type, rule
from workbench.governance.signals.traffic import seconds

OPINIONS = ("rating", "review", "comment")
TOGETHER = 4  # users whose opinions bear one moment, at least …
OVER_USUAL = 3  # … and times what all but a twentieth of the moments have
PREFETCHED, PREFETCH_SECONDS = 3, 0.5  # products that nobody clicks so soon, one after the other
VISIT_SECONDS = 3 * 3600.0  # hardly any visit lasts longer


def suspects(con: ibis.BaseBackend, visits: Table, done: Table, name: str) -> list[Found]:
    """Suspects as (a word for their new columns, table, the columns that find their events).

    Args:
        con: the engine.
        visits: as `rules.suspects.visits` gives them.
        done: as `traffic.steps` gives them.
        name: a word for the tables that are kept meanwhile.

    """
    varied = visits.filter(_.varied)
    instant = varied.filter(_.begins == _.ends)
    return [
        ("instant", instant.filter(seldom(con, instant, varied)).select("session_id"), ("session_id",)),
        ("together", _together(con, done, f"{name}_moments"), ("timestamp",)),
        ("prefetched", _prefetched(con, done, f"{name}_prefetched"), ("user_id", "timestamp")),
    ]


def _together(con: ibis.BaseBackend, done: Table, name: str) -> Table:
    """Moments that opinions of more users bear than chance and the log's habit explain: timestamp."""
    said = done.filter(_.event_type.isin(OPINIONS)).group_by("timestamp").agg(users=_.user_id.nunique())
    moments = engine.keep(con, name, said)
    usual = con.to_pandas(moments.agg(users=_.users.quantile(1 - SELDOM))).iloc[0, 0]
    bar = TOGETHER if usual is None or usual != usual else max(TOGETHER, OVER_USUAL * float(usual))
    return moments.filter(_.users >= bar).select("timestamp")


def _prefetched(con: ibis.BaseBackend, done: Table, name: str) -> Table:
    """Clicks of a user on several products within a moment: user_id, timestamp."""
    clicks = done.filter((_.event_type == "click") & _.item_id.notnull()).mutate(second=_.timestamp.truncate("s"))
    crowded = clicks.group_by("user_id", "second").agg(low=_.item_id.min(), high=_.item_id.max())
    near = clicks.semi_join(crowded.filter(_.low != _.high), ["user_id", "second"])
    each = near.group_by("user_id", "item_id", "second").agg(timestamp=_.timestamp.min())
    each = each.mutate(seconds=seconds(each.timestamp))
    around = ibis.range_window(
        preceding=PREFETCH_SECONDS, following=PREFETCH_SECONDS, group_by="user_id", order_by="seconds"
    )
    found = each.mutate(products=each.count().over(around)).filter(_.products >= PREFETCHED)
    kept = engine.keep(con, name, found.select("user_id", "timestamp").distinct())
    return kept.filter(seldom(con, _days(kept), _days(clicks)))


def _days(done: Table) -> Table:
    """Users and days, however much each did on one: a single user makes no custom."""
    return done.select("user_id", day=done.timestamp.date()).distinct()


def _just_before(t: Table, moment: Value) -> BooleanValue:
    """Whether an event comes before this moment of one visit; further apart, one is misdated, and it may be either."""
    ahead = moment.epoch_seconds().cast("float64") - t.timestamp.epoch_seconds().cast("float64")
    return (t.timestamp < moment) & (ahead < VISIT_SECONDS)


def _just_after(t: Table, moment: Value) -> BooleanValue:
    """The same for an event that comes after this moment."""
    behind = t.timestamp.epoch_seconds().cast("float64") - moment.epoch_seconds().cast("float64")
    return (t.timestamp > moment) & (behind < VISIT_SECONDS)


RULES: tuple[Rule, ...] = (
    rule("cart before the click, or purchase before the cart or click", "timeliness",
         lambda t, _: guarded(t, "sequence_odd", (
             is_type(t, "cart") & t.sequence_early_cart & _just_before(t, t.sequence_click_at)) | (
             is_type(t, "purchase")
             & (_just_before(t, t.sequence_cart_at) | _just_before(t, t.sequence_click_at)))),
         "timestamp session_id", severity="medium"),
    rule("cart after the purchase", "timeliness",
         lambda t, _: is_type(t, "cart") & t.sequence_late_cart.fill_null(False)
         & _just_after(t, t.sequence_purchase_at), "timestamp session_id"),
    rule("purchase that no click or cart precedes", "consistency",
         lambda t, _: is_type(t, "purchase") & t.sequence_lonely.fill_null(False), "session_id item_id",
         severity="low"),
    rule("cart that no click precedes", "consistency",
         lambda t, _: is_type(t, "cart") & t.sequence_lonely_cart.fill_null(False), "session_id item_id",
         severity="low"),
    rule("session whose steps all bear one moment", "timeliness",
         lambda t, _: is_type(t, *STEPS) & t.instant_odd.fill_null(False), "timestamp session_id"),
    rule("opinions of many users at one moment", "timeliness",
         lambda t, _: is_type(t, *OPINIONS) & t.together_odd.fill_null(False), "timestamp"),
    rule("several products clicked at once", "accuracy",
         lambda t, _: is_type(t, "click") & t.prefetched_odd.fill_null(False), "timestamp item_id"),
)  # fmt: skip
