"""Figures and sentences of the pretraining and fine-tuning notebooks, from their result tables."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter, StrMethodFormatter

from workbench.display.style import MUTED, PALETTE, taken

NAMES = {"roc_auc": "ROC-AUC", "pr_auc": "PR-AUC", "brier": "Brier score"}
HELD_OUT = {
    "perplexity": "perplexity", "masked_accuracy": "masked words guessed", "next_accuracy": "next words guessed",
    "accuracy": "classes named", "recall@1": "own candidate first", "recall@10": "own candidate in the first ten",
}  # fmt: skip
"""What is shown of a pretraining's numbers, and what it is called."""
LOWER_IS_BETTER = {"brier"}
DECIMALS = {"brier": 5}  # of a difference; 3 for the others
FEW = 10  # predicted pairs below which a precision is an anecdote


def training_curves(curves: Mapping[str, pd.DataFrame], held_out: str = "eval_loss", label: str = "loss") -> Figure:
    """Training loss (left, smoothed) and the held-out number (right) over tokens seen, a line a model.

    curves: model → table with tokens, loss and the column `held_out`, missing where it was not evaluated.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
    for (name, curve), color in zip(curves.items(), PALETTE, strict=False):
        smooth = curve["loss"].ewm(halflife=3).mean()
        left.plot(curve["tokens"] / 1000, curve["loss"], color=color, alpha=0.25, lw=1)
        left.plot(curve["tokens"] / 1000, smooth, color=color, label=name)
        points = curve.dropna(subset=[held_out])
        right.plot(points["tokens"] / 1000, points[held_out], "o-", color=color, label=name)
    left.set(title="Training", xlabel="thousand tokens seen", ylabel="loss (nats)")
    right.set(title="Held out", xlabel="thousand tokens seen", ylabel=label)
    right.legend(loc="best")
    return taken(figure)


def before_after(table: pd.DataFrame) -> Figure:
    """What was measured on held-out rows, a panel a number: a bar each for the rows "before" and "after"."""
    shown = [name for name in table if name in HELD_OUT]
    size = (4.5 * len(shown), 2.6)
    figure, axes = plt.subplots(1, len(shown), figsize=size, sharey=True, squeeze=False)
    for axis, column in zip(axes[0], shown, strict=True):
        form = "{:,.0f}" if column == "perplexity" else "{:.1%}"
        bars = axis.barh(list(table.index), table[column], color=[MUTED, PALETTE[0]], height=0.6)
        axis.bar_label(bars, [form.format(value) for value in table[column]], padding=4)
        axis.set(title=f"{HELD_OUT[column]} ({'lower' if column == 'perplexity' else 'higher'} is better)")
        axis.margins(x=0.25)
        if column == "perplexity":
            axis.set_xscale("log")
            axis.set_xlim(left=1)
        else:
            axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0][0].invert_yaxis()
    return taken(figure)


def comparison_figure(table: pd.DataFrame) -> Figure:
    """A panel a metric: each model's value with its interval. table: rows of `models.comparison.compare`."""
    models = table[~table["subject"].str.contains(" - ", regex=False)]
    names = list(models["metric"].unique())
    figure, axes = plt.subplots(1, len(names), figsize=(3.6 * len(names), 2.6), sharey=True, squeeze=False)
    for axis, metric in zip(axes[0], names, strict=True):
        _intervals(axis, models[models["metric"] == metric])
        axis.set_title(NAMES.get(metric, metric))
        axis.set_xlabel("lower is better" if metric in LOWER_IS_BETTER else "higher is better")
    axes[0, 0].invert_yaxis()
    return taken(figure)


def reliability_figure(table: pd.DataFrame) -> Figure:
    """Observed against predicted rate, a line a model, on log scales: positives are rare."""
    figure, axis = plt.subplots(figsize=(4.8, 4.2))
    seen = table[(table["predicted"] > 0) & (table["observed"] > 0)]
    sns.lineplot(seen, x="predicted", y="observed", hue="subject", marker="o", ax=axis)
    low, high = seen[["predicted", "observed"]].min().min(), seen[["predicted", "observed"]].max().max()
    axis.plot([low, high], [low, high], "--", color=MUTED, lw=1, zorder=0)
    axis.set(xscale="log", yscale="log", xlabel="predicted rate", ylabel="observed rate")
    for side in (axis.xaxis, axis.yaxis):  # within a decade or two labels of every step would lie on each other
        side.set_major_locator(LogLocator(subs=(1, 2, 5)))
        side.set_major_formatter(StrMethodFormatter("{x:g}"))
        side.set_minor_formatter(NullFormatter())
    axis.set_title("Of pairs given p, what share is positive?")
    axis.legend(title=None)
    return taken(figure)


def learned_pretraining(tables: Mapping[str, pd.DataFrame], tokens: int, seconds: float) -> str:
    """What the held-out numbers say, as Markdown. tables: objective → rows "before" and "after"."""
    lines = [f"- The training read {tokens:,} tokens in {seconds:,.0f} s."]
    for objective, table in tables.items():
        before, after = table.loc["before"], table.loc["after"]
        loss = "loss" if "loss" in table else "log_loss"
        verdict = "does better" if after[loss] < before[loss] else "does **no** better"
        told = "; ".join(
            f"{HELD_OUT[name]} went from {_number(name, before[name])} to {_number(name, after[name])}"
            for name in table
            if name in HELD_OUT
        )
        lines.append(f"- `{objective}`: on held-out rows that had no say in choosing its weights it {verdict}: {told}.")
    if "mlm" in tables:
        lines.append(
            "- Where the base model carries no masked-language head, *before* is a head that starts fresh: the step "
            "from before to after mixes what the head learned with what the encoder learned."
        )
    lines.append(
        "- Whether the encoder became better *for pairs* is not read from these figures: notebook 03 fine-tunes the "
        "adapted and the unadapted encoder alike and compares them."
    )
    return "\n".join(lines)


def _number(name: str, value: Any) -> str:
    return f"{value:,.0f}" if name == "perplexity" else f"{value:.1%}"


def in_parts(parts: int) -> str:
    """That a training's batches were cut, in a sentence; nothing where they were not. parts: of a `TrainResult`."""
    if parts == 1:
        return ""
    return (
        f"Batches were computed in up to {parts} parts, for the memory did not hold them whole: the gradients are the "
        "same, and it took longer."
    )


def learned_finetuning(table: pd.DataFrame, report: pd.DataFrame, error: Mapping[str, float]) -> str:
    """What the comparison says, as Markdown, whichever model wins.

    table: rows of `models.comparison.compare`; report: of `classification_report`; error: of `calibration_report`.
    """
    rows = table.set_index(["subject", "metric"])
    first = table["subject"].iloc[0]
    best = rows.loc[(first, "roc_auc")]
    lines = [
        f"- The fine-tuned {first} model reaches ROC-AUC {best['value']:.3f} [{best['low']:.3f}, {best['high']:.3f}] "
        f"and PR-AUC {rows.loc[(first, 'pr_auc'), 'value']:.3f} on the pairs of {best['n']:,.0f} test users."
    ]
    for subject in table["subject"].unique():
        if subject.startswith(f"{first} - "):
            lines.append(_difference(subject, rows.loc[subject]))
    lines.append(_at_the_threshold(report[report["class"] == "positive"].set_index("metric")))
    lines.append(
        f"- Its calibrated probabilities are off by {error['value']:.4f} [{error['low']:.4f}, {error['high']:.4f}] on "
        "average (expected calibration error)."
    )
    return "\n".join(lines)


def _at_the_threshold(bought: pd.DataFrame) -> str:
    words = {name: f"{row['value']:.1%} [{row['low']:.1%}, {row['high']:.1%}]" for name, row in bought.iterrows()}
    predicted = int(bought["predicted"].iloc[0])
    few = f" **Too few to rely on**: only {predicted} test pairs lie above the threshold." if predicted < FEW else ""
    return (
        f"- At the threshold chosen on valid, {words['precision']} of what it predicts is positive (precision), and it "
        f"finds {words['recall']} of the positives (recall), at the natural rate: {predicted:,} pairs predicted, "
        f"{bought['support'].iloc[0]:,} positive.{few}"
    )


def _difference(subject: str, rows: pd.DataFrame) -> str:
    """A verdict a metric: an interval that excludes 0 is a win or a loss, in the metric's own direction."""
    first, other = subject.split(" - ", 1)
    parts = []
    for metric, row in rows.iterrows():
        sign, places = (-1 if metric in LOWER_IS_BETTER else 1), DECIMALS.get(str(metric), 3)
        low, high = sorted((sign * row["low"], sign * row["high"]))
        verdict = "**wins**" if low > 0 else "**loses**" if high < 0 else "cannot be told apart"
        numbers = [f"{row[column]:+.{places}f}" for column in ("value", "low", "high")]
        parts.append(f"{verdict} by {NAMES.get(str(metric), metric)} ({numbers[0]} [{numbers[1]}, {numbers[2]}])")
    return f"- Against {other}, {first} {'; '.join(parts)}."


def _intervals(axis: Axes, rows: pd.DataFrame) -> None:
    for (_, row), color in zip(rows.iterrows(), PALETTE, strict=False):
        axis.plot([row["low"], row["high"]], [row["subject"]] * 2, color=color, lw=2.5, solid_capstyle="round")
        axis.plot(row["value"], row["subject"], "o", color=color, ms=8)
        axis.annotate(
            f"{row['value']:.4g}", (row["value"], row["subject"]), (0, 9), textcoords="offset points", ha="center"
        )
    axis.margins(x=0.2, y=0.35)
