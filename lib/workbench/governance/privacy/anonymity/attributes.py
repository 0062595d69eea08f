"""Quasi-identifiers as numbers that can be cut and joined: a code for each value, and what a range of codes says.

Ordered columns (numbers, and categories whose order is given or can be read, as age bands can) generalise to ranges;
categories with a hierarchy to their lowest common ancestor; others to the set of their values. A missing value is a
value of its own, below all others.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

MISSING = "unknown"
ANY = "any"
MOST_NAMED = 4  # values that a set names; a larger one would be no shorter than the table
EXACT = 2**53  # whole numbers below it are written in full
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")

Hierarchy = Sequence[str] | Mapping[str, Sequence[str]]
"""Of a column: its categories in order, or for each value the path that leads to it, the most general first."""


@dataclass(frozen=True)
class Attribute:
    """A quasi-identifier.

    Args:
        name: of the column.
        labels: (m,) what each code stands for, in the order of the codes.
        codes: (n,) the code of each row.
        places: (m,) where each code lies on a line from 0 to 1: by value for numbers, by rank for categories.
        paths: for each code its ancestors, the most general first; empty for ordered columns.
        ordered: whether a range of codes is a range of values.

    """

    name: str
    labels: tuple[str, ...]
    codes: np.ndarray
    places: np.ndarray
    paths: tuple[tuple[str, ...], ...] = ()
    ordered: bool = True

    def depth(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """(n,) depth of the lowest common ancestor of each pair of codes; 0 throughout where there is no hierarchy."""
        if not self.paths:
            return np.zeros(len(one), dtype=np.int64)
        pairs, which = np.unique(one * len(self.labels) + other, return_inverse=True)
        found = [_shared(self.paths[pair // len(self.labels)], self.paths[pair % len(self.labels)]) for pair in pairs]
        return np.array(found, dtype=np.int64)[which]

    @cached_property
    def leaves(self) -> dict[tuple[str, ...], int]:
        """How many codes lie below each ancestor."""
        counts: dict[tuple[str, ...], int] = {}
        for path in self.paths:
            for depth in range(len(path) + 1):
                counts[path[:depth]] = counts.get(path[:depth], 0) + 1
        return counts

    def loss(self, codes: np.ndarray) -> float:
        """What is lost when these (distinct, sorted) codes become one value: 0 for one of them, 1 for all."""
        if len(codes) == 1 or len(self.labels) == 1:
            return 0.0
        if self.ordered:
            return float(self.places[codes[-1]] - self.places[codes[0]])
        if self.paths:
            return (self.leaves[self._ancestor(codes)] - 1) / (len(self.labels) - 1)
        return (len(codes) - 1) / (len(self.labels) - 1) if len(codes) <= MOST_NAMED else 1.0

    def general(self, codes: np.ndarray) -> str:
        """What stands in the released table for these (distinct, sorted) codes."""
        names = [self.labels[code] for code in codes]
        if len(names) == 1:
            return names[0]
        if self.ordered:
            first, rest = (f"{MISSING} or ", names[1:]) if names[0] == MISSING else ("", names)
            return first + (rest[0] if len(rest) == 1 else _range(rest[0], rest[-1]))
        if self.paths:
            return (self._ancestor(codes) or (ANY,))[-1]
        return ANY if len(names) == len(self.labels) or len(names) > MOST_NAMED else "{" + ", ".join(names) + "}"

    def _ancestor(self, codes: np.ndarray) -> tuple[str, ...]:
        shared = self.paths[codes[0]]
        for code in codes[1:]:
            shared = shared[: _shared(shared, self.paths[code])]
        return shared


def attribute(column: pd.Series, hierarchy: Hierarchy | None = None) -> Attribute:
    """Read a column as a quasi-identifier.

    Args:
        column: (n,) numbers or text, nulls allowed.
        hierarchy: order or paths; without it numbers, dates, and categories that all begin with different numbers
            (19-24, 25-34, 65+; Under 15K), are ordered, and others have no order.

    Raises:
        ValueError: the hierarchy lacks a value of the column, or a number is infinite.

    """
    name, known = str(column.name), column.dropna()
    types = pd.api.types
    numeric = hierarchy is None and types.is_numeric_dtype(column) and not types.is_bool_dtype(column)
    if numeric:
        values = np.unique(known.to_numpy(dtype=float))
        if not np.isfinite(values).all():
            raise ValueError(f"'{name}' holds an infinite number, which no range can end with: make it missing")
        labels = tuple(_written(value) for value in values)
        codes: np.ndarray = np.searchsorted(
            values, column.to_numpy(dtype=float, na_value=values[0] if len(values) else 0.0)
        )
        places = values
        paths: tuple[tuple[str, ...], ...] = ()
    else:
        text = column.astype("string").astype(object)
        present = sorted({str(value) for value in text.dropna()})
        labels, paths = _arranged(name, present, hierarchy)
        index = {label: code for code, label in enumerate(labels)}
        codes = text.map(index).fillna(0).to_numpy(dtype=np.int64)
        places = np.arange(len(labels), dtype=float)
    ordered = numeric or not (paths or (hierarchy is None and not _numbered(labels)))
    missing = column.isna().to_numpy()
    if missing.any():
        codes = np.where(missing, 0, codes + 1)
        step = (places[-1] - places[0]) / max(len(places) - 1, 1) or 1.0 if len(places) else 1.0
        places = np.concatenate([[places[0] - step if len(places) else 0.0], places])
        labels, paths = (MISSING, *labels), ((MISSING,), *paths) if paths else ()
    span = (places[-1] - places[0]) or 1.0
    return Attribute(name, labels, codes.astype(np.int64), (places - places[0]) / span, paths, ordered)


def _arranged(
    name: str, present: list[str], hierarchy: Hierarchy | None
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Labels in order, and their paths; of categories with a hierarchy neighbours stand beside each other."""
    if hierarchy is None:
        return tuple(sorted(present, key=_key) if _numbered(present) else present), ()
    lacking = [value for value in present if value not in hierarchy]
    if lacking:
        raise ValueError(f"the hierarchy of '{name}' lacks the value '{lacking[0]}': add it")
    if not isinstance(hierarchy, Mapping):
        return tuple(value for value in hierarchy if value in set(present)), ()
    paths = sorted((*(str(step) for step in hierarchy[value]), value) for value in present)
    return tuple(path[-1] for path in paths), tuple(paths)


def _written(value: float) -> str:
    """A number in as many digits as tell it from any other."""
    return str(int(value)) if value.is_integer() and abs(value) < EXACT else repr(float(value))


def _numbered(labels: Sequence[str]) -> bool:
    """Whether each category begins with a number of its own, which gives their order, or is a date."""
    if labels and all(_DATE.match(label) for label in labels):
        return True
    keys = [_key(label) for label in labels]
    return len(keys) > 2 and all(key[1] < np.inf for key in keys) and len(set(keys)) == len(keys)


def _key(label: str) -> tuple[bool, float]:
    """Order of a category: its first number, before it whatever says "under"."""
    found = _NUMBER.search(label)
    number = float(found[0].replace(",", "")) if found else np.inf
    return not re.match(r"(?i)under|below|less|<|up to|none|no ", label), number


def _range(low: str, high: str) -> str:
    """19-24 and 35-44 make 19-44; 18 and 64 make 18-64."""
    ends = re.fullmatch(r"(\d+)\s?[-–]\s?(\d+\S*)", low), re.fullmatch(r"(\d+)\s?[-–]\s?(\d+\S*)", high)
    begin = ends[0][1] if ends[0] else low
    end = ends[1][2] if ends[1] else high
    plain = all(re.fullmatch(r"-?[\d.]+\S?", each) for each in (begin, end))
    return f"{begin}-{end}" if plain else f"{low} to {high}"


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    depth = 0
    while depth < min(len(one), len(other)) and one[depth] == other[depth]:
        depth += 1
    return depth
