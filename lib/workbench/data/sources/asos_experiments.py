"""ASOS Digital Experiments: daily counts, means and variances of 78 A/B tests of a fashion shop."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ibis
from ibis import _

from workbench.data.collected import Collected
from workbench.data.raw import layouts

LICENCE = "CC BY 4.0 (osf.io/64jsb)"
CITATION = (
    "Liu, Cardoso, Couturier, McCoy: Datasets for Online Controlled Experiments. NeurIPS Datasets and Benchmarks, 2021"
)
QUASI_IDENTIFIERS: tuple[str, ...] = ()
SENSITIVE: tuple[str, ...] = ()
PII: tuple[str, ...] = ()
OPTIONS: dict[str, Any] = {}
FILES = {"experiments": "asos_digital_experiments_dataset.parquet"}
MEASURES = ("count", "mean", "variance")
ARMS = {"c": "control", "t": "treatment"}
COLUMNS = (
    "experiment_id", "variant_id", "metric_id", "time_since_start",
    *(f"{measure}_{arm}" for measure in MEASURES for arm in ARMS),
)  # fmt: skip
CONVERSIONS = (
    ("experiments", "variant_id, metric_id", "whole number", "text"),
    ("experiments", "days", "time_since_start", "days, as published"),
    ("experiments", "control_count … treatment_variance", "count_c … variance_t", "the same under full names"),
)
"""Changes of a whole column on the way in: table, columns, before, after."""


def files(at: str, options: Mapping[str, Any]) -> dict[str, Path]:
    """The one Parquet file."""
    return layouts.found(at, FILES, "asos_experiments")


def collect(con: ibis.BaseBackend, paths: Mapping[str, Path], options: Mapping[str, Any]) -> Collected:
    """Read the table `experiments`.

    Each row has experiment_id, variant_id, metric_id, days since the start, and for `control` and `treatment` the
    count, mean and variance of all users so far (they accumulate; rows of one test are not independent).
    """
    raw = layouts.read_parquet(con, paths["experiments"], "experiments", COLUMNS)
    measures = {
        f"{arm}_{measure}": raw[f"{measure}_{letter}"].cast("float64")
        for letter, arm in ARMS.items()
        for measure in MEASURES
    }
    table = raw.select(
        experiment_id=_.experiment_id.cast("string"),
        variant_id=_.variant_id.cast("string"),
        metric_id=_.metric_id.cast("string"),
        days=_.time_since_start.cast("float64"),
        **measures,
    )
    return layouts.collected(con, {"experiments": table}, "experiments", CONVERSIONS)
