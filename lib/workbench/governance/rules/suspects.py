"""Groups of events that cannot be right: requests, sessions and orders of two people, lists that repeat themselves,
acts without a list, acts in the wrong order, the same act or the same words twice.

Each gives suspects only, with the columns that they are found by.
"""

import ibis
from ibis import _
from ibis.expr.types import BooleanScalar, IntegerValue, StringValue, Table

from workbench.data import engine
from workbench.governance.rules import strings, wordless
from workbench.governance.signals.traffic import seconds

SAME_TEXT = 3  # users who write the same words, at least
SAME_COMMENT = 6  # questions under a product are short and much alike
TEXT_LENGTH = 12  # characters below which many people write the same: "Great!"
PLACES = 50  # positions that fit, one bit each, into a float's whole numbers
SELDOM = 0.05  # share up to which acts without what should precede them are against the log's custom
STEPS = ("impression", "click", "cart", "purchase")  # of a visit; an opinion may come days later
ONCE = ("purchase", "rating", "review", "comment")  # a user does this with a product once in an hour
ENCORE_SECONDS, DOUBLE_SECONDS = 3600.0, 2.0
ORDER_SECONDS = 3600  # the lines of one order are written at one moment
SHARE_SECONDS = 86_400  # a list is worked through on the day it was shown
PART = r"#[0-9]+$"  # what a session that goes on after a silence is named by
Found = tuple[str, Table, tuple[str, ...]]


def all_of(con: ibis.BaseBackend, events: Table, asked: Table, sessions: Table, name: str) -> list[Found]:
    """Suspects as (a word for their new columns, table, the columns that find their events).

    Args:
        con: the engine.
        events: with `visit` (see below) and `said`, the text `folded`.
        asked: as `requests` gives them.
        sessions: as `visits` gives them.
        name: a word for the tables that are kept meanwhile.

    """
    shows, acts = events.filter(_.event_type == "impression"), events.filter(_.event_type != "impression")
    listed = shows.filter(_.request_id.notnull() & _.item_id.notnull())
    twice = listed.group_by("request_id", "item_id").agg(n=_.count()).filter(_.n > 1)
    crowded = shows.semi_join(asked.filter(_.crowded), "request_id")
    places = crowded.group_by("request_id", "position").agg(n=_.count()).filter(_.n > 1)
    found: list[Found] = [("shown", twice, ("request_id", "item_id")), ("place", places, ("request_id", "position"))]
    for column in ("user_id", "visit", "query"):
        mixed = asked.filter(asked[f"mixed_{column}"]).select("request_id")
        found.append((f"request_{column}", _main(events, mixed, "request_id", column), ("request_id",)))
    shared = sessions.filter(_.shared).select("session_id")
    found.append(("session_user_id", _main(events, shared, "session_id", "user_id"), ("session_id",)))
    found.append(("request_times", _moments(events, asked.filter(_.ends - _.begins > SHARE_SECONDS)),
                  ("request_id",)))  # fmt: skip
    lines = acts.filter(_.order_id.notnull() & (_.event_type == "purchase"))
    for column in ("user_id", "currency", "visit"):
        spans = lines.group_by("order_id").agg(low=lines[column].min(), high=lines[column].max())
        mixed = spans.filter(spans.low != spans.high).select("order_id")
        found.append((f"order_{column}", _main(lines, mixed, "order_id", column), ("order_id",)))
    times = lines.group_by("order_id").agg(
        low=_.timestamp.epoch_seconds().cast("float64").min(), high=_.timestamp.epoch_seconds().cast("float64").max(),
        middle=_.timestamp.epoch_seconds().cast("float64").median(), n=_.count(),
    )  # fmt: skip
    found.append(
        ("order_times", times.filter(_.high - _.low > ORDER_SECONDS).select("order_id", "middle", "n"), ("order_id",))
    )
    found.append(("unshown", _unshown(con, shows, acts, f"{name}_lists"), ("request_id", "item_id")))
    found.append(("sequence", _sequences(con, acts, f"{name}_sequences"), ("visit", "item_id")))
    found.append(("early", _early(con, acts, f"{name}_opinions"), ("user_id", "item_id")))
    found.append(("words", _words(con, acts), ("said",)))
    found.append(("gibberish", wordless.gibberish(con, acts, f"{name}_wordless"), ("text",)))
    queries = events.filter(_.query.notnull()).select("query").distinct()
    queries = engine.keep(con, f"{name}_queries", queries)  # else engines judge that of each event first
    found.append(("query", queries.filter(strings.odd(queries.query)), ("query",)))
    return found


def doubles(events: Table) -> list[Found]:
    """Acts that were written twice: in two seconds, or, where once is enough, in one hour.

    The later one is named, and both where they bear one moment. A date without an hour says nothing of that.
    """
    acts = events.filter((_.event_type != "impression") & _.user_id.notnull() & _.item_id.notnull())
    acts = acts.filter(_.timestamp != _.timestamp.truncate("D"))
    keys = ("user_id", "item_id", "event_type")
    order = ibis.window(group_by=keys, order_by="timestamp")
    timed = acts.select(*keys, "timestamp", seconds=seconds(acts.timestamp))
    pauses = timed.mutate(pause=timed.seconds - timed.seconds.lag().over(order)).filter(_.pause <= ENCORE_SECONDS)
    found = pauses.group_by(*keys, "timestamp").agg(pause=_.pause.min())
    encore = found.filter(_.event_type.isin(ONCE))
    return [
        ("double", found.filter(_.pause <= DOUBLE_SECONDS), (*keys, "timestamp")),
        ("encore", encore, (*keys, "timestamp")),
    ]


def requests(events: Table) -> Table:
    """Requests that show a list or have something wrong, in one pass.

    Returns:
        request_id, begins, ends (seconds of the epoch); shown (products), shown_from, shown_to (seconds); crowded (a
        position twice), mixed_user_id, mixed_visit, mixed_query; gap, the first position that the list skips, or null.

    """
    shows = events.event_type == "impression"
    fits = shows & events.position.between(1, PLACES)
    bit = ibis.literal(2.0) ** ibis.greatest(ibis.least(events.position, PLACES), 1)
    given = events.mutate(
        shows=shows, bit=fits.ifelse(bit.cast("int64"), 0), seconds=events.timestamp.epoch_seconds().cast("float64")
    )
    grouped = given.filter(_.request_id.notnull()).group_by("request_id").agg(
        bits=_.bit.bit_or(), total=_.bit.cast("float64").sum(), begins=_.seconds.min(), ends=_.seconds.max(),
        shown=_.shows.sum(), shown_from=_.seconds.min(where=_.shows), shown_to=_.seconds.max(where=_.shows),
        **{f"low_{column}": given[column].min() for column in ("user_id", "visit", "query")},
        **{f"high_{column}": given[column].max() for column in ("user_id", "visit", "query")},
    )  # fmt: skip
    mixed = {
        f"mixed_{column}": (grouped[f"low_{column}"] != grouped[f"high_{column}"]).fill_null(False)
        for column in ("user_id", "visit", "query")
    }
    judged = grouped.select(
        "request_id", "begins", "ends", "shown", "shown_from", "shown_to",
        crowded=grouped.total > grouped.bits.cast("float64"), gap=_gap(grouped.bits), **mixed
    )  # fmt: skip
    late = judged.ends - judged.begins > SHARE_SECONDS
    wrong = judged.crowded | judged.mixed_user_id | judged.mixed_visit | judged.mixed_query | late
    return judged.filter(wrong | (judged.shown > 1))


def _gap(bits: IntegerValue) -> IntegerValue:
    """The first place without a bit between two that have one, or null."""
    beyond = bits + (bits & -bits)  # carries the lowest run of bits on to the first place after it
    gap = (beyond & -beyond).cast("float64").log2().round().cast("int64")
    return ((bits & beyond) != 0).ifelse(gap, ibis.null("int64"))


def visits(events: Table) -> Table:
    """Sessions that two users share, or in which steps of several kinds were taken one after another.

    Returns:
        session_id; shared (two users), varied (at least two lists or two acts, and of different kinds); begins, ends
        (of its steps).

    """
    given = events.mutate(shows=events.event_type == "impression", step=events.event_type.isin(STEPS)).filter(
        _.session_id.notnull()
    )
    grouped = given.group_by("session_id").agg(
        low=_.user_id.min(), high=_.user_id.max(), kind=_.event_type.min(where=_.step),
        other=_.event_type.max(where=_.step), acts=(_.step & ~_.shows).sum(),
        first=_.request_id.min(where=_.shows), last=_.request_id.max(where=_.shows),
        begins=_.timestamp.min(where=_.step), ends=_.timestamp.max(where=_.step),
    )  # fmt: skip
    judged = grouped.select(
        "session_id", "begins", "ends", shared=(grouped.low != grouped.high).fill_null(False),
        varied=(grouped.kind != grouped.other).fill_null(False)
        & ((grouped.acts > 1) | (grouped["first"] != grouped["last"]).fill_null(False)),
    )  # fmt: skip
    return judged.filter(judged.shared | judged.varied)


def seldom(con: ibis.BaseBackend, odd: Table, usual: Table) -> BooleanScalar:
    """Whether so few rows are odd among the usual ones that they are at fault, and are not the log's way."""
    few = int(con.to_pandas(odd.agg(n=odd.count())).iloc[0, 0])
    return ibis.literal(not few or few <= SELDOM * int(con.to_pandas(usual.agg(n=usual.count())).iloc[0, 0]))


def visit(session: StringValue) -> StringValue:
    """A session without the number of the part that it got when it was cut: cutting puts nothing into two of them."""
    return session.contains("#").ifelse(session.re_replace(PART, ""), session)  # looking for a sign costs little


def folded(text: StringValue) -> StringValue:
    """What a text says, whatever its case, spaces and signs, so that tidying it makes it no more like another's."""
    return text.lower().re_replace(r"[\s\p{P}\p{C}]+", " ").strip()


def _main(events: Table, groups: Table, group: str, column: str) -> Table:
    """The value that most events of each group have; null where two are equally common."""
    counted = events.semi_join(groups, group).filter(_[column].notnull()).group_by(group, column).agg(n=_.count())
    most = counted.group_by(group).agg(most=_.n.max())
    top = counted.join(most, group).filter(_.n == _.most).group_by(group).agg(main=_[column].min(), ties=_.count())
    return top.select(group, main=(top.ties == 1).ifelse(top.main, ibis.null("string")))


def _moments(events: Table, late: Table) -> Table:
    """When each of these requests was made: the median of what was shown, or else of all; a stray cannot move it."""
    seconds = events.semi_join(late, "request_id").mutate(seconds=_.timestamp.epoch_seconds().cast("float64"))
    medians = seconds.group_by("request_id").agg(
        shown=_.seconds.median(where=_.event_type == "impression"), done=_.seconds.median()
    )
    return medians.select("request_id", middle=ibis.coalesce(medians.shown, medians.done))


def _unshown(con: ibis.BaseBackend, shows: Table, acts: Table, name: str) -> Table:
    """Acts that their request's list does not bear out.

    Returns:
        request_id, item_id; not_shown (the list lacks the product), listless (against the log's custom, the request
        has no list), elsewhere (the list shows the product at another position), shown_at (the list is younger).

    """
    done = acts.filter(_.request_id.notnull() & _.item_id.notnull())
    pairs = done.group_by("request_id", "item_id").agg(
        first=_.timestamp.min(), place=_.position.min(), session=_.session_id.min()
    )
    listed = shows.filter(_.request_id.notnull() & _.item_id.notnull()).semi_join(pairs, ["request_id", "item_id"])
    at = listed.group_by("request_id", "item_id").agg(
        shown_at=_.timestamp.min(), low=_.position.min(), high=_.position.max()
    )
    asked = pairs.group_by("request_id").agg(session=_.session.min())
    lists = shows.semi_join(asked, "request_id").select("request_id").distinct().mutate(has_list=True)
    lists = engine.keep(con, name, lists)
    listless = asked.left_join(lists, "request_id").group_by(session=ibis.coalesce(asked.session, asked.request_id))
    share = con.to_pandas(listless.agg(any=_.has_list.isnull().any()).agg(share=_["any"].mean())).iloc[0, 0]
    custom = ibis.literal(bool(share is not None and share <= SELDOM))
    both = pairs.left_join(at, ["request_id", "item_id"]).drop("request_id_right", "item_id_right")
    both = both.left_join(lists, "request_id").drop("request_id_right")
    has_list = both.has_list.fill_null(False)
    judged = both.mutate(
        not_shown=both.shown_at.isnull() & has_list, listless=~has_list & custom,
        elsewhere=((both.low == both.high) & (both.place != both.low)).fill_null(False),
    )  # fmt: skip
    wrong = judged.not_shown | judged.listless | judged.elsewhere | (judged["first"] < judged.shown_at)
    return judged.filter(wrong).select("request_id", "item_id", "not_shown", "listless", "elsewhere", "shown_at")


def _sequences(con: ibis.BaseBackend, acts: Table, name: str) -> Table:
    """Products that a session takes in a wrong order, or without the step before where that is against custom.

    Returns:
        visit, item_id, click_at, cart_at, purchase_at; lonely (bought, but neither clicked nor put into the
        cart), lonely_cart (put into the cart, but not clicked), late_cart (put into the cart only after it was bought),
        early_cart (put there before it was clicked, as from a list where that is no custom).

    """
    done = acts.filter(_.session_id.notnull() & _.item_id.notnull() & _.event_type.isin(STEPS[1:]))
    times = done.group_by("visit", "item_id").agg(
        **{f"{kind}_at": _.timestamp.min(where=_.event_type == kind) for kind in ("click", "cart", "purchase")}
    )
    wrong = (
        (times.cart_at < times.click_at) | (times.purchase_at < times.cart_at) | (times.purchase_at < times.click_at)
    )
    bare = times.click_at.isnull()
    judged = times.mutate(
        lonely=times.purchase_at.notnull() & bare & times.cart_at.isnull(),
        lonely_cart=times.cart_at.notnull() & bare, late_cart=(times.cart_at > times.purchase_at).fill_null(False),
        early_cart=(times.cart_at < times.click_at).fill_null(False),
        wrong=wrong.fill_null(False),
    )  # fmt: skip
    kept = engine.keep(con, name, judged.filter(judged.wrong | judged.purchase_at.notnull() | judged.cart_at.notnull()))
    by_visit = kept.group_by("visit").agg(  # one visitor who does nothing else makes no custom
        lonely=_.lonely.any(where=_.purchase_at.notnull()), lonely_cart=_.lonely_cart.any(where=_.cart_at.notnull()),
        late_cart=_.late_cart.any(where=_.purchase_at.notnull() & _.cart_at.notnull()),
        early_cart=_.early_cart.any(where=_.click_at.notnull() & _.cart_at.notnull()),
    )  # fmt: skip
    shares = con.to_pandas(by_visit.agg(**{word: by_visit[word].mean() for word in by_visit.columns[1:]})).iloc[0]
    custom = {word: kept[word] & ibis.literal(bool(share <= SELDOM)) for word, share in shares.astype(float).items()}
    return kept.mutate(**custom).filter(_.wrong | _.lonely | _.lonely_cart).drop("wrong")


def _early(con: ibis.BaseBackend, acts: Table, name: str) -> Table:
    """Users who judge a product before they buy it (bought_at) or, against the log's custom, never do (never)."""
    done = acts.filter(_.event_type.isin(["purchase", "rating", "review"]) & _.user_id.notnull() & _.item_id.notnull())
    times = done.group_by("user_id", "item_id").agg(
        bought_at=_.timestamp.min(where=_.event_type == "purchase"),
        judged_at=_.timestamp.min(where=_.event_type != "purchase"),
    )
    kept = engine.keep(con, name, times.filter(times.judged_at.notnull()).mutate(never=_.bought_at.isnull()))
    share = con.to_pandas(kept.agg(share=_.never.mean())).iloc[0, 0]
    never = kept.never & ibis.literal(bool(share is not None and share <= SELDOM))
    early = kept.mutate(never=never).filter(never | (kept.judged_at < kept.bought_at))
    return early.select("user_id", "item_id", "bought_at", "never")


def _words(con: ibis.BaseBackend, acts: Table) -> Table:
    """Words that more users write than the log's own habit explains: said."""
    said = acts.filter((_.text.length() >= TEXT_LENGTH) & _.user_id.notnull())
    once = said.select("said", "user_id", "event_type").distinct()
    counted = once.group_by("said").agg(users=_.user_id.nunique(), short=_.event_type.isin(["comment"]).any())
    own = said.group_by("said", "user_id").agg(times=_.item_id.nunique()).filter(_.times >= SAME_TEXT)
    pasted = own.group_by("said").agg(users=_.count())
    reviews = counted.filter(~_.short)
    bars = []
    for table, least in ((reviews, SAME_TEXT), (counted.filter(_.short), SAME_COMMENT)):
        usual = con.to_pandas(table.agg(users=_.users.quantile(0.9))).iloc[0, 0]
        bars.append(max(least, 3 * int(usual) if usual == usual and usual is not None else least))
    many = counted.filter(_.users >= ibis.ifelse(_.short, bars[1], bars[0])).select("said")
    return many.union(pasted.select("said"), distinct=True)
