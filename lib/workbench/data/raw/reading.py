"""One raw file of any format into the engine, as text; what cannot be read is recorded, never dropped."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import ibis

from workbench.data.collected import SourceError
from workbench.data.raw import delimited, json_rows, parquet
from workbench.data.raw.archives import unpack
from workbench.data.raw.encoding import Origin, Text, as_utf8
from workbench.data.raw.sql import quoted
from workbench.spelling import nearest

REJECTED, UNPARSED = "raw_rejected", "raw_unparsed"
LINE = "(line)"  # the column of an entry about a whole line
JSON = (".json", *json_rows.LINES)
ORIGINS: dict[Origin, str] = {
    "given": "",
    "detected": " (detected)",
    "guessed": " (a guess: if characters look wrong, set `encoding`)",
}
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
    origin: Origin
    delimiter: str
    columns: tuple[str, ...]
    rows: int
    rejected: int = 0
    repaired: int = 0

    @property
    def read_as(self) -> str:
        """The encoding and how it is known; "" where there is none."""
        return self.encoding and self.encoding + ORIGINS[self.origin]


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
        found = parquet.columns(path, label)
        require(found, wanted, label)
        parquet.load(con, name, path, [found[column] for column in wanted])
        return FileRead(table, label, "", "given", "", tuple(found), _count(con, name))
    if path.suffix not in (*JSON, *DELIMITED):
        endings = ", ".join((*DELIMITED[:2], ".jsonl", ".json", ".parquet"))
        raise SourceError(f"{label}: files that end in '{path.suffix}' are not read: give one of {endings}")
    if not path.stat().st_size:
        raise SourceError(f"{label} is empty: give a file with rows, or take it out of `files`")
    text = as_utf8(path, how.encoding, scratch, label)
    _record_repairs(con, text, table, label)
    delimiter = ""
    if path.suffix in JSON:
        columns, (count, rejected) = _json(con, name, text.path, path.suffix, wanted, label, scratch)
    else:
        by = how.delimiter or ("\t" if path.suffix in (".tsv", ".tab") else "")
        laid = delimited.layout(text.path, by, how.header, label)
        columns, delimiter = laid.header, laid.delimiter.replace(delimited.ONE_COLUMN, "")
        require(columns, wanted, label)
        places = [columns.index(column) for column in wanted]
        count, rejected = delimited.load(con, name, text.path, laid, places, scratch, label)
    if count:
        con.raw_sql(f"INSERT INTO {REJECTED} SELECT {quoted(table)}, key, reasons, text FROM {rejected}")
    about = (text.encoding, text.origin, delimiter, columns)
    return FileRead(table, label, *about, _count(con, name), count, text.repaired)


def _json(
    con: ibis.BaseBackend, name: str, path: Path, ending: str, wanted: Sequence[str], label: str, scratch: Path
) -> tuple[tuple[str, ...], tuple[int, str]]:
    json_rows.load(con, name, path, ending, scratch)
    if not _count(con, name):
        raise SourceError(f"{label} has no rows: give a file with rows, or take it out of `files`")
    found = json_rows.keys(con, name)
    later = [column for column in wanted if column not in found and json_rows.has_key(con, name, column)]
    require([*found, *later], wanted, label)
    return tuple(found), json_rows.take_keys(con, name, wanted, label)


def require(found: Sequence[str] | dict[str, str], wanted: Sequence[str], label: str) -> None:
    """Raise a `SourceError` that gives the nearest name if a file lacks a column."""
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


def _count(con: ibis.BaseBackend, name: str) -> int:
    return int(con.raw_sql(f"SELECT count(*) FROM {name}").fetchone()[0])
