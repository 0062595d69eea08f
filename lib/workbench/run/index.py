"""Headline metrics of a run, and the page that lists every run."""

import math
import os
from pathlib import Path
from typing import Any

import jinja2

from workbench.artifacts import write_text
from workbench.run.profile import HEADLINE
from workbench.run.report import TEMPLATES, style
from workbench.run.status import Run, all_runs


def headline(run: Run) -> list[tuple[str, dict[str, Any] | None]]:
    """The metrics that the profile puts first, each with its row, None where the run has no such row."""
    rows = run.metrics()
    return [(entry, _row(entry, rows)) for entry in run.record["headline"]]


def value(row: dict[str, Any] | None) -> str:
    """A metric's value with its interval, for reading."""
    if row is None or row["value"] is None:
        return "–"
    numbers = [each for each in (row["value"], row["low"], row["high"]) if each is not None]
    decimals = _decimals(max(map(abs, numbers)))
    shown = [f"{round(each, decimals) + 0.0:.{decimals}f}" for each in numbers]  # + 0.0 turns -0.0 into 0.0
    return shown[0] + (f" [{shown[1]}, {shown[2]}]" if len(shown) == 3 else "")


def _decimals(largest: float) -> int:
    """Decimals for a value and its interval alike: four up to 1, fewer for larger numbers, two digits of tiny ones."""
    if largest == 0 or 0.001 <= largest <= 1:
        return 4
    return max(0, (3 if largest > 1 else 1) - math.floor(math.log10(largest)))


def write(outputs: Path) -> None:
    """Write outputs/index.html anew."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    page = environment.get_template("runs.html.j2")
    runs = [_entry(run, outputs) for run in all_runs(outputs)]
    write_text(outputs / "index.html", page.render(runs=runs, css=jinja2.utils.markupsafe.Markup(style())))


def _entry(run: Run, outputs: Path) -> dict[str, Any]:
    record = run.record
    stages = []
    for stage in run.stages():
        report = stage.file("report.html")
        link = os.path.relpath(report, outputs) if report.exists() else ""
        stages.append((stage.name, stage.status.get("status", "not begun"), link))
    return {
        "name": run.name,
        "profile": record["profile"],
        "combination": record["combination"],
        "status": record["status"],
        "minutes": f"{record['seconds'] / 60:.1f}" if record.get("seconds") is not None else "",
        "headline": [(name, value(row)) for name, row in headline(run)],
        "stages": stages,
    }


def _row(entry: str, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    found = HEADLINE.fullmatch(entry)
    assert found, "the profile was checked"
    wanted = (found["subject"], found["metric"], int(found["k"]) if found["k"] else None, found["slice"] or "all")
    return next((row for row in rows if (row["subject"], row["metric"], row["k"], row["slice"]) == wanted), None)
