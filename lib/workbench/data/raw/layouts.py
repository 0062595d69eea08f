"""Files in a publisher's own layout: what can be read becomes tables, the rest is kept with its reasons."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from itertools import chain
from operator import or_
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis.expr.types import BooleanValue, Table

from workbench.data import contract, engine
from workbench.data.collected import REJECTED, Collected, Shape, SourceError
from workbench.data.raw import findings, json_objects, reading, values

NOTES = "raw_notes"
BATCH = 10_000  # rows
HOPELESS = 10_000  # rejected objects after which a file that has more bad than good ones is taken for another layout
Row = Mapping[str, Any]
Convert = Callable[[dict[str, Any], str], Iterable[tuple[str, Row]]]


def found(at: str, names: Mapping[str, str], source: str) -> dict[str, Path]:
    """Files of a source in its folder, by name.

    Raises:
        SourceError: one is missing; the message names the command that brings it.

    """
    paths = {name: Path(at) / file for name, file in names.items()}
    if missing := [str(path.relative_to(at)) for path in paths.values() if not path.is_file()]:
        raise SourceError(f"{', '.join(missing)} not found in {at}: run `workbench fetch {source} --folder {at}`")
    return paths


def read_csv(
    con: ibis.BaseBackend, path: Path, name: str, columns: Sequence[str], delimiter: str = ",", table: str = ""
) -> tuple[Table, list[Table]]:
    """Read columns of a CSV file with a header line, as text.

    Args:
        con: the engine.
        path: the file.
        name: what the table is called in the engine.
        columns: those to read; "" is one without a name, which becomes `row`.
        delimiter: between columns.
        table: the canonical table that rejected rows would have gone to; `name` if not given.

    Returns:
        The rows of the right shape, and a table of the others. Lines that have another encoding than most are repaired
        and listed in the engine's `raw_unparsed_<name>`; what was found in the file is in its `raw_notes_<name>`.

    Raises:
        SourceError: a column is missing, or the file cannot be read as such a file at all.

    """
    reading.begin(con)
    with tempfile.TemporaryDirectory(prefix="workbench-") as scratch:
        how = reading.Format(delimiter=delimiter)
        found = reading.read(con, f"raw_{name}", path, path.name, columns, how, table or name, Path(scratch))
    con.create_table(f"{NOTES}_{name}", pa.table({"note": findings.of_files(table or name, [found])}), overwrite=True)
    for kind in (reading.REJECTED, reading.UNPARSED):
        con.raw_sql(f"CREATE OR REPLACE TABLE {kind}_{name} AS SELECT * FROM {kind}")
    raw = con.table(f"raw_{name}")
    rows = raw.select(**{column or "row": raw[f"v{i}"].nullif("") for i, column in enumerate(columns)})
    return rows, [con.table(f"{reading.REJECTED}_{name}")]


def read_parquet(
    con: ibis.BaseBackend, path: Path, name: str, columns: Sequence[str], texts: Sequence[str] = ()
) -> Table:
    """Open a Parquet file as the engine's table `raw_<name>`.

    Args:
        con: the engine.
        path: the file.
        name: of the table.
        columns: those that it must have.
        texts: those among them that hold text, which Parquet may have under another type where all are null.

    Raises:
        SourceError: it lacks one of the columns; the message gives the nearest name that it has.

    """
    table = con.read_parquet(str(path), table_name=f"raw_{name}")
    reading.require(table.columns, columns, path.name)
    return table.mutate(**{column: table[column].cast("string") for column in texts})


def typed(con: ibis.BaseBackend, rows: Table, name: str, key: str, kinds: Mapping[str, str]) -> Table:
    """Read columns in types of the contract, as the source `tables` does.

    Values that cannot be read become null, and `collected` lists them in the table `unparsed`.

    Args:
        con: the engine.
        rows: the table; the columns hold text, or what can be written as text.
        name: the canonical table that they are for.
        key: the column that names a row.
        kinds: the type of each column to read.

    """
    texts = {column: rows[column].cast("string").nullif("") for column in kinds}
    made = {column: values.parsed(texts[column], kind) for column, kind in kinds.items()}
    failed = [
        findings.failed(rows, name, rows[key].cast("string"), column, texts[column], made[column], kind)
        for column, kind in kinds.items()
    ]
    engine.keep(con, f"{reading.UNPARSED}_{name}_values", reduce(Table.union, failed))
    return rows.mutate(**made)


def load_objects(
    con: ibis.BaseBackend, paths: Iterable[Path], schemas: Mapping[str, pa.Schema], convert: Convert, table: str
) -> tuple[dict[str, Table], Table | None]:
    """Read files of JSON objects into tables of the engine, a batch at a time.

    Args:
        con: the engine.
        paths: the files, read one after another.
        schemas: columns of each table to fill.
        convert: an object and its place (`file:line`) in; names of tables and rows for them out, none to pass over
            it. It raises `ValueError`, `TypeError`, `OverflowError` or `OSError` for an object to reject.
        table: the canonical table that rejected objects would have gone to.

    Returns:
        The tables by name, and what was rejected, as `rejects` gives it.

    Raises:
        SourceError: nothing could be read, or most could not.

    """
    tables = {
        name: con.create_table(name, schema=ibis.Schema.from_pyarrow(schema), overwrite=True)
        for name, schema in schemas.items()
    }
    waiting: dict[str, list[Row]] = {name: [] for name in schemas}
    rejected: list[tuple[str, str, str]] = []
    good = 0
    records = ((file.name, record) for file in paths for record in json_objects.records(file))
    for file_name, record in records:
        place = f"{file_name}:{record.line}"
        made, reason = _converted(record, place, convert)
        if reason:
            rejected.append((place, reason, record.text))
            _give_up(rejected, good, HOPELESS)
            continue
        good += 1
        for name, row in made:
            waiting[name].append(row)
            if len(waiting[name]) >= BATCH:
                append(con, name, waiting[name], schemas[name])
    for name, rows in waiting.items():
        append(con, name, rows, schemas[name])
    if not good:
        _give_up(rejected, good, 1)
    return tables, rejects(rejected, table)


def text(value: object) -> str | None:
    """A value of a JSON object as text; null where there is none, or an empty one."""
    return None if value is None or value == "" else str(value)


def append(con: ibis.BaseBackend, name: str, rows: list[Row], schema: pa.Schema) -> None:
    """Add rows to a table of the engine and empty their list."""
    if rows:  # not `con.insert`, which keeps every batch registered as long as the connection lives
        con.con.register("batch", pa.Table.from_pylist(rows, schema=schema))
        con.raw_sql(f'INSERT INTO "{name}" SELECT * FROM batch')
        con.con.unregister("batch")
        rows.clear()


def rejects(rejected: Iterable[tuple[str, str, str]], table: str) -> Table | None:
    """Rejected rows (place, reason, text) of a table as `Collected.rejected` wants them; None if there are none."""
    rows = [(table, *one) for one in rejected]
    return ibis.memtable(pa.table(dict(zip(REJECTED, zip(*rows, strict=True), strict=True)))) if rows else None


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
    said = ibis.literal("; ").join([ibis.cases((condition, reason)) for reason, condition in broken.items()])
    whole = ibis.literal("\t").join([table[column].cast("string").fill_null("") for column in table.columns])
    some = reduce(or_, broken.values())
    entry = zip(REJECTED, (ibis.literal(name), key.fill_null(""), said, whole), strict=True)
    marked = table.mutate(**{f"_{column}": value for column, value in entry}, _some=some)
    return table.filter(~some), marked.filter(marked._some).select(**{name: f"_{name}" for name in REJECTED})


def collected(
    con: ibis.BaseBackend,
    made: Mapping[str, Table],
    shape: Shape,
    conversions: Sequence[tuple[str, str, str, str]],
    rejected: Sequence[Table | None] = (),
    notes: Sequence[str] = (),
) -> Collected:
    """Bring tables to the contract, compute them and the rejected rows, and drop the engine's raw copies (`raw_…`).

    Lines that `read_csv` repaired and values that `typed` could not read become the table `unparsed`; what it found in
    each file is noted.
    """
    tables = {
        name: engine.keep(con, name, contract.conform(table, name) if name in contract.COLUMNS else table)
        for name, table in made.items()
    }
    some = [table for table in rejected if table is not None]
    lost = engine.keep(con, "rejected", reduce(Table.union, some)) if some else None
    repaired = [con.table(name) for name in sorted(con.list_tables()) if name.startswith(f"{reading.UNPARSED}_")]
    repaired = [table for table in repaired if table.count().execute()]
    if repaired:
        tables["unparsed"] = engine.keep(con, "unparsed", reduce(Table.union, repaired))
    read = [con.table(name).execute()["note"] for name in sorted(con.list_tables()) if name.startswith(f"{NOTES}_")]
    copies = con.raw_sql("SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, 'raw_')").fetchall()
    for (name,) in copies:
        con.drop_table(name)
    lost = lost if lost is not None and lost.count().execute() else None
    return Collected(tables, shape, conversions, lost, [*chain(*read), *notes])


def _converted(record: json_objects.Record, place: str, convert: Convert) -> tuple[list[tuple[str, Row]], str]:
    if record.value is None:
        return [], record.reason
    try:
        return list(convert(record.value, place)), ""
    except (ValueError, TypeError, OverflowError, OSError) as error:  # OSError: a time beyond the system's calendar
        return [], str(error) or type(error).__name__


def _give_up(rejected: list[tuple[str, str, str]], good: int, least: int) -> None:
    if len(rejected) >= least and len(rejected) > good:
        place, reason, _ = rejected[0]
        raise SourceError(
            f"{len(rejected)} of the first {len(rejected) + good} objects cannot be read, first at {place}: {reason}; "
            "is this the file that the source expects?"
        )
