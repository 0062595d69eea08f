"""Rows that repeat a key: which keys, which of their rows stays, and a number for each.

Keys are found exactly, and sparingly: a screen sets most rows aside before any key is counted (`repeated`), and what
was found in a table holds for what is left of it (`Repeats`).
"""

from functools import reduce
from operator import and_

import ibis
from ibis.expr.types import BooleanValue, Table

from workbench.governance.quality.scratch import Scratch

KEY, COPY = "_key", "_copy"
BITS = 62  # of a 64-bit whole number that is never negative


class Repeats:
    """Keys that repeat, by table and key: found once, and sought among those alone in what is left of the table.

    Tables are told apart as objects, so that an expression made anew, or a table kept anew, is a table never seen.
    """

    def __init__(self, con: ibis.BaseBackend) -> None:
        self.scratch = Scratch(con)
        self.known: list[tuple[Table, tuple[str, ...], Table]] = []

    def find(self, table: Table, key: tuple[str, ...]) -> Table:
        """The keys that repeat in a table, as `repeated` gives them, computed and kept."""
        among = self.among(table, key)
        rows = table if among is None else self.scratch.keep("some", table.semi_join(among, list(key)))
        found = self.scratch.keep("repeated", repeated(rows, key))
        self.note(table, key, found)
        return found

    def among(self, table: Table, key: tuple[str, ...]) -> Table | None:
        """Keys among which are all that repeat in the table; None where nothing is known of it."""
        found = [among for known, columns, among in self.known if known is table and columns == key]
        return found[-1] if found else None

    def note(self, table: Table, key: tuple[str, ...], among: Table | None) -> None:
        """Let it be known that no other keys repeat in the table, for it lost rows but got none and no other keys."""
        if among is not None:
            self.known.append((table, key, among))

    def keep(self, among: Table) -> Table:
        """Compute keys once, for as long as this remembers them."""
        return self.scratch.keep("among", among)

    def clear(self) -> None:
        """Forget everything, and drop what was kept."""
        self.known = []
        self.scratch.clear()


def repeated(table: Table, key: tuple[str, ...]) -> Table:
    """Keys that several rows share: the key's columns and `rows`; keys with a null in them repeat nothing.

    Where a column of a longer key holds whole numbers of a small range, the others are grouped first, which makes far
    fewer groups: each number is a bit, and where no key repeats, as many bits are set as there are rows. Only rows of
    the other groups are then counted key by key.
    """
    table = _keyed(table, key)
    if narrow := _narrow(table, key):
        column, least = narrow
        others = [name for name in key if name != column]
        bit = ibis.literal(1, "int64") << (table[column].cast("int64") - least)
        bits = table.select(*others, _bit=bit).group_by(*others)
        groups = bits.agg(_set=lambda t: t["_bit"].bit_or(), _rows=lambda t: t.count())
        table = table.semi_join(groups.filter(bit_count(groups["_set"]) != groups["_rows"]), others)
    return table.group_by(*key).agg(rows=lambda t: t.count()).filter(lambda t: t.rows > 1)


@ibis.udf.scalar.builtin
def bit_count(bits: int) -> int:  # type: ignore[empty-body]
    """How many bits of a whole number are set: a function of the engines, by this name in each."""


def later_copies(table: Table, key: tuple[str, ...]) -> BooleanValue:
    """Whether a row repeats the key of another that sorts before it (by its other columns)."""
    others = [table[column] for column in table.columns if column not in key]
    keyed = reduce(and_, (table[column].notnull() for column in key))
    return keyed & (ibis.row_number().over(ibis.window(group_by=list(key), order_by=others)) > 0)


def split_repeated(
    scratch: Scratch, table: Table, key: tuple[str, ...], among: Table | None = None
) -> tuple[Table, Table] | None:
    """Rows with a key of their own and rows that share one; None where no key repeats.

    Only the second part, which is small, is ever sorted. `among` holds keys of which it is known that no others repeat:
    then only rows with one of these are looked at.
    """
    some = table
    if among is not None:
        if not scratch.count(among):
            return None
        some = scratch.keep("some", table.semi_join(among, list(key)))
    many = scratch.keep("repeated", repeated(some, key))
    if not scratch.count(many):
        return None
    return table.anti_join(many, list(key)), some.semi_join(many, list(key))


def numbered(scratch: Scratch, table: Table, key: str, columns: list[str]) -> Table:
    """The table with a name for every row: `_key`, its key as text ("" for null), and `_copy`.

    `_copy` is 0 where one row has the key; else the rows of a key count from 1 in the order of their `columns`, so that
    the collected table gives the same numbers again. Rows that are wholly equal are one as good as the other.
    """
    named = table.mutate(**{KEY: table[key].cast("string").fill_null("")})
    parts = split_repeated(scratch, named, (KEY,))
    if parts is None:
        return named.mutate(**{COPY: ibis.literal(0, "int64")})
    sole, shared = parts
    place = ibis.row_number().over(ibis.window(group_by=KEY, order_by=[shared[column] for column in columns]))
    return sole.mutate(**{COPY: ibis.literal(0, "int64")}).union(shared.mutate(**{COPY: place + 1}))


def _keyed(table: Table, key: tuple[str, ...]) -> Table:
    return table.filter([table[column].notnull() for column in key])


def _narrow(table: Table, key: tuple[str, ...]) -> tuple[str, int] | None:
    """The column of a longer key with the widest range of at most `BITS` whole numbers, and its least."""
    kinds = {column: table[column].type() for column in key}
    whole = [column for column, kind in kinds.items() if kind.is_integer() and not kind.is_uint64()]  # int64 holds them
    if len(key) < 2 or not whole:
        return None
    ends = {f"{end}{i}": getattr(table[column], end)() for i, column in enumerate(whole) for end in ("min", "max")}
    found = table.aggregate(**ends).to_pyarrow().to_pylist()[0]
    if found["min0"] is None:
        return None
    ranges = [(found[f"max{i}"] - found[f"min{i}"] + 1, column, found[f"min{i}"]) for i, column in enumerate(whole)]
    fitting = [each for each in ranges if each[0] <= BITS]
    return max(fitting)[1:] if fitting else None
