"""Apply the record of cleaning to the tables as collected, which gives the clean ones: the proof that it is complete.

This knows no rules and shares nothing with cleaning but the form of the record.
"""

import json
from collections.abc import Mapping

import ibis
from ibis.expr.types import Table

from workbench.data import engine
from workbench.governance.cleaning import record
from workbench.governance.quality.copies import COPY, KEY, numbered
from workbench.governance.quality.scratch import Scratch

Change = tuple[int, str, str]  # step, what happened, and where


def replay(
    con: ibis.BaseBackend, tables: Mapping[str, Table], repairs: Table, merges: Table, quarantine: Table,
    keys: Mapping[str, str],
) -> dict[str, Table]:  # fmt: skip
    """The clean tables by name, in the columns and types of the collected ones.

    Args:
        con: the engine.
        tables: the tables as collected.
        repairs: the record (`cleaning.Cleaned`); what happened before cleaning (step 0) is no part of these tables.
        merges: the same.
        quarantine: the same.
        keys: the key column of each cleaned table.

    """
    done = {}
    for name, key in keys.items():
        if name not in tables:
            continue
        scratch = Scratch(con)
        mine = [log.filter(log.table == name, log.step > 0) for log in (repairs, merges, quarantine)]
        table = numbered(scratch, tables[name], key, list(tables[name].columns))
        for change in _changes(*mine):
            table = scratch.keep("replayed", _apply(table, change, mine, key, list(tables[name].columns)))
        done[name] = engine.keep(con, f"replayed_{name}", table.select(*tables[name].columns))
        scratch.clear()
    return done


def _changes(repairs: Table, merges: Table, quarantine: Table) -> list[Change]:
    """What happened to one table, in order."""
    what = ibis.cases((repairs.copy.isnull(), "exchange"), (repairs.copy == record.BY_THEN, "amend"), else_="repair")
    told = (
        repairs.select("step", what=what, where=repairs.column),
        merges.select("step", what=ibis.literal("merge"), where=merges.how),
        quarantine.select("step", what=ibis.literal("quarantine"), where=ibis.literal("")),
    )
    frame = ibis.union(*told).distinct().order_by("step", "what", "where").execute()
    return [(int(step), str(what), str(where)) for step, what, where in frame.itertuples(index=False)]


def _apply(table: Table, change: Change, logs: list[Table], key: str, columns: list[str]) -> Table:
    step, what, where = change
    repairs, merges, quarantine = (log.filter(log.step == step) for log in logs)
    if what == "quarantine":
        return _without(table, quarantine, columns)
    if what == "merge":
        return _merged(table, merges, columns) if where == "key" else _dropped(table, merges, key)
    if where == record.ROW:
        return _with(table, repairs.filter(repairs.column == where), key, columns)
    mine = repairs.filter(repairs.column == where)
    if what == "amend":
        return _amended(table, mine, where, key)
    return _exchanged(table, mine, where) if what == "exchange" else _changed(table, mine, where)


def _amended(table: Table, log: Table, column: str, key: str) -> Table:
    """New values for the rows that have these keys by now."""
    named = log.select(_at=log.key, _after=log.after, _hit=ibis.literal(True))
    return _replaced(table, table.left_join(named, [table[key].cast("string") == named["_at"]]), column)


def _changed(table: Table, log: Table, column: str) -> Table:
    """New values for the rows that the log names by key and number."""
    named = log.select(_at=log.key, _which=log.copy, _after=log.after, _hit=ibis.literal(True))
    joined = table.left_join(named, [table[KEY] == named["_at"], table[COPY] == named["_which"]])
    return _replaced(table, joined, column)


def _exchanged(table: Table, log: Table, column: str) -> Table:
    """New values in place of old ones, in every row."""
    values = log.select(_before=log.before, _after=log.after, _hit=ibis.literal(True)).distinct()
    return _replaced(table, table.left_join(values, [record.as_text(table[column]) == values["_before"]]), column)


def _replaced(table: Table, joined: Table, column: str) -> Table:
    value = record.from_text(joined["_after"], table[column].type())
    return joined.mutate(**{column: joined["_hit"].notnull().ifelse(value, joined[column])}).select(*table.columns)


def _with(table: Table, log: Table, key: str, columns: list[str]) -> Table:
    rows = record.from_json(log, "after", {column: table[column].type() for column in columns})
    rows = rows.mutate(**{KEY: rows[key].cast("string").fill_null(""), COPY: ibis.literal(0, "int64")})
    return table.union(rows.select(*table.columns))


def _without(table: Table, log: Table, columns: list[str]) -> Table:
    """The table less these rows; of rows that are wholly equal, as many as the log holds."""
    rows = record.from_json(log, "row", {column: table[column].type() for column in columns})
    gone = rows.group_by(*columns).agg(_gone=rows.count())
    gone = gone.rename({f"_gone_{i}": column for i, column in enumerate(columns)})
    same = [table[column].identical_to(gone[f"_gone_{i}"]) for i, column in enumerate(columns)]
    joined = table.left_join(gone, same)
    stay, judged = joined.filter(joined["_gone"].isnull()), joined.filter(joined["_gone"].notnull())
    place = ibis.row_number().over(ibis.window(group_by=columns, order_by=COPY))
    judged = judged.mutate(_place=place)
    judged = judged.filter(judged["_place"] >= judged["_gone"])
    return stay.select(*table.columns).union(judged.select(*table.columns))


def _merged(table: Table, log: Table, columns: list[str]) -> Table:
    """The survivors in place of all rows with their keys."""
    survivors = record.from_json(log, "survivor", {column: table[column].type() for column in columns})
    key = _key_columns(log)
    rows = survivors.mutate(**{KEY: ibis.literal(""), COPY: ibis.literal(0, "int64")}).select(*table.columns)
    return table.anti_join(survivors, key).union(rows)


def _key_columns(log: Table) -> list[str]:
    """Names of the columns in the JSON keys of a merge."""
    first = log.order_by("key").limit(1).execute()["key"].iloc[0]
    return list(json.loads(first))


def _dropped(table: Table, log: Table, key: str) -> Table:
    return table.anti_join(log, [table[key].cast("string") == log.key])
