"""What one user may add to an aggregate: a bounded number of keys, and a bounded value at each.

Two logs are neighbours when one has a user more, with all that the user did (Wilson, Zhang, Lam, Desfontaines,
Simmons-Marengo & Gipson, "Differentially private SQL with bounded user contribution", PoPETs 2020).
"""

from dataclasses import dataclass
from typing import Literal

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import NumericValue, Table

from workbench.data import engine
from workbench.spelling import nearest

Statistic = Literal["count", "sum", "mean"]
STATISTICS = ("count", "sum", "mean")
MOST_UNITS = 2**31  # of one user: sums over 4 billion users still fit 64 bits


class QueryError(ValueError):
    """What is asked cannot be released; the message says what to change."""


@dataclass(frozen=True)
class Query:
    """An aggregate by key that is to be released.

    A user's rows at one key are added up first, and what comes out is clipped to 0 … `clip`.

    Args:
        name: in words, such as "spending by category"; it stands in the ledger.
        statistic: "count" of users, "sum" of their clipped values, or "mean" of these over the users of a key. A count
            of events is the sum of ones, with `clip` the events of a user that count at one key.
        max_keys: keys at which a user counts, at most.
        clip: what a user adds to one key, at most, in the unit of the values.
        unit: values count in whole multiples of it, such as 0.01 for cents: whole numbers take noise that floating
            point does not betray.
        keys: all keys, where they are no secret (a category tree, a calendar); None where a key may exist because of
            one person (a query): then keys of few users do not come out.

    Raises:
        QueryError: it bounds nothing, or not what it should.

    """

    name: str
    statistic: Statistic
    max_keys: int = 1
    clip: float = 1.0
    unit: float = 1.0
    keys: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        what = f"release '{self.name}'"
        if self.statistic not in STATISTICS:
            meant = nearest(self.statistic, STATISTICS)
            raise QueryError(f"{what}: no statistic '{self.statistic}'{meant or ': give count, sum or mean'}")
        if self.max_keys < 1:
            raise QueryError(f"{what}: max_keys is {self.max_keys}, give at least 1")
        if not (0 < self.unit <= self.clip and self.max_keys * self.clip / self.unit <= MOST_UNITS):
            raise QueryError(
                f"{what}: clip is {self.clip:g} and unit {self.unit:g}: give a clip of one unit or more, and a unit so "
                f"coarse that max_keys times clip are {MOST_UNITS:,} units or fewer"
            )
        if self.keys is not None and not (self.keys and all(isinstance(key, str) for key in self.keys)):
            raise QueryError(f"{what}: give public keys as texts, at least one, or None where they are a secret")

    @property
    def most(self) -> dict[str, int]:
        """By how much one user changes the totals of one key, at most: users, and units of value."""
        return {"users": 1, "units": int(self.clip / self.unit + 1e-9)}


def totals(con: ibis.BaseBackend, contributions: Table | pd.DataFrame, query: Query, salt: str = "") -> pd.DataFrame:
    """Exact totals by key over bounded contributions: what noise is put on. They are not to be shown.

    Which keys of a user count is decided by the order of keyed digests of (user, key): like a draw without replacement,
    and the same at each repetition. It depends on the user's own rows and on nobody else's, so one user more or less
    moves nothing for the others, and the totals of all keys together change by `max_keys` times `Query.most` at most.
    Keys that are not in `Query.keys` are dropped before.

    Args:
        con: the engine.
        contributions: user_id, key, value (numbers; not needed for a count). Rows without user or key, and for sums and
            means without a value, count for nothing.
        query: what is asked.
        salt: makes the order of digests its own.

    Returns:
        key, users, units: whole numbers, by key; public keys that nobody has are there with 0, in the order given.

    Raises:
        QueryError: a column is missing, or its values are no numbers.

    """
    rows = _rows(contributions, query)
    each = rows.group_by("user_id", "key").agg(units=_.units.sum())
    order = ibis.window(group_by="user_id", order_by=[engine.digest(each.user_id, each.key, salt=salt), each.key])
    counted = each.mutate(place=ibis.row_number().over(order)).filter(_.place < query.max_keys)
    clipped = ibis.least(ibis.greatest(counted.units, 0), query.most["units"])
    found = con.to_pandas(counted.group_by("key").agg(users=_.count(), units=clipped.sum())).set_index("key")
    keys = sorted(found.index) if query.keys is None else list(dict.fromkeys(query.keys))
    return found.reindex(keys, fill_value=0).astype("int64").rename_axis("key").reset_index()


def _rows(contributions: Table | pd.DataFrame, query: Query) -> Table:
    """The rows that count: user_id and key as text, and the value in whole units."""
    table = ibis.memtable(contributions) if isinstance(contributions, pd.DataFrame) else contributions
    needed = ["user_id", "key"] if query.statistic == "count" else ["user_id", "key", "value"]
    if lacking := [column for column in needed if column not in table.columns]:
        raise QueryError(f"release '{query.name}': the contributions lack {', '.join(lacking)}: rename the columns")
    if "value" in needed and not table["value"].type().is_numeric():
        # said here, because the engine's own message would quote a value
        raise QueryError(f"release '{query.name}': the values are {table['value'].type()}: give numbers")
    units = _units(table["value"], query) if "value" in needed else ibis.literal(1, "int64")
    rows = table.select(user_id=table["user_id"].cast("string"), key=table["key"].cast("string"), units=units)
    rows = rows.filter(_.user_id.notnull() & _.key.notnull() & _.units.notnull())
    if query.keys is None:
        return rows
    public = pd.DataFrame({"key": list(dict.fromkeys(query.keys))}, dtype="str")
    return rows.semi_join(ibis.memtable(public), "key")


def _units(value: NumericValue, query: Query) -> NumericValue:
    """A row's value in whole units, clipped on both sides so that any number fits; null for what is none."""
    number = value.cast("float64")
    bounded = ibis.least(ibis.greatest(number, -query.clip), query.clip)
    none = number.isnull() | number.isnan()  # least and greatest pass over nulls
    return none.ifelse(ibis.null("int64"), (bounded / query.unit).round().cast("int64"))
