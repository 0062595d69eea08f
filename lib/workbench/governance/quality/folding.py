"""Combine many expressions in pairs of pairs, and what they begin with: a table without rows."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import ibis
from ibis.expr.types import Table

T = TypeVar("T")


def fold(combine: Callable[[T, T], T], parts: Iterable[T]) -> T:
    """Combine neighbours until one is left; `combine` must be associative.

    Each nested in the next, hundreds of expressions exceed the compiler's recursion.

    Raises:
        ValueError: there are no parts.

    """
    left = list(parts)
    if not left:
        raise ValueError("nothing to combine")
    while len(left) > 1:
        pairs = [combine(left[i], left[i + 1]) for i in range(0, len(left) - 1, 2)]
        left = [*pairs, *left[len(pairs) * 2 :]]
    return left[0]


def no_rows(schema: Mapping[str, str]) -> Table:
    """A table of this schema without rows."""
    return ibis.memtable([], schema=dict(schema))
