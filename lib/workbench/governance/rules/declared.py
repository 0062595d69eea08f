"""A shop's own rules: written as data in its parameters file, or as a Python module that defines `RULES`.

- name: less than the minimum order
  dimension: accuracy
  table: events
  failing: event_type = 'purchase' AND quantity < minimum_quantity
  action: quarantine
  needs: [events.minimum_quantity]

- name: brand, from the product's other rows
  dimension: completeness
  table: items
  fill: {column: brand, by: item_id, least: 1}   # or by: category, from: suppliers, agree: 0.9; or instead, mark: brand
"""

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import ibis
from ibis.expr.datatypes import DataType
from ibis.expr.types import BooleanValue, Table, Value

from workbench.data.contract import COLUMNS
from workbench.governance.quality import DIMENSIONS, Action, Rule, Severity, Tables
from workbench.governance.rules import formulas
from workbench.governance.rules.filling import fill
from workbench.governance.rules.formulas import Formula, FormulaError
from workbench.spelling import nearest

KEYS = (
    "name", "dimension", "table", "failing", "key", "fill", "mark", "action", "severity", "repair", "columns", "needs",
)  # fmt: skip
FILL_KEYS = ("column", "by", "from", "least", "agree")
WAYS = ("failing", "key", "fill", "mark")
OWN_TABLES = ("promotions", "audience", "calendar")  # of sources, beyond the contract
CHOICES = {"dimension": DIMENSIONS, "action": get_args(Action), "severity": get_args(Severity)}


class RuleError(ValueError):
    """A declared rule is not right; the message says which and why."""


def declare(rows: Iterable[Mapping[str, Any]], tables: Tables | None = None) -> list[Rule]:
    """Rules from data; all are checked before any is used.

    Args:
        rows: one mapping a rule. `name`, `dimension`, `table`; then one of `failing`, the condition of failing rows as
            an SQL expression over the table's columns in DuckDB's dialect, `key`, a list of columns that must not
            repeat, `fill`, the arguments of `filling.fill` (`column`, `by`; `from`, another table or one of its
            columns, `least`, `agree`), and `mark`, a column whose missing values are counted and stay;
            `action` (`warn` if not given, `repair` where there is a repair), `severity`; `repair`, new values by column
            as SQL expressions; `columns` (those in `failing` if not given) and `needs`, as in `Rule`.
        tables: the shop's tables, if known: then every column must be in them. Else types are those of the contract.

    Raises:
        RuleError: one sentence: a key, table, column or choice is unknown, a part is missing, an SQL expression does
            not parse or is refused by the engine, or two rules have one name.

    """
    rules: list[Rule] = []
    for place, row in enumerate(rows, 1):
        if not isinstance(row, Mapping) or not isinstance(row.get("name"), str):
            raise RuleError(f"rule {place} of the parameters file has no name")
        try:
            rules.append(_rule(row, tables))
        except FormulaError as error:
            raise RuleError(f"rule '{row['name']}': {error}") from error
    check_names(rules)
    return rules


def check_names(rules: Iterable[Rule]) -> None:
    """Refuse two rules of one name: counts and the record tell rules apart by it.

    Raises:
        RuleError: two names are equal, or but for capitals.

    """
    known: dict[str, str] = {}
    for rule in rules:
        folded = rule.name.casefold()
        if folded in known:
            but = "" if known[folded] == rule.name else f", but for capitals ('{known[folded]}')"
            raise RuleError(f"two rules have the name '{rule.name}'{but}: rename one")
        known[folded] = rule.name


def load_module(path: str | Path) -> list[Rule]:
    """The rules of a Python file that defines `RULES`, a sequence of `Rule`.

    Raises:
        RuleError: the file is missing, fails when run, or defines something else.

    """
    path = Path(path)
    if not path.is_file():
        raise RuleError(f"no file of rules at {path}")
    spec = importlib.util.spec_from_file_location(f"rules_of_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RuleError(f"{path} is not a Python file: name it something.py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a shop's own code raises
        raise RuleError(f"{path} fails when it is run: {type(error).__name__}: {error}") from error
    rules = getattr(module, "RULES", None)
    if not isinstance(rules, Sequence) or not all(isinstance(rule, Rule) for rule in rules):
        raise RuleError(f"{path} must define RULES, a tuple of workbench.governance.quality.Rule")
    return list(rules)


@dataclass(frozen=True)
class _Condition:
    """Marks failing rows; as a class, so that two rules never share a variable."""

    formula: Formula

    def __call__(self, table: Table, tables: Tables) -> BooleanValue:
        return self.formula.on(table, ibis.dtype("boolean"))


@dataclass(frozen=True)
class _Repair:
    formulas: Mapping[str, Formula]

    def __call__(self, table: Table, tables: Tables) -> Mapping[str, Value]:
        return {column: formula.on(table, table[column].type()) for column, formula in self.formulas.items()}


def _rule(row: Mapping[str, Any], tables: Tables | None) -> Rule:
    """One rule; FormulaError says what is wrong with it."""
    _check_shape(row)
    name = row["table"]
    _check_table(name, tables)
    if "fill" in row:
        return _fill(row, tables)
    if "mark" in row:
        row = _marked(row)
    types = _types(name, tables)
    closed = types if tables is not None else None
    optional = {need.split(".", 1)[1] for need in row.get("needs", ()) if need.startswith(f"{name}.")}
    failing = _formula("failing", row["failing"], name, types, closed, optional) if "failing" in row else None
    repairs = {
        column: _formula(f"repair of {column}", sql, name, types, closed, optional)
        for column, sql in row.get("repair", {}).items()
    }
    judged = [*(failing.columns if failing else row["key"]), *repairs]
    _check_columns("it", judged, closed, optional)
    try:
        return Rule(
            row["name"],
            row["dimension"],
            name,
            failing=_Condition(failing) if failing else None,
            key=tuple(row.get("key", ())),
            action=row.get("action", "repair" if repairs else "warn"),
            severity=row.get("severity", "medium"),
            repair=_Repair(repairs) if repairs else None,
            columns=tuple(row.get("columns", dict.fromkeys(judged))),
            needs=tuple(row.get("needs", ())),
        )
    except ValueError as error:  # it begins with the rule's name, as every sentence here
        raise RuleError(str(error)) from error


def _fill(row: Mapping[str, Any], tables: Tables | None) -> Rule:
    """A rule that fills a column; FormulaError says what is wrong with it."""
    given, name = row["fill"], row["table"]
    _check_fill(row, given)
    by = [given["by"]] if isinstance(given["by"], str) else given["by"]
    source, _dot, of = given.get("from", "").partition(".")
    if source:
        _check_table(source, tables)
    if tables is not None:
        types, others, of = _types(name, tables), _types(source or name, tables), of or given["column"]
        _check_columns("`fill`", [given["column"], *by], types, set())
        _check_columns("`fill`", [of, *by], others, set())
        if types[given["column"]].is_numeric() != others[of].is_numeric():
            raise FormulaError(f"`fill` would put {others[of]} into '{given['column']}', a {types[given['column']]}")
    own = {key: given[key] for key in ("least", "agree") if key in given}
    own |= {key: row[key] for key in ("name", "dimension", "severity") if key in row}
    try:
        rule = fill(name, given["column"], by, source=source, of=of, **own)
    except ValueError as error:  # it begins with the rule's name, as every sentence here
        raise RuleError(str(error)) from error
    return replace(rule, needs=tuple(dict.fromkeys([*rule.needs, *row.get("needs", ())])))


def _marked(row: Mapping[str, Any]) -> dict[str, Any]:
    """The rule that counts rows without a value, as one with a condition."""
    if not isinstance(row["mark"], str):
        raise FormulaError("`mark` must be the name of a column")
    if "repair" in row:
        raise FormulaError("`mark` leaves a value missing: leave out `repair`, or write `fill` instead")
    column = row["mark"].replace('"', '""')
    return {key: value for key, value in row.items() if key != "mark"} | {"failing": f'"{column}" IS NULL'}


def _check_fill(row: Mapping[str, Any], given: object) -> None:
    if not isinstance(given, Mapping):
        raise FormulaError("`fill` must give `column` and `by`")
    for key in given:
        if key not in FILL_KEYS:
            raise FormulaError(f"unknown key '{key}' of `fill`{nearest(str(key), FILL_KEYS)}")
    by = given.get("by")
    named = isinstance(by, str) or (isinstance(by, list) and by and all(isinstance(each, str) for each in by))
    if not named or not isinstance(given.get("column"), str) or not isinstance(given.get("from", ""), str):
        raise FormulaError("`fill` needs `column`, a name, and `by`, a name or a list of names")
    if clash := [key for key in ("repair", "columns") if key in row]:
        raise FormulaError(f"`fill` says itself what it changes: leave out `{clash[0]}`")
    if row.get("action", "repair") != "repair":
        raise FormulaError("`fill` repairs: to leave a value missing and count it, write `mark` instead")


def _check_table(name: str, tables: Tables | None) -> None:
    known = list(tables) if tables is not None else [*COLUMNS, *OWN_TABLES]
    if name not in known:
        raise FormulaError(f"names an unknown table '{name}'{nearest(name, known)}")


def _check_shape(row: Mapping[str, Any]) -> None:
    for key in row:
        if key not in KEYS:
            raise FormulaError(f"unknown key '{key}'{nearest(str(key), KEYS)}; known are {', '.join(KEYS)}")
    if lacking := [key for key in ("dimension", "table") if not isinstance(row.get(key), str)]:
        raise FormulaError(f"has no {' and no '.join(lacking)}")
    for key, choices in CHOICES.items():
        if key in row and row[key] not in choices:
            raise FormulaError(
                f"unknown {key} '{row[key]}'{nearest(str(row[key]), choices)}; one of {', '.join(choices)}"
            )
    if sum(way in row for way in WAYS) != 1:
        raise FormulaError(
            "needs one of `failing`, an SQL condition, `key`, columns that must not repeat, `fill`, a column and the "
            "key by which its missing values are known, and `mark`, a column whose missing values are counted"
        )
    for key in ("key", "columns", "needs"):
        if not isinstance(row.get(key, []), list) or not all(isinstance(each, str) for each in row.get(key, [])):
            raise FormulaError(f"`{key}` must be a list of names")
    if not isinstance(row.get("repair", {}), Mapping):
        raise FormulaError("`repair` must give an SQL expression for each column")


def _formula(
    what: str, sql: object, table: str, types: Mapping[str, DataType], closed: Iterable[str] | None, optional: set[str]
) -> Formula:
    if not isinstance(sql, str):
        raise FormulaError(f"`{what}` must be text, not {sql!r}")
    try:
        formula = formulas.parse(sql, table)
        if what == "failing" and not formula.columns:
            raise FormulaError("names no column, so that all rows fail or none")
        _check_columns(f"`{what}`", formula.columns, closed, optional)
        formulas.bind(formula, "BOOLEAN" if what == "failing" else "VARCHAR", types)
    except FormulaError as error:
        raise FormulaError(str(error) if str(error).startswith("`") else f"`{what}` {error}") from error
    return formula


def _check_columns(what: str, columns: Iterable[str], closed: Iterable[str] | None, optional: set[str]) -> None:
    """Every column is in the table, or is one without which the rule says that it does not apply."""
    for column in columns:
        if closed is not None and column not in closed and column not in optional:
            raise FormulaError(f"{what} names an unknown column '{column}'{nearest(column, closed)}")


def _types(name: str, tables: Tables | None) -> dict[str, DataType]:
    if tables is not None:
        return dict(tables[name].schema().items())
    return {column: ibis.dtype(kind) for column, kind in COLUMNS.get(name, {}).items()}
