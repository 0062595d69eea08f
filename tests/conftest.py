"""Fixtures for all tests."""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before any numeric library is imported: two cores are shared
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")  # sums in one order, wherever in memory the numbers happen to lie

from ibis import BaseBackend

from toy import ToyProject
from workbench import cli
from workbench.data import engine
from workbench.display.style import apply_style


def pytest_configure() -> None:
    """Keys, ledgers and the audit log of the tests are no user's; figures look as in reports, whatever runs first."""
    apply_style()
    home = tempfile.mkdtemp(prefix="workbench-tests-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ |= {"XDG_CONFIG_HOME": f"{home}/config", "XDG_DATA_HOME": f"{home}/share"}
    os.environ.pop("WORKBENCH_KEYS", None)


@pytest.fixture(scope="session")
def require() -> Callable[[object, str], None]:
    """Skip where something outside Python is missing; with WORKBENCH_STRICT=1 fail instead."""

    def check(condition: object, reason: str) -> None:
        if not condition:
            (pytest.fail if os.environ.get("WORKBENCH_STRICT") == "1" else pytest.skip)(reason)

    return check


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToyProject:
    """An empty toy project; the current folder is its root."""
    project = ToyProject(tmp_path / "project")
    monkeypatch.chdir(project.root)
    for name in ("WORKBENCH_PROFILE", "WORKBENCH_AUTORELOAD"):
        monkeypatch.delenv(name, raising=False)
    return project


@pytest.fixture
def workbench(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Call the command line in this process; the exit code."""

    def call(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["workbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return call


QUICK = {
    "spark.sql.codegen.wholeStage": "false",  # to compile a query costs more than to run it on a small shop
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.sql.maxPlanStringLength": "1000",  # a plan of 300 rules is long to write down
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.memory": "1500m",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


@pytest.fixture(scope="session")
def spark(require: Callable[[object, str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseBackend]:
    """The distributed engine, embedded, once for all tests."""
    require(find_spec("pyspark"), "PySpark is missing: install the extra `spark`")
    require(shutil.which("java"), "Java 17 is missing: install it (Debian, Ubuntu: openjdk-17-jre-headless)")
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]")
    for name, value in QUICK.items():
        builder = builder.config(name, value)
    builder.getOrCreate()
    con = engine.connect(engine="spark", temp_directory=tmp_path_factory.mktemp("spark"))
    yield con
    con.disconnect()
