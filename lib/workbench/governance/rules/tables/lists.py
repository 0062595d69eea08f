"""What goes wrong with the lists that a shop shows: positions that skip, two times, one page loaded twice, and searches
that nobody sent off.

Each is a fault only where it is seldom: a log of what came into view has holes everywhere, and one that follows the
scrolling shows each list at many times.
"""

import ibis
from ibis import _
from ibis.expr.types import Table

from workbench.data import engine
from workbench.governance.quality import Rule
from workbench.governance.rules.suspects import seldom
from workbench.governance.rules.tables.event_rules import is_type, rule
from workbench.governance.signals.traffic import FAST, seconds

DELIVERED = 10.0  # seconds within which the products of one page are shown
LIST_END = 1000  # nobody scrolls so far; a larger position is another number
ALIKE = 3  # products from which two equal lists are no coincidence: two banners may well be the same


def suspects(con: ibis.BaseBackend, requests: Table, lists: Table, name: str) -> Table:
    """Lists with something wrong.

    Args:
        con: the engine.
        requests: as `rules.suspects.requests` gives them.
        lists: as `traffic.lists` gives them.
        name: a word for the tables that are kept meanwhile.

    Returns:
        request_id; gap, the first position that the list skips, or null; split, if it was shown at two times; reloaded,
        if the same user was shown the same list under another request just before; typed, if its query is the beginning
        of the one that the user sent just after.

    """
    nothing = {"gap": ibis.null("int64"), **dict.fromkeys(("split", "reloaded", "typed"), ibis.literal(False))}
    shown = requests.filter(_.shown > 1)
    gaps, split = shown.filter(_.gap.notnull()), shown.filter(_.shown_to - _.shown_from > DELIVERED)
    found = [
        gaps.filter(seldom(con, gaps, shown)).select("request_id", **nothing | {"gap": gaps.gap}),
        split.filter(seldom(con, split, shown)).select("request_id", **nothing | {"split": ibis.literal(True)}),
    ]
    days = lists.mutate(day=_.timestamp.date(), seconds=seconds(lists.timestamp))
    quick = engine.keep(con, f"{name}_quick", _quick(days))
    judged = (("reloaded", _reloaded(quick), days.filter(_.shown >= ALIKE)),
              ("typed", _typed(quick), days.filter(_.query.notnull())))  # fmt: skip
    for word, odd, usual in judged:
        kept = engine.keep(con, f"{name}_{word}", odd.select("request", "user_id", "day"))
        own = kept.filter(seldom(con, _user_days(kept), _user_days(usual)))
        found.append(own.select(request_id=own.request, **nothing | {word: ibis.literal(True)}))
    whole = ibis.union(*found).group_by("request_id")
    return whole.agg(gap=_.gap.min(), split=_.split.any(), reloaded=_.reloaded.any(), typed=_.typed.any())


def _user_days(lists: Table) -> Table:
    """One visitor who does nothing else makes no custom: users and days, however many lists each has."""
    return lists.select("user_id", "day").distinct()


def _quick(lists: Table) -> Table:
    """Lists that follow another of the same user, or are followed by one, sooner than a person goes on."""
    order = ibis.window(group_by="user_id", order_by=["seconds", "request"])
    pauses = lists.mutate(
        since=lists.seconds - lists.seconds.lag().over(order), until=lists.seconds.lead().over(order) - lists.seconds
    )
    return pauses.filter((_.since <= FAST) | (_.until <= FAST)).drop("since", "until")


def _reloaded(quick: Table) -> Table:
    """Lists of the same products for the same query as one just before."""
    content = ["user_id", "query", "low", "high", "shown"]
    order = ibis.window(group_by=content, order_by=["seconds", "request"])
    several = quick.filter((_.shown >= ALIKE) & (_.low != _.high))
    return several.mutate(since=_.seconds - _.seconds.lag().over(order)).filter(_.since <= FAST)


def _typed(quick: Table) -> Table:
    """Lists for what was typed so far: the user's next query, just after, goes on from it."""
    order = ibis.window(group_by="user_id", order_by=["seconds", "request"])
    asked = quick.filter(_.query.notnull()).mutate(text=_.query.strip().lower())
    following = asked.mutate(
        later=asked.text.lead().over(order), until=asked.seconds.lead().over(order) - asked.seconds
    )
    grows = following.later.startswith(following.text) & (following.later.length() > following.text.length())
    return following.filter((_.until <= FAST) & grows & (_.text != ""))


RULES: tuple[Rule, ...] = (
    rule("one product twice in one list", "uniqueness",
         lambda t, _: is_type(t, "impression") & t.shown_odd.fill_null(False), "request_id item_id",
         severity="medium"),
    rule("one position twice in one list", "uniqueness",
         lambda t, _: is_type(t, "impression") & t.place_odd.fill_null(False), "request_id position",
         severity="medium"),
    rule("position after one that its list skips", "completeness", lambda t, _: t.position > t.list_gap,
         "request_id position"),
    rule("list shown at two times", "timeliness",
         lambda t, _: is_type(t, "impression") & t.list_split.fill_null(False), "timestamp request_id",
         severity="low"),
    rule("same list loaded twice within seconds", "uniqueness",
         lambda t, _: is_type(t, "impression") & t.list_reloaded.fill_null(False), "request_id"),
    rule("query is the beginning of the next one, sent before it was typed out", "accuracy",
         lambda t, _: t.list_typed.fill_null(False), "query request_id"),
    rule("act on a product that its list did not show", "consistency",
         lambda t, _: ~is_type(t, "impression") & t.unshown_not_shown.fill_null(False), "request_id item_id",
         severity="medium"),
    rule("act of a request that showed no list", "consistency",
         lambda t, _: ~is_type(t, "impression") & t.unshown_listless.fill_null(False), "request_id",
         severity="medium"),
    rule("act at another position than its list shows", "consistency",
         lambda t, _: ~is_type(t, "impression") & t.unshown_elsewhere.fill_null(False) & t.position.notnull(),
         "position"),
    rule("position below 1 or beyond any list", "accuracy",
         lambda t, _: (t.position < 1) | (t.position > ibis.least(t.position_end, LIST_END)), "position",
         severity="medium"),
)  # fmt: skip
