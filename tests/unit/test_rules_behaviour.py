"""Rules of lists and sessions: a fault that each finds, sound rows, and shops in which it is usual."""

from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pytest

from workbench.data import contract, engine
from workbench.governance.rules import shop, suspects
from workbench.governance.rules.tables import lists, sessions
from workbench.governance.signals import traffic

START = pd.Timestamp("2024-03-04 09:00", tz="UTC")
HOLE = "position after one that its list skips"
SPLIT = "list shown at two times"
RELOADED = "same list loaded twice within seconds"
TYPED = "query is the beginning of the next one, sent before it was typed out"
LATE_CART = "cart after the purchase"
INSTANT = "session whose steps all bear one moment"
TOGETHER = "opinions of many users at one moment"
PREFETCHED = "several products clicked at once"
USERS, LENGTH = 60, 6
COLUMNS = ("user_id", "session_id", "request_id", "order_id", "item_id", "event_type", "timestamp", "query", "position")


class Log:
    """Sessions of a list, two clicks, a cart and a purchase; and an opinion days later."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        for n in range(USERS):
            self.visit(n, START + pd.Timedelta(minutes=37 * n))

    def visit(self, n: int, time: pd.Timestamp) -> None:
        own = {"user_id": f"u{n}", "session_id": f"s{n}"}
        self.page(f"r{n}", time, n, **own)
        listed = {**own, "request_id": f"r{n}", "query": "red boots"}
        for place, seconds in ((1, 20), (3, 75)):
            self.add("click", time, seconds, f"i{n + place}", position=place, **listed)
        self.add("cart", time, 90, f"i{n + 3}", **listed)
        self.add("purchase", time, 130, f"i{n + 3}", order_id=f"o{n}", **listed)
        self.add("review", time, 86_400 * 3 + 61.7 * n, f"i{n + 3}", **own)

    def page(self, request: str, time: pd.Timestamp, first: int, query: str = "red boots", **own) -> None:
        for place in range(1, LENGTH + 1):
            self.add("impression", time, 0, f"i{first + place}", request_id=request, position=place, query=query, **own)

    def add(self, kind: str, time: pd.Timestamp, seconds: float, item: str, **more) -> None:
        self.rows.append(
            {"event_type": kind, "item_id": item, "timestamp": time + pd.Timedelta(seconds=seconds)} | more
        )

    def frame(self) -> pd.DataFrame:
        made = pd.DataFrame(self.rows, columns=list(COLUMNS)).assign(event_id=[f"e{n}" for n in range(len(self.rows))])
        return made.assign(timestamp=made["timestamp"].dt.as_unit("us"), position=made["position"].astype("Int64"))


def of(frame: pd.DataFrame, n: int, *kinds: str) -> pd.Series:
    return (frame["session_id"] == f"s{n}") & frame["event_type"].isin(kinds)


def later(frame: pd.DataFrame, mask: pd.Series, seconds: float) -> None:
    frame.loc[mask, "timestamp"] += pd.Timedelta(seconds=seconds)


def more(frame: pd.DataFrame, copies: pd.DataFrame, word: str) -> pd.DataFrame:
    copies = copies.assign(event_id=[f"{word}-{key}" for key in copies["event_id"]])
    return pd.concat([frame, copies], ignore_index=True)


def hole(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    frame.loc[of(frame, n, "impression", "click") & (frame["position"] >= 3), "position"] += 2
    return frame


def split(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    later(frame, of(frame, n, "impression") & (frame["position"] > 2), -40)
    return frame


def reload(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    copies = frame[of(frame, n, "impression")].assign(request_id=f"again{n}")
    later(copies, copies["position"] > 0, 1.2)
    return more(frame, copies, "again")


def typed(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    for back, end in enumerate((7, 5, 3), 1):
        copies = frame[of(frame, n, "impression") & (frame["request_id"] == f"r{n}")]
        copies = copies.assign(request_id=f"typed{n}-{end}", query="red boots"[:end])
        later(copies, copies["position"] > 0, -0.4 * back)
        frame = more(frame, copies, f"typed{end}")
    return frame


def late_cart(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    later(frame, of(frame, n, "cart"), 60)
    return frame


def instant(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    steps = of(frame, n, "impression", "click", "cart", "purchase")
    frame.loc[steps, "timestamp"] = frame.loc[steps, "timestamp"].max()
    return frame


def together(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    """The opinions of this user and the four after him bear one moment."""
    rows = pd.concat([of(frame, m, "review") for m in range(n, n + 5)], axis=1).any(axis=1)
    frame.loc[rows, "timestamp"] = frame.loc[rows, "timestamp"].max()
    return frame


def prefetched(frame: pd.DataFrame, n: int) -> pd.DataFrame:
    copies = frame[of(frame, n, "impression")].assign(event_type="click")
    copies["timestamp"] += pd.to_timedelta(0.95 + 0.02 * copies["position"].astype(float), unit="s")  # over a second
    return more(frame, copies, "ahead")


FAULTS: dict[str, Callable[[pd.DataFrame, int], pd.DataFrame]] = {
    HOLE: hole, SPLIT: split, RELOADED: reload, TYPED: typed, LATE_CART: late_cart, INSTANT: instant,
    TOGETHER: together, PREFETCHED: prefetched,
}  # fmt: skip


def expected(frame: pd.DataFrame, rule: str, n: int) -> set[str]:
    """The events that a fault in one user's visit makes wrong."""
    ours = frame["user_id"] == f"u{n}"
    kind, key = frame["event_type"], frame["event_id"].str
    wrong = {
        HOLE: ours & (frame["position"] > 2),
        SPLIT: ours & (kind == "impression"),
        RELOADED: ours & key.startswith("again"),
        TYPED: ours & key.startswith("typed"),
        LATE_CART: ours & (kind == "cart"),
        INSTANT: ours & (kind != "review"),
        TOGETHER: (kind == "review") & frame["user_id"].isin([f"u{m}" for m in range(n, n + 5)]),
        PREFETCHED: ours & key.startswith("ahead"),
    }
    return set(frame.loc[wrong[rule], "event_id"])


def table(con, frame: pd.DataFrame):
    made = con.create_table("log", pa.Table.from_pandas(frame, preserve_index=False), overwrite=True)
    return con.create_table("events", contract.conform(made, "events"), overwrite=True)


@pytest.fixture
def con():
    return engine.connect("500MB", threads=1)


def test_each_fault_is_found_and_no_other_row_is_accused(con):
    frame = Log().frame()
    for n, plant in enumerate(FAULTS.values()):
        frame = plant(frame, 6 * n)
    seen = shop.seen(con, {"events": table(con, frame)})
    own = [rule for rule in (*lists.RULES, *sessions.RULES) if rule.name in FAULTS]
    assert {rule.action for rule in own} == {"warn"}
    conditions = {rule.name: rule.condition(seen["events"], seen) for rule in own}
    got = con.to_pandas(seen["events"].select("event_id", **conditions))
    assert len(got) == len(frame)
    found = {name: set(got.loc[got[name], "event_id"]) for name in FAULTS}
    assert found == {name: expected(frame, name, 6 * n) for n, name in enumerate(FAULTS)}


def signals(con, frame: pd.DataFrame) -> dict[str, int]:
    """How many suspects each rule has, without the joins back to the log."""
    events = table(con, frame)
    events = events.mutate(visit=suspects.visit(events.session_id), said=suspects.folded(events.text))
    requests, visits = engine.keep(con, "requests", suspects.requests(events)), suspects.visits(events)
    asked = engine.keep(con, "asked", traffic.lists(events))
    done = engine.keep(con, "done", traffic.steps(events, asked))
    odd = lists.suspects(con, requests, asked, "odd").execute()
    found = {HOLE: odd["gap"].notna().sum(), SPLIT: odd["split"].sum(), RELOADED: odd["reloaded"].sum(),
             TYPED: odd["typed"].sum()}  # fmt: skip
    acts = {word: made.execute() for word, made, _ in sessions.suspects(con, visits, done, "odd")}
    groups = {word: made for word, made, _ in suspects.all_of(con, events, requests, visits, "odd")}
    found |= {INSTANT: len(acts["instant"]), TOGETHER: len(acts["together"]), PREFETCHED: len(acts["prefetched"])}
    return found | {LATE_CART: groups["sequence"].execute()["late_cart"].sum()}


def test_what_is_usual_in_a_shop_is_no_fault_there(con):
    """Each of the faults in a twelfth of the visits; opinions come together in a third of them."""
    frame = Log().frame()
    for n in range(0, 20, 5):
        frame = together(frame, n)
    for start, rule in zip(range(20, USERS, 5), (rule for rule in FAULTS if rule != TOGETHER), strict=False):
        for n in range(start, start + 5):
            frame = FAULTS[rule](frame, n)
    assert signals(con, frame) == dict.fromkeys(FAULTS, 0)


def test_what_looks_alike_and_is_sound(con):
    log = Log()
    own = {"user_id": "u1", "session_id": "s1"}
    time = START + pd.Timedelta(hours=2)
    log.page("second page", time, 40, **own)
    for row in log.rows[-LENGTH:]:
        row["position"] += LENGTH  # a list may begin where the one before it ends
    for seconds, first, query in ((60, 5, "belts"), (61, 15, "belts"), (90, 5, "belt"), (95, 25, "belts red")):
        log.page(f"page {seconds}", time + pd.Timedelta(seconds=seconds), first, query, **own)  # others, or later
    for banner in ("left", "right"):
        log.add("impression", time, 200, "i50", request_id=banner, position=1, **own)
    for item in ("i46", "i47"):
        log.add("click", time, 210, item, **own)  # two in one moment are a slip of the hand
    for item in ("i8", "i9", "i10"):
        log.add("purchase", time, 0, item, user_id="u2", session_id="till", order_id="till")  # one order, one moment
    log.add("cart", time, 300, "i4", **own)  # bought again: the first cart came before the purchase
    log.add("review", time, 0, "i5", **own)
    for user in ("u2", "u3"):
        log.add("rating", time, 0, "i5", user_id=user)
    assert signals(con, log.frame()) == dict.fromkeys(FAULTS, 0)
