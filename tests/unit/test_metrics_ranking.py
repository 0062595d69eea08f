"""Ranking metrics equal ir-measures and scikit-learn; ties go by item id; intervals are what theory says."""

import ir_measures
import numpy as np
import pandas as pd
import pytest
from ir_measures import AP, RR, P, R, Success, nDCG
from sklearn.metrics import roc_auc_score

from workbench.metrics.intervals import bootstrap_means
from workbench.metrics.ranking import Truth, group_auc, rank_by_score, ranking_metrics

NAMES = {nDCG @ 10: "ndcg", AP @ 10: "map", RR: "mrr", R @ 10: "recall", P @ 10: "precision", Success @ 10: "hit"}


def random_lists(groups: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs (group, item, score) with many ties, and judgments (group, item, grade 0 to 3) of some of their items.

    Some groups have no list, some no relevant item; some listed items nobody judged, some judged ones are not listed.
    """
    random = np.random.default_rng(seed)
    rows = pd.DataFrame({"group": np.repeat(np.arange(groups), 40), "item": random.integers(0, 60, 40 * groups)})
    rows = rows.drop_duplicates().assign(score=lambda each: random.integers(0, 6, len(each)) / 5)
    listed = rows[(rows.group % 50 != 0) & (random.random(len(rows)) < 0.6)]
    judged = pd.concat([
        rows[random.random(len(rows)) < 0.3][["group", "item"]],
        pd.DataFrame({"group": np.arange(groups), "item": 60 + random.integers(0, 5, groups)}),
    ])  # fmt: skip
    shares = random.beta(0.5, 1.5, groups)[judged.group]
    return listed, judged.assign(
        grade=np.where(random.random(len(judged)) < shares, random.integers(1, 4, len(judged)), 0)
    )


def measured(listed: pd.DataFrame, judged: pd.DataFrame, **options: object) -> pd.DataFrame:
    graded = listed.merge(judged, "left", ["group", "item"])
    columns = (graded[name].to_numpy() for name in ("group", "item", "score", "grade"))
    return ranking_metrics(*columns, Truth.of_grades(judged.group.to_numpy(), judged.grade.to_numpy()), **options)


def reference(listed: pd.DataFrame, judged: pd.DataFrame, names: dict) -> pd.DataFrame:
    """What ir-measures says once ties are broken; queries without a list, or without relevance, count 0."""
    order, rank = rank_by_score(*(listed[name].to_numpy() for name in ("group", "item", "score")))
    run = listed.iloc[order].assign(score=-rank.astype(float))
    run = run.rename(columns={"group": "query_id", "item": "doc_id"}).astype({"query_id": str, "doc_id": str})
    qrels = judged.rename(columns={"group": "query_id", "item": "doc_id", "grade": "relevance"})
    qrels = qrels.astype({"query_id": str, "doc_id": str})
    found = [(int(m.query_id), names[m.measure], m.value) for m in ir_measures.iter_calc(list(names), qrels, run)]
    return pd.DataFrame(found, columns=["group", "metric", "value"]).pivot(
        index="group", columns="metric", values="value"
    )


def test_ten_thousand_lists_equal_ir_measures_once_ties_are_broken() -> None:
    listed, judged = random_lists(10_000, seed=1)
    ours, theirs = measured(listed, judged), reference(listed, judged, NAMES)
    assert len(theirs) == 10_000 > len(ours) > 6_000
    assert (theirs.loc[theirs.index.difference(ours.index)] == 0).all(axis=None)  # those have nothing relevant
    assert not set(listed.group) >= set(ours.index)  # some have no list
    np.testing.assert_allclose(ours[theirs.columns], theirs.loc[ours.index], rtol=0, atol=1e-9)


def test_the_exponential_gain_is_the_linear_one_of_other_grades() -> None:
    listed, judged = random_lists(1000, seed=2)
    ours = measured(listed, judged, metrics=["ndcg_exp"])
    theirs = reference(listed, judged.assign(grade=2**judged.grade - 1), {nDCG @ 10: "ndcg_exp"})
    np.testing.assert_allclose(ours, theirs.loc[ours.index], rtol=0, atol=1e-9)
    assert (ours.ndcg_exp != measured(listed, judged).ndcg).any()


def test_what_nobody_judged_is_irrelevant_or_is_skipped() -> None:
    listed, judged = random_lists(500, seed=3)
    condensed = listed.merge(judged[["group", "item"]])
    skipped = measured(listed, judged, unjudged="skipped")
    pd.testing.assert_frame_equal(skipped, measured(condensed, judged))
    assert skipped.ndcg.mean() > measured(listed, judged).ndcg.mean()


def test_relevance_may_begin_at_a_higher_grade() -> None:
    listed, judged = random_lists(500, seed=4)
    graded = listed.merge(judged, "left", ["group", "item"])
    truth = Truth.of_grades(judged.group.to_numpy(), judged.grade.to_numpy(), relevant_from=2)
    ours = ranking_metrics(*(graded[name].to_numpy() for name in ("group", "item", "score", "grade")), truth)
    names = {AP(rel=2) @ 10: "map", RR(rel=2): "mrr", R(rel=2) @ 10: "recall", nDCG @ 10: "ndcg"}
    theirs = reference(listed, judged, names).loc[ours.index]
    np.testing.assert_allclose(ours[theirs.columns], theirs, rtol=0, atol=1e-9)


def test_the_auc_of_each_group_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"group": random.integers(0, 300, 4000), "score": random.integers(0, 9, 4000)})
    label = random.integers(0, 2, 4000) * (rows.group.to_numpy() != 7)
    ours = group_auc(rows.group.to_numpy(), rows.score.to_numpy(), label)
    both = [(at, part) for at, part in rows.groupby("group").groups.items() if len(set(label[part])) == 2]
    assert [at for at, _ in both] == ours.index.tolist()
    assert 7 not in ours.index
    theirs = [roc_auc_score(label[part], rows.score[part]) for _, part in both]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [({"metrics": ["dcg"]}, "unknown metric 'dcg'"), ({"k": 0}, "k of 1"), ({"unjudged": "?"}, "one of")],
)
def test_what_is_unknown_is_told(options: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        measured(*random_lists(50, seed=5), **options)


def test_an_item_listed_twice_is_refused() -> None:
    twice = np.array([1, 1])
    with pytest.raises(ValueError, match="twice"):
        ranking_metrics(twice, twice, np.array([0.5, 0.4]), twice, pd.Series({1: 1}))


def test_no_list_at_all_scores_zero() -> None:
    none = np.array([], dtype=int)
    assert (ranking_metrics(none, none, none.astype(float), none, pd.Series({1: 1})) == 0).all(axis=None)


def test_a_list_shorter_than_k_is_as_good_as_it_is() -> None:
    listed, judged = random_lists(200, seed=6)
    assert (measured(listed, judged, k=1000).recall <= 1).all()


def test_a_household_without_candidates_scores_zero_and_counts() -> None:
    values = ranking_metrics(np.array([1]), np.array([7]), np.array([0.5]), np.array([1]), pd.Series({1: 1, 2: 3}))
    assert values.ndcg.tolist() == [1.0, 0.0]
    assert values.mrr.tolist() == [1.0, 0.0]


def test_the_ideal_counts_truth_outside_the_candidates() -> None:
    values = ranking_metrics(np.array([1]), np.array([7]), np.array([0.5]), np.array([1]), pd.Series({1: 2}))
    assert values.ndcg[1] == pytest.approx(1 / (1 + 1 / np.log2(3)))


def test_ties_go_by_item_and_missing_scores_last() -> None:
    order, rank = rank_by_score(np.array([0, 0, 0, 0]), np.array([9, 3, 5, 1]), np.array([1.0, 1.0, 2.0, np.nan]))
    assert np.array([9, 3, 5, 1])[order].tolist() == [5, 3, 9, 1]
    assert rank.tolist() == [0, 1, 2, 3]


def test_a_group_without_truth_is_refused() -> None:
    with pytest.raises(ValueError, match="leave it out"):
        ranking_metrics(np.array([1]), np.array([7]), np.array([0.5]), np.array([0]), pd.Series({1: 0}))


def test_the_interval_of_a_mean_is_the_textbook_one() -> None:
    values = pd.DataFrame({"a": np.random.default_rng(0).normal(3, 2, 2000)})
    values["b"] = values.a + 0.1
    table = bootstrap_means(values.assign(d=values.b - values.a), resamples=2000)
    half = 1.96 * values.a.std() / np.sqrt(2000)
    assert table.low["a"] == pytest.approx(values.a.mean() - half, abs=0.01)
    assert table.high["a"] == pytest.approx(values.a.mean() + half, abs=0.01)
    assert table.low["d"] == pytest.approx(0.1)  # paired: a constant difference has no width
    assert table.high["d"] == pytest.approx(0.1)


def test_the_interval_refuses_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="empty"):
        bootstrap_means(pd.DataFrame({"a": []}))
    with pytest.raises(ValueError, match="missing"):
        bootstrap_means(pd.DataFrame({"a": [1.0, np.nan]}))
