"""Apply repairing rules to one table, in order, and record each value that changed and each row that was added."""

from collections.abc import Iterator
from itertools import groupby
from operator import or_

import ibis
from ibis.expr import operations as ops
from ibis.expr.types import Table, Value

from workbench.governance.cleaning import record
from workbench.governance.quality import Rule, Tables
from workbench.governance.quality.copies import COPY, KEY
from workbench.governance.quality.folding import fold
from workbench.governance.quality.scratch import Scratch
from workbench.spelling import nearest

BAD, NEW = "_bad", "_new_"


def repair(
    scratch: Scratch,
    table: Table,
    rules: list[Rule],
    tables: Tables,
    key: str,
    columns: list[str],
    step: int,
) -> tuple[Table, list[Table]]:
    """Repair a table, rule by rule: a repaired value is what the next rule sees.

    Args:
        scratch: keeps the record, and the few rows that a rule touches.
        table: the table as rules see it, numbered (`copies.numbered`).
        rules: rules of the action `repair`; the first has the number `step`, the next the number after it.
        tables: all tables by name.
        key: the key column.
        columns: the columns as collected; changes of others are not recorded.
        step: number of the first rule in the record.

    Returns:
        The table, and a record for each rule and column that it changes.

    """
    logs: list[Table] = []
    for group in _groups(rules, table, tables):
        if group[0].add is not None:
            table, log = _add(scratch, table, group[0], tables, key, columns, step)
        elif looks_around(group[0], table, tables):
            table, log = _change(scratch, table, group[0], tables, columns, step)
        else:
            table, log = _touch(scratch, table, group, tables, columns, step)
        step, logs = step + len(group), [*logs, *log]
    return table, logs


def changed_columns(rules: list[Rule], table: Table, tables: Tables) -> set[str]:
    """The columns whose values these rules may change; all where one of them adds rows."""
    if any(rule.add is not None for rule in rules):
        return set(table.columns)
    return {column for rule in rules for column in _values(rule, table, tables)}


def _groups(rules: list[Rule], table: Table, tables: Tables) -> Iterator[list[Rule]]:
    """Neighbouring rules that judge each row by itself go together; any other stands alone."""
    for alone, neighbours in groupby(rules, lambda rule: looks_around(rule, table, tables)):
        group = list(neighbours)
        yield from ([rule] for rule in group) if alone else (group,)


def looks_around(rule: Rule, table: Table, tables: Tables) -> bool:
    """Whether a rule reads other rows of its table: it adds some, or uses a window, an aggregate or a query."""
    if rule.failing is None:
        return True
    repaired = _values(rule, table, tables) if rule.repair else {}
    for value in (rule.condition(table, tables), *repaired.values()):
        node = value.op()
        if node.find((ops.WindowFunction, ops.Reduction), filter=ops.Value):
            return True
        inner = node.find(ops.Subquery, filter=ops.Value)
        if any(table.op() in query.rel.find(type(table.op())) for query in inner):
            return True
    return False


def _values(rule: Rule, table: Table, tables: Tables) -> dict[str, Value]:
    """New values by column, in the type of the column."""
    assert rule.repair is not None
    values = rule.repair(table, tables)
    for column in values:
        if column not in table.columns:
            raise ValueError(
                f"rule '{rule.name}' repairs a column '{column}' that table '{rule.table}' lacks"
                f"{nearest(column, table.columns)}"
            )
    return {column: _typed(value, table[column]) for column, value in values.items()}


def _typed(value: Value, column: Value) -> Value:
    return (value if isinstance(value, Value) else ibis.literal(value)).cast(column.type())


def _touch(
    scratch: Scratch, table: Table, rules: list[Rule], tables: Tables, columns: list[str], step: int
) -> tuple[Table, list[Table]]:
    """Take aside the rows that any of the rules fails, and repair these alone, which are few.

    A row that every rule passes is changed by none of them, so one pass over the table finds all that matter.
    """
    bad = fold(or_, (rule.condition(table, tables) for rule in rules))
    touched = scratch.keep("touched", table.filter(bad))
    if not scratch.count(touched):
        return table, []
    untouched, logs = table.filter(~bad), []
    passed, changed = _passed(touched, rules, tables), set[str]()
    for i, rule in enumerate(rules):
        if rule.name in passed and not changed & _columns_read(rule, touched, tables):
            continue
        repaired, log = _change(scratch, touched, rule, tables, columns, step + i)
        if repaired is not touched:
            scratch.drop(touched)
            touched, changed = repaired, changed | _values(rule, touched, tables).keys()
        logs += log
    return untouched.union(touched), logs


def _passed(table: Table, rules: list[Rule], tables: Tables) -> set[str]:
    """Names of the rules that every row passes."""
    flags = table.select(**{rule.name: rule.condition(table, tables) for rule in rules})
    failing = flags.aggregate(**{rule.name: flags[rule.name].any() for rule in rules}).execute().iloc[0]
    return {rule.name for rule in rules if not failing[rule.name]}


def _columns_read(rule: Rule, table: Table, tables: Tables) -> set[str]:
    return {field.name for field in rule.condition(table, tables).op().find(ops.Field)}


def _change(
    scratch: Scratch, table: Table, rule: Rule, tables: Tables, columns: list[str], step: int
) -> tuple[Table, list[Table]]:
    """Change values of failing rows, and record those that are others than before."""
    bad, values = rule.condition(table, tables), _values(rule, table, tables)
    if not scratch.count(table.filter(bad)):
        return table, []
    new = {f"{NEW}{column}": bad.ifelse(value, ibis.null(value.type())) for column, value in values.items()}
    judged = scratch.keep("judged", table.mutate(**{BAD: bad}, **new))
    logs = []
    for column in values:
        changed = judged.filter(judged[BAD], ~judged[column].identical_to(judged[f"{NEW}{column}"]))
        if column in columns:
            log = record.repairs(
                rule.name, rule.table, changed, column, changed[column], changed[f"{NEW}{column}"], step
            )
            logs.append(scratch.keep("log", log))
    repaired = {column: judged[BAD].ifelse(judged[f"{NEW}{column}"], judged[column]) for column in values}
    changed = scratch.keep("changed", judged.mutate(**repaired).select(*table.columns))
    scratch.drop(judged)
    return changed, logs


def _add(
    scratch: Scratch, table: Table, rule: Rule, tables: Tables, key: str, columns: list[str], step: int
) -> tuple[Table, list[Table]]:
    """Add the rows that the table lacks, and record each."""
    assert rule.add is not None
    rows, kinds = rule.add(table, tables), table.schema()
    own = {KEY: rows[key].cast("string").fill_null(""), COPY: ibis.literal(0, "int64")}
    missing = {name: ibis.null(kind) for name, kind in kinds.items() if name not in (*rows.columns, *own)}
    rows = scratch.keep("added", rows.mutate(**own, **missing).select(*table.columns).cast(kinds))
    whole = record.as_json(rows, columns)
    log = record.repairs(rule.name, rule.table, rows, record.ROW, ibis.null("string"), whole, step)
    return table.union(rows), [scratch.keep("log", log)]
