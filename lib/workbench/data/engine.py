"""The engine under the Ibis expressions: one connection, and sampling that every engine repeats.

Engines differ in `hash()` and in seeded samples, and agree on SHA-256: samples are drawn by the first 60 bits of the
digest of the raw id, read here as hexadecimal digits.
"""

import re
import resource
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path

import ibis
import pyarrow as pa
from ibis.expr.types import IntegerValue, StringValue, Table

from workbench.spelling import nearest

HEX = "0123456789abcdef"
DIGITS = 15  # hexadecimal, so 60 bits
ENGINES = ("duckdb", "spark")
MOMENTS = {"events": ("timestamp", "event_id"), "pairs": ("event_time", "pair_id")}
"""Tables with a moment in each row: the column that holds it, and the one by which rows of a day are sorted."""
LARGE = 0.05  # of the memory: raw files swell to twenty times their size in tables and their copies


def connect(
    memory_limit: str = "2500MB",
    threads: int = 2,
    temp_directory: str | Path = "",
    raw: Iterable[Path] = (),
    engine: str = "duckdb",
    spark_master: str = "local[2]",
) -> ibis.BaseBackend:
    """Open the engine: DuckDB, embedded, or Spark.

    Args:
        memory_limit: what the engine may hold before it spills, such as "2500MB".
        threads: worker threads; 0 leaves the choice to the engine.
        temp_directory: where it spills, made if missing; the system's temporary folder if empty. Each connection gets
            a folder of its own in there, because the engine names its spill files alike in every process; the folder
            goes with the connection, or at the latest with the process.
        raw: the files that are going to be read. Where they are large against the memory, tables are kept in a file in
            that folder: compressed, to an eighth of what they take in memory, and without a second writing when they
            have to leave it. Small ones are kept in memory, which is faster by half.
        engine: "duckdb" or "spark"; Spark keeps all tables in files in a folder of its own there.
        spark_master: where Spark runs, see `spark.session.connect`.

    Raises:
        ValueError: there is no such engine, or `memory_limit` is no size.

    """
    if engine not in ENGINES:
        raise ValueError(f"engine '{engine}' is not known{nearest(engine, ENGINES)}: write {' or '.join(ENGINES)}")
    if engine == "spark":
        from workbench.data.spark import session  # here, because it is an extra

        return session.connect(spark_master, f"{round(_bytes(memory_limit) / 2**20)}m", temp_directory)
    settings: dict[str, object] = {"memory_limit": memory_limit, "preserve_insertion_order": False}
    settings |= {"threads": threads} if threads else {}
    if temp_directory:
        Path(temp_directory).mkdir(parents=True, exist_ok=True)
    spill = tempfile.mkdtemp(prefix="workbench-", dir=temp_directory or None)
    large = sum(path.stat().st_size for path in raw) > _bytes(memory_limit) * LARGE
    con = ibis.duckdb.connect(Path(spill) / "tables.duckdb" if large else ":memory:", temp_directory=spill, **settings)
    weakref.finalize(con, shutil.rmtree, spill, ignore_errors=True)
    con.raw_sql("SET enable_progress_bar = false")  # in a notebook it would be a widget
    return con


def _bytes(size: str) -> float:
    """A size such as "2500MB" or "4 GiB" in bytes.

    Raises:
        ValueError: it is no number with a unit.

    """
    found = re.fullmatch(r"\s*([0-9.]+)\s*([KMGT]?)(i?)B\s*", size, re.IGNORECASE)
    if not found:
        raise ValueError(f"memory_limit '{size}' is no size: write a number and its unit, such as 2500MB")
    number, unit, binary = found.groups()
    return float(number) * (1024 if binary else 1000) ** " KMGT".index(unit.upper() or " ")


def keep(con: ibis.BaseBackend, name: str, table: Table) -> Table:
    """Compute `table` once and keep it in the engine under `name`, because several results read it."""
    return con.create_table(name, table, overwrite=True)


def distributed(con: ibis.BaseBackend) -> bool:
    """Whether the engine may run on several machines."""
    return con.name == "pyspark"


def one_machine(con: ibis.BaseBackend) -> list[str]:
    """What the engine does on one machine all the same, one sentence each; nothing to say of an embedded engine."""
    if not distributed(con):
        return []
    from workbench.data.spark import handover  # here, because it is an extra

    return list(handover.ONE_MACHINE)


def load(con: ibis.BaseBackend, name: str, batches: pa.RecordBatchReader) -> Table:
    """Keep record batches in the engine under `name`, without having all of them in memory at once."""
    if distributed(con):
        return con.create_table(name, batches, overwrite=True)
    con.drop_table(name, force=True)
    con.con.from_arrow(batches).create(name)
    return con.table(name)


def by_day(con: ibis.BaseBackend, name: str) -> bool:
    """Whether a table of this name is written in files by day: a distributed engine's, if its rows have a moment."""
    return distributed(con) and name in MOMENTS


def save_by_day(con: ibis.BaseBackend, table: Table, folder: Path, name: str, only_day: str = "") -> Table:
    """Write the table of this name in files by day (see `spark.days.write`), and read it back."""
    from workbench.data.spark import days  # here, because it is an extra

    days.write(con, table, folder, *MOMENTS[name], only_day)
    return days.read(con, folder)


def digest(*ids: StringValue, salt: str = "") -> StringValue:
    """First 60 bits of SHA-256 over the ids, 15 hexadecimal digits; the order of digests is a random order of ids."""
    text = ibis.literal("|").join([ibis.literal(salt), *(value.cast("string") for value in ids)])
    return text.hexdigest("sha256").left(DIGITS)


def digits(hexadecimal: StringValue, start: int, count: int) -> IntegerValue:
    """`count` hexadecimal digits from position `start`, as a whole number below 16**count."""
    places = [ibis.literal(HEX).find(hexadecimal.substr(start + i, 1)) for i in range(count)]
    value = ibis.literal(0, "int64")
    for place in places:
        value = value * 16 + place.cast("int64")
    return value


def peak_memory_gb() -> float:
    """Most memory that this process has held so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # Linux counts in kB
