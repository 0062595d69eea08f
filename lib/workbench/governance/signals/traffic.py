"""Traffic that no customer makes: robots, click farms, clicks on one's own goods, bursts; and sessions cut anew.

A user is judged by his steps (lists he asked for, and what he did with products); impressions are the shop's doing.
Acts of one kind within one second are one step: the lines of an order, and the pages that a browser fetches ahead, make
no robot of anybody. Only users with enough steps are looked at closely, so that the heavy part works on few rows. What
counts as too much is taken from the log itself, above a floor that people hardly reach.
"""

from collections.abc import Mapping
from datetime import timedelta

import ibis
from ibis import _
from ibis.expr.types import FloatingValue, Table, TimestampValue, Value

from workbench.data import engine

INACTIVITY = timedelta(minutes=30)  # the convention of web analytics for the end of a session
STEPS = 20  # below it, neither rate nor rhythm can be told from chance
TOGETHER = 30.0  # seconds between impressions without a request that belong to one list: somebody scrolls
FAST = 2.0  # seconds: nobody looks at a list or a product and goes on in less, again and again
FAST_SHARE = 0.5  # share of a user's steps within FAST of the one before
EVEN = 0.15  # coefficient of variation of the pauses; people's is near 1, a timer's near 0
HOURS = 20  # different hours of one day with a step in each: people sleep
OVER_MEDIAN, OVER_HIGH = 50.0, 5.0  # times the median and the 99th percentile of all users' steps a day
MOST_A_DAY = 300  # steps of one user in one day that even a devoted customer hardly makes
BREADTH = 0.95  # share of different products among a user's clicks: a crawler looks at each once …
BREADTH_CLICKS = 100  # … of many
SAME_ITEM = 8  # clicks of one user on one product in one day
BURST, BURST_FACTOR = 15, 8.0  # clicks on one product in one hour: least, and times what its own hours have
A_DAY = {"list": 50, "click": 60, "cart": 25, "purchase": 10}  # of one user, more than people do
OPINIONS_A_DAY = 10  # the same of reviews, ratings, comments and shares
OVER_USUAL, ENOUGH_DAYS = 20.0, 100  # times the median day of all who do it, where so many days tell what is usual
RUSH = {"click": 40, "cart": 25, "purchase": 20}  # acts on one product in one day: least
RUSH_OPINIONS = 10
DEVOTED, DEVOTED_SHARE = 25, 0.3  # clicks of one user on one product over all days, and of all his clicks
DEVOTED_OPINIONS = 3  # opinions of one user on one product
GREEDY, GREEDY_CLICKS = 0.8, 20  # share of what a user was shown in a day that he clicked, and of how many clicks
FARM_SECONDS, FARM_STEPS = 300.0, 6  # half the time in which a farm clicks, and what each of its users does at most
SELF = ("click", "cart")  # what a seller or a rival does to a product again and again


def seconds(moment: TimestampValue) -> FloatingValue:
    """Seconds of the epoch with their microseconds; engines differ in whether `epoch_seconds` alone keeps these."""
    return moment.truncate("s").epoch_seconds().cast("float64") + moment.microsecond().cast("float64") / 1e6


def lists(events: Table) -> Table:
    """What users were shown at one request: user_id, request (its id, or else a number), timestamp, query.

    Impressions that name no request make a list where less than half a minute lies between them.

    And what tells one list from another: low and high (its first and last product by id), shown (products).
    """
    shows = events.filter((_.event_type == "impression") & _.user_id.notnull() & _.timestamp.notnull())
    columns = ("user_id", "request", "timestamp", "query", "item_id")
    named = shows.filter(_.request_id.notnull()).mutate(request=_.request_id)
    order = ibis.window(group_by="user_id", order_by=["timestamp", "item_id"])
    timed = shows.filter(_.request_id.isnull()).mutate(seconds=seconds(shows.timestamp))
    begins = timed.mutate(begins=(timed.seconds - timed.seconds.lag().over(order) > TOGETHER).fill_null(True))
    so_far = ibis.cumulative_window(group_by="user_id", order_by=["timestamp", "item_id"])
    numbered = begins.mutate(request=ibis.literal("#") + begins.begins.cast("int64").sum().over(so_far).cast("string"))
    asked = named.select(*columns).union(numbered.select(*columns)).group_by("user_id", "request")
    return asked.agg(timestamp=_.timestamp.min(), query=_.query.min(), low=_.item_id.min(), high=_.item_id.max(),
                     shown=_.count())  # fmt: skip


def steps(events: Table, asked: Table) -> Table:
    """What users did: user_id, timestamp, item_id, event_type; a list (see `lists`) counts once, with no item."""
    given = asked.mutate(item_id=ibis.null("string"), event_type=ibis.literal("list"))
    acts = events.filter((_.event_type != "impression") & _.user_id.notnull() & _.timestamp.notnull())
    columns = ["user_id", "timestamp", "item_id", "event_type"]
    return given.select(*columns).union(acts.select(*columns))


def all_of(con: ibis.BaseBackend, events: Table, done: Table, name: str) -> list[tuple[str, Table, tuple[str, ...]]]:
    """Suspects as (a word for their new columns, table, the columns that find their events).

    Args:
        con: the engine.
        events: the log.
        done: steps, as `steps` gives them.
        name: a word for the tables that are kept meanwhile.

    """
    crowds = engine.keep(con, f"{name}_bursts", bursts(done))
    return [
        ("robot", robots(con, done, f"{name}_robot_days"), ("user_id", "day")),
        ("greedy", greedy(events, done), ("user_id", "day")),
        ("burst", crowds, ("item_id", "hour")),
        ("farm", farms(done, crowds), ("user_id", "item_id")),
        ("rush", rushes(done), ("item_id", "event_type", "day")),
        ("devoted", devoted(done), ("user_id", "item_id", "event_type")),
        ("again", repeats(done), ("user_id", "item_id", "day")),
        ("often", frequent(done).rename(step="event_type"), ("user_id", "step", "day")),
    ]


def robots(con: ibis.BaseBackend, done: Table, name: str) -> Table:
    """Days on which users act like machines, kept under `name`.

    Judged by day, so that a machine that borrows a customer's name for an hour is found, and the customer's other
    days are not accused; an even rhythm of long pauses is looked for over all days: a slow machine may click hourly.

    Args:
        con: the engine.
        done: steps, as `steps` gives them.
        name: of the kept table.

    Returns:
        user_id, day and why: fast (pauses under two seconds), even (pauses alike), sleepless (20 hours of the day),
        heavy (far more steps than others make in a day), broad (many products, each clicked once).

    """
    dated = done.mutate(day=done.timestamp.date())
    grouped = dated.group_by("user_id", "day").agg(
        n=_.count(), hours=_.timestamp.hour().cast("int64").nunique(), clicks=(_.event_type == "click").sum()
    )
    days = engine.keep(con, f"{name}_days", grouped)
    bar = _volume(con, days)
    busy = dated.semi_join(days.filter(_.n >= STEPS), ["user_id", "day"])
    single = engine.keep(con, f"{name}_single", _singly(busy))
    rhythm = _pauses(single, ("user_id", "day"), 0.0, INACTIVITY.total_seconds())
    counted = single.group_by("user_id", "day").agg(steps=_.count())
    users = days.group_by("user_id").agg(n=_.n.sum(), most=_.n.max())
    slow = _pauses(
        dated.semi_join(users.filter(_.n >= STEPS), "user_id"), ("user_id",), INACTIVITY.total_seconds(), 86400.0
    )
    slow = slow.select("user_id", slow=(slow.inside >= STEPS - 1) & (slow.spread < EVEN * slow["mean"]))
    many = dated.filter(_.event_type == "click").semi_join(days.filter(_.clicks >= BREADTH_CLICKS), ["user_id", "day"])
    breadth = many.group_by("user_id", "day").agg(seen=_.count(), products=_.item_id.nunique())
    judged = days.left_join(rhythm, ["user_id", "day"]).drop("user_id_right", "day_right")
    judged = judged.left_join(counted, ["user_id", "day"]).drop("user_id_right", "day_right")
    judged = judged.left_join(slow, "user_id").drop("user_id_right")
    judged = judged.left_join(users, "user_id").drop("user_id_right", "n_right")
    judged = judged.left_join(breadth, ["user_id", "day"]).drop("user_id_right", "day_right")
    found = judged.select(
        "user_id", "day", "n",
        fast=((judged.pauses >= STEPS - 1) & (judged.quick >= FAST_SHARE * judged.pauses)).fill_null(False),
        even=((judged.inside >= STEPS - 1) & (judged.spread < EVEN * judged["mean"])).fill_null(False)
        | (judged.slow.fill_null(False) & (judged.n >= judged.most / 2)),
        sleepless=judged.hours >= HOURS,
        heavy=(judged.steps > bar).fill_null(False),
        broad=((judged.seen >= BREADTH_CLICKS) & (judged.products >= BREADTH * judged.seen)).fill_null(False),
    )  # fmt: skip
    flagged = found.fast | found.even | found.sleepless | found.heavy | found.broad
    return engine.keep(con, name, found.filter(flagged))


def _volume(con: ibis.BaseBackend, days: Table) -> float:
    """Steps of a user's day beyond which volume alone tells a machine."""
    usual = con.to_pandas(days.agg(middle=_.n.median(), high=_.n.quantile(0.99))).iloc[0].fillna(0).astype(float)
    return max(float(MOST_A_DAY), min(OVER_MEDIAN * usual["middle"], OVER_HIGH * usual["high"]))


def _singly(done: Table) -> Table:
    """Steps by user and day with the first of each kind and second only."""
    first = done.group_by("user_id", "day", "event_type", second=_.timestamp.truncate("s"))
    kept = first.agg(timestamp=_.timestamp.min(), item_id=_.item_id.min())
    return kept.select("user_id", "day", "timestamp", "item_id", "event_type")


def _pauses(done: Table, by: tuple[str, ...], shortest: float, longest: float) -> Table:
    """Pauses of `shortest` to `longest` seconds: how many, how many quick, and their rhythm by mean and spread.

    The rhythm is judged without the pauses above three times the median (`inside` is how many it rests on), so that
    a machine's nights do not hide it.
    """
    order = ibis.window(group_by=list(by), order_by=["timestamp", "event_type", "item_id"])
    ends = done.mutate(before=done.timestamp.lag().over(order))
    pause = ends.mutate(pause=seconds(ends.timestamp) - seconds(ends.before))
    pause = pause.filter(_.before.notnull() & _.pause.between(shortest, longest))
    middle = pause.filter(_.pause > 0).group_by(*by).agg(middle=_.pause.median())
    near = pause.left_join(middle, list(by)).drop(*(f"{column}_right" for column in by))
    inside = (near.pause > 0) & (near.pause <= 3 * near.middle)
    return near.group_by(*by).agg(
        pauses=near.count(), quick=(near.pause < FAST).sum(), inside=inside.sum(),
        mean=near.pause.mean(where=inside), spread=near.pause.std(where=inside, how="pop"),
    )  # fmt: skip


def repeats(done: Table) -> Table:
    """Users who click one product again and again in one day: user_id, item_id, day, times."""
    chosen = done.filter(_.event_type.isin(SELF) & _.item_id.notnull())
    counted = chosen.group_by("user_id", "item_id", day=_.timestamp.date()).agg(times=_.count())
    return counted.filter(_.times >= SAME_ITEM)


def bursts(done: Table) -> Table:
    """Hours in which one product is clicked far more than in its other hours: item_id, hour (begins), clicks, users."""
    clicks = done.filter((_.event_type == "click") & _.item_id.notnull())
    hours = clicks.group_by("item_id", hour=_.timestamp.truncate("h")).agg(clicks=_.count())
    usual = hours.group_by("item_id").agg(total=_.clicks.sum(), most=_.clicks.max(), active=_.count(),
                                          first=_.hour.min(), last=_.hour.max())  # fmt: skip
    both = hours.join(usual.filter(_.most >= BURST), "item_id")
    span = (both["last"].epoch_seconds().cast("float64") - both["first"].epoch_seconds().cast("float64")) / 3600
    rest = (both.total - both.clicks) / ibis.greatest(both.active - 1, span, 1)  # an hour's clicks without this one
    floor = BURST_FACTOR * rest + 5 * rest.sqrt()
    return both.filter((both.clicks >= BURST) & (both.clicks > floor)).select("item_id", "hour", "clicks")


def farms(done: Table, found: Table) -> Table:
    """Users who come for one burst and hardly do anything else: user_id, item_id, n (their steps).

    A farm is at least BURST users within minutes, each with few steps in the whole log, whose acts are all on the one
    product. Customers who happen to click the product at that time have a past or a future, and are not named.

    Args:
        done: steps, as `steps` gives them.
        found: bursts, as `bursts` gives them.

    """
    clicks = done.filter(_.event_type == "click").mutate(hour=_.timestamp.truncate("h"))
    clicks = clicks.semi_join(found, ["item_id", "hour"])
    lives = done.semi_join(clicks, "user_id").group_by("user_id").agg(n=_.count(), products=_.item_id.nunique())
    brief = clicks.join(lives.filter((_.n <= FARM_STEPS) & (_.products == 1)), "user_id")
    first = brief.group_by("user_id", "item_id").agg(n=_.n.max(), seconds=_.timestamp.min().epoch_seconds())
    first = first.mutate(seconds=_.seconds.cast("float64"))
    near = ibis.range_window(preceding=FARM_SECONDS, following=FARM_SECONDS, group_by="item_id", order_by="seconds")
    return first.mutate(others=first.count().over(near)).filter(_.others >= BURST).select("user_id", "item_id", "n")


def rushes(done: Table) -> Table:
    """Days on which one product gets far more of one act than on its others: item_id, event_type, day, n."""
    chosen = done.filter(_.item_id.notnull() & (_.event_type != "list"))
    days = chosen.group_by("item_id", "event_type", day=_.timestamp.date()).agg(n=_.count())
    least = _least(days, RUSH, RUSH_OPINIONS)
    usual = days.group_by("item_id", "event_type").agg(total=_.n.sum(), first=_.day.min(), last=_.day.max())
    both = days.filter(days.n >= least).join(usual, ["item_id", "event_type"])
    span = (both["last"].cast("timestamp").epoch_seconds() - both["first"].cast("timestamp").epoch_seconds()) / 86400.0
    rest = (both.total - both.n) / ibis.greatest(span, 1)
    return both.filter(both.n > BURST_FACTOR * rest + 5 * rest.sqrt()).select("item_id", "event_type", "day", "n")


def devoted(done: Table) -> Table:
    """Users who come back to one product beyond all measure, however slowly: user_id, item_id, event_type, n."""
    chosen = done.filter(_.item_id.notnull() & (_.event_type != "list") & (_.event_type != "purchase"))
    pairs = chosen.group_by("user_id", "item_id", "event_type").agg(n=_.count())
    large = pairs.filter(pairs.n >= _least(pairs, dict.fromkeys(SELF, DEVOTED), DEVOTED_OPINIONS))
    own = chosen.semi_join(large, "user_id").group_by("user_id", "event_type").agg(total=_.count())
    both = large.join(own, ["user_id", "event_type"])
    kept = both.filter(~both.event_type.isin(SELF) | (both.n >= DEVOTED_SHARE * both.total))
    return kept.select("user_id", "item_id", "event_type", "n")


def greedy(events: Table, done: Table) -> Table:
    """Days on which a user clicks nearly all products that he is shown: user_id, day, clicks, shown (products).

    A product clicked again and again counts once: that is another habit, which `repeats` finds. So do the clicks of one
    second. Who clicks what no impression shows is not judged: there, not all impressions were logged.
    """
    clicks = done.filter(_.event_type == "click").mutate(day=_.timestamp.date())
    dated = clicks.group_by("user_id", "day")
    dated = dated.agg(clicks=_.item_id.nunique(), seconds=_.timestamp.truncate("s").nunique())
    many = dated.filter(ibis.least(dated.clicks, dated.seconds) >= GREEDY_CLICKS).drop("seconds")
    shows = events.filter((_.event_type == "impression") & _.timestamp.notnull()).semi_join(many, "user_id")
    shown = shows.select("user_id", "item_id", day=_.timestamp.date()).distinct()
    taken = clicks.semi_join(many, ["user_id", "day"]).select("user_id", "item_id", "day").distinct()
    told = shown.left_join(taken.mutate(taken=True), ["user_id", "item_id", "day"])
    both = many.join(told.group_by("user_id", "day").agg(shown=_.count(), hits=_.taken.sum()), ["user_id", "day"])
    greedy_ones = (both.hits >= GREEDY * both.shown) & (both.hits >= GREEDY * both.clicks)
    return both.filter(greedy_ones).select("user_id", "day", "clicks", "shown")


def frequent(done: Table) -> Table:
    """Users who do one thing in a day far more often than people do: user_id, day, event_type, n.

    Clicks count by product: one that is clicked again and again is found by `repeats`, and the day's others are sound.
    """
    counted = done.group_by("user_id", "event_type", day=_.timestamp.date()).agg(
        times=_.timestamp.nunique(), all=_.count(),
        products=ibis.coalesce(done.item_id, done.timestamp.cast("string")).nunique(),
    )  # fmt: skip
    once = ibis.cases(
        (counted.event_type == "purchase", counted.times),  # an order's lines share a moment
        (counted.event_type == "click", counted.products),
        else_=counted["all"],
    )
    counted = counted.select("user_id", "event_type", "day", n=once)
    usual = counted.group_by("event_type").agg(middle=_.n.median(), days=_.count())
    both = counted.join(usual, "event_type")
    high = (both.days >= ENOUGH_DAYS).ifelse(OVER_USUAL * both.middle, 0.0)
    most = ibis.greatest(_least(both, A_DAY, OPINIONS_A_DAY).cast("float64"), high)
    return both.filter(both.n >= most).select("user_id", "day", "event_type", "n")


def _least(table: Table, bars: Mapping[str, int], other: int) -> Value:
    return ibis.cases(*[(table.event_type == kind, bar) for kind, bar in bars.items()], else_=other)


def parts(events: Table, inactivity: timedelta = INACTIVITY) -> Table:
    """Sessions that a pause splits: session_id, begins, ends, number (from 1), largest (keeps the session's id).

    Only sessions that last longer than the pause are put in order, which are few. Ratings, reviews and shares come
    days later under the session of the visit in many logs, and are left alone; so are events that bear a date without
    an hour, and sessions of several users, whose pauses are nobody's.
    """
    visits = events.filter(
        _.session_id.notnull() & _.timestamp.notnull() & (_.timestamp != _.timestamp.truncate("D"))
        & ~_.event_type.isin(["rating", "review", "share", "comment"])
    )  # fmt: skip
    spans = visits.group_by("session_id").agg(
        begins=_.timestamp.min(), ends=_.timestamp.max(), low=_.user_id.min(), high=_.user_id.max()
    )
    long = spans.filter(
        (spans.low == spans.high).fill_null(True),
        spans.ends.epoch_seconds().cast("float64") - spans.begins.epoch_seconds().cast("float64")
        > inactivity.total_seconds(),
    )
    times = visits.semi_join(long, "session_id").group_by("session_id", "timestamp").agg(n=_.count())
    order = ibis.window(group_by="session_id", order_by="timestamp")
    gaps = times.mutate(before=times.timestamp.lag().over(order))
    pause = gaps.timestamp.epoch_seconds().cast("float64") - gaps.before.epoch_seconds().cast("float64")
    cut = gaps.mutate(new=(pause > inactivity.total_seconds()).fill_null(False).cast("int64"))
    numbered = cut.mutate(
        number=cut.new.sum().over(ibis.cumulative_window(group_by="session_id", order_by="timestamp")) + 1
    )
    found = numbered.group_by("session_id", "number").agg(begins=_.timestamp.min(), ends=_.timestamp.max(), n=_.n.sum())
    ranked = found.mutate(
        rank=ibis.row_number().over(ibis.window(group_by="session_id", order_by=[found.n.desc(), found.number])),
        of=found.count().over(ibis.window(group_by="session_id")),
    )
    return ranked.filter(ranked.of > 1).select("session_id", "begins", "ends", "number", largest=ranked["rank"] == 0)
