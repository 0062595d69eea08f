"""One raw file of any format into the engine, as text; what cannot be read is recorded, never dropped."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import ibis

from workbench.data.collected import SourceError
from workbench.data.raw import delimited, records
from workbench.data.raw.archives import unpack
from workbench.data.raw.delimited import quoted
from workbench.data.raw.encoding import Text, as_utf8
from workbench.spelling import nearest

REJECTED, UNPARSED = "raw_rejected", "raw_unparsed"
LINE = "(line)"  # the column of an entry about a whole line
JSON = (".json", *records.LINES)
DELIMITED = (".csv", ".tsv", ".txt", ".tab", ".dat", ".log", "")


@dataclass(frozen=True)
class Format:
    """What the user says of files; "" and () leave it to be found out.

    Args:
        encoding: of a text file.
        delimiter: of a delimited file.
        header: the names of its columns where the file has none.
        member: which file of a zip, by name or glob.

    """

    encoding: str = ""
    delimiter: str = ""
    header: tuple[str, ...] = ()
    member: str = ""


@dataclass(frozen=True)
class FileRead:
    """What was found in a file: encoding and delimiter ("" where there is none), its columns, and how many rows were
    read, rejected, and repaired as lines."""

    table: str
    file: str
    encoding: str
    detected: bool
    delimiter: str
    columns: tuple[str, ...]
    rows: int
    rejected: int = 0
    repaired: int = 0


def begin(con: ibis.BaseBackend) -> None:
    """Make the engine's empty tables of rejected rows and of values that do not parse."""
    con.raw_sql(f'CREATE OR REPLACE TABLE {REJECTED} ("table" VARCHAR, key VARCHAR, reasons VARCHAR, row VARCHAR)')
    con.raw_sql(
        f"CREATE OR REPLACE TABLE {UNPARSED} "
        '("table" VARCHAR, key VARCHAR, "column" VARCHAR, value VARCHAR, problem VARCHAR)'
    )


def read(
    con: ibis.BaseBackend,
    name: str,
    path: Path,
    label: str,
    wanted: Sequence[str],
    how: Format,
    table: str,
    scratch: Path,
) -> FileRead:
    """Read columns of a file into the engine's table `name`: row (its place in the file), v0, v1, …, as text.

    Args:
        con: the engine, in which `begin` made the tables of what fails.
        name: of the engine's table to make.
        path: the file: delimited text, JSON Lines, JSON or Parquet, by its name's ending; perhaps packed.
        label: what messages call it.
        wanted: the columns to read.
        how: what the user says of it.
        table: the canonical table it is read for.
        scratch: a folder for copies, needed until this returns.

    Raises:
        SourceError: a column is missing, or the file as a whole cannot be read.

    """
    scratch = scratch / name
    scratch.mkdir()
    path = _plain_name(unpack(path, how.member, scratch), scratch)
    if path.suffix in (".parquet", ".pq"):
        found = records.parquet_columns(path, label)
        _check(found, wanted, label)
        records.load_parquet(con, name, path, [found[column] for column in wanted])
        return FileRead(table, label, "", False, "", tuple(found), _count(con, name))
    if path.suffix not in (*JSON, *DELIMITED):
        endings = ", ".join((*DELIMITED[:2], ".jsonl", ".json", ".parquet"))
        raise SourceError(f"{label}: files that end in '{path.suffix}' are not read: give one of {endings}")
    if not path.stat().st_size:
        raise SourceError(f"{label} is empty: give a file with rows, or take it out of `files`")
    text = as_utf8(path, how.encoding, scratch, label)
    _record_repairs(con, text, table, label)
    loaded = _json if path.suffix in JSON else _delimited
    return loaded(con, name, text, path, label, wanted, how, table, scratch)


def _delimited(
    con: ibis.BaseBackend, name: str, text: Text, path: Path, label: str, wanted: Sequence[str], how: Format,
    table: str, scratch: Path,
) -> FileRead:  # fmt: skip
    delimiter = how.delimiter or ("\t" if path.suffix in (".tsv", ".tab") else "")
    laid = delimited.layout(text.path, delimiter, how.header, label)
    _check(laid.header, wanted, label)
    places = [laid.header.index(column) for column in wanted]
    rejected, rows = delimited.load(con, name, text.path, laid, places, scratch, label)
    if rows:
        _record_rejected(con, f"read_parquet({quoted(rows)})", table)
    shown = "" if laid.delimiter == delimited.ONE_COLUMN else laid.delimiter
    found = (text.encoding, text.detected, shown, laid.header)
    return FileRead(table, label, *found, _count(con, name), rejected, text.repaired)


def _json(
    con: ibis.BaseBackend, name: str, text: Text, path: Path, label: str, wanted: Sequence[str], how: Format,
    table: str, scratch: Path,
) -> FileRead:  # fmt: skip
    records.load_json(con, name, text.path, path.suffix, scratch, label)
    if not _count(con, name):
        raise SourceError(f"{label} has no rows: give a file with rows, or take it out of `files`")
    found = records.keys(con, name)
    later = [column for column in wanted if column not in found and records.has_key(con, name, column)]
    _check([*found, *later], wanted, label)
    rejected, rows = records.take_keys(con, name, wanted, label)
    _record_rejected(con, rows, table)
    about = (text.encoding, text.detected, "", tuple(found))
    return FileRead(table, label, *about, _count(con, name), rejected, text.repaired)


def _check(found: Sequence[str] | dict[str, str], wanted: Sequence[str], label: str) -> None:
    for column in wanted:
        if column not in found:
            listed = ", ".join(list(found)[:20]) or "no columns"
            raise SourceError(f"{label} has no column '{column}'{nearest(column, found)}; it has {listed}")


def _plain_name(path: Path, scratch: Path) -> Path:
    """The path, by a link if the engine would take its name for a pattern."""
    if not glob.has_magic(str(path)):
        return path
    link = scratch / f"plain{PurePath(path).suffix}"
    link.symlink_to(path.resolve())
    return link


def _record_repairs(con: ibis.BaseBackend, text: Text, table: str, label: str) -> None:
    if text.repairs:
        con.raw_sql(
            f"INSERT INTO {UNPARSED} SELECT {quoted(table)}, {quoted(label)} || ':' || line, {quoted(LINE)}, value, "
            f"problem FROM read_parquet({quoted(text.repairs)})"
        )


def _record_rejected(con: ibis.BaseBackend, rows: str, table: str) -> None:
    con.raw_sql(f"INSERT INTO {REJECTED} SELECT {quoted(table)}, key, reasons, text FROM {rows}")


def _count(con: ibis.BaseBackend, name: str) -> int:
    return int(con.raw_sql(f"SELECT count(*) FROM {name}").fetchone()[0])
