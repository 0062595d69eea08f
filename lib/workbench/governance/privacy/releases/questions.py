"""What a shop asks of its log to be released: users, spending and activity by category, day and query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import ibis
import pandas as pd

from workbench.governance.privacy.releases.bounding import Query, totals
from workbench.governance.privacy.releases.budget import Budget
from workbench.governance.privacy.releases.ledger import Ledger, OverBudget
from workbench.governance.privacy.releases.releasing import SALT, release

CENT = 0.01
BOUNDS = ("categories", "days", "queries", "spending")
"""What of a user counts: keys of each kind at most, and spending in a category at most."""


@dataclass(frozen=True)
class Question:
    """A query, the contributions that answer it, and what the answer may cost."""

    query: Query
    contributions: pd.DataFrame = field(repr=False)
    cost: Budget


@dataclass(frozen=True)
class Outcome:
    """What became of a question.

    Args:
        question: what was asked.
        table: what is released (see `releasing.release`); None where it was refused.
        paid: what it added to the ledger; nothing where it had been released before.
        refused: why nothing is released; empty where something is.

    """

    question: Question
    table: pd.DataFrame | None
    paid: Budget
    refused: str = ""


def asked(
    events: pd.DataFrame, items: pd.DataFrame, bounds: Mapping[str, float], epsilon: float, delta: float, depth: int = 1
) -> list[Question]:
    """The questions that the log can answer.

    Categories and the days from the log's first to its last are public: the shop's own tree and its opening days.
    Queries are not: one that a single person typed would tell of that person by being listed.

    Args:
        events: ``user_id, item_id, event_type, timestamp, query, value``; impressions are no acts of a user, and no
            part of it.
        items: ``item_id, category`` (path).
        bounds: see `BOUNDS`.
        epsilon: cost of each question.
        delta: besides, of the questions whose keys are a secret.
        depth: levels of the category path that make a key.

    Raises:
        ValueError: a bound is missing or unknown.

    """
    if set(bounds) != set(BOUNDS):
        raise ValueError(f"the bounds of the releases are {', '.join(BOUNDS)}: give each of them, and no other")
    path = items.set_index("item_id")["category"].dropna().str.split(" > ").str[:depth].str.join(" > ")
    acts = events[events["event_type"] != "impression"]
    bought = acts[acts["event_type"] == "purchase"]
    spent = bought.assign(key=bought["item_id"].map(path))[["user_id", "key", "value"]]
    day = acts["timestamp"].dt.strftime("%Y-%m-%d")
    daily = acts.assign(key=day)[["user_id", "key"]]
    typed = acts.assign(key=acts["query"])[["user_id", "key"]].dropna()
    cost, most = Budget(epsilon), {name: int(bounds[name]) for name in BOUNDS[:3]}
    found = []
    if tree := tuple(sorted(set(path))):
        money = most["categories"], float(bounds["spending"]), CENT, tree
        found = [
            Question(Query("buyers by category", "count", most["categories"], keys=tree), spent, cost),
            Question(Query("spending by category", "sum", *money), spent, cost),
            Question(Query("mean spending of a buyer by category", "mean", *money), spent, cost),
        ]
    if len(acts):
        calendar = tuple(pd.date_range(day.min(), day.max()).strftime("%Y-%m-%d"))
        found.append(Question(Query("users by day", "count", most["days"], keys=calendar), daily, cost))
    if len(typed):
        secret = Query("users by query", "count", most["queries"])
        found.append(Question(secret, typed, Budget(epsilon, delta)))
    return found


def answer(con: ibis.BaseBackend, question: Question, ledger: Ledger) -> Outcome:
    """Release the answer, or say why the budget does not allow it."""
    before = ledger.spent
    try:
        table = release(con, question.contributions, question.query, question.cost, ledger)
    except OverBudget as error:
        return Outcome(question, None, Budget(0), str(error))
    after = ledger.spent
    paid = Budget(round(after.epsilon - before.epsilon, 12), max(after.delta - before.delta, 0))
    return Outcome(question, table, paid)


def beyond(question: Question, ledger: Ledger) -> Question:
    """The same question for more than what is left of the budget, which must be refused."""
    left = max(ledger.total.epsilon - ledger.spent.epsilon, 0)
    return Question(question.query, question.contributions, Budget(left + question.cost.epsilon, question.cost.delta))


def real_errors(con: ibis.BaseBackend, outcome: Outcome, ledger: Ledger) -> dict[str, float]:
    """Mean errors of a release that one can only know, and may only show, where nobody stands behind the data.

    Returns:
        ``expected``, and ``noise``: the mean absolute distance of what is released from what bounded users add up to;
        ``cut_off``: that of these from what all users really add up to, of the key in the middle, because a single
        absurd value in the log outweighs all others in a mean.

    Raises:
        ValueError: nothing was released.

    """
    if outcome.table is None:
        raise ValueError(f"release '{outcome.question.query.name}' was refused: there is no error to measure")
    query, rows, told = outcome.question.query, outcome.question.contributions, outcome.table.set_index("key")["value"]
    bounded = totals(con, rows, query, salt=ledger.digest(SALT)).set_index("key")
    each = rows.dropna(subset=["user_id", "key"]).assign(key=lambda one: one["key"].astype(str))
    plain = pd.DataFrame({"users": each.groupby("key")["user_id"].nunique()})
    if query.statistic != "count":
        bounded["units"] *= query.unit
        plain["units"] = each.groupby("key")["value"].sum()
    counted, true = (_statistic(query, sums).reindex(told.index).fillna(0.0) for sums in (bounded, plain))
    return {
        "expected": float(outcome.table["expected_error"].mean()),
        "noise": float((told - counted).abs().mean()),
        "cut_off": float((counted - true).abs().median()),
    }


def _statistic(query: Query, sums: pd.DataFrame) -> pd.Series:
    if query.statistic == "mean":
        return sums["units"] / sums["users"].clip(lower=1)
    return sums["users" if query.statistic == "count" else "units"]
