"""Merge rows: those with one key into one row, and copies of another row into nothing but a new address for it."""

from collections.abc import Mapping

import ibis
from ibis.expr.types import Table

from workbench.governance.cleaning import record
from workbench.governance.quality import Rule, Tables
from workbench.governance.quality.copies import split_repeated
from workbench.governance.quality.scratch import Scratch

HOPS = 20  # a chain of copies is followed by doubling: enough for a million links


def merge_by_key(
    scratch: Scratch, table: Table, rule: Rule, columns: list[str], step: int, among: Table | None = None
) -> tuple[Table, list[Table]]:
    """One row a key: the largest value of every other column (for flags: whether any row had it).

    `among` holds keys of which it is known that no others repeat (`copies.Repeats`).

    Returns:
        The table, and a record with an entry for each key that several rows had, over the `columns` as collected.

    """
    parts = split_repeated(scratch, table, rule.key, among)
    if parts is None:
        return table, []
    sole, shared = parts
    others = [column for column in table.columns if column not in rule.key]
    biggest = {
        column: shared[column].any() if shared[column].type().is_boolean() else shared[column].max()
        for column in others
    }
    merged = scratch.keep("merged", shared.group_by(*rule.key).agg(**biggest, _rows=shared.count()))
    key, survivor = record.as_json(merged, rule.key), record.as_json(merged, columns)
    log = _record(merged, rule, "key", key, survivor, merged["_rows"] - 1, step)
    return sole.union(merged.select(*table.columns)), [scratch.keep("log", log)]


def copies(scratch: Scratch, table: Table, rule: Rule, tables: Tables, key: str) -> Table:
    """Which rows go in favour of which, as text: key, survivor. A survivor that is itself a copy hands on to its own.

    Raises:
        ValueError: a row has two survivors, survivors point in a circle, or one is not in the table.

    """
    assert rule.survivors is not None
    given = rule.survivors(table, tables)
    given = given.select(key=given.key.cast("string"), survivor=given.survivor.cast("string")).distinct()
    links = scratch.keep("copies", given.filter(given.key != given.survivor))
    if scratch.count(links) != int(links.key.nunique().execute()):
        raise ValueError(f"rule '{rule.name}' names two survivors for one row of table '{rule.table}'")
    for _ in range(HOPS):
        if not scratch.count(links.semi_join(links.view(), [("survivor", "key")])):
            break
        onward = links.view()
        joined = links.left_join(onward.select(via=onward.key, to=onward.survivor), [("survivor", "via")])
        links = scratch.keep("copies", joined.select("key", survivor=ibis.coalesce(joined.to, joined.survivor)))
    else:
        raise ValueError(f"rule '{rule.name}': survivors of table '{rule.table}' point at each other in a circle")
    known = table.select(id=table[key].cast("string"))
    if lost := scratch.count(links.anti_join(known, [("survivor", "id")])):
        raise ValueError(f"rule '{rule.name}' names {lost} survivors that table '{rule.table}' does not hold")
    return links


def drop_copies(scratch: Scratch, table: Table, links: Table, rule: Rule, key: str, step: int) -> tuple[Table, Table]:
    """The table without the copies, and a record of each."""
    gone = table.group_by(id=table[key].cast("string")).agg(rows=table.count())
    found = links.join(gone, [("key", "id")])
    log = scratch.keep("log", _record(found, rule, "copy", found.key, found.survivor, found.rows, step))
    return table.anti_join(links, [table[key].cast("string") == links.key]), log


def naming(key: str) -> tuple[str, ...]:
    """The columns of any table that name rows of the one with this key."""
    return key, f"next_{key}", f"{key}s"


def renamed(
    scratch: Scratch, table: Table, name: str, id_column: str, links: Table, key: str, rule: Rule, step: int
) -> tuple[dict[str, Table], list[Table]]:
    """What a table that names copies is to say instead: in its column `key`, in `next_<key>`, and in the list `<key>s`.

    Args:
        scratch: keeps the record.
        table: a table other than the one that lost the copies; each row named by its column `id_column`.
        name: the name of that table.
        id_column: see above.
        links: copies and their survivors.
        key: the key column that was merged.
        rule: the rule that did it.
        step: its number in the record.

    Returns:
        For each column that changes the old and new values as text (`repoint` puts them in), and its record.

    """
    found, logs = {}, []
    for column in naming(key):
        if column not in table.columns or (kind := table[column].type()).is_null():
            continue
        news = scratch.keep("news", _lists(table, column, links) if kind.is_array() else _values(table, column, links))
        if not scratch.count(news):
            continue
        found[column] = news
        changed = table.join(news, [record.as_text(table[column]) == news["_before"]])
        log = changed.select(
            rule=ibis.literal(rule.name), table=ibis.literal(name), key=changed[id_column].cast("string").fill_null(""),
            column=ibis.literal(column), before=changed["_before"], after=changed["_after"],
            step=ibis.literal(step, "int64"), copy=ibis.null("int64"),
        )  # fmt: skip
        logs.append(scratch.keep("log", log.distinct()))
    return found, logs


def repoint(table: Table, news: Mapping[str, Table]) -> Table:
    """The table with new values for old ones, as `renamed` gives them by column."""
    columns = table.columns
    for column, values in news.items():
        joined = table.left_join(values, [record.as_text(table[column]) == values["_before"]])
        value = record.from_text(joined["_after"], table[column].type())
        moved = joined["_before"].notnull().ifelse(value, joined[column])
        table = joined.mutate(**{column: moved}).select(*columns)
    return table


def _values(table: Table, column: str, links: Table) -> Table:
    """Values to replace: _before, _after."""
    used = table.select(_before=table[column].cast("string")).distinct()
    return used.join(links, [("_before", "key")]).select("_before", _after=links.survivor)


def _lists(table: Table, column: str, links: Table) -> Table:
    """Lists to replace, as text: _before, _after."""
    used = table.select(_before=record.as_text(table[column]), _list=table[column]).filter(
        lambda t: t["_list"].notnull()
    )
    each = used.distinct().unnest("_list", offset="_place").mutate(_id=lambda t: t["_list"].cast("string"))
    joined = each.left_join(links, [("_id", "key")])
    new = ibis.coalesce(joined.survivor, joined["_id"])
    whole = joined.group_by("_before").agg(_after=new.collect(order_by="_place"), _hit=joined.survivor.notnull().any())
    return whole.filter(whole["_hit"]).select("_before", _after=record.as_text(whole["_after"]))


def _record(
    rows: Table, rule: Rule, how: str, key: ibis.Value, survivor: ibis.Value, gone: ibis.Value, step: int
) -> Table:
    return rows.select(
        rule=ibis.literal(rule.name),
        table=ibis.literal(rule.table),
        how=ibis.literal(how),
        key=key,
        survivor=survivor,
        rows=gone.cast("int64"),
        step=ibis.literal(step, "int64"),
    )
