"""The runner is interrupted or killed: no kernel outlives it, and the run can be continued."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from toy import ToyProject

COMMAND = [sys.executable, "-m", "workbench.cli", "run", "toy"]


@pytest.fixture
def sleeper(toy: ToyProject) -> ToyProject:
    """A notebook that sleeps in cell 4, once it has written its kernel's pid, until there is a file `awake`."""
    pid, awake = toy.root / "pid", toy.root / "awake"
    toy.notebook(
        "01_a",
        "import os, time, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('said before', flush=True)\n"
        f"open({str(pid)!r}, 'w').write(str(os.getpid()))\n"
        f"if not os.path.exists({str(awake)!r}):\n    time.sleep(120)",
    )
    toy.profile()
    return toy


def start(toy: ToyProject, *more: str) -> tuple[subprocess.Popen, int, list[psutil.Process]]:
    """Start a run; its process, its kernel's pid, and all its descendants."""
    runner = subprocess.Popen([*COMMAND, *more], cwd=toy.root, stdout=subprocess.PIPE, text=True)
    wait_for(toy.root / "pid")
    time.sleep(0.3)
    return runner, int((toy.root / "pid").read_text()), psutil.Process(runner.pid).children(recursive=True)


def wait_for(path: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.1)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_leaves_interrupted_and_no_orphan(sleeper: ToyProject, workbench, name: str) -> None:
    told = sleeper.root / "told"
    runner, kernel, family = start(sleeper, "--on-failure", f'echo "$WORKBENCH_STATUS" > {told}')
    assert kernel in [process.pid for process in family]
    began = time.monotonic()
    runner.send_signal(signal.Signals[name])
    assert runner.wait(timeout=30) == 130
    assert time.monotonic() - began < 20
    assert all(sleeper.gone(process.pid) for process in family)
    [run] = sleeper.runs()
    assert run.record["status"] == "interrupted"
    assert sleeper.status("01_a")["status"] == "interrupted"
    assert sleeper.status("01_a")["cell"] == 4
    assert "interrupted: the notebook stopped at cell 4" in sleeper.report("01_a")
    assert "said before" in sleeper.report("01_a")
    assert told.read_text() == "interrupted\n"

    (sleeper.root / "awake").touch()
    assert workbench("run", "toy", "--continue", run.name) == 0
    assert run.record["status"] == "ok"


def test_a_killed_runner_leaves_no_orphan_and_counts_as_interrupted(sleeper: ToyProject, workbench, capsys) -> None:
    runner, _, family = start(sleeper)
    runner.kill()
    runner.wait()
    assert all(sleeper.gone(process.pid) for process in family)
    [run] = sleeper.runs()
    assert sleeper.status("01_a")["status"] == "running"  # nobody was left to write another
    assert workbench("runs") == 0
    assert "interrupted" in capsys.readouterr().out
    assert workbench("report", run.name) == 0
    assert "interrupted: the notebook stopped" in sleeper.report("01_a")

    (sleeper.root / "awake").touch()
    assert workbench("run", "toy", "--continue", run.name) == 0
    assert sleeper.status("01_a")["status"] == "ok"


def test_an_interrupted_grid_goes_on_by_running_it_again(toy: ToyProject, workbench) -> None:
    """A grid makes ordinary runs that share equal stages, within one call and over two."""
    pid, awake = toy.root / "pid", toy.root / "awake"
    toy.notebook("01_a", "stage.path('data/x.txt').write_text('x')")
    toy.notebook(
        "02_b",
        "import os, time\nstage.input('01_a', 'data/x.txt')",
        f"if rate == 0.2 and not os.path.exists({str(awake)!r}):\n"
        f"    open({str(pid)!r}, 'w').write(str(os.getpid()))\n    time.sleep(120)",
        "stage.path('data/y.txt').write_text(str(rate))",
        parameters="rate = 0.5\n",
        needs=("01_a",),
    )
    toy.profile(grid={"02_b.rate": [0.1, 0.2, 0.3]})
    runner, kernel, _ = start(toy)
    runner.terminate()
    assert runner.wait(timeout=30) == 130
    assert toy.gone(kernel)
    assert [run.record["status"] for run in toy.runs()] == ["interrupted", "ok"]  # the third was not begun

    awake.touch()
    assert workbench("run", "toy") == 0
    third, second, first, *_ = toy.runs()
    assert [run.record["combination"]["02_b.rate"] for run in (first, second, third)] == [0.1, 0.2, 0.3]
    ran = [[not stage.status["reused_from"] for stage in run.stages()] for run in (first, second, third)]
    assert ran == [[False, False], [False, True], [False, True]]
    assert [(run.folder / "02_b/data/y.txt").read_text() for run in (second, third)] == ["0.2", "0.3"]
    assert "02_b.rate = 0.2" in (toy.outputs / "index.html").read_text()


def test_one_profile_runs_once_at_a_time_and_two_profiles_side_by_side(sleeper: ToyProject, workbench, capsys) -> None:
    sleeper.notebook("01_b")
    sleeper.profile("other", notebooks=["01_b"])
    runner, *_ = start(sleeper)
    try:
        before = sorted(sleeper.outputs.iterdir())
        assert workbench("run", "toy") == 2
        assert "another run of profile 'toy' is in progress" in capsys.readouterr().err
        assert sorted(sleeper.outputs.iterdir()) == before
        [run] = sleeper.runs()
        assert workbench("run", "toy", "--continue", run.name) == 2
        assert workbench("run", "other") == 0
    finally:
        runner.terminate()
        runner.wait()
    assert {run.record["profile"]: run.record["status"] for run in sleeper.runs()} == {
        "other": "ok", "toy": "interrupted",
    }  # fmt: skip


def test_profiles_start_at_the_same_second(toy: ToyProject) -> None:
    toy.notebook("01_a", "stage.path('data/x.txt').write_text('x')")
    names = ["one", "two"]
    for name in names:
        toy.profile(name)
    runners = [subprocess.Popen([*COMMAND[:-1], name], cwd=toy.root, stdout=subprocess.DEVNULL) for name in names]
    assert [runner.wait(timeout=120) for runner in runners] == [0, 0]
    assert {run.record["profile"] for run in toy.runs() if run.stage("01_a").ok} == set(names)
    assert all((toy.outputs / "latest-ok" / name / "01_a").exists() for name in names)
