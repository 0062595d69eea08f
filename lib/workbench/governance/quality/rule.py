"""A quality rule as data: a condition that marks failing rows, and what happens to them.

An action says what: `warn` counts them, `repair` changes or adds values, `quarantine` sets the rows aside, `merge`
makes one row of several with one key, `stop` ends the run.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ibis.expr.types import BooleanValue, Table, Value

Dimension = Literal["accuracy", "completeness", "consistency", "usability", "uniqueness", "timeliness"]
Action = Literal["warn", "repair", "quarantine", "merge", "stop"]
Severity = Literal["low", "medium", "high"]
Tables = Mapping[str, Table]
DIMENSIONS: tuple[str, ...] = (
    "accuracy", "completeness", "consistency", "usability", "uniqueness", "timeliness",
)  # fmt: skip


class _Watched(Mapping[str, Table]):
    """Tables that remember which of them were asked for."""

    def __init__(self, tables: Tables) -> None:
        self.tables, self.read = tables, set[str]()

    def __getitem__(self, name: str) -> Table:
        self.read.add(name)
        return self.tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)


@dataclass(frozen=True)
class Rule:
    """One quality rule.

    Args:
        name: what is wrong with a row that fails.
        dimension: the quality dimension it counts for.
        table: the table whose rows it judges.
        failing: gives the condition of failing rows; gets the table as rules see it, and all tables by name.
        key: instead of a condition: columns that must not repeat; of the rows with one key, all but one fail (rows
            with a null in the key are none of its business).
        action: what happens to failing rows.
        severity: how much it hurts; what is high has a bar of its own in the gate (`measuring.gate`).
        repair: new values by column, for failing rows; gets what `failing` gets.
        add: rows that the table lacks (action `repair`); each counts as one failing row.
        survivors: instead of a condition: gives the rows that are copies of another, such as near-duplicates, as a
            table of two columns: `key`, the copy's key, and `survivor`, the key of the row that stays (action `merge`).
        columns: the columns it judges; they carry the blame in the report of the worst columns.
        needs: tables and columns ("items", "events.position") without which the rule has nothing to say.

    """

    name: str
    dimension: Dimension
    table: str
    failing: Callable[[Table, Tables], BooleanValue] | None = None
    key: tuple[str, ...] = ()
    action: Action = "warn"
    severity: Severity = "medium"
    repair: Callable[[Table, Tables], Mapping[str, Value]] | None = None
    add: Callable[[Table, Tables], Table] | None = None
    survivors: Callable[[Table, Tables], Table] | None = None
    columns: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given = (self.failing is not None, bool(self.key), self.add is not None, self.survivors is not None)
        if sum(given) != 1:
            raise ValueError(f"rule '{self.name}' needs one of failing, key, add and survivors")
        if self.dimension not in DIMENSIONS:
            raise ValueError(f"rule '{self.name}': unknown dimension '{self.dimension}', not in {DIMENSIONS}")
        if (self.action == "repair") != (self.repair is not None or self.add is not None):
            raise ValueError(f"rule '{self.name}': a repair, and only a repair, says what it changes or adds")
        if self.repair is not None and self.failing is None:
            raise ValueError(f"rule '{self.name}': a repair of values needs the condition of failing rows")
        if self.action == "merge" and not (self.key or self.survivors):
            raise ValueError(f"rule '{self.name}': a merge needs a key that must not repeat, or survivors")
        if self.survivors is not None and self.action not in ("warn", "merge", "stop"):
            raise ValueError(f"rule '{self.name}': copies with a survivor are merged, counted or stop the run")

    def condition(self, table: Table, tables: Tables) -> BooleanValue:
        """Whether a row fails; a null condition counts as passed."""
        assert self.failing is not None
        return self.failing(table, tables).fill_null(False)

    def reads(self, table: Table, tables: Tables) -> set[str]:
        """Names of the tables that the condition reads, its own among them."""
        watched = _Watched(tables)
        self.condition(table, watched)
        return {self.table, *watched.read}
