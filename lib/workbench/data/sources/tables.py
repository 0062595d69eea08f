"""The user's own files, brought into the contract by a parameters file alone.

What the files of each canonical table are and which column means what stands in the profile: see
`workbench.data.raw.mapping` for the entries of a table, and parameters/my_shop.yaml for an example of each shape.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import ibis
from ibis.expr.types import StringValue, Table, Value

from workbench.data import contract, engine
from workbench.data.collected import Collected, Shape, SourceError
from workbench.data.raw import findings, mapping, reading
from workbench.data.raw.files import locate
from workbench.data.raw.reading import FileRead
from workbench.data.raw.sql import quoted
from workbench.spelling import nearest

LICENCE = "the user's own data"
CITATION = ""
QUASI_IDENTIFIERS: tuple[str, ...] = ()
SENSITIVE: tuple[str, ...] = ()
PII = ("events.text", "events.query", "judgments.query", "texts.text")
TABLES = ("items", "users", "events", "judgments", "histories", "texts", "offers")
OPTIONS: dict[str, Any] = {"shape": "behaviour", **{table: {} for table in TABLES}}
NEEDED: dict[Shape, tuple[str, ...]] = {
    "behaviour": ("items", "events"),
    "judged": ("items", "judgments"),
    "histories": ("items", "histories"),
    "texts": ("texts",),
}
"""The tables that each shape cannot do without; others are read where they are mapped."""


def folder() -> str:
    """None by itself: without one, `files` are absolute paths or addresses."""
    return ""


def mappings(options: Mapping[str, Any]) -> dict[str, mapping.Mapping]:
    """The checked mapping of each table that the options give.

    Raises:
        SourceError: the shape is unknown, lacks a table, or a table's mapping is wrong.

    """
    shape = options["shape"]
    if shape not in NEEDED:
        raise SourceError(f"there is no shape '{shape}'{nearest(shape, NEEDED)}; shapes are {', '.join(NEEDED)}")
    for table in NEEDED[shape]:
        if not options[table]:
            raise SourceError(f"shape '{shape}' needs {' and '.join(NEEDED[shape])}: add `{table}` to source_options")
    return {table: mapping.check(table, options[table]) for table in TABLES if options[table]}


def people_columns(options: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of the users' table that the profile declares as quasi-identifiers, and as sensitive."""
    users = options["users"]
    return tuple(users.get("quasi_identifiers", ())), tuple(users.get("sensitive", ()))


def files(at: str, options: Mapping[str, Any]) -> dict[str, Path]:
    """The raw files, named table/split/name; remote ones are copied to this machine."""
    found: dict[str, Path] = {}
    for table, mapped in mappings(options).items():
        splits: dict[str, str] = {}
        for split, pattern in mapped.files:
            if not (at or "://" in pattern or Path(pattern).is_absolute()):
                raise SourceError(f"source tables needs the parameter folder: {table}: files: '{pattern}' lies in it")
            for name, path in locate(at, [pattern]).items():
                if splits.setdefault(name, split) != split:
                    raise SourceError(f"{table}: {name} is in the splits {splits[name]} and {split}: keep it in one")
                found[f"{table}/{split}/{name}"] = path
    return found


def collect(con: ibis.BaseBackend, paths: Mapping[str, Path], options: Mapping[str, Any]) -> Collected:
    """Read the files into the tables that are mapped, and `unparsed`.

    Every row of a file is in its table or in `rejected`, as is one that equals another where `distinct` is set.
    `unparsed` (table, key, column, value, problem) lists values that could not be read in their column's type, which
    are null in the row, and lines that had to be repaired.
    """
    return read(con, paths, options)[0]


def read(
    con: ibis.BaseBackend, paths: Mapping[str, Path], options: Mapping[str, Any]
) -> tuple[Collected, list[FileRead]]:
    """What `collect` gives, and what was found in each file."""
    reading.begin(con)
    tables: dict[str, Table] = {}
    found: list[FileRead] = []
    conversions: list[tuple[str, str, str, str]] = []
    notes: list[str] = []
    for table, mapped in mappings(options).items():
        own = {key: path for key, path in paths.items() if key.startswith(f"{table}/")}
        reads = _load(con, mapped, own)
        raw = con.table(f"raw_{table}")
        mapped, signs = findings.settle(mapped, raw)
        tables[table] = _canonical(con, mapped, raw)
        counts = findings.count(mapped, raw, tables[table])
        conversions += findings.conversions(mapped, counts)
        findings.record_unparsed(con, mapped, raw, _key(con, mapped, raw), counts)
        notes += [*findings.of_files(table, reads), *signs, *findings.of_values(mapped, raw, counts)]
        if mapped.given["distinct"]:
            tables[table] = _distinct(con, mapped, raw)
        notes += findings.of_table(mapped, tables[table])
        con.drop_table(f"raw_{table}")
        found += reads
    if "events" in tables and "users" not in tables:
        users = tables["events"].filter(tables["events"].user_id.notnull()).select("user_id").distinct()
        tables["users"] = engine.keep(con, "users", users)
    tables["unparsed"] = con.table(reading.UNPARSED)
    return Collected(tables, options["shape"], conversions, con.table(reading.REJECTED), notes), found


def _load(con: ibis.BaseBackend, mapped: mapping.Mapping, paths: Mapping[str, Path]) -> list[FileRead]:
    """All files of a table into the engine's `raw_<table>`: file (its number), name, split, row, v0, v1, …."""
    table, found = f"raw_{mapped.table}", []
    columns = ", ".join(f"v{i} VARCHAR" for i in range(len(mapped.wanted)))
    con.raw_sql(
        f"CREATE OR REPLACE TABLE {table} (file INTEGER, name VARCHAR, given_split VARCHAR, row BIGINT, {columns})"
    )
    with tempfile.TemporaryDirectory(prefix="workbench-") as scratch:
        for number, (key, path) in enumerate(paths.items(), 1):
            _, split, name = key.split("/", 2)
            part = f"{table}_{number}"
            try:
                one = reading.read(con, part, path, name, mapped.wanted, mapped.format, mapped.table, Path(scratch))
            except SourceError as error:
                raise SourceError(f"{mapped.table}: {error}") from error
            except (OSError, duckdb.Error) as error:
                raise SourceError(f"{mapped.table}: {name} cannot be read: {str(error).splitlines()[0]}") from error
            head = f"{number}, {quoted(name)}, nullif({quoted(split)}, '')"
            con.raw_sql(f"INSERT INTO {table} SELECT {head}, * FROM {part}")
            con.drop_table(part)
            found.append(one)
    if not sum(one.rows for one in found):
        reasons = con.table(reading.REJECTED).order_by("key").limit(1).execute()["reasons"]
        why = f", the first because: {reasons.iloc[0]}" if len(reasons) else ""
        raise SourceError(f"{mapped.table}: no row of {', '.join(one.file for one in found[:5])} can be read{why}")
    return found


def _canonical(con: ibis.BaseBackend, mapped: mapping.Mapping, raw: Table) -> Table:
    """Every row of the files in the columns of the contract, with the user's own ones at the end."""
    made = contract.conform(raw.select(**_columns(con, mapped, raw)), mapped.table)
    return engine.keep(con, mapped.table, made)


def _distinct(con: ibis.BaseBackend, mapped: mapping.Mapping, raw: Table) -> Table:
    """The canonical rows, of equal ones the first in the files; the others are rejected, as the file has them."""
    place = {"(file)": raw.file, "(row)": raw.row}  # no shop's own columns
    made = contract.conform(raw.select(**place, **_columns(con, mapped, raw)), mapped.table)
    columns = [column for column in made.columns if column not in place]
    equal = ibis.window(group_by=columns, order_by=[*place])
    ranked = engine.keep(con, "raw_ranked", made.mutate(**{"(copy)": ibis.row_number().over(equal)}))
    copies = ranked.filter(ranked["(copy)"] > 0)
    later = raw.semi_join(copies, [raw.file == copies["(file)"], raw.row == copies["(row)"]])
    values = ibis.map(ibis.array(mapped.wanted), ibis.array([later[f"v{i}"] for i in range(len(mapped.wanted))]))
    rejected = later.select(
        table=ibis.literal(mapped.table),
        key=_place(later),
        reasons=ibis.literal("equal to another row"),
        row=values.cast("json").cast("string"),
    )
    con.insert(reading.REJECTED, rejected)
    kept = engine.keep(con, mapped.table, ranked.filter(ranked["(copy)"] == 0).select(columns))
    con.drop_table("raw_ranked")
    return kept


def _columns(con: ibis.BaseBackend, mapped: mapping.Mapping, raw: Table) -> dict[str, Value]:
    """Every column that the mapping fills: from the file, constant, or made."""
    made = {column: mapped.value(mapped.text(raw, column), column) for column in mapped.targets}
    for column, constant in mapped.given["constants"].items():
        value = mapped.value(ibis.literal(str(constant)), column)
        if con.execute(value.isnull()):
            raise SourceError(f"{mapped.table}: constants: {column}: {constant!r} is no {mapped.kind(column)}")
        made[column] = value
    if any(split for split, _ in mapped.files):
        made["split"] = raw.given_split
    for column in mapping.MADE.get(mapped.table, ()):
        if column not in made:
            made[column] = _made(column, made, raw)
    return made


def _made(column: str, columns: Mapping[str, Value], raw: Table) -> Value:
    if column == "language":
        return ibis.literal(mapping.LANGUAGE)
    if column == "query_id":
        return columns["query"]
    return raw.file.cast("string") + "-" + raw.row.cast("string")


def _key(con: ibis.BaseBackend, mapped: mapping.Mapping, raw: Table) -> StringValue:
    """What to call a row: by its own id if the table has one, else by file and row."""
    own = next(iter(contract.COLUMNS[mapped.table]))
    return _place(raw) if mapped.table == "judgments" else ibis.coalesce(_columns(con, mapped, raw)[own], _place(raw))


def _place(raw: Table) -> StringValue:
    return raw.name + ":row " + raw.row.cast("string")
