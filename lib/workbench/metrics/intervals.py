"""Bootstrap intervals that resample the unit of independence (household, query), not rows."""

from __future__ import annotations

import numpy as np
import pandas as pd


def bootstrap_means(values: pd.DataFrame, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Means of columns with percentile intervals; all columns share the resamples, so differences stay paired.

    Args:
        values: [units, columns] one row a household or query, no missing values.
        resamples: number of bootstrap samples.
        level: coverage of the interval.
        seed: of the resampling.

    Returns:
        Frame indexed by column with ``value``, ``low``, ``high``, ``n``.

    Source: Efron & Tibshirani 1993, percentile method.
    """
    matrix = values.to_numpy(float)
    if len(matrix) == 0:
        raise ValueError("no unit to resample: the slice is empty")
    if not np.isfinite(matrix).all():
        raise ValueError("a value to resample is missing or infinite")
    n = len(matrix)
    generator = np.random.default_rng(seed)
    # a resample is the number of times each unit is drawn: one product of matrices gives all means
    counts = generator.multinomial(n, np.full(n, 1.0 / n), size=resamples)
    low, high = np.quantile(counts @ matrix / n, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return pd.DataFrame({"value": matrix.mean(0), "low": low, "high": high, "n": n}, index=values.columns)
