"""Figures, tables and sentences of the privacy study."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from workbench.display.evaluation import signed
from workbench.display.governance import or_why
from workbench.display.style import MUTED
from workbench.governance.privacy.anonymity.tables import People
from workbench.governance.privacy.releases import Budget
from workbench.governance.privacy.releases.questions import Outcome

MOST_KEYS = 12  # of a release that a figure shows
NO_PEOPLE = "the source declares no quasi-identifiers of its users, or knows none of them"
KEPT = (
    ("user ids", "pseudonyms by a keyed digest", "whoever holds the key of the pseudonyms, or knows a basket"),
    ("personal data in texts", "placeholders", "what no recogniser finds; the report of 01 says what was searched"),
    ("the users' table handed on here", "k-anonymity, l-diversity, t-closeness", "joining it with the log, see below"),
    ("released counts, sums and means", "noise under a budget kept across runs", "ε: what one person may change"),
    ("the price's noisy counts", "never leave this notebook; NDCG alone does", "they were made from plain data"),
    ("item-kNN, ALS, the fusion's trees", "nothing: they learn from plain histories", "what a model remembers of one"),
)  # fmt: skip


def declared(told: Mapping[str, Sequence[str]], known: People | None) -> str:
    """What the source declares of its users, and of how many it is known; a sentence where there is nothing to do."""
    if known is None:
        return f"*Does not apply here: {NO_PEOPLE}.*"
    quasi, sensitive = (", ".join(told[name]) or "none" for name in ("quasi_identifiers", "sensitive"))
    return (
        f"Quasi-identifiers: {quasi}. Sensitive: {sensitive}. Of {len(known.raw):,} users at least one trait is known, "
        f"of {known.silent:,} none."
    )


def anonymity_table(rows: pd.DataFrame) -> pd.DataFrame:
    """`anonymity.tables.measured` for reading: a column a table."""
    words = {"prosecutor": "prosecutor's risk, highest", "journalist": "journalist's risk, at most",
             "mean_risk": "risk, mean", "at_high_risk": "share above 1 in 5", "suppressed": "people left out",
             "loss": "information loss"}  # fmt: skip
    whole = {"k", "discernibility", "suppressed"}
    shown = rows.rename(columns=words).set_index("table")
    counts = [name for name in map(str, shown) if name in whole | {"people left out"} or name.startswith("l of ")]
    return shown.apply(lambda each: each.map("{:,.0f}".format if each.name in counts else "{:.3f}".format)).T


@or_why
def anonymity_figure(rows: pd.DataFrame, by_column: pd.DataFrame) -> Figure:
    """What each table costs by column, and what risk it leaves: mean over people, and of the one easiest to name."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 0.35 * len(by_column) + 2.2), width_ratios=(3, 2))
    places, width = np.arange(len(by_column))[::-1], 0.8 / len(by_column.columns)
    for number, name in enumerate(by_column):
        left.barh(places + 0.4 - width * (number + 0.5), by_column[name], width, label=name)
    left.set(yticks=places, yticklabels=by_column.index, xlim=(0, 1), xlabel="information loss (1: nothing is left)")
    left.set_title("What is lost")
    left.legend()
    right.plot(rows.table, rows.prosecutor, "o-", label="highest")
    right.plot(rows.table, rows.mean_risk, "o-", label="mean")
    right.axhline(0.2, color=MUTED, ls=":", label="1 in 5")
    right.set(ylim=(0, 1.05), ylabel="chance to name a person")
    right.set_title("What risk is left")
    right.legend()
    return figure


def budget_table(total: Budget, before: Budget, after: Budget) -> pd.DataFrame:
    """The ledger before and after, and what is left: ε and δ."""
    rows = {"budget of the data set": total, "spent before this run": before, "spent in all": after}
    table = pd.DataFrame({name: {"ε": each.epsilon, "δ": each.delta} for name, each in rows.items()}).T
    table.loc["by this run"] = table.loc["spent in all"] - table.loc["spent before this run"]
    table.loc["left"] = (table.loc["budget of the data set"] - table.loc["spent in all"]).clip(lower=0)
    return table


def release_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """One row a release: what was asked, how a user is bounded, what it cost, what came out, the error to expect."""
    rows = []
    for each in outcomes:
        query, table = each.question.query, each.table
        rows.append({
            "release": query.name,
            "keys of a user": query.max_keys,
            "clip": "–" if query.statistic == "count" else f"{query.clip:g}",
            "ε, δ": f"{each.question.cost.epsilon:g}, {each.question.cost.delta:g}",
            "paid now": "refused" if table is None else "yes" if each.paid.epsilon else "no, reused",
            "keys": "public" if query.keys else "those of many users",
            "shown": "–" if table is None else f"{len(table):,}",
            "median value": "–" if table is None or table.empty else f"{table.value.median():,.1f}",
            "expected error": "–" if table is None or table.empty else f"{table.expected_error.mean():,.1f}",
        })  # fmt: skip
    return pd.DataFrame(rows)


def release_figure(outcomes: Sequence[Outcome]) -> Figure:
    """The largest keys of each release, with the error to expect of the noise; days in their order."""
    shown = {each.question.query.name: each.table for each in outcomes if each.table is not None and len(each.table)}
    if not shown:
        figure, axes = plt.subplots(figsize=(7, 1))
        axes.set_axis_off()
        axes.text(0, 0.5, "Nothing was released.")
        return figure
    rows = -(-len(shown) // 2)
    figure, panels = plt.subplots(rows, 2, figsize=(10, 3.2 * rows), squeeze=False)
    for axes, (name, table) in zip(panels.flat, shown.items(), strict=False):
        axes.set_title(name, fontsize=10)
        if name.endswith("by day"):
            axes.plot(pd.to_datetime(table.key), table.value, lw=1)
            spread = table.expected_error
            axes.fill_between(pd.to_datetime(table.key), table.value - spread, table.value + spread, alpha=0.3)
            axes.tick_params(axis="x", rotation=30)
            continue
        top = table.nlargest(MOST_KEYS, "value")[::-1]
        axes.barh([_short(key) for key in top.key], top.value, xerr=top.expected_error, ecolor="0.2")
    for axes in panels.flat[len(shown) :]:
        axes.remove()
    return figure


@or_why
def error_table(errors: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Errors of releases of which the truth may be told, see `questions.real_errors`: one row a release."""
    words = {"expected": "expected of the noise", "noise": "of the noise", "cut_off": "cut off by bounds (median key)"}
    return pd.DataFrame(errors).T.rename(columns=words).map("{:,.1f}".format)


def price_table(rows: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """NDCG@10 and the paired difference from the baseline, each with its interval; one row a protection."""
    by_name = {row["subject"]: row for row in rows.to_dict("records")}
    made = {}
    for name in (subject for subject in by_name if " - " not in subject):
        value, other = by_name[name], by_name.get(f"{name} - {baseline}")
        made[name] = {
            "NDCG@10": f"{value['value']:.4f} [{value['low']:.4f}, {value['high']:.4f}]",
            f"difference from {baseline}": signed(_estimate(other)) if other else "–",
            "spread of one release": f"{other['spread']:.4f}" if other and other["repeats"] > 1 else "–",
            "users": int(value["n"]),
            "repeats": int(value["repeats"]),
        }
    return pd.DataFrame(made).T.rename_axis("protection")


def price_figure(panels: Mapping[str, tuple[pd.DataFrame, str]]) -> Figure:
    """Paired differences in NDCG@10 from no protection, with their intervals.

    Args:
        panels: title → rows of `privacy_price.prices` and the name of their baseline; those without rows are left out.
    """
    shown = {title: (rows, baseline) for title, (rows, baseline) in panels.items() if len(rows)}
    figure, axes = plt.subplots(1, len(shown), figsize=(5.2 * len(shown), 3.6), squeeze=False)
    for panel, (title, (rows, baseline)) in zip(axes.flat, shown.items(), strict=True):
        ending = f" - {baseline}"
        part = rows[rows.subject.str.endswith(ending)]
        names = [name.removesuffix(ending) for name in part.subject]
        spread = np.abs(part[["low", "high"]].to_numpy().T - part["value"].to_numpy())
        panel.errorbar(names, part["value"], yerr=spread, fmt="o", capsize=4)
        panel.axhline(0, color="0.3", lw=1)
        panel.set_ylabel("difference in NDCG@10")
        panel.set_title(f"{title}, against {baseline}", fontsize=10)
        panel.margins(x=0.15)
        panel.tick_params(axis="x", rotation=30)
    return figure


def price_finding(rows: pd.DataFrame, baseline: str) -> list[str]:
    """What the price says, whichever way it turned out: a sentence on each protection whose interval excludes 0."""
    ending = f" - {baseline}"
    part = rows[rows.subject.str.endswith(ending)]
    costs, gains = part[part.high < 0], part[part.low > 0]
    named = [f"{row['subject'].removesuffix(ending)}: {signed(_estimate(row))}" for row in part.to_dict("records")]
    said = [f"NDCG@10 against {baseline}: {'; '.join(named)}."]
    if costs.empty and gains.empty:
        said.append(
            "Every interval includes 0: no difference is shown, and differences beyond the intervals are ruled out."
        )
    for which, words in ((costs, "worse"), (gains, "better")):
        if len(which):
            names = ", ".join(subject.removesuffix(ending) for subject in which.subject)
            said.append(f"The ranking is {words} with {names}: the interval excludes 0.")
    return said


def left_over(
    anonymity: pd.DataFrame | None, silent: int, total: Budget, spent: Budget, outcomes: Sequence[Outcome]
) -> list[str]:
    """What risk is left, in plain words, from the results.

    Args:
        anonymity: rows of `anonymity.tables.measured`, the table handed on second; None where there is none.
        silent: users of whom nothing is known.
        total: budget of the data set.
        spent: of it so far.
        outcomes: of the releases.
    """
    said = []
    if anonymity is None:
        said.append(f"There is no anonymised table: {NO_PEOPLE}.")
    else:
        raw, released = anonymity.iloc[0], anonymity.iloc[1]
        said.append(
            f"Who knows a person's traits names them in the table as collected with a chance of up to "
            f"{raw.prosecutor:.0%} (mean {raw.mean_risk:.0%}), in the one handed on with at most "
            f"{released.prosecutor:.0%} (mean {released.mean_risk:.0%}); of {silent:,} users no trait is known."
        )
        said.append(
            "The table keeps the pseudonym, so that a model can use it. Who has the log as well, and knows a few of a "
            "person's purchases, finds the person there: k-anonymity of the traits does not cover the log."
        )
    made = sum(each.table is not None for each in outcomes)
    said.append(
        f"{made} of {len(outcomes)} releases are out. Through any one person, all that was ever released of these data "
        f"changes in probability by a factor of at most e^{spent.epsilon:.2g} = {np.exp(spent.epsilon):,.1f}, but for "
        f"a probability of {spent.delta:.1g}; of the budget ε = {max(total.epsilon - spent.epsilon, 0):.2g} is left."
    )
    return said


def kept_how() -> pd.DataFrame:
    """What is protected how, and what that leaves open."""
    return pd.DataFrame(KEPT, columns=["what", "how it is protected", "what that leaves open"])


def _short(key: str, most: int = 34) -> str:
    return key if len(key) <= most else f"{key[: most - 1]}…"


def _estimate(row: Mapping[Hashable, Any]) -> dict[str, float]:
    return {name: float(row[name]) for name in ("value", "low", "high")}
