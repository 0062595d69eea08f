"""Open Bandit Dataset: what a fashion shop's recommender showed, with the probability that it would show it.

The package `obp` 0.4.1 brings 10,000 rows of each policy and campaign; the full release (26 million rows) comes by
`workbench fetch open_bandit` and has the same layout. The files are found by path; the package is not imported.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ibis
from ibis import _
from ibis.expr.types import Table

from workbench.data import contract
from workbench.data.collected import Collected, SourceError
from workbench.data.raw import layouts

LICENCE = "CC BY 4.0 (ZOZO, Inc.)"
CITATION = (
    "Saito, Aihara, Matsutani, Narita: Open Bandit Dataset and Pipeline: Towards Realistic and Reproducible Off-Policy "
    "Evaluation. NeurIPS Datasets and Benchmarks, 2021. arXiv:2008.07146"
)
QUASI_IDENTIFIERS = ("user_feature_0", "user_feature_1", "user_feature_2", "user_feature_3")
SENSITIVE: tuple[str, ...] = ()
PII: tuple[str, ...] = ()
POLICIES = ("random", "bts")
CAMPAIGNS = ("all", "men", "women")
OPTIONS: dict[str, Any] = {"policy": "random", "campaign": "men"}
CONVERSIONS = (
    ("items", "item_id", "whole number", "text"),
    ("items", "title", "none", "item and its number: the shop gives no names"),
    ("events", "item_id, position", "whole number", "text, whole number"),
    ("events", "event_id", "row number", "policy-campaign-row with the ending shown or click"),
    ("events", "user_id", "none", "one user a row: the shop gives no user ids"),
    ("events", "click", "0 or 1", "an event of its own, at the time of its impression, where 1"),
)
"""Changes of a whole column on the way into the contract: table, columns, before, after."""
WHOLE = r"^\d{1,18}$"  # a cast would round 1.5
LOGGED = ("timestamp", "item_id", "position", "click", "propensity_score", *QUASI_IDENTIFIERS)
FEATURES = ("item_feature_0", "item_feature_1", "item_feature_2", "item_feature_3")


def folder() -> Path:
    """Where the installed package keeps its CSV files."""
    spec = find_spec("obp")
    if spec is None or not spec.submodule_search_locations:
        raise SourceError("the sample of the Open Bandit data is not installed: pip install --no-deps obp==0.4.1")
    return Path(spec.submodule_search_locations[0]) / "dataset" / "obd"


def files(at: str, options: Mapping[str, Any]) -> dict[str, Path]:
    """The log of each policy asked for, by its name, and `item_context`."""
    policies, campaign = _policies(options["policy"]), options["campaign"]
    if campaign not in CAMPAIGNS:
        raise SourceError(f"open_bandit has no campaign '{campaign}': choose {', '.join(CAMPAIGNS)}")
    inside = "open_bandit_dataset/" if (Path(at) / "open_bandit_dataset").is_dir() else ""  # as the release unpacks
    names = {policy: f"{inside}{policy}/{campaign}/{campaign}.csv" for policy in policies}
    names["item_context"] = f"{inside}{policies[0]}/{campaign}/item_context.csv"
    return layouts.found(at, names, "open_bandit")


def collect(con: ibis.BaseBackend, paths: Mapping[str, Path], options: Mapping[str, Any]) -> Collected:
    """Read the log into events: an impression a row with its logged propensity, and a click where there was one.

    The shop gives no user ids, and its four hashed user features single out no one (some 200 combinations in 10,000
    rows): users named by them would look like robots. So each row is a user, a session and a request of its own;
    nothing can be learnt about histories, which the data does not hold. The features are columns of `users`; the
    user-item affinities of the raw files are not read. `events` has a further column `policy`.

    Args:
        con: the engine.
        paths: the raw files, as `files` gives them.
        options: `policy` (random, bts or both) and `campaign` (all, men or women; each numbers its items anew).

    """
    logs, rejected = [], []
    for policy in _policies(options["policy"]):
        log, unreadable = _log(con, paths[policy], f"{policy}-{options['campaign']}")
        logs.append(log.mutate(policy=ibis.literal(policy)))
        rejected += unreadable
    log = logs[0].union(*logs[1:]) if logs[1:] else logs[0]
    items, unreadable = layouts.read_csv(con, paths["item_context"], "items", ("item_id", *FEATURES))
    items = layouts.typed(con, items, "items", "item_id", {"item_feature_0": "float64"})
    made = {"items": _items(items), "users": log.select("user_id", *QUASI_IDENTIFIERS), "events": _events(log)}
    notes = ("user ids are not in the data: each row stands for a user of its own",)
    return layouts.collected(con, made, "behaviour", CONVERSIONS, [*rejected, *unreadable], notes)


def _policies(policy: str) -> tuple[str, ...]:
    if policy not in (*POLICIES, "both"):
        raise SourceError(f"open_bandit has no policy '{policy}': choose {', '.join(POLICIES)} or both")
    return POLICIES if policy == "both" else (policy,)


def _log(con: ibis.BaseBackend, path: Path, name: str) -> tuple[Table, list[Table]]:
    raw, unreadable = layouts.read_csv(con, path, f"events_{name.replace('-', '_')}", ("", *LOGGED), table="events")
    log, broken = layouts.part(
        raw,
        "events",
        ibis.literal(f"{name}-") + raw.row,
        {
            "no row number": raw.row.isnull(),
            "item_id is not a whole number": ~raw.item_id.re_search(WHOLE),
            "timestamp is not a time": raw.timestamp.try_cast(contract.UTC).isnull(),
            "position is not a whole number": ~raw.position.re_search(WHOLE),
            "click is neither 0 nor 1": raw.click.isin(["0", "1"]).fill_null(False).__invert__(),
            "propensity_score is not a number": raw.propensity_score.try_cast("float64").isnull(),
        },
    )
    return log.mutate(user_id=ibis.literal(f"{name}-") + log.row), [*unreadable, broken]


def _items(raw: Table) -> Table:
    named = [ibis.literal(f"{feature}: ") + raw[feature] for feature in FEATURES[1:]]
    return raw.select(
        "item_id",
        title=ibis.literal("item ") + raw.item_id,
        attributes=ibis.literal(" | ").join(named),
        language=ibis.literal("und"),  # ISO 639-2: undetermined
        item_feature_0=raw.item_feature_0,
    )


def _events(log: Table) -> Table:
    shown = log.select(
        event_id=_.user_id + "-shown",
        user_id=_.user_id,
        session_id=_.user_id,
        request_id=_.user_id,
        item_id=_.item_id,
        event_type=ibis.literal("impression"),
        timestamp=_.timestamp.cast(contract.UTC),
        position=_.position.cast("int64"),
        propensity=_.propensity_score.cast("float64"),
        policy=_.policy,
        click=_.click,
    )
    clicked = shown.filter(_.click == "1").mutate(
        event_id=_.user_id + "-click", event_type=ibis.literal("click"), propensity=ibis.null("float64")
    )
    return shown.union(clicked).drop("click")
