"""Figure of position bias."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from workbench.display.style import MUTED

METHODS = {"harvest": "intervention harvesting", "em": "position-based model by EM"}


def examination(positions: pd.DataFrame, truth: pd.Series | None = None) -> Figure:
    """Examination relative to position 1 with its interval, and the naive ratio of click rates beside it.

    Args:
        positions: a row a position: position, examination, low, high, naive, method.
        truth: the true examination by position, where it is known.

    """
    known = positions.dropna(subset=["examination"])
    method = str(known["method"].iloc[0]) if len(known) else ""
    spread = np.abs(known[["low", "high"]].to_numpy(float).T - known["examination"].to_numpy(float))
    figure, axes = plt.subplots(figsize=(7, 3.2))
    axes.plot(
        positions["position"], positions["naive"], color=MUTED, marker="o", mfc="white", label="click rates, as logged"
    )
    axes.errorbar(
        known["position"], known["examination"], spread, color="C0", marker="o", capsize=3,
        label=f"examination: {METHODS.get(method, method)}",
    )  # fmt: skip
    if truth is not None:
        axes.plot(truth.index, truth, color="C1", linestyle=":", label="truth")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="position", ylabel="relative to position 1", ylim=(0, None), title="How positions are examined")
    axes.legend(loc="upper right")
    return figure
