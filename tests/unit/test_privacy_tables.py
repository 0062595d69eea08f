"""Pseudonyms and placeholders over whole tables, and in what a report shows of them."""

import json

import ibis
import pandas as pd
import pytest

from workbench.data import engine
from workbench.governance.privacy import pseudonyms
from workbench.governance.privacy.masking import UNREAD, Mask
from workbench.governance.privacy.texts import redact_tables

SECRET = bytes(range(32))
MAIL, CARD = "ann.lee@example.com", "4111 1111 1111 1111"


@pytest.fixture
def con():
    return engine.connect("500MB", threads=1)


@pytest.fixture
def tables(con):
    events = pd.DataFrame({
        "event_id": [f"e{i}" for i in range(6)],
        "user_id": ["u1", "u1", "u2", None, None, "u1"],
        "query": [f"order of {MAIL}", "red shoes", f"for {MAIL}", f"mail {MAIL}", None, f"order of {MAIL}"],
        "text": [f"paid with {CARD}", f"write to bob@example.org or {MAIL}", None, "", "good", None],
    })  # fmt: skip
    return {"events": con.create_table("events", events), "items": con.create_table("items", events[["event_id"]])}


def test_personal_data_are_replaced_and_all_else_stays(con, tables):
    found, counts = redact_tables(con, tables, ["events.query", "events.text", "events.gone", "texts.text"])
    events = found["events"].order_by("event_id").execute()
    assert found["items"] is tables["items"]
    assert tuple(events.columns) == tables["events"].columns
    query = [None if pd.isna(each) else each for each in events["query"]]
    assert query == ["order of [EMAIL_1]", "red shoes", "for [EMAIL_1]", "mail [EMAIL_1]", None, "order of [EMAIL_1]"]
    text = [None if pd.isna(each) else each for each in events["text"]]
    assert text == ["paid with [CARD_1]", "write to [EMAIL_2] or [EMAIL_1]", None, "", "good", None]
    sums = counts.set_index(["column", "kind"])["finds"]
    assert sums["query", "EMAIL"] == 3  # distinct texts of a user: one of three rows is written twice
    assert sums["text", "CARD"] == 1


def test_tables_without_personal_data_are_the_ones_given(con, tables):
    plain = {"events": tables["events"].mutate(query=ibis.literal("shoes"), text=ibis.literal("good"))}
    found, counts = redact_tables(con, plain, ["events.query", "events.text"])
    assert found["events"] is plain["events"]
    assert counts.empty


def test_ids_made_of_a_users_id_hold_its_pseudonym(con):
    rows = pd.DataFrame({
        "user_id": ["u1", "u12", None], "group_id": ["u1-03", "u1-03", "q7"], "pair_id": ["u1-03-9", "u12-9", "q7-9"],
        "candidate_id": ["u1-9", "9", "9"], "session_id": ["u1", "x", "y"], "label": [1, 0, 1],
    })  # fmt: skip
    one, twelve = (pseudonyms.pseudonym(SECRET, each) for each in ("u1", "u12"))
    made = pseudonyms.in_table(con.create_table("pairs", rows), SECRET).execute()
    made = made.sort_values("candidate_id", ascending=False).set_index("label", append=True)
    found = {tuple(None if pd.isna(v) else v for v in row) for row in made.itertuples(index=False)}
    assert found == {
        (one, f"{one}-03", f"{one}-03-9", "u1-9", one),
        (twelve, "u1-03", f"{twelve}-9", "9", pseudonyms.pseudonym(SECRET, "x")),
        (None, "q7", "q7-9", "9", pseudonyms.pseudonym(SECRET, "y")),
    }


def test_an_id_made_of_an_orders_id_hides_the_order(con):
    rows = pd.DataFrame({
        "event_id": ["77-9", "e4", "u1-3"], "user_id": ["u1", None, "u1"], "order_id": ["77", "78", None],
        "item_id": ["9", "4", "3"],
    })  # fmt: skip
    order, user = (pseudonyms.pseudonym(SECRET, each) for each in ("77", "u1"))
    made = pseudonyms.in_table(con.create_table("events", rows), SECRET).execute()
    assert set(made["event_id"]) == {f"{order}-9", "e4", f"{user}-3"}
    assert Mask(SECRET).frame(rows)["event_id"].tolist() == [f"{order}-9", "e4", f"{user}-3"]


def test_a_documents_id_keeps_its_kind_alone(con):
    table = con.create_table("corpus", pd.DataFrame({"doc_id": ["item-7", "basket-u1-03"], "text": ["a", "b"]}))
    found = set(pseudonyms.in_table(table, SECRET).execute()["doc_id"])
    assert found == {"item-7", "basket-" + pseudonyms.pseudonym(SECRET, "basket-u1-03")}


def test_a_mask_hides_people_in_rows_and_in_records():
    mask = Mask(SECRET, {"users": "user_id", "events": "event_id"})
    alias = pseudonyms.pseudonym(SECRET, "u1")
    rows = pd.DataFrame({"user_id": ["u1"], "event_id": ["u1-4"], "text": [MAIL], "price": [4.5], "item_id": ["u1"]})
    assert mask.frame(rows).iloc[0].to_dict() == {
        "user_id": alias, "event_id": f"{alias}-4", "text": "[EMAIL_1]", "price": 4.5, "item_id": "u1",
    }  # fmt: skip
    whole = json.dumps({"user_id": "u1", "text": f"I am at {MAIL}", "value": 3})
    record = pd.DataFrame({
        "rule": ["r", "r", "r"], "table": ["users", "events", "events"], "key": ["u1", "e1", "e2"],
        "column": ["user_id", "text", "(row)"], "before": ["u1 ", MAIL, None], "after": ["u1", "", whole],
    })  # fmt: skip
    shown = mask.frame(record)
    assert shown["key"].tolist() == [alias, "e1", "e2"]
    assert shown["after"].tolist()[0] == alias
    assert "u1" not in shown["before"].tolist()[0]
    assert shown["before"].tolist()[1] == "[EMAIL_1]"
    assert json.loads(shown["after"].tolist()[2]) == {"user_id": alias, "text": "I am at [EMAIL_1]", "value": 3}
    aside = pd.DataFrame({"table": ["events"] * 2, "key": ["e1", "f:3"], "reasons": ["x"] * 2, "row": [whole, "u1;9"]})
    assert mask.frame(aside)["row"].tolist() == [shown["after"].tolist()[2], UNREAD]


def test_a_masks_secret_is_not_shown():
    assert str(SECRET) not in repr(Mask(SECRET))


def test_rows_stay_in_the_order_of_the_raw_ids(con, tmp_path):
    """Which order a file has decides in which order a model sees its rows: it must not depend on the key."""
    rows = pd.DataFrame({"user_id": [f"u{i % 977}" for i in range(300_000)], "place": range(300_000)})
    table = con.create_table("many", rows).order_by("user_id", "place")
    pseudonyms.in_table(table, SECRET).to_parquet(tmp_path / "many.parquet")
    saved = pd.read_parquet(tmp_path / "many.parquet")
    expected = rows.sort_values(["user_id", "place"])
    assert saved["place"].tolist() == expected["place"].tolist()
    assert saved["user_id"].tolist() == [pseudonyms.pseudonym(SECRET, each) for each in expected["user_id"]]


def test_where_nobody_is_in_the_data_ids_stay(con):
    table = con.create_table("asked", pd.DataFrame({"user_id": ["t40"], "group_id": ["t40"]}))
    assert pseudonyms.in_table(table, SECRET, people=False) is table
