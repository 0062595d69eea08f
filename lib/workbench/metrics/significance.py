"""Is a paired difference more than chance? Tests over users or queries, corrected for how many are made."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

AT_ONCE = 20_000_000  # signs in memory


def sign_flip_test(differences: np.ndarray, draws: int = 10_000, seed: int = 0) -> np.ndarray:
    """Two-sided p of each column's mean under random signs: if neither ranker were better, each could be either's.

    Args:
        differences: [units, columns] one ranker's value less the other's, unit by unit.
        draws: random assignments of signs; 1 / (draws + 1) is the smallest p.
        seed: of the signs; the columns share them.

    Returns:
        [columns].

    Source: Fisher 1935; recommended for retrieval by Smucker, Allan & Carterette 2007.
    """
    values = np.asarray(differences, float)
    seen = np.abs(values.sum(axis=0))
    random, beyond = np.random.default_rng(seed), np.zeros(values.shape[1], int)
    step = max(1, AT_ONCE // max(len(values), 1))
    for at in range(0, draws, step):
        signs = random.integers(0, 2, (min(step, draws - at), len(values)), dtype=np.int8) * 2 - 1
        beyond += (np.abs(signs @ values) >= seen * (1 - 1e-12)).sum(axis=0)  # rounding apart, ties count
    return (1 + beyond) / (1 + draws)


def holm(p_values: np.ndarray) -> np.ndarray:
    """The p-values of a family of tests, so corrected that the chance of any false claim is kept (Holm 1979)."""
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind="stable")
    raised = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    corrected = np.empty(len(p))
    corrected[order] = raised
    return corrected


def paired_tests(
    differences: pd.DataFrame, draws: int = 10_000, seed: int = 0, level: float = 0.95, power: float = 0.8
) -> pd.DataFrame:
    """A family of paired tests, one row a column of differences.

    Args:
        differences: [units, columns] no missing values.
        draws, seed: of the sign-flip test.
        level, power: of the smallest difference that would have been found.

    Returns:
        ``value`` (mean difference), ``p``, ``p_holm`` (corrected for all the columns), ``effect`` (Cohen's d: the mean
        in standard deviations of the differences; 0 where nothing differs) and ``detectable``: the true difference
        that so many units show with the stated power, at this level, uncorrected.
    """
    if not len(differences):
        raise ValueError("no unit to test: the slice is empty")
    values = differences.to_numpy(float)
    p = sign_flip_test(values, draws, seed)
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1], np.nan)
    mean = values.mean(axis=0)
    return pd.DataFrame(
        {
            "value": mean,
            "p": p,
            "p_holm": holm(p),
            "effect": np.divide(mean, spread, out=np.zeros_like(mean), where=spread > 0),
            "detectable": (ndtri((1 + level) / 2) + ndtri(power)) * spread / np.sqrt(len(values)),
            "n": len(values),
        },
        index=differences.columns,
    )
