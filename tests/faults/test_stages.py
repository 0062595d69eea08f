"""What goes wrong inside a stage: the status, the exit code, the report, and --continue after the cause is gone."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from toy import ToyProject
from workbench.artifacts import read_json
from workbench.run import runner, status
from workbench.run.progress import Progress
from workbench.run.status import StageFolder

ROUNDING = 0.2  # records keep tenths of a second, so sums of three may be off by that

FAULTS = {
    "kernel_died": ("import os; os.kill(os.getpid(), 9)", "the kernel died"),
    "failed": ("raise ValueError('the <b>price</b> is wrong')", "ValueError: the &lt;b&gt;price&lt;/b&gt; is wrong"),
    "gate_failed": (
        "from workbench.artifacts import GateFailed; raise GateFailed('quality 0.4 is under 0.9')",
        "quality 0.4 is under 0.9",
    ),
    "timeout": ("import time; time.sleep(60)", "the cell took longer than 8 s"),
    "stopped": ("import sys; sys.exit(0)", "the notebook stopped here, before its last cell"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_and_can_be_continued(toy: ToyProject, workbench: Callable[..., int], fault: str) -> None:
    code, reason = FAULTS[fault]
    status = "failed" if fault == "stopped" else fault
    repaired = toy.root / "repaired"
    toy.notebook(
        "01_a",
        "stage.path('data/part.txt').write_text('half')\nstage.path('checkpoint/step').write_text('1')",
        f"from pathlib import Path\nif not Path({str(repaired)!r}).exists():\n    {code}",
        "stage.path('data/x.txt').write_text(stage.path('checkpoint/step').read_text())",
    )
    toy.profile()
    told = toy.root / "told"
    notify = f'echo "$WORKBENCH_STAGE $WORKBENCH_STATUS $WORKBENCH_RUN $WORKBENCH_REPORT" > {told}'

    assert workbench("run", "toy", "--timeout", 8 if fault == "timeout" else 60, "--on-failure", notify) == 1

    [run] = toy.runs()
    assert run.record["status"] == status
    found = toy.status("01_a")
    assert (found["status"], found["cell"]) == (status, 5)
    report = toy.report("01_a")
    assert reason in report
    assert f"{status}: the notebook stopped at cell 5" in report
    assert 'id="failed"' in report
    assert "\x1b" not in report
    assert (run.folder / "01_a" / "notebook.ipynb").exists()
    assert not (run.folder / "01_a" / "manifest.json").exists()
    assert not (toy.outputs / "latest-ok" / "toy").exists()
    assert told.read_text().split() == ["01_a", status, str(run.folder), str(run.folder / "01_a" / "report.html")]
    assert f'class="{status}"' in (toy.outputs / "index.html").read_text()

    repaired.touch()
    (run.folder / "01_a" / "checkpoint" / "step").write_text("from the first attempt")
    (run.folder / "01_a" / "data" / "stale.txt").touch()
    toy.notebook(
        "01_a",
        "import os\nassert os.path.exists(stage.folder / 'checkpoint/step')",
        "stage.path('data/x.txt').write_text(stage.path('checkpoint/step').read_text())",
    )
    assert workbench("run", "toy", "--continue", run.name) == 0
    assert [each.name for each in toy.runs()] == [run.name]
    assert toy.status("01_a")["status"] == run.record["status"] == "ok"
    assert (run.folder / "01_a" / "data" / "x.txt").read_text() == "from the first attempt"
    assert not (run.folder / "01_a" / "data" / "stale.txt").exists()
    assert [entry["path"] for entry in read_json(run.folder / "01_a" / "manifest.json")["outputs"]] == ["data/x.txt"]
    assert (toy.outputs / "latest-ok" / "toy").resolve() == run.folder
    assert "the notebook stopped" not in toy.report("01_a")


def test_a_notebook_that_does_not_mark_itself_complete_is_not_ok(toy: ToyProject, workbench) -> None:
    path = toy.notebook("01_a")
    path.write_text(path.read_text().replace("stage.complete()", "stage.folder"))
    toy.profile()
    assert workbench("run", "toy") == 1
    assert "end it with stage.complete()" in toy.report("01_a")


def test_exit_after_completion_but_before_the_last_cell_is_not_ok(toy: ToyProject, workbench) -> None:
    toy.notebook("01_a", "stage.complete()\nimport sys; sys.exit(0)")
    toy.profile()
    assert workbench("run", "toy") == 1
    assert toy.status("01_a")["cell"] == 4


def test_death_of_the_stage_process_leaves_no_kernel(toy: ToyProject, workbench) -> None:
    pid = toy.root / "pid"
    toy.notebook(
        "01_a",
        f"import os, signal, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(1.5)\n"
        "os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)",
    )
    toy.profile()
    assert workbench("run", "toy") == 1
    status = toy.status("01_a")
    assert (status["status"], status["cell"]) == ("failed", 4)
    assert "ended with signal 9" in toy.report("01_a")
    assert toy.gone(int(pid.read_text()))


def test_a_later_stage_fails_and_the_earlier_ones_stay(toy: ToyProject, workbench, capsys) -> None:
    repaired = toy.root / "repaired"
    toy.notebook("01_a", "stage.path('data/x.txt').write_text('one')")
    toy.notebook("02_b", f"import os\nassert os.path.exists({str(repaired)!r}), 'not yet'", needs=("01_a",))
    toy.notebook("03_c", needs=("02_b",))
    toy.profile()
    assert workbench("run", "toy") == 1
    [run] = toy.runs()
    first, leg = toy.status("01_a"), run.record
    assert [stage.status.get("status") for stage in run.stages()] == ["ok", "failed", None]
    assert 'class="todo">03_c' in toy.report("02_b")
    assert "02_b: failed in cell 4: AssertionError: not yet" in capsys.readouterr().out
    spent = sum(stage.status["seconds"] for stage in run.stages()[:2])
    assert leg["seconds"] > spent - ROUNDING
    repaired.touch()
    assert workbench("run", "toy", "--continue", run.name) == 0
    legs, stages = run.record, [stage.status for stage in run.stages()]
    assert legs["seconds"] > leg["seconds"] + stages[1]["seconds"] + stages[2]["seconds"] - ROUNDING
    assert legs["peak_mb"] == max(leg["peak_mb"], *(each["peak_mb"] for each in stages)) > 30
    said = f"{legs['seconds'] / 60:.1f} minutes in all, {legs['peak_mb'] / 1024:.1f} GB of memory at most"
    assert said in capsys.readouterr().out
    assert [stage.status["status"] for stage in run.stages()] == ["ok", "ok", "ok"]
    assert toy.status("01_a") == first
    assert '<a href="../03_c/report.html">03_c</a>' in toy.report("01_a")
    assert workbench("run", "toy", "--continue", run.name) == 2


SPOILED = {
    "missing": (shutil.rmtree, "stage 01_a has not run in"),
    "failed": (lambda folder: StageFolder(folder).write(status="failed"), "not ok: run it again first"),
    "altered": (lambda folder: (folder / "data/x.txt").write_text("two"), "was altered after stage 01_a ended"),
}


@pytest.mark.parametrize("spoiled", SPOILED)
def test_a_spoiled_input_stops_the_stage_and_is_made_again(
    toy: ToyProject, workbench, monkeypatch: pytest.MonkeyPatch, spoiled: str
) -> None:
    spoil, reason = SPOILED[spoiled]
    toy.notebook("01_a", "stage.path('data/x.txt').write_text('one')")
    toy.notebook("02_b", "print(stage.input('01_a', 'data/x.txt').read_text())", needs=("01_a",))
    toy.profile()
    told = toy.root / "told"
    said = Progress.stage_ended

    def said_then_spoiled(self: Progress, title: str, status: dict) -> None:
        said(self, title, status)
        if title.endswith("01_a"):
            spoil(toy.runs()[0].folder / "01_a")

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "stage_ended", said_then_spoiled)
        assert workbench("run", "toy", "--on-failure", f'echo "$WORKBENCH_STAGE" > {told}') == 1
    [run] = toy.runs()
    assert run.record["status"] == "failed"
    assert (toy.status("02_b")["status"], toy.status("02_b")["cell"]) == ("failed", 3)
    assert reason in toy.report("02_b")
    assert told.read_text() == "02_b\n"
    assert not (toy.outputs / "latest-ok" / "toy").exists()

    assert workbench("run", "toy", "--continue", run.name) == 0
    assert [stage.status["status"] for stage in run.stages()] == ["ok", "ok"]
    assert (run.folder / "01_a/data/x.txt").read_text() == "one"
    assert run.record["status"] == "ok"


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("breaks", ["a stage's start", "an earlier record"])
def test_a_runner_that_breaks_down_is_told_and_can_be_continued(
    toy: ToyProject, workbench, monkeypatch: pytest.MonkeyPatch, capsys, breaks: str
) -> None:
    toy.notebook("01_a")
    toy.profile()
    told, unreadable = toy.root / "told", None
    notify = f'echo "$WORKBENCH_STATUS $WORKBENCH_RUN" > {told}'
    with monkeypatch.context() as patched:
        if breaks == "a stage's start":
            patched.setattr(runner, "StageProcess", full_disk)
            reason = "No space left on device"
        else:
            unreadable = toy.fake_stage("20250101T000000Z-toy", "01_a") / "status.json"
            unreadable.write_text("{")
            reason = "status.json is not readable as JSON"
        assert workbench("run", "toy", "--on-failure", notify) == 1
    run = toy.runs()[0]
    out, err = capsys.readouterr()
    assert err == ""
    assert reason in out
    assert f"remove the cause, then --continue {run.name}" in out
    assert run.record["status"] == "failed"
    assert reason in run.record["error"]
    assert told.read_text().split() == ["failed", str(run.folder)]
    if unreadable:
        assert workbench("runs") == 2
        assert capsys.readouterr().err.count("\n") == 1
        unreadable.unlink()
    else:
        assert toy.status("01_a")["status"] == "failed"
        assert reason in toy.report("01_a")
        assert 'class="failed"' in (toy.outputs / "index.html").read_text()
    assert workbench("run", "toy", "--continue", run.name) == 0
    assert run.record["status"] == "ok"
    assert run.record["error"] is None


def test_a_disk_that_takes_no_record_at_all_is_told(
    toy: ToyProject, workbench, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    toy.notebook("01_a")
    toy.profile()
    told = toy.root / "told"
    monkeypatch.setattr(status, "write_json", full_disk)
    assert workbench("run", "toy", "--on-failure", f'echo "$WORKBENCH_STATUS" > {told}') == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert "No space left on device" in out
    assert told.read_text() == "failed\n"


def test_a_run_broken_after_its_last_stage_needs_only_its_end(
    toy: ToyProject, workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.notebook("01_a")
    toy.profile()
    with monkeypatch.context() as patched:
        patched.setattr(runner.report, "refresh_links", full_disk)
        assert workbench("run", "toy") == 1
    [run] = toy.runs()
    ended = toy.status("01_a")["ended"]
    assert (toy.status("01_a")["status"], run.record["status"]) == ("ok", "failed")
    assert workbench("run", "toy", "--continue", run.name) == 0
    assert (toy.status("01_a")["ended"], run.record["status"]) == (ended, "ok")
    assert (toy.outputs / "latest-ok" / "toy").resolve() == run.folder


def test_what_the_user_has_does_not_reach_the_kernel(
    toy: ToyProject, workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("polluted = True")
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "x", "language": "python"}')
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    toy.notebook(
        "01_a",
        "import sys, os\nprint(sys.executable, os.getcwd(), 'polluted' in globals())",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    )
    toy.profile()
    assert workbench("run", "toy") == 0
    import sys

    assert f"{sys.executable} {toy.root / 'notebooks'} False" in (toy.runs()[0].folder / "01_a" / "log.txt").read_text()
    assert '<img alt="figure" src="data:image/png;base64' in toy.report("01_a")
