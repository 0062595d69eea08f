"""A shop's own rules: written as data in its parameters file, or as a Python module that defines `RULES`.

- name: less than the minimum order
  dimension: accuracy
  table: events
  failing: event_type = 'purchase' AND quantity < minimum_quantity
  action: quarantine
  needs: [events.minimum_quantity]
"""

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import ibis
from ibis.expr.datatypes import DataType
from ibis.expr.types import BooleanValue, Table, Value

from workbench.data.contract import COLUMNS
from workbench.governance import formulas
from workbench.governance.formulas import Formula, FormulaError
from workbench.governance.quality import DIMENSIONS, Action, Rule, Severity, Tables
from workbench.spelling import nearest

KEYS = (
    "name", "dimension", "table", "failing", "key", "action", "severity", "repair", "columns", "needs",
)  # fmt: skip
OWN_TABLES = ("promotions", "audience", "calendar")  # of sources, beyond the contract
CHOICES = {"dimension": DIMENSIONS, "action": get_args(Action), "severity": get_args(Severity)}


class RuleError(ValueError):
    """A declared rule is not right; the message says which and why."""


def declare(rows: Iterable[Mapping[str, Any]], tables: Tables | None = None) -> list[Rule]:
    """Rules from data; all are checked before any is used.

    Args:
        rows: one mapping a rule. `name`, `dimension`, `table`; `failing`, the condition of failing rows as an SQL
            expression over the table's columns in DuckDB's dialect, or `key`, a list of columns that must not repeat;
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
        if any(rule.name == row["name"] for rule in rules):
            raise RuleError(f"two rules have the name '{row['name']}'")
        try:
            rules.append(_rule(row, tables))
        except FormulaError as error:
            raise RuleError(f"rule '{row['name']}': {error}") from error
    return rules


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
    known = list(tables) if tables is not None else [*COLUMNS, *OWN_TABLES]
    if name not in known:
        raise FormulaError(f"names an unknown table '{name}'{nearest(name, known)}")
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
    if ("failing" in row) == ("key" in row):
        raise FormulaError("needs one of `failing`, an SQL condition, and `key`, columns that must not repeat")
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
