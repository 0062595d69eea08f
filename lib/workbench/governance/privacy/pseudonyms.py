"""Pseudonyms: a user's id under a key, so that who lacks the key can neither undo it nor try all ids.

HMAC-SHA256 (RFC 2104, FIPS 198-1), of which the first 128 bits are kept: among a billion users two meet with a
probability below 1e-20. A plain hash would do nothing of the kind: ids are few, and all can be tried.
"""

import hashlib
import hmac
from collections.abc import Callable

import ibis
import pyarrow as pa
import pyarrow.compute as pc
from ibis.expr.types import StringValue

LENGTH = 32  # hexadecimal digits: 128 bits


def pseudonym(secret: bytes, user_id: str) -> str:
    """The pseudonym of an id, as 32 hexadecimal digits."""
    return hmac.new(secret, user_id.encode(), hashlib.sha256).hexdigest()[:LENGTH]


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
