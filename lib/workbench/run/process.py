"""The runner's side of a stage's process: start it, follow it, end it with everything it started."""

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from workbench import temporary

COMMAND = (sys.executable, "-m", "workbench.run.execute")
TICK = 1.0  # seconds between two looks at the stage's memory
GRACE = 8.0  # seconds that a stage has to exit once it said its last, or to write its notebook once its kernel is gone


@dataclass
class Outcome:
    """How a stage's process ended."""

    result: dict[str, Any] = field(default_factory=dict)  # status, error, cell, traceback
    cell_seconds: dict[int, float] = field(default_factory=dict)  # by number of the cell, those that ended
    peak_bytes: int = 0  # resident memory of the stage's processes together


class StageProcess:
    """One stage at work in a session of its own, with a temporary folder of its own that goes when it has ended.

    Args:
        notebook: what is executed.
        folder: the stage's folder; parameters.yaml lies in it, log.txt and notebook.ipynb appear in it.
        timeout: seconds that a cell may take.

    """

    def __init__(self, notebook: Path, folder: Path, timeout: int):
        self.outcome = Outcome()
        self._seen: set[psutil.Process] = set()
        self._began = time.monotonic()
        self._cell: int | None = None
        self._scratch = temporary.Folder()
        reading, writing = os.pipe()
        with (folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, str(notebook), str(folder), str(timeout), str(writing), str(self._scratch.path)],
                stdin=subprocess.PIPE,  # never written to: it closes when the runner dies
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[writing],
                start_new_session=True,
                env=_environment(folder, self._scratch.path),
            )
        os.close(writing)
        self._events = os.fdopen(reading, "rb", buffering=0)

    def follow(self, stopped: Callable[[], bool], watch: Callable[[int], None]) -> Outcome:
        """Wait until the stage has ended, and leave nothing of it behind.

        Args:
            stopped: asked at every tick whether to end the stage now.
            watch: called at every event and every tick with the number of cells that ended so far.

        """
        try:
            self._follow(stopped, watch)
        finally:
            self._end()
        return self.outcome

    def _follow(self, stopped: Callable[[], bool], watch: Callable[[int], None]) -> None:
        buffer = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._events, selectors.EVENT_READ)
            while not stopped():
                if selector.select(TICK):
                    chunk = self._events.read(65536)
                    if not chunk:
                        break
                    *lines, buffer = (buffer + chunk).split(b"\n")
                    for line in lines:
                        self._take(json.loads(line))
                self._sample()
                watch(len(self.outcome.cell_seconds))
        deadline = time.monotonic() + GRACE
        while self.process.poll() is None and not stopped() and time.monotonic() < deadline:
            time.sleep(0.05)
        if not self.outcome.result:
            status, error = _without_result(self.process.poll(), stopped())
            self.outcome.result = {"status": status, "error": error, "cell": self._cell}

    def _end(self) -> None:
        """End whatever still lives of the stage: the kernel first, so that the stage can write its notebook."""
        written = self.outcome.result.get("status") not in (None, "interrupted")
        deadline = time.monotonic() + (0 if written else GRACE)
        while self.process.poll() is None and time.monotonic() < deadline:
            for process in self._tree()[1:]:
                _kill(process)
            time.sleep(0.2)
        for process in (*self._tree(), *self._seen):
            _kill(process)
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._events.close()
        temporary.end_users(self._scratch.path)  # of what the looks at the tree missed, none may write there again
        self._scratch.remove()

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.pop("event")
        if kind == "result":
            self.outcome.result = event
        elif kind == "began":
            self._cell, self._began = event["cell"], time.monotonic()
        else:
            self.outcome.cell_seconds[event["cell"]] = round(time.monotonic() - self._began, 2)

    def _sample(self) -> None:
        tree = self._tree()
        self._seen.update(tree)
        self.outcome.peak_bytes = max(self.outcome.peak_bytes, sum(map(_resident, tree)))

    def _tree(self) -> list[psutil.Process]:
        """The stage's process, then all that descend from it, whatever session they are in."""
        try:
            process = psutil.Process(self.process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _environment(folder: Path, scratch: Path) -> dict[str, str]:
    """The stage's environment: the kernel of this interpreter, inline figures, no start-up files of the user's.

    What an engine spills and whatever else is temporary goes to `scratch`.
    """
    ipython = folder.parents[1] / ".ipython"
    ipython.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name != "JUPYTER_PATH"}
    return kept | {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "IPYTHONDIR": str(ipython),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "TMPDIR": str(scratch),
    }


def _without_result(code: int | None, stopped: bool) -> tuple[str, str]:
    """Status and error of a stage that did not tell how it ended."""
    if stopped:
        return "interrupted", "interrupted"
    if code is None:
        return "failed", f"the stage's process fell silent and did not end within {GRACE:.0f} s, see log.txt"
    why = f"signal {-code}" if code < 0 else f"exit code {code}"
    return "failed", f"the stage's process ended with {why}, see log.txt"


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:  # it ended between the two looks
        return 0


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:  # it ended by itself; psutil never takes a reused pid for it
        return
