"""The engine under the Ibis expressions: one connection, and sampling that every engine repeats.

Engines differ in `hash()` and in seeded samples, and agree on SHA-256: samples are drawn by the first 60 bits of the
digest of the raw id, read here as hexadecimal digits.
"""

import re
import resource
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis.expr.types import IntegerValue, StringValue, Table

from workbench import temporary
from workbench.spelling import nearest

HEX = "0123456789abcdef"
DIGITS = 15  # hexadecimal, so 60 bits
ENGINES = ("duckdb", "spark")
MASTER = re.compile(r"spark://|k8s://|yarn$|local")  # how the address of a Spark cluster begins
MOMENTS = {"events": ("timestamp", "event_id"), "pairs": ("event_time", "pair_id")}
"""Tables with a moment in each row: the column that holds it, and the one by which rows of a day are sorted."""
MEMORY = "2500MB"  # what the engine may hold if nothing else is said
LARGE = 0.05  # of the memory: raw files swell to twenty times their size in tables and their copies


def connect(
    memory_limit: str = MEMORY,
    threads: int = 2,
    temp_directory: str | Path = "",
    raw: Iterable[Path] = (),
    engine: str = "duckdb",
) -> ibis.BaseBackend:
    """Open the engine: DuckDB, embedded, or Spark.

    Args:
        memory_limit: what the engine may hold before it spills, such as "2500MB".
        threads: worker threads; 0 leaves the choice to the engine.
        temp_directory: where it spills, made if missing; the system's temporary folder if empty. Each connection gets
            a folder of its own in there, because the engine names its spill files alike in every process; the folder
            goes with the connection, or at the latest with the process. What a killed process left there goes now.
        raw: the files that are going to be read. Where they are large against the memory, tables are kept in a file in
            that folder: compressed, to an eighth of what they take in memory, and without a second writing when they
            have to leave it. Small ones are kept in memory, which is faster by half.
        engine: "duckdb"; or "spark", embedded, or the address of a Spark cluster, see `spark.session.connect`. Spark
            keeps all tables in files in a folder of its own there.

    Raises:
        ValueError: there is no such engine, or `memory_limit` is no size.

    """
    if engine not in ENGINES and not MASTER.match(engine):
        meant = nearest(engine, ENGINES)
        raise ValueError(f"engine '{engine}' is not known{meant}: write duckdb, spark, or a Spark cluster's address")
    if engine != "duckdb":
        from workbench.data.spark import session  # here, because it is an extra

        master = "local[2]" if engine == "spark" else engine
        return session.connect(master, f"{round(_bytes(memory_limit) / 2**20)}m", temp_directory)
    settings: dict[str, object] = {"memory_limit": memory_limit, "preserve_insertion_order": False}
    settings |= {"threads": threads} if threads else {}
    if temp_directory:
        Path(temp_directory).mkdir(parents=True, exist_ok=True)
    temporary.sweep(Path(temp_directory) if temp_directory else None)
    folder = temporary.Folder(Path(temp_directory) if temp_directory else None)
    spill = str(folder.path)
    large = sum(path.stat().st_size for path in raw) > _bytes(memory_limit) * LARGE
    con = ibis.duckdb.connect(Path(spill) / "tables.duckdb" if large else ":memory:", temp_directory=spill, **settings)
    weakref.finalize(con, folder.remove)
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


def load(con: ibis.BaseBackend, name: str, path: Path, batches: pa.RecordBatchReader) -> Table:
    """Take what was written as a table of the engine, without having all of it in memory at once.

    Args:
        con: the engine.
        name: under which it is kept.
        path: what was written; a distributed engine reads it there, for it wrote it itself (`spread`).
        batches: the same, decrypted.

    """
    if distributed(con):
        from workbench.data.spark import days  # here, because it is an extra

        return days.read(con, path) if path.is_dir() else con.read_parquet(str(path), table_name=name)
    con.drop_table(name, force=True)
    con.con.from_arrow(batches).create(name)
    return con.table(name)


def spread(table: Any, path: Path, only_day: str = "") -> bool:
    """Have a distributed engine write its table itself: by days, where rows have a moment, else as one file.

    Args:
        table: of any kind; of another engine it is left alone.
        path: where to.
        only_day: an ISO date: write that day's rows anew, beside the other days that are there.

    Returns:
        Whether it was written.

    """
    con = ibis.get_backend(table) if isinstance(table, Table) else None
    if con is None or not distributed(con):
        return False
    from workbench.data.spark import days  # here, because it is an extra

    moment, order = MOMENTS.get(path.stem, ("", ""))
    if moment in table.columns:
        days.write(con, table, path, moment, order, only_day)
    else:
        table.to_parquet(path)
    return True


def distributed(con: ibis.BaseBackend) -> bool:
    """Whether the engine may run on several machines."""
    return con.name == "pyspark"


def one_machine(con: ibis.BaseBackend) -> list[str]:
    """What the engine does on one machine all the same, one sentence each; nothing to say of an embedded engine."""
    if not distributed(con):
        return []
    from workbench.data.spark import handover  # here, because it is an extra

    return list(handover.ONE_MACHINE)


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
