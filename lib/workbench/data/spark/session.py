"""A Spark session: embedded in this process, or on a cluster by its master address."""

import importlib.util
import os
import re
import shutil
import sys
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.data.spark.backend import Backend

LOCAL = re.compile(r"local(-cluster)?\[.*\]|local")
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",  # a division by zero is no reason to end a run, with either engine
    "spark.sql.legacy.sizeOfNull": "false",  # no list is no list, and not one of -1 items
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # what other readers of Parquet take for times
    "spark.sql.sources.partitionOverwriteMode": "dynamic",  # a day that is written again replaces that day alone
    "spark.ui.showConsoleProgress": "false",
}
EMBEDDED = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.files.openCostInBytes": "65536",  # packed tightly, a log of a few MB is work for all cores
}


def connect(master: str, memory_limit: str, folder: str | Path) -> "Backend":
    """Open Spark.

    Args:
        master: `local[2]`, or a cluster's address: `spark://host:7077`, `yarn`, `k8s://https://host`. A session that
            this process has already, as under `spark-submit`, is used as it is.
        memory_limit: memory of the driver, such as "2500MB", where this call starts it.
        folder: in which tables are kept; on a cluster on storage that all of its machines see.

    Raises:
        RuntimeError: PySpark or Java is missing.

    """
    _require()
    from pyspark.sql import SparkSession

    from workbench.data.spark.backend import Backend

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # Spark knows no setting for it that it heeds here
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
    kept = Path(tempfile.mkdtemp(prefix="workbench-spark-", dir=folder or None))
    settings = SETTINGS | {"spark.sql.warehouse.dir": str(kept / "warehouse"), "spark.driver.memory": memory_limit}
    if LOCAL.fullmatch(master):
        settings |= EMBEDDED | {"spark.sql.shuffle.partitions": _cores(master), "spark.local.dir": str(kept / "spill")}
    builder = SparkSession.builder.appName("workbench").master(master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    backend = Backend()
    backend.do_connect(session, str(kept))
    weakref.finalize(backend, shutil.rmtree, kept, ignore_errors=True)
    return backend


def _cores(master: str) -> str:
    found = re.search(r"\[(\d+)", master)
    return found.group(1) if found else str(os.cpu_count() or 2)


def _require() -> None:
    if importlib.util.find_spec("pyspark") is None:
        raise RuntimeError("engine: spark needs the extra `spark`: pip install 'ecommerce-workbench[spark]'")
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and (Path(home) / "bin" / "java").is_file())):
        raise RuntimeError("engine: spark needs Java 17: install it (Debian, Ubuntu: openjdk-17-jre-headless)")
