"""Ranking metrics equal ir-measures; ties go by item id; intervals are what theory says."""

import ir_measures
import numpy as np
import pandas as pd
import pytest
from ir_measures import RR, P, R, nDCG

from workbench.metrics.intervals import bootstrap_means
from workbench.metrics.ranking import rank_by_score, ranking_metrics


def random_lists(groups: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Candidates with many tied scores, and truths that lie partly outside the candidates."""
    random = np.random.default_rng(seed)
    pairs, truths = [], []
    for group in range(groups):
        items = random.choice(60, random.integers(1, 40), replace=False)
        truth = random.choice(60, random.integers(1, 25), replace=False)
        score = random.integers(0, 6, len(items)) / 5  # few values: many ties
        pairs.append(pd.DataFrame({"group": group, "item": items, "score": score, "label": np.isin(items, truth)}))
        truths.append(pd.DataFrame({"group": group, "item": truth}))
    return pd.concat(pairs, ignore_index=True), pd.concat(truths, ignore_index=True)


def test_equals_ir_measures_once_ties_are_broken() -> None:
    pairs, truth = random_lists(400, seed=1)
    ours = ranking_metrics(
        pairs.group.to_numpy(),
        pairs.item.to_numpy(),
        pairs.score.to_numpy(),
        pairs.label.to_numpy(),
        truth.groupby("group").size(),
    )
    order, rank = rank_by_score(pairs.group.to_numpy(), pairs.item.to_numpy(), pairs.score.to_numpy())
    run = pairs.iloc[order].assign(score=-rank.astype(float))
    run = run.rename(columns={"group": "query_id", "item": "doc_id"}).astype({"query_id": str, "doc_id": str})
    qrels = truth.rename(columns={"group": "query_id", "item": "doc_id"}).astype(str).assign(relevance=1)
    names = {nDCG @ 10: "ndcg", R @ 10: "recall", P @ 10: "precision", RR: "mrr"}
    theirs = pd.DataFrame(
        [(int(m.query_id), names[m.measure], m.value) for m in ir_measures.iter_calc(list(names), qrels, run)],
        columns=["group", "metric", "value"],
    ).pivot(index="group", columns="metric", values="value")
    assert len(theirs) == 400
    np.testing.assert_allclose(ours[theirs.columns], theirs, atol=1e-9)


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
