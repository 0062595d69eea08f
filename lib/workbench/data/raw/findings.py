"""What came of a mapping: columns that were converted, values that could not be read, and notes for a report."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import ibis
from ibis.expr.types import StringValue, Table, Value

from workbench.data import contract
from workbench.data.raw import mapping, reading, values
from workbench.data.raw.reading import FileRead

UNPARSED, SEPARATORS, DECIMAL_ID = "unparsed", "separators", "decimal id"
DECIMAL_IDS = r"(^|[^0-9.])[0-9]+\.0+([^0-9]|$)"  # in a list
NUMBERS = ("float64", "int64")
POINT, COMMA, EITHER, COMMAS = ".", ",", "either", "commas"
SHOWN = 10  # names in an entry
Counts = Mapping[tuple[str, str], int]
"""By what was found (one of the first three above) and column: in how many values."""


def settle(mapped: mapping.Mapping, raw: Table) -> tuple[mapping.Mapping, list[str]]:
    """The mapping with the decimal sign of every column of numbers, and notes on those that were found out.

    Where neither `decimal` nor `thousands` is given, all values of a column decide together. A value that is a number
    under one sign only ("12,50" and "1.234.567" under the comma) counts for that sign; the sign that more values have
    is taken, and values of the other form do not parse. "1,234" is a number under both and decides nothing: where there
    are no other values, the sign is the point.
    """
    if mapped.given["decimal"] or mapped.given["thousands"]:
        return mapped, []
    columns = [column for column in mapped.targets if mapped.kind(column) in NUMBERS]
    conditions: dict[tuple[str, str], Value] = {}
    for column in columns:
        text = mapped.text(raw, column).strip()
        text = ibis.ifelse(text.contains(POINT) | text.contains(COMMA), text, ibis.null("string"))  # no others decide
        point, comma = values.is_number(text, POINT), values.is_number(text, COMMA)
        conditions |= {
            (POINT, column): point & ~comma,
            (COMMA, column): comma & ~point,
            (EITHER, column): point & comma,
            (COMMAS, column): point & text.contains(COMMA),
        }
    counts = _sums(raw, conditions)
    signs = {column: COMMA if counts[COMMA, column] > counts[POINT, column] else POINT for column in columns}
    notes = [_sign_note(column, signs[column], counts) for column in columns]
    return replace(mapped, decimals=signs), [f"{mapped.table}: {note}" for note in notes if note]


def _sign_note(column: str, sign: str, counts: Counts) -> str:
    """What decided the decimal sign of a column; "" where only numbers without separators were read."""
    other = COMMA if sign == POINT else POINT
    most, few, either = counts[sign, column], counts[other, column], counts[EITHER, column]
    if few:
        return (
            f"{column}: the decimal sign is '{sign}' in {most:,} numbers and '{other}' in {few:,}, which are null: "
            f"see unparsed; if '{other}' is right, set `decimal`"
        )
    if either and not most:
        return (
            f"{column}: {either:,} numbers such as 1,234 or 1.234 may have thousands or a fraction, and no other value "
            f"decides: read with the decimal sign '{sign}'; if that is wrong, set `decimal`"
        )
    commas = sign == COMMA or counts[COMMAS, column]
    return f"{column}: read with the decimal sign '{sign}', as {most:,} numbers show" if commas else ""


def count(mapped: mapping.Mapping, raw: Table, made: Table) -> Counts:
    """How many values of each column are unparsed, ids with a decimal point, numbers with separators; no zeros.

    Args:
        mapped: the mapping, settled.
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
        if mapped.kind(column) in NUMBERS:
            marked = ~text.strip().re_search(values.plain())
            marked = marked if mapped.decimal(column) == POINT else marked | text.contains(POINT)
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
        rows = failed(raw, mapped.table, key, column, text, mapped.value(text, column), mapped.kind(column))
        con.insert(reading.UNPARSED, rows)


def failed(rows: Table, table: str, key: StringValue, column: str, text: StringValue, value: Value, kind: str) -> Table:
    """Rows of which a column has a text and no value, as the table `unparsed` lists them."""
    return rows.filter(text.notnull() & value.isnull()).select(
        table=ibis.literal(table),
        key=key,
        column=ibis.literal(column),
        value=text,
        problem=ibis.literal(f"no {_kind_name(kind)}, null in the table"),
    )


def conversions(mapped: mapping.Mapping, counts: Counts) -> list[tuple[str, str, str, str]]:
    """Changes of a whole column: by the user's own entries, ids that looked like decimal numbers, numbers with
    separators, time zones."""
    table, given = mapped.table, mapped.given
    changes = [(table, *change) for change in _wished(mapped)]
    for (what, column), number in counts.items():
        if what == DECIMAL_ID:
            before, after = "ids with a decimal point, such as 123.0", "whole numbers as text, such as 123"
            changes.append((table, column, f"{number:,} {before}", after))
        if what == SEPARATORS:
            after = f"number, decimal sign '{mapped.decimal(column)}'"
            changes.append((table, column, f"{number:,} numbers as text with separators", after))
    times = [column for column in mapped.targets if mapped.kind(column) == contract.UTC]
    before = f"text, {given['timezone']} where it gives no offset"
    return changes + [(table, column, before, "time in UTC") for column in times]


def _wished(mapped: mapping.Mapping) -> list[tuple[str, str, str]]:
    """Changes of whole columns that the mapping asks for: columns, before, after."""
    given = mapped.given
    changes = [
        (column, ", ".join(mapping.PLACE.findall(template)), f"one text: {template}")
        for column, template in given["join"].items()
    ]
    if given["missing"]:
        changes.append((", ".join(mapped.targets), _listed(given["missing"]), "null"))
    names = {**given["values"], "event_type": given["event_types"]}
    changes += [
        (column, _listed(pairs), _listed(pairs.values()))
        for column, pairs in names.items()
        if pairs and column in mapped.targets
    ]
    return changes + [(column, "number", f"number times {factor}") for column, factor in given["scale"].items()]


def _listed(names: Iterable[object]) -> str:
    texts = [str(name) for name in names]
    return ", ".join(texts[:SHOWN]) + (", …" if len(texts) > SHOWN else "")


def of_files(table: str, reads: Iterable[FileRead]) -> list[str]:
    """What was found out about the files, files alike in one note."""
    alike: dict[str, list[str]] = {}
    notes = []
    for one in reads:
        if one.encoding:
            said = one.read_as + (f", delimiter {one.delimiter!r}" if one.delimiter else "")
            alike.setdefault(said, []).append(one.file)
        if one.rejected:
            notes.append(f"{table}: {one.rejected:,} of {one.rows + one.rejected:,} rows of {one.file} cannot be read")
        if one.repaired:
            notes.append(f"{table}: {one.repaired:,} lines of {one.file} were repaired: see the table unparsed")
    names = {said: f"{len(files)} files" if len(files) > 3 else ", ".join(files) for said, files in alike.items()}
    return [f"{table}: {names[said]} read as {said}" for said in alike] + notes


def of_values(mapped: mapping.Mapping, raw: Table, counts: Counts) -> list[str]:
    """Notes on values that could not be read, and on event names that the user's translation leaves out."""
    unread = {column: number for (what, column), number in counts.items() if what == UNPARSED}
    nulls = "null here, see unparsed"
    notes = [
        f"{mapped.table}: {number:,} values of {column} are no {_kind_name(mapped.kind(column))}: {nulls}"
        for column, number in unread.items()
    ]
    names = mapped.given["event_types"]
    if names and "event_type" in mapped.targets:
        seen = raw.select(name=mapped.text(raw, "event_type")).distinct()
        left = seen.filter(seen["name"].notnull(), ~seen["name"].isin([str(ours) for ours in names.values()]))
        found = left.order_by("name").limit(10).execute()["name"].tolist()
        notes += [f"events: names without a translation stay as they are: {', '.join(found)}"] if found else []
    return notes


def of_table(mapped: mapping.Mapping, made: Table) -> list[str]:
    """Notes on what a mapping leaves out and its canonical table would need: the language, and shown lists' names."""
    notes = []
    if "language" in mapping.MADE.get(mapped.table, ()) and "language" not in mapped.filled:
        said = f"no language is mapped, so all rows count as '{mapping.LANGUAGE}'"
        notes.append(f"{mapped.table}: {said}: if that is wrong, set it, as in `constants: {{language: de}}`")
    if mapped.table == "events":
        shown = made.event_type.strip().lower() == "impression"
        alone = int(made.filter(shown, made.request_id.isnull()).count().execute())
        said = "impressions without request_id are not used as shown lists: map request_id"
        notes += [f"events: {alone:,} {said}"] if alone else []
    return notes


def _sums(table: Table, conditions: Mapping[tuple[str, str], Value]) -> dict[tuple[str, str], int]:
    """In how many rows each condition holds."""
    if not conditions:
        return {}
    sums = {f"n{i}": condition.sum() for i, condition in enumerate(conditions.values())}
    counted = table.aggregate(**sums).execute().iloc[0].fillna(0)
    return {what: int(number) for what, number in zip(conditions, counted, strict=True)}


def _kind_name(kind: str) -> str:
    names = {"float64": "number", "int64": "whole number of 64 bits", "array<string>": "list", contract.UTC: "time"}
    return names.get(kind, kind)
