"""Figures, tables and sentences of the study of methods."""

from collections.abc import Callable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from workbench.display.style import MUTED, PALETTE, taken
from workbench.models.chooser import Choice
from workbench.models.private_study import NO_NOISE

METRIC, NAME = "pr_auc", "PR-AUC"
FEW_USERS = 30  # below which no verdict is given
FEW_TRIALS = 20  # below which a search has hardly begun
LOSS = "loss_"  # begins the columns of a choice's rounds


def choice_table(choice: Choice) -> Any:
    """What was measured of each candidate, the best first."""
    words = {"megabytes": "MB of weights", "milliseconds": "ms, p95 of a request", "out": "out", "seconds": "seconds"}
    words |= {column: f"log-loss after {tokens:,} tokens" for column, tokens in _rounds(choice.table).items()}
    shown = choice.table.rename(columns=words)
    losses = {words[column]: "{:.4f}" for column in _rounds(choice.table)}
    forms: dict[Any, Any] = {words["megabytes"]: "{:.1f}", words["milliseconds"]: "{:.1f}", "seconds": "{:.0f}"}
    caption = f"Recommended within these limits: {choice.best}"
    return shown.style.format(forms | losses, na_rep="–").set_caption(caption)


def choice_figure(choice: Choice) -> Figure:
    """Log-loss on valid of each candidate: round by round, and in its last round against its latency."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
    rounds = _rounds(choice.table)
    for (name, row), color in zip(choice.table.iterrows(), PALETTE * len(choice.table), strict=False):
        losses = row[list(rounds)].astype(float).replace(np.inf, np.nan).dropna()
        if losses.empty:
            continue
        left.plot([rounds[column] for column in losses.index], losses, "o-", color=color, label=name)
        inside = color if losses.index[-1] == list(rounds)[-1] else "white"
        right.plot(row["milliseconds"], losses.iloc[-1], "o", color=color, mfc=inside, ms=8)
        place = (row["milliseconds"], losses.iloc[-1])
        right.annotate(str(name), place, (8, -4), textcoords="offset points", color=color)
    left.set(title="Round by round", xlabel="tokens read", ylabel="log-loss on valid (nats)")
    left.set_xticks(list(rounds.values()), [f"{tokens:,}" for tokens in rounds.values()])
    right.set(title="In its last round, against latency", xlabel="ms of a request, p95")
    _on_a_log_scale(right)
    right.margins(x=0.25, y=0.15)
    left.legend(loc="best")
    return taken(figure)


def cost_table(costs: pd.DataFrame) -> Any:
    """`method_study.costs` for reading."""
    words = {"trained": "weights trained", "share": "of all", "step": "seconds a step", "step_times": "times the first",
             "megabytes": "MB kept", "held_megabytes": "MB held in training"}  # fmt: skip
    forms: dict[Any, Any] = {
        "weights trained": "{:,.0f}", "of all": "{:.3%}", "seconds a step": "{:.3f}", "times the first": "{:.2f}",
        "MB kept": "{:.2f}", "MB held in training": "{:.0f}",
    }  # fmt: skip
    return costs.rename(columns=words).style.format(forms)


def cost_figure(costs: pd.DataFrame) -> Figure:
    """Seconds of a step, MB held in training and MB kept, a bar a method."""
    panels = {"step": ("Seconds a step", "{:.3f}"), "held_megabytes": ("MB held in training", "{:,.0f}"),
              "megabytes": ("MB kept", "{:,.2f}")}  # fmt: skip
    figure, axes = plt.subplots(1, len(panels), figsize=(11, 0.4 * len(costs) + 1), sharey=True)
    for axis, (column, (title, form)) in zip(axes, panels.items(), strict=True):
        bars = axis.barh(list(costs.index), costs[column], color=PALETTE[0], height=0.6)
        axis.bar_label(bars, [form.format(value) for value in costs[column]], padding=4)
        axis.set(title=title, xticks=[])
        axis.margins(x=0.25)
    axes[0].invert_yaxis()
    return taken(figure)


def trained_table(summary: pd.DataFrame) -> Any:
    """`Trained.summary` for reading."""
    words = {"rate": "learning rate", "loss": "log-loss on valid", "spread": "its spread between seeds",
             "diverged": "rates too high"}  # fmt: skip
    shown = summary.drop(columns="apart").rename(columns=words)
    forms: dict[Any, Any] = {
        "learning rate": "{:g}", "log-loss on valid": "{:.5f}", "its spread between seeds": "{:.5f}",
        "tokens": "{:,.0f}", "seconds": "{:.0f}",
    }  # fmt: skip
    return shown.style.format(forms, na_rep="–")


def merged_table(summary: pd.DataFrame) -> Any:
    """How far the logits of each method that merges are from those after merging."""
    return summary["apart"].dropna().rename("largest difference of a logit").to_frame().style.format("{:.1e}")


def quality_figure(tables: Mapping[str, pd.DataFrame], chance: float) -> Figure:
    """PR-AUC of each method with its interval, a panel a budget.

    tables: budget → rows of `comparison.compare`; chance: the natural rate, which guessing would reach.
    """
    figure, axes = plt.subplots(1, len(tables), figsize=(5 * len(tables), 3.4), sharex=True, sharey=True, squeeze=False)
    for axis, (budget, table) in zip(axes[0], tables.items(), strict=True):
        _intervals(axis, _alone(table), PALETTE)
        axis.axvline(chance, color=MUTED, ls="--", label="chance")
        axis.set(title=budget[:1].upper() + budget[1:], xlabel=f"{NAME} on test")
    axes[0][0].invert_yaxis()
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower right")
    return taken(figure)


def weights_figure(tables: Mapping[str, pd.DataFrame], costs: pd.DataFrame) -> Figure:
    """PR-AUC with its interval against the share of the weights that a method trains, a panel a budget."""
    figure, axes = plt.subplots(1, len(tables), figsize=(5 * len(tables), 3.4), sharex=True, sharey=True, squeeze=False)
    for axis, (budget, table) in zip(axes[0], tables.items(), strict=True):
        rows = _alone(table).set_index("subject")
        turn = costs.loc[list(rows.index), "share"].rank(method="first") % 3  # so that neighbours' names part
        for (method, row), color in zip(rows.iterrows(), PALETTE * len(rows), strict=False):
            share, above = costs.loc[str(method), "share"], 6 + 14 * turn[str(method)]
            axis.vlines(share, row["low"], row["high"], color=color, lw=2.5)
            axis.plot(share, row["value"], "o", color=color, ms=7)
            axis.annotate(str(method), (share, row["value"]), (6, above), textcoords="offset points", color=color)
        axis.set(title=budget[:1].upper() + budget[1:], xlabel="share of the weights trained")
        _on_a_log_scale(axis, lambda share, _: f"{100 * share:g}%" if share <= 1 else "")
        axis.margins(x=0.2)
    axes[0][0].set_ylabel(f"{NAME} on test")
    return taken(figure)


def trials_figure(trials: pd.DataFrame) -> Figure:
    """The value of each trial against its learning rate (or what else was searched), coloured by another parameter."""
    searched = [name for name in trials if name not in ("trial", "value", "cut short")]
    along = "learning_rate" if "learning_rate" in searched else searched[0]
    color = next((name for name in searched if name != along), None)
    figure, axis = plt.subplots(figsize=(6.5, 3.4))
    marks = {False: "o", True: "X"}
    sns.scatterplot(
        trials, x=along, y="value", hue=color, style="cut short", markers=marks, palette="viridis" if color else None,
        s=80, ax=axis,
    )  # fmt: skip
    axis.set(title="Trials", ylabel="log-loss on valid (nats)")
    if along == "learning_rate":
        _on_a_log_scale(axis)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return taken(figure)


def importance_figure(shares: pd.Series, trials: pd.DataFrame) -> Figure:
    """How much of what completed trials differ by each searched parameter explains; trials that were cut short not."""
    figure, axis = plt.subplots(figsize=(6, 0.5 * len(shares) + 1.2))
    axis.barh(list(shares.index), shares, color=PALETTE[0], height=0.6)
    axis.invert_yaxis()
    title = f"What mattered in {_completed(trials)} completed trials"
    axis.set(title=title, xlabel="share of the variance explained (fANOVA)")
    return taken(figure)


def private_table(table: pd.DataFrame) -> Any:
    """`Sweep.table` for reading."""
    forms: dict[Any, Any] = {
        "ε spent": "{:.2f}", "δ": "{:.0e}", "clipped at": "{:g}", "noise": "{:.2f}", "pairs": "{:,}", "steps": "{:,}",
    }  # fmt: skip
    return table.style.format(forms)


def private_figure(judged: pd.DataFrame) -> Figure:
    """PR-AUC at each ε, and what it differs by from the same training without noise; with intervals.

    judged: rows of `comparison.compare`, the training without noise first.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4))
    alone = _alone(judged).set_index("subject")
    without = alone.loc[NO_NOISE]
    left.axhspan(without["low"], without["high"], color=MUTED, alpha=0.15, lw=0)
    left.axhline(without["value"], color=MUTED, ls="--", label="the same without noise")
    _points(left, alone.drop(NO_NOISE))
    left.set(ylabel=f"{NAME} on test", title="Quality against ε")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    right.axhline(0, color=MUTED, ls="--")
    _points(right, _price(judged))
    right.set(ylabel=f"difference of {NAME}", title="What the noise costs")
    return taken(figure)


def learned(
    choice: Choice,
    tables: Mapping[str, pd.DataFrame],
    costs: pd.DataFrame,
    chance: float,
    seeds: int,
    trials: pd.DataFrame,
    mattered: pd.Series,
    judged: pd.DataFrame,
) -> str:
    """What the study says, as Markdown, whichever method wins."""
    best = choice.table.loc[choice.best]
    loss = best[list(_rounds(choice.table))].astype(float).dropna().iloc[-1]
    lines = [
        f"Base model: **{choice.best}** recommended (log-loss {loss:.4f} on valid, {best['milliseconds']:.1f} ms a "
        f"request, {best['megabytes']:.1f} MB).",
        *(f"At {budget}, by {NAME}: {_against_the_first(table)}" for budget, table in tables.items()),
        f"Guessing reaches a {NAME} of {chance:.4f}. {_covered(seeds)}",
    ]
    small = costs.drop(index="full", errors="ignore")
    if len(small):
        lines.append(
            f"The others train {small['share'].min():.3%} to {small['share'].max():.3%} of the weights and keep "
            f"{small['megabytes'].max():.1f} MB at most, so that one base model serves many tasks."
        )
    if len(mattered):
        few = ": too few to rely on" if _completed(trials) < FEW_TRIALS else ""
        told = ", ".join(f"`{name}` ({share:.0%})" for name, share in mattered.items())
        lines.append(f"What {_completed(trials)} completed trials differ by, fANOVA puts down to {told}{few}.")
    for subject, row in _price(judged).iterrows():
        value, low, high = (f"{row[column]:+.5f}" for column in ("value", "low", "high"))
        lines.append(f"At {subject}, {NAME} differs by {value} [{low}, {high}] from the training without noise.")
    return "\n".join(f"- {line}" for line in lines)


def _rounds(table: pd.DataFrame) -> dict[str, int]:
    """The columns of a choice's rounds, and the tokens of each."""
    names = [str(column) for column in table]
    return {name: int(name.removeprefix(LOSS)) for name in names if name.startswith(LOSS)}


def _completed(trials: pd.DataFrame) -> int:
    return int((~trials["cut short"]).sum())


def _covered(seeds: int) -> str:
    """What the intervals are of."""
    if seeds == 1:
        return "One training each: intervals are over users alone, and another seed may move a method by as much."
    return f"Intervals are over users and {seeds} seeds of each training."


def _alone(table: pd.DataFrame) -> pd.DataFrame:
    models = table[~table["subject"].str.contains(" - ", regex=False)]
    return models[models["metric"] == METRIC]


def _from_the_first(table: pd.DataFrame) -> pd.DataFrame:
    """What every other subject differs by from the first one: value, low, high, n."""
    first = str(table["subject"].iloc[0])
    rows = table[(table["metric"] == METRIC) & table["subject"].str.startswith(f"{first} - ")]
    turned = rows.assign(value=-rows["value"], low=-rows["high"], high=-rows["low"])
    return turned.set_index(rows["subject"].str.removeprefix(f"{first} - "))


def _price(judged: pd.DataFrame) -> pd.DataFrame:
    """What each ε differs by from the training without noise; empty where nothing was trained privately."""
    return _from_the_first(judged) if len(judged) else judged


def _against_the_first(table: pd.DataFrame) -> str:
    """Which methods are higher than the first one, which lower, and of which no difference is shown."""
    first, rows = str(table["subject"].iloc[0]), _from_the_first(table)
    best = _alone(table).sort_values("value").iloc[-1]
    highest = f"The highest is {best['value']:.4f} [{best['low']:.4f}, {best['high']:.4f}] ({best['subject']})."
    if (users := int(table["n"].iloc[0])) < FEW_USERS:
        return f"{users} users are too few for a verdict. {highest}"
    groups = {
        f"higher than **{first}**": rows["low"] > 0,
        f"lower than **{first}**": rows["high"] < 0,
        f"no difference shown from **{first}**": (rows["low"] <= 0) & (rows["high"] >= 0),
    }
    told = [f"{words}: {', '.join(rows.index[chosen])}" for words, chosen in groups.items() if chosen.any()]
    return f"{'; '.join(told)}. {highest}" if told else highest


def _intervals(axis: Axes, rows: pd.DataFrame, colors: list[str]) -> None:
    for (_, row), color in zip(rows.iterrows(), colors * len(rows), strict=False):
        axis.plot([row["low"], row["high"]], [row["subject"]] * 2, color=color, lw=2.5, solid_capstyle="round")
        axis.plot(row["value"], row["subject"], "o", color=color, ms=7)


def _on_a_log_scale(axis: Axes, labels: str | Callable[[float, float], str] = "{x:g}") -> None:
    """Labels at 1 and 3, or at decades alone where there are many: those of every step would lie on each other."""
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 3) if high < 1000 * low else (1,)))
    axis.xaxis.set_major_formatter(labels)
    axis.xaxis.set_minor_formatter(NullFormatter())


def _points(axis: Axes, rows: pd.DataFrame) -> None:
    """A point with its interval for each ε, from left to right."""
    place = np.arange(len(rows))
    axis.vlines(place, rows["low"], rows["high"], color=PALETTE[0], lw=2.5)
    axis.plot(place, rows["value"], "o", color=PALETTE[0], ms=7, label="DP-SGD")
    axis.set_xticks(place, [str(name).removeprefix("ε = ") for name in rows.index])
    axis.set_xlabel("ε of a unit (smaller protects more)")
    axis.margins(x=0.2)
