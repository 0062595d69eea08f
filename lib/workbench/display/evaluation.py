"""Figures and sentences of the evaluation: intervals beside each other, slices, what the fusion listens to."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from workbench.evaluation.comparison import estimate, table
from workbench.ranking.features import family

NAMES = {
    "popularity": "popularity",
    "frequency": "personal frequency",
    "recency": "recency-weighted frequency",
    "item_knn": "item-kNN",
    "als": "ALS",
    "tfidf": "TF-IDF content",
    "bi_encoder": "zero-shot bi-encoder",
    "text_model": "cascade of the text model",
    "fusion": "fusion",
    "fusion_without_text": "fusion without text model",
}


def ranker_figure(rows: pd.DataFrame, metric: str = "ndcg", slice_: str = "all") -> Figure:
    """Each ranker's metric with its interval, best on top."""
    shown = table(rows[~rows.subject.str.contains(" - ")], metric, slice_)[::-1]
    figure, axes = plt.subplots(figsize=(7.5, 0.42 * len(shown) + 1))
    spread = np.abs(shown[["low", "high"]].to_numpy().T - shown["value"].to_numpy())
    colours = [sns.color_palette()[3] if name == "fusion" else sns.color_palette()[0] for name in shown.index]
    axes.barh([NAMES.get(name, name) for name in shown.index], shown["value"], color=colours, xerr=spread, ecolor="0.2")
    for place, (value, high) in enumerate(zip(shown["value"], shown.high, strict=True)):
        axes.text(high + 0.005, place, f"{value:.3f}", va="center")
    axes.set(
        xlabel=_label(metric, rows),
        title=f"{_label(metric, rows)}, 95 % interval over {int(shown.n.iloc[0]):,} users",
    )
    axes.set_xlim(0, shown.high.max() * 1.12)
    return figure


def gain_figure(rows: pd.DataFrame, metric: str = "ndcg", target: float | None = None) -> Figure:
    """Paired differences with their intervals against a line at zero, and the target as a dotted line."""
    shown = table(rows[rows.subject.str.contains(" - ")], metric)[::-1]
    labels = [" − ".join(NAMES.get(name, name) for name in subject.split(" - ")) for subject in shown.index]
    figure, axes = plt.subplots(figsize=(7.5, 0.45 * len(shown) + 1))
    spread = np.abs(shown[["low", "high"]].to_numpy().T - shown["value"].to_numpy())
    axes.errorbar(shown["value"], labels, xerr=spread, fmt="o", capsize=4)
    axes.axvline(0, color="0.3", lw=1)
    if target is not None:
        axes.axvline(target, color=sns.color_palette()[2], ls=":", label=f"target +{target:g}")
        axes.legend(loc="lower right")
    axes.margins(y=0.2)
    axes.set(xlabel=f"difference in {_label(metric, rows)}", title="Paired differences, user by user")
    return figure


def slice_figure(rows: pd.DataFrame, rankers: Sequence[str], metric: str = "ndcg") -> Figure:
    """Rankers × slices as a heat map with the figures in it."""
    chosen = rows[(rows.metric == metric) & rows.subject.isin(rankers)]
    grid = chosen.pivot(index="subject", columns="slice", values="value").loc[list(rankers), chosen["slice"].unique()]
    figure, axes = plt.subplots(figsize=(1.3 * len(grid.columns) + 2.5, 0.45 * len(grid) + 1.4))
    relative = grid / grid.max()  # colours compare rankers within a slice: slices differ in difficulty
    sns.heatmap(relative, annot=grid, fmt=".3f", cmap="Blues", cbar=False, ax=axes)
    axes.set_yticklabels([NAMES.get(name, name) for name in grid.index], rotation=0)
    axes.set_xticklabels([str(name).replace(" ", "\n") for name in grid.columns], rotation=0)
    axes.set(xlabel="", ylabel="", title=f"{_label(metric, rows)} by slice (darker: nearer to the slice's best)")
    return figure


def tuning_figure(trials: pd.DataFrame) -> Figure:
    """NDCG@10 of each setting that was tried, one panel a setting, the chosen one marked."""
    trials = trials[trials.setting != "none"]
    settings = trials.setting.unique()
    figure, panels = plt.subplots(-(-len(settings) // 3), 3, figsize=(8, 2.4 * -(-len(settings) // 3)), squeeze=False)
    for axes, setting in zip(panels.flat, settings, strict=False):
        rows = trials[trials.setting == setting]
        axes.plot(rows["value"].map("{:g}".format), rows.ndcg, "o-")
        best = rows[rows.chosen]
        axes.plot(
            best["value"].map("{:g}".format), best.ndcg, "o", ms=11, mfc="none", mec=sns.color_palette()[3], mew=2
        )
        axes.set_title(NAMES[rows.ranker.iloc[0]], fontsize=9)
        axes.set_xlabel(setting.replace("_", " "))
    for axes in panels.flat[len(settings) :]:
        axes.remove()
    figure.supylabel("NDCG@10, tuning weeks", fontsize=10)
    return figure


def importance_figure(gain: pd.Series, top: int = 15) -> Figure:
    """The features that the fusion gains most from, coloured by what they speak of."""
    share = (gain / gain.sum()).head(top)[::-1]
    families = [family(name) for name in share.index]
    colours = dict(zip(dict.fromkeys(families), sns.color_palette("deep", 12), strict=False))
    figure, axes = plt.subplots(figsize=(7.5, 0.28 * len(share) + 1))
    axes.barh(share.index, share, color=[colours[name] for name in families])
    axes.legend([plt.Rectangle((0, 0), 1, 1, color=c) for c in colours.values()], colours, loc="lower right")
    axes.set(xlabel="share of the fusion's total gain", title="What the fusion listens to")
    return figure


def finding(rows: pd.DataFrame, target: float, ceiling: float) -> str:
    """The evaluation's findings as Markdown, whichever way they turned out."""
    gain, best = estimate(rows, "fusion - frequency"), estimate(rows, "fusion")
    tuned, text = estimate(rows, "fusion - recency"), estimate(rows, "fusion - fusion_without_text")
    novel = estimate(rows, "fusion - fusion_without_text", slice_="novel products")
    proven = "excludes 0" if gain["low"] > 0 or gain["high"] < 0 else "includes 0, so it is not shown"
    met = "reaches" if gain["value"] >= target else "misses"
    return "\n".join(
        [
            f"- The fusion ranks with NDCG@10 **{best['value']:.3f}** [{best['low']:.3f}, {best['high']:.3f}].",
            f"- Its paired gain over personal frequency is **{signed(gain)}**: the interval {proven}, and the gain "
            f"{met} the target of +{target:g}. Over the tuned recency-weighted frequency it is {signed(tuned)}.",
            f"- The text model's part in it: {signed(text)} on all products, {signed(novel)} on products new to the "
            f"user. {_worth(text, novel)}",
            f"- The candidates hold {ceiling:.0%} of what was bought, so no ranking of them recalls more.",
        ]
    )


def signed(row: dict[str, float]) -> str:
    """A difference with its sign and its interval."""
    return f"{row['value']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]"


def _worth(everywhere: dict[str, float], novel: dict[str, float]) -> str:
    if everywhere["low"] > 0:
        return "It earns its cost here."
    if novel["low"] > 0:
        return "It helps to discover products, not to repeat them."
    if everywhere["high"] < 0:
        return "It makes the lists worse here."
    return "Neither interval excludes 0 from above: on this data it is not shown to earn its cost."


def _label(metric: str, rows: pd.DataFrame) -> str:
    cut = rows.loc[rows.metric == metric, "k"].dropna()
    return metric.upper() + (f"@{cut.iloc[0]}" if len(cut) else "")
