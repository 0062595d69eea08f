"""Pseudonyms: a user's id under a key, so that who lacks the key can neither undo it nor try all ids.

HMAC-SHA256 (RFC 2104, FIPS 198-1), of which the first 128 bits are kept: among a billion users two meet with a
probability below 1e-20. A plain hash would do nothing of the kind: ids are few, and all can be tried.
"""

import hmac
from collections.abc import Callable, Iterable

import ibis
import pyarrow as pa
import pyarrow.compute as pc
from ibis.expr.types import StringValue, Table

LENGTH = 32  # hexadecimal digits: 128 bits
PERSONAL = ("user_id", "session_id", "request_id", "order_id")  # a visit, a list and an order are one person's
GIVEN = ("item_id", "candidate_id")


def pseudonym(secret: bytes, user_id: str) -> str:
    """The pseudonym of an id, as 32 hexadecimal digits."""
    return hmac.digest(secret, user_id.encode(), "sha256").hex()[:LENGTH]


def key_id(secret: bytes) -> str:
    """By what a key is known without telling it: whoever compares or reuses results sees if the key was another."""
    return pseudonym(secret, "the id of this key")[:12]


def by_key(secret: bytes) -> Callable[[StringValue], StringValue]:
    """The pseudonyms of a column of ids, as a function of the engine; null stays null.

    The key goes into the function that the engine calls back, and into no query's text.
    """

    def pseudonyms(user_id: str) -> str:
        ids = pc.dictionary_encode(user_id)
        ids = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
        made = pa.array([pseudonym(secret, each) for each in ids.dictionary.to_pylist()], pa.string())
        return made.take(ids.indices)

    return ibis.udf.scalar.pyarrow(pseudonyms)


def in_table(table: Table, secret: bytes, people: bool = True) -> Table:
    """A table without raw user ids, its rows and their order as they were.

    The columns `PERSONAL` hold pseudonyms. Another id that begins with one of them, as a group "user-week" or an event
    "order-product" does, keeps its rest; of a document's id, which may be made of anything, only its kind is left,
    unless it is a product's.

    Args:
        table: any of a shop's.
        secret: the key of the pseudonyms.
        people: whether the shop's data are about users at all; if not, ids are those of texts and queries, and stay.

    """
    if not people:
        return table
    alias = by_key(secret)
    owners = [column for column in PERSONAL if column in table.columns]
    changed = {column: alias(table[column]) for column in owners}
    for column in (each for each in table.columns if each.endswith("_id") and each not in (*PERSONAL, *GIVEN)):
        given = changed[column] = table[column]
        for owner in (table[each] for each in reversed(owners)):
            made_of_it = (given + "-").startswith(owner + "-")
            changed[column] = made_of_it.ifelse(alias(owner) + given.substr(owner.length()), changed[column])
    if "doc_id" in table.columns:
        kind = table.doc_id.split("-")[0]
        changed["doc_id"] = (kind == "item").ifelse(table.doc_id, kind + "-" + alias(table.doc_id))
    return table.mutate(**changed)


def users(tables: Iterable[Table]) -> list[str]:
    """The raw ids of all users that the tables name, in order."""
    named = [table.select("user_id").distinct() for table in tables if "user_id" in table.columns]
    found = set().union(*(each.to_pyarrow()["user_id"].to_pylist() for each in named)) - {None}
    return sorted(found)
