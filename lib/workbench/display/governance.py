"""Figures of the governance stage; each takes a result frame and returns a figure."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

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
    low = min(dimensions.min().min(), 0.999)  # the axis spans what there is to see, with room for the last label
    axes.set(title="Quality before and after cleaning", xlim=(1 - 1.06 * (1 - low), 1 + 0.14 * (1 - low)))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="lower left")
    return figure


def failing_rules(quality: pd.DataFrame, most: int = 25) -> Figure:
    """Share of failing rows by rule, before and after cleaning, on a log scale: the rules that fail most."""
    failing = quality[(quality["failing_before"] > 0) | (quality["failing_after"] > 0)]
    table = failing.assign(worst=failing[["before", "after"]].min(axis=1)).nsmallest(most, "worst")
    figure, axes = plt.subplots(figsize=(8, 0.32 * len(table) + 1.2))
    rows, floor = np.arange(len(table))[::-1], 1e-6
    axes.barh(rows + 0.2, (1 - table["before"]).clip(lower=floor), 0.38, label="before", color="C0", alpha=0.35)
    axes.barh(rows - 0.2, (1 - table["after"]).clip(lower=floor), 0.38, label="after", color="C0")
    axes.set(yticks=rows, yticklabels=table["rule"].tolist(), xscale="log", xlim=(floor, 1.3), xlabel="rows that fail")
    axes.set_title(f"What fails: {len(table)} of {len(quality)} rules" if len(table) else "No rule fails")
    axes.set_ylim(-0.8, max(len(table), 1) - 0.2)
    axes.legend(loc="lower right")
    return figure


def coverage(coverage: pd.DataFrame) -> Figure:
    """How what was bought or shown came about: columns channel, share."""
    figure, axes = plt.subplots(figsize=(7, 0.4 * len(coverage) + 1))
    of = "purchases" if "purchases" in coverage and "impressions" not in coverage else "products shown"
    colours = [MUTED if name == "never promoted" else "C0" for name in coverage["channel"]]
    bars = axes.barh(coverage["channel"], coverage["share"], color=colours)
    axes.bar_label(bars, [f"{share:.1%}" for share in coverage["share"]], padding=3)
    axes.invert_yaxis()
    axes.set(xlabel=f"share of {of}", title=f"Where {of} come from", xlim=(0, coverage["share"].max() * 1.15))
    return figure


def positive_share(balance: pd.DataFrame) -> Figure:
    """Share of positives in each split (index) of the pairs, as sampled and at the natural rate, on a log scale."""
    figure, axes = plt.subplots(figsize=(7, 2.8))
    columns = np.arange(len(balance))
    for shift, column, label in ((-0.2, "share", "in the pairs"), (0.2, "natural_rate", "weighted: as shown")):
        bars = axes.bar(columns + shift, balance[column], 0.38, label=label)
        axes.bar_label(bars, [f"{value:.2%}" for value in balance[column]], padding=2, fontsize=9)
    axes.set(xticks=columns, xticklabels=list(balance.index), yscale="log", ylabel="share positive")
    axes.set(title="Positives among the pairs", ylim=(balance["natural_rate"].min() / 3, 1))
    axes.legend(loc="upper right", ncols=2)
    return figure


def weekly_activity(weeks: pd.DataFrame, cuts: dict[str, int]) -> Figure:
    """Purchases and users by week (columns week, purchases, users), with the timetable's cuts as lines."""
    figure, axes = plt.subplots(figsize=(9, 3.2))
    weeks = weeks.sort_values("week")
    axes.plot(weeks["week"], weeks["purchases"], color="C0")
    axes.set(xlabel="week", ylabel="purchases", ylim=(0, None), title="Purchases and active users by week")
    other = axes.twinx()
    other.plot(weeks["week"], weeks["users"], color="C1")
    other.set(ylim=(0, None))
    other.set_ylabel("users", color="C1")
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


def quality_by_day(days: pd.DataFrame, most: int = 6) -> Figure:
    """Share of failing rows by day, of the rules that fail most: columns day, rule, rows, failing."""
    rows = days.drop_duplicates("day").dropna(subset="day").set_index("day")["rows"].sort_index()
    reached = rows.cumsum() / max(rows.sum(), 1)
    usual = set(
        rows.index[(reached > 0.0005) & (reached.shift(fill_value=0) < 0.9995)]
    )  # a wrong year is no day to show
    sums = days.groupby("rule")["failing"].sum().sort_values(ascending=False)
    shown = [rule for rule in sums.index[:most] if sums[rule] > 0]
    figure, axes = plt.subplots(figsize=(9, 3.4))
    for rule in shown:
        part = days[(days["rule"] == rule) & days["day"].isin(usual)].sort_values("day")
        axes.plot(part["day"], part["failing"] / part["rows"].clip(lower=1), label=rule, linewidth=1.2)
    axes.set(ylabel="rows that fail", ylim=(0, None), title="What fails, by day")
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    if shown:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    return figure


def worst_columns(columns: pd.DataFrame, most: int = 15) -> Figure:
    """The columns with most nulls and failing values: columns table, column, null_share, failing_share."""
    table = columns[(columns["null_share"] > 0) | (columns["failing_share"] > 0)].head(most)
    figure, axes = plt.subplots(figsize=(8, 0.36 * len(table) + 1.2))
    rows = np.arange(len(table))[::-1]
    axes.barh(rows + 0.2, table["null_share"], 0.38, label="null", color=MUTED)
    axes.barh(rows - 0.2, table["failing_share"], 0.38, label="fails a rule", color="C1")
    axes.set(yticks=rows, yticklabels=(table["table"] + "." + table["column"]).tolist(), xlim=(0, 1.02))
    axes.set(xlabel="rows", title="The worst columns")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="lower right")
    return figure


def drift_by_column(drift: pd.DataFrame, most: int = 20) -> Figure:
    """Population stability index of each column against an earlier run, with the bounds of its usual reading."""
    table = drift[drift["psi"].notna()].head(most)
    figure, axes = plt.subplots(figsize=(8, 0.32 * len(table) + 1.2))
    rows = np.arange(len(table))[::-1]
    colours = {"stable": MUTED, "moderate": "C3", "large": "C1"}
    bars = axes.barh(rows, table["psi"], 0.7, color=[colours[reading] for reading in table["reading"]])
    texts = [f"{psi:.3f}, JS {js:.2f}" for psi, js in zip(table["psi"], table["jensen_shannon"], strict=True)]
    axes.bar_label(bars, texts, padding=3, fontsize=8)
    for bound in (0.1, 0.25):
        axes.axvline(bound, color=MUTED, linestyle=":", linewidth=1)
    axes.set(yticks=rows, yticklabels=(table["table"] + "." + table["column"]).tolist())
    axes.set(xlabel="population stability index", xlim=(0, max(0.3, table["psi"].max() * 1.3 if len(table) else 0)))
    axes.set_title("Drift against the earlier run")
    return figure
