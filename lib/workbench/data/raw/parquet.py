"""Parquet, read as text column by column."""

from collections.abc import Sequence
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.collected import SourceError
from workbench.data.raw.sql import quoted


def columns(path: Path, label: str) -> dict[str, str]:
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


def load(con: ibis.BaseBackend, name: str, path: Path, chosen: Sequence[str]) -> None:
    """Read columns, as `columns` writes them, into the engine's table `name`: row, v0, v1, …."""
    values = ", ".join(f"{column} AS v{i}" for i, column in enumerate(chosen))
    source = f"read_parquet({quoted(path)}, file_row_number=true)"
    con.raw_sql(f"CREATE OR REPLACE TABLE {name} AS SELECT file_row_number + 1 AS row, {values} FROM {source}")


def _as_text(name: str, kind: pa.DataType) -> str:
    column = '"' + name.replace('"', '""') + '"'
    if pa.types.is_nested(kind):
        return f"CAST(to_json({column}) AS VARCHAR)"
    if pa.types.is_timestamp(kind) and kind.tz:
        return f"strftime(timezone('UTC', {column}), '%Y-%m-%dT%H:%M:%S.%fZ')"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return f"coalesce(TRY(decode({column})), CAST({column} AS VARCHAR))"
    return f"CAST({column} AS VARCHAR)"
