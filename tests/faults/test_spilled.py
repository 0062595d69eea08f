"""What an engine spills, and all that is temporary, goes with its stage, whoever is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from test_interruption import COMMAND, start

from toy import ToyProject

SPILLS = """
import os, pathlib, tempfile, time
from workbench.data import engine
con = engine.connect("60MB", threads=1)
con.raw_sql("create temp table t as select 'canary ' || hash(range)::varchar as s from range(2500000)")
pathlib.Path(tempfile.mkdtemp(), "other").write_text("canary")
"""


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of runs in other processes."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def spiller(toy: ToyProject, scratch: Path) -> ToyProject:
    """A notebook that spills in cell 4, writes its kernel's pid and sleeps; another that does nothing."""
    pid = toy.root / "pid"
    toy.notebook("01_a", f"{SPILLS}open({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(120)")
    toy.profile()
    toy.notebook("01_b")
    toy.profile("other", notebooks=["01_b"])
    return toy


def spilled(folder: Path) -> list[Path]:
    """Files below the folder that tell something: those of the engine, and those with a canary."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if "duckdb_temp" in path.name or b"canary" in path.read_bytes()]


@pytest.mark.parametrize("killed", ["kernel", "stage", "runner"])
def test_nothing_spilled_outlives_a_kill(spiller: ToyProject, scratch: Path, killed: str) -> None:
    runner, kernel, family = start(spiller)
    stage = next(process.pid for process in family if "workbench.run.execute" in process.cmdline())
    assert {path.name for path in spilled(scratch)} > {"other"}
    os.kill({"kernel": kernel, "stage": stage, "runner": runner.pid}[killed], signal.SIGKILL)
    runner.wait(timeout=60)
    assert all(spiller.gone(process.pid) for process in family)
    assert spilled(scratch) == []
    assert not list(scratch.glob("workbench-*"))


def test_what_a_killed_run_as_a_whole_spilled_is_gone_with_the_next(spiller: ToyProject, scratch: Path) -> None:
    runner, _, family = start(spiller)
    psutil.Process(runner.pid).suspend()  # so that it cleans nothing while the others die
    for process in family:
        process.kill()
    runner.kill()
    runner.wait()
    assert all(spiller.gone(process.pid) for process in family)
    assert spilled(scratch)
    subprocess.run([*COMMAND[:-1], "other"], check=True, stdout=subprocess.DEVNULL)
    assert spilled(scratch) == []
    assert not list(scratch.glob("workbench-*"))


def test_a_run_leaves_a_living_ones_folders_alone(spiller: ToyProject, scratch: Path) -> None:
    runner, *_ = start(spiller)
    before = spilled(scratch)
    subprocess.run([*COMMAND[:-1], "other"], check=True, stdout=subprocess.DEVNULL)
    assert spilled(scratch) == before
    runner.terminate()
    runner.wait(timeout=60)
    assert spilled(scratch) == []


def test_what_a_killed_kernel_spilled_by_hand_is_gone_with_the_next_connection(scratch: Path) -> None:
    command = [sys.executable, "-c"]
    killed = subprocess.run([*command, f"{SPILLS}os.kill(os.getpid(), 9)"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert any("duckdb_temp" in path.name for path in spilled(scratch))
    subprocess.run([*command, "from workbench.data import engine; engine.connect('60MB')"], check=True)
    assert not list(scratch.glob("workbench-*"))
