"""Raw files of a known layout: found, CSV read through the engine, unreadable rows kept with their reasons."""

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path

import duckdb
import ibis
from ibis.expr.types import BooleanValue, Table

from workbench.data import contract, engine
from workbench.data.collected import REJECTED, Collected, Shape, SourceError
from workbench.data.raw import json_objects
from workbench.spelling import nearest

FIRST_FAULT = """
    SELECT line, arg_min(error_message, (coalesce(column_idx, 0), error_message)), min(csv_line)
    FROM {table} GROUP BY line ORDER BY line
"""  # the engine notes a fault for every column that a short row lacks


def found(at: str, names: Mapping[str, str], source: str) -> dict[str, Path]:
    """Files of a source in its folder, by name.

    Raises:
        SourceError: one is missing; the message names the command that brings it.

    """
    paths = {name: Path(at) / file for name, file in names.items()}
    if missing := [str(path.relative_to(at)) for path in paths.values() if not path.is_file()]:
        raise SourceError(f"{', '.join(missing)} not found in {at}: run `workbench fetch {source} --folder {at}`")
    return paths


def require(table: Table, columns: Sequence[str], path: Path) -> Table:
    """The table, if it has the columns of its layout.

    Raises:
        SourceError: it lacks one; the message gives the nearest name that it has.

    """
    for column in columns:
        if column not in table.columns:
            raise SourceError(
                f"{path} has no column '{column}'{nearest(column, table.columns)}; it has {', '.join(table.columns)}"
            )
    return table


def read(
    con: ibis.BaseBackend, path: Path, name: str, columns: Sequence[str], delimiter: str = ","
) -> tuple[Table, list[Table]]:
    """Read a CSV file with a header line, its columns as text.

    Args:
        con: the engine.
        path: the file.
        name: what the table is called, in the engine and in the rejected rows.
        columns: those that it must have.
        delimiter: between columns.

    Returns:
        The rows of the right shape (the first column and those asked for), and tables of rejected ones (none, or one):
        rows with too many or too few columns, an open quote or bytes that are not UTF-8.

    Raises:
        SourceError: a column is missing, or the file cannot be read as such a file at all.

    """
    try:
        raw = con.read_csv(
            str(path), table_name=f"csv_{name}", all_varchar=True, header=True, delim=delimiter, quote='"',
            escape='"', store_rejects=True, rejects_table=f"rejects_{name}", rejects_scan=f"scan_{name}",
        )  # fmt: skip
        require(raw, columns, path)
        table = engine.keep(con, f"raw_{name}", raw.select(*dict.fromkeys((raw.columns[0], *columns))))
        bad = con.raw_sql(FIRST_FAULT.format(table=f"rejects_{name}")).fetchall()
    except duckdb.Error as error:
        raise SourceError(f"{path} cannot be read as CSV with {delimiter!r} between columns: {error}") from error
    lost = json_objects.rejects(((f"{path.name}:{line}", reason, text) for line, reason, text in bad), name)
    return table, [] if lost is None else [lost]


def part(
    table: Table, name: str, key: ibis.expr.types.StringValue, reasons: Mapping[str, BooleanValue]
) -> tuple[Table, Table]:
    """Divide rows of text into those that can be read and those that cannot.

    Args:
        table: rows with columns as text.
        name: of the table, for the rejected rows.
        key: names a row.
        reasons: by reason, the condition under which a row cannot be read; null counts as true.

    Returns:
        The readable rows, and the others as `Collected.rejected` wants them.

    """
    broken = {reason: condition.fill_null(True) for reason, condition in reasons.items()}
    said = [ibis.cases((condition, reason)) for reason, condition in broken.items()]
    some = reduce(lambda one, other: one | other, broken.values())
    whole = ibis.literal("\t").join([table[column].cast("string").fill_null("") for column in table.columns])
    marked = table.mutate(_key=key, _reasons=ibis.literal("; ").join(said), _row=whole, _some=some)
    bad = marked.filter(marked._some)
    return table.filter(~some), _as_rejected(bad, name, bad._key, bad._reasons, bad._row)


def collected(
    con: ibis.BaseBackend,
    made: Mapping[str, Table],
    shape: Shape,
    conversions: Sequence[tuple[str, str, str, str]],
    rejected: Sequence[Table | None] = (),
    notes: Sequence[str] = (),
) -> Collected:
    """Bring tables to the contract, compute them and the rejected rows, and drop the engine's raw copies (`raw_…`)."""
    tables = {
        name: engine.keep(con, name, contract.conform(table, name) if name in contract.COLUMNS else table)
        for name, table in made.items()
    }
    some = [table for table in rejected if table is not None]
    lost = engine.keep(con, "rejected", reduce(lambda one, other: one.union(other), some)) if some else None
    copies = con.raw_sql("SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, 'raw_')").fetchall()
    for (name,) in copies:
        con.drop_table(name)
    lost = lost if lost is not None and lost.count().execute() else None
    return Collected(tables, shape, conversions, lost, notes)


def _as_rejected(table: Table, name: str, *values: ibis.expr.types.StringValue) -> Table:
    columns = (ibis.literal(name), *values)
    texts = (value.cast("string").fill_null("") for value in columns)
    return table.select(**dict(zip(REJECTED, texts, strict=True)))
