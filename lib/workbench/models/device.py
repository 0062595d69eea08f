"""The device and the precision, chosen by measuring, with the reason in words."""

import copy
import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import psutil
import torch

from workbench.models.processes import count, from_first, join, on_this_machine

M = TypeVar("M", bound=torch.nn.Module)
K = TypeVar("K")
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
FRESH: Mapping[str, Any] = MappingProxyType({})
BUSY = 30  # % of the machine that other processes take: more, and a measurement of threads would tell of them
WORTH_IT = 1.2  # below this gain in speed a CPU stays with fp32, for bf16 costs some accuracy, and with all threads


@dataclass(frozen=True)
class Device:
    """Where and how precisely to compute; `reason` is a sentence to show."""

    device: torch.device
    dtype: torch.dtype
    threads: int  # of this process; those that it starts for a training share them out
    reason: str
    processes: int = 1  # that a training starts

    @property
    def precision(self) -> str:
        """The name of the precision, "fp32" or "bf16"."""
        return next(name for name, dtype in PRECISIONS.items() if dtype == self.dtype)

    @property
    def at_once(self) -> int:
        """Tokens of a batch to score: on a CPU few enough for what they compute to stay in its caches."""
        return 2048 if self.device.type == "cpu" else 65536

    def place(self, model: torch.nn.Module) -> None:
        """Move a model here, ready to score (dropout off)."""
        model.to(self.device).eval()

    def move(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A batch's tensors here; a GPU fetches them while it computes what came before."""
        if self.device.type == "cuda":
            batch = {name: value.pin_memory() for name, value in batch.items()}
        return {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}

    def compact(self, model: M) -> M:
        """A model to score with, placed here: in bf16 a copy with weights in bf16, but for the head.

        Autocast, which a training needs, would make them anew in every batch. A logit in bf16 has 8 bits, and many
        pairs would tie: so the head stays as it is.
        """
        self.place(model)
        if self.dtype != torch.bfloat16:
            return model
        small = copy.deepcopy(model).to(torch.bfloat16)
        if head := getattr(small, "classifier", None):
            head.float()
        return small.eval()

    def autocast(self) -> AbstractContextManager[None]:
        """Matrix products in `dtype`; weights, sums and losses stay float32."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16)


def choose_device(
    precision: str = "auto", threads: int = 0, remembered: Mapping[str, Any] = FRESH, processes: int = 1
) -> Device:
    """Choose the device, the precision ("auto", "fp32", "bf16") and the number of threads (0: as many as pay).

    On CUDA "auto" is bf16. On a CPU fp32 and bf16, and numbers of threads, are timed on MiniLM's matrix products, once
    a machine: the answers are kept in the user's cache folder. Sets PyTorch's threads for the process.

    Under torchrun each process takes the GPU of its own number, or its part of the threads (0: of the cores), and all
    compute in the precision of the first.

    Args:
        precision: see above.
        threads: see above.
        remembered: `precision` and `threads` that an earlier attempt of the same work chose; "auto" and 0 keep to
            them, so that the work can be resumed. What is asked for is never overruled.
        processes: that a training starts; 0 for as many as there are GPUs. Under torchrun they are there already.

    Raises:
        ValueError: an unknown precision, or more processes than GPUs.

    """
    if precision not in ("auto", *PRECISIONS):
        raise ValueError(f"Precision {precision!r} is unknown: use 'auto', 'fp32' or 'bf16'.")
    if threads < 0:
        raise ValueError(f"threads is {threads}: give a number of threads, or 0 for as many as pay.")
    join()
    if on_this_machine() > 1:
        threads = max(1, (threads or len(os.sched_getaffinity(0))) // on_this_machine())
    if threads > 0:
        torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    many = _processes(processes)
    most = torch.get_num_threads()
    if threads == 0 and device.type == "cpu":
        key = f"{_cpu_name()}, at most {most} threads, torch {torch.__version__}"
        torch.set_num_threads(int(remembered.get("threads") or _cached("threads", key, thread_count) or most))
    cpu = f"{_cpu_name()} with {torch.get_num_threads()} threads"
    few = f" of {most}, which would be slower," if torch.get_num_threads() < most else ""
    name = torch.cuda.get_device_name() if device.type == "cuda" else cpu + few
    if precision != "auto":
        why = "as the parameters ask"
    elif remembered.get("precision") in PRECISIONS:
        precision, why = remembered["precision"], "as an earlier attempt chose"
    elif device.type == "cuda":
        precision, why = "bf16", "which this GPU computes natively"
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            precision, why = "fp32", "because this GPU has no bf16"
    else:
        gain = from_first(lambda: _cached("bf16", f"{cpu}, torch {torch.__version__}", bf16_gain)) or 1.0
        precision = "bf16" if gain >= WORTH_IT else "fp32"
        why = f"because bf16 matrix products run {gain:.1f} times as fast as fp32 on it"
    reason = f"Computing on {name} in {precision}, {why}."
    if many > 1:
        reason += f" Training in {many} processes."
    return Device(device, PRECISIONS[precision], torch.get_num_threads(), reason, many)


def _processes(wanted: int) -> int:
    """How many processes a training is to start."""
    gpus = torch.cuda.device_count()
    if count() > 1:
        return 1
    if wanted < 0 or 0 < gpus < wanted:
        has = f"this machine has {gpus} GPUs" if gpus else "a training has one process at least"
        raise ValueError(f"processes is {wanted}, but {has}: use 0 for as many as there are GPUs.")
    return wanted or max(1, gpus)


def bf16_gain(repeats: int = 7) -> float:
    """How many times as fast bf16 is as fp32 on this CPU: the feed-forward products of MiniLM, medians, alternating."""
    seconds = _alternating({dtype: partial(_seconds, dtype) for dtype in PRECISIONS.values()}, repeats)
    middle = {dtype: sorted(times)[repeats // 2] for dtype, times in seconds.items()}
    return middle[torch.float32] / middle[torch.bfloat16]


def thread_count(repeats: int = 15) -> int | None:
    """How many threads compute MiniLM's feed-forward products soonest: all that PyTorch has, or clearly a part of them.

    Two threads of one core get in each other's way, and so do more than a container may use. Shortest times are
    compared, for what else runs only adds to them; None on a machine that is too busy to tell.
    """
    if psutil.cpu_percent(0.2) > BUSY:
        return None
    most = torch.get_num_threads()
    counts = [most >> halvings for halvings in range(most.bit_length())]
    try:
        seconds = _alternating({count: partial(_seconds, torch.float32, count) for count in counts}, repeats)
    finally:
        torch.set_num_threads(most)
    soonest = {count: min(times) for count, times in seconds.items()}
    best = min(counts, key=lambda count: soonest[count])
    return best if soonest[most] >= WORTH_IT * soonest[best] else most


def _alternating(ways: Mapping[K, Callable[[], float]], repeats: int) -> dict[K, list[float]]:
    seconds: dict[K, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            seconds[name].append(way())
    return seconds


def _seconds(dtype: torch.dtype, threads: int = 0, rows: int = 2048) -> float:
    if threads:
        torch.set_num_threads(threads)
    x, up, down = (torch.ones(shape, dtype=dtype) for shape in ((rows, 384), (384, 1536), (1536, 384)))
    x @ up @ down
    start = time.perf_counter()
    x @ up @ down
    return time.perf_counter() - start


def _cached(what: str, key: str, measure: Callable[[], float | None]) -> float | None:
    """What was measured on this machine, now or before."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "workbench"
    file = folder / f"{what}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    try:
        return float(json.loads(file.read_text())["value"])
    except (OSError, ValueError, KeyError):
        value = measure()
    if value is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"machine": key, "value": value}))
    except OSError:  # a home without write permission: measured again next time
        return value
    return value


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
