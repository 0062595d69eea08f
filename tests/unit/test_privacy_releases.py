import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, chisquare
from tests.benchmarks import dp_audit

from workbench.data import engine
from workbench.governance.privacy import releases
from workbench.governance.privacy.releases import (
    Budget,
    Ledger,
    LedgerError,
    OverBudget,
    Query,
    QueryError,
    at,
    bounding,
    home,
    mechanism,
    release,
    releasing,
    totals,
)  # fmt: skip

SECRET = b"a secret of the data set"
KEYS = ("shoes", "bags", "hats")
COUNT = Query("shoppers", "count", max_keys=2, keys=KEYS)


@pytest.fixture(scope="module")
def con():
    return engine.connect("500MB", threads=1)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(at(tmp_path, "my shop", "k1"), Budget(2.0, 1e-5), SECRET)


def log(*rows: tuple[str | None, str | None, float | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user_id", "key", "value"])


def shoppers(users: int = 300, seed: int = 0) -> pd.DataFrame:
    random, rows = np.random.default_rng(seed), 6 * users
    return pd.DataFrame(
        {"user_id": random.integers(0, users, rows).astype(str), "key": random.choice(KEYS, rows),
         "value": random.gamma(2, 20, rows).round(2)}
    )  # fmt: skip


# ---- bounds


def test_totals_by_hand(con):
    rows = log(("a", "shoes", 10.006), ("a", "shoes", 30), ("b", "shoes", 500), ("b", "shoes", -1e300),
               ("c", "shoes", -5), ("d", "shoes", None), ("e", "shoes", math.nan), ("f", None, 7), (None, "bags", 7),
               ("f", "coats", 7), ("g", "hats", math.inf))  # fmt: skip
    query = Query("spending", "sum", max_keys=3, clip=100, unit=0.01, keys=KEYS)
    found = totals(con, rows, query).set_index("key")
    assert list(found.index) == list(KEYS)
    assert found.loc["shoes"].tolist() == [3, 4001]  # a: 40.01; b: 100 - 100; c: -5, so 0
    assert found.loc["bags"].tolist() == [0, 0]
    assert found.loc["hats"].tolist() == [1, 10000]
    hidden = totals(con, con.create_table("rows", rows), replace(query, keys=None))
    assert hidden["key"].tolist() == ["coats", "hats", "shoes"]


@pytest.mark.parametrize("keys", [KEYS, None])
@pytest.mark.parametrize("max_keys", [1, 2])
def test_one_user_more_changes_the_totals_by_the_sensitivity_and_no_more(con, keys, max_keys):
    query = Query("spending", "mean", max_keys, clip=50, unit=0.01, keys=keys)
    greedy = log(*[("greedy", key, 1e6) for key in (*KEYS, "coats", "belts") for _ in range(20)])
    without, both = (
        totals(con, rows, query, salt="s").set_index("key") for rows in (shoppers(), pd.concat([shoppers(), greedy]))
    )
    change = both.sub(without, fill_value=0)
    assert (change >= 0).all(axis=None)
    assert change["users"].sum() == max_keys
    assert change["units"].sum() == max_keys * query.most["units"] == max_keys * 5000


def test_keys_of_a_user_are_drawn_alike_and_again_the_same(con):
    rows = pd.DataFrame([(f"u{i}", key) for i in range(3000) for key in KEYS], columns=["user_id", "key"])
    query = Query("one each", "count", keys=KEYS)
    found = totals(con, rows, query, salt="s")
    assert found["users"].sum() == 3000
    assert chisquare(found["users"]).pvalue > 1e-4
    pd.testing.assert_frame_equal(found, totals(con, rows.sample(frac=1, random_state=1), query, salt="s"))
    assert not found.equals(totals(con, rows, query, salt="another"))


def test_totals_beyond_32_bits_and_beyond_floats_are_exact(con, monkeypatch):
    monkeypatch.setattr(bounding, "MOST_UNITS", 2**50)  # instead of millions of users
    most = 2**50 - 1
    rows = pd.DataFrame({"user_id": np.arange(2001), "key": "shoes", "value": float(most)})
    found = totals(con, rows, Query("turnover", "sum", clip=most))
    assert found["units"].tolist() == [2001 * most]
    assert abs(mechanism.noisy(found["units"].tolist(), 2.0)[0] - 2001 * most) < 100


# ---- noise


def shares(drawn: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Draws at each whole number from -12 to 12 and beyond: counted, and expected by Laplace's whole-numbered law."""
    places, ratio = np.arange(-12, 13), math.exp(-1 / scale)
    law = (1 - ratio) / (1 + ratio) * ratio ** np.abs(places)
    tail = (1 - law.sum()) / 2
    counts = [(drawn < -12).sum(), *((drawn == place).sum() for place in places), (drawn > 12).sum()]
    return np.array(counts), np.array([tail, *law, tail]) * len(drawn)


def test_the_noise_follows_its_law_and_half_of_it_does_not():
    scale = mechanism.scale(3, 0.8)
    assert scale == pytest.approx(3 / 0.8, rel=1e-12)
    drawn = np.array(mechanism.noisy([0] * 20_000, scale))
    assert chisquare(*shares(drawn, scale)).pvalue > 1e-4
    assert np.abs(drawn).mean() == pytest.approx(mechanism.expected_error(scale), rel=0.05)
    assert chisquare(*shares(np.array(mechanism.noisy([0] * 20_000, scale / 2)), scale)).pvalue < 1e-6


def test_expected_error_by_hand():
    places = np.arange(-2000, 2001)
    law = np.exp(-np.abs(places) / 20)
    assert mechanism.expected_error(20.0) == pytest.approx((np.abs(places) * law).sum() / law.sum(), rel=1e-9)
    assert mechanism.expected_error(1e9) == pytest.approx(1e9)
    assert mechanism.expected_error(1e-3) == 0.0


@pytest.mark.parametrize(
    ("epsilon", "max_keys", "delta"), [(0.5, 1, 0.01), (2.0, 3, 1e-3), (0.1, 10, 1e-9), (20, 1, 0.1)]
)
def test_a_key_of_one_user_shows_with_less_than_delta(epsilon, max_keys, delta):
    """By hand: the count 1 reaches t where the noise reaches t - 1."""
    scale = mechanism.scale(max_keys, epsilon)
    threshold, ratio = mechanism.threshold(scale, max_keys, delta), math.exp(-1 / scale)

    def shown(least: int) -> float:
        one = ratio ** (least - 1) / (1 + ratio)
        return -math.expm1(max_keys * math.log1p(-one))

    assert shown(threshold) <= delta
    assert threshold <= 2 or shown(threshold - 1) > delta * 0.999
    if delta > 1e-4:
        n = 20_000
        hits = len(mechanism.noisy_above({str(i): 1 for i in range(n)}, scale, threshold))
        assert beta.ppf(1e-5, hits, n - hits + 1) <= ratio ** (threshold - 1) / (1 + ratio) or not hits


@pytest.mark.parametrize("case", dp_audit.CASES, ids=lambda case: case.query.name)
def test_a_user_is_told_no_better_than_stated_and_a_spoilt_mechanism_is_caught(case):
    copies = (
        24_000 if case.crowd == 1 and case.query.keys is None else 8_000 if case.query.statistic == "mean" else 3_000
    )
    exact, plan = dp_audit.neighbours(case, copies), releasing.planned(case.query, case.stated)
    assert dp_audit.audit(*exact, plan, plan, case.stated.delta, copies) <= case.stated.epsilon
    assert dp_audit.audit(*exact, case.spoil(plan), plan, case.stated.delta, copies) > case.stated.epsilon


# ---- releases


def test_a_release_is_near_the_truth_and_says_how_near(con, ledger):
    query = Query("spending", "sum", max_keys=3, clip=200, unit=0.01, keys=(*KEYS, "nobody's"))
    found = release(con, shoppers(), query, Budget(1.0), ledger).set_index("key")
    exact = totals(con, shoppers(), query).set_index("key")["units"] * 0.01
    assert list(found.index) == [*KEYS, "nobody's"]
    assert found["expected_error"].tolist() == pytest.approx([3 * 200 / 1.0] * 4, rel=1e-6)
    assert (found["value"] - exact).abs().max() < 20 * 600
    assert (found["value"] != exact).all()
    assert found[["statistic", "epsilon", "delta"]].drop_duplicates().to_numpy().tolist() == [["sum", 1.0, 0.0]]
    assert found["threshold"].isna().all()


def test_a_mean_is_near_the_truth_and_stays_in_its_range(con, ledger):
    rows = pd.concat([shoppers(5000), log(("x", "bags", 5.0))])
    query = Query("mean spending", "mean", max_keys=3, clip=200, unit=0.01, keys=(*KEYS, "nobody's"))
    found = release(con, rows, query, Budget(2.0), ledger).set_index("key")
    exact = totals(con, rows, query).set_index("key")
    for key in KEYS:
        truth = exact.loc[key, "units"] * 0.01 / exact.loc[key, "users"]
        error = found.loc[key, "expected_error"]
        assert error == pytest.approx(3 / 1.0 * (200 + truth) / exact.loc[key, "users"], rel=0.05)
        assert abs(found.loc[key, "value"] - truth) < 20 * error
    assert found["value"].between(0, 200).all()
    assert found["expected_error"].le(200).all()


@pytest.mark.parametrize("statistic", ["count", "sum", "mean"])
def test_keys_of_few_do_not_come_out(con, ledger, statistic):
    rows = pd.concat([shoppers(), log(("x", "my diagnosis", 1e6), ("y", "my diagnosis", 1e6))])
    query = Query("by query", statistic, max_keys=3, clip=100)
    found = release(con, rows, query, Budget(2.0, 1e-6), ledger)
    assert found["key"].tolist() == sorted(KEYS)
    assert found["threshold"].gt(20).all()
    assert ledger.spent == Budget(2.0, 1e-6)
    assert "diagnosis" not in everything(ledger)


def test_no_data_at_all_can_be_released(con, ledger):
    public = release(con, shoppers().head(0), COUNT, Budget(0.5), ledger)
    assert public["key"].tolist() == list(KEYS)
    hidden = release(con, shoppers().head(0), replace(COUNT, keys=None), Budget(0.5, 1e-6), ledger)
    assert hidden.empty
    assert list(hidden.dtypes) == list(public.dtypes)


@pytest.mark.parametrize(
    ("given", "said"),
    [({"statistic": "media"}, "did you mean 'mean'"), ({"max_keys": 0}, "max_keys is 0"), ({"clip": 0}, "one unit or"),
     ({"clip": 1e12}, "so coarse"), ({"clip": math.nan}, "one unit or"), ({"keys": ()}, "at least one"),
     ({"keys": (1, 2)}, "as texts")],
)  # fmt: skip
def test_a_query_that_bounds_nothing_is_refused(given, said):
    with pytest.raises(QueryError, match=said):
        Query(**{"name": "q", "statistic": "count", **given})


@pytest.mark.parametrize("epsilon", [-1, math.inf, math.nan])
def test_a_budget_that_bounds_nothing_is_refused(epsilon):
    with pytest.raises(ValueError, match="bounds nothing"):
        Budget(epsilon)


@pytest.mark.parametrize(
    ("query", "cost", "said"),
    [(COUNT, Budget(0.0), "ε = 0 buys nothing"), (COUNT, Budget(1.0, 1e-6), "δ = 1e-06 buys nothing"),
     (replace(COUNT, keys=None), Budget(1.0), "need δ ≥ 1e-12")],
)  # fmt: skip
def test_a_cost_that_does_not_fit_is_refused_unspent(con, ledger, query, cost, said):
    with pytest.raises(QueryError, match=said):
        release(con, shoppers(), query, cost, ledger)
    assert ledger.spent == Budget(0.0)


def test_wrong_columns_are_named_and_no_value_is(con, ledger):
    query = Query("spending", "sum", clip=10, keys=KEYS)
    with pytest.raises(QueryError, match="lack value"):
        release(con, shoppers().drop(columns="value"), query, Budget(1.0), ledger)
    with pytest.raises(QueryError, match=r"the values are string: give numbers$"):
        release(con, shoppers().assign(value="canary"), query, Budget(1.0), ledger)
    assert ledger.spent == Budget(0.0)


# ---- the ledger


def everything(ledger: Ledger) -> str:
    """All that lies in the ledger's folder."""
    return "".join(path.read_text() for path in ledger.path.parent.rglob("*") if path.is_file())


def test_the_same_release_is_not_paid_twice_and_a_changed_one_is(con, ledger):
    one = release(con, shoppers(), COUNT, Budget(0.5), ledger)
    again = release(con, shoppers().sample(frac=1, random_state=1), replace(COUNT, name="renamed"), Budget(0.5), ledger)
    pd.testing.assert_frame_equal(one, again)
    assert ledger.spent == Budget(0.5)
    release(con, shoppers(seed=1), COUNT, Budget(0.5), ledger)
    assert ledger.spent == Budget(1.0)
    release(con, shoppers(), replace(COUNT, max_keys=1), Budget(1.0), ledger)
    assert ledger.spent == Budget(2.0)
    pd.testing.assert_frame_equal(one, release(con, shoppers(), COUNT, Budget(0.5), ledger))


def test_noise_is_never_drawn_by_another_version_for_free(con, ledger, monkeypatch):
    release(con, shoppers(), COUNT, Budget(0.5), ledger)
    monkeypatch.setattr(mechanism, "VERSION", "another")
    release(con, shoppers(), COUNT, Budget(0.5), ledger)
    assert ledger.spent == Budget(1.0)


def test_what_is_over_the_budget_is_refused_before_the_data_are_read(ledger):
    with pytest.raises(OverBudget, match=r"'shoppers' asks for ε = 2.5, δ = 0, .* ε = 2, δ = 1e-05 are left: ask"):
        release(None, "neither engine nor table", COUNT, Budget(2.5), ledger)
    with pytest.raises(OverBudget, match=r"δ = 0\.1"):
        release(None, "neither engine nor table", replace(COUNT, keys=None), Budget(1.0, 0.1), ledger)
    assert ledger.spent == Budget(0.0)


def test_a_refused_release_draws_no_noise(con, ledger, monkeypatch):
    release(con, shoppers(), COUNT, Budget(1.5), ledger)
    monkeypatch.setattr(mechanism, "noisy", lambda *_: pytest.fail("noise was drawn"))
    with pytest.raises(OverBudget, match=r"ε = 0.5, δ = 1e-05 are left"):
        release(con, shoppers(seed=1), COUNT, Budget(1.5), ledger)


def test_tenths_add_up_to_one(tmp_path):
    ledger = Ledger(tmp_path / "shop.jsonl", Budget(1), SECRET)
    for number in range(10):
        ledger.spend("tenth", "q", str(number), Budget(0.1))
    assert ledger.spent == Budget(1.0)
    with pytest.raises(OverBudget):
        ledger.spend("more", "q", "r", Budget(1e-9))


def test_nothing_raw_is_in_the_ledger_or_in_what_is_printed(con, ledger):
    release(con, log(("canary-user", "shoes", 12.34)), Query("q", "sum", 1, 100, 0.01, KEYS), Budget(0.5), ledger)
    text = everything(ledger) + repr(ledger)
    for raw in ("canary", "12.34", "1234", SECRET.decode(), SECRET.hex()):
        assert raw not in text
    files = [path for path in ledger.path.parent.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert {oct(path.stat().st_mode)[-3:] for path in files} == {"600"}


def test_ledgers_of_data_sets_and_keys_lie_apart(tmp_path, monkeypatch):
    paths = {at(tmp_path, source, key) for source in ("a", "b", "../c") for key in ("1", "2")}
    assert len(paths) == 6
    assert {path.parent for path in paths} == {tmp_path}
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert home().is_relative_to(tmp_path)
    with pytest.raises(LedgerError, match="16 or more"):
        Ledger(tmp_path / "x.jsonl", Budget(1), b"short")


def test_a_line_cut_short_anywhere_counts_and_nothing_is_written_over(ledger):
    ledger.spend("one", "q", "r1", Budget(0.5, 1e-6))
    whole = ledger.path.read_bytes()
    cost = whole.index(b', "name"') + 2  # from here on noise may have been drawn, as far as a reader can tell
    for length in range(1, len(whole)):
        ledger.path.write_bytes(whole + whole[:length])
        ledger.spend("next", "q", "r2", Budget(0.25))
        assert ledger.spent.epsilon == 0.75 + (0.5 if length >= cost else 0), length
        assert ledger.path.read_bytes().startswith(whole + whole[:length])


@pytest.mark.parametrize(
    "line", ["no ledger", "{}", "5", '{"epsilon": -1, "delta": 0}', '{"epsilon": "x", "delta": 0.0, ']
)
def test_a_broken_ledger_is_refused(ledger, line):
    ledger.path.write_text(line + "\n")
    with pytest.raises(LedgerError, match="restore it, for what was spent is unknown"):
        ledger.spend("one", "q", "r", Budget(0.5))


def test_a_result_that_was_damaged_is_refused(con, ledger):
    release(con, shoppers(), COUNT, Budget(0.5), ledger)
    (kept,) = ledger.path.with_suffix(".released").iterdir()
    kept.write_text(kept.read_text()[:-3])
    with pytest.raises(LedgerError, match="pay anew"):
        release(con, shoppers(), COUNT, Budget(0.5), ledger)


START = """
import sys
import pandas as pd
from pathlib import Path
from workbench.governance.privacy.releases import Budget, Ledger, OverBudget, Query, mechanism, release
ledger = Ledger(Path(sys.argv[1]), Budget(float(sys.argv[2])), b"a secret of the data set")
"""


def started(code: str, path: object, total: float) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", START + code, str(path), str(total)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def killed(process: subprocess.Popen[str], lines: int) -> list[str]:
    """What it printed when it was killed after some lines."""
    assert process.stdout
    said = [process.stdout.readline().strip() for _ in range(lines)]
    os.kill(process.pid, signal.SIGKILL)
    said += process.stdout.read().split("\n")[:-1]
    process.wait()
    return said


def test_a_release_killed_while_noise_is_drawn_is_spent_and_not_known(con, tmp_path):
    code = """
import time
from workbench.data import engine
from workbench.governance.privacy import releases
def slow(*_):
    print("drawing", flush=True)
    time.sleep(60)
mechanism.noisy = slow
rows = pd.DataFrame({"user_id": ["a"], "key": ["shoes"]})
release(engine.connect("500MB", threads=1), rows, Query("q", "count", keys=("shoes",)), Budget(0.7), ledger)
"""
    path = tmp_path / "shop.jsonl"
    assert killed(started(code, path, 1.0), 1) == ["drawing"]
    ledger = Ledger(path, Budget(1.0), SECRET)
    assert ledger.spent == Budget(0.7)
    assert json.loads(path.read_text())["epsilon"] == 0.7
    rows = pd.DataFrame({"user_id": ["a"], "key": ["shoes"]})
    with pytest.raises(OverBudget):
        release(con, rows, Query("q", "count", keys=("shoes",)), Budget(0.7), ledger)


def test_killed_at_any_moment_no_noise_was_drawn_that_is_not_spent(tmp_path):
    code = """
for number in range(10**6):
    ledger.spend("one", "q", str(number), Budget(1.0))
    print(number, flush=True)
    ledger.keep(str(number), [{"key": "k" * 10000}])
"""
    path = tmp_path / "shop.jsonl"
    drawn = killed(started(code, path, 1e9), 25)
    ledger = Ledger(path, Budget(1e9), SECRET)
    assert len(drawn) <= ledger.spent.epsilon <= len(drawn) + 1
    results = [ledger.kept(str(number)) for number in range(len(drawn) + 1)]
    assert sum(result is not None for result in results) >= len(drawn) - 1


def test_processes_at_once_never_overspend(tmp_path):
    code = """
print("ready", flush=True)
while not ledger.path.with_name("go").exists():
    pass
for number in range(30):
    try:
        ledger.spend("one", "q", str(number), Budget(0.05))
        print("paid", flush=True)
    except OverBudget:
        pass
"""
    path = tmp_path / "shop.jsonl"
    processes = [started(code, path, 2.0) for _ in range(2)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    path.with_name("go").touch()
    said = [process.communicate()[0] for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert sum(text.count("paid") for text in said) == 40
    assert Ledger(path, Budget(2.0), SECRET).spent == Budget(2.0)


# ---- what a shop asks


BOUNDED = {"categories": 2, "days": 3, "queries": 2, "spending": 100.0}


@pytest.fixture
def shop_log() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Events of 200 users over 10 days, and the items; one user types what nobody else does."""
    random, rows = np.random.default_rng(1), 4000
    items = pd.DataFrame({"item_id": [f"i{n}" for n in range(9)], "category": ["A > x", "B > y", "C > z"] * 3})
    events = pd.DataFrame({
        "user_id": random.integers(0, 200, rows).astype(str), "item_id": random.choice(items["item_id"], rows),
        "event_type": random.choice(["impression", "click", "purchase"], rows),
        "timestamp": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(random.integers(0, 240, rows), "h"),
        "query": random.choice(["red shoes", "hat"], rows), "value": random.gamma(2, 20, rows).round(2),
    })  # fmt: skip
    events.loc[events["event_type"] != "purchase", "value"] = None
    events.loc[events.index[events["event_type"] == "click"][0], "query"] = "the lonely query"
    return events, items


def test_a_shop_asks_for_counts_sums_and_means_by_category_day_and_query(con, ledger, shop_log):
    asked = {each.query.name: each for each in releases.questions.asked(*shop_log, BOUNDED, 0.3, 1e-6)}
    assert {each.query.statistic for each in asked.values()} == {"count", "sum", "mean"}
    assert asked["spending by category"].query.keys == ("A", "B", "C")
    assert len(asked["users by day"].query.keys) == 10
    assert asked["users by query"].query.keys is None
    assert asked["users by query"].cost == Budget(0.3, 1e-6)
    assert all(each.cost.delta == 0 for name, each in asked.items() if name != "users by query")
    assert asked["users by day"].contributions.shape[0] == (shop_log[0]["event_type"] != "impression").sum()
    outcomes = {name: releases.questions.answer(con, each, ledger) for name, each in asked.items()}
    assert all(each.paid == asked[name].cost and not each.refused for name, each in outcomes.items())
    assert "the lonely query" not in set(outcomes["users by query"].table["key"])
    assert ledger.spent == Budget(1.5, 1e-6)
    again = [releases.questions.answer(con, each, ledger) for each in asked.values()]
    assert all(each.paid == Budget(0) for each in again)
    for one, other in zip(again, outcomes.values(), strict=True):
        pd.testing.assert_frame_equal(one.table, other.table)


def test_what_is_beyond_the_budget_is_refused_before_the_data_are_read(con, ledger, shop_log):
    [question, *_] = releases.questions.asked(*shop_log, BOUNDED, 0.5, 1e-6)
    releases.questions.answer(con, question, ledger)
    unreadable = replace(releases.questions.beyond(question, ledger), contributions=None)
    outcome = releases.questions.answer(con, unreadable, ledger)
    assert outcome.table is None
    assert "asks for ε = 2" in outcome.refused
    assert "ε = 1.5, δ = 1e-05 are left" in outcome.refused
    assert ledger.spent == Budget(0.5)


def test_errors_of_generated_data_are_of_the_noise_and_of_what_was_cut_off(con, ledger, shop_log):
    asked = {each.query.name: each for each in releases.questions.asked(*shop_log, BOUNDED, 0.5, 1e-6)}
    wide = {each.query.name: each for each in releases.questions.asked(
        *shop_log, {"categories": 3, "days": 10, "queries": 3, "spending": 5000.0}, 0.5, 1e-6)}  # fmt: skip
    for name in ("buyers by category", "spending by category"):
        tight = releases.questions.real_errors(con, releases.questions.answer(con, asked[name], ledger), ledger)
        loose = releases.questions.real_errors(con, releases.questions.answer(con, wide[name], ledger), ledger)
        assert loose["cut_off"] == pytest.approx(0, abs=1e-6)
        assert tight["cut_off"] > 0
        assert tight["noise"] < 6 * tight["expected"]  # the mean of three: above it once in millions
    refused = releases.questions.answer(con, releases.questions.beyond(asked["users by day"], ledger), ledger)
    with pytest.raises(ValueError, match="was refused"):
        releases.questions.real_errors(con, refused, ledger)


def test_bounds_of_a_shop_s_questions_are_all_given(shop_log):
    with pytest.raises(ValueError, match="categories, days, queries, spending"):
        releases.questions.asked(*shop_log, {"categories": 2}, 0.5, 1e-6)
