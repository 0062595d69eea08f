import pandas as pd
import pytest

from workbench.data import engine
from workbench.governance.privacy import pseudonyms

SECRET = bytes(range(32))


def test_a_pseudonym_is_the_first_half_of_the_hmac():
    """RFC 4231, test case 2: key "Jefe"."""
    whole = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert pseudonyms.pseudonym(b"Jefe", "what do ya want for nothing?") == whole[:32]


def test_a_column_of_ids_gets_the_pseudonyms_of_its_key():
    con = engine.connect("500MB", threads=1)
    ids = ["u1", "u2", None, "u1", "红鞋", ""] * 3000
    table = con.create_table("t", pd.DataFrame({"place": range(len(ids)), "user_id": ids}))
    named = table.mutate(user_id=pseudonyms.by_key(SECRET)(table.user_id)).order_by("place")
    found = named.execute()["user_id"]
    assert [None if pd.isna(each) else each for each in found] == [
        None if each is None else pseudonyms.pseudonym(SECRET, each) for each in ids
    ]
    other = table.mutate(user_id=pseudonyms.by_key(b"k" * 32)(table.user_id)).execute()["user_id"]
    assert not set(found.dropna()) & set(other.dropna())
    assert "u1" not in set(found)


def test_the_key_is_in_no_query():
    con = engine.connect("500MB", threads=1)
    table = con.create_table("t", pd.DataFrame({"user_id": ["u1"]}))
    sql = str(con.compile(table.mutate(user_id=pseudonyms.by_key(SECRET)(table.user_id))))
    assert SECRET.hex() not in sql
    assert pseudonyms.key_id(SECRET) != pseudonyms.key_id(b"k" * 32)


@pytest.mark.parametrize("user_id", ["", "a" * 1000, "\N{WOMAN}\N{ZERO WIDTH JOINER}", "1"])
def test_any_id_has_one(user_id):
    assert len(pseudonyms.pseudonym(SECRET, user_id)) == pseudonyms.LENGTH
