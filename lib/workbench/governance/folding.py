"""Combine many expressions in pairs of pairs: each nested in the next, hundreds exceed the compiler's recursion."""

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def fold(combine: Callable[[T, T], T], parts: Iterable[T]) -> T:
    """Combine neighbours until one is left; `combine` must be associative.

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
