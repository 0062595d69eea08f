"""What one machine has to do, and how what it read comes to all of them."""

from dataclasses import replace
from pathlib import Path

from ibis.expr.types import Table

from workbench.data.collected import Collected
from workbench.data.spark.backend import Backend

ONE_MACHINE = (
    "Raw files are read by the driver alone (only the storefront's by all machines), and handed on as Parquet.",
    "The catalogue is judged, and searched for near-duplicates, by the driver: it has to fit into its memory.",
    "Distinct texts that could hold personal data are looked at by the driver, a batch at a time.",
    "Examination by position and label noise are estimated by the driver, from sums and texts that it collects.",
    "What has no day (products, users, aggregates, the record of cleaning) is written by one task, as one file.",
    "Distinct counts in the table of the worst columns are approximate, and each engine approximates in its own way.",
    "Outputs of this engine are not encrypted by the workbench: they rely on the storage's own encryption.",
)
"""What does not spread over a cluster, one sentence each."""


def taken(con: Backend, collected: Collected) -> Collected:
    """Tables that another engine collected: written to files which all machines see, and opened by this one."""
    tables = {name: _taken(con, name, table) for name, table in collected.tables.items()}
    rejected = None if collected.rejected is None else _taken(con, "rejected", collected.rejected)
    return replace(collected, tables=tables, rejected=rejected)


def _taken(con: Backend, name: str, table: Table) -> Table:
    path = Path(con.folder) / f"read-{name}.parquet"
    table.to_parquet(path)
    return con.read_parquet(str(path), table_name=name)
