"""What came of a mapping: columns that were converted, values that could not be read, and notes for a report."""

from collections.abc import Iterable, Mapping

import ibis
from ibis.expr.types import StringValue, Table, Value

from workbench.data import contract
from workbench.data.raw import mapping, reading, values
from workbench.data.raw.reading import FileRead

UNPARSED, SEPARATORS, DECIMAL_ID = "unparsed", "separators", "decimal id"
DECIMAL_IDS = r"(^|[^0-9.])[0-9]+\.0+([^0-9]|$)"  # in a list
Counts = Mapping[tuple[str, str], int]
"""By what was found (one of the three above) and column: in how many values."""


def count(mapped: mapping.Mapping, raw: Table, made: Table) -> Counts:
    """How many values of each column are unparsed, ids with a decimal point, numbers with separators; no zeros.

    Args:
        mapped: the mapping.
        raw: the files' rows as text, with v0, v1, ….
        made: the canonical table of the same rows.

    """
    texts = {column: mapped.text(raw, column) for column in mapped.targets}
    typed = [column for column in mapped.targets if mapped.kind(column) != "string"]
    present = _sums(raw, {(UNPARSED, column): texts[column].notnull() for column in typed})
    parsed = _sums(made, {(UNPARSED, column): made[column].notnull() for column in typed})
    found = {what: present[what] - parsed[what] for what in present}
    conditions: dict[tuple[str, str], Value] = {}
    for column, text in texts.items():
        if mapped.kind(column) in ("float64", "int64"):
            marked = ~text.strip().re_search(values.PLAIN)
            conditions[SEPARATORS, column] = ibis.ifelse(marked, mapped.value(text, column).notnull(), False)
        if mapping.is_id(column):
            conditions[DECIMAL_ID, column] = text.re_search(values.FLOAT_ID)
        if column == "item_ids":
            conditions[DECIMAL_ID, column] = text.re_search(DECIMAL_IDS)
    return {what: number for what, number in {**found, **_sums(raw, conditions)}.items() if number}


def record_unparsed(
    con: ibis.BaseBackend, mapped: mapping.Mapping, raw: Table, key: StringValue, counts: Counts
) -> None:
    """Add the values that could not be read to the engine's table of them."""
    for column in (column for what, column in counts if what == UNPARSED):
        text = mapped.text(raw, column)
        rows = raw.filter(text.notnull() & mapped.value(text, column).isnull()).select(
            table=ibis.literal(mapped.table),
            key=key,
            column=ibis.literal(column),
            value=text,
            problem=ibis.literal(f"no {_kind_name(mapped, column)}, null in the table"),
        )
        con.insert(reading.UNPARSED, rows)


def conversions(mapped: mapping.Mapping, counts: Counts) -> list[tuple[str, str, str, str]]:
    """Changes of a whole column: ids that looked like decimal numbers, numbers with separators, scales, time zones."""
    table, given = mapped.table, mapped.given
    rule = f"decimal '{given['decimal']}'" if given["decimal"] else "by their own separators"
    said = {
        DECIMAL_ID: ("ids with a decimal point, such as 123.0", "whole numbers as text, such as 123"),
        SEPARATORS: ("numbers as text with separators", f"number, {rule}"),
    }
    changes = [
        (table, column, f"{count:,} {said[what][0]}", said[what][1])
        for (what, column), count in counts.items()
        if what in said
    ]
    changes += [(table, column, "number", f"number times {factor}") for column, factor in given["scale"].items()]
    times = [column for column in mapped.targets if mapped.kind(column) == contract.UTC]
    before = f"text, {given['timezone']} where it gives no offset"
    return changes + [(table, column, before, "time in UTC") for column in times]


def of_files(table: str, reads: Iterable[FileRead]) -> list[str]:
    """What was found out about the files, files alike in one note."""
    alike: dict[str, list[str]] = {}
    notes = []
    for one in reads:
        if one.encoding:
            said = f"{one.encoding}{' (detected)' if one.detected else ''}"
            said += f", delimiter {one.delimiter!r}" if one.delimiter else ""
            alike.setdefault(said, []).append(one.file)
        if one.rejected:
            notes.append(f"{table}: {one.rejected:,} of {one.rows + one.rejected:,} rows of {one.file} cannot be read")
        if one.repaired:
            notes.append(f"{table}: {one.repaired:,} lines of {one.file} were repaired: see the table unparsed")
    names = {said: f"{len(files)} files" if len(files) > 3 else ", ".join(files) for said, files in alike.items()}
    return [f"{table}: {names[said]} read as {said}" for said in alike] + notes


def of_values(mapped: mapping.Mapping, raw: Table, counts: Counts) -> list[str]:
    """Notes on values that could not be read, and on event names that the user's translation leaves out."""
    failed = {column: number for (what, column), number in counts.items() if what == UNPARSED}
    notes = [
        f"{mapped.table}: {number:,} values of {column} are no {_kind_name(mapped, column)}: null here, see unparsed"
        for column, number in failed.items()
    ]
    names = mapped.given["event_types"]
    if names and "event_type" in mapped.targets:
        seen = raw.select(name=mapped.text(raw, "event_type")).distinct()
        left = seen.filter(seen["name"].notnull(), ~seen["name"].isin([str(ours) for ours in names.values()]))
        found = left.order_by("name").limit(10).execute()["name"].tolist()
        notes += [f"events: names without a translation stay as they are: {', '.join(found)}"] if found else []
    return notes


def _sums(table: Table, conditions: Mapping[tuple[str, str], Value]) -> dict[tuple[str, str], int]:
    """In how many rows each condition holds."""
    if not conditions:
        return {}
    sums = {f"n{i}": condition.sum() for i, condition in enumerate(conditions.values())}
    counted = table.aggregate(**sums).execute().iloc[0].fillna(0)
    return {what: int(number) for what, number in zip(conditions, counted, strict=True)}


def _kind_name(mapped: mapping.Mapping, column: str) -> str:
    names = {"float64": "number", "int64": "whole number of 64 bits", "array<string>": "list", contract.UTC: "time"}
    return names.get(mapped.kind(column), mapped.kind(column))
