"""Runs side by side: two of them, or those of a grid that differ in their seeds."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from workbench.run.status import Run

SEED = ".seed"


def parameters(one: Run, two: Run) -> list[tuple[str, str, str, str]]:
    """Rows (stage, parameter, value in one, value in two) of the parameters that differ."""
    first, second = one.record["parameters"], two.record["parameters"]
    rows = []
    for stage in first | second:
        left, right = first.get(stage, {}), second.get(stage, {})
        for name in left | right:
            if left.get(name) != right.get(name):
                rows.append((stage, name, _shown(left.get(name)), _shown(right.get(name))))
    return rows


def metrics(one: Run, two: Run) -> list[tuple[str, str, str, str, str]]:
    """Rows (stage, metric, value in one, value in two, difference two - one) of every metric that either has."""
    first, second = _by_name(one), _by_name(two)
    rows = []
    for stage, name in first | second:
        left, right = first.get((stage, name)), second.get((stage, name))
        difference = f"{right - left:+.4g}" if left is not None and right is not None else ""
        rows.append((stage, name, _shown(left), _shown(right), difference))
    return rows


@dataclass(frozen=True)
class Repeated:
    """A metric over runs that differ in their seeds only.

    of: the other values of their grid.
    value: mean, lower and upper end of its interval.
    seeds: of how many runs.
    difference: the same of what differs, seed by seed, from the runs with the grid's first values; None for these.
    """

    of: str
    stage: str
    metric: str
    value: tuple[float, float, float]
    seeds: int
    difference: tuple[float, float, float] | None = None


def over_seeds(runs: Iterable[Run]) -> list[Repeated]:
    """Each metric's mean over seeds, with Student's 95 % interval for other seeds (NaN where there is one seed).

    runs: of one profile, the newest first; of runs with the same values of the grid only the newest counts.
    """
    newest: dict[str, Run] = {}
    for run in runs:
        newest.setdefault(str(run.record["combination"]), run)
    values: dict[tuple[str, str, str], dict[str, float]] = {}  # of each seed
    first: dict[tuple[str, str], dict[str, float]] = {}
    for run in reversed(newest.values()):
        seeds, others = _combination(run)
        for (stage, name), value in _by_name(run).items():
            if value is not None:
                mine = values.setdefault((others, stage, name), {})
                mine[seeds] = value
                first.setdefault((stage, name), mine)
    return [
        Repeated(*key, _student(list(mine.values())), len(mine), _differing(mine, first[key[1:]]))
        for key, mine in values.items()
    ]


def _combination(run: Run) -> tuple[str, str]:
    """The seeds of a run's grid, and its other values."""
    told: dict[bool, list[str]] = {True: [], False: []}
    for name, value in run.record["combination"].items():
        told[name.endswith(SEED)].append(f"{name}={value}")
    return ", ".join(told[True]), ", ".join(told[False])


def _differing(mine: dict[str, float], first: dict[str, float]) -> tuple[float, float, float] | None:
    """Mean and interval of the difference, over the seeds that both have."""
    both = [mine[seed] - first[seed] for seed in mine if seed in first]
    return _student(both) if both and mine is not first else None


def interval(given: tuple[float, float, float] | None, sign: str = "") -> str:
    """A mean and its interval as text; none of one seed."""
    if given is None:
        return "–"
    mean, low, high = (f"{each:{sign}.4g}" for each in given)
    return mean if math.isnan(given[1]) else f"{mean} [{low}, {high}]"


def _student(values: list[float]) -> tuple[float, float, float]:
    """Mean, lower and upper end."""
    from scipy import stats  # here: its second is lost on every other command

    mean, n = statistics.fmean(values), len(values)
    half = float(stats.t.ppf(0.975, n - 1)) * statistics.stdev(values) / math.sqrt(n) if n > 1 else math.nan
    return mean, mean - half, mean + half


def _by_name(run: Run) -> dict[tuple[str, str], float | None]:
    """Values by stage and the metric written as a headline is."""
    return {(row["stage"], _name(row)): row["value"] for row in run.metrics()}


def _name(row: dict[str, Any]) -> str:
    at = f"@{row['k']}" if row["k"] is not None else ""
    part = f"[{row['slice']}]" if row["slice"] != "all" else ""
    return f"{row['subject']}/{row['metric']}{at}{part}"


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
