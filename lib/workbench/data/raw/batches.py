"""Rows of text written to a Parquet file while they come, in batches of bounded size."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

CHARS, ROWS = 16_000_000, 100_000  # of a batch


class Batches:
    """A Parquet file under way.

    Args:
        path: the file.
        columns: its columns; those named `row` and `line` are whole numbers, all others are text.

    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        kinds = [(name, pa.int64() if name in ("row", "line") else pa.string()) for name in columns]
        self.path, self.count = path, 0
        self._schema = pa.schema(kinds)
        self._writer = pq.ParquetWriter(path, self._schema)
        self._rows: list[Sequence[object]] = []
        self._size = 0

    def add(self, *values: object, size: int = 0) -> None:
        """Add a row; `size` is how many characters it holds."""
        self._rows.append(values)
        self.count += 1
        self._size += size
        if self._size > CHARS or len(self._rows) == ROWS:
            self._flush()

    def _flush(self) -> None:
        columns = zip(*self._rows, strict=True) if self._rows else [[] for _ in self._schema]
        arrays = [pa.array(list(column), kind) for column, kind in zip(columns, self._schema.types, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows, self._size = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._flush()
        self._writer.close()
