"""Tables, figures and sentences of the fine-tuning notebook, from its result tables."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter, StrMethodFormatter

from workbench.display.style import MUTED, PALETTE, taken
from workbench.models.comparison import CONSTANT

NAMES = {"roc_auc": "ROC-AUC", "pr_auc": "PR-AUC", "brier_skill": "Brier skill"}
FORMS = {"roc_auc": ".3f", "pr_auc": ".4f", "brier_skill": ".2%"}
"""The metrics that models are compared by, and how they are written; of all three higher is better."""
BASE = "base"  # what the unadapted encoder is called
FEW = 10  # predicted pairs below which a precision is an anecdote
FEW_USERS = 30  # below which an interval over users is too short to judge by
SLICED = {"roc_auc": "ROC-AUC", "calibration_gap": "calibration gap"}


def comparison_table(table: pd.DataFrame) -> Any:
    """Value and interval of each model and difference, a column a metric. table: of `models.comparison.compare`."""
    shown = table[table["metric"].isin(NAMES)]
    told = [_told(metric, row) for metric, (_, row) in zip(shown["metric"], shown.iterrows(), strict=True)]
    wide = shown.assign(told=told).pivot(index="subject", columns="metric", values="told")
    return (
        wide.loc[shown["subject"].unique(), shown["metric"].unique()]
        .rename(columns=NAMES)
        .rename_axis(index=None, columns=None)
    )


def comparison_figure(table: pd.DataFrame) -> Figure:
    """A panel a metric: each model's value with its interval, and a line where a constant would be."""
    models = table[~table["subject"].str.contains(" - ", regex=False) & table["metric"].isin(NAMES)]
    names = list(models["metric"].unique())
    figure, axes = plt.subplots(1, len(names), figsize=(3.8 * len(names), 3), sharey=True, squeeze=False)
    for axis, metric in zip(axes[0], names, strict=True):
        rows = models[models["metric"] == metric].set_index("subject")
        _intervals(axis, rows.drop(index=CONSTANT, errors="ignore"), FORMS[metric])
        if CONSTANT in rows.index:
            axis.axvline(rows.loc[CONSTANT, "value"], color=MUTED, ls="--", lw=1)
        axis.set(title=NAMES[metric], xlabel="higher is better; dashed: a constant")
        axis.xaxis.set_major_locator(MaxNLocator(4))
        if FORMS[metric].endswith("%"):
            axis.xaxis.set_major_formatter(PercentFormatter(1))
    axes[0, 0].invert_yaxis()
    return taken(figure)


def reliability_figure(table: pd.DataFrame) -> Figure:
    """Observed against predicted rate with intervals, a line a subject, on log scales: positives are rare.

    A bin without a positive has no place on such a scale, and is shown as a triangle at the bottom.
    table: rows of `models.comparison.reliability_table`.
    """
    figure, axis = plt.subplots(figsize=(6.4, 4.4))
    positive: Any = table[["predicted", "observed"]].where(lambda values: values > 0).stack()
    bottom, top = positive.min() / 2, positive.max()
    for (subject, rows), color in zip(table.groupby("subject", sort=False), PALETTE, strict=False):
        seen, empty = rows[rows["observed"] > 0], rows[rows["observed"] == 0]
        axis.plot(seen["predicted"], seen["observed"], "o-", color=color, label=subject)
        axis.vlines(seen["predicted"], seen["low"].clip(lower=bottom), seen["high"], color=color, alpha=0.5)
        axis.plot(empty["predicted"], [bottom] * len(empty), "v", color=color, mfc="none")
    if (table["observed"] == 0).any():
        axis.plot([], [], "v", color=MUTED, mfc="none", label="a bin without a positive")
    axis.plot([bottom, top], [bottom, top], "--", color=MUTED, lw=1, zorder=0, label="predicted = observed")
    axis.set(xscale="log", yscale="log", xlabel="predicted rate", ylabel="observed rate")
    for side in (axis.xaxis, axis.yaxis):
        _log_labels(side, top / bottom)
    axis.set_title("Of pairs given p, what share is positive?")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return taken(figure)


def precision_recall_figure(curves: pd.DataFrame, report: pd.DataFrame) -> Figure:
    """Precision against recall, a line a model, and where the first one's threshold lies.

    curves: rows of `models.comparison.precision_recall_curves`; report: of `classification_report`, of the first model.
    """
    figure, axis = plt.subplots(figsize=(9, 3.8))
    first, bottom = curves["subject"].iloc[0], curves["precision"].min() / 2
    lines = curves[curves["subject"] != CONSTANT].groupby("subject", sort=False)
    for (subject, rows), color in zip(lines, PALETTE, strict=False):
        axis.plot(rows["recall"], rows["precision"], color=color, lw=1.5, label=subject)
    for rate in curves.loc[curves["subject"] == CONSTANT, "precision"]:
        axis.axhline(rate, color=MUTED, ls="--", lw=1, label=f"{CONSTANT}: the natural rate")
    at = report[report["class"] == "positive"].set_index("metric")["value"]
    below = "" if at["precision"] else "\n(finds none: below the scale)"
    axis.plot(
        at["recall"], max(at["precision"], bottom), "*", color=PALETTE[0], mec="white", ms=17, clip_on=False, zorder=5,
        label=f"chosen threshold of {first}{below}", ls="",
    )  # fmt: skip
    axis.set(yscale="log", xlabel="recall", ylabel="precision", xlim=(0, 1), title="Precision and recall, natural rate")
    axis.set_ylim(bottom=bottom)
    _log_labels(axis.yaxis, 1 / bottom)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return taken(figure)


def slices_figure(by_slice: pd.DataFrame, overall: Mapping[str, float]) -> Figure:
    """Each slice's value with its interval, a panel a metric; a line where all pairs are.

    by_slice: rows of `models.slices.by_slice`; overall: of `models.slices.overall`.
    """
    measured = by_slice.dropna(subset="value")
    names = measured.drop_duplicates("slice").set_index("slice")["n"]
    place = {name: at for at, name in enumerate(names.index)}
    size = (10, 0.32 * len(names) + 1.4)
    figure, axes = plt.subplots(1, len(SLICED), figsize=size, sharey=True, squeeze=False)
    for axis, (metric, title) in zip(axes[0], SLICED.items(), strict=True):
        rows = measured[measured["metric"] == metric]
        at = rows["slice"].map(place)
        axis.hlines(at, rows["low"], rows["high"], color=PALETTE[0], lw=2)
        axis.plot(rows["value"], at, "o", color=PALETTE[0])
        axis.axvline(overall[metric], color=MUTED, ls="--", lw=1)
        axis.set(title=title, xlabel="dashed: all pairs")
    axes[0, 0].set_yticks(range(len(names)), [f"{name} ({users:,} users)" for name, users in names.items()])
    axes[0, 0].invert_yaxis()
    return taken(figure)


def cost_table(costs: pd.DataFrame, table: pd.DataFrame) -> Any:
    """`models.costs.table` for reading, with the ROC-AUC of `models.comparison.compare` beside it."""
    words = {"pretraining": "pretraining (s)", "training": "training (s)", "milliseconds": "ms for 1,000 pairs",
             "megabytes": "MB of weights"}  # fmt: skip
    told = {row["subject"]: _told("roc_auc", row) for _, row in table[table["metric"] == "roc_auc"].iterrows()}
    shown = (
        costs.rename(columns=words).rename_axis(None).assign(**{NAMES["roc_auc"]: [told[name] for name in costs.index]})
    )
    forms: dict[Any, Any] = dict.fromkeys(words.values(), "{:,.1f}")
    return shown.style.format(forms)


def cost_figure(costs: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """ROC-AUC against the seconds that a model took to train, and against the time that it takes to score."""
    rows = table[table["metric"] == "roc_auc"].set_index("subject").loc[list(costs.index)]
    panels = {
        "seconds to train, pretraining included": costs["pretraining"] + costs["training"],
        "milliseconds for 1,000 pairs": costs["milliseconds"],
    }
    figure, axes = plt.subplots(1, len(panels), figsize=(10, 3.4), sharey=True)
    for axis, (what, values) in zip(axes, panels.items(), strict=True):
        placed = rows.assign(at=values).itertuples()
        for row, color in zip(placed, PALETTE * len(rows), strict=False):
            axis.plot([row.at] * 2, [row.low, row.high], color=color, lw=2.5, solid_capstyle="round")
            axis.plot(row.at, row.value, "o", color=color, ms=8, label=row.Index)
        axis.axhline(0.5, color=MUTED, ls="--", lw=1, label=CONSTANT)
        axis.set(xscale="log", xlabel=what)
        axis.margins(x=0.15)
        _log_labels(axis.xaxis, values.max() / values.min())
    axes[0].set(ylabel=NAMES["roc_auc"])
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return taken(figure)


def learned_finetuning(
    table: pd.DataFrame, report: pd.DataFrame, error: Mapping[str, float], costs: pd.DataFrame
) -> str:
    """What the comparison says, as Markdown, whichever model wins.

    table: rows of `models.comparison.compare`, a constant among its models; report: of `classification_report`; error:
    of `calibration_report`; costs: of `models.costs.table`.
    """
    rows: Any = table.set_index(["subject", "metric"]).sort_index()
    first, users = table["subject"].iloc[0], int(table["n"].iloc[0])
    rate = float(rows.loc[(CONSTANT, "pr_auc"), "value"])
    roc, precision = (_told(metric, rows.loc[(first, metric)]) for metric in ("roc_auc", "pr_auc"))
    differences = [name for name in table["subject"].unique() if name.startswith(f"{first} - ")]
    return "\n".join([
        f"- The fine-tuned {first} model reaches ROC-AUC {roc} (a constant: 0.5) and PR-AUC {precision} (a constant: "
        f"the natural rate, {rate:.4f}) on the pairs of {users:,} test users."
        + (f" **Fewer than {FEW_USERS} users**: no difference is judged." if users < FEW_USERS else ""),
        *(_difference(subject, rows.loc[subject], users) for subject in differences),
        *(
            _worth(rows.loc[(subject, "roc_auc")], float(costs.loc[first, "pretraining"]), users)
            for subject in differences
            if subject == f"{first} - {BASE}"
        ),
        _at_the_threshold(report[report["class"] == "positive"].set_index("metric")),
        f"- Its calibrated probabilities are off by {error['value']:.3%} [{error['low']:.3%}, {error['high']:.3%}] on "
        f"average (expected calibration error), where {rate:.3%} of the pairs are positive: by "
        f"{error['value'] / rate:.0%} of that rate.",
    ])  # fmt: skip


def _at_the_threshold(positive: pd.DataFrame) -> str:
    one = positive.iloc[0]
    if not (predicted := int(one["predicted"])):
        return "- No test pair lies above the threshold that was chosen on valid: nothing is predicted."
    found = f"{one['hits']:,} of {predicted:,} predicted pairs", f"{one['hits']:,} of {one['support']:,} positive ones"
    precision, recall = (
        f"{row['value']:.1%} " + ("(no interval)" if pd.isna(row["low"]) else f"[{row['low']:.1%}, {row['high']:.1%}]")
        for row in (positive.loc["precision"], positive.loc["recall"])
    )
    few = " **Too few to rely on.**" if predicted < FEW else ""
    return (
        f"- At the threshold chosen on valid, {precision} of what it predicts is positive (precision, {found[0]}), and "
        f"it finds {recall} of the positives (recall, {found[1]}), at the natural rate.{few}"
    )


def _difference(subject: str, rows: Any, users: int) -> str:
    """A verdict a metric: an interval that excludes 0 shows a difference; of few users there is none."""
    first, other = subject.split(" - ", 1)
    parts = [
        f"{name} {_verdict(rows.loc[metric], users)}({_told(metric, rows.loc[metric], '+')})"
        for metric, name in NAMES.items()
    ]
    return f"- Against {other}, {first}: {'; '.join(parts)}."


def _verdict(row: Any, users: int) -> str:
    if users < FEW_USERS:
        return ""
    return "higher " if row["low"] > 0 else "lower " if row["high"] < 0 else "no difference shown "


def _worth(row: Any, seconds: float, users: int) -> str:
    means = {
        "higher ": f": that is what its {seconds:,.0f} s bought",
        "lower ": f": its {seconds:,.0f} s did harm here",
        "no difference shown ": f": not shown to be worth its {seconds:,.0f} s",
        "": f" in {seconds:,.0f} s",
    }
    return f"- Pretraining changed ROC-AUC by {_told('roc_auc', row, '+')}{means[_verdict(row, users)]}."


def _told(metric: str, row: Any, sign: str = "") -> str:
    value, low, high = (f"{row[name]:{sign}{FORMS[metric]}}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _intervals(axis: Axes, rows: pd.DataFrame, form: str) -> None:
    placed: Any = rows.reset_index().itertuples()
    for row, color in zip(placed, PALETTE * len(rows), strict=False):
        axis.plot([row.low, row.high], [row.subject] * 2, color=color, lw=2.5, solid_capstyle="round")
        axis.plot(row.value, row.subject, "o", color=color, ms=8)
        axis.annotate(f"{row.value:{form}}", (row.value, row.subject), (0, 9), textcoords="offset points", ha="center")
    axis.margins(x=0.2, y=0.35)


def _log_labels(side: Axis, times: float) -> None:
    """Plain labels that do not lie on each other, on a log scale whose end is so many times its beginning."""
    side.set_major_locator(LogLocator(subs=(1, 2, 5) if times < 100 else (1,), numticks=8))
    side.set_major_formatter(StrMethodFormatter("{x:g}"))
    side.set_minor_formatter(NullFormatter())
