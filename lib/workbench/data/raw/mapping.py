"""How a user's files become one canonical table: the part of a parameters file for that table, checked."""

import re
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import ibis
from ibis.expr.types import StringValue, Table, Value

from workbench.data import contract
from workbench.data.collected import SourceError
from workbench.data.raw import values
from workbench.data.raw.reading import Format
from workbench.spelling import nearest

DEFAULTS: dict[str, Any] = {
    "files": [], "columns": {}, "constants": {}, "join": {}, "event_types": {}, "values": {}, "times": {},
    "timezone": "UTC", "numbers": [], "lists": [], "scale": {}, "missing": [], "distinct": False,
    "encoding": "", "delimiter": "", "decimal": "", "thousands": "", "header": [], "member": "",
    "quasi_identifiers": [], "sensitive": [],
}  # fmt: skip
"""What a table may be told, and the defaults.

files: a path or glob within the folder, a list of them, or (judgments, histories, texts) one or a list a split.
columns: {column of the contract or own: column of the file}. constants: {column: one value for all rows}.
join: {column: "{Title}. {Text}"}, several columns of the file in one.
event_types: {their name: ours}. values: {column: {their value: ours}}, the same for any other column.
times: {column: strptime format, "seconds", "milliseconds", or a list tried in turn}; ISO 8601 where not given.
timezone: whose clocks the times show. numbers, lists: own columns of that kind; lists may be {column: separator}.
scale: {column: factor}, such as 0.01 for cents. missing: texts that mean "nothing".
distinct: equal rows count once, the others are rejected.
encoding, delimiter: found out where not given. decimal, thousands: the sign before a fraction, which all values of a
column decide where neither is given, and that between groups of digits. header: names, for a file without.
member: which file of a zip. quasi_identifiers, sensitive: columns of `users` that narrow a person down, and that nobody
may learn of one.
"""
PEOPLE = ("quasi_identifiers", "sensitive")
SPLIT_TABLES = ("judgments", "histories", "texts")
MADE = {
    "items": ("language",), "events": ("event_id",), "judgments": ("query_id",), "histories": ("history_id",),
    "texts": ("text_id", "language"), "offers": ("offer_id",),
}  # fmt: skip
"""Columns that are made where the user maps nothing to them: ids from file and row, the language "en"."""
LANGUAGE = "en"
PLACE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Mapping:
    """A checked mapping: where each column of one canonical table comes from, and how its text is read."""

    table: str
    files: tuple[tuple[str, str], ...]  # split or "", and path or glob
    format: Format
    given: Dict[str, Any]
    decimals: Dict[str, str] = field(default_factory=dict)  # found out, by column

    @property
    def wanted(self) -> list[str]:
        """The file's columns that are read, each once."""
        in_join = [name for template in self.given["join"].values() for name in PLACE.findall(template)]
        return list(dict.fromkeys([*map(str, self.given["columns"].values()), *in_join]))

    @property
    def targets(self) -> list[str]:
        """The columns that are filled from the file."""
        return [*self.given["columns"], *self.given["join"]]

    @property
    def filled(self) -> list[str]:
        """The columns that the user fills, from the file or with a constant."""
        return [*self.targets, *self.given["constants"]]

    def kind(self, column: str) -> str:
        """A column's type; an own column is text unless it is among the times, numbers or lists."""
        known = contract.COLUMNS[self.table]
        if column in known:
            return known[column]
        if column in self.given["times"]:
            return contract.UTC
        if column in self.given["numbers"]:
            return "float64"
        return "array<string>" if column in self.given["lists"] else "string"

    def decimal(self, column: str) -> str:
        """The sign before the fraction in a column of numbers."""
        return self.given["decimal"] or self.decimals.get(column) or ("," if self.given["thousands"] == "." else ".")

    def text(self, raw: Table, column: str) -> StringValue:
        """A column as text, from the engine's table with v0, v1, … for `wanted`."""
        given = self.given
        if column in given["join"]:
            parts = PLACE.split(given["join"][column])
            return values.joined(parts[::2], [self._present(raw, name) for name in parts[1::2]])
        text = self._present(raw, given["columns"][column])
        names = given["event_types"] if column == "event_type" else given["values"].get(column, {})
        return values.translated(text, names)

    def _present(self, raw: Table, name: str) -> StringValue:
        """A column of the file, null where it is empty or means "nothing"."""
        return values.present(raw[f"v{self.wanted.index(name)}"], self.given["missing"])

    def value(self, text: StringValue, column: str) -> Value:
        """A column's text in its type."""
        given, kind = self.given, self.kind(column)
        lists = given["lists"]
        separator = str(lists.get(column) or "") if isinstance(lists, dict) else ""
        if kind == "array<string>":
            found = values.items(text, separator)
            return found.map(values.identifier) if column == "item_ids" else found
        if kind != "string":
            forms = given["times"].get(column, ())
            forms = [forms] if isinstance(forms, str) else forms
            signs, scale = (self.decimal(column), given["thousands"]), given["scale"].get(column, 1)
            return values.parsed(text, kind, forms, given["timezone"], *signs, scale)
        if is_id(column):
            return values.identifier(text)
        if column in lists:  # a list where the contract has text: its elements one after the other
            elements = values.items(text, separator)
            return ibis.ifelse(elements.isnull(), text, elements.join(" "))
        return text


def is_id(column: str) -> bool:
    """Whether a column holds ids."""
    return column.endswith("_id")


def check(table: str, given: Any) -> Mapping:
    """The mapping of one canonical table.

    Raises:
        SourceError: an entry is unknown, of another type, contradicts another, or something required is not mapped;
            the message begins with the table.

    """
    if not isinstance(given, Dict):
        raise SourceError(f"{table}: give it as `name: value` lines")
    full = {**DEFAULTS, **given}
    for name, value in given.items():
        if name not in DEFAULTS:
            raise SourceError(f"{table}: there is no entry '{name}'{nearest(str(name), DEFAULTS)}")
        kinds = {"files": (str, list, dict), "lists": (list, dict)}.get(name, type(DEFAULTS[name]))
        if not isinstance(value, kinds):
            raise SourceError(f"{table}: {name} is {value!r}: give it as {type(DEFAULTS[name]).__name__}")
    _check_columns(table, full)
    _check_reading(table, full)
    form = Format(full["encoding"], full["delimiter"], tuple(map(str, full["header"])), full["member"])
    return Mapping(table, _files(table, full["files"]), form, full)


def _check_columns(table: str, full: dict[str, Any]) -> None:
    """Every column has one origin, every file column one use, every name is one that the table can have."""
    known, columns = contract.COLUMNS[table], full["columns"]
    origins = [*columns, *full["constants"], *full["join"]]
    if twice := [column for column in origins if origins.count(column) > 1]:
        raise SourceError(f"{table}: '{twice[0]}' is given in two of columns, constants and join: keep one")
    lowered = [column.casefold() for column in [*known, *(own for own in origins if own not in known)]]
    if alike := [own for own in origins if own not in known and lowered.count(own.casefold()) > 1]:
        raise SourceError(f"{table}: '{alike[0]}' is a column's name but for its capitals: use that, or rename it")
    for column, constant in full["constants"].items():
        if isinstance(constant, bool) and known.get(column) != "boolean":
            raise SourceError(f"{table}: constants: {column} is {str(constant).lower()}: put what you mean in quotes")
    sources = list(columns.values())
    if bad := [source for source in sources if not isinstance(source, str)]:
        raise SourceError(f"{table}: columns: {bad[0]!r} is no name of a column: put it in quotes")
    for source in sources:
        if sources.count(source) > 1:
            both = " and ".join(f"'{column}'" for column in columns if columns[column] == source)
            raise SourceError(f"{table}: the file's column '{source}' is mapped to {both}: map it once")
    for column, template in full["join"].items():
        if not isinstance(template, str) or not PLACE.search(template):
            raise SourceError(f'{table}: join: {column}: write it with columns in braces, as in "{{Title}} {{Text}}"')
    if declared := [entry for entry in PEOPLE if full[entry] and table != "users"]:
        raise SourceError(f"{table}: {declared[0]} are columns of users: declare them there")
    for entry in ("times", "values", "scale", "numbers", "lists", *PEOPLE):
        for column in full[entry]:
            if column not in [*columns, *full["join"]]:
                raise SourceError(f"{table}: {entry}: '{column}' is not among the columns{nearest(column, columns)}")
    made = {*MADE.get(table, ())} | ({"split"} if isinstance(full["files"], Dict) else set())
    if "split" in origins and isinstance(full["files"], Dict):
        raise SourceError(f"{table}: 'split' is given by files already: delete it from columns or constants")
    for column in sorted(contract.REQUIRED[table] - {*origins} - made):
        close = nearest(column, [own for own in origins if own not in known])
        raise SourceError(f"{table}: nothing is mapped to '{column}', which every row needs: add it to columns{close}")


def _check_reading(table: str, full: dict[str, Any]) -> None:
    """What says how values are read can be so."""
    if full["timezone"] != "UTC":
        try:
            ZoneInfo(full["timezone"])
        except (ValueError, OSError, KeyError) as error:
            unknown = f"there is no timezone '{full['timezone']}'"
            raise SourceError(f"{table}: {unknown}: write it as Europe/Berlin") from error
    for column, forms in full["times"].items():
        for form in forms if isinstance(forms, list) else [forms]:
            if not isinstance(form, str) or not (form in (*values.EPOCHS, "iso") or "%" in form):
                advice = 'a format such as "%d.%m.%Y %H:%M", "seconds", "milliseconds" or "iso"'
                raise SourceError(f"{table}: times: {column}: {form!r} is no format: write {advice}")
    for column, factor in full["scale"].items():
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor:
            raise SourceError(f"{table}: scale: {column}: {factor!r} is no factor: write a number such as 0.01")
    for sign in ("decimal", "thousands"):
        if len(full[sign]) > 1 or full[sign].isalnum():
            raise SourceError(f"{table}: {sign} is {full[sign]!r}: give one sign, such as ','")
    if full["decimal"] and full["decimal"] == full["thousands"]:
        raise SourceError(f"{table}: decimal and thousands are both '{full['decimal']}': they must differ")
    for column, names in full["values"].items():
        if not isinstance(names, Dict):
            raise SourceError(f"{table}: values: {column}: give it as `theirs: ours` lines")


def _files(table: str, given: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(given, Dict):
        if table not in SPLIT_TABLES:
            raise SourceError(f"{table}: files by split are for {', '.join(SPLIT_TABLES)}: give one path, or a list")
        for split in given:
            if split not in contract.SPLITS:
                near = nearest(str(split), contract.SPLITS)
                raise SourceError(f"{table}: files: '{split}' is no split{near}; they are {', '.join(contract.SPLITS)}")
    by_split = given if isinstance(given, Dict) else {"": given}
    listed = [(split, paths if isinstance(paths, list) else [paths]) for split, paths in by_split.items()]
    files = [(split, path) for split, paths in listed for path in paths]
    if not files or not all(isinstance(path, str) and path for _, path in files):
        raise SourceError(f"{table}: give `files`: a path, a list of paths or a glob such as 'log-*.csv.gz'")
    return tuple(files)
