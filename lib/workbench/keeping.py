"""How a stage's tables become files and are read again: plainly, or by a keeper that protects them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # the runner reads manifests without pyarrow
    import pyarrow as pa

DAY = "day"  # names the folders of a table that lies in a folder for each day
ENCRYPTED = b"PARE"  # what a Parquet file with an encrypted footer begins with


class KeepingError(RuntimeError):
    """A table cannot be read as this process reads it; the message says what to do."""


class Keeper(Protocol):
    """Writes and reads tables below a stage's folder, and vouches for its manifest."""

    def write(self, folder: Path, relative: str, table: Any) -> dict[str, Any]:
        """Write a table (see `stream`); gives what the manifest says of the file beside its hash."""

    def read(self, folder: Path, relative: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a table, or these columns of it."""

    def batches(self, folder: Path, relative: str) -> pa.RecordBatchReader:
        """The same batch by batch, of a table that this process has written."""

    def check(self, manifest: Mapping[str, Any], where: str) -> None:
        """Raise an error unless the manifest is the one that was vouched for; `where` names its stage."""

    def endorse(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """What is added to a manifest to vouch for it."""


class Plain:
    """Plain Parquet."""

    def write(self, folder: Path, relative: str, table: Any) -> dict[str, Any]:
        """See `Keeper`."""
        import pyarrow.parquet as pq

        path = folder / relative
        schema, batches = stream(table)
        with pq.ParquetWriter(path, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return shape(path)

    def read(self, folder: Path, relative: str, columns: Sequence[str] | None = None) -> pa.Table:
        """See `Keeper`."""
        import pyarrow.parquet as pq

        if encrypted(folder / relative):
            raise KeepingError(
                f"{folder / relative} is encrypted: call custody.guard(stage, purpose) after the stage is opened"
            )
        table = pq.read_table(folder / relative, columns=None if columns is None else list(columns))
        return table.drop_columns(DAY) if (folder / relative).is_dir() and DAY in table.column_names else table

    def batches(self, folder: Path, relative: str) -> pa.RecordBatchReader:
        """See `Keeper`."""
        import pyarrow.dataset as ds

        return ds.dataset(folder / relative).scanner().to_reader()

    def check(self, manifest: Mapping[str, Any], where: str) -> None:
        """See `Keeper`; nobody vouched, and hashes alone are compared."""

    def endorse(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """See `Keeper`."""
        return {}


def stream(table: Any) -> tuple[pa.Schema, Any]:
    """Schema and record batches of a table of pandas, Arrow or the engine; a pandas index is kept if it has a name."""
    import pyarrow as pa

    if hasattr(table, "iloc"):
        table = pa.Table.from_pandas(table, preserve_index=any(name is not None for name in table.index.names))
    if isinstance(table, pa.Table):
        return table.schema, table.to_batches()
    reader = table if isinstance(table, pa.RecordBatchReader) else table.to_pyarrow_batches()
    return reader.schema, reader


def encrypted(path: Path) -> bool:
    """Whether a file is Parquet with an encrypted footer."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        return file.read(len(ENCRYPTED)) == ENCRYPTED


def shape(path: Path) -> dict[str, int]:
    """Rows and columns of a plain Parquet file; nothing for other files."""
    if path.suffix != ".parquet" or encrypted(path):
        return {}
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    return {"rows": metadata.num_rows, "columns": metadata.num_columns}
