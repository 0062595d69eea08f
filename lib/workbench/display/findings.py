"""What the governance stage found, as sentences and small tables."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from ibis.expr.types import Table

from workbench.governance.quality import RULE

STEPS = {
    "exposure": "record of what was shown", "positions": "examination by position", "relevance": "relevance by query",
    "pairs": "pairs", "corpus": "corpus", "aggregates": "sums by week", "timetable": "cuts in time",
}  # fmt: skip
"""The steps of a recipe, in words that can follow a "no"."""


def by_reason(skipped: pd.DataFrame) -> pd.DataFrame:
    """How many rules do not apply for which reason: reason, rules; most first, equal ones in the rules' order.

    Args:
        skipped: rule, table, reason; of several things that a rule lacks the first is told.

    """
    first = skipped["reason"].astype("str").str.split(" and ").str[0]
    counts = skipped.groupby(first, sort=False).size().sort_values(ascending=False, kind="stable")
    return counts.rename("rules").reset_index()


def above_bars(quality: pd.DataFrame, dimensions: pd.DataFrame, bars: Mapping[str, float]) -> str:
    """What passed the gate, beside its bar: "accuracy 0.998 (at least 0.990), …"; empty where nothing is measured.

    Args:
        quality: rule, after.
        dimensions: quality by dimension (index), `after`.
        bars: least share of passing rows, by dimension or by "rule: " and its name.

    """
    rules = {f"{RULE}{name}": share for name, share in quality.groupby("rule")["after"].min().items()}
    shares = {**dimensions["after"], **{name: rules[name] for name in bars if name in rules}}
    bar = {name: f" (at least {least:.3f})" for name, least in bars.items()}
    return ", ".join(f"{name} {share:.3f}{bar.get(name, '')}" for name, share in shares.items())


def lessons(
    main: str, balance: pd.DataFrame, dimensions: pd.DataFrame, pairs: pd.DataFrame, omitted: Mapping[str, str]
) -> list[str]:
    """What the numbers of this stage say, as sentences.

    Args:
        main: the table that the data are about.
        balance: table, collected, clean, quarantined, merged.
        dimensions: quality by dimension (index), `before` and `after`; may be empty.
        pairs: positives by split (index), `share` and `natural_rate`; may be empty.
        omitted: steps that do not apply, and why.

    """
    of = balance.set_index("table").loc[main]
    said = [
        f"Of {of['collected']:,} {main} {of['clean']:,} are clean; {of['quarantined']:,} are set aside for a reason."
    ]
    if len(dimensions):
        gain, lowest = dimensions["after"] - dimensions["before"], dimensions["after"].idxmin()
        rose = f"rose most in {gain.idxmax()}" if gain.max() > 0 else "did not change"
        said.append(f"Quality {rose}; {lowest} is lowest at {dimensions['after'].min():.1%} of rows that pass.")
    if len(pairs):
        train = pairs.loc["train"]
        share, natural = train["share"], train["natural_rate"]
        weighed = "" if np.isclose(share, natural) else f", {natural:.2%} by their weights"
        said.append(f"Of the train pairs {share:.1%} are positive{weighed}.")
    reasons: dict[str, list[str]] = {}
    for step, why in omitted.items():
        reasons.setdefault(why, []).append(STEPS.get(step, step))
    return said + [f"No {', '.join(steps)}: {why}." for why, steps in reasons.items()]


def decision(omitted: Mapping[str, str], sums: Mapping[str, Table]) -> str:
    """What these data are fit for and what not, as a sentence.

    Args:
        omitted: steps that do not apply, and why.
        sums: aggregates by name, of which `week` is read; may be empty.

    """
    bought = bool(sums["week"].purchases.sum().execute()) if "week" in sums else False
    able = {
        "pretraining": "corpus" not in omitted,
        "fine-tuning": "pairs" not in omitted,
        "correcting clicks for their position": "positions" not in omitted,
        "ranking the purchases of later weeks": bought and "timetable" not in omitted,
    }
    fit, unfit = (_listed([use for use, can in able.items() if can is wanted]) for wanted in (True, False))
    rest = f"; not for {unfit}" if unfit else ""
    return f"The gate is passed. These data are fit for {fit or 'reading and counting'}{rest}."


def _listed(words: list[str]) -> str:
    """One, two and three."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
