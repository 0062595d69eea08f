"""The process of one stage: `python -m workbench.run.execute NOTEBOOK FOLDER TIMEOUT EVENTS SCRATCH`.

It executes the notebook by Papermill with the parameters of FOLDER/parameters.yaml and tells the runner through the
file descriptor EVENTS, one JSON object a line, which cell begins and ends and how it all ended. Its standard input is
a pipe that only the runner holds: when that closes, the runner is gone, and the stage ends with its kernel and its
temporary folder SCRATCH, which the runner made.
"""

import json
import os
import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import psutil
import yaml
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill import PapermillExecutionError, execute_notebook

from workbench import temporary

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Events:
    """Tells the runner which cell is at work; cells are numbered from 1 as in the notebook's source."""

    def __init__(self, stream: TextIO):
        self.stream = stream
        self.cell: int | None = None
        self._injected = 0  # cells that Papermill put in so far

    def send(self, **event: Any) -> None:
        """Send one event."""
        self.stream.write(json.dumps(event) + "\n")
        self.stream.flush()

    def cell_began(self, cell: NotebookNode, cell_index: int) -> None:
        """Hook of nbclient: a code cell begins."""
        if _is_injected(cell):
            self._injected = 1
        else:
            self.cell = cell_index + 1 - self._injected
            self.send(event="began", cell=self.cell)

    def cell_ended(self, cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        """Hook of nbclient: a code cell ended, well or not."""
        if not _is_injected(cell):
            self.send(event="ended", cell=self.cell)


def execute(notebook: Path, folder: Path, timeout: int, events: Events) -> dict[str, Any]:
    """Execute the notebook into FOLDER/notebook.ipynb.

    Returns:
        `status` and, unless it is ok, `error`, number of the `cell` and `traceback`.

    """
    parameters = yaml.safe_load((folder / "parameters.yaml").read_text(encoding="utf-8"))
    parameters.pop("resolved", None)
    try:
        executed = execute_notebook(
            notebook,
            folder / "notebook.ipynb",
            parameters | {"run_dir": str(folder.parent)},
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=notebook.parent,
            stdout_file=sys.stdout,
            stderr_file=sys.stderr,
            execution_timeout=timeout,
            start_timeout=180,  # a busy machine is no reason to fail
            iopub_timeout=60,
            on_cell_execute=events.cell_began,
            on_cell_executed=events.cell_ended,
        )
    except PapermillExecutionError as error:
        status = "gate_failed" if error.ename == "GateFailed" else "failed"
        lines = ANSI.sub("", "\n".join(error.traceback)).splitlines()
        return {
            "status": status,
            "error": f"{error.ename}: {ANSI.sub('', error.evalue)}",
            "cell": events.cell,
            "traceback": lines,
        }
    except CellTimeoutError:
        return {"status": "timeout", "error": f"the cell took longer than {timeout} s", "cell": events.cell}
    except DeadKernelError:
        return {"status": "kernel_died", "error": "the kernel died (out of memory or killed?)", "cell": events.cell}
    except Exception as error:  # whatever else goes wrong in the machinery is a failed stage, with its reason
        return {"status": "failed", "error": f"{type(error).__name__}: {error}", "cell": events.cell}
    return _ended(executed, folder, events.cell)


def _ended(executed: NotebookNode, folder: Path, cell: int | None) -> dict[str, Any]:
    """Papermill saw no error; whether the notebook reached its end is another question (`sys.exit(0)`)."""
    cells = [each for each in executed.cells if not _is_injected(each)]
    last = max(number for number, each in enumerate(cells, 1) if each.cell_type == "code" and each.source.strip())
    if cell != last:
        return {"status": "failed", "error": "the notebook stopped here, before its last cell", "cell": cell}
    if not (folder / "manifest.json").exists():
        error = "the last cell did not mark the stage complete: end it with stage.complete()"
        return {"status": "failed", "error": error, "cell": cell}
    return {"status": "ok"}


def _is_injected(cell: NotebookNode) -> bool:
    return "injected-parameters" in cell.metadata.get("tags", [])


def end_with_runner(runner: TextIO, scratch: Path, end: Callable[[int], Any] = os._exit) -> None:
    """Wait until the runner's end of the pipe closes, then end the kernel, its temporary folder and this process."""
    runner.read()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ended by itself
            process.kill()
    try:
        temporary.end_users(scratch)
        temporary.wipe(scratch)
    finally:
        end(1)


def main(notebook: str, folder: str, timeout: str, events: str, scratch: str) -> None:
    """Execute one stage."""
    watch = threading.Thread(target=end_with_runner, args=(sys.stdin, Path(scratch)), daemon=True)
    watch.start()
    try:
        with os.fdopen(int(events), "w") as stream:
            teller = Events(stream)
            result = execute(Path(notebook), Path(folder), int(timeout), teller)
            teller.send(event="result", **result)
    except BrokenPipeError:  # nobody listens: the runner is gone, and what is begun there must come to its end
        watch.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
