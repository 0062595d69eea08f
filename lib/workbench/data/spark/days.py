"""Tables in files by day, so that one day can be written again and no other is touched.

A day is written as a whole or not at all: Spark writes aside and moves what is complete. Rows of a day are sorted and
lie in one file. What a row says may rest on other days (a robot is known by its habit, a position by the whole log), so
whoever writes one day again computes from all of them, and writes that one.
"""

import datetime
import shutil
from pathlib import Path

from ibis.expr.types import Table
from pyspark.sql import functions as sql

from workbench.data.spark.backend import Backend
from workbench.keeping import DAY


def write(con: Backend, table: Table, folder: Path, moment: str, order: str, only_day: str = "") -> None:
    """Write a table into `folder/day=2024-03-05/` and so on, by the day (UTC) of a column.

    Args:
        con: the engine.
        table: what to write.
        folder: on storage that all machines see; what lies in it is replaced.
        moment: the column of the time; rows without one lie in `day=__HIVE_DEFAULT_PARTITION__`.
        order: the column to sort by.
        only_day: an ISO date: replace this day's rows alone.

    Raises:
        ValueError: `only_day` is no date, or there are no other days in the folder.

    """
    frame = con.frame(table).withColumn(DAY, sql.to_date(sql.col(moment)))
    if only_day:
        frame = frame.filter(sql.col(DAY) == sql.lit(_date(only_day, folder)))
        if frame.isEmpty():
            shutil.rmtree(folder / f"{DAY}={only_day}", ignore_errors=True)
            return
    ordered = frame.repartition(DAY).sortWithinPartitions(DAY, order)
    how = "dynamic" if only_day else "static"  # static: days of an earlier run do not stay beside the new ones
    writer = ordered.write.mode("overwrite").option("partitionOverwriteMode", how).partitionBy(DAY)
    writer.option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false").parquet(str(folder))


def read(con: Backend, folder: Path) -> Table:
    """The table that `write` wrote."""
    return con.read_parquet(str(folder)).drop(DAY)


def _date(day: str, folder: Path) -> datetime.date:
    try:
        found = datetime.date.fromisoformat(day)
    except ValueError:
        raise ValueError(
            f"only_day '{day}' is no date: write it as 2024-03-05, or leave it empty for all days"
        ) from None
    if not any(folder.glob(f"{DAY}=*")):
        raise ValueError(f"only_day writes one day again, but {folder} has no days: leave only_day empty once")
    return found
