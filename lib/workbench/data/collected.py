"""What a source hands to governance."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ibis.expr.types import Table

Shape = Literal["behaviour", "promotions", "judged", "histories", "texts", "experiments"]
"""What the tables can teach: `behaviour` logs what users were shown and did; `promotions` logs purchases and who could
have seen which promotion; `judged` has graded search results; `histories` has items in order and the next one; `texts`
have a label each; `experiments` are the counts of A/B tests, from which nothing is trained."""

MAIN: dict[Shape, str] = {
    "behaviour": "events", "promotions": "events", "judged": "judgments", "histories": "histories", "texts": "texts",
    "experiments": "experiments",
}  # fmt: skip
REJECTED = ("table", "key", "reasons", "row")


class SourceError(ValueError):
    """Raw files are missing, or not what they should be; the message says what to do."""


@dataclass(frozen=True)
class Collected:
    """Canonical tables as collected, nothing cleaned.

    Args:
        tables: by name: tables of the contract, and the source's own.
        shape: what they can teach.
        conversions: changes of a whole column on the way into the contract: table, columns, before, after.
        rejected: raw rows that could not be read at all, as text: table, key (file and line), reasons, row.
        notes: what the reader of a report should know about the reading, such as an encoding that was detected.

    """

    tables: dict[str, Table]
    shape: Shape
    conversions: Sequence[tuple[str, str, str, str]] = ()
    rejected: Table | None = None
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def main(self) -> str:
        """The table that the shape is about."""
        return MAIN[self.shape]
