"""The device and the precision, chosen by measuring, with the reason in words."""

import copy
import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from workbench.models.processes import count, from_first, join, on_this_machine

M = TypeVar("M", bound=torch.nn.Module)
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
WORTH_IT = 1.2  # bf16 costs some accuracy: below this gain in speed a CPU stays with fp32


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
        """A batch's tensors here."""
        return {name: value.to(self.device) for name, value in batch.items()}

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
    precision: str = "auto", threads: int = 0, remembered: str | None = None, processes: int = 1
) -> Device:
    """Choose the device, the precision ("auto", "fp32", "bf16") and the number of threads (0: PyTorch's own).

    On CUDA "auto" is bf16. On a CPU fp32 and bf16 are timed on MiniLM's matrix products, once a machine: the answer is
    kept in the user's cache folder. Sets PyTorch's threads for the process.

    Under torchrun each process takes the GPU of its own number, or its part of the threads (0: of the cores), and all
    compute in the precision of the first.

    Args:
        precision: see above.
        threads: see above.
        remembered: the precision that an earlier attempt of the same work chose; "auto" keeps to it, so that the work
            can be resumed. A precision that is asked for is never overruled.
        processes: that a training starts; 0 for as many as there are GPUs. Under torchrun they are there already.

    Raises:
        ValueError: an unknown precision, or more processes than GPUs.

    """
    if precision not in ("auto", *PRECISIONS):
        raise ValueError(f"Precision {precision!r} is unknown: use 'auto', 'fp32' or 'bf16'.")
    if threads < 0:
        raise ValueError(f"threads is {threads}: give a number of threads, or 0 for as many as there are cores.")
    join()
    if on_this_machine() > 1:
        threads = max(1, (threads or len(os.sched_getaffinity(0))) // on_this_machine())
    if threads > 0:
        torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    many = _processes(processes)
    cpu = f"{_cpu_name()} with {torch.get_num_threads()} threads"
    name = torch.cuda.get_device_name() if device.type == "cuda" else cpu
    if precision != "auto":
        why = "as the parameters ask"
    elif remembered in PRECISIONS:
        precision, why = remembered, "as an earlier attempt chose"
    elif device.type == "cuda":
        precision, why = "bf16", "which this GPU computes natively"
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            precision, why = "fp32", "because this GPU has no bf16"
    else:
        gain = from_first(lambda: _cached(f"{cpu}, torch {torch.__version__}", bf16_gain))
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


def bf16_gain(rows: int = 2048, repeats: int = 7) -> float:
    """How many times as fast bf16 is as fp32 on this CPU: the feed-forward products of MiniLM, medians, alternating."""
    seconds: dict[torch.dtype, list[float]] = {dtype: [] for dtype in PRECISIONS.values()}
    for _ in range(repeats):
        for dtype, times in seconds.items():
            x, up, down = (torch.ones(shape, dtype=dtype) for shape in ((rows, 384), (384, 1536), (1536, 384)))
            x @ up @ down
            start = time.perf_counter()
            x @ up @ down
            times.append(time.perf_counter() - start)
    middle = {dtype: sorted(times)[repeats // 2] for dtype, times in seconds.items()}
    return middle[torch.float32] / middle[torch.bfloat16]


def _cached(key: str, measure: Callable[[], float]) -> float:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "workbench"
    file = folder / f"bf16-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    try:
        return float(json.loads(file.read_text())["gain"])
    except (OSError, ValueError, KeyError):
        gain = measure()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"machine": key, "gain": gain}))
    except OSError:  # a home without write permission: measured again next time
        return gain
    return gain


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
