"""The record of cleaning as tables of text: repairs, quarantine and merges; and how values become text and come back.

`step` gives the order in which changes were made, over all tables; 0 is what happened before cleaning. `copy` tells
rows of one key apart (`copies.numbered`); it is null where the change holds for every row of the table with that value,
and `BY_THEN` where the key is the one that the row has by then, which no other row has.
"""

from collections.abc import Iterable, Mapping, Sequence

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import StringValue, Table, Value

from workbench.data.raw.reading import LINE
from workbench.governance.quality.copies import COPY, KEY
from workbench.governance.quality.folding import fold, no_rows

REPAIRS = {
    "rule": "string", "table": "string", "key": "string", "column": "string", "before": "string", "after": "string",
    "step": "int64", "copy": "int64",
}  # fmt: skip
QUARANTINE = {"table": "string", "key": "string", "reasons": "string", "row": "string", "step": "int64"}
MERGES = {
    "rule": "string", "table": "string", "how": "string", "key": "string", "survivor": "string", "rows": "int64",
    "step": "int64",
}  # fmt: skip
"""`how` is "key" (rows with one key became one row: key and survivor are JSON objects, the survivor is the whole row)
or "copy" (a row went in favour of another: key and survivor are values of the table's key). `rows` went."""
BY_THEN = -1
ROW = "(row)"  # the column of a repair that adds a whole row
CONVERSION = "conversion of a column"
READING = "reading of a raw file"


def as_text(value: Value) -> StringValue:
    """A value as text that `from_text` reads back exactly; null stays null."""
    return (value.cast("json") if value.type().is_nested() else value).cast("string")


def from_text(text: StringValue, kind: ibis.expr.datatypes.DataType) -> Value:
    """The value that `as_text` wrote, in its column's type."""
    return (text.cast("json") if kind.is_nested() else text).cast(kind)


def as_json(table: Table, columns: Iterable[str]) -> StringValue:
    """Each row as a JSON object of the columns."""
    return ibis.struct({column: table[column] for column in columns}).cast("json").cast("string")


def from_json(table: Table, text: str, kinds: Mapping[str, ibis.expr.datatypes.DataType]) -> Table:
    """The rows that `as_json` wrote to the column `text`, as columns of these types."""
    rows = table.select(_object=table[text].cast("json").cast(ibis.expr.datatypes.Struct(kinds)))
    return rows.select(**{column: rows["_object"][column] for column in kinds})


def repairs(rule: str, name: str, rows: Table, column: str, before: Value, after: Value, step: int) -> Table:
    """Record a change of one column in `rows`, which are numbered."""
    return rows.select(
        rule=ibis.literal(rule),
        table=ibis.literal(name),
        key=rows[KEY],
        column=ibis.literal(column),
        before=as_text(before),
        after=as_text(after),
        step=ibis.literal(step, "int64"),
        copy=rows[COPY],
    )


def conversions(found: Sequence[tuple[str, str, str, str]]) -> Table:
    """Record changes of whole columns by the source: table, columns, before, after."""
    rows = [(CONVERSION, table, "*", *rest, 0, None) for table, *rest in found]
    return ibis.memtable(pd.DataFrame(rows, columns=list(REPAIRS)).astype({"copy": "Int64"}), schema=REPAIRS)


def readings(unparsed: Table | None) -> Table:
    """Record what a reader changed: table, key (file and line), column, value as it stood, problem.

    A value that does not parse became null; a whole line was read otherwise than it stood, and the problem says how.
    """
    if unparsed is None:
        return no_rows(REPAIRS)
    return unparsed.select(
        "table", "key", "column",
        rule=ibis.literal(READING),
        before=unparsed["value"],
        after=(unparsed["column"] == LINE).ifelse(unparsed["problem"], ibis.null("string")),
        step=ibis.literal(0, "int64"),
        copy=ibis.null("int64"),
    )  # fmt: skip


def unread(rejected: Table | None) -> Table:
    """Raw rows that could not be read (`Collected.rejected`), as rows of the quarantine."""
    if rejected is None:
        return no_rows(QUARANTINE)
    text = {column: rejected[column].cast("string") for column in ("table", "key", "reasons", "row")}
    return rejected.select(**text, step=ibis.literal(0, "int64"))


def together(tables: Iterable[Table], schema: Mapping[str, str]) -> Table:
    """The union of records of one schema."""
    return fold(Table.union, [no_rows(schema), *(table.select(*schema) for table in tables)])


def balance(
    clean: Mapping[str, Table], repairs: Table, quarantine: Table, merges: Table, collected: Mapping[str, int]
) -> pd.DataFrame:
    """Rows of each table that was collected: table, collected, added, clean, quarantined, merged.

    Args:
        clean: the clean tables by name, in which `clean` is counted.
        repairs: the record, in which `added` is counted.
        quarantine: the same for `quarantined`.
        merges: the same for `merged`.
        collected: rows of each table as collected.

    """
    counts = {
        "added": repairs.filter(repairs.column == ROW).group_by("table").agg(n=_.count()),
        "quarantined": quarantine.group_by("table").agg(n=_.count()),
        "merged": merges.group_by("table").agg(n=_.rows.sum()),
    }
    rows = pd.DataFrame({"table": list(collected), "collected": list(collected.values())})
    rows["clean"] = [int(clean[name].count().execute()) if name in clean else 0 for name in collected]
    for what, table in counts.items():
        found = table.execute().set_index("table")["n"]
        rows[what] = rows["table"].map(found).fillna(0).astype("int64")
    return rows[["table", "collected", "added", "clean", "quarantined", "merged"]]
