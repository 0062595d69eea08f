"""What the evaluation hands to the case studies: every ranker's lists, and the features behind the fusion's."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from workbench.metrics.ranking import rank_by_score
from workbench.ranking.period import Period


def top_lists(period: Period, rankers: Sequence[str], k: int = 20) -> pd.DataFrame:
    """The first k of each household and ranker, with the original ids.

    Returns:
        ``ranker, user_id, item_id, rank`` (from 1), ``score, bought`` (in the label window), ``repeat, row``
        (of ``period.pairs``); a candidate that a ranker gave no score is not on its list.
    """
    pairs, parts = period.pairs, []
    for name in rankers:
        score = pairs[f"by_{name}"].to_numpy()
        order, rank = rank_by_score(pairs.user.to_numpy(), pairs.item.to_numpy(), score)
        rows = pairs.iloc[order[rank < k]]
        part = pd.DataFrame({
            "ranker": name,
            "user_id": period.interactions.users[rows.user],
            "item_id": period.interactions.items[rows["item"]],
            "rank": rank[rank < k] + 1,
            "score": rows[f"by_{name}"].to_numpy(),
            "bought": rows.label.to_numpy(),
            "repeat": rows["repeat"].to_numpy(),
            "row": rows.index.to_numpy(),
        })  # fmt: skip
        parts.append(part.dropna(subset="score"))
    return pd.concat(parts, ignore_index=True)


def reference_gap(period: Period, ranker: str, k: int = 10) -> float:
    """Largest difference of any household's NDCG@k, recall@k or precision@k from what ``ir-measures`` says.

    Both get the same lists with ties broken; anything above rounding means that one of the two is wrong.
    """
    import ir_measures  # here: it takes a second to load, and only this check needs it
    from ir_measures import P, R, nDCG

    from workbench.evaluation.comparison import household_values

    lists = top_lists(period, [ranker], k)
    users = pd.Series(period.interactions.users[period.truth.user])
    qrels = pd.DataFrame({"query_id": users, "doc_id": period.interactions.items[period.truth["item"]], "relevance": 1})
    run = lists.rename(columns={"user_id": "query_id", "item_id": "doc_id"})[["query_id", "doc_id"]]
    run = run.assign(score=-lists["rank"].astype(float))
    names = {nDCG @ k: "ndcg", R @ k: "recall", P @ k: "precision"}
    theirs = pd.DataFrame(
        [(m.query_id, names[m.measure], m.value) for m in ir_measures.iter_calc(list(names), qrels, run)],
        columns=["user_id", "metric", "value"],
    ).pivot(index="user_id", columns="metric", values="value")
    ours = household_values(period, [ranker], k)[ranker]
    ours.index = period.interactions.users[ours.index]
    return float((ours[theirs.columns] - theirs).abs().max().max())
