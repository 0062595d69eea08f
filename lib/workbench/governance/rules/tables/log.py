"""The events as the rules see them.

Each statistic is one aggregation, and only its suspects are joined back, so that the joins stay small however long the
log is and no row of the log is copied.
"""

from collections.abc import Iterable
from datetime import datetime

import ibis
import numpy as np
import pandas as pd
from ibis import _
from ibis.expr.types import Table, Value

from workbench.data import contract, engine
from workbench.governance.quality import Tables
from workbench.governance.rules import ids, prices, suspects
from workbench.governance.rules.tables import lists, sessions
from workbench.governance.rules.vocabulary import among, counts, lookup, rare, variants
from workbench.governance.signals import traffic

TYPES = ("impression", "click", "cart", "purchase", "rating", "review", "comment", "share")
OPINIONS = ("rating", "review")
SCALES = (1.0, 5.0, 10.0, 100.0)
CUSTOM = 0.05  # a column that is null in at most this share of a type's events is one that its events fill
MISDATED = 3  # events of a product before it existed from which its date is doubted
MAIN = 0.9  # share from which a currency is the shop's own
THIN = 0.05  # of the median day's events: a day with fewer is no day of the log's main period …
STRETCH = 7  # … unless it stands in a row of such days that leads up to it
STRAY = 0.01  # of all events: days beyond a hole of a month that hold fewer are stray, and no other season
MOST_CHANCES = 1000  # distinct propensities of a policy that draws from few
ENOUGH = 30  # events of a type below which it has no customs
FORMED = ("event_id", "user_id", "item_id", "session_id", "request_id", "order_id")
NULLABLE = (
    "session_id", "request_id", "order_id", "query", "position", "propensity", "quantity", "value", "currency", "text",
)  # fmt: skip


def seen(
    con: ibis.BaseBackend, tables: Tables, name: str, collected_at: datetime | None
) -> tuple[dict[str, Table], Value]:
    """The events with what the log, the products and the users say about each; and the moment of collection.

    Also the tables `robot_days` and `farms` (see `traffic.robots` and `.farms`), which the rules of users read.
    """
    events = contract.conform(tables["events"], "events")
    events = events.mutate(visit=suspects.visit(events.session_id), said=suspects.folded(events.text))
    begins, ends, dated = period(con, events, collected_at)
    requests = engine.keep(con, f"{name}_requests", suspects.requests(events))
    visits = engine.keep(con, f"{name}_visits", suspects.visits(events))
    asked = engine.keep(con, f"{name}_lists", traffic.lists(events))
    done = engine.keep(con, f"{name}_steps", traffic.steps(events, asked))
    early = engine.keep(con, f"{name}_early_items", _early_items(events, tables))
    joined, mispriced = _things(con, events, tables, early, name)
    for column, owner in (("item_id", "items"), ("user_id", "users")):
        joined = _respelt(con, joined, events, tables.get(owner), column, name)
    odd = suspects.all_of(con, events, requests, visits, f"{name}_suspects")
    joined, _kept = _attached(con, joined, odd, name)
    joined = con.create_view(f"{name}_seen_groups", joined, overwrite=True)  # or the query nests too deep to be written
    step = (joined.event_type == "impression").ifelse("list", joined.event_type)
    joined = joined.mutate(day=joined.timestamp.date(), hour=joined.timestamp.truncate("h"), step=step)
    odd = [
        *suspects.doubles(events),
        ("list", lists.suspects(con, requests, asked, name), ("request_id",)),
        *sessions.suspects(con, visits, done, name),
        *traffic.all_of(con, events, done, name),
    ]
    joined, kept = _attached(con, joined, odd, name)
    for word in ("requests", "visits", "lists"):
        con.drop_table(f"{name}_{word}")  # as long as the log has lists and sessions, and of no further use
    parts = engine.keep(con, f"{name}_parts", traffic.parts(events).filter(~_.largest))
    inside = (joined.session_id == parts.session_id) & joined.timestamp.between(parts.begins, parts.ends)
    joined = joined.left_join(parts.select("session_id", "begins", "ends", part=parts.number), inside)
    joined = joined.drop("session_id_right", "begins", "ends", "step")
    known = _customs(con, events, joined) | {
        "log_begins": begins,
        "log_ends": ends,
        "log_has_hours": ibis.literal(not dated),
    }
    joined = joined.mutate(**known)
    joined = con.create_view(f"{name}_seen_events", joined, overwrite=True)
    steps = engine.keep(con, f"{name}_robot_steps", done.group_by("user_id").agg(total=_.count()))
    found = {"events": joined, "robot_days": _machine_days(kept), "robot_steps": steps, "early_items": early}
    return found | {"farms": kept["farm"], "mispriced_items": mispriced}, ends


def _machine_days(kept: Tables) -> Table:
    """Days on which users act like machines, for whatever reason: user_id, day, n (steps)."""
    often = kept["often"].filter(_.step.isin(["list", "click", "cart"]))
    days = kept["robot"].select("user_id", "day", "n").union(often.select("user_id", "day", "n"))
    return days.union(kept["greedy"].select("user_id", "day", n=_.clicks))


def _attached(
    con: ibis.BaseBackend, events: Table, odd: Iterable[suspects.Found], name: str
) -> tuple[Table, dict[str, Table]]:
    """Events with all these suspects (see `_attach`), and the suspects by word, as they are kept."""
    kept = {}
    for word, found, keys in odd:
        kept[word] = engine.keep(con, f"{name}_odd_{word}", found)
        events = _attach(events, kept[word], keys, word)
    return events, kept


def _attach(events: Table, found: Table, keys: tuple[str, ...], prefix: str) -> Table:
    """Left join of suspects, whose own columns get the prefix; `<prefix>_odd` says whether the row is one."""
    named = found.select(**{f"{prefix}_{column}": found[column] for column in found.columns},
                            **{f"{prefix}_odd": ibis.literal(True)})  # fmt: skip
    on = [events[key] == named[f"{prefix}_{key}"] for key in keys]
    return events.left_join(named, on).drop(*(f"{prefix}_{key}" for key in keys))


def period(con: ibis.BaseBackend, events: Table, collected_at: datetime | None) -> tuple[Value, Value, bool]:
    """Begin and end of the log's main period (UTC), and whether its times are mere dates.

    The main period is made of the days that have a usual number of events; at both ends it goes on from hour to hour
    while no longer silence than usual comes between. Where the moment of collection is given, it is the end.
    """
    hours = events.filter(_.timestamp.notnull()).group_by(hour=_.timestamp.truncate("h")).agg(
        n=_.count(), sharp=(_.timestamp == _.timestamp.truncate("D")).sum()
    )  # fmt: skip
    frame = con.to_pandas(hours).sort_values("hour", ignore_index=True)
    if frame.empty:
        moment = collected_at or datetime(2100, 1, 1)
        return ibis.timestamp("1995-01-01").cast(contract.UTC), _moment(pd.Timestamp(moment)), False
    frame["hour"] = pd.to_datetime(frame["hour"], utc=True, errors="coerce")
    frame = frame.dropna(ignore_index=True)
    days = frame.groupby(frame["hour"].dt.floor("D"))["n"].sum()
    typical = float(np.median(np.repeat(days.to_numpy(), 1 + np.minimum(days.to_numpy() * 1000 // days.sum(), 1000))))
    main = _seasons(days[days >= max(THIN * typical, 2 if typical > 5 else 1)])
    first, last = _stretched(main, days.index)
    last += pd.Timedelta(days=1)
    inside = frame["hour"][(frame["hour"] >= first) & (frame["hour"] < last)]
    silence = max(inside.diff().max() if len(inside) > 1 else pd.Timedelta(hours=3), pd.Timedelta(hours=3))
    sharp = float(frame["sharp"].sum() / frame["n"].sum())
    silence = min(silence, pd.Timedelta(hours=23) if sharp <= 0.5 else pd.Timedelta(days=STRETCH))
    first, last = inside.min(), inside.max()
    for hour in frame["hour"][frame["hour"] > last]:
        last = hour if hour - last <= silence else last
    for hour in frame["hour"][frame["hour"] < first][::-1]:
        first = hour if first - hour <= silence else first
    end = pd.Timestamp(collected_at) if collected_at else last + pd.Timedelta(hours=1)
    return _moment(first), _moment(end), sharp > 0.5


def _seasons(days: pd.Series) -> pd.DatetimeIndex:
    """Days of the log's seasons: the runs between holes of more than 30 days that hold more than a few events.

    A shop may close for the summer; a stray year holds a handful.
    """
    runs = (days.index.to_series().diff() > pd.Timedelta(days=30)).cumsum()
    held = days.groupby(runs).transform("sum")
    return pd.DatetimeIndex(days.index[held >= min(STRAY * days.sum(), held.max())])


def _stretched(main: pd.DatetimeIndex, days: pd.DatetimeIndex) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last day of the log: a shop that grew began with thin days, which come in a row, as strays do not."""
    ends = []
    for edge, outer in ((main.min(), days[days < main.min()][::-1]), (main.max(), days[days > main.max()])):
        row, before = [], edge
        for day in outer:
            if abs(day - before) > pd.Timedelta(days=STRETCH):
                break
            row.append(day)
            before = day
        ends.append(row[-1] if len(row) >= STRETCH else edge)
    return ends[0], ends[1]


def _moment(moment: pd.Timestamp) -> Value:
    utc = moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
    return ibis.literal(utc.to_pydatetime()).cast(contract.UTC)


def _customs(con: ibis.BaseBackend, events: Table, joined: Table) -> dict[str, Value]:
    """What each type of event customarily fills, the shop's currency, and the top of its ratings' scale."""
    kinds = events.event_type.strip().lower()
    filled = {column: events[column].isnull().mean() for column in NULLABLE}
    patterns = {column: ids.form(con, events[column]) for column in FORMED}
    formed = {f"form_{column}": events[column].re_search(pattern).sum() for column, pattern in patterns.items()
              if pattern}  # fmt: skip
    given = {f"with_{column}": events[column].count() for column in FORMED}
    shares = con.to_pandas(events.group_by(kind=kinds).agg(n=_.count(), **filled, **formed, **given))
    shares = shares.set_index("kind")
    full = (shares["n"] >= ENOUGH) & shares.index.notna()
    usual = {column: list(shares.index[full & (shares[column] <= CUSTOM)]) for column in NULLABLE}
    kind = joined.event_type.strip().lower()
    found = {f"{column}_usual": among(kind, chosen) for column, chosen in usual.items()}
    empty = {column: list(shares.index[full & (shares[column] >= 1 - CUSTOM)]) for column in NULLABLE}
    found |= {f"{column}_unusual": among(kind, chosen) for column, chosen in empty.items()}
    for column, pattern in patterns.items():
        share = float(shares[f"form_{column}"].sum() / max(shares[f"with_{column}"].sum(), 1)) if pattern else 0.0
        written = joined.visit if column == "session_id" else joined[column]
        found[f"{column}_unlike"] = ids.unlike(written, pattern, share)
        found[f"{column}_odd"] = found[f"{column}_unlike"] if ids.plain(pattern, share) else ibis.literal(True)
    money = counts(con, events.currency)
    first = money["n"].iloc[0] / money["n"].sum() if len(money) else 0
    own = str(money["value"].iloc[0]) if first >= MAIN else None
    found["own_currency"] = ibis.literal(own, "string")
    named = counts(con, events.event_type)
    meant = variants(named, TYPES)
    places = con.to_pandas(events.filter(_.position > 0).group_by("position").agg(n=_.count()))
    common = places.loc[places["n"] >= max(3, places["n"].sum() / 1000), "position"]
    found["position_end"] = ibis.literal(2 * int(common.max()) if len(common) else None, "int64")
    found["event_type_meant"] = lookup(joined.event_type, meant, "string")
    stars = con.to_pandas(events.filter(kinds.isin(OPINIONS) & _.value.notnull()).group_by("value").agg(n=_.count()))
    found |= _scale(stars)
    chances = counts(con, events.propensity)
    found["propensity_rare"] = among(joined.propensity, rare(chances) if len(chances) <= MOST_CHANCES else [])
    found["currency_rare"] = among(joined.currency, rare(money))
    return found


def _scale(stars: pd.DataFrame) -> dict[str, Value]:
    """Top of the scale that holds nearly all ratings, its bottom, and whether they are whole numbers."""
    total = stars["n"].sum() if len(stars) else 0
    within = {top: stars.loc[stars["value"].between(0, top), "n"].sum() for top in SCALES} if total else {}
    top = next((top for top, n in within.items() if n >= MAIN * total), None)
    zero = total and stars.loc[stars["value"] == 0, "n"].sum() > 0.02 * total
    whole = total and stars.loc[stars["value"] % 1 == 0, "n"].sum() >= MAIN * total
    return {"rating_top": ibis.literal(top, "float64"), "rating_bottom": ibis.literal(0.0 if zero or top == 1 else 1.0),
            "rating_whole": ibis.literal(bool(whole))}  # fmt: skip


def _early_items(events: Table, tables: Tables) -> Table:
    """Products most of whose events come before they existed: the date is wrong, and not the events."""
    if "items" not in tables:
        return events.select("item_id").limit(0)
    since = contract.conform(tables["items"], "items").group_by("item_id").agg(since=_.available_from.min())
    both = events.join(since, "item_id").group_by("item_id").agg(
        n=_.count(), early=(_.timestamp < _.since).fill_null(False).sum()
    )  # fmt: skip
    return both.filter((both.early >= MISDATED) & (both.early > both.n / 2)).select("item_id")


def _respelt(con: ibis.BaseBackend, joined: Table, events: Table, known: Table | None, column: str, name: str) -> Table:
    """Events with the known id that theirs is another spelling of, as `<column>_meant`; null for all others."""
    if known is None:
        return joined.mutate(**{f"{column}_meant": ibis.null("string")})
    found = ids.meant(con, events, known, column, f"{name}_{column}_meant")
    found = found.rename({f"{column}_meant": "meant"})
    return joined.left_join(found, joined[column] == found.written).drop("written")


def _things(con: ibis.BaseBackend, events: Table, tables: Tables, early: Table, name: str) -> tuple[Table, Table]:
    """Events with their product's begin, currency and price (see `prices.seen`), and products whose price is wrong."""
    if "items" not in tables:
        unknown = {"list_price": "float64", "item_from": contract.UTC, "item_currency": "string"}
        return prices.seen(con, events.mutate(**{column: ibis.null(kind) for column, kind in unknown.items()}), name)
    items = contract.conform(tables["items"], "items").filter(_.item_id.notnull())
    own = items.currency.cast("string") if "currency" in items.columns else ibis.null("string")
    once = items.mutate(own=own).group_by("item_id").agg(
        list_price=_.price.min(), item_from=_.available_from.min(), low=_.own.min(), high=_.own.max()
    )  # fmt: skip
    misdated = early.select(misdated=early.item_id)
    once = once.left_join(misdated, once.item_id == misdated.misdated)
    currency = (once.low == once.high).ifelse(once.low, None)
    since = once.misdated.isnull().ifelse(once.item_from, None)
    once = once.select("item_id", "list_price", item_from=since, item_currency=currency)
    return prices.seen(con, events.left_join(once, "item_id").drop("item_id_right"), name)
