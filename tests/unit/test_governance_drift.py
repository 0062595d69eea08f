"""Drift: bins hold what they should, the distances agree with their definitions, a shift is told from none."""

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy.spatial import distance

from workbench.data import engine
from workbench.governance.quality import drift as drifting
from workbench.governance.quality.drift import drift, jensen_shannon, population_stability, summarise


def shop(seed: int, shift: float = 0.0, rows: int = 4000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    price = np.exp(rng.normal(3 + shift, 1, rows))
    price[: int(rows * (0.05 + shift / 4))] = np.nan
    kinds = rng.choice([f"k{i}" for i in range(30)], rows, p=np.arange(1, 31) / 465)
    return pd.DataFrame(
        {"item_id": np.arange(rows).astype(str), "price": price, "kind": kinds, "position": rng.integers(1, 6, rows)}
    ).assign(in_stock=rng.random(rows) < 0.9)


@pytest.fixture(scope="module")
def con():
    return engine.connect("500MB", threads=1)


def table(con, frame: pd.DataFrame) -> dict:
    return {"items": con.create_table(ibis.util.gen_name("shop"), frame)}


def test_bins_are_quantiles_and_hold_every_row_once(con):
    frame = shop(0)
    made = summarise(table(con, frame))
    assert set(made["column"]) == {"price", "kind", "position", "in_stock"}
    assert made.groupby("column")["count"].sum().eq(len(frame)).all()
    price = made[made["column"] == "price"]
    assert len(price) == 11
    known = frame["price"].dropna()
    expected = pd.cut(known, [-np.inf, *price["high"].dropna(), np.inf]).value_counts(sort=False)
    assert price["count"].tolist() == [frame["price"].isna().sum(), *expected]
    assert price["count"].iloc[1:].sub(len(known) / 10).abs().max() <= 1
    edges = np.quantile(known, np.arange(1, 10) / 10, method="inverted_cdf")
    np.testing.assert_allclose(price["high"].dropna().to_numpy(float), edges)
    position = made[made["column"] == "position"]
    assert position["count"].sum() == len(frame)
    assert position["label"].is_unique
    kind = made[made["column"] == "kind"]
    assert len(kind) == drifting.TOP + 2
    most = frame["kind"].value_counts().head(drifting.TOP)
    assert kind["count"].tolist() == [0, *most, len(frame) - most.sum()]


def test_a_category_may_be_called_like_a_bin(con):
    frame = pd.DataFrame({"kind": ["(other)", "(missing)", None, "a"]})
    made = summarise(table(con, frame))
    assert made["count"].tolist() == [1, 1, 1, 1, 0]
    assert drift(made, table(con, frame))["psi"].tolist() == [0]


def test_a_column_of_one_value_has_one_bin_with_an_open_end(con):
    made = summarise(table(con, pd.DataFrame({"price": [5.0] * 7 + [None]})))
    assert made["count"].tolist() == [1, 7]
    assert drift(made, table(con, pd.DataFrame({"price": [5.0, 4.0]})))["reading"].tolist() == ["moved"]


def test_the_same_tables_do_not_drift_and_others_do(con):
    reference = summarise(table(con, shop(1)))
    same = drift(reference, table(con, shop(1)))
    assert same[["psi", "jensen_shannon"]].max().max() == pytest.approx(0, abs=1e-9)
    again = drift(reference, table(con, shop(2))).set_index("column")
    assert (again["reading"] == "stable").all()
    moved = drift(reference, table(con, shop(3, shift=0.8))).set_index("column")
    assert moved.loc["price", "reading"] == "moved"
    assert (moved.drop("price")["reading"] == "stable").all()
    assert next(iter(moved.index)) == "price"


def test_a_summary_survives_a_file(con, tmp_path):
    made = summarise(table(con, shop(1)))
    made.to_parquet(tmp_path / "summary.parquet")
    made.to_json(tmp_path / "summary.json", orient="records")
    exact = drift(pd.read_parquet(tmp_path / "summary.parquet"), table(con, shop(1)))
    assert exact["psi"].max() == pytest.approx(0, abs=1e-9)
    rounded = drift(pd.read_json(tmp_path / "summary.json"), table(con, shop(1)))  # JSON has ten digits here
    assert rounded["psi"].max() == pytest.approx(0, abs=1e-4)


def readings(found: pd.DataFrame) -> dict[tuple[str, str], str]:
    uncompared = found[~found["reading"].isin(["stable", "look", "moved"])]
    assert uncompared[["psi", "jensen_shannon"]].isna().all(axis=None)
    assert set(found["reading"]) <= set(drifting.READINGS)
    return dict(zip(zip(found["table"], found["column"], strict=True), found["reading"], strict=True))


def test_what_is_gone_and_what_is_new(con):
    reference = summarise(table(con, shop(1)))
    found = readings(drift(reference, table(con, shop(1).drop(columns="kind"))))
    assert found["items", "kind"] == "gone"
    assert found["items", "price"] == "stable"
    assert set(readings(drift(reference, {})).values()) == {"gone"}
    assert set(readings(drift(reference, table(con, shop(1).iloc[:0]))).values()) == {"gone"}
    added = table(con, shop(1).assign(colour="red", weight=1.5))
    users = con.create_table("some_users", pd.DataFrame({"user_id": ["1"], "town": ["Ulm"]}))
    found = readings(drift(reference, added | {"users": users, "calendar": users}))
    assert {key for key, reading in found.items() if reading == "new"} == {
        ("items", "colour"), ("items", "weight"), ("users", "town"),
    }  # fmt: skip  # a table beyond the contract is the source's own affair
    assert found["items", "price"] == "stable"
    before = summarise(table(con, shop(1).iloc[:0]))
    assert set(readings(drift(before, table(con, shop(1)))).values()) == {"new"}
    assert set(readings(drift(before, table(con, shop(1).iloc[:0]))).values()) == {"stable"}


def test_numbers_that_became_text_are_of_another_type(con):
    reference = summarise(table(con, shop(1)))
    changed = table(con, shop(1).assign(price=shop(1)["price"].astype("str"), kind=7.0))
    found = readings(drift(reference, changed))
    assert (found["items", "price"], found["items", "kind"]) == ("other type", "other type")
    assert found["items", "position"] == "stable"
    assert readings(drift(reference, summarise(changed, like=reference))) == found


def test_between_stable_and_moved_a_column_is_worth_a_look(con):
    reference = summarise(table(con, pd.DataFrame({"kind": ["a", "b"] * 50})))
    now = drift(reference, table(con, pd.DataFrame({"kind": ["a"] * 70 + ["b"] * 30})))
    assert 0.1 < now["psi"].item() < 0.25
    assert now["reading"].item() == "look"


def test_other_bins_are_refused(con):
    with pytest.raises(ValueError, match="like=reference"):
        drift(summarise(table(con, shop(1))), summarise(table(con, shop(3, shift=0.5))))


@pytest.mark.parametrize("seed", range(5))
def test_jensen_shannon_is_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    p, q = rng.integers(0, 50, (2, 12)).astype(float)
    p[0], q[1] = 0, 0
    assert jensen_shannon(p, q) == pytest.approx(distance.jensenshannon(p, q, base=2), abs=1e-12)
    assert jensen_shannon(np.array([1.0, 0]), np.array([0, 1.0])) == 1


def test_the_index_by_hand():
    expected = (0.5 - 0.25) * np.log(0.5 / 0.25) + (0.5 - 0.75) * np.log(0.5 / 0.75)
    assert population_stability(np.array([2.0, 2]), np.array([10.0, 30])) == pytest.approx(expected)
    assert np.isfinite(population_stability(np.array([1.0, 0]), np.array([0, 1.0])))
