"""SQL expressions over one table's columns as values of Ibis expressions.

Each expression becomes a macro of the engine that takes the columns as arguments. Any number of them then stand in one
query like built-in functions, so that rules written in SQL are counted in one pass with all others.
"""

import hashlib
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import ibis
import sqlglot
from ibis.backends.sql.datatypes import DuckDBType
from ibis.expr.datatypes import DataType
from ibis.expr.types import Table, Value
from sqlglot import exp
from sqlglot.errors import SqlglotError

from workbench.spelling import nearest

REFUSED = {exp.Query: "a query of its own", exp.Window: "a window function", exp.AggFunc: "an aggregate"}


class FormulaError(ValueError):
    """An SQL expression cannot be used; the message says why."""


@dataclass(frozen=True)
class Formula:
    """An SQL expression.

    Args:
        sql: the expression, its columns replaced by p0, p1, …
        columns: the columns, in that order.

    """

    sql: str
    columns: tuple[str, ...]

    def on(self, table: Table, kind: DataType) -> Value:
        """The expression's value for each row, as a value of this type."""
        if lacking := [column for column in self.columns if column not in table.columns]:
            raise FormulaError(f"names a column '{lacking[0]}' that is not there{nearest(lacking[0], table.columns)}")
        backend = table.get_backend()
        if backend.name != "duckdb":
            raise FormulaError(f"is SQL for DuckDB, and this engine is {backend.name}: write it in a Python module")
        body = f"CAST(({self.sql}) AS {DuckDBType.to_string(kind)})"
        name = f"formula_{hashlib.sha256(body.encode()).hexdigest()[:16]}"
        names = [f"p{i}" for i in range(len(self.columns))]
        backend.raw_sql(f"CREATE OR REPLACE TEMP MACRO {name}({', '.join(names)}) AS {body}")
        types = tuple(table[column].type() for column in self.columns)
        return _function(name, names, types, kind)(*(table[column] for column in self.columns))


def parse(sql: str, table: str) -> Formula:
    """Read an SQL expression in DuckDB's dialect.

    Raises:
        FormulaError: it does not parse or looks beyond one row of `table`.

    """
    try:
        parsed = sqlglot.parse(f"SELECT ({sql})", dialect="duckdb")
    except SqlglotError as error:
        raise FormulaError(f"does not parse as SQL: {str(error).splitlines()[0]}") from error
    statement = parsed[0]
    if len(parsed) != 1 or not isinstance(statement, exp.Select) or len(statement.expressions) != 1:
        raise FormulaError("is not one SQL expression")
    if {key for key, value in statement.args.items() if value} - {"expressions"}:
        raise FormulaError("is not one SQL expression")
    if not isinstance(statement.expressions[0], exp.Paren):  # as written above, unless the text closed it or is a list
        raise FormulaError("is not one SQL expression")
    return _formula(statement.expressions[0].this, table)


def bind(formula: Formula, kind: str, types: Mapping[str, DataType | None]) -> None:
    """Let the engine check functions and types on no rows; columns whose type is not known fit everywhere.

    Raises:
        FormulaError: with the engine's own words.

    """
    nulls = (
        f"CAST(NULL AS {DuckDBType.to_string(known)})" if (known := types.get(column)) else "NULL"
        for column in formula.columns
    )
    columns = ", ".join(["1 AS one", *(f"{null} AS p{i}" for i, null in enumerate(nulls))])
    with duckdb.connect(":memory:") as engine:
        try:
            engine.execute(f"SELECT CAST(({formula.sql}) AS {kind}) FROM (SELECT {columns}) WHERE false")
        except duckdb.Error as error:
            words = str(error).splitlines()[0]
            for i, column in reversed(list(enumerate(formula.columns))):
                words = words.replace(f"p{i}", column)
            raise FormulaError(f"is refused by the engine: {words}") from error


def _formula(tree: exp.Expression, table: str) -> Formula:
    for kind, words in REFUSED.items():
        if tree.find(kind):
            raise FormulaError(f"holds {words}: a rule looks at one row; write it in a Python module")
    columns: dict[str, int] = {}
    for column in list(tree.find_all(exp.Column, bfs=False)):
        if column.table and column.table != table:
            raise FormulaError(f"names table '{column.table}', but the rule is about '{table}'")
        if isinstance(column.this, exp.Star):
            raise FormulaError("names every column by *: name those that it means")
        place = columns.setdefault(column.name, len(columns))
        column.replace(exp.column(f"p{place}"))
    return Formula(tree.sql("duckdb"), tuple(columns))


def _function(name: str, names: Iterable[str], types: tuple[DataType, ...], kind: DataType) -> Value:
    """A function of the engine, known to Ibis by its name and types."""

    def declared(*_: object) -> None: ...

    parameters = [inspect.Parameter(each, inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in names]
    declared.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return ibis.udf.scalar.builtin(declared, name=name, signature=(types, kind))
