"""Do private releases keep the ε that they state: what an attacker who knows all other users can tell about one.

Two logs differ by one user, who did more than a release may count. Many independent copies of each are bounded and get
their noise in one call: the copies have users and keys of their own, and noise is independent by key. The attacker sees
all noisy totals, of which what is released is a function. The best event, a threshold on the likelihood ratio, is
chosen on one half of the copies and tried on the other; Clopper-Pearson bounds of its two probabilities bound ε from
below (Ding, Wang, Wang, Zhang & Kifer, "Detecting violations of differential privacy", 2018; Jagielski, Ullman & Oprea,
"Auditing differentially private machine learning", 2020). The bound must not exceed the ε that is stated, and must
exceed it where the mechanism is spoilt: half the noise, or a threshold that shows one count too many.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import beta

from workbench.data import engine
from workbench.governance.privacy.releases import Budget, Query, totals
from workbench.governance.privacy.releases.releasing import Plan, noisy, planned

from .record import FOLDER, record

WRONG = 1e-4  # probability with which a release that keeps its ε is accused
KEYS = ("shoes", "bags", "hats")
CROWD = 30  # users with every key: enough for keys to be shown, whatever the noise
SIZES = (500, 1000, 2000, 4000, 8000, 16000)


def half_the_noise(plan: Plan) -> Plan:
    """What an ε of twice the size would buy."""
    return replace(plan, scales={part: scale / 2 for part, scale in plan.scales.items()})


def one_lower(plan: Plan) -> Plan:
    """The threshold by the privacy map of OpenDP 0.16, which leaves out counts that are equal to it."""
    assert plan.threshold is not None
    return replace(plan, threshold=plan.threshold - 1)


@dataclass(frozen=True)
class Case:
    """A release, the keys of the user whom it has to hide, the users beside, and how the mechanism is spoilt."""

    query: Query
    stated: Budget
    keys: tuple[str, ...] = (*KEYS, "coats", "belts")
    crowd: int = 1
    spoil: Callable[[Plan], Plan] = half_the_noise


CASES = (
    Case(Query("users by public key", "count", max_keys=3, keys=KEYS), Budget(1.0)),
    Case(Query("sums by public key", "sum", max_keys=2, clip=50.0, unit=0.01, keys=KEYS), Budget(1.0)),
    Case(Query("means by public key", "mean", max_keys=2, clip=50.0, unit=0.01, keys=KEYS), Budget(1.0)),
    Case(Query("users by hidden key", "count", max_keys=2), Budget(1.0, 0.01), KEYS, CROWD),
    Case(Query("sums by hidden key", "sum", max_keys=1, clip=5.0), Budget(2.0, 0.01), KEYS, CROWD),
    Case(Query("a key of one user", "count"), Budget(1.0, 0.1), ("diagnosis",), 0, one_lower),
)


def main() -> None:
    """Audit every case, as it is and spoilt, and record the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=16_000)
    measure(parser.parse_args().copies)


def measure(copies: int, bench: Path = FOLDER) -> None:
    """Print the lower bounds of ε as shares of what is stated, and record the worst."""
    found = pd.DataFrame([row(case, copies) for case in CASES])
    print(f"\nLower bound of ε as a share of what is stated, {copies:,} copies\n")
    print(found.round(3).to_string(index=False), "\n", flush=True)
    record("dp_audit", float(found["as it is"].max()), "of the stated ε", target=1.0, higher_is_better=False,
           rival=f"spoilt mechanisms: {found['bound'].min():.2f} and more", folder=bench)  # fmt: skip
    record("dp_audit_spoilt", float(found["bound"].min()), "of the stated ε", target=1.0, higher_is_better=True,
           rival=f"as they are: {found['as it is'].max():.2f} and less", folder=bench)  # fmt: skip
    record("dp_audit_copies", float(found["copies needed"].max()), "copies", target=None, higher_is_better=False,
           rival="a spoilt mechanism, caught three times of three", folder=bench)  # fmt: skip


def row(case: Case, copies: int) -> dict[str, object]:
    """What the audit says of one case."""
    exact, plan = neighbours(case, copies), planned(case.query, case.stated)
    bounds = [audit(*exact, tried, plan, case.stated.delta, copies) for tried in (plan, case.spoil(plan))]
    honest, spoilt = (bound / case.stated.epsilon for bound in bounds)
    said = {"case": case.query.name, "ε": case.stated.epsilon, "δ": case.stated.delta, "as it is": honest}
    return said | {"spoilt by": case.spoil.__name__, "bound": spoilt, "copies needed": needed(case)}


def needed(case: Case) -> int:
    """Copies with which the spoilt mechanism is caught three times of three, of the sizes that are tried."""
    plan = planned(case.query, case.stated)
    for copies in SIZES:
        exact = neighbours(case, copies)
        bounds = [audit(*exact, case.spoil(plan), plan, case.stated.delta, copies) for _ in range(3)]
        if min(bounds) > case.stated.epsilon:
            return copies
    raise RuntimeError(f"{case.query.name}: what is spoilt is not caught by {SIZES[-1]:,} copies, raise SIZES")


def neighbours(case: Case, copies: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Exact totals of copies of the log without the user, and with."""
    con, query = engine.connect("1GB", threads=1), case.query
    if query.keys is not None:
        query = replace(query, keys=tuple(f"{copy}/{key}" for copy in range(copies) for key in query.keys))
    without, whole = (totals(con, tiled(log(case, user), copies), query) for user in (False, True))
    con.disconnect()
    return without, whole


def audit(without: pd.DataFrame, whole: pd.DataFrame, plan: Plan, stated: Plan, delta: float, copies: int) -> float:
    """Lower bound of ε at confidence 1 - WRONG.

    Args:
        without: exact totals of the copies without the user.
        whole: with the user.
        plan: the noise that is drawn.
        stated: the noise as it should be: by it the attacker weighs.
        delta: as stated.
        copies: of each log.

    """
    scores = [scored(noisy(exact, plan), without, whole, stated, copies) for exact in (without, whole)]
    return lower_bound(scores[1], scores[0], delta)


def log(case: Case, user: bool) -> pd.DataFrame:
    """A small log, with or without the user in question, who did twenty times what anybody did."""
    rows = [(f"u{i}", key, 3.0) for i in range(case.crowd) for key in KEYS]
    rows += [("greedy", key, 1e6) for key in case.keys for _ in range(20)] if user else []
    return pd.DataFrame(rows, columns=["user_id", "key", "value"])


def tiled(table: pd.DataFrame, copies: int) -> pd.DataFrame:
    """Copies of a log, each with users and keys of its own."""
    which = np.repeat(np.arange(copies), len(table)).astype(str)
    return pd.DataFrame(
        {name: np.char.add(np.char.add(which, "/"), np.tile(table[name].to_numpy(str), copies))
         for name in ("user_id", "key")}
        | {"value": np.tile(table["value"].to_numpy(), copies)}
    )  # fmt: skip


def scored(found: pd.DataFrame, without: pd.DataFrame, whole: pd.DataFrame, plan: Plan, copies: int) -> np.ndarray:
    """Of each copy the logarithm of how much likelier the user was there; a key that nobody else has tells all."""
    keys = whole["key"]
    one, other = without.set_index("key").reindex(keys), whole.set_index("key")
    seen, score = found.reindex(keys), np.zeros(len(keys))
    for part, scale in plan.scales.items():
        nearer = (seen[part] - one[part]).abs() - (seen[part] - other[part]).abs()
        score += nearer.fillna(0.0).to_numpy() / scale
    score[(one["users"].isna() & seen["users"].notna()).to_numpy() if "users" in seen else []] = np.inf
    copy = keys.str.split("/").str[0].astype(int).to_numpy()
    return np.bincount(copy, score, minlength=copies)


def lower_bound(whole: np.ndarray, without: np.ndarray, delta: float, wrong: float = WRONG) -> float:
    """Lower bound of ε from the scores of copies with and without the user, (n,) each.

    An (ε, δ) private release has P(event with) <= exp(ε) P(event without) + δ, and the same the other way round.
    """
    half = len(whole) // 2
    pairs = ((whole, without), (-without, -whole))  # "at least x" says with the user, "at most x" says without
    first = [(one[:half], other[:half]) for one, other in pairs]
    events = [np.unique(np.concatenate(pair)) for pair in first]
    bounds = [_bound(*pair, event, delta, wrong) for pair, event in zip(first, events, strict=True)]
    way = int(np.argmax([bound.max() for bound in bounds]))
    best = events[way][[bounds[way].argmax()]]
    return float(_bound(*(scores[half:] for scores in pairs[way]), best, delta, wrong)[0])


def _bound(one: np.ndarray, other: np.ndarray, events: np.ndarray, delta: float, wrong: float) -> np.ndarray:
    """Lower bounds of log((P(one >= event) - δ) / P(other >= event)); 0 where there is none above."""
    n = len(one), len(other)
    hits = [len(scores) - np.searchsorted(np.sort(scores), events) for scores in (one, other)]
    low = np.where(hits[0] > 0, beta.ppf(wrong / 2, np.maximum(hits[0], 1), n[0] - hits[0] + 1), 0.0)
    high = np.where(hits[1] < n[1], beta.ppf(1 - wrong / 2, hits[1] + 1, np.maximum(n[1] - hits[1], 1)), 1.0)
    return np.log(np.maximum((low - delta) / high, 1.0))


if __name__ == "__main__":
    main()
