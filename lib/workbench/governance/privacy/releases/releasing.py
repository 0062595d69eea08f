"""Releases: exact totals in, noisy aggregates with their expected error and cost out.

A mean is a noisy sum over a noisy count, each for half of ε. Keys that are no public ones are shown by their noisy
count of users; where that is not itself what was asked, it costs half of ε too. What follows the noise (a division, a
clip) costs nothing (Dwork & Roth 2014, proposition 2.1).
"""

from dataclasses import asdict, dataclass

import ibis
import pandas as pd
from ibis.expr.types import Table

from workbench.governance.privacy.releases import mechanism
from workbench.governance.privacy.releases.bounding import Query, QueryError, totals
from workbench.governance.privacy.releases.budget import Budget
from workbench.governance.privacy.releases.ledger import Ledger

COLUMNS = {
    "key": "str", "statistic": "str", "value": "float64", "expected_error": "float64", "epsilon": "float64",
    "delta": "float64", "threshold": "float64",
}  # fmt: skip
SALT = "which keys of a user count"
PARTS = {"count": {"users"}, "sum": {"units"}, "mean": {"users", "units"}}


@dataclass(frozen=True)
class Plan:
    """The noise of a release, which depends on no data.

    Args:
        scales: of the noise on "users" and on "units", as far as these are needed.
        threshold: noisy count of users from which a key is shown; None where keys are public.

    """

    scales: dict[str, float]
    threshold: int | None


def release(
    con: ibis.BaseBackend, contributions: Table | pd.DataFrame, query: Query, cost: Budget, ledger: Ledger
) -> pd.DataFrame:
    """Release an aggregate by key, or again what was released where nothing has changed.

    Args:
        con: the engine.
        contributions: user_id, key, value (see `bounding.totals`).
        query: what is asked, and how much a user may add.
        cost: what the release may cost; δ is spent on keys that are no public ones, and on nothing else.
        ledger: of the data set that the contributions come from.

    Returns:
        key; statistic; value; expected_error, the mean absolute error that the noise makes, from its scale (what
        clipping cuts off is not in it; of a mean it is a bound to the first order, capped at the range); epsilon and
        delta, the cost of the whole release, not of a row; threshold, the noisy count of users from which keys are
        shown, null where they are public. Public keys all come out, those that nobody has as noise around 0.

    Raises:
        OverBudget: the data set's budget does not allow it; no noise was drawn, and where a release of the kind was
            never made, not even the data were read.
        QueryError: the query does not fit the data or the cost.

    """
    plan = planned(query, cost)
    question = ledger.digest("question", asdict(query) | {"name": ""}, asdict(cost), mechanism.VERSION)
    if not ledger.asked(question):  # then it cannot be reused either
        ledger.allow(query.name, cost)
    exact = totals(con, contributions, query, salt=ledger.digest(SALT))
    identity = ledger.digest("release", question, exact.to_dict("list"))
    rows = ledger.kept(identity)
    if rows is None:
        ledger.spend(query.name, question, identity, cost)
        told = _answer(query, plan, noisy(exact, plan)).rename_axis("key").reset_index()
        same = {"statistic": query.statistic, **asdict(cost), "threshold": plan.threshold}
        rows = [{"key": key, "value": value, "expected_error": error, **same} for key, value, error in told.to_numpy()]
        ledger.keep(identity, rows)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def planned(query: Query, cost: Budget) -> Plan:
    """The noise that a release would have, before anything is spent.

    Raises:
        QueryError: the cost does not fit the query.

    """
    what, hidden = f"release '{query.name}'", query.keys is None
    if cost.epsilon <= 0:
        raise QueryError(f"{what}: ε = {cost.epsilon:g} buys nothing, give more than 0")
    if hidden and cost.delta < mechanism.LEAST_DELTA:
        least = mechanism.LEAST_DELTA
        raise QueryError(f"{what}: keys that one person may have brought need δ ≥ {least:g}: give it, or list the keys")
    if not hidden and cost.delta > 0:
        raise QueryError(f"{what}: δ = {cost.delta:g} buys nothing where keys are public, give 0")
    parts = PARTS[query.statistic] | ({"users"} if hidden else set())
    scales = {
        part: mechanism.scale(query.max_keys * query.most[part], cost.epsilon / len(parts)) for part in sorted(parts)
    }
    return Plan(scales, mechanism.threshold(scales["users"], query.max_keys, cost.delta) if hidden else None)


def noisy(exact: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Noise on exact totals (key, users, units): users and units, as far as planned, of the keys that may be shown."""
    sums, drawn = exact.set_index("key"), {}
    if plan.threshold is not None:
        counts = dict(zip(exact["key"], exact["users"], strict=True))
        drawn["users"] = mechanism.noisy_above(counts, plan.scales["users"], plan.threshold)
        sums = sums.loc[list(drawn["users"])]
    for part in plan.scales.keys() - drawn.keys():
        drawn[part] = dict(zip(sums.index, mechanism.noisy(sums[part].tolist(), plan.scales[part]), strict=True))
    return pd.DataFrame(drawn, index=sums.index, dtype="float64")


def _answer(query: Query, plan: Plan, found: pd.DataFrame) -> pd.DataFrame:
    """What was asked, from noisy totals, and its expected error."""
    errors = {part: mechanism.expected_error(scale) for part, scale in plan.scales.items()}
    if query.statistic == "count":
        return pd.DataFrame({"value": found["users"], "expected_error": errors["users"]})
    error = errors["units"] * query.unit
    if query.statistic == "sum":
        return pd.DataFrame({"value": found["units"] * query.unit, "expected_error": error})
    users = found["users"].clip(lower=1.0)
    mean = (found["units"] * query.unit / users).clip(0.0, query.clip)
    return pd.DataFrame({
        "value": mean, "expected_error": ((error + mean * errors["users"]) / users).clip(upper=query.clip),
    })  # fmt: skip
