"""What the evaluation hands to the case studies: every ranker's lists, and the features behind the fusion's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from workbench.evaluation.comparison import user_values
from workbench.metrics.ranking import rank_by_score
from workbench.ranking.period import Period


def top_lists(period: Period, rankers: Sequence[str], k: int = 20) -> pd.DataFrame:
    """The first k of each user and ranker, with the original ids.

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
            "user_id": period.user_ids[rows.user],
            "item_id": period.interactions.items[rows["item"]],
            "rank": rank[rank < k] + 1,
            "score": rows[f"by_{name}"].to_numpy(),
            "bought": rows.label.to_numpy(),
            "repeat": rows["repeat"].to_numpy(),
            "row": rows.index.to_numpy(),
        })  # fmt: skip
        parts.append(part.dropna(subset="score"))
    return pd.concat(parts, ignore_index=True)


def check_against_reference(period: Period, rankers: Sequence[str], count: int = 200, k: int = 10) -> float:
    """Hold our metrics of the first `count` users against ``ir-measures`` on the same lists, ties broken.

    Returns:
        The largest difference of any user, ranker and metric (``METRICS``).

    Raises:
        ValueError: it is above 1e-9, so one of the two is wrong.
    """
    import ir_measures  # here: it takes a second to load, and only this check needs it
    from ir_measures import AP, RR, P, R, Success, nDCG

    names = {
        nDCG @ k: "ndcg", AP @ k: "map", RR: "mrr", R @ k: "recall", P @ k: "precision", Success @ k: "hit",
    }  # fmt: skip
    users = period.truth.user.unique()[:count]
    some = replace(
        period, pairs=period.pairs[period.pairs.user.isin(users)], truth=period.truth[period.truth.user.isin(users)]
    )
    qrels = some.truth.rename(columns={"user": "query_id", "item": "doc_id"}).astype(str).assign(relevance=1)
    worst = 0.0
    for ranker in rankers:
        run = some.pairs.rename(columns={"user": "query_id", "item": "doc_id"})
        order, rank = rank_by_score(*(run[column].to_numpy() for column in ("query_id", "doc_id", f"by_{ranker}")))
        run = run.iloc[order][["query_id", "doc_id"]].astype(str).assign(score=-rank.astype(float))
        measured = [
            (int(m.query_id), names[m.measure], m.value) for m in ir_measures.iter_calc(list(names), qrels, run)
        ]
        theirs = pd.DataFrame(measured, columns=["user", "metric", "value"]).pivot(
            index="user", columns="metric", values="value"
        )
        ours = user_values(some, [ranker], k)[ranker]
        worst = max(worst, float((ours - theirs.reindex(ours.index).fillna(0)[ours.columns]).abs().max().max()))
    if not worst <= 1e-9:
        raise ValueError(f"our metrics differ from ir-measures by {worst:.1e}: do not trust this evaluation")
    return worst
