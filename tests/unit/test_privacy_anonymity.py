import itertools

import numpy as np
import pandas as pd
import pytest

from workbench.governance.privacy import anonymity
from workbench.governance.privacy.anonymity import AnonymityError, attributes, mondrian, risks

QUASI = ["age", "city", "size"]
CITIES = {
    "Leeds": ["UK", "North"], "York": ["UK", "North"], "London": ["UK", "South"], "Brighton": ["UK", "South"],
    "Lyon": ["France"], "Paris": ["France"],
}  # fmt: skip


def people(n: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 90, n),
            "city": random.choice(list(CITIES), n, p=[0.4, 0.2, 0.2, 0.1, 0.05, 0.05]),
            "size": random.choice(["1", "2", "3-4", "5+"], n),
            "illness": random.choice(["none", "flu", "asthma", "gout"], n, p=[0.6, 0.2, 0.15, 0.05]),
        },
        index=[f"row {i}" for i in range(n)],
    )
    frame.loc[random.random(n) < 0.1, "city"] = None
    return frame


def covers(released: str, value: object, path: list[str]) -> bool:
    """Whether a released value can stand for a raw one."""
    raw = "unknown" if pd.isna(value) else str(value)
    inside = released.strip("{}").split(", ")
    if raw in inside or released == "any" or released in path:
        return True
    low, high = (float(end.rstrip("+")) for end in released.removeprefix("unknown or ").split("-", 1))
    return low <= float(raw.split("-")[0].rstrip("+")) <= high


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("k", "l", "t"), [(2, 1, 1.0), (5, 2, 1.0), (5, 1, 0.3), (10, 3, 0.4)])
def test_every_class_meets_the_demands_and_covers_its_people(seed, k, l, t):  # noqa: E741
    frame = people(300, seed)
    found = anonymity.anonymise(frame, QUASI, ["illness"], k, l, t, {"city": CITIES})
    assert risks.k_of(found.frame, QUASI) >= k
    assert risks.l_of(found.frame, QUASI, "illness") >= l
    assert risks.t_of(found.frame, QUASI, "illness") <= t + 1e-9
    assert found.frame.index.tolist() == frame.index.tolist()
    assert found.frame["illness"].equals(frame["illness"])
    assert len(found.suppressed) == 0
    for name in QUASI:
        for released, raw in zip(found.frame[name], frame[name], strict=True):
            assert covers(released, raw, CITIES.get(str(raw), [])), (name, released, raw)
    assert 0 < found.loss < 1
    sizes = found.frame.groupby(QUASI).size()
    assert found.discernibility == int((sizes**2).sum())
    assert risks.prosecutor(found.frame, QUASI).highest <= 1 / k


def test_classes_are_as_small_as_cuts_allow():
    """A class that could still be cut in two would have been: tried for every class, column and place."""
    frame = people(120, 1)[QUASI]
    own = [attributes.attribute(frame[name]) for name in QUASI]
    found = mondrian.classes(own, mondrian.Demands(4))
    for group in range(found.max() + 1):
        rows = np.flatnonzero(found == group)
        assert len(rows) >= 4
        for each in own:
            codes = np.sort(each.codes[rows])
            cuts = [i for i in range(4, len(rows) - 3) if codes[i - 1] != codes[i]]
            assert not cuts


def test_more_demanded_costs_more():
    frame = people(2000, 3)
    losses = [anonymity.anonymise(frame, QUASI, k=k).loss for k in (2, 5, 10, 25)]
    assert losses == sorted(losses)


def test_the_same_people_give_the_same_table_in_any_order_of_rows():
    frame = people(200, 5)
    one = anonymity.anonymise(frame, QUASI, k=5).frame
    other = anonymity.anonymise(frame.sample(frac=1, random_state=1), QUASI, k=5).frame
    pd.testing.assert_frame_equal(one, other.loc[one.index])


def test_distance_by_hand():
    """Li et al., section 5: incomes 3k … 11k in nine steps; {3k, 4k, 5k} is 0.375 away, {6k, 8k, 11k} 0.167."""
    overall = np.full(9, 1 / 9)
    shares = np.zeros((2, 9))
    shares[0, [0, 1, 2]] = shares[1, [3, 5, 8]] = 1 / 3
    assert mondrian.distance(shares, overall, ordered=True) == pytest.approx([0.375, 0.1667], abs=1e-3)
    assert mondrian.distance(shares, overall, ordered=False) == pytest.approx([6 / 9, 6 / 9])


def test_the_check_finds_what_is_wrong():
    released = pd.DataFrame({"age": ["20-30"] * 3 + ["40"], "illness": ["flu", "flu", "flu", "gout"]})
    assert risks.k_of(released, ["age"]) == 1
    assert risks.l_of(released, ["age"], "illness") == 1
    assert risks.t_of(released, ["age"], "illness") == pytest.approx(0.75)
    assert risks.prosecutor(released, ["age"]) == risks.Risk(1.0, pytest.approx(0.5), 1.0)
    population = pd.DataFrame({"age": ["20-30"] * 10 + ["40"] * 4})
    assert risks.journalist(released, ["age"], population).highest == pytest.approx(0.25)


def test_ordered_categories_are_recognised_and_joined_readably():
    ages = attributes.attribute(pd.Series(["65+", "19-24", "25-34", None, "35-44"], name="age"))
    assert ages.labels == ("unknown", "19-24", "25-34", "35-44", "65+")
    assert ages.general(np.array([1, 3])) == "19-44"
    assert ages.general(np.array([0, 2])) == "unknown or 25-34"
    incomes = attributes.attribute(pd.Series(["250K+", "Under 15K", "15-24K"], name="income"))
    assert incomes.labels == ("Under 15K", "15-24K", "250K+")
    names = attributes.attribute(pd.Series(["Renter", "Owner", "Lodger"], name="home"))
    assert not names.ordered
    assert names.general(np.array([0, 2])) == "{Lodger, Renter}"


def test_a_hierarchy_is_cut_at_its_branches():
    frame = pd.DataFrame({"city": ["Leeds", "York", "London", "Brighton"] * 2 + ["Paris", "Lyon"] * 2})
    found = anonymity.anonymise(frame, ["city"], k=4, hierarchies={"city": CITIES})
    assert sorted(found.frame["city"].unique()) == ["France", "North", "South"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"k": 500}, "300 people cannot be 500-anonymous"),
        ({"sensitive": ["illness"], "l": 9}, "'illness' has 4 values, and l asks for 9"),
        ({"quasi_identifiers": []}, "no quasi-identifiers are named"),
        ({"hierarchies": {"city": {"Leeds": ["UK"]}}}, "the hierarchy of 'city' lacks the value 'Brighton'"),
        ({"max_suppression": 1.5}, "no share"),
    ],
)
def test_what_cannot_be_met_is_refused_in_a_sentence(given, said):
    with pytest.raises(ValueError, match=said) as caught:
        anonymity.anonymise(**{"frame": people(300, 0), "quasi_identifiers": QUASI, **given})
    assert isinstance(caught.value, AnonymityError) or "hierarchies" in given


def test_suppression_stays_below_its_bound_and_lowers_no_k():
    frame = people(300, 2)
    found = anonymity.anonymise(frame, QUASI, k=40, max_suppression=0.2)
    assert len(found.suppressed) <= 60
    assert len(found.frame) + len(found.suppressed) == 300
    assert not set(found.suppressed) & set(found.frame.index)
    assert risks.k_of(found.frame, QUASI) >= 40


def test_one_value_throughout_needs_no_cut():
    frame = pd.DataFrame({"a": ["x"] * 7, "b": [None] * 7})
    found = anonymity.anonymise(frame, ["a", "b"], k=5)
    assert found.loss == 0
    assert set(itertools.chain(*found.frame.to_numpy())) == {"x", "unknown"}
