"""Metrics of ranked lists, one value a group (user, query), in plain NumPy.

Ties are broken once, by item id, in `rank_by_score`. The definitions are those of trec_eval, as ``ir-measures`` names
them (nDCG, AP, RR, R, P, Success), to which a test holds them:

- a group that a ranker has no list for scores 0, and counts;
- an item without a judgment is not relevant (or, by ``unjudged="skipped"``, is taken off the list beforehand: the
  condensed lists of Sakai 2007);
- a group without any relevant item has no value: leave it out and say how many there were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

GAINS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ndcg": lambda grade: grade,  # Järvelin & Kekäläinen 2002
    "ndcg_exp": lambda grade: np.exp2(grade) - 1,  # Burges et al. 2005; of grades 0 and 1 both are the same
}
METRICS = ("ndcg", "map", "mrr", "recall", "precision", "hit")
UNJUDGED = ("irrelevant", "skipped")


@dataclass(frozen=True)
class Truth:
    """What each group asks for, whether or not a ranker proposes it.

    Attributes:
        relevant: number of relevant items, at least 1, indexed by group: these groups count.
        place, rank, grade: [graded items] position of the item's group in ``relevant``; the item's rank in the group's
            best list, from 0; its grade.
        relevant_from: grade from which an item is relevant.
    """

    relevant: pd.Series
    place: np.ndarray
    rank: np.ndarray
    grade: np.ndarray
    relevant_from: float = 1.0

    @classmethod
    def of_grades(cls, group: np.ndarray, grade: np.ndarray, relevant_from: float = 1.0) -> Truth:
        """From the judgments, one row a judged item; groups without a relevant item are left out."""
        grade = np.asarray(grade, float)
        found = pd.Series(grade >= relevant_from).groupby(np.asarray(group)).sum()
        relevant = found[found > 0]
        place = relevant.index.get_indexer(pd.Index(group))
        rows = np.flatnonzero((place >= 0) & (grade > 0))
        order, rank = rank_by_score(place[rows], rows, grade[rows])
        rows = rows[order]
        return cls(relevant, place[rows], rank, grade[rows], relevant_from)

    @classmethod
    def of_counts(cls, relevant: pd.Series) -> Truth:
        """From how many items of grade 1 each group has."""
        if (relevant < 1).any():
            raise ValueError("a group without relevant items has no ranking metric: leave it out and count it")
        size = relevant.to_numpy()
        place = np.repeat(np.arange(len(size)), size)
        return cls(
            relevant, place, np.arange(len(place)) - np.repeat(np.cumsum(size) - size, size), np.ones(len(place))
        )

    def best_dcg(self, gain: str, k: int) -> np.ndarray:
        """DCG at k of the best possible list: [groups]."""
        top = self.rank < k
        return _dcg(self.place[top], self.rank[top], GAINS[gain](self.grade[top]), len(self.relevant))


def rank_by_score(group: np.ndarray, item: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order rows by group, then score downwards, then item id upwards: the one place where ties are broken.

    Args:
        group: [rows] group of each row.
        item: [rows] item of each row; equal scores go by it.
        score: [rows] higher is better; NaN comes last.

    Returns:
        order: [rows] positions that sort the rows.
        rank: [rows] rank within its group of each *sorted* row, from 0.
    """
    known = np.nan_to_num(score, nan=-np.inf)
    order = np.arange(len(group)) if _sorted(group, item, known) else np.lexsort((item, -known, group))
    starts, lengths = _runs(group[order])
    return order, np.arange(len(order)) - np.repeat(starts, lengths)


def ranking_metrics(
    group: np.ndarray,
    item: np.ndarray,
    score: np.ndarray,
    grade: np.ndarray,
    truth: Truth | pd.Series,
    k: int = 10,
    metrics: Sequence[str] = METRICS,
    unjudged: str = "irrelevant",
) -> pd.DataFrame:
    """Metrics of each group's list, one row a group of ``truth``.

    Args:
        group, item, score: [rows] the candidates of all groups, each once, and one ranker's score of each.
        grade: [rows] how relevant the candidate is to the group; NaN if nobody judged it.
        truth: what each group asks for, or how many items of grade 1.
        k: cut-off of all but the reciprocal rank; a longer list than the catalogue is as good as the catalogue.
        metrics: of ``METRICS``, and ``ndcg_exp``.
        unjudged: "irrelevant" or "skipped", see above.

    Returns:
        Frame indexed like ``truth.relevant``: ``ndcg`` and ``ndcg_exp`` (gain: the grade, or 2^grade − 1), ``map``
        (average precision), ``recall``, ``precision``, ``hit`` (whether any is relevant), all at k; ``mrr`` (no cut).

    Raises:
        ValueError: an unknown metric or rule, a k below 1, or a group without a relevant item.
    """
    if k < 1 or unjudged not in UNJUDGED:
        raise ValueError(f"k is {k} and unjudged is {unjudged!r}: use a k of 1 or more, and one of {UNJUDGED}")
    truth = Truth.of_counts(truth) if isinstance(truth, pd.Series) else truth
    if unjudged == "skipped":
        judged = ~np.isnan(grade)
        group, item, score, grade = group[judged], item[judged], score[judged], grade[judged]
    order, rank = rank_by_score(group, item, score)
    graded = np.flatnonzero(grade[order] > 0)  # all others add nothing; NaN is not above 0
    place = truth.relevant.index.get_indexer(group[order[graded]])
    graded, place = graded[place >= 0], place[place >= 0]
    if pd.MultiIndex.from_arrays([place, item[order[graded]]]).has_duplicates:
        raise ValueError("a list holds a relevant item twice: keep one row of each group and item")
    found = _Found(place, rank[graded], grade[order[graded]].astype(float), truth, k)
    return pd.DataFrame({name: found.metric(name) for name in metrics}, index=truth.relevant.index)


def group_auc(group: np.ndarray, score: np.ndarray, label: np.ndarray) -> pd.Series:
    """Area under the ROC curve within each group, a tie counting half; groups with one class only are left out.

    Args:
        group, score, label: [rows]; label 1 or 0.

    Returns:
        AUC by group; its mean weighted by the rows of a group is the GAUC of Zhou et al. 2018.
    """
    rows = pd.DataFrame({"group": group, "label": np.asarray(label, float), "score": score})
    ranks = rows.groupby("group").score.rank()
    positive = rows.label.groupby(rows.group).sum()
    negative = rows.label.groupby(rows.group).size() - positive
    above = (ranks * rows.label).groupby(rows.group).sum() - positive * (positive + 1) / 2  # Mann & Whitney 1947
    both = (positive > 0) & (negative > 0)
    return (above[both] / (positive[both] * negative[both])).rename("auc")


@dataclass(frozen=True)
class _Found:
    """The items with a grade that a ranker listed, in the order of groups and ranks."""

    place: np.ndarray
    rank: np.ndarray
    grade: np.ndarray
    truth: Truth
    k: int

    def metric(self, name: str) -> np.ndarray:
        """[groups]."""
        groups, wanted = len(self.truth.relevant), self.truth.relevant.to_numpy()
        top = self.rank < self.k
        if name in GAINS:
            gain = GAINS[name](self.grade[top])
            return _dcg(self.place[top], self.rank[top], gain, groups) / self.truth.best_dcg(name, self.k)
        relevant = self.grade >= self.truth.relevant_from
        place, rank = self.place[relevant], self.rank[relevant]
        starts, lengths = _runs(place)
        if name == "mrr":
            first = np.zeros(groups)
            first[place[starts]] = 1.0 / (rank[starts] + 1)
            return first
        top = rank < self.k
        hits = np.bincount(place[top], minlength=groups)
        if name == "map":
            nth = np.arange(len(place)) - np.repeat(starts, lengths) + 1
            return np.bincount(place[top], nth[top] / (rank[top] + 1), groups) / wanted
        values = {"recall": hits / wanted, "precision": hits / self.k, "hit": (hits > 0).astype(float)}
        if name not in values:
            raise ValueError(f"unknown metric {name!r}: use {', '.join((*METRICS, 'ndcg_exp'))}")
        return values[name]


def _dcg(place: np.ndarray, rank: np.ndarray, gain: np.ndarray, groups: int) -> np.ndarray:
    return np.bincount(place, gain / np.log2(rank + 2.0), groups)


def _runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Start and length of each run of equal values."""
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]]) if len(values) else np.array([], int)
    return starts, np.diff(np.r_[starts, len(values)])


def _sorted(group: np.ndarray, item: np.ndarray, score: np.ndarray) -> bool:
    """Whether rows stand as `rank_by_score` would put them: most lists are made so, and sorting takes the time."""
    same = group[1:] == group[:-1]
    if not np.all(same | (group[1:] > group[:-1])):
        return False
    falls, tied = score[1:] < score[:-1], score[1:] == score[:-1]
    return bool(np.all(~same | falls | (tied & (item[1:] >= item[:-1]))))
