"""The process of a stage that does not end as it should."""

import sys
import time
from pathlib import Path

import pytest

from toy import ToyProject
from workbench.run import process

HANGS = """
import os, subprocess, sys, time
pipe = int(sys.argv[4])
with open("child", "w") as file:
    file.write(str(subprocess.Popen(["sleep", "60"]).pid))
os.write(pipe, TOLD)
os.close(pipe)
time.sleep(60)
"""
OK = b'{"event": "result", "status": "ok"}\n'
BEGAN = b'{"event": "began", "cell": 3}\n'


@pytest.mark.parametrize(
    ("told", "stop", "result"),
    [
        (OK, False, {"status": "ok"}),
        (OK, True, {"status": "ok"}),
        (BEGAN, True, {"status": "interrupted", "error": "interrupted", "cell": 3}),
        (BEGAN, False, {"status": "failed", "error": "fell silent and did not end within 1 s, see log.txt", "cell": 3}),
    ],
)
def test_a_stage_that_hangs_at_its_exit_is_ended(
    toy: ToyProject, monkeypatch: pytest.MonkeyPatch, told: bytes, stop: bool, result: dict
) -> None:
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", HANGS.replace("TOLD", repr(told))))
    monkeypatch.setattr(process, "GRACE", 1.0 if not stop else 3.0)
    folder = toy.outputs / "run" / "01_a"
    folder.mkdir(parents=True)
    stage = process.StageProcess(Path("01_a.ipynb"), folder, 60)
    began = time.monotonic()

    def stopped() -> bool:
        """Ctrl-C comes once the stage has said its last and only hangs."""
        return stop and time.monotonic() - began > 1.5

    outcome = stage.follow(stopped, lambda cells: None)
    assert time.monotonic() - began < 10
    assert outcome.result | {"error": ""} == result | {"error": ""}
    assert outcome.result.get("error", "").endswith(result.get("error", ""))
    assert stage.process.returncode is not None
    assert toy.gone(int(Path("child").read_text()))
