"""Columns that hold few values: spellings of one value, values that hardly occur, and which is meant.

What is common in the data itself is taken for right: nothing here knows a brand, a currency or a country.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from functools import reduce

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import Column, Table, Value
from rapidfuzz import process
from rapidfuzz.distance import OSA

from workbench.data import engine

COMMONER = 4  # a spelling is a variant of another only if the other is at least this many times as common
MOST = 20_000  # distinct values up to which misspellings are looked for; the work grows with their square
SHORTEST = 4  # letters below which one letter more makes another word: "Nike" may be misspelt, "HP" may not
SHORTEST_HAN = 3
SLIPS, SLIPS_SHARE = 3, 0.002  # a misspelling occurs at most so often, in so large a share of the rows
FEW = 100  # distinct values up to which a column counts as one that holds a fixed set
RARE_ROWS, RARE_SHARE = 2, 0.005  # a value of a fixed set that occurs so seldom, in so many rows, is suspect
ENOUGH = 200  # rows below which nothing can be called rare


def counts(con: ibis.BaseBackend, values: Column) -> pd.DataFrame:
    """How often each value occurs: value, n; the commonest first, equally common ones by value."""
    table = values.as_table()
    grouped = table.rename(value=values.get_name()).filter(_.value.notnull()).group_by("value").agg(n=_.count())
    frame = con.to_pandas(grouped)
    text = frame["value"].astype("str")
    frame["loud"] = (text == text.str.upper()) | (text == text.str.lower())  # of two equally common: "Nike", not "NIKE"
    frame = frame.sort_values(["n", "loud", "value"], ascending=[False, True, True], ignore_index=True)
    return frame[["value", "n"]]


def fold(value: str) -> str:
    """What spellings of one name share: no case, accents, width, spaces or punctuation."""
    flat = unicodedata.normalize("NFKD", value).casefold()
    return "".join(char for char in flat if char.isalnum())


def variants(counted: pd.DataFrame, allowed: Iterable[str] = ()) -> dict[str, str]:
    """Which values are spellings of a commoner one.

    Two spellings are one name if they differ in case, accents, width, spaces and punctuation only, or if the rarer is
    within one edit of the commoner (two from nine letters on; optimal string alignment, so that swapped letters are
    one edit) and of no other. Digits are never an edit: "Series 3" and "Series 4" are two names.

    Args:
        counted: value and n, the commonest first, as `counts` gives them.
        allowed: values that are right whatever their count, such as the contract's event types.

    Returns:
        The meant value by variant.

    """
    known, fixed = dict(zip(counted["value"], counted["n"], strict=True)), set(allowed)
    ranked = [*fixed, *(value for value in known if value not in fixed)]
    first: dict[str, str] = {}
    found: dict[str, str] = {}
    for value in ranked:
        key = fold(value)
        if key and first.setdefault(key, value) != value:
            found[value] = first[key]
    keys = sorted(first, key=lambda key: (first[key] not in fixed, -known.get(first[key], 0), key))
    if len(keys) > MOST:
        return found
    most = max(SLIPS, SLIPS_SHARE * sum(known.values()))
    slips = [
        key for key in keys if first[key] not in fixed and len(key) >= _shortest(key) and known[first[key]] <= most
    ]
    meant = {first[key]: first[near] for key in slips if (near := _near(key, keys, first, known, fixed))}
    chained = {value: meant.get(target, target) for value, target in found.items()}
    return meant | chained


def _near(key: str, keys: list[str], first: Mapping[str, str], known: Mapping[str, int], fixed: set[str]) -> str:
    """The one name that a slip can have been meant for; "" where several are as near, as short names often are."""
    most, own = 2 if len(key) >= 9 else 1, known[first[key]]
    others = [other for other in keys if other != key and (first[other] in fixed or known[first[other]] > own)]
    hits = process.extract(key, others, scorer=OSA.distance, score_cutoff=most, limit=2)
    if len(hits) != 1 or not _letters_only(key, hits[0][0]):
        return ""
    name = first[hits[0][0]]
    return hits[0][0] if name in fixed or known[name] >= COMMONER * own else ""


def _letters_only(one: str, other: str) -> bool:
    digits = ["".join(char for char in text if char.isdigit()) for text in (one, other)]
    return digits[0] == digits[1]


def _shortest(key: str) -> int:
    return SHORTEST if key.isascii() else SHORTEST_HAN


def rare(counted: pd.DataFrame) -> list[str]:
    """Values that occur once or twice in a column that otherwise holds a small fixed set."""
    rows = int(counted["n"].sum())
    if rows < ENOUGH:
        return []
    seldom = counted["n"] <= max(RARE_ROWS, int(RARE_SHARE * rows) if len(counted) < 10 else RARE_ROWS)
    common = counted[~seldom]
    fixed = 0 < len(common) <= FEW and len(counted) <= 2 * FEW and common["n"].min() >= 5 * RARE_ROWS
    return list(counted.loc[seldom, "value"]) if fixed and common["n"].sum() >= 0.95 * rows else []


def spelled(
    con: ibis.BaseBackend, table: Table, columns: Iterable[str], name: str, allowed: Mapping[str, Iterable[str]]
) -> Table:
    """The table with, for each column, `<column>_meant` (null unless a variant) and `<column>_rare` (whether rare)."""
    for column in columns:
        counted = counts(con, table[column])
        meant = variants(counted, allowed.get(column, ()))
        seldom = set(rare(counted)) - set(meant) - set(allowed.get(column, ()))
        if len(meant) + len(seldom) <= FEW:
            found = {"meant": lookup(table[column], meant, "string"), "rare": among(table[column], seldom)}
            table = table.mutate(**{f"{column}_{what}": value for what, value in found.items()})
        else:
            table = _joined(con, table, column, meant, seldom, f"{name}_{column}_spellings")
    return table


def among(column: Value, values: Iterable[object]) -> Value:
    """Whether a value is one of these; false for none, also of no values."""
    listed = sorted(values)  # type: ignore[type-var]
    return column.isin(listed) if listed else ibis.literal(False)


def lookup(column: Value, values: Mapping[str, object], kind: str) -> Value:
    """The value that a mapping of few entries gives for each row; null where it has none."""
    cases = [(column == key, ibis.literal(value).cast(kind)) for key, value in values.items()]
    return ibis.cases(*cases, else_=ibis.null(kind)) if cases else ibis.null(kind)


def _joined(
    con: ibis.BaseBackend, table: Table, column: str, meant: Mapping[str, str], seldom: set[str], name: str
) -> Table:
    values = sorted({*meant, *seldom})
    frame = pd.DataFrame({
        f"{column}_value": values, f"{column}_meant": [meant.get(value) for value in values],
        f"{column}_rare": [value in seldom for value in values],
    })  # fmt: skip
    schema = {f"{column}_value": "string", f"{column}_meant": "string", f"{column}_rare": "boolean"}
    kept = engine.keep(con, name, ibis.memtable(frame, schema=schema))
    return table.left_join(kept, table[column] == kept[f"{column}_value"]).drop(f"{column}_value")


def any_of(conditions: Iterable[Value]) -> Value:
    """Whether one of the conditions holds; null counts as no."""
    return reduce(lambda a, b: a | b, [condition.fill_null(False) for condition in conditions], ibis.literal(False))
