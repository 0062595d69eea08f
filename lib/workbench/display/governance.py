"""Figures of the governance stage; each takes a result frame and returns a figure."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from workbench.display.style import MUTED


def quality_before_after(dimensions: pd.DataFrame) -> Figure:
    """Share of passing rows by dimension (index), columns `before` and `after`, as two dots on a line."""
    figure, axes = plt.subplots(figsize=(7, 0.5 * len(dimensions) + 1.2))
    rows = np.arange(len(dimensions))[::-1]
    axes.hlines(rows, dimensions["before"], dimensions["after"], color=MUTED, linewidth=2, zorder=1)
    axes.scatter(dimensions["before"], rows, label="before", facecolor="white", edgecolor="C0", s=60, zorder=2)
    axes.scatter(dimensions["after"], rows, label="after", color="C0", s=60, zorder=3)
    for row, after in zip(rows, dimensions["after"], strict=True):
        axes.annotate(f"{after:.1%}", (after, row), xytext=(9, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set(yticks=rows, yticklabels=list(dimensions.index), xlabel="rows that pass, mean over rules")
    axes.set(title="Quality before and after cleaning", xlim=(None, 1.08))
    axes.legend(loc="lower left")
    return figure


def failing_rules(quality: pd.DataFrame) -> Figure:
    """Share of failing rows by rule, before and after cleaning, on a log scale, without rules that never failed."""
    table = quality[(quality["failing_before"] > 0) | (quality["failing_after"] > 0)].sort_values("before")
    figure, axes = plt.subplots(figsize=(8, 0.32 * len(table) + 1.2))
    rows, floor = np.arange(len(table))[::-1], 1e-6
    axes.barh(rows + 0.2, (1 - table["before"]).clip(lower=floor), 0.38, label="before", color="C0", alpha=0.35)
    axes.barh(rows - 0.2, (1 - table["after"]).clip(lower=floor), 0.38, label="after", color="C0")
    axes.set(yticks=rows, yticklabels=table["rule"].tolist(), xscale="log", xlim=(floor, 1.3), xlabel="rows that fail")
    axes.set_title("What fails")
    axes.legend(loc="lower right")
    return figure


def purchases_by_channel(coverage: pd.DataFrame) -> Figure:
    """Share of purchases by how they were promoted: columns channel, share."""
    figure, axes = plt.subplots(figsize=(7, 2.4))
    colours = [MUTED if name == "never promoted" else "C0" for name in coverage["channel"]]
    bars = axes.barh(coverage["channel"], coverage["share"], color=colours)
    axes.bar_label(bars, [f"{share:.1%}" for share in coverage["share"]], padding=3)
    axes.invert_yaxis()
    axes.set(xlabel="share of purchases", title="How purchases were promoted", xlim=(0, coverage["share"].max() * 1.15))
    return figure


def positive_share(balance: pd.DataFrame) -> Figure:
    """Share of positives in each split (index) of the pairs, as sampled and at the natural rate, on a log scale."""
    figure, axes = plt.subplots(figsize=(7, 2.8))
    columns = np.arange(len(balance))
    for shift, column, label in ((-0.2, "share", "in the pairs"), (0.2, "natural_rate", "weighted: as shown")):
        bars = axes.bar(columns + shift, balance[column], 0.38, label=label)
        axes.bar_label(bars, [f"{value:.2%}" for value in balance[column]], padding=2, fontsize=9)
    axes.set(xticks=columns, xticklabels=list(balance.index), yscale="log", ylabel="share bought")
    axes.set(title="Positives among the pairs", ylim=(balance["natural_rate"].min() / 3, 1))
    axes.legend(loc="upper right", ncols=2)
    return figure


def weekly_purchases(weeks: pd.DataFrame, cuts: dict[str, int]) -> Figure:
    """Purchases and households by week (columns week, purchases, households), with the timetable's cuts as lines."""
    figure, axes = plt.subplots(figsize=(9, 3.2))
    axes.plot(weeks["week"], weeks["purchases"], color="C0")
    axes.set(xlabel="week", ylabel="purchases", ylim=(0, None), title="Purchases and active households by week")
    other = axes.twinx()
    other.plot(weeks["week"], weeks["households"], color="C1")
    other.set(ylim=(0, None))
    other.set_ylabel("households", color="C1")
    other.grid(False)
    for week in sorted(set(cuts.values())):
        names = ", ".join(name for name, last in cuts.items() if last == week)
        axes.axvline(week + 0.5, color=MUTED, linestyle=":", linewidth=1)
        axes.annotate(
            names, (week + 0.4, 0), xytext=(0, 4), textcoords="offset points", rotation=90, ha="right", fontsize=7
        )
    return figure


def popularity_curve(items: pd.DataFrame) -> Figure:
    """Cumulated share of purchases over products by rank (column purchases), rank on a log scale."""
    counts = np.sort(items["purchases"].to_numpy())[::-1]
    share = np.cumsum(counts) / max(counts.sum(), 1)
    half = int(np.searchsorted(share, 0.5)) + 1
    figure, axes = plt.subplots(figsize=(7, 3))
    axes.plot(np.arange(1, len(counts) + 1), share, color="C0")
    axes.axvline(half, color=MUTED, linestyle=":")
    axes.annotate(f"half of all purchases: {half:,} products", (half, 0.5), xytext=(-8, 8), textcoords="offset points",
                  ha="right", fontsize=9)  # fmt: skip
    axes.set(xscale="log", ylim=(0, 1), xlabel="products, most bought first", ylabel="share of purchases")
    axes.set_title(f"{len(counts):,} products: a few sell, the tail is long")
    return figure
