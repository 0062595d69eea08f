"""What a source's files hold, before a run: what was found in them, how many rows parse, and three of these."""

from dataclasses import dataclass, field

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import Table

from workbench.data.collected import REJECTED
from workbench.data.raw import mapping, reading
from workbench.data.raw.reading import FileRead
from workbench.data.sources import Source, tables

SHOWN = 3
NOTHING = dict.fromkeys(REJECTED, "string")


@dataclass(frozen=True)
class TablePreview:
    """One canonical table.

    Args:
        table: its name.
        files: what was found in each file; empty for a source with a layout of its own.
        mapped: the table's columns and what they are made of.
        rows: how many rows parse.
        rejected: how many rows cannot be read, or equal another where equal rows count once.
        unparsed: by column, how many values are null because they do not parse.
        sample: three rows that parse.

    """

    table: str
    rows: int
    sample: pd.DataFrame
    files: tuple[FileRead, ...] = ()
    mapped: dict[str, str] = field(default_factory=dict)
    rejected: int = 0
    unparsed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Preview:
    """All tables of a source, its notes, and the commonest reasons for rejecting rows: table, reasons, rows, key, row.

    `rows` is how many were rejected so, `key` and `row` are one of them.
    """

    source: str
    shape: str
    tables: tuple[TablePreview, ...]
    notes: tuple[str, ...]
    reasons: pd.DataFrame


def preview(source: Source, con: ibis.BaseBackend) -> Preview:
    """Open a source's files and read all of them, as a run would.

    Raises:
        SourceError: a file or a mapped column is missing, or a file cannot be read; the sentence says what to do.

    """
    mapped: dict[str, dict[str, str]] = {}
    reads: list[FileRead] = []
    if source.module is tables:
        mapped = {name: _mapped(one) for name, one in tables.mappings(source.options).items()}
        collected, reads = tables.read(con, source.files(), source.options)
    else:
        collected = source.collect(con, source.files())
    rejected = collected.rejected if collected.rejected is not None else ibis.memtable({}, schema=NOTHING)
    names = mapped or [name for name in collected.tables if name != "unparsed"]
    found = [
        TablePreview(
            table=name,
            rows=int(collected.tables[name].count().execute()),
            sample=_sample(collected.tables[name]),
            files=tuple(one for one in reads if one.table == name),
            mapped=mapped.get(name, {}),
            rejected=int(rejected.filter(_.table == name).count().execute()),
            unparsed=_unparsed(name, collected.tables.get("unparsed")),
        )
        for name in names
    ]
    example = {"rows": _.count(), "key": _.key.min(), "row": _.row.argmin(_.key)}
    reasons = rejected.group_by("table", "reasons").agg(**example).order_by(ibis.desc("rows"), "table", "reasons")
    return Preview(source.name, collected.shape, tuple(found), tuple(collected.notes), reasons.limit(SHOWN).execute())


def _sample(table: Table) -> pd.DataFrame:
    """Rows with the least first column: the engine keeps that many while it passes over the column, and sorts none."""
    return table.order_by(table.columns[0]).limit(SHOWN).execute()


def _unparsed(name: str, unparsed: Table | None) -> dict[str, int]:
    if unparsed is None:
        return {}
    failed = unparsed.filter(unparsed["table"] == name, unparsed.column != reading.LINE)
    counts = failed.group_by("column").agg(values=_.count()).order_by("column").execute()
    return dict(zip(counts["column"], counts["values"].astype(int), strict=True))


def _mapped(mapped: mapping.Mapping) -> dict[str, str]:
    """Each column and what it is made of, in the words of the parameters file."""
    given = mapped.given
    constants = {column: f"constant {value!r}" for column, value in given["constants"].items()}
    return {**given["columns"], **given["join"], **constants}
