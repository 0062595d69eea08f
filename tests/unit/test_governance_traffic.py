"""Robots among people, clicks in bursts, and sessions cut anew."""

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.data import contract, engine
from workbench.governance.signals import traffic

START = pd.Timestamp("2024-03-05 08:00", tz="UTC")


def events(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["user_id", "session_id", "item_id", "event_type", "timestamp"])
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True).dt.as_unit("us")
    return frame.assign(event_id=np.arange(len(frame)).astype(str))


def people(users: int = 40, days: int = 10, seed: int = 0) -> list[tuple]:
    """Visits of three to twelve clicks with pauses around a minute, some days."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        for day in np.flatnonzero(rng.random(days) < 0.4):
            times = START + pd.Timedelta(days=int(day), hours=float(rng.uniform(0, 12))) + pd.to_timedelta(
                np.cumsum(rng.lognormal(4, 0.8, rng.integers(3, 13))), unit="s")  # fmt: skip
            rows += [(f"u{user}", f"s{user}-{day}", f"i{rng.integers(60)}", "click", time) for time in times]
    return rows


def visits(user: str, pauses, items=None) -> list[tuple]:
    times = START + pd.to_timedelta(np.cumsum(pauses), unit="s")
    return [(user, f"{user}-1", items or f"i{n % 60}", "click", time) for n, time in enumerate(times)]


@pytest.fixture(scope="module")
def con():
    return engine.connect("500MB", threads=1)


def steps(con, rows):
    table = con.create_table("events", contract.conform(ibis.memtable(events(rows)), "events"), overwrite=True)
    return engine.keep(con, "steps", traffic.steps(table, traffic.lists(table))), table


def test_robots_are_found_among_people_and_nobody_else(con):
    rng = np.random.default_rng(1)
    machines = (
        visits("fast", rng.exponential(0.7, 40)) + visits("even", [45.0] * 30) + visits("slow", [3600.0] * 30)
        + visits("awake", rng.uniform(1200, 2400, 100)) + visits("crawler", rng.lognormal(3.5, 0.8, 120))
    )  # fmt: skip
    machines = [(u, s, f"x{n}" if u == "crawler" else i, e, t) for n, (u, s, i, e, t) in enumerate(machines)]
    found = traffic.robots(con, steps(con, people() + machines)[0], "robots").execute()
    why = found.groupby("user_id")[["fast", "even", "sleepless", "heavy", "broad"]].any()
    assert set(why.index) == {"fast", "even", "slow", "awake", "crawler"}
    assert why.loc["fast", "fast"]
    assert why.loc["even", "even"]
    assert why.loc["slow", "even"]
    assert why.loc["awake", "sleepless"]
    assert why.loc["crawler", "broad"]


def test_a_robot_does_not_taint_the_other_days_of_its_customer(con):
    found = traffic.robots(con, steps(con, people() + visits("u3", [1.0] * 60))[0], "robots").execute()
    assert set(zip(found["user_id"], found["day"].astype(str), strict=True)) == {("u3", "2024-03-05")}


def test_seconds_keep_their_fraction_once(con):
    times = pd.to_datetime(["2024-03-05 08:00:00.97", "2024-03-05 08:00:01.01", "1969-12-31 23:59:59.25"], utc=True)
    made = con.create_table("times", pd.DataFrame({"at": times}), overwrite=True)
    got = con.to_pandas(made.select(s=traffic.seconds(made.at)))["s"].tolist()
    assert got == pytest.approx([1709625600.97, 1709625601.01, -0.75], abs=1e-6)


def test_many_steps_alone_are_enough_when_they_are_far_more_than_others(con):
    rng = np.random.default_rng(2)
    found = traffic.robots(
        con, steps(con, people() + visits("heavy", rng.lognormal(3, 0.9, 1500)))[0], "robots"
    ).execute()
    assert found.set_index("user_id").loc["heavy", "heavy"].any()


def test_self_clicks_and_bursts(con):
    again = visits("seller", np.random.default_rng(3).lognormal(6, 0.5, 12), items="i7")
    farm = [(f"farm{n}", f"f{n}", "i9", "click", START + pd.Timedelta(minutes=n)) for n in range(30)]
    done, _ = steps(con, people() + again + farm)
    assert traffic.repeats(done).execute()[["user_id", "item_id"]].drop_duplicates().to_numpy().tolist() == [
        ["seller", "i7"]
    ]
    bursts = traffic.bursts(done).execute()
    assert set(bursts["item_id"]) == {"i9"}
    assert bursts["clicks"].tolist() == [30]


def test_a_farm_is_named_and_customers_who_click_beside_it_are_not(con):
    farm = [(f"farm{n}", f"f{n}", "i9", "click", START + pd.Timedelta(seconds=5 * n)) for n in range(30)]
    beside = [("u1", "b", "i9", "click", START + pd.Timedelta(seconds=30))]
    alone = [("late", "l", "i9", "click", START + pd.Timedelta(minutes=50))]  # in the hour, not in the minutes
    done, _ = steps(con, people() + farm + beside + alone)
    found = traffic.farms(done, traffic.bursts(done)).execute()
    assert set(found["user_id"]) == {f"farm{n}" for n in range(30)}
    assert set(found["item_id"]) == {"i9"}


def test_a_burst_by_customers_makes_no_farm(con):
    rush = [(f"u{n}", f"r{n}", "i9", "click", START + pd.Timedelta(seconds=5 * n)) for n in range(30)]
    done, _ = steps(con, people() + rush)
    bursts = traffic.bursts(done)
    assert bursts.count().execute() == 1
    assert traffic.farms(done, bursts).count().execute() == 0


def test_sessions_are_cut_where_half_an_hour_passes_and_the_largest_part_keeps_its_name(con):
    gaps = (
        visits("a", [0, 60, 60, 1801, 30])
        + visits("b", [0, 1700, 1700])
        + [("a", "a-1", "i1", "review", START + pd.Timedelta(days=9))]
    )
    _, table = steps(con, gaps)
    parts = traffic.parts(table).execute().sort_values("number")
    assert parts[["session_id", "number", "largest"]].to_numpy().tolist() == [["a-1", 1, True], ["a-1", 2, False]]
    assert parts["begins"].iloc[1] == START + pd.Timedelta(seconds=1921)


def test_a_day_on_which_one_product_gets_far_more_of_one_act(con):
    opinions = [(f"fan{n}", None, "i9", "review", START + pd.Timedelta(minutes=40 * n)) for n in range(15)]
    found = traffic.rushes(steps(con, people() + opinions)[0]).execute()
    assert found[["item_id", "event_type", "n"]].to_numpy().tolist() == [["i9", "review", 15]]


def test_who_returns_to_one_product_beyond_all_measure(con):
    slow = [("seller", f"s{n}", "i7", "click", START + pd.Timedelta(hours=7 * n)) for n in range(30)]
    praise = [("friend", None, "i8", "review", START + pd.Timedelta(days=n)) for n in range(3)]
    found = traffic.devoted(steps(con, people() + slow + praise)[0]).execute()
    assert sorted(zip(found["user_id"], found["item_id"], strict=True)) == [("friend", "i8"), ("seller", "i7")]


def test_who_clicks_all_that_is_shown(con):
    shown = [(user, f"{user}-1", f"i{n}", "impression", START) for user in ("all", "few") for n in range(40)]
    clicks = [("all", "all-1", f"i{n}", "click", START + pd.Timedelta(minutes=n)) for n in range(38)]
    clicks += [("few", "few-1", f"i{n}", "click", START + pd.Timedelta(minutes=n)) for n in range(22)]
    shown += [("again", "again-1", f"i{n}", "impression", START) for n in range(40)]
    clicks += [("again", "again-1", "i1", "click", START + pd.Timedelta(minutes=n)) for n in range(39)]
    done, table = steps(con, shown + clicks)
    assert traffic.greedy(table, done).execute()["user_id"].tolist() == ["all"]


def test_a_browser_that_fetches_ahead_makes_no_robot_of_its_owner(con):
    """Three lists, all of whose products are clicked within a moment: the clicks are odd, the customer's day is not."""
    lists = [(n, START + pd.Timedelta(minutes=7 * n)) for n in range(3)]
    shown = [("owner", f"q{n}", f"i{n}-{m}", "impression", time) for n, time in lists for m in range(30)]
    clicks = [("owner", f"q{n}", f"i{n}-{m}", "click", time + pd.Timedelta(seconds=0.2 + 0.001 * m))
              for n, time in lists for m in range(30)]  # fmt: skip
    bot = [("bot", None, f"i{n}", "click", START + pd.Timedelta(seconds=1.5 * n)) for n in range(30)]
    done, table = steps(con, people() + shown + clicks + bot)
    assert set(traffic.robots(con, done, "ahead").execute()["user_id"]) == {"bot"}
    assert traffic.greedy(table, done).execute().empty


def test_more_orders_in_a_day_than_people_have(con):
    orders = [("buyer", f"o{n}", f"i{n}", "purchase", START + pd.Timedelta(minutes=20 * n)) for n in range(12)]
    lines = [("family", "one", f"i{n}", "purchase", START) for n in range(20)]  # one order of twenty lines
    clicks = [(user, "c", f"i{n % most}", "click", START + pd.Timedelta(seconds=50 * n))
              for user, most in (("breadth", 70), ("one", 5)) for n in range(70)]  # fmt: skip
    done, _ = steps(con, orders + lines + clicks)
    assert traffic.frequent(done).execute()["user_id"].sort_values().tolist() == ["breadth", "buyer"]
