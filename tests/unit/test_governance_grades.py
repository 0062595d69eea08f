"""Graded relevance and corrected labels: by hand, and against a log whose relevance is known."""

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_governance_positions import TRUTH, log

from workbench.data import engine
from workbench.data.contract import conform
from workbench.governance.labels import grades, positions

T = pd.Timestamp("2024-01-01", tz="UTC")
EVENTS = [
    # list, item, type, position, minute
    ("r1", "a", "impression", 1, 0),
    ("r1", "b", "impression", 2, 0),
    ("r1", "c", "impression", 3, 0),
    ("r1", "d", "impression", 4, 0),
    ("r1", "e", "impression", 5, 0),
    ("r1", "b", "click", None, 1),
    ("r1", "b", "cart", None, 2),
    ("r1", "d", "click", 4, 3),
    ("r2", "a", "impression", 1, 10),
    ("r2", "d", "impression", 2, 10),
    ("r2", "a", "purchase", None, 11),  # never clicked, as far as was logged
    ("r3", "a", "impression", 1, 20),
    (None, "d", "purchase", None, 30),  # of the list r2, the last before
    (None, "z", "purchase", None, 30),  # never shown
]


@pytest.fixture(scope="module")
def con():
    return engine.connect("500MB", threads=1)


@pytest.fixture(scope="module")
def events(con):
    frame = pd.DataFrame(EVENTS, columns=["request_id", "item_id", "event_type", "position", "minute"])
    frame = frame.astype({"position": "Int64"})
    frame["timestamp"] = (T + pd.to_timedelta(frame.pop("minute"), unit="min")).dt.as_unit("us")
    frame = frame.assign(user_id="u", session_id="s", query="shoes", event_id=frame.index.astype(str))
    return conform(con.create_table("events", frame, overwrite=True), "events")


def graded(table) -> dict[tuple[str, str], tuple[str, int]]:
    rows = table.execute()
    found = zip(rows["evidence"], rows["grade"], strict=True)
    return dict(zip(zip(rows["request_id"], rows["item_id"], strict=True), found, strict=True))


def test_grades_say_what_was_observed(events):
    expected = {
        ("r1", "a"): ("skipped", 0), ("r1", "b"): ("cart", 2), ("r1", "c"): ("skipped", 0), ("r1", "d"): ("click", 1),
        ("r1", "e"): ("unexamined", 0), ("r2", "a"): ("purchase", 3), ("r2", "d"): ("unexamined", 0),
        ("r3", "a"): ("unexamined", 0),
    }  # fmt: skip
    assert graded(grades.grades(events)) == expected
    later = grades.attribute(events)
    assert graded(grades.grades(later)) == expected | {("r2", "d"): ("purchase", 3)}
    assert later.count().execute() == len(EVENTS)
    assert later.columns == events.columns
    assert later.filter(later.item_id == "z").request_id.isnull().all().execute()


def test_weights_are_stabilised_inverse_propensities(con, events):
    examined = pd.DataFrame({"position": [1, 2, 4], "examination": [1.0, 0.5, 0.01]})
    table = con.create_table("positions", examined, overwrite=True)
    known = grades.grades(events)
    weights = grades.weigh(known, table, floor=0.1).execute().set_index(["request_id", "item_id"])["weight"]
    assert weights["r1"].to_dict() == {"a": 1, "b": 1, "c": 1, "d": 1, "e": 0.1}
    with pytest.raises(ValueError, match="least examination is above 0"):
        grades.weigh(known, table, floor=0)


def test_a_list_without_positions_has_grades_and_weighs_1(con, events):
    """Nothing is known to have been skipped there; of an item logged twice, the position that is known counts."""
    bare = events.mutate(position=(events.request_id == "r1").ifelse(ibis.null("int64"), events.position))
    more = bare.filter(bare.request_id == "r2", bare.item_id == "d").mutate(
        event_id=ibis.literal("x"), position=ibis.literal(0, "int64")
    )
    known = grades.grades(bare.union(more))
    found = graded(known)
    assert [found["r1", item] for item in "abcde"] == [
        ("unexamined", 0), ("cart", 2), ("unexamined", 0), ("click", 1), ("unexamined", 0),
    ]  # fmt: skip
    table = con.create_table("seen", pd.DataFrame({"position": [1, 2], "examination": [1.0, 0.5]}), overwrite=True)
    rows = grades.weigh(known, table).execute().set_index(["request_id", "item_id"])
    assert rows.loc["r1", "position"].isna().all()
    assert rows.loc["r1", "weight"].eq(1).all()
    assert rows.loc["r2", "position"].to_dict() == {"a": 1, "d": 2}
    assert rows.loc["r2", "weight"].to_dict() == {"a": 1, "d": 0.5}


def test_corrected_labels_by_hand(con):
    rows = [("1", "a", 1, True), ("2", "a", 2, True), ("3", "a", 2, False), ("3", "b", 9, True), ("4", "b", 1, False)]
    frame = pd.DataFrame(rows, columns=["request_id", "item_id", "position", "clicked"]).assign(context="q")
    examined = pd.DataFrame({"position": [1, 2, 9], "examination": [1.0, 0.5, np.nan]})
    made = [con.create_table(name, table, overwrite=True) for name, table in (("rows", frame), ("known", examined))]
    found = grades.corrected(*made, floor=0.2).execute().set_index("item_id")
    expected = {"impressions": 3, "clicks": 2, "click_rate": 2 / 3, "ips_rate": 1, "expected_rate": 1,
                "expected": 2, "squared": 1.5, "placed": (0.5 + 1 + 1) / 3, "share": 0.75}  # fmt: skip
    assert found.loc["a"].drop("context").to_dict() == pytest.approx(expected)
    assert found.loc["b", "ips_rate"] == pytest.approx(5 / 2)  # examination unknown: the floor


@pytest.fixture(scope="module")
def labels(con) -> pd.DataFrame:
    frame, relevance = log(0, lists=20_000, queries=100)
    shown = con.create_table("shown", frame, overwrite=True)
    examined = positions.estimate(shown)[["position", "examination"]]
    table = grades.corrected(shown, con.create_table("examined", examined, overwrite=True))
    found = grades.smooth(table.order_by("context", "item_id").execute())
    found = grades.smooth(found, exposure="impressions", name="shrunk_rate")
    return found.assign(relevance=relevance[found["context"].astype(int), found["item_id"].astype(int)])


def test_what_is_handed_on_is_the_corrected_label_that_is_measured(con, labels):
    shown, examined = con.table("shown"), con.table("examined")
    found = grades.relevance(con, shown, examined).order_by("query", "item_id").execute()
    assert found["query"].tolist() == labels["context"].tolist()
    columns = ["item_id", "impressions", "clicks", "click_rate", "expected_rate", "posterior_rate"]
    pd.testing.assert_frame_equal(found[columns], labels[columns], rtol=1e-6)
    nothing = grades.relevance(con, shown.mutate(context=ibis.null("string")), examined)
    assert nothing.count().execute() == 0


def test_inverse_propensities_take_the_bias_off(labels):
    """Of the pairs by where they stand on average: the raw rate falls short ever more, the corrected ones do not."""
    often = labels[labels["impressions"] >= 5]
    seen = often["expected"] / often["impressions"]
    for low, high in ((0.1, 0.15), (0.15, 0.3), (0.3, 0.9)):
        part = often[seen.between(low, high)]
        truth = np.average(part["relevance"], weights=part["impressions"])
        for label in ("ips_rate", "expected_rate", "posterior_rate"):
            assert np.average(part[label], weights=part["impressions"]) == pytest.approx(truth, rel=0.12), label
        assert np.average(part["click_rate"], weights=part["impressions"]) < 0.75 * truth


def test_the_corrected_label_ranks_more_like_the_truth_than_clicks_do(labels):
    found = grades.agreement(labels, subjects=("click_rate", "shrunk_rate", "posterior_rate"), resamples=60)
    found = found.set_index(["subject", "metric"])
    for metric in ("spearman", "somers_d"):
        assert found.loc[("posterior_rate - click_rate", metric), "low"] > 0
        assert found.loc[("posterior_rate", metric), "value"] > found.loc[("shrunk_rate", metric), "value"]
    assert found.loc[("posterior_rate - click_rate", "kendall"), "value"] > -0.02  # which leaves ties out
    assert ((found["low"] <= found["value"]) & (found["value"] <= found["high"])).all()


def test_the_posterior_is_nearer_to_the_truth_than_either_rate(labels):
    error = {
        label: np.sqrt(np.mean((labels[label] - labels["relevance"]) ** 2))
        for label in ("click_rate", "expected_rate", "posterior_rate")
    }
    assert error["posterior_rate"] < 0.8 * min(error["click_rate"], error["expected_rate"])


def test_labels_of_a_log_without_clicks_are_zero(labels):
    nothing = labels.assign(clicks=0, placed=0.0)
    assert grades.smooth(nothing)["posterior_rate"].eq(0).all()


def test_agreement_of_a_perfect_and_a_reversed_label():
    frame = pd.DataFrame({"context": list("aabbcc"), "relevance": np.arange(6.0)})
    frame = frame.assign(right=frame["relevance"] ** 3, wrong=-frame["relevance"])
    found = grades.agreement(frame, subjects=("right", "wrong"), resamples=20).set_index(["subject", "metric"])
    np.testing.assert_allclose(found.loc["right", "value"], 1)
    np.testing.assert_allclose(found.loc["wrong", ["low", "value", "high"]], -1)
    np.testing.assert_allclose(found.loc["wrong - right", "value"], -2)
    tied = frame.assign(tied=[0, 1, 0, 1, 0, 1])
    found = grades.agreement(tied, subjects=("tied",), resamples=20).set_index("metric")["value"]
    assert found["kendall"] == pytest.approx(stats.kendalltau(frame["relevance"], tied["tied"])[0])
    assert found["somers_d"] == pytest.approx(stats.somersd(frame["relevance"], tied["tied"]).statistic)
    pd.testing.assert_frame_equal(
        grades.agreement(frame, subjects=("right",), seed=3), grades.agreement(frame, subjects=("right",), seed=3)
    )
    with pytest.raises(ValueError, match="no missing value"):
        grades.agreement(frame.assign(right=np.nan), subjects=("right",))


def test_examination_of_the_simulated_log_is_what_the_tests_think():
    frame, relevance = log(0)
    attraction = relevance[frame["context"].astype(int), frame["item_id"].astype(int)]
    rates = frame["clicked"].groupby(frame["position"]).sum() / pd.Series(attraction).groupby(frame["position"]).sum()
    np.testing.assert_allclose(rates, TRUTH, rtol=0.12)
