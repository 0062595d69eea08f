"""Figures of the governance stage, and the reason in place of one where its step does not apply."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from ibis.expr.types import Table
from IPython.display import Markdown, display
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from workbench.display import positions
from workbench.display.style import MUTED
from workbench.governance import aggregates
from workbench.governance.recipes import Exposed

KINDS = ("purchases", "carts", "clicks", "reviews", "impressions")
"""What a log counts, the most telling first."""
R = TypeVar("R")


def or_why(show: Callable[..., R]) -> Callable[..., R | None]:
    """Give a figure or table the argument `why`: a clause that, if it is not empty, is shown in its place."""

    @wraps(show)
    def either(*args: Any, why: str | None = None, **kwargs: Any) -> R | None:
        if not why:
            return show(*args, **kwargs)
        _say(f"Does not apply here: {why}.")
        return None

    return either


def _say(sentence: str) -> None:
    display(Markdown(f"*{sentence}*"))


examination = or_why(positions.examination)


@or_why
def quality_before_after(dimensions: pd.DataFrame) -> Figure:
    """Share of passing rows by dimension (index), columns `before` and `after`, as two dots on a line."""
    figure, axes = plt.subplots(figsize=(7, 0.5 * len(dimensions) + 1.2))
    rows = np.arange(len(dimensions))[::-1]
    axes.hlines(rows, dimensions["before"], dimensions["after"], color=MUTED, linewidth=2, zorder=1)
    axes.scatter(dimensions["before"], rows, label="before", facecolor="white", edgecolor="C0", s=60, zorder=2)
    axes.scatter(dimensions["after"], rows, label="after", color="C0", s=60, zorder=3)
    for row, after in zip(rows, dimensions["after"], strict=True):
        axes.annotate(f"{after:.2%}", (after, row), xytext=(9, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set(yticks=rows, yticklabels=list(dimensions.index), xlabel="rows that pass, mean over rules")
    low = min(dimensions.min().min(), 0.999)  # the axis spans what there is to see, with room for the last label
    axes.set(title="Quality before and after cleaning", xlim=(1 - 1.06 * (1 - low), 1 + 0.14 * (1 - low)))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(loc="outside lower right", ncols=2)
    return figure


@or_why
def failing_rules(quality: pd.DataFrame, most: int = 25) -> Figure | None:
    """Share of failing rows by rule, before and after cleaning, on a log scale: the rules that fail most."""
    failing = quality[(quality["failing_before"] > 0) | (quality["failing_after"] > 0)]
    if failing.empty:
        _say(f"None of the {len(quality)} rules fails on any row.")
        return None
    table = failing.assign(worst=failing[["before", "after"]].min(axis=1)).nsmallest(most, "worst")
    figure, axes = plt.subplots(figsize=(10, 0.32 * len(table) + 1.4))
    rows, floor = np.arange(len(table))[::-1], 1e-6
    axes.barh(rows + 0.2, (1 - table["before"]).clip(lower=floor), 0.38, label="before", color="C0", alpha=0.35)
    axes.barh(rows - 0.2, (1 - table["after"]).clip(lower=floor), 0.38, label="after", color="C0")
    axes.set(yticks=rows, yticklabels=table["rule"].tolist(), xscale="log", xlim=(floor, 1.3), xlabel="rows that fail")
    more = f", the worst {most}" if len(failing) > most else ""
    axes.set_title(f"What fails: {len(failing)} of {len(quality)} rules{more}")
    axes.set_ylim(-0.8, len(table) - 0.2)
    figure.legend(loc="outside lower right", ncols=2)
    return figure


@or_why
def coverage(exposed: Exposed) -> Figure:
    """What was found about what was shown, and the share of each channel in it."""
    display(Markdown("\n".join(f"- {finding}" for finding in exposed.findings)))
    table = exposed.coverage
    figure, axes = plt.subplots(figsize=(7, 0.4 * len(table) + 1))
    of = "purchases" if "purchases" in table and "impressions" not in table else "products shown"
    colours = [MUTED if name == "never promoted" else "C0" for name in table["channel"]]
    bars = axes.barh(table["channel"], table["share"], color=colours)
    axes.bar_label(bars, [f"{share:.1%}" for share in table["share"]], padding=3)
    axes.invert_yaxis()
    axes.set(xlabel=f"share of {of}", title=f"Where {of} come from", xlim=(0, table["share"].max() * 1.15))
    return figure


@or_why
def positive_share(balance: pd.DataFrame, group: str) -> Figure:
    """The pairs of each split (index) as a table, and the share of positives among them, on a log scale.

    Args:
        balance: groups, pairs, positives, share (of the pairs), natural_rate (by their weights).
        group: what one group of pairs is.

    """
    display(Markdown(f"One group is one {group}."), balance)
    figure, axes = plt.subplots(figsize=(7, 2.8))
    columns = np.arange(len(balance))
    for shift, column, label in ((-0.2, "share", "in the pairs"), (0.2, "natural_rate", "by their weights")):
        bars = axes.bar(columns + shift, balance[column], 0.38, label=label)
        axes.bar_label(bars, [f"{value:.2%}" for value in balance[column]], padding=2, fontsize=9)
    rates = balance["natural_rate"]
    axes.set(xticks=columns, xticklabels=list(balance.index), yscale="log", ylabel="share positive")
    axes.set(title="Positives among the pairs", ylim=(rates[rates > 0].min() / 3 if rates.any() else 1e-3, 3))
    axes.legend(loc="upper right", ncols=2)
    return figure


def pair_examples(pairs: Table | None, most: int = 3) -> pd.DataFrame | None:
    """Pairs of train: the first of each label among the first 400 by their id; None where there are no pairs."""
    if pairs is None:
        return None
    first = pairs.filter(pairs.split == "train").order_by("pair_id").limit(400).execute()
    return first.groupby("label").head(most)[["context", "candidate", "label", "weight", "origin"]]


def left_out(rows: pd.DataFrame) -> pd.DataFrame | None:
    """What no pair stands for, and why; columns reason, rows, unit, of which the unit is said above the table."""
    if rows.empty:
        _say("Nothing was left out of the pairs.")
        return None
    display(Markdown(f"In no pair stand {rows['rows'].sum():,} rows ({rows['unit'].iloc[0]}):"))
    return rows.drop(columns="unit")


@or_why
def corpus_examples(documents: Table) -> pd.DataFrame:
    """How many documents each split has, and some of them."""
    counts = documents.split.value_counts(name="documents").order_by("split").execute()
    split = ", ".join(f"{row.documents:,} in {row.split}" for row in counts.itertuples())
    display(Markdown(f"{counts['documents'].sum():,} documents: {split}."))
    return documents.order_by("text").limit(200).execute().iloc[::40][["doc_id", "text"]]


@or_why
def activity(sums: Mapping[str, Table], cuts: Mapping[str, int]) -> Figure:
    """Purchases, or what the log has instead: by week, with the timetable's cuts as lines, and spread over products.

    Args:
        sums: aggregates by name, of which `week` and `item` are read.
        cuts: last week of each part of the timetable; may be empty.

    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.4), width_ratios=[3, 2])
    _by_week(left, sums["week"].execute().sort_values("week"), cuts)
    _by_rank(right, aggregates.latest(sums["item"]))
    return figure


def _by_week(axes: Axes, weeks: pd.DataFrame, cuts: Mapping[str, int]) -> None:
    kind, dot = _kind(weeks), "o" if len(weeks) < 4 else ""  # a line needs some weeks to be seen
    axes.plot(weeks["week"], weeks[kind], color="C0", marker=dot)
    axes.set(xlabel="week", ylim=(0, None), title=f"{kind.capitalize()} and active users by week")
    axes.set_ylabel(kind, color="C0")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    other = axes.twinx()
    other.plot(weeks["week"], weeks["users"], color="C1", marker=dot, linestyle="--")
    other.set(ylim=(0, None))
    other.set_ylabel("users", color="C1")
    other.grid(False)
    for week in sorted(set(cuts.values())):
        names = ", ".join(name for name, last in cuts.items() if last == week)
        axes.axvline(week + 0.5, color=MUTED, linestyle=":", linewidth=1)
        axes.annotate(
            names, (week + 0.4, 0), xytext=(0, 4), textcoords="offset points", rotation=90, ha="right", fontsize=7
        )


def _by_rank(axes: Axes, items: pd.DataFrame) -> None:
    kind = _kind(items)
    counts = np.sort(items[kind].to_numpy())[::-1]
    share = np.cumsum(counts) / max(counts.sum(), 1)
    half = int(np.searchsorted(share, 0.5)) + 1
    axes.plot(np.arange(1, len(counts) + 1), share, color="C0")
    axes.axvline(half, color=MUTED, linestyle=":")
    room = half < len(counts) ** 0.5  # for the label, right of the line
    axes.annotate(f"half: {half:,} products", (half, 0.5), xytext=(8 if room else -8, -12),
                  textcoords="offset points", ha="left" if room else "right", fontsize=9)  # fmt: skip
    axes.set(xscale="log", ylim=(0, 1.02), xlabel=f"products, most {kind} first", ylabel=f"share of {kind}")
    axes.set_title(f"{kind.capitalize()} over {len(counts):,} products")


def _kind(sums: pd.DataFrame) -> str:
    return next((kind for kind in KINDS if sums[kind].sum()), KINDS[0])


@or_why
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


@or_why
def worst_columns(columns: pd.DataFrame, collected: Mapping[str, Table] | None = None, most: int = 15) -> Figure | None:
    """The columns with most nulls and failing values.

    Args:
        columns: table, column, null_share, failing_share.
        collected: the tables whose columns count; others are what rules are told about a row. All, if not given.
        most: how many to show.

    """
    if collected is not None:
        pairs = zip(columns["table"], columns["column"], strict=True)
        columns = columns[[column in collected[table].columns for table, column in pairs]]
    table = columns[(columns["null_share"] > 0) | (columns["failing_share"] > 0)].head(most)
    if table.empty:
        _say("No column has an empty value, and none fails a rule.")
        return None
    figure, axes = plt.subplots(figsize=(8, 0.36 * len(table) + 1.2))
    rows = np.arange(len(table))[::-1]
    axes.barh(rows + 0.2, table["null_share"], 0.38, label="null", color=MUTED)
    axes.barh(rows - 0.2, table["failing_share"], 0.38, label="fails a rule", color="C1")
    axes.set(yticks=rows, yticklabels=(table["table"] + "." + table["column"]).tolist(), xlim=(0, 1.02))
    axes.set(xlabel="rows", title="The worst columns")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(loc="outside lower right", ncols=2)
    return figure


@or_why
def drift_by_column(drift: pd.DataFrame, most: int = 20) -> Figure:
    """Population stability index of each column against an earlier run, with the bounds of its usual reading."""
    table = drift[drift["psi"].notna()].head(most)
    figure, axes = plt.subplots(figsize=(8, 0.32 * len(table) + 1.2))
    rows = np.arange(len(table))[::-1]
    colours = {"stable": MUTED, "look": "C3"}
    bars = axes.barh(rows, table["psi"], 0.7, color=[colours.get(reading, "C1") for reading in table["reading"]])
    texts = [f"{psi:.3f}, JS {js:.2f}" for psi, js in zip(table["psi"], table["jensen_shannon"], strict=True)]
    axes.bar_label(bars, texts, padding=3, fontsize=8)
    for bound in (0.1, 0.25):
        axes.axvline(bound, color=MUTED, linestyle=":", linewidth=1)
    axes.set(yticks=rows, yticklabels=(table["table"] + "." + table["column"]).tolist())
    axes.set(xlabel="population stability index", xlim=(0, max(0.3, table["psi"].max() * 1.3 if len(table) else 0)))
    unlike = drift[drift["psi"].isna() & (drift["reading"] != "stable")]
    named = [f"{row.table}.{row.column} ({row.reading})" for row in unlike.itertuples()]
    axes.set_title("\n".join(["Drift against the earlier run", *named]))
    return figure
