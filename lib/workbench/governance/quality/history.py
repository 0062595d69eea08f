"""Where quality is worst: by day of the log, and by column of a table."""

from collections.abc import Iterable
from operator import or_

import pandas as pd
from ibis.expr.types import BooleanValue, Table

from workbench.governance.quality import Rule, Tables
from workbench.governance.quality.copies import later_copies, repeated
from workbench.governance.quality.folding import fold

BY_DAY = ["day", "rule", "dimension", "rows", "failing"]
WORST = ["table", "column", "rows", "nulls", "failing", "distinct", "null_share", "failing_share"]


def by_day(tables: Tables, rules: Iterable[Rule], column: str = "timestamp", table: str = "events") -> pd.DataFrame:
    """Failing rows of each rule on each day (UTC): day, rule, dimension, rows, failing.

    All conditions are counted in one pass; a key that must not repeat costs a query more, in which the copies count on
    their own days. Rows without a time stand under the day NaT. Rules that add rows or name survivors have no day.

    Args:
        tables: the tables as rules see them.
        rules: those about `table` are counted.
        column: the time.
        table: the log.

    """
    log, mine = tables[table], [rule for rule in rules if rule.table == table]
    conditions = [rule for rule in mine if rule.failing]
    flags = {f"_flag{i}": rule.condition(log, tables) for i, rule in enumerate(conditions)}
    judged = log.select(day=log[column].cast("timestamp").truncate("D"), **flags)
    counts = judged.group_by("day").agg(rows=judged.count(), **{flag: judged[flag].sum() for flag in flags}).execute()
    days = counts[["day", "rows"]]
    found = [
        days.assign(rule=rule.name, dimension=rule.dimension, failing=counts[flag].to_numpy())
        for flag, rule in zip(flags, conditions, strict=True)
    ]
    for rule in mine:
        if rule.key:
            copies = _copies_by_day(log, rule, column).execute()
            failing = days.merge(copies, on="day", how="left")["failing"].fillna(0).astype("int64")
            found.append(days.assign(rule=rule.name, dimension=rule.dimension, failing=failing.to_numpy()))
    whole = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=BY_DAY)
    return whole[BY_DAY].sort_values(["day", "rule"], ignore_index=True)


def worst_columns(tables: Tables, rules: Iterable[Rule], names: Iterable[str] = ()) -> pd.DataFrame:
    """What ails each column, the worst first.

    One row a column: table, column, rows, nulls, failing (rows that fail a rule which declares to judge the column),
    distinct (estimated by HyperLogLog: exact counts would cost a sort of every column), null_share, failing_share. One
    pass a table.

    Args:
        tables: the tables as rules see them.
        rules: whose conditions are counted.
        names: the tables to look at; all that a rule is about, if empty.

    """
    rules = list(rules)
    found: list[list[object]] = []
    for name in list(names) or list(dict.fromkeys(rule.table for rule in rules)):
        found += _columns(name, tables, [rule for rule in rules if rule.table == name and rule.failing])
    frame = pd.DataFrame(found, columns=WORST[:6])
    for share, count in (("null_share", "nulls"), ("failing_share", "failing")):
        frame[share] = frame[count] / frame["rows"].clip(lower=1)
    worst = frame.assign(ill=frame[["null_share", "failing_share"]].max(axis=1))
    return worst.sort_values(["ill", "table", "column"], ascending=[False, True, True], ignore_index=True)[WORST]


def _copies_by_day(log: Table, rule: Rule, column: str) -> Table:
    shared = log.semi_join(repeated(log, rule.key), list(rule.key))
    shared = shared.mutate(_later=later_copies(shared, rule.key), day=shared[column].cast("timestamp").truncate("D"))
    return shared.filter(shared["_later"]).group_by("day").agg(failing=lambda t: t.count())


def _columns(name: str, tables: Tables, rules: list[Rule]) -> list[list[object]]:
    table = tables[name]
    blamed: dict[str, list[BooleanValue]] = {}
    for rule in rules:
        for column in rule.columns:
            if column in table.columns:
                blamed.setdefault(column, []).append(rule.condition(table, tables))
    flags = {f"_flag_{column}": fold(or_, conditions) for column, conditions in blamed.items()}
    columns = [column for column in table.columns if not table[column].type().is_nested()]
    judged = table.select(*columns, **flags)
    wanted = {"_rows": judged.count()}
    for i, column in enumerate(columns):
        wanted |= {f"_nulls{i}": judged[column].isnull().sum(), f"_distinct{i}": judged[column].approx_nunique()}
        if column in blamed:
            wanted[f"_failing{i}"] = judged[f"_flag_{column}"].sum()
    row = judged.aggregate(**wanted).execute().iloc[0].fillna(0).astype("int64")
    return [
        [name, column, row["_rows"], row[f"_nulls{i}"], row.get(f"_failing{i}", 0), row[f"_distinct{i}"]]
        for i, column in enumerate(columns)
    ]
