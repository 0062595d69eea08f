"""Apply quality rules: every repair is recorded, every rejected row is kept whole with its reasons."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import ibis
import pandas as pd
from ibis.expr.types import StringColumn, StringValue, Table

from workbench.data import engine
from workbench.governance.quality import Rule, Tables, later_copies

ACTIONS = ("repair", "quarantine", "merge")
REPAIRS = ("rule", "table", "key", "column", "before", "after")
QUARANTINE = ("table", "key", "reasons", "row")


@dataclass(frozen=True)
class Cleaned:
    """Clean tables by name, the record of `repairs`, the rows in `quarantine`, and the `balance` of rows by table.

    In the balance, collected + added = clean + quarantined + merged; each of the five is counted by itself.
    """

    tables: dict[str, Table]
    repairs: Table
    quarantine: Table
    balance: pd.DataFrame


def clean(
    con: ibis.BaseBackend,
    tables: Tables,
    seen: Tables,
    rules: Iterable[Rule],
    keys: Mapping[str, str],
    measured: pd.DataFrame,
    conversions: Sequence[tuple[str, str, str, str]] = (),
) -> Cleaned:
    """Repair, quarantine and merge, table by table in the order of `keys`.

    Args:
        con: the engine.
        tables: the tables as collected.
        seen: the same tables as rules see them: same rows, perhaps more columns.
        rules: what to apply; rules that only warn or stop change nothing here.
        keys: the key column of each table to clean; a table later in the order sees the earlier ones clean.
        measured: the failing rows of each rule, as `quality.measure` counted them; a table whose acting rules all
            passed is left as it is.
        conversions: (table, column, before, after): changes of whole columns by the source, one repair each.

    """
    rules, done = list(rules), dict(tables)
    repairs, balance = [_conversions(conversions)], []
    rejected: list[Table] = []
    for name, key in keys.items():
        acting = _acting([rule for rule in rules if rule.table == name], measured)
        if acting:
            columns = tables[name].columns
            step = _apply(con, name, seen[name], acting, {**seen, **done}, key, columns)
        else:
            step = _Step(tables[name])
        done[name] = step.table
        repairs, rejected = [*repairs, *step.repairs], [*rejected, *step.rejected]
        sums = {"added": step.added, "quarantined": _count(step.rejected), "merged": step.merged}
        balance.append({"table": name, "collected": _count([tables[name]]), "clean": _count([step.table]), **sums})
    return Cleaned(
        tables=done,
        repairs=engine.keep(con, "repairs", reduce(Table.union, repairs)),
        quarantine=engine.keep(con, "quarantine", reduce(Table.union, rejected, _no_rows(QUARANTINE))),
        balance=pd.DataFrame(balance),
    )


@dataclass
class _Step:
    """One table cleaned: what became of it, and the record."""

    table: Table
    repairs: list[Table] = field(default_factory=list)
    rejected: list[Table] = field(default_factory=list)
    added: int = 0
    merged: int = 0


def _acting(rules: list[Rule], measured: pd.DataFrame) -> list[Rule]:
    """Rules with something to do; where one of them repairs, all that act, because a repaired row may fail another."""
    acting = [rule for rule in rules if rule.action in ACTIONS]
    failing = set(measured.loc[measured["failing"] > 0, "rule"])
    needed = [rule for rule in acting if rule.name in failing]
    return acting if any(rule.action == "repair" for rule in needed) else needed


def _apply(
    con: ibis.BaseBackend, name: str, table: Table, rules: list[Rule], tables: Tables, key: str, columns: Sequence[str]
) -> _Step:
    """Repair, then quarantine, then merge; the result is kept in the engine as `clean_<name>`."""
    step, by_action = _Step(table), {action: [rule for rule in rules if rule.action == action] for action in ACTIONS}
    for rule in by_action["repair"]:
        table, log = (_add if rule.add else _change)(table, rule, tables, key)
        step.repairs.append(log)
        step.added += _count([log]) if rule.add else 0
    if by_action["quarantine"]:
        table, failed = _split(table, name, by_action["quarantine"], tables, key, columns)
        step.rejected.append(engine.keep(con, f"rejected_{name}", failed))  # counted, and written
    table = table.select(*columns)
    merged = reduce(_merge, by_action["merge"], table)
    step.table = engine.keep(con, f"clean_{name}", merged)
    step.merged = _count([table]) - _count([step.table]) if by_action["merge"] else 0
    return step


ROW = "(row)"  # the column of a repair that adds a whole row


def _change(table: Table, rule: Rule, tables: Tables, key: str) -> tuple[Table, Table]:
    """Change values of failing rows: the table, and a record of each value that changed."""
    assert rule.repair is not None
    bad, failing = rule.condition(table, tables), table.filter(rule.condition(table, tables))
    changes = rule.repair(failing, tables)
    logs = [_record(rule, failing, key, column, failing[column], value) for column, value in changes.items()]
    values = {column: bad.ifelse(value, table[column]) for column, value in rule.repair(table, tables).items()}
    return table.mutate(**values), reduce(Table.union, logs)


def _add(table: Table, rule: Rule, tables: Tables, key: str) -> tuple[Table, Table]:
    """Add the rows that the table lacks: the table, and a record of each."""
    assert rule.add is not None
    rows = rule.add(table, tables)
    missing = {name: ibis.null(kind) for name, kind in table.schema().items() if name not in rows.columns}
    rows = rows.mutate(**missing).select(*table.columns)
    return table.union(rows), _record(rule, rows, key, ROW, ibis.null("string"), as_json(rows, rows.columns))


def _split(
    table: Table, name: str, rules: list[Rule], tables: Tables, key: str, columns: Sequence[str]
) -> tuple[Table, Table]:
    """Passing rows, and failing rows whole as JSON with every reason."""
    reasons: StringValue = ibis.literal("")
    for rule in rules:
        bad = later_copies(table, rule.key) if rule.key else rule.condition(table, tables)
        reasons = reasons + bad.ifelse(rule.name + "; ", "")
    judged = table.mutate(reasons=reasons)
    failed = judged.filter(judged.reasons != "")
    quarantined = failed.select(
        table=ibis.literal(name),
        key=failed[key].cast("string"),
        reasons=failed.reasons.re_replace("; $", ""),
        row=as_json(failed, columns),
    )
    return judged.filter(judged.reasons == ""), quarantined


def _merge(table: Table, rule: Rule) -> Table:
    """One row a key: the largest value of every other column (for flags: whether any row had it)."""
    others = [column for column in table.columns if column not in rule.key]
    biggest = {
        column: table[column].any() if table[column].type().is_boolean() else table[column].max() for column in others
    }
    return table.group_by(*rule.key).agg(**biggest).select(*table.columns)


def _record(rule: Rule, rows: Table, key: str, column: str, before: StringValue, after: StringValue) -> Table:
    return rows.select(
        rule=ibis.literal(rule.name),
        table=ibis.literal(rule.table),
        key=rows[key].cast("string"),
        column=ibis.literal(column),
        before=before.cast("string"),
        after=after.cast("string"),
    )


def _conversions(conversions: Sequence[tuple[str, str, str, str]]) -> Table:
    rows = [("conversion of a column", table, "*", *rest) for table, *rest in conversions]
    return ibis.memtable(
        pd.DataFrame(rows, columns=list(REPAIRS), dtype="str"), schema=dict.fromkeys(REPAIRS, "string")
    )


def _no_rows(columns: Sequence[str]) -> Table:
    return ibis.memtable(pd.DataFrame(columns=list(columns), dtype="str"), schema=dict.fromkeys(columns, "string"))


def _count(tables: Iterable[Table]) -> int:
    return sum(int(table.count().execute()) for table in tables)


def as_json(table: Table, columns: Sequence[str]) -> StringColumn:
    """Each row as a JSON object of the columns."""
    return ibis.struct({column: table[column] for column in columns}).cast("json").cast("string")
