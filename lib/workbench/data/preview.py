"""What a source's files hold, before a run: what was found in them, how many rows parse, and three of these."""

from dataclasses import dataclass, field

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import Table

from workbench.data.collected import Collected
from workbench.data.raw import reading
from workbench.data.raw.reading import FileRead
from workbench.data.sources import Source, tables

SHOWN = 3


@dataclass(frozen=True)
class TablePreview:
    """One canonical table.

    Args:
        table: its name.
        files: what was found in each file; empty for a source with a layout of its own.
        mapped: the table's columns and what they are made of.
        rows: how many rows parse; where equal rows count once, how many the files hold.
        rejected: how many rows cannot be read.
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
    """All tables of a source, its notes, and the first reasons for which rows were rejected."""

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
    paths = source.files()
    if source.module is not tables:
        collected = source.collect(con, paths)
        found = [_of_table(name, table, collected) for name, table in collected.tables.items()]
        return _preview(source, collected, found)
    collected, reads = tables.read(con, paths, source.options)
    mappings = tables.mappings(source.options)
    found = [
        _of_table(name, collected.tables[name], collected, [one for one in reads if one.table == name], _mapped(mapped))
        for name, mapped in mappings.items()
    ]
    return _preview(source, collected, found)


def _preview(source: Source, collected: Collected, found: list[TablePreview]) -> Preview:
    reasons = pd.DataFrame(columns=["table", "key", "reasons", "row"])
    if collected.rejected is not None:
        reasons = collected.rejected.order_by("table", "key").limit(SHOWN).execute()
    return Preview(source.name, collected.shape, tuple(found), tuple(collected.notes), reasons)


def _of_table(
    name: str,
    table: Table,
    collected: Collected,
    reads: list[FileRead] | None = None,
    mapped: dict[str, str] | None = None,
) -> TablePreview:
    rejected = collected.rejected
    return TablePreview(
        table=name,
        rows=sum(one.rows for one in reads) if reads else int(table.count().execute()),
        sample=table.order_by(table.columns[0]).limit(SHOWN).execute(),
        files=tuple(reads or ()),
        mapped=mapped or {},
        rejected=0 if rejected is None else int(rejected.filter(_.table == name).count().execute()),
        unparsed=_unparsed(name, collected.tables.get("unparsed")),
    )


def _unparsed(name: str, unparsed: Table | None) -> dict[str, int]:
    if unparsed is None:
        return {}
    failed = unparsed.filter(unparsed["table"] == name, unparsed.column != reading.LINE)
    counts = failed.group_by("column").agg(values=_.count()).order_by("column").execute()
    return dict(zip(counts["column"], counts["values"].astype(int), strict=True))


def _mapped(mapped: "tables.mapping.Mapping") -> dict[str, str]:
    """Each column and what it is made of, in the words of the parameters file."""
    given = mapped.given
    constants = {column: f"constant {value!r}" for column, value in given["constants"].items()}
    return {**given["columns"], **given["join"], **constants}
