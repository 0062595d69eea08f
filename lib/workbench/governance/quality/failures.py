"""Which rows a rule fails: their keys, and the first of them to look at."""

from collections.abc import Iterable, Mapping
from operator import or_

import ibis
import pandas as pd
from ibis.expr.types import StringValue, Table

from workbench.data import engine
from workbench.governance.quality import Rule, Tables
from workbench.governance.quality.copies import later_copies, split_repeated
from workbench.governance.quality.folding import fold, no_rows
from workbench.governance.quality.scratch import Scratch

FLAGS = {"rule": "string", "table": "string", "key": "string"}
SHOWN = 50


def flags(con: ibis.BaseBackend, tables: Tables, rules: Iterable[Rule], keys: Mapping[str, str]) -> Table:
    """The key of each failing row: rule, table, key (as text); kept in the engine as `flags`.

    Conditions are asked in one pass over each table. Of rows that share a key which must not repeat, all but the one
    that sorts first are named; of copies, those that go; rows that a rule would add are named by none.

    Args:
        con: the engine.
        tables: the tables as rules see them.
        rules: the rules to ask; those of tables without an entry in `keys` are left out.
        keys: the key column of each table.

    """
    scratch, rules = Scratch(con), list(rules)
    found = [no_rows(FLAGS)]
    for name, key in keys.items():
        mine = [rule for rule in rules if rule.table == name and name in tables]
        found += _by_condition(scratch, tables, [rule for rule in mine if rule.failing], key)
        for rule in mine:
            if rule.key or rule.survivors:
                rows = _failing(scratch, tables, rule, key)
                found.append(scratch.keep("flags", _named(rows, rule, rows["key"])))
    result = engine.keep(con, "flags", fold(Table.union, found))
    scratch.clear()
    return result


def examples(
    con: ibis.BaseBackend,
    tables: Tables,
    rule: Rule,
    keys: Mapping[str, str],
    record: Mapping[str, Table] | None = None,
    limit: int = SHOWN,
) -> dict[str, pd.DataFrame]:
    """The first rows, by key, that a rule fails, and what became of them.

    Args:
        con: the engine.
        tables: the tables as rules see them.
        rule: the rule to look at.
        keys: the key column of each table; the first column of a table that it does not name.
        record: `repairs`, `quarantine` and `merges` by name, as cleaning left them (`vars(cleaned)` holds them).
        limit: rows of each kind.

    Returns:
        By kind ("failing", "repairs", "quarantine", "merges"): at most `limit` rows; kinds without rows are left out.

    """
    table, scratch = tables[rule.table], Scratch(con)
    key = keys.get(rule.table, table.columns[0])
    if rule.add is not None:
        rows = rule.add(table, tables).order_by(key)
    elif rule.failing is not None:
        rows = table.filter(rule.condition(table, tables)).order_by(key)
    else:
        gone = _failing(scratch, tables, rule, key).distinct()
        rows = table.semi_join(gone, [table[key].cast("string") == gone["key"]]).order_by(rule.key or key)
    found = {"failing": rows.limit(limit).execute()}
    for kind in ("repairs", "quarantine", "merges"):
        if record is not None and kind in record:
            log = record[kind]
            mine = _reason(log.reasons, rule.name) if kind == "quarantine" else log.rule == rule.name
            found[kind] = log.filter(mine).order_by("table", "key").limit(limit).execute()
    scratch.clear()
    return {kind: frame for kind, frame in found.items() if len(frame)}


def one_each(log: Table) -> pd.DataFrame:
    """The first entry of each rule, by its key: to show what a record looks like."""
    order = ibis.window(group_by="rule", order_by=[log["key"], log["step"]])
    first = log.mutate(place=ibis.row_number().over(order))
    return first.filter(first.place == 0).drop("place").order_by("rule").execute()


def _by_condition(scratch: Scratch, tables: Tables, rules: list[Rule], key: str) -> list[Table]:
    """Flags of all conditions of one table: one pass keeps the rows that fail any, each condition then reads these."""
    if not rules:
        return []
    table = tables[rules[0].table]
    conditions = {f"_flag{i}": rule.condition(table, tables) for i, rule in enumerate(rules)}
    judged = table.select(_key=table[key].cast("string"), **conditions)
    failed = scratch.keep("failed", judged.filter(fold(or_, (judged[flag] for flag in conditions))))
    each = (failed.filter(failed[flag]) for flag in conditions)
    return [_named(rows, rule, rows["_key"]) for rows, rule in zip(each, rules, strict=True)]


def _failing(scratch: Scratch, tables: Tables, rule: Rule, key: str) -> Table:
    """Keys of the rows that go in favour of another, with one column `key`."""
    table = tables[rule.table]
    if rule.survivors is not None:
        copies = rule.survivors(table, tables)
        return scratch.keep("copies", copies.select(key=copies.key.cast("string")))
    parts = split_repeated(scratch, table, rule.key)
    if parts is None:
        return no_rows({"key": "string"})
    shared = parts[1].mutate(_later=later_copies(parts[1], rule.key))
    return shared.filter(shared["_later"]).select(key=shared[key].cast("string"))


def _reason(reasons: StringValue, rule: str) -> ibis.expr.types.BooleanValue:
    """Whether one of the reasons, which "; " parts, is this rule."""
    return (ibis.literal("; ") + reasons + "; ").contains(f"; {rule}; ")


def _named(rows: Table, rule: Rule, key: StringValue) -> Table:
    return rows.select(rule=ibis.literal(rule.name), table=ibis.literal(rule.table), key=key)
