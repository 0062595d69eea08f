"""Fill missing values from rows that share a key, such as the other rows of a product or those of its category.

A value is filled only where enough of these rows agree on it; anything else would be a guess, and stays missing for a
rule that marks it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import ibis
from ibis import _
from ibis.expr.types import BooleanValue, StringValue, Table, Value

from workbench.governance.quality import Dimension, Rule, Severity, Tables

LEAST, AGREE = 3, 0.8
NEAR = 0.1  # of the median: numbers within it agree with it
PARTS = "\x1f"  # ASCII's separator of units, which no key holds


def fill(
    table: str,
    column: str,
    by: str | Sequence[str],
    *,
    source: str = "",
    of: str = "",
    least: int = LEAST,
    agree: float = AGREE,
    name: str = "",
    dimension: Dimension = "completeness",
    severity: Severity = "medium",
) -> Rule:
    """A rule that fills a missing value with what the rows of the same key have.

    Text gets the value that most of these rows have, the first in order of those equally frequent; a number their
    median.

    Args:
        table: the table to fill.
        column: what is filled where it is null.
        by: one or more columns that make the key; a row without one of them is left as it is.
        source: another table, with the same columns as key, from which the values come; else the table itself, which
            cleaning then has to treat as a whole: for a long log, take them from another table.
        of: the column that the values come from, if its name is another.
        least: rows of the key that must have the value; for a number, any value.
        agree: share of the key's rows with a value, above 0 and at most 1, that must have the one filled; a number
            within a tenth of the median counts as the median.
        name: of the rule; one that says all this if empty.
        dimension: as in `Rule`.
        severity: as in `Rule`.

    Raises:
        ValueError: a choice is out of its range.

    """
    key, of = (by,) if isinstance(by, str) else tuple(by), of or column
    name = name or f"{table}.{column}: missing, known from {source or 'other rows'} of the same {' and '.join(key)}"
    if not key or (column in key and not source):
        raise ValueError(f"rule '{name}': `by` must name columns other than the one that is filled")
    if isinstance(least, bool) or not isinstance(least, int) or least < 1:
        raise ValueError(f"rule '{name}': `least` is {least!r}, and must be a whole number from 1 on")
    if isinstance(agree, bool) or not isinstance(agree, int | float) or not 0 < agree <= 1:
        raise ValueError(f"rule '{name}': `agree` is {agree!r}, and must be a share above 0 and at most 1")
    filling = _Filling(column, key, source, of, least, agree)
    given = [f"{source or table}.{each}" for each in (of, *key)]
    needs = tuple(dict.fromkeys([*given, *(f"{table}.{each}" for each in key)]))
    return Rule(name, dimension, table, filling.failing, action="repair", severity=severity, repair=filling.repair,
                columns=(column,), needs=needs)  # fmt: skip


@dataclass(frozen=True)
class _Filling:
    """Where values are missing, and what they are; the arguments are those of `fill`."""

    column: str
    by: tuple[str, ...]
    source: str
    of: str
    least: int
    agree: float

    def failing(self, table: Table, tables: Tables) -> BooleanValue:
        return table[self.column].isnull() & _key(table, self.by).isin(self._known(table, tables).key)

    def repair(self, table: Table, tables: Tables) -> Mapping[str, Value]:
        """The value by key, as one map: a rule gives values of the row, and cannot join."""
        known = self._known(table, tables)
        ordered = (known[each].collect(order_by=known.key) for each in ("key", "value"))
        values = known.aggregate(values=ibis.map(*ordered)).as_scalar()
        return {self.column: values.get(_key(table, self.by))}

    def _known(self, table: Table, tables: Tables) -> Table:
        """The value of each key on which enough rows agree: key, value."""
        rows = tables[self.source] if self.source else table
        rows = rows.select(key=_key(rows, self.by), value=rows[self.of])
        given = rows.filter(rows.key.notnull(), rows.value.notnull())
        return self._median(given) if given.value.type().is_numeric() else self._commonest(given)

    def _commonest(self, given: Table) -> Table:
        counted = given.group_by("key", "value").agg(n=_.count())
        order = ibis.window(group_by="key", order_by=[counted.n.desc(), counted.value])
        whole = counted.n.sum().over(ibis.window(group_by="key"))
        ranked = counted.mutate(place=ibis.row_number().over(order), whole=whole)
        enough = (ranked.n >= self.least) & (ranked.n >= self.agree * ranked.whole - 1e-9)
        return ranked.filter(enough & (ranked.place == 0)).select("key", "value")

    def _median(self, given: Table) -> Table:
        if given.value.type().is_floating():
            given = given.filter(~given.value.isnan(), ~given.value.isinf())
        found = given.group_by("key").agg(
            n=_.count(), middle=_.value.median(),
            low=_.value.quantile((1 - self.agree) / 2), high=_.value.quantile((1 + self.agree) / 2),
        )  # fmt: skip
        width = NEAR * found.middle.abs()
        alike = (found.middle - found.low <= width) & (found.high - found.middle <= width)
        return found.filter(alike & (found.n >= self.least)).select("key", value=found.middle)


def _key(table: Table, columns: tuple[str, ...]) -> StringValue:
    """The columns as one text; null where one of them is."""
    return reduce(lambda left, right: left + PARTS + right, (table[column].cast("string") for column in columns))
