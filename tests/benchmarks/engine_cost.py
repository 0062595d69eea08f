"""What governance costs on DuckDB and on Spark (local[2]) as the log grows, and from which size the switch pays.

Storefronts with planted faults are taken through the steps of `governance_scale`, each size and engine in a process of
its own, the engines in turn. Seconds are medians over the repeats; memory is the most that the process and all that it
started (Spark's JVM and its Python workers) held at once. Beside the seconds of the clock stand those that all of these
spent on a processor, which say more where the machine is shared. A line through each engine's sizes says where they
meet: on one machine that is a statement about this machine, and beyond the largest size it is a forecast. A cell that
was measured in the same folder by the same code is not measured again.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from workbench.artifacts import read_json, write_json

from . import governance_scale
from .governance_scale import MILLION
from .record import FOLDER, record

ENGINES = ("duckdb", "spark")
POLL = 0.5  # seconds between two looks at the memory
Curve = Mapping[float, float]
"""Median seconds by millions of events."""


def main() -> None:
    """Measure each size on each engine, and record what they cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,10,100", help="millions of events, parted by commas")
    parser.add_argument("--most", type=float, default=10, help="millions of events that Spark is still asked for")
    parser.add_argument("--repeats", type=int, default=3, help="of the smallest size; one of each other")
    parser.add_argument("--minutes", type=float, default=240, help="after which a cell is stopped, and said to be")
    parser.add_argument("--folder", type=Path, default=FOLDER / "engines", help="for the logs, results and the spill")
    parser.add_argument("--child", choices=ENGINES, help="used by this benchmark itself")
    given = parser.parse_args()
    sizes = sorted(float(size) for size in given.sizes.split(","))
    if given.child:
        options = {"events": round(sizes[0] * MILLION), "language": "en"}
        print(json.dumps(governance_scale.govern(given.folder, options, given.child)))
        return
    measure(sizes, given.most, given.repeats, given.minutes * 60, given.folder)


def measure(
    sizes: Sequence[float], most: float, repeats: int, limit: float, folder: Path, bench: Path = FOLDER
) -> None:
    """Measure all cells, print them side by side, and record the curve and where the engines meet."""
    cells = []
    for size in sizes:
        for repeat in range(repeats if size == sizes[0] else 1):
            for engine in ENGINES:
                if engine == "duckdb" or size <= most:
                    cells.append(_measured(engine, size, repeat, limit, folder))
                    print(pd.DataFrame(cells[-1:]).drop(columns="steps").to_string(index=False), flush=True)
    curves = {engine: curve(cells, engine) for engine in ENGINES}
    print(table(cells).to_string(), "\n", switch(curves["duckdb"], curves["spark"]), sep="")
    shared = curves["duckdb"].keys() & curves["spark"].keys()
    if shared:
        size = max(shared)
        record(
            "engine_cost", curves["spark"][size] / curves["duckdb"][size], f"times DuckDB, at {size:g} M", target=None,
            higher_is_better=False, rival=switch(curves["duckdb"], curves["spark"]), folder=bench,
        )  # fmt: skip
    for engine, found in curves.items():
        for size, seconds in found.items():
            record(
                f"engine_cost_{engine}_{size:g}m", seconds, "seconds", target=None, higher_is_better=False,
                rival="the other engine", folder=bench,
            )  # fmt: skip


def curve(cells: Sequence[Mapping[str, Any]], engine: str) -> dict[float, float]:
    """Median seconds by size, of the cells that were finished."""
    mine = [cell for cell in cells if cell["engine"] == engine and not cell["stopped"]]
    sizes = dict.fromkeys(cell["million"] for cell in mine)
    return {size: statistics.median(cell["seconds"] for cell in mine if cell["million"] == size) for size in sizes}


def switch(duckdb: Curve, spark: Curve) -> str:
    """At which size Spark becomes the cheaper one, by a line through each engine's sizes, as a sentence."""
    if len(duckdb) < 2 or len(spark) < 2:
        return "Where the switch pays takes two sizes of each engine."
    (embedded, start), (distributed, set_up) = (np.polyfit(list(c), list(c.values()), 1) for c in (duckdb, spark))
    lines = f"DuckDB {embedded:.1f} s, Spark {distributed:.1f} s for each further million events"
    if distributed >= embedded:
        return f"The switch never pays on this machine: {lines}."
    size = max((set_up - start) / (embedded - distributed), 0.0)
    beyond = "" if size <= max(spark) else f", a forecast beyond the {max(spark):g} million that were measured"
    return f"The switch pays from {size:.0f} million events on{beyond}: {lines}."


def table(cells: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Cells side by side: seconds, GB and steps; a stopped one has the seconds after which it was."""
    rows = {
        f"{cell['engine']} {cell['million']:g} M ({cell['repeat'] + 1})": {
            "seconds": cell["seconds"], "CPU seconds": cell["cpu_seconds"], "memory GB": cell["memory_gb"],
            "stopped": cell["stopped"],
            **{step["step"]: step["seconds"] for step in cell["steps"]},
        }
        for cell in cells
    }  # fmt: skip
    return pd.DataFrame(rows).T


def _measured(engine: str, size: float, repeat: int, limit: float, folder: Path) -> dict[str, Any]:
    """A cell: from an earlier call, or from a process of its own."""
    kept = folder / f"measured-{engine}-{size:g}-{repeat}-{governance_scale._code()}.json"
    if kept.is_file():
        return read_json(kept)
    governance_scale._in_a_process("generate", size, "en", folder)
    command = [sys.executable, "-m", "tests.benchmarks.engine_cost", "--child", engine, "--sizes", repr(size)]
    began = time.perf_counter()
    with subprocess.Popen([*command, "--folder", str(folder)], stdout=subprocess.PIPE, text=True) as child:
        memory, cpu, stopped = _watched(child, began + limit)
        said = child.stdout.read() if child.stdout else ""
    if child.returncode and not stopped:
        raise RuntimeError(f"{engine} at {size:g} million events ended with {child.returncode}: its error is above")
    steps = [] if stopped else json.loads(said.splitlines()[-1])["steps"]
    seconds = time.perf_counter() - began if stopped else sum(step["seconds"] for step in steps)
    cell = {"engine": engine, "million": size, "repeat": repeat, "seconds": round(seconds, 1)}
    cell |= {"cpu_seconds": cpu, "memory_gb": memory, "stopped": stopped, "steps": steps}
    write_json(kept, cell)
    return cell


def _watched(child: "subprocess.Popen[str]", until: float) -> tuple[float, float, bool]:
    """Of a process and its descendants the most memory in GB and the CPU seconds; and whether it had to be stopped."""
    peak, spent, process = 0.0, dict[int, float](), psutil.Process(child.pid)
    while child.poll() is None:
        tree = [process, *_descendants(process)]
        looked = {each.pid: _looked(each) for each in tree}
        peak = max(peak, sum(memory for memory, _cpu in looked.values()) / 1e9)
        spent |= {pid: max(cpu, spent.get(pid, 0.0)) for pid, (_memory, cpu) in looked.items()}
        if time.perf_counter() > until:
            for each in reversed(tree):
                each.kill()
            return round(peak, 2), round(sum(spent.values()), 1), True
        time.sleep(POLL)
    return round(peak, 2), round(sum(spent.values()), 1), False


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:  # it ended just now
        return []


def _looked(process: psutil.Process) -> tuple[int, float]:
    """Bytes held and CPU seconds spent; nothing of a worker that ended just now."""
    try:
        spent = process.cpu_times()
        return process.memory_info().rss, spent.user + spent.system
    except psutil.NoSuchProcess:
        return 0, 0.0


if __name__ == "__main__":
    main()
