"""One training in several processes: how they are started, which one this is, and what they tell each other.

Each process holds the whole model, computes its own rows of every batch, and the gradients are averaged over all
(PyTorch's DistributedDataParallel): the batches, the steps and the curve are those of one process. The processes are
started by `torchrun`, by whoever writes a script, or by `run`, from a notebook.
"""

import json
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
import torch
from torch import distributed
from torch.utils.data import Dataset

from workbench import temporary

T = TypeVar("T")
TICK = 0.1  # seconds between two looks at the processes
GRACE = 10.0  # seconds that the others have when one failed: they miss it soon, and the first may know what is kept
QUIET = {
    "TORCH_CPP_LOG_LEVEL": "ERROR",  # DDP warns where no parameter is unused, though some families have such
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}


class ProcessError(RuntimeError):
    """A process of a training ended before its time; the message says which, and what of."""


# ---- seen from one of the processes


def join(meeting: str = "env://") -> None:
    """Meet the other processes that were started with this one, and take the GPU that is this one's; once, if any.

    meeting: where they find each other, as `torch.distributed.init_process_group` takes it; torchrun says it by the
        environment.
    """
    if "LOCAL_RANK" not in os.environ or distributed.is_initialized():
        return
    here = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, init_method=meeting, rank=here[0], world_size=here[1])
    warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated")  # transformers knows no newer word for it


def count() -> int:
    """How many processes train together; 1 alone."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def number() -> int:
    """Which of them this is, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def on_this_machine() -> int:
    """How many of them are on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def from_first(make: Callable[[], T]) -> T:
    """What the first process makes, in all of them."""
    if count() == 1:
        return make()
    told: list[Any] = [make() if number() == 0 else None]
    distributed.broadcast_object_list(told)
    return told[0]


def total(numbers: torch.Tensor) -> torch.Tensor:
    """The sum over all processes, in each of them."""
    if count() > 1:
        distributed.all_reduce(numbers)
    return numbers


def anywhere(happened: bool, device: torch.device) -> bool:
    """Whether it happened in any process."""
    return happened if count() == 1 else bool(total(torch.tensor(float(happened), device=device)))


def wait() -> None:
    """Go on when all processes are here."""
    if count() > 1:
        distributed.barrier()


def gathered(own: torch.Tensor) -> torch.Tensor:
    """The rows of all processes, in their order; gradients go to those of this process, in each for its own.

    A loss over all rows is then the same in each process, and counts as many times as there are: see `once`.
    """
    if count() == 1:
        return own
    rows = torch.stack(_all(torch.tensor(len(own), device=own.device))).tolist()
    filled = own.new_zeros(max(rows), *own.shape[1:])
    filled[: len(own)] = own.detach()
    each = [part[:here] for part, here in zip(_all(filled), rows, strict=True)]
    each[number()] = own
    return torch.cat(each)


def _all(own: torch.Tensor) -> list[torch.Tensor]:
    found = [torch.empty_like(own) for _ in range(count())]
    distributed.all_gather(found, own)
    return found


def once(loss: torch.Tensor) -> torch.Tensor:
    """A loss that each process computes over the rows of all: its value as a share of their sum, its gradient whole."""
    return loss - loss.detach() * (1 - 1 / count())


class Share(Dataset[dict[str, torch.Tensor]]):
    """Of each batch the rows of this process: consecutive ones, as many as of the others or one more.

    Of a batch with fewer rows than processes some have none: they compute its first row and count it as nothing, for
    all processes have to take part in each step.
    """

    def __init__(self, batches: Any) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, at: int) -> dict[str, torch.Tensor]:
        batch = self.batches[at]
        mine = np.array_split(np.arange(len(batch["scale"])), count())[number()]
        if not len(mine):
            return nothing(batch)
        return {name: value[mine[0] : mine[-1] + 1] for name, value in batch.items()}


def nothing(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A batch's first row, which counts as nothing: to take part in a step without rows."""
    return {name: value[:1] * 0 if name == "scale" else value[:1] for name, value in batch.items()}


# ---- seen from who starts them


def run(many: int, work: Callable[[], object], threads: int, known: tuple[type[Exception], ...] = ()) -> None:
    """Do `work` in so many processes of this machine at once, and wait for them; none outlives this call, or this one.

    Args:
        many: processes; on GPUs each takes one.
        work: what each of them calls. It goes to them through a pipe, pickled, and never to a disk.
        threads: of all together.
        known: an error of these types comes up as it was in its process.

    Raises:
        ProcessError: a process ended before its time, by an error of no known type or by a signal.

    """
    with temporary.Folder() as folder:
        started = [_start(folder, place, many, max(1, threads // many)) for place in range(many)]
        try:
            handed = pickle.dumps(work)
            for process in started:
                _hand(process, handed)
            codes = _codes(started)
        finally:
            for process in started:
                _end(process)
        if any(codes):
            raise _reason(folder, codes, known)


def _start(folder: Path, place: int, many: int, threads: int) -> "subprocess.Popen[bytes]":
    own = {"RANK": place, "LOCAL_RANK": place, "WORLD_SIZE": many, "LOCAL_WORLD_SIZE": many, "OMP_NUM_THREADS": threads}
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-m", "workbench.models.processes", str(folder)],
        stdin=subprocess.PIPE,  # it closes when this process dies
        env=os.environ
        | QUIET
        | _loopback()
        | {name: str(value) for name, value in own.items()}
        | {"PYTHONPATH": paths},
        process_group=0,  # an interrupt from the keyboard reaches this process, which then ends them
    )


def _loopback() -> dict[str, str]:
    """Have the processes of one machine talk over its loopback, whatever its name resolves to."""
    found = [name for name, given in psutil.net_if_addrs().items() if "127.0.0.1" in (each.address for each in given)]
    return {"GLOO_SOCKET_IFNAME": found[0]} if found else {}


def _codes(started: list["subprocess.Popen[bytes]"]) -> list[int | None]:
    """How the processes ended; where one failed, the others have a moment to say what they know of it."""
    deadline = math.inf
    while None in (codes := [process.poll() for process in started]) and time.monotonic() < deadline:
        if any(codes):
            deadline = min(deadline, time.monotonic() + GRACE)
        time.sleep(TICK)
    return codes


def _hand(process: "subprocess.Popen[bytes]", work: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(work)
        process.stdin.flush()
    except BrokenPipeError:  # it ended; its exit code says so too
        return


def _end(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    process.kill()
    process.wait()
    try:
        process.stdin.close()
    except BrokenPipeError:  # what it did not read any more
        return


def _reason(folder: Path, codes: list[int | None], known: tuple[type[Exception], ...]) -> Exception:
    """Why a process failed: who was killed, or else the earliest error; later ones tell of nothing but its end.

    Where several processes met the same, the one of the lowest number says it: the first knows what is kept.
    """
    told = [json.loads(path.read_text()) for path in sorted(folder.glob("error-*.json"))]
    kinds = {kind.__name__: kind for kind in known}
    earliest = min(told, key=lambda error: error["at"], default={"type": ""})["type"]
    silent = [place for place, code in enumerate(codes) if code and not (folder / _report(place)).exists()]
    first: dict[str, Any] = next((error for error in told if error["type"] == earliest), {})
    if earliest in kinds and -signal.SIGKILL not in codes:
        return kinds[earliest](first["text"])
    if silent:
        code = codes[silent[0]] or 0
        how = f"signal {-code}" + " (out of memory?)" * (code == -signal.SIGKILL) if code < 0 else f"exit code {code}"
        return ProcessError(f"Process {silent[0] + 1} of {len(codes)} of the training was ended by {how}.")
    error = ProcessError(f"{first['type']} in a process of the training: {first['text']}")
    error.add_note(first["trace"])
    return error


def _report(place: int) -> str:
    return f"error-{place}.json"


def main(folder: str) -> None:
    """One process of `run`: reads its work from the standard input, and does it together with the others."""
    try:
        work = pickle.load(sys.stdin.buffer)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        join(f"file://{folder}/meeting")
        work()
        distributed.destroy_process_group()
    except Exception as error:
        told = {"at": time.monotonic(), "type": type(error).__name__, "text": str(error)}
        told["trace"] = traceback.format_exc()
        Path(folder, _report(int(os.environ["RANK"]))).write_text(json.dumps(told))
        os._exit(1)  # at once: what is left to tidy up would wait for the others


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing comes but the end
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
