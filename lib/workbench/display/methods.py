"""Figures, tables and sentences of the study of methods."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from workbench.display.style import MUTED, PALETTE, taken

METRIC, NAME = "pr_auc", "PR-AUC"


def cost_table(costs: pd.DataFrame) -> Any:
    """`method_study.costs` for reading."""
    words = {"trained": "weights trained", "share": "of all", "step": "seconds a step", "step_times": "times the first",
             "megabytes": "MB kept", "held_megabytes": "MB held in training"}  # fmt: skip
    forms: dict[Any, Any] = {
        "weights trained": "{:,.0f}", "of all": "{:.2%}", "seconds a step": "{:.3f}", "times the first": "{:.2f}",
        "MB kept": "{:.2f}", "MB held in training": "{:.0f}",
    }  # fmt: skip
    return costs.rename(columns=words).style.format(forms)


def quality_figure(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """PR-AUC of each method with its interval, a panel a budget. tables: budget → rows of `comparison.compare`."""
    figure, axes = plt.subplots(1, len(tables), figsize=(5 * len(tables), 3.4), sharex=True, sharey=True, squeeze=False)
    for axis, (budget, table) in zip(axes[0], tables.items(), strict=True):
        rows = _alone(table)
        for (_, row), color in zip(rows.iterrows(), PALETTE * len(rows), strict=False):
            axis.plot([row["low"], row["high"]], [row["subject"]] * 2, color=color, lw=2.5, solid_capstyle="round")
            axis.plot(row["value"], row["subject"], "o", color=color, ms=7)
        axis.set(title=budget, xlabel=f"{NAME} on test")
    axes[0][0].invert_yaxis()
    return taken(figure)


def importance_figure(shares: pd.Series, trials: int) -> Figure:
    """How much of what trials differ by each searched parameter explains, and of how many trials that is told."""
    figure, axis = plt.subplots(figsize=(6, 0.5 * len(shares) + 1.2))
    axis.barh(list(shares.index), shares, color=PALETTE[0], height=0.6)
    axis.invert_yaxis()
    axis.set(title=f"What mattered in {trials} trials", xlabel="share of the variance explained (fANOVA)")
    return taken(figure)


def private_figure(rows: pd.DataFrame, without: Mapping[str, float]) -> Figure:
    """PR-AUC against ε, with intervals; a line where nothing is protected.

    rows: epsilon, value, low, high. without: the same number of models without noise, by their names.
    """
    figure, axis = plt.subplots(figsize=(6, 3.4))
    place = np.arange(len(rows))
    axis.vlines(place, rows["low"], rows["high"], color=PALETTE[0], lw=2.5)
    axis.plot(place, rows["value"], "o-", color=PALETTE[0], ms=7, label="DP-SGD")
    for (name, value), style in zip(without.items(), ("--", ":", "-."), strict=False):
        axis.axhline(value, color=MUTED, ls=style, label=name)
    axis.set(
        xlabel="ε of a unit (smaller protects more)", ylabel=f"{NAME} on test", title="What privacy costs the model"
    )
    axis.set_xticks(place, [f"{epsilon:g}" for epsilon in rows["epsilon"]])
    axis.legend(loc="best")
    return taken(figure)


def learned(tables: Mapping[str, pd.DataFrame], costs: pd.DataFrame, private: pd.DataFrame) -> str:
    """What the study says, as Markdown, whichever method wins."""
    lines = [f"- At {budget}: {_against_the_first(table)}" for budget, table in tables.items()]
    small = costs["share"].drop("full", errors="ignore")
    if len(small):
        lines.append(
            f"- The others train {small.min():.2%} to {small.max():.2%} of the weights and keep "
            f"{costs['megabytes'].drop('full', errors='ignore').max():.1f} MB at most, so that one base model serves "
            "many tasks."
        )
    if len(private):
        first, last = private.iloc[0], private.iloc[-1]
        lines.append(
            f"- Under DP-SGD, {NAME} is {first['value']:.3f} at ε = {first['epsilon']:g} and {last['value']:.3f} at "
            f"ε = {last['epsilon']:g}."
        )
    return "\n".join(lines)


def _alone(table: pd.DataFrame) -> pd.DataFrame:
    models = table[~table["subject"].str.contains(" - ", regex=False)]
    return models[models["metric"] == METRIC]


def _against_the_first(table: pd.DataFrame) -> str:
    """Which methods beat the first one, are beaten by it, or are not to be told from it, by paired differences."""
    first = str(_alone(table)["subject"].iloc[0])
    rows = table[(table["metric"] == METRIC) & table["subject"].str.startswith(f"{first} - ")]
    others = rows["subject"].str.removeprefix(f"{first} - ")
    groups = {
        f"**{first}** beats": rows["low"] > 0,
        f"**{first}** is beaten by": rows["high"] < 0,
        f"not to be told from **{first}** are": (rows["low"] <= 0) & (rows["high"] >= 0),
    }
    told = [f"{words} {', '.join(others[chosen])}" for words, chosen in groups.items() if chosen.any()]
    best = _alone(table).sort_values("value").iloc[-1]
    return f"{'; '.join(told)}. The highest {NAME} is {best['value']:.3f} ({best['subject']})."
