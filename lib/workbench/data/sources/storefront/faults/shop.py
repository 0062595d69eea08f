"""What every planted fault is made with: a shop's tables, the rows still free, and the record of what changed."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.data.contract import COLUMNS

KEYS = {"items": "item_id", "users": "user_id", "events": "event_id"}
HAN = re.compile(r"[\u4e00-\u9fff]")
Row = dict[str, Any]


class Kind(NamedTuple):
    """What is wrong in one sentence, the quality dimension it hurts, and the table it is planted in."""

    wrong: str
    dimension: str
    table: str


PLANTERS: dict[str, tuple[Kind, "Callable[[Shop], None]"]] = {}


def fault(table: str, dimension: str) -> "Callable[[Callable[[Shop], None]], Callable[[Shop], None]]":
    """Register a function that plants one fault: its name is the kind's name, its docstring says what is wrong."""

    def register(planter: "Callable[[Shop], None]") -> "Callable[[Shop], None]":
        PLANTERS[planter.__name__] = (Kind(str(planter.__doc__), dimension, table), planter)
        return planter

    return register


def chinese(text: object) -> bool:
    """Whether a text holds Chinese characters."""
    return isinstance(text, str) and HAN.search(text) is not None


def present(value: object) -> bool:
    """Whether a cell holds something: neither null nor an empty text."""
    return not (value is None or value is pd.NA or value is pd.NaT or value != value or value == "")


class Shop:
    """The tables while faults are planted: originals stay as they are, changes are collected and applied at the end."""

    def __init__(self, tables: Mapping[str, pd.DataFrame], seed: int) -> None:
        for name, key in KEYS.items():
            lacking = [c for c in COLUMNS[name] if name not in tables or c not in tables[name].columns]
            if lacking:
                raise ValueError(f"table '{name}' lacks {', '.join(lacking)}; give the canonical table (key {key})")
        self.tables = {name: tables[name].reset_index(drop=True) for name in KEYS}
        self.seed = seed
        self.used = {name: np.zeros(len(frame), dtype=bool) for name, frame in self.tables.items()}
        self.cache: dict[Any, Any] = {}
        self._edits: dict[tuple[str, str], dict[int, Any]] = defaultdict(dict)
        self._added: dict[str, list[Row]] = {name: [] for name in KEYS}
        self._touched: dict[tuple[str, int], tuple[str, str, set[str]]] = {}
        self._ids: dict[str, set[str]] = {}
        self.begin("", "", 0)

    def begin(self, plant_id: str, kind: str, turn: int) -> None:
        """Start the next plant; `turn` counts the plants of its kind."""
        self.plant_id, self.kind, self._turn = plant_id, kind, turn
        self._offset = int(sha256(f"{self.seed} {kind}".encode()).hexdigest()[:8], 16)
        self.rng = np.random.default_rng([self.seed, self._offset, turn])

    def turn(self, options: Sequence[Any]) -> Any:
        """The option of this plant: the plants of one kind go through all of them."""
        return options[(self._offset + self._turn) % len(options)]

    def pick(self, options: Sequence[Any] | np.ndarray) -> Any:
        """One option at random."""
        return options[int(self.rng.integers(len(options)))]

    def between(self, low: float, high: float) -> float:
        """A number at random in [low, high)."""
        return float(self.rng.uniform(low, high))

    def size(self, low: int, high: int, share: float = 0.002) -> int:
        """Rows of a plant that is a crowd: about a share of the events, within [low, high]."""
        return int(np.clip(len(self.tables["events"]) * share * self.between(0.5, 1.5), low, high))

    def array(self, table: str, column: str) -> np.ndarray:
        """An original column as objects, in row order."""
        key = ("array", table, column)
        if key not in self.cache:
            self.cache[key] = self.tables[table][column].to_numpy(dtype=object)
        return self.cache[key]

    def has(self, table: str, column: str) -> np.ndarray:
        """Where an original column holds something."""
        key = ("has", table, column)
        if key not in self.cache:
            values = self.tables[table][column]
            self.cache[key] = (values.notna() & (values != "").fillna(False)).to_numpy(dtype=bool)
        return self.cache[key]

    def group(self, column: str) -> dict[Any, np.ndarray]:
        """Rows of events by the value of a column."""
        if ("group", column) not in self.cache:
            frame = self.tables["events"].reset_index(drop=True)
            self.cache["group", column] = frame.groupby(column).indices
        return self.cache["group", column]

    def typed(self, *types: str) -> np.ndarray:
        """Where the original events are of these types."""
        if ("typed", types) not in self.cache:
            self.cache["typed", types] = self.tables["events"]["event_type"].isin(types).to_numpy(dtype=bool)
        return self.cache["typed", types]

    def too_small(self, table: str, need: str) -> ValueError:
        """The error of a table in which no suitable row is left."""
        return ValueError(
            f"table '{table}' ({len(self.tables[table])} rows) is too small for this many plants of kind '{self.kind}' "
            f"as it needs {need}; give more rows, a smaller count or other kinds"
        )

    def take(
        self,
        table: str,
        mask: np.ndarray | None = None,
        test: Callable[[int], bool] | None = None,
        prefer: np.ndarray | None = None,
        need: str = "an untouched row",
    ) -> int:
        """A random row that no plant has used, in `mask` and passing `test`, out of `prefer` where that can be."""
        free = ~self.used[table] if mask is None else ~self.used[table] & mask
        for rows in [free] if prefer is None else [free & prefer, free & ~prefer]:
            candidates = np.flatnonzero(rows)
            chosen = self.rng.permutation(candidates) if test else self.rng.permutation(candidates)[:1]
            for row in chosen:
                if test is None or test(int(row)):
                    self.used[table][row] = True
                    return int(row)
        raise self.too_small(table, need)

    def keep(self, table: str, row: int) -> None:
        """Keep other plants off a row that makes a fault visible, as the original of a duplicate does."""
        if row < len(self.used[table]):
            self.used[table][row] = True

    def get(self, table: str, row: int, column: str) -> Any:
        """A cell as it was, or as an added row has it."""
        originals = len(self.tables[table])
        if row >= originals:
            return self._added[table][row - originals][column]
        return self.tables[table][column].iloc[row]

    def row(self, table: str, row: int) -> Row:
        """A copy of a whole row."""
        return {str(column): self.get(table, row, str(column)) for column in self.tables[table].columns}

    def touch(self, table: str, row: int, *columns: str) -> None:
        """Note a row in the truth."""
        self.keep(table, row)
        self._touched.setdefault((table, row), (self.plant_id, self.kind, set()))[2].update(columns)

    def edit(self, table: str, row: int, **changes: Any) -> None:
        """Change cells of a row."""
        self.touch(table, row, *changes)
        originals = len(self.tables[table])
        if row >= originals:
            self._added[table][row - originals].update(changes)
            return
        for column, value in changes.items():
            self._edits[table, column][row] = value

    def add(self, table: str, values: Row) -> int:
        """Append a row."""
        self._added[table].append(dict(values))
        row = len(self.tables[table]) + len(self._added[table]) - 1
        self.touch(table, row)
        return row

    def fresh(self, column: str) -> str:
        """An id that no row has, in the form of the column's other ids."""
        table = next(name for name in ("items", "users", "events") if column in self.tables[name].columns)
        known = self._ids.setdefault(column, set())
        if ("ids", column) not in self.cache:
            values = [v for v in pd.unique(self.array(table, column)) if isinstance(v, str) and v] or [f"{column[0]}1"]
            known.update(values)
            parts = pd.Series(values).str.extract(r"^(.*?)(\d{1,15})$")
            tops = parts[1].astype("float64").groupby(parts[0]).max()
            regular = parts[1].notna().all() and len(tops) <= 5
            self.cache["ids", column] = (values, {str(k): int(v) for k, v in tops.items()} if regular else {})
        values, last = self.cache["ids", column]
        template = self.pick(values)
        while True:
            new = _next(template, last) if last else self._alike(template)
            template += "0" if new in known and not last else ""
            if new not in known:
                known.add(new)
                return new

    def _alike(self, template: str) -> str:
        """An id with other digits; with other hexadecimal signs where it has nothing else."""
        signs = "0123456789abcdef" if re.fullmatch(r"[0-9a-f-]{8,}", template) else "0123456789"
        return "".join(self.pick(signs) if c in signs else c for c in template)

    def finish(self) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
        """Apply all changes: the changed tables, and the truth."""
        tables = {name: self._changed(name) for name in KEYS}
        rows = [
            (plant, kind, table, tables[table][KEYS[table]].iloc[row], next(iter(columns)) if len(columns) == 1 else "")
            for (table, row), (plant, kind, columns) in self._touched.items()
        ]
        truth = pd.DataFrame(rows, columns=["plant_id", "kind", "table", "key", "column"], dtype="str")
        return tables, truth.sort_values("plant_id", kind="stable", ignore_index=True)

    def _changed(self, table: str) -> pd.DataFrame:
        frame = self.tables[table].copy()
        if self._added[table]:
            new = {c: _like([r[c] for r in self._added[table]], frame[c]) for c in frame.columns}
            frame = pd.concat([frame, pd.DataFrame(new)], ignore_index=True)
        for (name, column), cells in self._edits.items():
            if name == table:
                values = _like(list(cells.values()), frame[column])
                if values.dtype != frame[column].dtype:
                    frame[column] = frame[column].astype(values.dtype)
                frame.iloc[list(cells), frame.columns.get_loc(column)] = values.array  # type: ignore[index]
        return frame


def _next(template: str, last: dict[str, int]) -> str:
    """The number after the highest one of a prefix, as wide as its others where they start with zeros."""
    prefix, digits = re.fullmatch(r"(.*?)(\d+)", template).groups()  # type: ignore[union-attr]
    last[prefix] += 1
    return f"{prefix}{last[prefix]:0{len(digits) if digits.startswith('0') else 1}d}"


def _like(values: list[Any], column: pd.Series) -> pd.Series:
    dtype: Any = column.dtype
    if dtype.kind in "iu" and isinstance(dtype, np.dtype) and not all(present(v) for v in values):
        dtype = "Int64"  # numpy's integers hold no null
    if dtype.kind == "M":
        return pd.Series(
            pd.to_datetime(pd.Series(values, dtype=object), utc=getattr(dtype, "tz", None) is not None)
        ).astype(dtype)
    if not (pd.api.types.is_object_dtype(dtype) or isinstance(dtype, np.dtype)):
        values = [None if v is pd.NA or v != v else v for v in values]
    return pd.Series(values, dtype=dtype)
