"""JSON Lines, JSON and Parquet, read as text column by column."""

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.collected import SourceError
from workbench.data.raw.batches import Batches
from workbench.data.raw.delimited import ROW_BYTES, quoted

KEY = "_key"
"""The column that holds the keys of a JSON file which is one object of rows."""
LINES = (".jsonl", ".ndjson", ".jl")
KEYS_FROM = 10_000  # rows whose keys are the columns that messages name
LARGEST_OBJECT = 256_000_000  # bytes of a JSON file that is read as a whole


def parquet_columns(path: Path, label: str) -> dict[str, str]:
    """Columns of a Parquet file and the SQL that reads each as text: times in UTC, nested values as JSON.

    Raises:
        SourceError: the file is not Parquet, or holds no rows.

    """
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{label} is no Parquet file ({str(error).splitlines()[0]}): fetch it again") from error
    if not file.metadata.num_rows:
        raise SourceError(f"{label} has no rows: give a file with rows, or take it out of `files`")
    names = [name.casefold() for name in file.schema_arrow.names]
    if twice := [name for name in file.schema_arrow.names if names.count(name.casefold()) > 1]:
        raise SourceError(f"{label} has the columns {' and '.join(twice[:2])}, which read alike: rename one")
    return {field.name: _as_text(field.name, field.type) for field in file.schema_arrow}


def load_parquet(con: ibis.BaseBackend, name: str, path: Path, columns: Sequence[str]) -> None:
    """Read columns, as `parquet_columns` writes them, into the engine's table `name`: row, v0, v1, …."""
    chosen = ", ".join(f"{column} AS v{i}" for i, column in enumerate(columns))
    source = f"read_parquet({quoted(path)}, file_row_number=true)"
    con.raw_sql(f"CREATE OR REPLACE TABLE {name} AS SELECT file_row_number + 1 AS row, {chosen} FROM {source}")


def load_json(con: ibis.BaseBackend, name: str, path: Path, ending: str, scratch: Path, label: str) -> None:
    """Read the rows of a JSON file into the engine's table `name`: row (the line's number) and line, not parsed yet.

    The file may hold a row a line (JSON Lines), an array of rows, or one object of rows by their key, which becomes
    the column `_key`; an object of rows is read as a whole.

    Raises:
        SourceError: the file is empty, or is none of the three.

    """
    begin = _begin(path)
    if not begin:
        raise SourceError(f"{label} is empty: give a file with rows, or take it out of `files`")
    if ending in LINES:
        _load_lines(con, name, path, scratch)
    elif begin == "[":
        _load_array(con, name, path, label)
    else:
        _load_lines(con, name, _lines_of(path, scratch, label), scratch)


def keys(con: ibis.BaseBackend, name: str) -> list[str]:
    """Keys of the first rows of a table that `load_json` made, sorted."""
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


def _as_text(name: str, kind: pa.DataType) -> str:
    column = '"' + name.replace('"', '""') + '"'
    if pa.types.is_nested(kind):
        return f"CAST(to_json({column}) AS VARCHAR)"
    if pa.types.is_timestamp(kind) and kind.tz:
        return f"strftime(timezone('UTC', {column}), '%Y-%m-%dT%H:%M:%S.%fZ')"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return f"coalesce(TRY(decode({column})), CAST({column} AS VARCHAR))"
    return f"CAST({column} AS VARCHAR)"


def _valid(column: str) -> str:
    return f"CASE WHEN json_valid({column}) THEN json_type({column}) = 'OBJECT' ELSE false END"


def _path(key: str) -> str:
    """The JSON path of a key."""
    return quoted("$." + json.dumps(key, ensure_ascii=False))


def _begin(path: Path) -> str:
    """The first character of a JSON text that is no space."""
    with path.open(encoding="utf-8-sig") as file:
        while part := file.read(4096):
            if part.strip():
                return part.strip()[0]
    return ""


def _first_lines(path: Path) -> list[str]:
    """The first two lines that are not blank."""
    with path.open(encoding="utf-8-sig") as file:
        lines = iter(lambda: file.readline(LARGEST_OBJECT), "")
        return list(islice((line for line in lines if line.strip()), 2))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _load_array(con: ibis.BaseBackend, name: str, path: Path, label: str) -> None:
    rows = f"read_json_objects({quoted(path)}, format='array', maximum_object_size={2 * ROW_BYTES})"
    try:
        con.raw_sql(
            f"CREATE OR REPLACE TABLE {name} AS SELECT row_number() OVER () AS row, "
            f"CAST(json AS VARCHAR) AS line FROM {rows}"
        )
    except duckdb.Error as error:
        message = str(error).splitlines()[0]
        raise SourceError(f"{label} begins as a JSON array and does not parse as one: {message}") from error


def _lines_of(path: Path, scratch: Path, label: str) -> Path:
    """JSON lines with the rows of a file that is one object of rows by their key; a file of JSON lines as it is."""
    first = _first_lines(path)
    content = _parsed(first[0])
    if content is not None and (len(first) > 1 or not _is_of_rows(content)):
        return path
    if path.stat().st_size > LARGEST_OBJECT:
        raise SourceError(f"{label} is one JSON object of over {LARGEST_OBJECT // 10**6} MB: write it as JSON Lines")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{label} does not parse as JSON ({error}): name it .jsonl if each line is a row") from error
    if not _is_of_rows(content):
        raise SourceError(f"{label} is no object of rows: write one JSON object a line, or an array of them")
    lines = scratch / f"{path.name}.lines"
    with lines.open("w", encoding="utf-8") as file:
        for key, row in content.items():
            file.write(json.dumps({KEY: key, **row}, ensure_ascii=False) + "\n")
    return lines


def _is_of_rows(content: Any) -> bool:
    return isinstance(content, dict) and bool(content) and all(isinstance(row, dict) for row in content.values())


def _load_lines(con: ibis.BaseBackend, name: str, path: Path, scratch: Path) -> None:
    """The file's lines that are not blank, numbered as in the file."""
    source = (
        f"read_csv({quoted(path)}, delim='\x01', quote='', escape='', header=false, columns={{'line': 'VARCHAR'}}, "
        f"auto_detect=false, max_line_size={ROW_BYTES}, buffer_size={2 * ROW_BYTES})"
    )
    try:
        rows = f"SELECT row_number() OVER () AS row, line FROM {source}"
        con.raw_sql(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM ({rows}) WHERE trim(line) <> ''")
    except duckdb.InvalidInputException:  # lines that are too long, or hold the character 1
        copy = scratch / f"{name}.parquet"
        with path.open(encoding="utf-8-sig") as file, Batches(copy, ("row", "line_")) as rows_of:
            for number, text in enumerate(file, 1):
                if text.strip():
                    rows_of.add(number, text.rstrip("\n"), size=len(text))
        con.raw_sql(f"CREATE OR REPLACE TABLE {name} AS SELECT row, line_ AS line FROM read_parquet({quoted(copy)})")
