"""Rankers, candidates, features and fusion on a shop small enough to reason about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.artifacts import write_json
from workbench.evaluation.comparison import compare, estimate
from workbench.evaluation.handover import check_against_reference, top_lists
from workbench.evaluation.holdout import count_use
from workbench.evaluation.lists import coverage, diversity
from workbench.evaluation.reasons import reasons, shares
from workbench.evaluation.slices import standard_slices
from workbench.metrics.ranking import ranking_metrics
from workbench.ranking.candidates import propose
from workbench.ranking.cascade import add_text_model, first_candidates, reciprocal_rank_fusion, text_scores
from workbench.ranking.features import candidate_features, family
from workbench.ranking.fusion import Fusion, cross_validate
from workbench.ranking.interactions import Interactions
from workbench.ranking.period import Period, assemble
from workbench.ranking.rankers import Content, Frequency, Popularity, Ranker, _top, tfidf_vectors
from workbench.ranking.settings import MAKERS, Settings
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


def fit(purchases: pd.DataFrame, items: pd.DataFrame) -> tuple[Interactions, list[Ranker]]:
    interactions = Interactions.fit(purchases, items, CUT, min_users=2)
    texts = items.set_index("item_id").category.reindex(interactions.items).str.replace(" > ", " ").tolist()
    vectors = {"tfidf": tfidf_vectors(texts), "bi_encoder": np.eye(8, dtype=np.float32)[[int(t[-1]) for t in texts]]}
    settings = Settings(factors=4, threads=1)
    return interactions, [make(settings, vectors).fit(interactions) for make in MAKERS.values()]


def build(purchases: pd.DataFrame, items: pd.DataFrame) -> tuple[Period, list[Ranker]]:
    interactions, rankers = fit(purchases, items)
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
    with pytest.raises(ValueError, match="lower min_users"):
        Interactions.fit(purchases, items, CUT, 1000)


@pytest.mark.parametrize("change", ["delete", "shuffle", "newcomers"])
def test_nothing_after_the_cut_reaches_a_score_or_a_feature(change: str, small: Period) -> None:
    purchases, items = shop()
    late, random = purchases.week > CUT, np.random.default_rng(5)
    if change == "delete":
        changed = purchases[~late]
    elif change == "shuffle":
        changed = purchases.copy()
        for column in ("item_id", "user_id", "value"):
            changed.loc[late, column] = random.permutation(changed.loc[late, column])
    else:  # households that sort before all others and are seen after the cut only
        changed = pd.concat([purchases, purchases[late].assign(user_id="a" + purchases.user_id[late])])
    users = small.truth.user.unique()
    interactions, rankers = fit(changed, items)
    pairs = propose(users, interactions, rankers, EACH)
    pd.testing.assert_frame_equal(pairs, small.pairs.drop(columns="label"))
    features = candidate_features(pairs, interactions, items)
    pd.testing.assert_frame_equal(features, small.features[features.columns])


def test_households_seen_first_after_the_cut_are_ranked_by_popularity() -> None:
    purchases, items = shop()
    new = purchases[purchases.week > CUT].head(30).assign(user_id="a-new")
    period, _ = build(pd.concat([purchases, new]), items)
    code = len(period.interactions.users)
    assert period.user_ids[code] == "a-new"
    mine = period.pairs[period.pairs.user == code]
    assert len(mine) == EACH["popularity"]
    assert mine.by_popularity.gt(0).all()
    assert mine.drop(columns=["by_popularity", "user", "item", "label", "repeat"]).eq(0).all(axis=None)
    assert standard_slices(period.interactions)["cold users"](mine).all()
    assert "a-new" in set(top_lists(period, ["popularity"]).user_id)


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
    fused = reciprocal_rank_fusion(pairs, ["by_a"])
    assert np.argsort(-fused).tolist() == list(range(7, -1, -1))
    assert pairs.item[first_candidates(pairs, fused, 4)].tolist() == [2, 3, 6, 7]


def test_the_text_model_reads_the_first_n_and_the_cheap_order_follows() -> None:
    period, _ = build(*shop())
    items = shop()[1].assign(title=lambda rows: rows.category)
    contexts = pd.Series("what was bought", index=period.interactions.users)
    cost = add_text_model(period, contexts, items, lambda left, right: -np.arange(len(left), dtype=float), 4)
    read = period.features.by_text_model.notna()
    assert cost["pairs"] == read.sum() == period.features.cascade_chosen.sum()
    assert cost["distinct pairs scored"] <= cost["pairs"]
    assert (read.groupby(period.pairs.user).sum() <= 4).all()
    lists = period.pairs.assign(read=read, fused=period.features.cascade_rank)
    for _, mine in lists.groupby("user"):
        ordered = mine.sort_values("by_text_model", ascending=False)
        assert ordered["read"].is_monotonic_decreasing  # what was read stands first
        assert ordered.fused[~ordered["read"]].is_monotonic_decreasing


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
    truth, _ = interactions.truth(shop()[0], LAST)
    chosen, table = tune(interactions, truth, {"half_life": [1, 50], "popular_weeks": [2, 8]}, Settings(), {})
    for setting, rows in table[table.setting != "none"].groupby("setting"):
        assert rows.value[rows.ndcg.idxmax()] == getattr(chosen, setting)
    assert table.ranker[0] == "frequency"
    with pytest.raises(ValueError, match="cannot tune"):
        tune(interactions, truth, {"halflife": [1]}, Settings(), {})


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


def test_looks_at_the_test_weeks_are_counted_whatever_the_sample(tmp_path) -> None:
    def governed(name: str, raw: str, out: str) -> Path:
        manifest = {"inputs": [{"path": "raw", "sha256": raw}], "outputs": [{"path": "events", "sha256": out}]}
        write_json(tmp_path / name / "manifest.json", manifest)
        return tmp_path / name

    register, weeks = tmp_path / "uses.jsonl", (49, 53)
    shop, sample, other = governed("a", "1", "1"), governed("b", "1", "2"), governed("c", "2", "1")
    assert [count_use(register, data, weeks, tmp_path) for data in (shop, sample, other)] == [1, 2, 1]
    assert count_use(register, shop, (44, 48), tmp_path) == 1
    register.write_text("not json\n")
    with pytest.raises(ValueError, match="damaged"):
        count_use(register, shop, weeks, tmp_path)


def test_our_metrics_are_held_against_the_reference(small: Period, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_against_reference(small, ["frequency", "als"]) <= 1e-9
    wrong = small.pairs.assign(label=0)
    with pytest.raises(ValueError, match="differ from ir-measures"):
        check_against_reference(replace(small, pairs=wrong), ["frequency"])


def test_reasons_name_what_spoke_and_never_a_text_that_was_not_read(small: Period) -> None:
    features = small.features.head(3).reset_index(drop=True).assign(by_text_model=[1.0, np.nan, np.nan])
    contributions = pd.DataFrame(0.0, features.index, features.columns)
    contributions["by_text_model"] = [1.0, 1.0, 1.0]
    contributions["own_orders"] = [0.5, 0.5, -1.0]
    contributions["user_orders"] = 9.0  # the same for all items of a household: no reason for one of them
    told = reasons(features, contributions)
    assert told[0].startswith("text model's interest; bought before (")
    assert told[1].startswith("bought before (")
    assert told[2] == "—"
    assert shares(contributions, pd.Series(["a", "b", "b"])).sum(axis=1).tolist() == pytest.approx([1, 1])


def test_coverage_and_diversity() -> None:
    lists = pd.DataFrame(
        {"ranker": "r", "user_id": ["u", "u", "v", "v"], "item_id": ["a", "b", "a", "c"], "rank": [1, 2, 1, 2]}
    )
    assert coverage(lists, 6)["r"] == pytest.approx(0.5)
    assert diversity(lists, pd.Series({"a": "x", "b": "x", "c": "y"}))["r"] == pytest.approx(0.75)
