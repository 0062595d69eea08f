"""Mondrian: cut the people into classes that are as small as the demands allow.

LeFevre, DeWitt & Ramakrishnan, "Mondrian multidimensional k-anonymity", ICDE 2006; strict: equal values stay together.

Each class is cut at its widest attribute, near the median, and at the next widest where that cannot be done. All
classes of a level are cut at once, by sorting rows by class and value; so a million people take a few dozen sorts.

A cut must leave on both sides at least k people (Samarati & Sweeney 1998), at least l different sensitive values
(distinct l-diversity; Machanavajjhala et al. 2007), and a distribution of the sensitive values that is no further than
t from that of all, by the earth mover's distance (Li, Li & Venkatasubramanian 2007).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from workbench.governance.privacy.anonymity.attributes import Attribute

BLOCK = 1 << 22  # cells of the table of sensitive values that are looked at together


@dataclass(frozen=True)
class Sensitive:
    """A sensitive column: codes (n,), how many values it has, and whether they have an order."""

    codes: np.ndarray
    size: int
    ordered: bool


@dataclass(frozen=True)
class Demands:
    """What every class must fulfil.

    Args:
        k: people, at least.
        l: different sensitive values, at least.
        t: distance of the sensitive values from those of all, at most; 1 asks for nothing.
        sensitive: the columns that l and t are about.

    """

    k: int
    l: int = 1  # noqa: E741  (the name of the field)
    t: float = 1.0
    sensitive: Sequence[Sensitive] = field(default_factory=tuple)

    def of(self, rows: np.ndarray) -> "Demands":
        """The same demands on these rows alone, (n,) true or false, and on the values that they have."""
        left = [(np.unique(each.codes[rows], return_inverse=True), each.ordered) for each in self.sensitive]
        return replace(self, sensitive=[Sensitive(codes, len(values), order) for (values, codes), order in left])

    def met(self, group: np.ndarray, rows: np.ndarray, groups: int) -> np.ndarray:
        """(groups,) whether each group of rows fulfils l and t; `group` is the group of each of `rows`."""
        fine = np.ones(groups, dtype=bool)
        for column in self.sensitive if self.l > 1 or self.t < 1 else ():
            overall = np.bincount(column.codes, minlength=column.size) / len(column.codes)
            step = max(BLOCK // column.size, 1)
            order = np.argsort(group, kind="stable")
            sorted_groups = group[order]
            for first in range(0, groups, step):
                last = min(first + step, groups)
                part = order[slice(*np.searchsorted(sorted_groups, [first, last]))]
                cell = (group[part] - first) * column.size + column.codes[rows[part]]
                counts = np.bincount(cell, minlength=(last - first) * column.size).reshape(last - first, column.size)
                fine[first:last] &= (counts > 0).sum(axis=1) >= self.l
                if self.t < 1:
                    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
                    fine[first:last] &= distance(shares, overall, column.ordered) <= self.t + 1e-12
        return fine


def distance(shares: np.ndarray, overall: np.ndarray, ordered: bool) -> np.ndarray:
    """Earth mover's distance in [0, 1] of distributions (c, m) from one (m,).

    Between neighbours of an ordered column lies 1/(m - 1); between any two values of another column lies 1.
    """
    difference = shares - overall
    if ordered:
        return np.abs(np.cumsum(difference, axis=1)).sum(axis=1) / max(len(overall) - 1, 1)
    return np.abs(difference).sum(axis=1) / 2


def classes(attributes: Sequence[Attribute], demands: Demands) -> np.ndarray:
    """(n,) the class of each row, from 0; one class where no cut is allowed."""
    n = len(attributes[0].codes)
    found, open_rows = np.zeros(n, dtype=np.int64), np.arange(n)
    groups, count = np.zeros(n, dtype=np.int64), 1  # of the rows that may be cut further, numbered from 0
    closed = 0
    while count:
        wide = _widths(attributes, open_rows, groups, count)
        ranking = np.argsort(-wide, axis=1, kind="stable")
        side = np.zeros(len(open_rows), dtype=np.int8)  # 1, 2: which half of its group a row goes to; 0: not cut
        waiting = np.ones(count, dtype=bool)
        for rank in range(len(attributes)):
            for number, each in enumerate(attributes):
                chosen = waiting & (ranking[:, rank] == number) & (wide[:, number] > 0)
                if chosen.any():
                    mine = np.flatnonzero(chosen[groups])
                    side[mine] = _cut(each, open_rows[mine], groups[mine], demands)
            waiting = np.bincount(groups, weights=side, minlength=count) == 0
        done = side == 0
        found[open_rows[done]] = closed + np.unique(groups[done], return_inverse=True)[1]
        closed += int(waiting.sum())
        keys, inverse = np.unique(groups[~done] * 2 + side[~done], return_inverse=True)
        open_rows, groups, count = open_rows[~done], inverse, len(keys)
    return found


def _widths(attributes: Sequence[Attribute], rows: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """(count, attributes) how much of each attribute's line a group covers."""
    order = np.argsort(groups, kind="stable")
    begins = np.searchsorted(groups[order], np.arange(count))
    widths = np.empty((count, len(attributes)))
    for number, each in enumerate(attributes):
        codes = each.codes[rows[order]]
        low, high = np.minimum.reduceat(codes, begins), np.maximum.reduceat(codes, begins)
        widths[:, number] = each.places[high] - each.places[low]
    return widths


def _cut(attribute: Attribute, rows: np.ndarray, groups: np.ndarray, demands: Demands) -> np.ndarray:
    """Which half of its group each row goes to, 1 or 2; 0 where the group cannot be cut at this attribute."""
    codes = attribute.codes[rows]
    order = np.argsort(groups * len(attribute.labels) + codes, kind="stable")
    group, code = groups[order], codes[order]
    ends = np.flatnonzero((group[1:] == group[:-1]) & (code[1:] != code[:-1]))  # the last rows of values before others
    present, begins, sizes = np.unique(group, return_index=True, return_counts=True)
    index = np.searchsorted(present, group[ends])
    left = ends + 1 - begins[index]
    right = sizes[index] - left
    allowed = (left >= demands.k) & (right >= demands.k)
    ends, index, left, right = ends[allowed], index[allowed], left[allowed], right[allowed]
    depth = attribute.depth(code[ends], code[ends + 1])
    best = np.lexsort((np.abs(left - right), depth, index))
    first = np.unique(index[best], return_index=True)[1]
    chosen = best[first]  # one cut a group: between the highest branches, and there nearest to the median
    last_left = np.full(len(present), -1)
    last_left[index[chosen]] = ends[chosen]
    mine = np.searchsorted(present, group)
    half = np.where(last_left[mine] < 0, 0, np.where(np.arange(len(group)) <= last_left[mine], 1, 2))
    split = half > 0
    fine = demands.met((mine * 2 + half - 1)[split], rows[order][split], 2 * len(present))
    both = fine[0::2] & fine[1::2]
    side = np.zeros(len(rows), dtype=np.int8)
    side[order] = np.where(both[mine], half, 0)
    return side
