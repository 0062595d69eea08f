"""Groups of events that cannot be right: requests, sessions and orders of two people, lists that repeat themselves,
acts without a list, acts in the wrong order, the same act or the same words twice.

Each gives suspects only, with the columns that they are found by.
"""

import ibis
from ibis import _
from ibis.expr.types import StringValue, Table

from workbench.data import engine
from workbench.governance.rules import strings, wordless

SAME_TEXT = 3  # users who write the same words, at least
SAME_COMMENT = 6  # questions under a product are short and much alike
TEXT_LENGTH = 12  # characters below which many people write the same: "Great!"
PLACES = 50  # positions that fit, one bit each, into a float's whole numbers
SELDOM = 0.05  # share up to which acts without what should precede them are against the log's custom
ONCE = ("purchase", "rating", "review", "comment")  # a user does this with a product once in an hour
ENCORE_SECONDS, DOUBLE_SECONDS = 3600.0, 2.0
ORDER_SECONDS = 3600  # the lines of one order are written at one moment
SHARE_SECONDS = 86_400  # a list is worked through on the day it was shown
PART = r"#[0-9]+$"  # what a session that goes on after a silence is named by
Found = tuple[str, Table, tuple[str, ...]]


def all_of(con: ibis.BaseBackend, events: Table, name: str) -> list[Found]:
    """Suspects as (a word for their new columns, table, the columns that find their events)."""
    shows, acts = events.filter(_.event_type == "impression"), events.filter(_.event_type != "impression")
    listed = shows.filter(_.request_id.notnull() & _.item_id.notnull())
    requests = engine.keep(con, f"{name}_requests", _requests(events))
    twice = listed.group_by("request_id", "item_id").agg(n=_.count()).filter(_.n > 1)
    crowded = shows.semi_join(requests.filter(_.crowded), "request_id")
    places = crowded.group_by("request_id", "position").agg(n=_.count()).filter(_.n > 1)
    found: list[Found] = [("shown", twice, ("request_id", "item_id")), ("place", places, ("request_id", "position"))]
    for column in ("user_id", "visit", "query"):
        mixed = requests.filter(requests[f"mixed_{column}"]).select("request_id")
        found.append((f"request_{column}", _main(events, mixed, "request_id", column), ("request_id",)))
    visits = events.filter(_.session_id.notnull()).group_by("session_id").agg(low=_.user_id.min(), high=_.user_id.max())
    shared = visits.filter(visits.low != visits.high).select("session_id")
    found.append(("session_user_id", _main(events, shared, "session_id", "user_id"), ("session_id",)))
    found.append(("request_times", _moments(events, requests.filter(_.ends - _.begins > SHARE_SECONDS)),
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
    found.append(("query", queries.filter(strings.odd(queries.query)), ("query",)))
    return found


def doubles(events: Table) -> list[Found]:
    """Acts that were written twice: in two seconds, or, where once is enough, in one hour; the later one is named."""
    acts = events.filter((_.event_type != "impression") & _.user_id.notnull() & _.item_id.notnull())
    keys = ("user_id", "item_id", "event_type")
    order = ibis.window(group_by=keys, order_by="timestamp")
    seconds = acts.timestamp.epoch_seconds().cast("float64") + acts.timestamp.microsecond().cast("float64") / 1e6
    timed = acts.select(*keys, "timestamp", seconds=seconds)
    pauses = timed.mutate(pause=timed.seconds - timed.seconds.lag().over(order)).filter(_.pause <= ENCORE_SECONDS)
    found = pauses.group_by(*keys, "timestamp").agg(pause=_.pause.min())
    encore = found.filter(_.event_type.isin(ONCE))
    return [
        ("double", found.filter(_.pause <= DOUBLE_SECONDS), (*keys, "timestamp")),
        ("encore", encore, (*keys, "timestamp")),
    ]


def _requests(events: Table) -> Table:
    """Requests with something wrong, in one pass: mixed users, sessions or queries, a position twice, a long time."""
    shows = events.event_type == "impression"
    fits = shows & events.position.between(1, PLACES)
    bit = ibis.literal(2.0) ** ibis.greatest(ibis.least(events.position, PLACES), 1)
    given = events.mutate(
        bit=fits.ifelse(bit.cast("int64"), 0), seconds=events.timestamp.epoch_seconds().cast("float64")
    )
    grouped = given.filter(_.request_id.notnull()).group_by("request_id").agg(
        bits=_.bit.bit_or(), total=_.bit.cast("float64").sum(), begins=_.seconds.min(), ends=_.seconds.max(),
        **{f"low_{column}": given[column].min() for column in ("user_id", "visit", "query")},
        **{f"high_{column}": given[column].max() for column in ("user_id", "visit", "query")},
    )  # fmt: skip
    mixed = {
        f"mixed_{column}": (grouped[f"low_{column}"] != grouped[f"high_{column}"]).fill_null(False)
        for column in ("user_id", "visit", "query")
    }
    judged = grouped.select(
        "request_id", "begins", "ends", crowded=grouped.total > grouped.bits.cast("float64"), **mixed
    )
    late = judged.ends - judged.begins > SHARE_SECONDS
    return judged.filter(judged.crowded | judged.mixed_user_id | judged.mixed_visit | judged.mixed_query | late)


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
        cart), lonely_cart (put into the cart, but not clicked).

    """
    done = acts.filter(_.session_id.notnull() & _.item_id.notnull() & _.event_type.isin(["click", "cart", "purchase"]))
    times = done.group_by("visit", "item_id").agg(
        **{f"{kind}_at": _.timestamp.min(where=_.event_type == kind) for kind in ("click", "cart", "purchase")}
    )
    wrong = (
        (times.cart_at < times.click_at) | (times.purchase_at < times.cart_at) | (times.purchase_at < times.click_at)
    )
    bare = times.click_at.isnull()
    judged = times.mutate(
        lonely=times.purchase_at.notnull() & bare & times.cart_at.isnull(),
        lonely_cart=times.cart_at.notnull() & bare, wrong=wrong.fill_null(False),
    )  # fmt: skip
    kept = engine.keep(con, name, judged.filter(judged.wrong | judged.purchase_at.notnull() | judged.cart_at.notnull()))
    visits = kept.group_by("visit").agg(  # one visitor who does nothing else makes no custom
        lonely=_.lonely.any(where=_.purchase_at.notnull()), lonely_cart=_.lonely_cart.any(where=_.cart_at.notnull())
    )
    shares = con.to_pandas(visits.agg(lonely=_.lonely.mean(), lonely_cart=_.lonely_cart.mean())).iloc[0]
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
