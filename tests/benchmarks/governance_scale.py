"""Does governance get through a log far larger than memory, and does its cost grow no faster than the log.

Storefronts with planted faults, of 1, 10 and 100 million events, are collected, judged, cleaned with all records,
written to Parquet and aggregated under an engine limit of 4 GB: what does not fit is spilled. Each size runs in a
process of its own, and so does its generation, which is not counted. A size that was measured in the same folder by the
same code is not measured again, so that what was broken off goes on where it was.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
from ibis.expr.types import Table

import workbench
from workbench.artifacts import read_json, write_json
from workbench.data import engine, sources
from workbench.data.timetable import Timetable
from workbench.governance import aggregates, cleaning, quality
from workbench.governance.quality.copies import Repeats
from workbench.governance.rules import shop

from .record import FOLDER, record

LIMIT, THREADS = "4GB", 2
MILLION = 1_000_000
SMALL, LARGE, MOST_TIMES = 10.0, 100.0, 11.0
WEEK = 7  # days
MEASURED = "measured-"  # begins the file of a size that is done
POLL = 0.2  # seconds between two looks at the spill


def main() -> None:
    """Measure each size, and record what the largest costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,10,100", help="millions of events, parted by commas")
    parser.add_argument("--language", choices=("en", "zh"), default="en")
    parser.add_argument("--folder", type=Path, default=FOLDER / "scale", help="for the logs, results and the spill")
    parser.add_argument("--keep", action="store_true", help="leave the folder as it is")
    parser.add_argument("--child", choices=("generate", "govern"), help="used by this benchmark itself")
    given = parser.parse_args()
    sizes = [float(size) for size in given.sizes.split(",")]
    options = {"events": round(sizes[0] * MILLION), "language": given.language}
    if given.child == "generate":
        print(json.dumps({name: str(path) for name, path in _source(given.folder, options).files().items()}))
    elif given.child == "govern":
        print(json.dumps(govern(given.folder, options)))
    else:
        measure(sizes, given.language, given.folder, given.keep)


def measure(sizes: list[float], language: str, folder: Path, keep: bool, bench: Path = FOLDER) -> None:
    """Seconds, memory and spill of each size; the cost of the largest against the one before it."""
    found: dict[float, dict[str, Any]] = {}
    for size in sorted(sizes):
        found[size] = _measured(size, language, folder)
        print(f"{size:g} million events\n{steps(found[size]).to_string()}\n", flush=True)
    print(table(found).to_string(), "\n", flush=True)
    keep_rows(found, bench)
    if not keep:
        tidy(folder)


def tidy(folder: Path) -> None:
    """Delete what this benchmark wrote into its folder, and the folder if nothing else lies in it."""
    for name in ("logs", "spill", "results"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in folder.glob(f"{MEASURED}*.json"):
        path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def keep_rows(found: dict[float, dict[str, Any]], bench: Path) -> None:
    """Record the ratio and the memory, if both sizes that they are about were measured."""
    if not {SMALL, LARGE} <= set(found):
        print(f"no row kept: that takes {SMALL:g} and {LARGE:g} million events")
        return
    small, large = found[SMALL], found[LARGE]
    record(
        "governance_scale", _total(large) / _total(small), f"times {SMALL:g} M's seconds", target=MOST_TIMES,
        higher_is_better=False, rival=f"{LARGE / SMALL:g} times the events", folder=bench,
    )  # fmt: skip
    record(
        "governance_scale_memory", large["memory_gb"], "GB resident", target=None, higher_is_better=False,
        rival=f"an engine limit of {LIMIT}", folder=bench,
    )  # fmt: skip
    record(
        "governance_scale_spill", large["spill_gb"], "GB spilled", target=None, higher_is_better=False,
        rival=f"an engine limit of {LIMIT}", folder=bench,
    )  # fmt: skip


def steps(result: dict[str, Any]) -> pd.DataFrame:
    """Of each step: seconds, and the most memory and spill so far, in GB."""
    return pd.DataFrame(result["steps"]).set_index("step").round(2)


def table(found: dict[float, dict[str, Any]]) -> pd.DataFrame:
    """The sizes side by side: seconds of each step and in all, the total against the size before, memory and spill."""
    rows = {}
    before = None
    for size, result in found.items():
        seconds = {row["step"]: row["seconds"] for row in result["steps"]}
        total = _total(result)
        rows[f"{size:g} M"] = {
            "events": result["events"], **seconds, "seconds": total,
            "times the size before": total / before if before else float("nan"),
            "microseconds an event": total / result["events"] * 1e6,
            "memory GB": result["memory_gb"], "spill GB": result["spill_gb"],
        }  # fmt: skip
        before = total
    return pd.DataFrame(rows).T.round(2)


def govern(folder: Path, options: dict[str, Any], chosen: str = "duckdb") -> dict[str, Any]:
    """Take one generated log through all steps in this process: events, memory_gb, spill_gb, steps, balance."""
    source, spill, out = _source(folder, options), folder / "spill", folder / "results"
    out.mkdir(parents=True, exist_ok=True)
    files = source.files()
    watch = Watch(spill)
    with watch:
        con = engine.connect(LIMIT, THREADS, spill, files.values(), chosen)
        with watch.step("collect"):
            raw = source.collect(con, files)
            events = int(raw.tables["events"].count().execute())
        with watch.step("rules"):
            rules, _omitted = quality.applicable(shop.RULES, raw.tables)
            seen = shop.seen(con, raw.tables)
            repeats = Repeats(con)
            measured = quality.measure(seen, rules, repeats, raw.tables)
        with watch.step("clean"):
            cleaned = cleaning.clean(
                con, raw.tables, seen, rules, shop.CLEANING_ORDER, measured, raw.conversions, raw.rejected, repeats
            )
        with watch.step("rules again"):
            quality.measure(shop.seen(con, cleaned.tables, "clean"), rules, repeats, cleaned.tables)
        with watch.step("write"):
            for name, rows in {**cleaned.tables, "repairs": cleaned.repairs, "quarantine": cleaned.quarantine,
                               "merges": cleaned.merges}.items():  # fmt: skip
                rows.to_parquet(out / f"{name}.parquet")
        with watch.step("aggregates"):
            for name, rows in sums(cleaned.tables["events"], cleaned.tables["items"]).items():
                aggregates.ordered(rows, name).to_parquet(out / f"by_{name}.parquet")
        con.disconnect()
    shutil.rmtree(out)
    balance = cleaned.balance.to_dict("records")
    peaks = {"memory_gb": engine.peak_memory_gb(), "spill_gb": watch.peak_gb}
    return {"events": events, **peaks, "steps": watch.steps, "balance": balance}


def sums(events: Table, items: Table) -> dict[str, Table]:
    """The aggregates of a behaviour log: weeks from the Monday of its first event, cuts as a run spreads them."""
    first = events.timestamp.min().execute()
    monday = (first - pd.Timedelta(days=first.weekday())).date()
    days = events.timestamp.date().delta(ibis.date(monday.isoformat()), unit="day")
    weekly = events.mutate(week=(days // WEEK + 1).cast("int32"))
    cuts = Timetable.spread(int(weekly.week.max().execute()))
    return aggregates.aggregates(weekly, items, (cuts.fusion_fit, cuts.test_fit))


class Watch:
    """Times steps, and looks now and then how much lies in the folder of the spill."""

    def __init__(self, spill: Path) -> None:
        self.spill, self.peak_gb = spill, 0.0
        self.steps: list[dict[str, Any]] = []
        self._over = threading.Event()
        self._looks = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._looks.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._looks.join()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note the seconds of a step, and the peaks until its end."""
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        self.steps.append(
            {"step": name, "seconds": seconds, "memory_gb": engine.peak_memory_gb(), "spill_gb": self.peak_gb}
        )

    def _look(self) -> None:
        while not self._over.wait(POLL):
            self.peak_gb = max(self.peak_gb, _size(self.spill) / 1e9)


def _size(folder: Path) -> int:
    total = 0
    for place, _folders, names in os.walk(folder):  # passes over what the engine removes meanwhile
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(place) / name).stat().st_size
    return total


def _measured(size: float, language: str, folder: Path) -> dict[str, Any]:
    """What one size cost, from a process of its own or from an earlier call."""
    kept = folder / f"{MEASURED}{language}-{size:g}-{_code()}.json"
    if kept.is_file():
        print(f"{size:g} million events were measured before: {kept}")
        return read_json(kept)
    _in_a_process("generate", size, language, folder)
    result = _in_a_process("govern", size, language, folder)
    write_json(kept, result)
    return result


def _in_a_process(child: str, size: float, language: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.governance_scale", "--child", child, "--sizes", repr(size)]
    command += ["--language", language, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{child} of {size:g} million events ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _source(folder: Path, options: dict[str, Any]) -> sources.Source:
    return sources.find("storefront", str(folder / "logs"), options)


def _code() -> str:
    """A hash of the lib's code."""
    found = sha256()
    for path in sorted(Path(workbench.__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def _total(result: dict[str, Any]) -> float:
    return sum(row["seconds"] for row in result["steps"])


if __name__ == "__main__":
    main()
