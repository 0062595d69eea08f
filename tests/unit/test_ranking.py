"""Rankers, candidates, features and fusion on a shop small enough to reason about."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.evaluation.comparison import compare, estimate
from workbench.evaluation.holdout import count_use
from workbench.evaluation.lists import coverage, diversity
from workbench.evaluation.slices import standard_slices
from workbench.metrics.ranking import ranking_metrics
from workbench.ranking.cascade import first_candidates, reciprocal_rank_fusion, text_scores
from workbench.ranking.features import candidate_features, family
from workbench.ranking.fusion import Fusion, cross_validate
from workbench.ranking.interactions import Interactions
from workbench.ranking.period import Period, Settings, assemble, cheap_rankers
from workbench.ranking.rankers import Content, Frequency, Popularity, Ranker, _top
from workbench.ranking.tuning import tune

CUT, LAST = 12, 15
EACH = {"popularity": 5, "item_knn": 5, "als": 5, "tfidf": 5}


def shop(seed: int = 0, users: int = 60, items: int = 40) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Households that buy their few favourites week after week, and now and then something else."""
    random = np.random.default_rng(seed)
    taste = {u: random.choice(items, 4, replace=False) for u in range(users)}
    rows = [
        (f"u{u:03d}", f"i{item:03d}", f"o{u}-{week}", week, 1.0, 2.0)
        for u in range(users)
        for week in range(1, LAST + 1)
        if random.random() < 0.7
        for item in {*random.choice(taste[u], 2), random.integers(items)}
    ]
    columns = ["user_id", "item_id", "order_id", "week", "quantity", "value"]
    catalogue = pd.DataFrame({"item_id": [f"i{i:03d}" for i in range(items)]})
    catalogue["category"] = [f"D{i % 2} > C{i % 4} > T{i % 8}" for i in range(items)]
    return pd.DataFrame(rows, columns=columns), catalogue


def build(purchases: pd.DataFrame, items: pd.DataFrame) -> tuple[Period, list[Ranker]]:
    interactions = Interactions.fit(purchases, items, CUT, min_users=2)
    texts = items.set_index("item_id").category.reindex(interactions.items).str.replace(" > ", " ").tolist()
    vectors = np.eye(8, dtype=np.float32)[[int(t[-1]) for t in texts]]
    rankers = cheap_rankers(interactions, texts, lambda _: vectors, Settings(factors=4))
    return assemble(purchases, items, interactions, LAST, rankers, EACH), rankers


@pytest.fixture(scope="module")
def small() -> Period:
    return build(*shop())[0]


def test_the_filter_looks_at_the_past_only() -> None:
    purchases, items = shop()
    future = purchases[purchases.week > CUT].assign(item_id="i999")
    items = pd.concat([items, pd.DataFrame({"item_id": ["i999"], "category": ["D > C > T"]})])
    interactions = Interactions.fit(pd.concat([purchases, future]), items, CUT, 2)
    assert "i999" not in interactions.items
    assert interactions.log.week.max() <= CUT


def test_excluded_departments_and_rare_items_are_left_out() -> None:
    purchases, items = shop()
    interactions = Interactions.fit(purchases, items, CUT, 2, excluded=("D1",))
    assert all(int(item[1:]) % 2 == 0 for item in interactions.items)
    with pytest.raises(ValueError, match="lower min_households"):
        Interactions.fit(purchases, items, CUT, 1000)


@pytest.mark.parametrize("change", ["delete", "shuffle"])
def test_nothing_after_the_cut_reaches_a_score_or_a_feature(change: str, small: Period) -> None:
    purchases, items = shop()
    late = purchases.week > CUT
    if change == "delete":  # one purchase a household stays, so that the same households are ranked for
        changed = pd.concat([purchases[~late], purchases[late].drop_duplicates("user_id")])
    else:
        changed = purchases.copy()
        changed.loc[late, "item_id"] = np.random.default_rng(5).permutation(changed.loc[late, "item_id"])
    period, _ = build(changed, items)
    same = period.pairs.merge(small.pairs, on=["user", "item"], how="inner")
    assert len(same) == len(period.pairs) == len(small.pairs)
    pd.testing.assert_frame_equal(period.features, small.features)
    assert not np.array_equal(period.pairs.label, small.pairs.label)  # the labels do follow the later weeks


def test_frequency_counts_orders_and_fades_them() -> None:
    purchases = pd.DataFrame(
        {"user_id": "u", "item_id": ["a", "a", "a", "b"], "order_id": ["1", "1", "2", "3"], "week": [1, 1, 5, 9]}
    ).assign(quantity=1.0, value=1.0)
    items = pd.DataFrame({"item_id": ["a", "b"], "category": "D > C > T"})
    interactions = Interactions.fit(purchases, items, 9, 1)
    assert Frequency().fit(interactions).block(np.array([0])).tolist() == [[2.0, 1.0]]
    assert Frequency(4).fit(interactions).block(np.array([0]))[0].tolist() == pytest.approx([0.25 + 0.5, 1.0])
    assert Popularity(4).fit(interactions).block(np.array([0])).tolist() == [[0.0, 1.0]]


def test_recommend_breaks_ties_by_item_and_agrees_with_score(small: Period) -> None:
    assert _top(np.array([[1.0, 3.0, 3.0, 3.0, 0.0]]), 2).tolist() == [[1, 2]]
    _, rankers = build(*shop())
    for ranker in rankers:
        lists = ranker.recommend(np.array([3, 1]), 4)
        np.testing.assert_allclose(ranker.score(lists), lists.score, rtol=1e-5)
        assert (lists.groupby("user").score.diff().dropna() <= 1e-6).all()


def test_content_needs_one_vector_an_item() -> None:
    interactions = Interactions.fit(*shop(), CUT, 2)
    with pytest.raises(ValueError, match="one vector an eligible item"):
        Content("tfidf", np.eye(3)).fit(interactions)


def test_features_mean_what_they_say() -> None:
    purchases = pd.DataFrame(
        {"user_id": ["u", "u", "u", "v"], "item_id": ["a", "a", "b", "b"], "order_id": ["1", "2", "2", "3"],
         "week": [2, 6, 6, 8], "quantity": [2.0, 1.0, 1.0, 4.0], "value": [4.0, 2.0, 3.0, 8.0]}
    )  # fmt: skip
    items = pd.DataFrame({"item_id": ["a", "b"], "category": ["D > C > T", "D > C > U"]})
    interactions = Interactions.fit(purchases, items, 8, 1)
    pairs = pd.DataFrame({"user": [0, 0, 1], "item": [0, 1, 0]})
    features = candidate_features(pairs, interactions, items)
    first = features.iloc[0]
    assert first[["own_orders", "own_recency", "own_gap", "own_due", "own_quantity"]].tolist() == [2, 2, 4, 0.5, 3]
    assert first.own_rate == 1.0
    assert first.own_faded_4w == pytest.approx(0.5**1.5 + 0.5**0.5)
    assert features.category_orders.tolist() == [3, 3, 1]
    assert np.isnan(features.own_orders[2])  # v never bought a
    assert features.item_price.tolist() == pytest.approx([2.0, 2.2, 2.0])
    assert all(family(name) for name in features)


def test_the_cascade_takes_half_of_its_places_from_new_products() -> None:
    pairs = pd.DataFrame({"user": 0, "item": range(8), "repeat": [True] * 4 + [False] * 4, "by_a": range(8)})
    chosen = first_candidates(pairs, ["by_a"], 4)
    assert pairs.item[chosen].tolist() == [2, 3, 6, 7]
    assert np.argsort(-reciprocal_rank_fusion(pairs, ["by_a"])).tolist() == list(range(7, -1, -1))


def test_text_scores_reach_the_chosen_pairs_only() -> None:
    pairs = pd.DataFrame({"user": [0, 0, 1], "item": [0, 1, 0]})
    seen: list[tuple[str, str]] = []

    def score(contexts: list[str], candidates: list[str]) -> np.ndarray:
        seen.extend(zip(contexts, candidates, strict=True))
        return np.ones(len(contexts))

    result = text_scores(pairs, np.array([True, False, True]), pd.Series({0: "past"}), np.array(["x", "y"]), score)
    assert seen == [("past", "x")]  # user 1 has no past
    np.testing.assert_array_equal(result, [1, np.nan, np.nan])


def test_fusion_beats_chance_repeats_and_survives_saving(small: Period, tmp_path) -> None:
    user, label = small.pairs.user.to_numpy(), small.pairs.label.to_numpy()
    settings = {"trees": 20, "leaves": 4, "min_leaf": 5, "threads": 1}
    model = Fusion(**settings).fit(small.features, user, label)
    scores = model.score(small.features)
    np.testing.assert_array_equal(scores, Fusion(**settings).fit(small.features, user, label).score(small.features))
    model.save(tmp_path / "fusion.txt")
    np.testing.assert_array_equal(scores, Fusion.load(tmp_path / "fusion.txt").score(small.features))
    parts = model.contributions(small.features)
    assert np.ptp(scores - parts.sum(axis=1)) < 1e-6  # the contributions and one constant make the score
    held_out = cross_validate([Fusion(**settings)], small.pairs, small.features, small.truth_size).ndcg[0]
    item, noise = small.pairs.item.to_numpy(), np.random.default_rng(0).random(len(user))
    assert held_out > 1.5 * ranking_metrics(user, item, noise, label, small.truth_size).ndcg.mean()


def test_fusion_refuses_rows_out_of_order_and_use_before_fit(small: Period) -> None:
    with pytest.raises(ValueError, match="stand together"):
        Fusion().fit(small.features[:3], np.array([1, 2, 1]), np.array([1, 0, 1]))
    with pytest.raises(RuntimeError, match="not fitted"):
        Fusion().score(small.features)


def test_tuning_keeps_the_best_value_and_knows_its_settings() -> None:
    interactions = Interactions.fit(*shop(), CUT, 2)
    truth = interactions.truth(shop()[0], LAST)
    chosen, table = tune(interactions, truth, {"half_life": [1, 50], "popular_weeks": [2, 8]}, Settings())
    for setting, rows in table.groupby("setting"):
        assert rows.value[rows.ndcg.idxmax()] == getattr(chosen, setting)
    with pytest.raises(ValueError, match="cannot tune"):
        tune(interactions, truth, {"halflife": [1]}, Settings())


def test_comparison_is_paired_and_slices_part_the_truth(small: Period) -> None:
    slices = standard_slices(small.interactions)
    rows = compare(small, small.rankers, [("recency", "frequency"), ("als", "als")], slices, resamples=200)
    zero = estimate(rows, "als - als")
    assert (zero["value"], zero["low"], zero["high"]) == (0, 0, 0)
    difference = estimate(rows, "recency")["value"] - estimate(rows, "frequency")["value"]
    assert estimate(rows, "recency - frequency")["value"] == pytest.approx(difference)
    for a, b in (("repeat products", "novel products"), ("head products", "tail products")):
        assert slices[a](small.truth).sum() + slices[b](small.truth).sum() == len(small.truth)
    assert rows[rows.metric == "mrr"].k.isna().all()


def test_the_ceiling_is_the_recall_of_an_oracle(small: Period) -> None:
    hits = small.pairs.label.sum()
    assert small.ceiling == pytest.approx(hits / len(small.truth))
    assert 0 < small.ceiling <= 1


def test_looks_at_the_test_window_are_counted(tmp_path) -> None:
    register, shop, other = (tmp_path / name for name in ("uses.jsonl", "shop", "other"))
    shop.write_text("shop")
    other.write_text("other")
    assert [count_use(register, shop, tmp_path), count_use(register, shop, tmp_path)] == [1, 2]
    assert count_use(register, other, tmp_path) == 1
    register.write_text("not json\n")
    with pytest.raises(ValueError, match="damaged"):
        count_use(register, shop, tmp_path)


def test_coverage_and_diversity() -> None:
    lists = pd.DataFrame(
        {"ranker": "r", "user_id": ["u", "u", "v", "v"], "item_id": ["a", "b", "a", "c"], "rank": [1, 2, 1, 2]}
    )
    assert coverage(lists, 6)["r"] == pytest.approx(0.5)
    assert diversity(lists, pd.Series({"a": "x", "b": "x", "c": "y"}))["r"] == pytest.approx(0.75)
