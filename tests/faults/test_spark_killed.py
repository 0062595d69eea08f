"""An executor that is killed in the middle of a job loses no row and doubles none."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROWS = 4000
JOB = """
import json, signal, sys, threading, time
from contextlib import suppress
from pathlib import Path

import ibis
import psutil
import pyarrow as pa

from workbench.data import engine
from workbench.data.spark import days

rows, folder = int(sys.argv[1]), Path(sys.argv[2])
con = engine.connect("600MB", engine="local-cluster[2,1,768]", temp_directory=folder)


@ibis.udf.scalar.pyarrow
def slowly(number: int) -> int:
    import time

    time.sleep(1.5)
    return number


frame = con._session.range(0, rows, 1, 8)
frame.createOrReplaceTempView("numbers")
numbers = con.table("numbers")
start = ibis.timestamp("2024-03-01").cast("timestamp('UTC', 6)")
events = numbers.select(
    event_id=numbers.id.cast("string").lpad(8, "0"),
    timestamp=start + (slowly(numbers.id) % 240).as_interval("h"),
    value=numbers.id * 1.5,
)


def executors():
    found = []
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a helper of Spark's that ended between the two looks
            if "CoarseGrainedExecutorBackend" in " ".join(each.cmdline()):
                found.append(each)
    return found


def tasks_done():
    tracker = con._session.sparkContext.statusTracker()
    stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    return max((stage.numCompletedTasks for stage in stages if stage and stage.numTasks == 8), default=0)


failed = []


def job():
    try:
        days.write(con, events, folder / "events", "timestamp", "event_id")
    except Exception as error:
        failed.append(str(error)[:500])


working = threading.Thread(target=job)
working.start()
while working.is_alive() and tasks_done() < 3:
    time.sleep(0.05)
before = [each.pid for each in executors()]
victim = executors()[0]
victim.send_signal(signal.SIGKILL)
done = tasks_done()
victim.wait(30)
in_the_middle = working.is_alive()
working.join()
read = days.read(con, folder / "events").execute()
print(json.dumps({
    "failed": failed, "in_the_middle": in_the_middle, "done": done, "executors": before, "victim": victim.pid,
    "after": [each.pid for each in executors()], "rows": len(read), "distinct": int(read["event_id"].nunique()),
    "sum": float(read["value"].sum()), "files": len(list((folder / "events").rglob("*.parquet"))),
}))
con.disconnect()
"""


def home(folder: Path) -> Path:
    """A home of Spark whose workers write into this test's folder, and whose executors are small."""
    import pyspark

    installed, made = Path(pyspark.__file__).parent, folder / "spark"
    (made / "conf").mkdir(parents=True)
    for name in ("bin", "jars", "python"):
        if (installed / name).exists():
            (made / name).symlink_to(installed / name)
    (made / "conf" / "spark-defaults.conf").write_text("spark.executor.memory 512m\nspark.sql.adaptive.enabled false\n")
    return made


def test_an_executor_killed_in_the_middle_costs_no_row(require, tmp_path: Path) -> None:
    require(find_spec("pyspark"), "PySpark is missing: install the extra `spark`")
    (tmp_path / "job.py").write_text(JOB)
    environment = os.environ | {"SPARK_HOME": str(home(tmp_path)), "PYSPARK_PYTHON": sys.executable}
    command = [sys.executable, tmp_path / "job.py", str(ROWS), tmp_path]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=500, check=False)
    assert not ended.returncode, ended.stderr[-3000:]
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["failed"] == []
    assert found["in_the_middle"]
    assert 3 <= found["done"] < 8
    assert found["victim"] in found["executors"]
    assert found["victim"] not in found["after"]
    assert (found["rows"], found["distinct"]) == (ROWS, ROWS)
    assert found["sum"] == 1.5 * ROWS * (ROWS - 1) / 2
    assert found["files"] == 10
