"""Training curves, and the figures and sentences of the pretraining notebook, from its results."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from workbench.display.style import MUTED, PALETTE, taken
from workbench.models.pretraining import BLIND, Pretrained

HELD_OUT = {
    "perplexity": "perplexity", "masked_accuracy": "masked tokens guessed", "next_accuracy": "next tokens guessed",
    "accuracy": "classes named", "recall@1": "own candidate first", "recall@10": "own candidate in the first ten",
}  # fmt: skip
"""What is shown of a pretraining's numbers, and what it is called."""
COLORS = {BLIND: "#c9cbce", "before": MUTED, "after": PALETTE[0]}
FRESH = {
    "head": "The base model comes without the head of `{0}`, so *before* is the random guess of a fresh head: compare "
    "with the blind guess. What the encoder itself has gained is what notebook 03 measures.",
    "weights": "The model of `{0}` began with random weights, so *before* is a random guess: compare with the blind "
    "guess.",
}


def training_curves(
    curves: Mapping[str, pd.DataFrame],
    held_out: str = "eval_loss",
    label: str = "loss",
    reference: tuple[str, float] | None = None,
) -> Figure:
    """Training loss (left, smoothed) and the held-out number (right) over tokens seen, a line a model.

    curves: model → table with tokens, loss and the column `held_out`, missing where it was not evaluated; reference:
    name and held-out number of what knows nothing, a line on the right.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
    for (name, curve), color in zip(curves.items(), PALETTE, strict=False):
        steps, points = curve.dropna(subset="loss"), curve.dropna(subset=held_out)
        left.plot(steps["tokens"] / 1000, steps["loss"], color=color, alpha=0.25, lw=1)
        left.plot(steps["tokens"] / 1000, steps["loss"].ewm(halflife=3).mean(), color=color, label=name)
        right.plot(points["tokens"] / 1000, points[held_out], "o-", color=color, label=name)
    if reference:
        right.axhline(reference[1], color=MUTED, ls="--", lw=1, label=reference[0])
    right.ticklabel_format(axis="y", useOffset=False)
    left.set(title="Training", xlabel="thousand tokens seen", ylabel="loss (nats)")
    right.set(title="Held out", xlabel="thousand tokens seen", ylabel=label)
    for axis in (left, right):
        axis.legend(loc="best")
    return taken(figure)


def before_after(table: pd.DataFrame) -> Figure:
    """What was measured on held-out rows, a panel a number and a bar a row of the table."""
    shown = [name for name in table if name in HELD_OUT]
    size = (4.5 * len(shown), 2.8)
    figure, axes = plt.subplots(1, len(shown), figsize=size, sharey=True, squeeze=False)
    for axis, column in zip(axes[0], shown, strict=True):
        form = "{:,.0f}" if column == "perplexity" else "{:.1%}"
        bars = axis.barh(list(table.index), table[column], color=[COLORS[name] for name in table.index], height=0.6)
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


def learned_pretraining(trained: Mapping[str, Pretrained]) -> str:
    """What the held-out numbers say, as Markdown. trained: by objective."""
    tokens, seconds = (sum(getattr(found.result, name) for found in trained.values()) for name in ("tokens", "seconds"))
    lines = [f"- The training read {tokens:,} tokens in {seconds:,.0f} s."]
    for objective, found in trained.items():
        lines.append(
            f"- `{objective}`, on held-out rows that had no say in choosing its weights: {_compared(found)}; "
            f"{'; '.join(_told(found.table, name) for name in found.table if name in HELD_OUT)}."
        )
        if found.fresh:
            lines.append(f"- {FRESH[found.fresh].format(objective)}")
    lines.append(
        "- Whether the encoder became better *for pairs* is not read from these figures: notebook 03 fine-tunes the "
        "adapted and the unadapted encoder alike and compares them."
    )
    return "\n".join(lines)


def _compared(found: Pretrained) -> str:
    loss = found.table[found.better]
    blind, before = ("better" if loss["after"] < loss[row] else "**no** better" for row in (BLIND, "before"))
    return f"its loss is {blind} than that of a blind guess, and {before} than before"


def _told(table: pd.DataFrame, name: str) -> str:
    after, before, blind = (_number(name, table.loc[row, name]) for row in ("after", "before", BLIND))
    return f"{HELD_OUT[name]} {after} (before {before}, blind guess {blind})"


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
