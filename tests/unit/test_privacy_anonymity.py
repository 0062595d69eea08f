import ast
import inspect
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


def naive(columns: list, k: int, l: int, t: float, private: list, rows: list) -> list[list]:  # noqa: E741
    """Strict Mondrian by recursion, from its description: what `classes` does for all classes of a level at once.

    Args:
        columns: of each attribute the place of each row's value, and how deep the common branch of two values is.
        private: the sensitive values of all rows.
        rows: of the class to be cut.

    """
    for places, shared in sorted(columns, key=lambda one: min(one[0][i] for i in rows) - max(one[0][i] for i in rows)):
        cuts = []
        for value in sorted({places[i] for i in rows})[1:]:
            left, right = [i for i in rows if places[i] < value], [i for i in rows if places[i] >= value]
            depth = shared(max(left, key=places.__getitem__), min(right, key=places.__getitem__))
            if len(left) >= k and len(right) >= k:
                cuts.append((depth, abs(len(left) - len(right)), value, left, right))
        if not cuts:
            continue
        halves = min(cuts)[3:]
        if all(len({private[i] for i in half}) >= l and far(half, private) <= t + 1e-12 for half in halves):
            return [group for half in halves for group in naive(columns, k, l, t, private, half)]
    return [rows]


def far(rows: list, private: list) -> float:
    """Total variation of the rows' sensitive values from everybody's."""
    return (
        sum(
            abs(sum(private[i] == value for i in rows) / len(rows) - private.count(value) / len(private))
            for value in set(private)
        )
        / 2
    )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("k", "l", "t"), [(1, 1, 1.0), (2, 1, 1.0), (3, 2, 1.0), (3, 1, 0.5), (4, 2, 0.4)])
def test_cuts_are_those_of_the_naive_recursion(seed, k, l, t):  # noqa: E741
    """Small tables full of ties, missing values and branches."""
    frame = people(12 + 7 * seed, seed)
    frame["age"] //= 20
    own = [attributes.attribute(frame[name], {"city": CITIES}.get(name)) for name in QUASI]
    paths = [[*CITIES[city], city] if isinstance(city, str) else ["unknown"] for city in frame["city"]]

    def branch(one: int, other: int) -> int:
        same = [a == b for a, b in zip(paths[one], paths[other], strict=False)]
        return same.index(False) if False in same else len(same)

    columns = [(list(each.places[each.codes]), branch if each.name == "city" else lambda *_: 0) for each in own]
    illness = attributes.attribute(frame["illness"])
    sensitive = [mondrian.Sensitive(illness.codes, len(illness.labels), illness.ordered)]
    found = mondrian.classes(own, mondrian.Demands(k, l, t, sensitive))
    expected = naive(columns, k, l, t, frame["illness"].tolist(), list(range(len(frame))))
    assert {frozenset(np.flatnonzero(found == group)) for group in set(found)} == {frozenset(each) for each in expected}


def test_no_partition_at_all_beats_the_cuts_by_much():
    """One column, where the best strict partition is found by trying all: what the median costs against it."""
    losses = []
    for seed in range(40):
        values = np.sort(np.random.default_rng(seed).integers(0, 12, 14))
        made = anonymity.anonymise(pd.DataFrame({"a": values}), ["a"], k=3).loss
        losses.append((made, best(values.tolist(), 3, values[-1] - values[0]) / len(values)))
    assert all(made >= least - 1e-12 for made, least in losses)
    assert np.mean([made for made, _ in losses]) < 1.3 * np.mean([least for _, least in losses])


def best(values: list, k: int, span: int) -> float:
    """Least sum of losses over all strict partitions of sorted values into ranges of at least k."""
    if len(values) < k:
        return np.inf if values else 0.0
    ends = [i for i in range(k, len(values) + 1) if i == len(values) or values[i] != values[i - 1]]
    return min((values[i - 1] - values[0]) / span * i + best(values[i:], k, span) for i in ends)


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


def test_numbers_are_told_apart_to_their_last_digit():
    values = [1_000_001, 1_000_002, 0.1, 0.30000000000000004, 1e300]
    frame = pd.DataFrame({"a": values * 2})
    assert set(anonymity.anonymise(frame, ["a"], k=2).frame["a"]) == {
        "1000001", "1000002", "0.1", "0.30000000000000004", "1e+300"
    }  # fmt: skip
    with pytest.raises(ValueError, match="'a' holds an infinite number"):
        anonymity.anonymise(pd.DataFrame({"a": [1.0, np.inf]}), ["a"], k=1)


def test_dates_are_ordered_and_truths_are_categories():
    days = pd.Series(pd.to_datetime(["2001-05-01", None, "1999-12-31", "2001-04-30"]), name="born")
    born = attributes.attribute(days)
    assert born.ordered
    assert born.labels == ("unknown", "1999-12-31", "2001-04-30", "2001-05-01")
    assert born.general(np.array([1, 3])) == "1999-12-31 to 2001-05-01"
    truths = attributes.attribute(pd.Series([True, False], name="member"))
    assert (truths.labels, truths.ordered) == (("False", "True"), False)


def test_classes_that_look_alike_are_one():
    """A set of many values is shown as `any`: what was cut apart is together again, and is counted so."""
    frame = pd.DataFrame({"town": list("abcdefghijkl")})
    found = anonymity.anonymise(frame, ["town"], k=6)
    assert set(found.frame["town"]) == {"any"}
    assert (found.discernibility, found.loss) == (144, 1.0)


def test_a_sensitive_column_among_the_quasi_identifiers_stays_hidden_behind_its_range():
    frame = people(300, 4).assign(income=np.random.default_rng(4).integers(1, 9, 300))
    found = anonymity.anonymise(frame, [*QUASI, "income"], ["income"], k=5, l=3)
    behind = found.frame.assign(behind=frame["income"])
    assert risks.l_of(behind, [*QUASI, "income"], "behind") >= 3


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
        ({"k": 0}, "k 0, l 1, t 1 are no demands"),
        ({"sensitive": ["illness"], "t": 1.5}, "k 5, l 1, t 1.5 are no demands"),
        ({"l": 2}, "l and t are about sensitive columns, and none is named"),
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


@pytest.mark.parametrize("seed", range(5))
def test_what_is_left_after_suppression_is_as_close_to_itself_as_demanded(seed):
    frame = people(200, seed)
    frame["illness"] = np.where(frame["age"] > 70, "gout", frame["illness"])
    found = anonymity.anonymise(frame, QUASI, ["illness"], k=5, t=0.35, max_suppression=0.5)
    assert risks.t_of(found.frame, QUASI, "illness") <= 0.35 + 1e-9
    assert len(found.suppressed) <= 100


def test_the_order_of_a_sensitive_column_in_the_check():
    released = pd.DataFrame({"age": ["20"] * 2 + ["30"] * 2, "pay": [None, "low", "high", "high"]})
    assert risks.t_of(released, ["age"], "pay", ["low", "middle", "high"]) == pytest.approx((0.25 + 0.5) / 2)
    assert risks.t_of(released.iloc[:0], ["age"], "pay") == 0
    with pytest.raises(ValueError, match="the order of 'pay' lacks the value 'low': add it"):
        risks.t_of(released, ["age"], "pay", ["high"])


def test_a_population_is_shown_as_the_release_shows_it():
    raw = pd.DataFrame({"age": [20, 25, 40, 44], "city": ["York", None, "York", "York"]})
    released = pd.DataFrame({"age": ["20-25", "20-25", "40-44"], "city": ["any", "any", "York"]}, index=[0, 1, 2])
    everybody = pd.DataFrame({"age": [20, 20, 25, 40, 44, 90], "city": ["York", "York", None, "York", "York", "York"]})
    shown = risks.alike(everybody, raw, released, ["age", "city"])
    assert shown["age"].tolist() == ["20-25", "20-25", "20-25", "40-44"]  # 44 is suppressed, nobody is 90
    assert risks.journalist(released, ["age", "city"], shown).highest == 1
    assert risks.journalist(released.iloc[:2], ["age", "city"], shown).highest == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="takes a strict release"):
        risks.alike(everybody, raw.assign(age=20, city="York"), released, ["age", "city"])


def test_a_missing_value_is_shown_as_missing():
    raw = pd.DataFrame({"age": [20, 20], "city": [None, None]})
    assert risks.alike(raw, raw, raw, ["age", "city"])["city"].isna().all()


def test_the_check_shares_no_code_with_the_maker():
    source = ast.parse(inspect.getsource(risks))
    named = [node for node in ast.walk(source) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not [node for node in named if "workbench" in ast.unparse(node)]


def test_one_value_throughout_needs_no_cut():
    frame = pd.DataFrame({"a": ["x"] * 7, "b": [None] * 7})
    found = anonymity.anonymise(frame, ["a", "b"], k=5)
    assert found.loss == 0
    assert set(itertools.chain(*found.frame.to_numpy())) == {"x", "unknown"}
