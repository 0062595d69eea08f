"""Corrections of labels by a person: read and written as they are, applied, recorded, and nothing is lost."""

import json
from pathlib import Path

import ibis
import pandas as pd
import pytest

from workbench.data import contract, engine
from workbench.governance import cleaning, quality
from workbench.governance.cleaning.record import BY_THEN
from workbench.governance.cleaning.replay import replay
from workbench.governance.labels import corrections, reviews
from workbench.governance.labels.corrections import CorrectionsError
from workbench.governance.quality import Rule


def decided(*rows: tuple[str, str, str, str, str]) -> pd.DataFrame:
    """Corrections of text_id, text, label, decision, new_label."""
    frame = pd.DataFrame(rows, columns=["text_id", "text", "label", "decision", "new_label"])
    return frame.assign(suggested="b", who="me", when="2026-01-01T00:00:00+00:00")[list(corrections.COLUMNS)]


@pytest.fixture
def texts() -> ibis.Table:
    frame = pd.DataFrame(
        {
            "text_id": ["1", "2", "3", "4", "5"],
            "text": ["one", "two", 'drei, "三"\n🙂', "four", "five"],
            "label": ["a", "a", "b", "b", "c"],
            "language": "en",
        }
    )
    return engine.connect("500MB", threads=1).create_table("texts", frame)


def test_corrections_change_what_they_say_and_nothing_is_lost(texts: ibis.Table, tmp_path: Path) -> None:
    given = decided(
        ("1", "one", "a", "fix", "b"),
        ("2", "two", "a", "keep", ""),
        ("3", 'drei, "三"\n🙂', "b", "drop", ""),
        ("4", "four, then", "b", "fix", "a"),
        ("5", "five", "b", "drop", ""),
        ("6", "six", "a", "keep", ""),
    )
    path = corrections.write(tmp_path / "labels" / "corrections.csv", given)
    read = corrections.read(path, classes=["a", "b", "c"])
    pd.testing.assert_frame_equal(read, given.astype("str"))
    done = corrections.apply(texts, read)
    after = done.table.execute().sort_values("text_id")
    assert list(after) == list(texts.columns)
    assert dict(zip(after["text_id"], after["label"], strict=True)) == {"1": "b", "2": "a", "4": "b", "5": "c"}
    assert done.repairs.to_numpy().tolist() == [[corrections.RULE, "texts", "1", "label", "a", "b"]]
    assert list(done.dropped) == ["table", "key", "reasons", "row"]
    assert json.loads(done.dropped["row"].item()) == {
        "text_id": "3", "text": 'drei, "三"\n🙂', "label": "b", "language": "en",
    }  # fmt: skip
    assert len(after) + len(done.dropped) == texts.count().execute()
    assert dict(zip(done.outdated["text_id"], done.outdated["problem"], strict=True)) == {
        "4": "the text has changed since",
        "5": "the label has changed since",
        "6": "the row is gone",
    }


def test_no_corrections_change_nothing(texts: ibis.Table) -> None:
    done = corrections.apply(texts, corrections.empty())
    pd.testing.assert_frame_equal(done.table.order_by("text_id").execute(), texts.order_by("text_id").execute())
    assert (len(done.repairs), len(done.dropped), len(done.outdated)) == (0, 0, 0)
    assert list(done.repairs) == ["rule", "table", "key", "column", "before", "after"]


def test_texts_whose_ids_repeat_or_are_missing_are_refused(texts: ibis.Table) -> None:
    with pytest.raises(CorrectionsError, match="'text_id' repeats"):
        corrections.apply(texts.union(texts), decided(("1", "one", "a", "fix", "b")))
    with pytest.raises(CorrectionsError, match="lacks the column text_id"):
        corrections.apply(texts.drop("text_id"), corrections.empty())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.rename(columns={"new_label": "newlabel"}), "unknown column 'newlabel', did you mean 'new_label'"),
        (lambda c: c.drop(columns="who"), "the column who is missing"),
        (lambda c: c.assign(decision="fixx"), "unknown decision 'fixx', did you mean 'fix'"),
        (lambda c: c.assign(new_label="bb"), "text '1': unknown label 'bb'"),
        (lambda c: c.assign(new_label="a"), "differs from the label 'a'"),
        (lambda c: c.assign(decision="keep"), "only a fix has a new_label"),
        (lambda c: pd.concat([c, c]), "text '1' comes twice"),
    ],
)
def test_a_file_that_is_wrong_gets_one_sentence(tmp_path: Path, change, says: str) -> None:
    path = tmp_path / "c.csv"
    change(decided(("1", "one", "a", "fix", "b"))).to_csv(path, index=False)
    with pytest.raises(CorrectionsError, match=says) as error:
        corrections.read(path, classes=["a", "b"])
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "not a CSV file"), (b"text_id,text\n\xff\xfe,x\n", "not a CSV file in UTF-8"), (None, "does not exist")],
)
def test_a_file_that_is_none_gets_one_sentence(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "c.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CorrectionsError, match=says):
        corrections.read(path)


@pytest.mark.parametrize(
    "text", ["line\r\nbreak", "lone\rreturn", " spaces ", "NA", '"quoted", comma', "=1+1", "红鞋 🙂"]
)
def test_texts_survive_the_file_as_they_are(tmp_path: Path, text: str) -> None:
    given = decided(("007", text, "a", "keep", ""))
    back = corrections.read(corrections.write(tmp_path / "c.csv", given))
    assert back.loc[0, ["text_id", "text"]].tolist() == ["007", text]


def test_a_file_that_a_spreadsheet_saved_is_read(tmp_path: Path) -> None:
    given = decided(("007", "one, two", "a", "fix", "b"), ("008", "red", "a", "keep", ""))
    path = tmp_path / "c.csv"
    path.write_bytes(given.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig"))
    pd.testing.assert_frame_equal(corrections.read(path, ["a", "b"]), given.astype("str"))


# onto what cleaning left

KEYS = {"texts": "text_id", "events": "event_id"}

RULES = [
    rule
    for name, key in KEYS.items()
    for rule in (
        Rule(f"{name} id untidy", "consistency", name, lambda t, _, key=key: t[key] != t[key].strip(), action="repair",
             repair=lambda t, _, key=key: {key: t[key].strip()}),
        Rule(f"{name} text untidy", "consistency", name, lambda t, _: t.text != t.text.strip(), action="repair",
             repair=lambda t, _: {"text": t.text.strip()}),
        Rule(f"{name} empty", "completeness", name, lambda t, _: t.text == "", action="quarantine"),
        Rule(f"{name} id twice", "uniqueness", name, key=(key,), action="quarantine"),
    )
]  # fmt: skip
MOMENTS = pd.to_datetime(["2024-01-01 08:00:00.123456"], utc=True, format="ISO8601").as_unit("us")


def collected(con, name: str, rows: list[tuple], columns: list[str]) -> ibis.Table:
    frame = pd.DataFrame(rows, columns=columns).assign(timestamp=MOMENTS[0])
    return con.create_table(f"raw_{name}", contract.conform(con.create_table(f"given_{name}", frame), name))


@pytest.fixture
def con():
    return engine.connect("500MB", threads=1)


@pytest.fixture
def shop(con) -> dict[str, ibis.Table]:
    """Reviews, and beside them another event; three of the rows share an id, and two ids are untidy."""
    rows = [
        ("e1", "review", "a fine coat", 1.0), ("e2", "review", "tore at once", 5.0), (" e3", "review", "so so", 4.5),
        ("e4", "review", "it came", 1.0), ("e4", "review", "it came late", 1.0), ("e4", "review", "", 0.5),
        ("e5", "purchase", None, 1.0), ("e6", "review", "warm", 1.0), ("e7", "review", "1/3 wool", 1 / 3),
        ("e8", "review", "a bit wide", 1.0), ("e8 ", "review", "too wide", 1.0),
    ]  # fmt: skip
    events = collected(con, "events", rows, ["event_id", "event_type", "text", "value"])
    return {"events": events}


@pytest.fixture
def labelled(con) -> ibis.Table:
    rows = [("t1", "why so late", "card"), ("t2", "my card is gone", "card"), ("t3", "where is it", "card")]
    return collected(con, "texts", rows, ["text_id", "text", "label"])


def clean(con, tables: dict) -> cleaning.Cleaned:
    rules = [rule for rule in RULES if rule.table in tables]
    return cleaning.clean(con, tables, tables, rules, KEYS, quality.measure(tables, rules))


def correct(con, tables: dict, folder: Path, *rows: tuple) -> tuple[cleaning.Cleaned, pd.DataFrame]:
    """Clean and correct; the record must lead from the collected tables to these, and the sums be true."""
    path = corrections.write(folder / "c.csv", decided(*rows))
    done, outdated = corrections.onto(con, clean(con, tables), path)
    again = replay(con, tables, done.repairs, done.merges, done.quarantine, KEYS)
    for name in tables:
        assert as_rows(again[name]) == as_rows(done.tables[name])
        assert done.tables[name].schema() == tables[name].schema()
        figures = done.balance.set_index("table").loc[name]
        assert figures["collected"] == tables[name].count().execute()
        assert figures["clean"] == done.tables[name].count().execute()
        assert figures["quarantined"] == (done.quarantine.execute()["table"] == name).sum()
        assert figures["collected"] == figures[["clean", "quarantined", "merged"]].sum()
    return done, outdated


def as_rows(table: ibis.Table) -> list[str]:
    return sorted(map(str, table.execute().to_numpy().tolist()))


def test_a_fixed_label_is_that_of_its_own_row_alone(con, labelled, tmp_path):
    done, outdated = correct(con, {"texts": labelled}, tmp_path, ("t1", "why so late", "card", "fix", "delay"),
                             ("t3", "where is it", "card", "drop", ""))  # fmt: skip
    texts = done.tables["texts"].order_by("text_id").execute()
    assert texts[["text_id", "label"]].values.tolist() == [["t1", "delay"], ["t2", "card"]]
    assert outdated.empty


def test_reviews_are_kept_fixed_and_dropped(con, shop, tmp_path):
    done, outdated = correct(
        con, shop, tmp_path, ("e1", "a fine coat", "bad", "fix", "good"), ("e2", "tore at once", "good", "drop", ""),
        ("e3", "so so", "good", "fix", "neutral"), ("e4", "it came", "bad", "fix", "neutral"),
        ("e6", "warm", "bad", "keep", ""), ("e7", "1/3 wool", "bad", "drop", ""),
        ("e8", "a bit wide", "bad", "fix", "good"),
    )  # fmt: skip
    assert outdated.empty
    events = done.tables["events"].execute().set_index("event_id")
    assert events["value"].to_dict() == {"e1": 4.0, "e3": 3.0, "e4": 3.0, "e5": 1.0, "e6": 1.0, "e8": 4.0}
    labels = reviews.from_reviews(done.tables["events"]).execute().set_index("text_id")["label"]
    assert labels.to_dict() == {"e1": "good", "e3": "neutral", "e4": "neutral", "e6": "bad", "e8": "good"}
    repairs = done.repairs.filter(done.repairs.rule == corrections.RULE).order_by("key").execute()
    assert repairs[["table", "key", "column", "before", "after", "copy"]].values.tolist() == [
        ["events", "e1", "value", "1.0", "4.0", BY_THEN], ["events", "e3", "value", "4.5", "3.0", BY_THEN],
        ["events", "e4", "value", "1.0", "3.0", BY_THEN], ["events", "e8", "value", "1.0", "4.0", BY_THEN],
    ]  # fmt: skip  # named by the ids that the person saw
    lost = done.quarantine.filter(done.quarantine.reasons == corrections.DROP_RULE).order_by("key").execute()
    assert lost["key"].tolist() == ["e2", "e7"]
    assert json.loads(lost["row"].iloc[1])["value"] == 1 / 3


def test_what_a_person_saw_otherwise_is_reported(con, shop, tmp_path):
    done, outdated = correct(
        con, shop, tmp_path, ("e1", "a fine boat", "bad", "fix", "good"), ("e2", "tore at once", "bad", "drop", ""),
        ("e5", "warm", "bad", "drop", ""), ("e6", "warm", "bad", "fix", "good"), ("e9", "warm", "bad", "keep", ""),
    )  # fmt: skip
    assert dict(zip(outdated["text_id"], outdated["problem"], strict=True)) == {
        "e1": "the text has changed since", "e2": "the label has changed since", "e5": "the row is gone",
        "e9": "the row is gone",
    }  # fmt: skip
    assert done.tables["events"].filter(ibis._.event_id == "e6").execute()["value"].tolist() == [4.0]
    assert done.tables["events"].count().execute() == 8


def test_a_correction_holds_for_the_table_that_has_its_row(con, shop, labelled, tmp_path):
    done, outdated = correct(
        con, shop | {"texts": labelled}, tmp_path, ("t1", "why so late", "card", "fix", "delay"),
        ("e6", "warm", "bad", "fix", "good"), ("t2", "my card", "card", "drop", ""), ("x", "y", "card", "keep", ""),
    )  # fmt: skip
    changed = done.repairs.filter(done.repairs.rule == corrections.RULE).order_by("table").execute()
    assert changed[["table", "key", "after"]].values.tolist() == [["events", "e6", "4.0"], ["texts", "t1", "delay"]]
    assert dict(zip(outdated["text_id"], outdated["problem"], strict=True)) == {
        "t2": "the text has changed since", "x": "the row is gone",
    }  # fmt: skip


def test_a_source_without_labels_and_a_label_without_stars_are_refused(con, shop, tmp_path):
    with pytest.raises(CorrectionsError, match="unknown label 'god' of a review, did you mean 'good'"):
        correct(con, shop, tmp_path, ("e1", "a fine coat", "bad", "fix", "god"))
    bare = {"events": shop["events"].drop("text")}
    path = corrections.write(tmp_path / "c.csv", decided(("e1", "a fine coat", "bad", "keep", "")))
    done = cleaning.clean(con, bare, bare, [], KEYS, quality.measure(bare, []))
    with pytest.raises(CorrectionsError, match="this source has none"):
        corrections.onto(con, done, path)
