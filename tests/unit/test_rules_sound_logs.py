"""Sound logs of shops that do things their own way: cleaning sets none of their rows aside and changes none."""

import numpy as np
import pandas as pd
import pytest

from workbench.data import contract, engine
from workbench.governance import cleaning, quality
from workbench.governance.rules import shop

START = pd.Timestamp("2024-01-01", tz="UTC")
COLUMNS = ["user_id", "session_id", "request_id", "order_id", "item_id", "event_type", "timestamp", "value", "quantity"]


def after(**passed: float) -> pd.Timestamp:
    return START + pd.Timedelta(**passed)


def growth(draw: np.random.Generator) -> list[tuple]:
    """Reviews with mere dates of a shop that grew for years."""
    return [
        (f"u{draw.integers(900)}", None, None, None, f"i{draw.integers(300)}", "review", after(days=day), 4.0, None)
        for day in range(1500) for _ in range(draw.poisson(0.5 * np.exp(day / 300)))
    ]  # fmt: skip


def seasons(draw: np.random.Generator) -> list[tuple]:
    """Purchases of a shop that opens in winter only."""
    return [
        (f"u{draw.integers(300)}", None, None, f"o{year}-{day}-{n}", f"i{draw.integers(90)}", "purchase",
         after(days=365 * year + day, seconds=int(draw.integers(28_000, 72_000))), 9.0, 1.0)
        for year in range(3) for day in range(100) for n in range(draw.poisson(6))
    ]  # fmt: skip


def baskets(draw: np.random.Generator) -> list[tuple]:
    """Orders of dozens of lines, each written at one moment."""
    return [
        (f"u{order % 100}", None, None, f"o{order}", f"i{item}", "purchase",
         after(hours=2 * order, seconds=17), 3.0, 1.0)
        for order in range(250) for item in draw.choice(400, size=int(draw.integers(8, 45)), replace=False)
    ]  # fmt: skip


def scrolling(draw: np.random.Generator) -> list[tuple]:
    """Impressions as they come into view, without requests."""
    rows = []
    for visit in range(200):
        moment = after(hours=3 * visit)
        for _ in range(30):
            moment += pd.Timedelta(seconds=float(draw.exponential(1.2)))
            who = (f"u{visit % 150}", f"s{visit}", None, None, f"i{draw.integers(500)}")
            rows.append((*who, "impression", moment, None, None))
            if draw.random() < 0.06:
                moment += pd.Timedelta(seconds=float(draw.uniform(3, 40)))
                rows.append((*who, "click", moment, None, None))
    return rows


def one_page_logged(draw: np.random.Generator) -> list[tuple]:
    """Clicks everywhere, impressions of one kind of page."""
    rows = []
    for visit in range(400):
        moment = after(hours=visit, seconds=5)
        for item in draw.choice(500, size=10, replace=False):
            rows.append(
                (f"u{visit % 200}", f"s{visit}", f"r{visit}", None, f"i{item}", "impression", moment, None, None)
            )
        for _ in range(int(draw.integers(2, 35))):
            moment += pd.Timedelta(seconds=float(draw.uniform(5, 90)))
            item = f"i{draw.integers(500)}"
            rows.append((f"u{visit % 200}", f"s{visit}", None, None, item, "click", moment, None, None))
    return rows


def counted_sessions(draw: np.random.Generator) -> list[tuple]:
    """Sessions counted for each user from 1."""
    return [
        (f"u{visit % 100}", str(visit // 100 + 1), None, None, f"i{(visit + n) % 50}", "click",
         after(hours=visit, seconds=40 * n + 7), None, None)
        for visit in range(600) for n in range(4)
    ]  # fmt: skip


def dated_purchases(draw: np.random.Generator) -> list[tuple]:
    """Clicks with their time, purchases of the same session from a system that knows dates alone; thumbs down too."""
    rows = []
    for visit in range(300):
        moment = after(hours=3 * visit, minutes=11)
        who = (f"u{visit % 80}", f"s{visit}", None)
        for n in range(3):
            item = f"i{(7 * visit + n) % 90}"
            rows.append((*who, None, item, "click", moment + pd.Timedelta(seconds=50 * n), None, None))
        rows.append((*who, f"o{visit}", item, "purchase", moment.normalize(), 9.0, 1.0))
        rows.append((*who, None, item, "rating", moment + pd.Timedelta(days=3), 1.0 if visit % 4 else -1.0, None))
    return rows


@pytest.mark.parametrize(
    "log", [growth, seasons, baskets, scrolling, one_page_logged, counted_sessions, dated_purchases]
)
def test_a_sound_log_stays_whole(log):
    frame = pd.DataFrame(log(np.random.default_rng(0)), columns=COLUMNS).dropna(axis="columns", how="all")
    frame = frame.assign(event_id=[f"e{n}" for n in range(len(frame))], timestamp=frame["timestamp"].dt.as_unit("us"))
    con = engine.connect("500MB", threads=1)
    tables = {"events": contract.conform(con.create_table("raw", frame), "events")}
    seen = shop.seen(con, tables)
    rules, _ = quality.applicable(shop.RULES, seen)
    measured = quality.measure(seen, rules)
    cleaned = cleaning.clean(con, tables, seen, rules, shop.CLEANING_ORDER, measured)
    balance = cleaned.balance.set_index("table").loc["events"]
    lost = measured[(measured["action"] == "quarantine") & (measured["failing"] > 0)]
    assert balance["clean"] == len(frame), lost[["rule", "failing"]].to_string()
    assert cleaned.repairs.count().execute() == 0, cleaned.repairs.rule.value_counts().execute().to_string()
