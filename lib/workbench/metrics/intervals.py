"""Bootstrap intervals that resample the unit of independence (household, query), not rows."""

from __future__ import annotations

import numpy as np
import pandas as pd


def resample(units: int, draws: int, seed: int) -> np.ndarray:
    """How often each unit is drawn in each bootstrap sample of as many units, [draws, units]."""
    return np.random.default_rng(seed).multinomial(units, np.full(units, 1.0 / units), size=draws)


def interval(values: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of the percentile interval of bootstrap values [draws, …]; NaN values are left out."""
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


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
    # one product of matrices gives all means
    low, high = interval(resample(n, resamples, seed) @ matrix / n, level)
    return pd.DataFrame({"value": matrix.mean(0), "low": low, "high": high, "n": n}, index=values.columns)


def over_repeats(bootstrap: np.ndarray, repeats: np.ndarray, seed: int = 0) -> np.ndarray:
    """Bootstrap values of what is the mean of an experiment's repeats, as if there had been other repeats as well.

    To each value comes an error of the repeats: their standard error times Student's t with one degree of freedom less
    than there are repeats, because so few say little of their own spread. What units and repeats share counts in both,
    so an interval of the result is rather too wide than too narrow. Of a single repeat no spread is known: then the
    values are as they were.

    Args:
        bootstrap: [draws] of the mean over the repeats.
        repeats: [repeats] what each came to.
        seed: of the error.

    """
    if len(repeats) < 2:
        return bootstrap
    error = repeats.std(ddof=1) / np.sqrt(len(repeats))
    random = np.random.default_rng([seed, len(repeats)])
    return bootstrap + error * random.standard_t(len(repeats) - 1, len(bootstrap))


def repeated_mean(
    values: np.ndarray, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of an experiment that was repeated on the same units, with an interval for other units and other repeats.

    Units are resampled, and `over_repeats` adds the repeats.

    Args:
        values: [units, repeats].
        resamples: number of bootstrap samples.
        level: coverage of the interval.
        seed: of the resampling.

    Returns:
        Mean, lower and upper end.
    """
    units = len(values)
    means = resample(units, resamples, seed) @ values.mean(axis=1) / units
    low, high = interval(over_repeats(means, values.mean(axis=0), seed), level)
    return float(values.mean()), float(low), float(high)
