"""How much of each table passes its rules, before and after cleaning, and the gate."""

from collections.abc import Iterable, Mapping

import ibis
import pandas as pd
from ibis.expr.types import Table

from workbench.artifacts import GateFailed
from workbench.governance.quality.copies import Repeats, repeated
from workbench.governance.quality.rule import DIMENSIONS, Rule, Tables
from workbench.spelling import nearest

RULE = "rule: "  # begins a threshold of the gate that is for one rule
HIGH = "any high-severity rule"  # the threshold for each rule of severity high
HIGH_LEAST = 0.5  # a fault of most rows is none of rows, but of the data: an average over many rules hides it


def measure(
    tables: Tables, rules: Iterable[Rule], repeats: Repeats | None = None, rows: Tables | None = None
) -> pd.DataFrame:
    """Count the failing rows of each rule: dimension, rule, table, action, severity, rows, failing.

    All conditions of a table are counted in one pass; keys, missing rows and copies cost a query each.

    Args:
        tables: the tables as rules see them.
        rules: the rules to count.
        repeats: remembers the keys that are found to repeat, for cleaning. Given to `cleaning.clean` and to the
            measurement after it as well, it lets them look for repeated keys only among those that repeated before,
            wherever cleaning took rows away from a table, added none and changed none of its keys.
        rows: the same rows without what rules see beside them: in them keys are sought, which is cheaper.

    """
    rules = list(rules)
    found = []
    for name in dict.fromkeys(rule.table for rule in rules):
        mine, table = [rule for rule in rules if rule.table == name], tables[name]
        flags = {f"r{i}": rule.condition(table, tables) for i, rule in enumerate(mine) if rule.failing}
        judged = table.select(one=ibis.literal(1), **flags)  # an engine sums no window function, but a column of them
        row = judged.aggregate(rows=judged.count(), **{flag: judged[flag].sum() for flag in flags})
        counts = row.execute().iloc[0].fillna(0)
        for i, rule in enumerate(mine):
            failing = int(counts[f"r{i}"]) if rule.failing else _count(rule, table, tables, repeats, rows or {})
            found.append([rule.dimension, rule.name, name, rule.action, rule.severity, int(counts["rows"]), failing])
    return pd.DataFrame(found, columns=["dimension", "rule", "table", "action", "severity", "rows", "failing"])


def compare(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Two measurements side by side: share of passing rows, and failing rows, `before` and `after` cleaning."""
    table = before.drop(columns=["rows", "failing"])
    for when, measured in (("before", before), ("after", after)):
        table[when] = 1 - measured["failing"] / measured["rows"].clip(lower=1)
    return table.assign(failing_before=before["failing"], failing_after=after["failing"], rows=before["rows"])


def by_dimension(quality: pd.DataFrame) -> pd.DataFrame:
    """Quality of each dimension before and after: mean share of passing rows over its rules."""
    scores = quality.groupby("dimension")[["before", "after"]].mean()
    return scores.reindex([name for name in DIMENSIONS if name in scores.index])


def gate(quality: pd.DataFrame, min_quality: Mapping[str, float]) -> None:
    """Stop the run where the quality after cleaning is below what the parameters ask.

    Args:
        quality: as `compare` returns it.
        min_quality: least share of passing rows, by dimension ("accuracy"), by rule ("rule: one event id twice"), or
            for each rule of severity high ("any high-severity rule"; `HIGH_LEAST` if not given), those that have a
            threshold of their own apart.

    Raises:
        GateFailed: a dimension or rule is below its threshold, or a rule with the action `stop` has failing rows.
        ValueError: a threshold names no known dimension, and no rule that was measured.

    """
    after = by_dimension(quality)["after"].to_dict()
    rules = {f"{RULE}{rule}": share for rule, share in quality.groupby("rule")["after"].min().items()}
    if unknown := sorted(set(min_quality) - {*DIMENSIONS, HIGH, *rules}):
        raise ValueError(
            f"min_quality names {unknown}{nearest(unknown[0], [*DIMENSIONS, HIGH, *rules])}: write one of "
            f"{', '.join(DIMENSIONS)}, '{HIGH}', or '{RULE}<name>' for a rule that these tables are measured by"
        )
    shares = after | rules
    low = [f"{name} {shares[name]:.4f} < {bar}" for name, bar in min_quality.items() if shares.get(name, 1) < bar]
    low += _high(quality, min_quality)
    stops = quality[(quality["action"] == "stop") & (quality["failing_after"] > 0)]
    low += [f"rule '{row.rule}' fails on {row.failing_after} rows" for row in stops.itertuples()]
    if low:
        raise GateFailed(
            f"data quality misses the gate: {'; '.join(low)}; see the rules above, then correct the "
            "data; or, where this is how the shop's data are, set what the rule does in rule_actions"
        )


def _high(quality: pd.DataFrame, min_quality: Mapping[str, float]) -> list[str]:
    """Rules of severity high, without a threshold of their own, that fail on too many rows: one sentence each."""
    bar = min_quality.get(HIGH, HIGH_LEAST)
    own = (RULE + quality["rule"]).isin(min_quality)
    taken = quality["action"] == "quarantine"  # afterwards nothing of what it took away is left to fail
    share = quality["after"].where(~taken, quality["before"])
    rows = quality["failing_after"].where(~taken, quality["failing_before"])
    judged = quality.assign(share=share, rows=rows)
    failed = judged[(judged["severity"] == "high") & (judged["share"] < bar) & ~own]
    return [
        f"rule '{row.rule}' fails on {row.rows} of the rows of {row.table}, {row.share:.4f} < {bar} ({HIGH})"
        for row in failed.itertuples()
    ]


def applicable(rules: Iterable[Rule], tables: Tables) -> tuple[list[Rule], pd.DataFrame]:
    """The rules that these tables can be measured by, and the others with the reason: rule, table, reason.

    A rule does not apply where its table, or what it `needs`, is absent or holds nothing but nulls.
    """
    rules = list(rules)
    empty = _empty({need for rule in rules for need in rule.needs if "." in need}, tables)
    found, others = [], []
    for rule in rules:
        needs = dict.fromkeys([rule.table, *rule.needs])
        lacking = [need for need in needs if (need in empty if "." in need else need not in tables)]
        if lacking:
            others.append([rule.name, rule.table, f"no {' and no '.join(lacking)}"])
        else:
            found.append(rule)
    return found, pd.DataFrame(others, columns=["rule", "table", "reason"])


def _empty(needs: set[str], tables: Tables) -> set[str]:
    """Which of these columns ("events.position") are absent, or null in every row; one pass a table."""
    wanted: dict[str, list[str]] = {}
    empty = set()
    for need in sorted(needs):
        name, column = need.split(".", 1)
        if name not in tables or column not in tables[name].columns or tables[name][column].type().is_null():
            empty.add(need)
        else:
            wanted.setdefault(name, []).append(column)
    for name, columns in wanted.items():
        counts = tables[name].aggregate(**{column: tables[name][column].count() for column in columns}).execute()
        empty |= {f"{name}.{column}" for column in columns if not counts[column].iloc[0]}
    return empty


def _count(rule: Rule, table: Table, tables: Tables, repeats: Repeats | None, rows: Tables) -> int:
    if rule.add is not None:
        return int(rule.add(table, tables).count().execute())
    if rule.survivors is not None:
        return int(rule.survivors(table, tables).count().execute())
    bare = rows.get(rule.table, table)
    table = bare if set(rule.key) <= set(bare.columns) else table
    copies = repeats.find(table, rule.key) if repeats else repeated(table, rule.key)
    return int(copies.agg(n=(copies.rows - 1).sum().fill_null(0)).execute()["n"].iloc[0])
