"""Quality rules as data, how much of each table passes them, and the gate.

A rule is a condition that marks failing rows. What happens to them is said by its action: `warn` counts them,
`repair` changes or adds values, `quarantine` sets the rows aside, `merge` makes one row of several with one key,
`stop` ends the run.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Literal

import ibis
import pandas as pd
from ibis.expr.types import BooleanValue, Table, Value

from workbench.artifacts import GateFailed

Dimension = Literal["accuracy", "completeness", "consistency", "usability", "uniqueness", "timeliness"]
Action = Literal["warn", "repair", "quarantine", "merge", "stop"]
Tables = Mapping[str, Table]
DIMENSIONS: tuple[str, ...] = (
    "accuracy", "completeness", "consistency", "usability", "uniqueness", "timeliness",
)  # fmt: skip


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
        severity: how much it hurts, for the reader of the report.
        repair: new values by column, for failing rows; gets what `failing` gets.
        add: rows that the table lacks (action `repair`); each counts as one failing row.

    """

    name: str
    dimension: Dimension
    table: str
    failing: Callable[[Table, Tables], BooleanValue] | None = None
    key: tuple[str, ...] = ()
    action: Action = "warn"
    severity: Literal["low", "medium", "high"] = "medium"
    repair: Callable[[Table, Tables], Mapping[str, Value]] | None = None
    add: Callable[[Table, Tables], Table] | None = None

    def __post_init__(self) -> None:
        if (self.failing is not None) + bool(self.key) + (self.add is not None) != 1:
            raise ValueError(f"rule '{self.name}' needs one of failing, key and add")
        if self.dimension not in DIMENSIONS:
            raise ValueError(f"rule '{self.name}': unknown dimension '{self.dimension}', not in {DIMENSIONS}")
        if (self.action == "repair") != (self.repair is not None or self.add is not None):
            raise ValueError(f"rule '{self.name}': a repair, and only a repair, says what it changes or adds")

    def condition(self, table: Table, tables: Tables) -> BooleanValue:
        """Whether a row fails; a null condition counts as passed."""
        assert self.failing is not None
        return self.failing(table, tables).fill_null(False)


def measure(tables: Tables, rules: Iterable[Rule]) -> pd.DataFrame:
    """Count the failing rows of each rule: dimension, rule, table, action, severity, rows, failing."""
    rules = list(rules)
    found = []
    for name in dict.fromkeys(rule.table for rule in rules):
        mine, table = [rule for rule in rules if rule.table == name], tables[name]
        counts = {f"r{i}": rule.condition(table, tables).sum() for i, rule in enumerate(mine) if rule.failing}
        row = table.aggregate(rows=table.count(), **counts).execute().iloc[0].fillna(0)
        for i, rule in enumerate(mine):
            failing = int(row[f"r{i}"]) if rule.failing else _count(rule, table, tables)
            found.append([rule.dimension, rule.name, name, rule.action, rule.severity, int(row["rows"]), failing])
    return pd.DataFrame(found, columns=["dimension", "rule", "table", "action", "severity", "rows", "failing"])


def compare(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Two measurements side by side: share of passing rows, and failing rows, `before` and `after` cleaning."""
    table = before.drop(columns=["rows", "failing"])
    for when, measured in (("before", before), ("after", after)):
        table[when] = 1 - measured["failing"] / measured["rows"].clip(lower=1)
    return table.assign(failing_before=before["failing"], failing_after=after["failing"], rows=before["rows"])


def by_dimension(quality: pd.DataFrame) -> pd.DataFrame:
    """Quality of each dimension before and after: mean share of passing rows over its rules."""
    scores = quality.groupby("dimension")[["before", "after"]].mean()
    return scores.reindex([name for name in DIMENSIONS if name in scores.index])


def gate(quality: pd.DataFrame, min_quality: Mapping[str, float]) -> None:
    """Stop the run where the quality after cleaning is below what the parameters ask.

    Raises:
        GateFailed: a dimension is below its threshold, or a rule with the action `stop` has failing rows.
        ValueError: a threshold names no known dimension.

    """
    if unknown := set(min_quality) - set(DIMENSIONS):
        raise ValueError(f"min_quality names {sorted(unknown)}; the dimensions are {', '.join(DIMENSIONS)}")
    after = by_dimension(quality)["after"]
    low = [
        f"{name} {after[name]:.4f} < {bar}" for name, bar in min_quality.items() if name in after and after[name] < bar
    ]
    stops = quality[(quality["action"] == "stop") & (quality["failing_after"] > 0)]
    low += [f"rule '{row.rule}' fails on {row.failing_after} rows" for row in stops.itertuples()]
    if low:
        raise GateFailed(f"data quality misses the gate: {'; '.join(low)}; see the rules above, then correct the data")


def _count(rule: Rule, table: Table, tables: Tables) -> int:
    if rule.add is not None:
        return int(rule.add(table, tables).count().execute())
    keyed = table.select(*rule.key).drop_null()
    return int(keyed.count().execute()) - int(keyed.distinct().count().execute())


def later_copies(table: Table, key: tuple[str, ...]) -> BooleanValue:
    """Whether a row repeats the key of another that sorts before it (by its other columns)."""
    others = [table[column] for column in table.columns if column not in key]
    keyed = reduce(and_, (table[column].notnull() for column in key))
    return keyed & (ibis.row_number().over(ibis.window(group_by=list(key), order_by=others)) > 0)
