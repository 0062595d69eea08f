"""Figures and sentences of the case studies."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from workbench.display.evaluation import NAMES, signed
from workbench.evaluation.comparison import estimate, table

NOVEL = "novel products"


def reason_figure(shares: pd.DataFrame) -> Figure:
    """Which families of features carry the lists: mean share of the positive contributions, repeat against novel."""
    figure, axes = plt.subplots(figsize=(7.5, 2.8))
    shares.plot.barh(stacked=True, ax=axes, colormap="tab20", width=0.6)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), title="")
    axes.set(xlabel="share of what speaks for the item", ylabel="", xlim=(0, 1), title="Why products are on the lists")
    return figure


def breadth_figure(breadth: pd.DataFrame) -> Figure:
    """Coverage against diversity, one point a ranker."""
    figure, axes = plt.subplots(figsize=(7, 4))
    axes.scatter(breadth.coverage, breadth.diversity, s=50)
    for name, row in breadth.iterrows():
        axes.annotate(
            NAMES.get(str(name), str(name)), (row.coverage, row.diversity), xytext=(6, 4), textcoords="offset points"
        )
    axes.set(xlabel="coverage: share of eligible products on any list", ylabel="diversity: share of distinct types")
    axes.margins(0.2)
    return figure


def novel_table(results: pd.DataFrame) -> pd.DataFrame:
    """NDCG@10 on products new to the user, rankers and paired differences, with intervals."""
    shown = table(results, "ndcg", NOVEL)
    subjects = ["popularity", "text_model", "fusion_without_text", "fusion", "fusion - fusion_without_text"]
    chosen = shown.loc[[name for name in subjects if name in shown.index]].round(4)
    return chosen.rename(index=lambda name: " − ".join(NAMES.get(part, part) for part in name.split(" - ")))


def finding(results: pd.DataFrame, breadth: pd.DataFrame, coupons: pd.Series, novel: pd.Series) -> str:
    """What the case shows, as Markdown, whichever way it turned out."""
    fusion, popular = breadth.loc["fusion"], breadth.loc["popularity"]
    gain = estimate(results, "fusion - fusion_without_text", slice_=NOVEL)
    helped = "helps to find new products" if gain["low"] > 0 else "does not provably help to find new products"
    plain = estimate(results, "fusion - popularity", slice_=NOVEL)
    against = (
        "better than" if plain["low"] > 0 else "worse than" if plain["high"] < 0 else "not provably different from"
    )
    users, fitting = coupons.iloc[:2].astype(int)
    return "\n".join(
        [
            f"- The lists show {fusion.coverage:.1%} of the eligible products, where popularity shows "
            f"{popular.coverage:.1%}; {fusion.diversity:.0%} of a list's products differ in type.",
            f"- {novel['fusion']:.1%} of the places go to products that are new to the user "
            f"(popularity: {novel['popularity']:.1%}). A shop that wants more discovery has to ask for it by a rule.",
            f"- A valid coupon fits the list of {fitting:,} of {users:,} users.",
            f"- On novel products the text model {helped}: {signed(gain)} NDCG@10. The fusion is {against} plain "
            f"popularity there ({signed(plain)}).",
            "- What to keep in mind: the text model was trained on promoted products only, and product texts are types "
            "and sizes, so two brands of one type read the same.",
        ]
    )
