"""The price of privacy: bounds, noise and what does not change, on a shop small enough to reason about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workbench.evaluation import demographics, private_counts
from workbench.evaluation.privacy_price import BOUNDS_ALONE, NO_NOISE, Season, by_epsilon, ndcg, prices
from workbench.evaluation.private_counts import SHARES, Bounds
from workbench.governance.privacy import anonymity
from workbench.governance.privacy.anonymity import risks, tables
from workbench.governance.privacy.releases import mechanism
from workbench.metrics.intervals import repeated_mean
from workbench.ranking import period
from workbench.ranking.cascade import add_text_model
from workbench.ranking.features import item_counts
from workbench.ranking.fusion import Fusion
from workbench.ranking.interactions import Interactions
from workbench.ranking.settings import Settings

CUT, LAST, ITEMS, USERS = 12, 15, 30, 60
EACH = {"popularity": 5, "item_knn": 5, "als": 5, "tfidf": 5, "bi_encoder": 5}
BOUNDS = Bounds(4, {"orders": 3, "weeks": 2, "value": 5.0, "quantity": 3})
FUSIONS = [Fusion(trees=5, leaves=4, min_leaf=5, seed=seed, threads=1) for seed in (0, 1)]


def shop() -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(3)
    taste = {u: random.choice(ITEMS, 5, replace=False) for u in range(USERS)}
    rows = [
        (f"u{u:03d}", f"i{item:03d}", f"o{u}-{week}", week, float(random.integers(1, 5)), round(random.gamma(2, 2), 2))
        for u in range(USERS)
        for week in range(1, LAST + 1)
        if random.random() < 0.8
        for item in {*random.choice(taste[u], 2), random.integers(ITEMS)}
    ]
    items = pd.DataFrame({"item_id": [f"i{i:03d}" for i in range(ITEMS)]})
    items["category"] = [f"D{i % 2} > C{i % 4} > T{i % 8}" for i in range(ITEMS)]
    items["title"] = "thing " + items.category.str.replace(" > ", " ")
    return pd.DataFrame(rows, columns=["user_id", "item_id", "order_id", "week", "quantity", "value"]), items


HOW = {
    "embed": lambda texts: np.eye(8, dtype=np.float32)[[int(text[-1]) for text in texts]],
    "settings": Settings(factors=4, threads=1), "min_users": 2,
}  # fmt: skip


def seeded(seed: int) -> private_counts.Noise:
    """A stand-in for the system's noise that a test can repeat: geometric numbers differ by discrete Laplace ones."""
    random = np.random.default_rng(seed)

    def noise(values: list[int], scale: float) -> list[int]:
        one, other = (random.geometric(1 - np.exp(-1 / scale), len(values)) for _ in range(2))
        return (np.asarray(values) + one - other).tolist()

    return noise


@pytest.fixture(scope="module")
def made() -> tuple[pd.DataFrame, pd.DataFrame]:
    return shop()


@pytest.fixture(scope="module")
def contexts(made) -> pd.Series:
    return pd.Series("bought things", index=pd.Index(sorted(made[0].user_id.unique())[5:], name="user_id"))


@pytest.fixture(scope="module")
def learn(made, contexts) -> Season:
    return Season.open(*made, (CUT - 3, CUT), contexts, EACH, 4, **HOW)


@pytest.fixture(scope="module")
def judged(made, contexts) -> Season:
    return Season.open(*made, (CUT, LAST), contexts, EACH, 4, **HOW)


@pytest.fixture(scope="module")
def values(learn: Season, judged: Season) -> dict[str, pd.DataFrame]:
    return by_epsilon(learn, judged, BOUNDS, [0.1, 50.0], FUSIONS, seeded(0))


# ---- without noise


def test_without_protection_it_is_the_evaluation_without_the_text_model_s_score(made, contexts, judged: Season) -> None:
    plain = period.open_period(*made, (CUT, LAST), each=EACH, **HOW)
    add_text_model(plain, contexts, made[1], lambda left, _: np.zeros(len(left), np.float32), 4)
    ours = judged.period()
    pd.testing.assert_frame_equal(ours.pairs, plain.pairs.drop(columns="by_text_model"))
    pd.testing.assert_frame_equal(ours.features, plain.features.drop(columns="by_text_model"))
    pd.testing.assert_frame_equal(ours.truth, plain.truth)


def test_counts_that_nothing_bounds_are_the_features_without_protection(judged: Season) -> None:
    wide = Bounds(10**4, dict.fromkeys(SHARES, 10.0**4))
    counts = private_counts.as_counts(private_counts.bounded(judged.interactions, wide))
    pd.testing.assert_frame_equal(
        counts, item_counts(judged.interactions)[list(counts)], check_dtype=False, check_names=False
    )
    ours, plain = judged.period(counts), judged.period()
    pd.testing.assert_frame_equal(ours.pairs, plain.pairs)
    pd.testing.assert_frame_equal(ours.features, plain.features)


def test_only_what_all_users_say_together_changes(judged: Season) -> None:
    noise = seeded(1)
    exact = private_counts.bounded(judged.interactions, BOUNDS)
    counts = private_counts.as_counts(private_counts.noisy(exact, BOUNDS, 1.0, noise))
    ours, plain = judged.period(counts), judged.period()
    both = ours.pairs.reset_index().merge(plain.pairs.reset_index(), on=["user", "item"])
    one, other = (table.loc[both[f"index_{side}"]].reset_index(drop=True)
                  for table, side in ((ours.features, "x"), (plain.features, "y")))  # fmt: skip
    changed = {name for name in one if not one[name].equals(other[name])}
    ours_alone = {name for name in one if name.startswith("item_")} | {"by_popularity"}
    assert changed == ours_alone | {"cascade_rank", "cascade_chosen"}
    pd.testing.assert_frame_equal(ours.truth, plain.truth)


# ---- bounds and noise


def test_one_user_changes_each_count_by_no_more_than_the_bound(judged: Season) -> None:
    whole = private_counts.bounded(judged.interactions, BOUNDS)
    log, most = judged.interactions.log, pd.Series({name: BOUNDS.most(name) for name in SHARES})
    changes = []
    for user in range(USERS):
        without = Interactions(judged.interactions.users, judged.interactions.items, log[log.user != user], CUT)
        change = (whole - private_counts.bounded(without, BOUNDS)).abs()
        assert (change.max() <= most).all()
        assert (change.sum() <= BOUNDS.max_items * most).all()
        changes.append(change.sum())
    reached = pd.concat(changes, axis=1).max(axis=1)
    sums = [name for name in SHARES if name not in ("weeks", "again")]  # a week of one user is others' week too
    assert (reached[sums] == BOUNDS.max_items * most[sums]).sum() >= 6, "the bounds bind, so they were tested"


def test_a_user_counts_at_the_same_items_whoever_else_is_there(judged: Season) -> None:
    log, few = judged.interactions.log, Bounds(1)
    alone = [
        private_counts.bounded(
            Interactions(judged.interactions.users, judged.interactions.items, log[log.user == user], CUT), few
        ).users
        for user in range(USERS)
    ]
    assert (pd.concat(alone, axis=1).sum(axis=1) == private_counts.bounded(judged.interactions, few).users).all()


def test_the_noise_is_as_planned_and_costs_epsilon_in_all() -> None:
    assert sum(SHARES.values()) == pytest.approx(1)
    for name, share in SHARES.items():
        scale = BOUNDS.scale(name, 2.0)
        assert scale == pytest.approx(BOUNDS.max_items * BOUNDS.most(name) / (2.0 * share), rel=1e-6)
    exact = pd.DataFrame(0, index=range(20000), columns=list(SHARES))
    drawn = private_counts.noisy(exact, BOUNDS, 2.0)
    for name in ("users_4w", "value"):
        expected = mechanism.expected_error(BOUNDS.scale(name, 2.0))
        assert drawn[name].abs().mean() == pytest.approx(expected, rel=0.05)  # 7 standard errors
        assert private_counts.plan(BOUNDS, 2.0).loc[name].iloc[-1] == pytest.approx(
            expected * private_counts.UNITS.get(name, 1)
        )
    pd.testing.assert_frame_equal(private_counts.noisy(exact, BOUNDS, np.inf), exact)


def test_bounds_that_bound_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="no count 'order' to clip"):
        Bounds(3, {"order": 2})
    for wrong in ({"max_items": 0}, {"max_items": 3, "clips": {"value": 0.001}}):
        with pytest.raises(ValueError, match="raise the bounds"):
            Bounds(**wrong)


# ---- the price


def test_each_epsilon_has_all_users_and_repeats_and_noise_costs(values: dict[str, pd.DataFrame]) -> None:
    assert list(values) == [NO_NOISE, BOUNDS_ALONE, "ε = 50", "ε = 0.1"]
    whole = values[NO_NOISE]
    assert all(table.shape == (len(whole), 2) and table.index.equals(whole.index) for table in values.values())
    assert all(table.to_numpy().min() >= 0 and table.to_numpy().max() <= 1 for table in values.values())
    assert not values["ε = 0.1"].equals(values["ε = 50"])


def test_the_same_noise_gives_the_same_price(learn: Season, judged: Season, values: dict[str, pd.DataFrame]) -> None:
    again = by_epsilon(learn, judged, BOUNDS, [50.0, 0.1], FUSIONS, seeded(0))
    for name, table in values.items():
        pd.testing.assert_frame_equal(table, again[name])


def test_prices_are_paired_differences(values: dict[str, pd.DataFrame]) -> None:
    rows = prices(values, NO_NOISE, resamples=200).set_index("subject")
    assert len(rows) == 2 * len(values) - 1
    difference = values["ε = 0.1"].mean().mean() - values[NO_NOISE].mean().mean()
    assert rows.loc[f"ε = 0.1 - {NO_NOISE}", "value"] == pytest.approx(difference)
    assert (rows.low <= rows.value).all()
    assert (rows.value <= rows.high).all()
    same = prices({NO_NOISE: values[NO_NOISE], "same": values[NO_NOISE]}, NO_NOISE).set_index("subject")
    assert same.loc[f"same - {NO_NOISE}", ["value", "low", "high"]].tolist() == [0, 0, 0]


def test_few_repeats_widen_the_interval() -> None:
    random = np.random.default_rng(0)
    units = random.normal(0, 1, (400, 1))
    quiet, shaken = units + np.zeros(3), units + np.array([-0.5, 0.0, 0.5])
    narrow, wide = (np.diff(repeated_mean(each, 4000)[1:])[0] for each in (quiet, shaken))
    assert narrow == pytest.approx(2 * 1.96 * units.std() / 20, rel=0.05)
    assert wide > 2 * 4.3 * 0.5 / np.sqrt(3) * 0.9  # Student's t with two degrees of freedom
    assert np.diff(repeated_mean(units, 4000)[1:])[0] == pytest.approx(narrow, rel=0.05)


def test_an_interval_covers_what_it_should() -> None:
    random, hits = np.random.default_rng(1), 0
    for seed in range(300):
        shift = random.normal(0, 0.1, 3)
        low, high = repeated_mean(random.normal(0, 1, (100, 1)) + shift, 400, seed=seed)[1:]
        hits += low <= 0 <= high
    assert hits / 300 > 0.93


# ---- demographic features


@pytest.fixture(scope="module")
def people(made) -> tables.People:
    random, ids = np.random.default_rng(5), sorted(made[0].user_id.unique())[:48]
    raw = pd.DataFrame({"user_id": ids, "age": random.choice(["19-24", "25-34", "35-44", "65+"], len(ids)),
                        "kids": random.choice(["none", "some", None], len(ids))})  # fmt: skip
    found = tables.people(pd.concat([raw, pd.DataFrame({"user_id": ["new"]})]), ["age", "kids"], ["kids"])
    assert found is not None
    assert found.silent == 1
    return found


def test_demographic_features_tell_no_more_than_what_is_released(judged: Season, people: tables.People) -> None:
    made, refused = tables.at_each(people, [6, 100], 1, 1.0)
    assert list(made) == [6]
    assert "48 people cannot be 100-anonymous" in refused[100]
    mine = demographics.only(judged.period(), people.raw.user_id)
    assert set(mine.user_ids[mine.truth.user]) <= set(people.raw.user_id)
    told = demographics.add(mine, people.raw, made[6].frame).features.filter(like="demographic_")
    own = told[["demographic_age", "demographic_kids"]].assign(user=mine.user_ids[mine.pairs.user]).drop_duplicates()
    everyone = made[6].frame.merge(own, left_on="user_id", right_on="user")
    assert (everyone.groupby(["age", "kids"])[["demographic_age", "demographic_kids"]].nunique() == 1).all().all()
    assert risks.k_of(made[6].frame, ["age", "kids"]) >= 6
    raw = demographics.add(mine, people.raw, people.raw).features
    assert raw.demographic_age.nunique() == 4
    assert demographics.add(mine, people.raw, None) is mine


def test_lift_is_a_group_s_rate_over_that_of_all(judged: Season, people: tables.People) -> None:
    mine = demographics.only(judged.period(), people.raw.user_id)
    lift = demographics.add(mine, people.raw, people.raw).features.demographic_age_lift
    row = mine.pairs.iloc[7]
    ages = people.raw.set_index("user_id").age
    bought = mine.interactions.pairs
    buyers = set(mine.interactions.users[bought.user[bought["item"] == row["item"]]]) & set(ages.index)
    group = ages.index[ages == ages[mine.user_ids[row.user]]]
    overall = len(buyers) / 48 + 0.5 / 48
    rate = (len(buyers & set(group)) + demographics.SMOOTHING * overall) / (len(group) + demographics.SMOOTHING)
    assert lift.iloc[7] == pytest.approx(rate / overall, rel=1e-5)


def test_demographics_can_be_ranked_with(learn: Season, judged: Season, people: tables.People) -> None:
    one, other = (demographics.only(season.period(), people.raw.user_id) for season in (learn, judged))
    added = [demographics.add(each, people.raw, people.raw) for each in (one, other)]
    found = ndcg(added[0], added[1], FUSIONS[0])
    assert found.index.equals(ndcg(one, other, FUSIONS[0]).index)
    assert found.between(0, 1).all()


def test_popularity_over_weeks_that_are_no_count_is_refused(learn: Season) -> None:
    odd = replace(learn, rankers=[type(learn.rankers[0])(7).fit(learn.interactions), *learn.rankers[1:]])
    with pytest.raises(ValueError, match="popularity over 7 weeks"):
        odd.period(item_counts(learn.interactions))


# ---- the users' table


def test_a_quasi_identifier_that_is_sensitive_is_measured_by_its_true_values() -> None:
    random = np.random.default_rng(0)
    raw = pd.DataFrame({"user_id": [f"u{i}" for i in range(300)],
                        "age": random.choice(["19-24", "25-34", "35-44", "65+"], 300),
                        "income": random.choice(["Under 15K", "15-24K", "25-34K", "35K+"], 300)})  # fmt: skip
    known = tables.people(raw, ["age", "income"], ["income"])
    made, _ = tables.at_each(known, [5, 20], 2, 0.6)
    rows = tables.measured(known, made).set_index("table")
    assert rows.loc[tables.RAW, "k"] < 20
    assert rows.loc[tables.RAW, ["loss", "l of income"]].tolist() == [0, 1]
    for k in (5, 20):
        row = rows.loc[f"k = {k}"]
        assert row["k"] >= k
        assert row["l of income"] >= 2
        assert row["t of income"] <= 0.6
        assert row["prosecutor"] <= 1 / k
        assert row["journalist"] == row["prosecutor"]
        assert row["suppressed"] == 0
        assert row["loss"] == pytest.approx(tables.by_column(made)[f"k = {k}"].mean())
    assert made[5].frame.user_id.equals(raw.user_id)


def test_a_source_that_declares_nothing_has_no_people() -> None:
    users = pd.DataFrame({"user_id": ["a"], "age": [None]})
    assert tables.people(users, [], []) is None
    assert tables.people(users, ["age"], []) is None
    with pytest.raises(ValueError, match="lacks 'town'"):
        tables.people(users, ["town"], [])
    assert issubclass(anonymity.AnonymityError, ValueError)
