"""JSON, read as text key by key: lines by the engine, any other arrangement object by object."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import duckdb
import ibis

from workbench.data.raw import json_objects
from workbench.data.raw.batches import Batches
from workbench.data.raw.delimited import ROW_BYTES
from workbench.data.raw.sql import load_numbered, quoted

KEY = "_key"
"""The column that holds the keys of a JSON file which is one object of rows."""
LINES = (".jsonl", ".ndjson", ".jl")
KEYS_FROM = 10_000  # rows whose keys are the columns that messages name


def load(con: ibis.BaseBackend, name: str, path: Path, ending: str, scratch: Path) -> None:
    """Read the rows of a JSON file into the engine's table `name`: row (its number) and line, not parsed yet.

    The file may hold a row a line (JSON Lines), rows one after another, an array of them, or one object of rows by
    their key, which becomes the column `_key`; an object of rows is read as a whole.
    """
    with path.open("rb") as file:
        lines = ending in LINES or json_objects.one_a_line(file)
    if not _by_engine(con, name, path, lines):
        _one_by_one(con, name, path, lines, scratch)


def _by_engine(con: ibis.BaseBackend, name: str, path: Path, lines: bool) -> bool:
    """Read the rows by the engine and say whether it could: if they are lines or an array, each short enough, and an
    array is whole."""
    regular = (
        f"read_csv({quoted(path)}, delim='\x01', quote='', escape='', header=false, columns={{'line': 'VARCHAR'}}, "
        f"auto_detect=false, max_line_size={ROW_BYTES}, buffer_size={2 * ROW_BYTES})"
    )
    array = f"read_json_objects({quoted(path)}, format='array', maximum_object_size={2 * ROW_BYTES})"
    if not (lines or _begins_with(path, b"[")):
        return False
    try:
        if lines:
            load_numbered(con, name, "line", regular, "trim(line) <> ''")
        else:
            load_numbered(con, name, "CAST(json AS VARCHAR) AS line", array)
    except duckdb.InvalidInputException:  # rows that are too long, hold the character 1, or are no JSON in an array
        return False
    return True


def _one_by_one(con: ibis.BaseBackend, name: str, path: Path, lines: bool, scratch: Path) -> None:
    """Read the rows whatever they hold and however they are arranged, slower."""
    copy = scratch / f"{name}.parquet"
    with Batches(copy, ("row", "text")) as rows:
        for number, text in enumerate(_lines(path) if lines else _objects(path), 1):
            if text.strip():
                rows.add(number, text, size=len(text))
    con.raw_sql(f"CREATE OR REPLACE TABLE {name} AS SELECT row, text AS line FROM read_parquet({quoted(copy)})")


def keys(con: ibis.BaseBackend, name: str) -> list[str]:
    """Keys of the first rows of a table that `load` made, sorted."""
    rows = f"SELECT line FROM {name} WHERE row <= {KEYS_FROM} AND {_valid('line')}"
    found = con.raw_sql(f"SELECT DISTINCT unnest(json_keys(line)) FROM ({rows})").fetchall()
    return sorted(key for (key,) in found)


def has_key(con: ibis.BaseBackend, name: str, key: str) -> bool:
    """Whether any row of such a table has the key."""
    query = f"SELECT count(*) FROM {name} WHERE {_valid('line')} AND json_exists(line, {_path(key)})"
    return bool(con.raw_sql(query).fetchone()[0])


def take_keys(con: ibis.BaseBackend, name: str, wanted: Sequence[str], label: str) -> tuple[int, str]:
    """Turn such a table into row, v0, v1, …, the values of the wanted keys as text.

    Returns:
        How many lines are no JSON object, and the name of the engine's table of them (key, reasons, text).

    """
    chosen = ", ".join(f"json_extract_string(line, {_path(key)}) AS v{i}" for i, key in enumerate(wanted))
    bad = f"{name}_rejected"
    reason = "CASE WHEN json_valid(line) THEN 'no JSON object' ELSE 'no valid JSON' END"
    con.raw_sql(
        f"CREATE OR REPLACE TABLE {bad} AS SELECT {quoted(label)} || ':' || row AS key, {reason} AS reasons, "
        f"line AS text FROM {name} WHERE NOT ({_valid('line')})"
    )
    con.raw_sql(f"CREATE OR REPLACE TABLE {name} AS SELECT row, {chosen} FROM {name} WHERE {_valid('line')}")
    return con.raw_sql(f"SELECT count(*) FROM {bad}").fetchone()[0], bad


def _valid(column: str) -> str:
    return f"CASE WHEN json_valid({column}) THEN json_type({column}) = 'OBJECT' ELSE false END"


def _path(key: str) -> str:
    """The JSON path of a key."""
    return quoted("$." + json.dumps(key, ensure_ascii=False))


def _begins_with(path: Path, sign: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(1 << 16).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(sign)


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig") as file:
        yield from (line.rstrip("\n") for line in file)


def _objects(path: Path) -> Iterator[str]:
    """The text of every object in a file, or of every row in the one object of rows that it is."""
    with path.open("rb") as file:
        objects = json_objects.stream(file)
        first = list(islice(objects, 2))
        keyed = (first[0].value if len(first) == 1 and _begins_with(path, b"{") else None) or {}
        if keyed and all(isinstance(row, dict) for row in keyed.values()):
            yield from (json.dumps({KEY: key, **row}, ensure_ascii=False) for key, row in keyed.items())
        else:
            yield from (record.text for record in chain(first, objects))
