"""How much of what is wrong do the shop's rules find, and whom do they accuse: on a storefront with planted faults.

A row is known by its table and key. A plant is found when rules flag at least half of the rows that it touched or
added. An event of a plant counts as flagged too where a rule names its user in `users` and at least half of that user's
events belong to the plant, as with a robot. Clean rows are those whose key the truth does not name (a sound row that
shares its key with a planted one is neither clean nor accused, and neither is a user of whom a plant has at least half
of the events); they are accused when any rule flags them. A kind of which nothing was found is silent.

Beside the rules, plain pandera schemas judge the same tables.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis
import pandas as pd
import pyarrow.parquet as pq
from scipy.stats import binomtest

from workbench.data import engine, sources
from workbench.data.sources.storefront import columns, faults
from workbench.governance import quality
from workbench.governance.quality import failures
from workbench.governance.rules import shop

from . import fault_schemas
from .record import FOLDER, record

KEYS = {name: shop.CLEANING_ORDER[name] for name in ("items", "users", "events")}
NO_KEY = "(no key)"
HALF = 0.5
FOUND, ACCUSED = 0.99, 0.01
SHOWN = 3  # rules named beside a kind


@dataclass(frozen=True)
class Spoilt:
    """A shop's tables before and after faults were planted, and the truth: plant_id, kind, table, key, column."""

    sound: dict[str, pd.DataFrame]
    tables: dict[str, pd.DataFrame]
    truth: pd.DataFrame


@dataclass(frozen=True)
class Verdict:
    """What flags are worth against the truth.

    Args:
        plants: plant_id, kind, rows, flagged (rows), found, rules (the names of those that flagged any).
        clean: clean rows.
        accused: clean rows that are flagged, each once.
        by_rule: the same by rule: rule, table, accused; a row that two rules flag counts for both.

    """

    plants: pd.DataFrame
    clean: int
    accused: int
    by_rule: pd.DataFrame

    @property
    def found(self) -> float:
        """Share of the plants that were found."""
        return float(self.plants["found"].mean())

    @property
    def accused_share(self) -> float:
        """Share of the clean rows that were accused."""
        return self.accused / max(self.clean, 1)

    @property
    def silent(self) -> list[str]:
        """Kinds of which nothing was found."""
        return sorted(kind for kind, found in self.plants.groupby("kind")["found"].any().items() if not found)


def main() -> None:
    """Plant, judge and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--language", choices=("en", "zh"), default="en")
    parser.add_argument("--seed", type=int, default=20240101)
    parser.add_argument("--count", type=int, default=200, help="plants; 2000 for a narrower interval")
    parser.add_argument("--kinds", choices=("visible", "held-out", "all"), default="all")
    given = parser.parse_args()
    measure(given.events, given.language, given.seed, given.count, given.kinds)


def measure(events: int, language: str, seed: int, count: int, kinds: str, bench: Path = FOLDER) -> None:
    """Judge the rules and the schemas on one shop, print both, and record the rules' figures."""
    with tempfile.TemporaryDirectory() as folder:
        spoilt = spoil(Path(folder), events, language, seed, count, chosen(kinds))
        con = engine.connect("2500MB", threads=2, temp_directory=Path(folder) / "spill")
        verdicts = {
            "rules": judge(spoilt, by_rules(con, spoilt, Path(folder))),
            "schemas": judge(spoilt, fault_schemas.flags(spoilt.sound, spoilt.tables, KEYS)),
        }
        con.disconnect()
    rows = {name: len(frame) for name, frame in spoilt.tables.items()}
    print(f"storefront, {language}, seed {seed}, {rows}, {kinds} kinds\n")
    print(by_kind(verdicts).to_string(index=False), "\n")
    print("plants that the rules did not find, with the first row of each")
    print(unfound(verdicts["rules"], spoilt.truth).to_string(index=False), "\n")
    for name, verdict in verdicts.items():
        print(summary(name, verdict))
        print(verdict.by_rule.to_string(index=False) if len(verdict.by_rule) else "nobody accused", "\n")
    suffix = "" if (language, kinds) == ("en", "all") else f"_{language}_{kinds}"
    keep(verdicts["rules"], verdicts["schemas"], suffix, bench)


def keep(rules: Verdict, rival: Verdict, suffix: str, bench: Path) -> None:
    """Record what was found and who was accused."""
    record(
        f"governance_faults_found{suffix}", rules.found, f"of {len(rules.plants)} plants", target=FOUND,
        higher_is_better=True, rival=f"plain pandera schemas: {rival.found:.3f}", folder=bench,
    )  # fmt: skip
    record(
        f"governance_faults_accused{suffix}", rules.accused_share, "of clean rows", target=ACCUSED,
        higher_is_better=False, rival=f"plain pandera schemas: {rival.accused_share:.4f}", folder=bench,
    )  # fmt: skip
    record(
        f"governance_faults_silent{suffix}", len(rules.silent), "kinds unfound", target=0,
        higher_is_better=False, rival=f"plain pandera schemas: {len(rival.silent)}", folder=bench,
    )  # fmt: skip


def chosen(kinds: str) -> list[str]:
    """The names of the kinds to plant."""
    held_out = {"visible": (False,), "held-out": (True,), "all": (False, True)}[kinds]
    return [name for name in faults.KINDS if (name in faults.HELD_OUT) in held_out]


def spoil(folder: Path, events: int, language: str, seed: int, count: int, kinds: Sequence[str]) -> Spoilt:
    """Generate a sound shop below `folder`, and plant faults of these kinds into copies of its tables."""
    options = {"events": events, "language": language, "seed": seed, "faults": False}
    files = sources.find("storefront", str(folder), options).files()
    sound = {name: pd.read_parquet(path) for name, path in files.items()}
    tables, truth = faults.plant(sound, seed, count, kinds)
    return Spoilt(sound, tables, truth)


def by_rules(con: ibis.BaseBackend, spoilt: Spoilt, folder: Path) -> pd.DataFrame:
    """The key of each row that a rule of the lib flags: rule, table, key; `folder` gets the tables as files."""
    paths = {name: folder / f"spoilt_{name}.parquet" for name in spoilt.tables}
    for name, frame in spoilt.tables.items():
        if name == "events":
            pq.write_table(columns.from_pandas(frame), paths[name])
        else:
            frame.to_parquet(paths[name], index=False)
    tables = sources.find("storefront", str(folder)).collect(con, paths).tables
    rules, _omitted = quality.applicable(shop.RULES, tables)
    return failures.flags(con, shop.seen(con, tables), rules, KEYS).execute()


def judge(spoilt: Spoilt, flags: pd.DataFrame) -> Verdict:
    """Hold flags (rule, table, key) against the truth."""
    flagged = _keyed(flags)[["rule", "table", "key"]].drop_duplicates()
    touched = _keyed(spoilt.truth)[["plant_id", "kind", "table", "key"]]
    touched = touched.reset_index(names="row")
    owners = _owners(spoilt.tables["events"], touched)
    direct = touched.merge(flagged, on=["table", "key"])[["row", "rule"]]
    named = flagged[flagged["table"] == "users"][["key", "rule"]].rename(columns={"key": "user_id"})
    hits = pd.concat([direct, owners.merge(named, on="user_id")[["row", "rule"]]]).merge(touched, on="row")
    plants = touched.groupby("plant_id").agg(kind=("kind", "first"), rows=("row", "size")).reset_index()
    each = hits.groupby("plant_id").agg(flagged=("row", "nunique"), rules=("rule", lambda names: sorted(set(names))))
    plants = plants.merge(each.reset_index(), on="plant_id", how="left").fillna({"flagged": 0})
    plants["found"] = plants["flagged"] >= HALF * plants["rows"]
    plants["rules"] = [names if isinstance(names, list) else [] for names in plants["rules"]]
    return Verdict(plants, *_accused(spoilt, flagged, touched, owners))


def by_kind(verdicts: Mapping[str, Verdict]) -> pd.DataFrame:
    """Kinds, the least found by the rules first: kind, table, planted, found by each, and the rules that found most."""
    rules = verdicts["rules"].plants
    table = pd.DataFrame({"planted": rules.groupby("kind").size()})
    for name, verdict in verdicts.items():
        table[name] = verdict.plants.groupby("kind")["found"].sum()
    names = rules[rules["found"]].explode("rules").groupby("kind")["rules"].apply(_most)
    table["found by"] = names.reindex(table.index).fillna("–")
    table.insert(0, "table", [faults.KINDS[kind].table for kind in table.index])
    missed = (table["planted"] - table["rules"]) / table["planted"]
    return table.loc[missed.sort_values(ascending=False, kind="stable").index].reset_index(names="kind")


def unfound(verdict: Verdict, truth: pd.DataFrame) -> pd.DataFrame:
    """Plants that were not found: kind, plant_id, rows, flagged, and table, key and column of the first row."""
    first = truth.drop_duplicates("plant_id")[["plant_id", "table", "key", "column"]]
    missed = verdict.plants.loc[~verdict.plants["found"], ["kind", "plant_id", "rows", "flagged"]]
    return missed.merge(first, on="plant_id").sort_values(["kind", "plant_id"], ignore_index=True)


def summary(name: str, verdict: Verdict) -> str:
    """The figures in a line; the interval is Wilson's, at 95 %."""
    found = int(verdict.plants["found"].sum())
    span = binomtest(found, len(verdict.plants)).proportion_ci(method="wilson")
    return (
        f"{name}: {found} of {len(verdict.plants)} plants found, "
        f"{verdict.found:.3f} [{span.low:.3f}, {span.high:.3f}]; "
        f"{verdict.accused:,} of {verdict.clean:,} clean rows accused, {verdict.accused_share:.4f}; "
        f"silent kinds: {', '.join(verdict.silent) or 'none'}"
    )


def _keyed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(key=frame["key"].astype("str").fillna(NO_KEY))


def _owners(events: pd.DataFrame, touched: pd.DataFrame) -> pd.DataFrame:
    """Planted events of users whose events are at least half one plant's: row (of `touched`), user_id."""
    log = pd.DataFrame({"key": events["event_id"].fillna(NO_KEY), "user_id": events["user_id"]}).dropna()
    mine = touched[touched["table"] == "events"].merge(log, on="key")
    share = mine.groupby(["plant_id", "user_id"])["row"].nunique().rename("planted").reset_index()
    share["all"] = share["user_id"].map(log["user_id"].value_counts()).astype("float64")
    main = share[share["planted"] >= HALF * share["all"]]
    return mine.merge(main, on=["plant_id", "user_id"])[["row", "user_id"]]


def _accused(
    spoilt: Spoilt, flagged: pd.DataFrame, touched: pd.DataFrame, owners: pd.DataFrame
) -> tuple[int, int, pd.DataFrame]:
    """Clean rows, those of them that are flagged, and these by rule."""
    keys = [
        pd.DataFrame({"table": name, "key": frame[KEYS[name]].astype("str").fillna(NO_KEY)})
        for name, frame in spoilt.tables.items()
    ]
    users = pd.DataFrame({"table": "users", "key": owners["user_id"].unique()})
    spoken_for = pd.concat([touched[["table", "key"]], users]).drop_duplicates()
    rows = pd.concat(keys).merge(spoken_for, on=["table", "key"], how="left", indicator="known")
    clean = rows.loc[rows["known"] == "left_only", ["table", "key"]]
    wrong = flagged.merge(clean, on=["table", "key"])
    by_rule = wrong.groupby(["rule", "table"]).size().rename("accused").reset_index()
    by_rule = by_rule.sort_values(["accused", "rule"], ascending=[False, True], ignore_index=True)
    return len(clean), len(wrong[["table", "key"]].drop_duplicates()), by_rule


def _most(names: pd.Series) -> str:
    counts = names.value_counts()
    counts = counts.sort_index().sort_values(ascending=False, kind="stable")
    more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    return "; ".join(f"{name} ({times})" for name, times in counts.head(SHOWN).items()) + more


if __name__ == "__main__":
    main()
