"""One row per benchmark question: printed, and written to outputs/bench/<name>.json."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from workbench.artifacts import read_json, write_json
from workbench.versions import versions

FOLDER = Path("outputs/bench")


def record(
    name: str,
    value: float,
    unit: str,
    *,
    target: float | None,
    higher_is_better: bool,
    rival: str,
    folder: Path = FOLDER,
) -> dict[str, Any]:
    """Print and keep one result; without a target it is neither met nor missed."""
    better = value >= target if higher_is_better and target is not None else target is not None and value <= target
    row = {
        "name": name,
        "value": value,
        "unit": unit,
        "target": target,
        "higher_is_better": higher_is_better,
        "met": None if target is None else bool(better),
        "rival": rival,
        "machine": machine(),
        "versions": versions(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(folder / f"{name}.json", row)
    print(line(row), flush=True)
    return row


def recorded(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """All rows kept so far, by name."""
    return [read_json(path) for path in sorted(folder.glob("*.json"))]


def line(row: dict[str, Any]) -> str:
    """A row for reading."""
    sign = "≥" if row["higher_is_better"] else "≤"
    target = f"{sign} {row['target']:g} {row['unit']}" if row["target"] is not None else "no target"
    met = {True: "met", False: "NOT MET", None: "–"}[row["met"]]
    return f"{row['name']:<32} {row['value']:>10.4g} {row['unit']:<24} {target:<32} {met:<8} against {row['rival']}"


def machine() -> str:
    """Processor, cores and memory of this machine."""
    info = Path("/proc/cpuinfo")
    models = [text.partition(":")[2].strip() for text in info.read_text().splitlines() if text.startswith("model name")]
    memory = psutil.virtual_memory().total / 2**30
    return f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores, {memory:.0f} GB"
