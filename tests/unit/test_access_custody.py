"""A stage under custody: its tables encrypted by column group, every reading decided and on record."""

import json

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from workbench.artifacts import Stage, StageError, read_json, write_json
from workbench.governance.access import audit, custody, keys, policy, roles
from workbench.governance.access.columns import groups_of
from workbench.governance.access.kms import Tampered
from workbench.governance.privacy.pseudonyms import pseudonym
from workbench.keeping import KeepingError, encrypted

EVENTS = pd.DataFrame({
    "event_id": ["e1", "e2"], "user_id": ["u1", None], "query": ["canary shoes", "红鞋"],
    "value": [1.5, None], "city": ["Bern", "Bonn"],
})  # fmt: skip


@pytest.fixture
def governed(tmp_path, monkeypatch):
    """A stage that has saved its tables and ended ok."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.delenv("WORKBENCH_KEYS", raising=False)
    stage = Stage(tmp_path / "outputs/run/01_governance")
    keeper = custody.guard(stage, "governance", ["city"])
    stage.save_table("data/events.parquet", EVENTS)
    stage.save_table("data/repairs.parquet", EVENTS)
    stage.save_table(custody.USERS, keeper.identities(["u2", "u1", "u2"]))
    return finish(stage)


def finish(stage):
    stage.complete()
    write_json(stage.folder / "status.json", {"status": "ok"})
    return stage


def reader(governed, purpose="training"):
    stage = Stage(governed.folder.with_name("02_pretraining"))
    custody.guard(stage, purpose)
    return stage


def as_role(role, tmp_path, monkeypatch):
    file = keys.open_keys().subset(role, policy.read().groups(role)).save(tmp_path / f"{role}.json")
    monkeypatch.setenv("WORKBENCH_KEYS", str(file))


def log():
    return [json.loads(line) for line in custody.log().read_text().splitlines()]


# ---- tables


def test_a_table_comes_back_and_cannot_be_read_in_the_file(governed):
    back = reader(governed).table("01_governance", "data/events.parquet").to_pandas()
    pd.testing.assert_frame_equal(back, EVENTS)
    for file in governed.folder.rglob("*"):
        assert file.is_dir() or b"canary" not in file.read_bytes()
    assert encrypted(governed.folder / "data/events.parquet")


def test_without_custody_a_reader_is_told_what_to_do(governed):
    with pytest.raises(KeepingError, match=r"is encrypted: call custody.guard\(stage, purpose\)"):
        Stage(governed.folder.with_name("02_pretraining")).table("01_governance", "data/events.parquet")


def test_a_manifest_tells_shape_and_content_and_an_equal_table_has_the_same(governed, tmp_path):
    [entry] = [each for each in read_json(governed.folder / "manifest.json")["outputs"] if "events" in each["path"]]
    assert (entry["rows"], entry["columns"]) == (2, 5)
    other = Stage(tmp_path / "outputs/other/01_governance")
    custody.guard(other, "governance")
    other.save_table("data/events.parquet", EVENTS)
    other.save_table("data/changed.parquet", EVENTS.assign(value=[1.5, 2.0]))
    finish(other)
    again = {each["path"]: each for each in read_json(other.folder / "manifest.json")["outputs"]}
    assert again["data/events.parquet"]["content"] == entry["content"]
    assert again["data/events.parquet"]["sha256"] != entry["sha256"]
    assert again["data/changed.parquet"]["content"] != entry["content"]
    assert "keys.json" not in again


def test_tables_of_the_engine_and_of_arrow_are_kept_too(governed, tmp_path):
    stage = Stage(tmp_path / "outputs/other/01_governance")
    custody.guard(stage, "governance")
    con = ibis.duckdb.connect()
    kept = con.create_table("events", EVENTS)
    stage.save_table("data/aggregates/day.parquet", kept.order_by(kept.event_id.desc()))
    stage.save_table("data/arrow.parquet", pa.table({"a": [[1, 2], None]}))
    assert stage.saved("data/aggregates/day.parquet").read_all()["event_id"].to_pylist() == ["e2", "e1"]
    assert stage.saved("data/arrow.parquet").read_all()["a"].to_pylist() == [[1, 2], None]


def test_columns_go_by_their_groups():
    schema = pa.schema({
        "user_id": pa.string(), "query": pa.string(), "value": pa.float64(), "city": pa.string(), "brand": pa.string(),
        "tags": pa.list_(pa.string()), "item_ids": pa.list_(pa.string()), "at": pa.timestamp("us", "UTC"),
        "said": pa.dictionary(pa.int8(), pa.string()),
    })  # fmt: skip
    assert groups_of("events", schema, ["city"]) == {
        "user_id": "ids", "query": "text", "value": "measures", "city": "quasi", "brand": "measures", "tags": "text",
        "item_ids": "ids", "at": "measures", "said": "text",
    }  # fmt: skip
    people = groups_of("users", pa.schema({"user_id": pa.string(), "age": pa.int64(), "brand": pa.string()}))
    assert people == {"user_id": "ids", "age": "quasi", "brand": "quasi"}
    assert set(groups_of("repairs", schema).values()) == {"identities"}


# ---- roles


@pytest.mark.parametrize(
    ("role", "columns", "purpose"),
    [
        ("data_scientist", ["event_id", "query", "value"], "training"),
        ("analyst", ["value", "city"], "reporting"),
        ("privacy_officer", None, "erasure"),
    ],
)
def test_a_role_reads_what_the_policy_allows(governed, tmp_path, monkeypatch, role, columns, purpose):
    as_role(role, tmp_path, monkeypatch)
    found = reader(governed, purpose).table("01_governance", "data/events.parquet", columns)
    assert found.column_names == (columns or list(EVENTS))
    assert {entry["decision"] for entry in log()} == {"granted"}


@pytest.mark.parametrize(
    ("role", "columns", "purpose"),
    [
        ("data_scientist", ["city"], "training"),
        ("data_scientist", ["query"], "reporting"),
        ("analyst", ["query"], "reporting"),
        ("analyst", None, "reporting"),
    ],
)
def test_a_role_reads_nothing_else(governed, tmp_path, monkeypatch, role, columns, purpose):
    as_role(role, tmp_path, monkeypatch)
    with pytest.raises(roles.AccessDeniedError, match="may not read of 'events'"):
        reader(governed, purpose).table("01_governance", "data/events.parquet", columns)
    assert "denied" in {entry["decision"] for entry in log()}


@pytest.mark.parametrize("role", ["data_scientist", "analyst"])
@pytest.mark.parametrize("table", ["data/repairs.parquet", custody.USERS])
def test_raw_rows_and_identities_are_the_officers(governed, tmp_path, monkeypatch, role, table):
    as_role(role, tmp_path, monkeypatch)
    mine = reader(governed)
    with pytest.raises(roles.AccessDeniedError, match="may not read of 'identities'"):
        mine.table("01_governance", table)
    with pytest.raises(keys.Denied):
        list(custody.vault.Vault(governed.folder, keys.open_keys()).batches(table))
    with pytest.raises(keys.Denied):
        _ = custody.here("x", "training").secret


def test_a_stage_may_ask_before_it_reads_and_the_answer_is_on_record(governed, tmp_path, monkeypatch):
    stage = Stage(governed.folder.with_name("03_finetuning"))
    assert custody.guard(stage, "training").grants("users", "quasi")  # whoever made the keys is the officer too
    as_role("data_scientist", tmp_path, monkeypatch)
    assert not custody.guard(stage, "training").grants("users", "quasi")
    assert [(each["role"], each["decision"]) for each in log()[-2:]] == [
        ("privacy_officer", "granted"), ("data_scientist", "denied"),
    ]  # fmt: skip


def test_what_is_known_of_people_is_read_where_there_is_any_and_it_may_be(governed, tmp_path, monkeypatch):
    stage = Stage(governed.folder.with_name("03_finetuning"))
    some, none = {"quasi_identifiers": ["age"], "sensitive": []}, {"quasi_identifiers": [], "sensitive": []}
    officer = custody.guard(stage, "training")
    assert (officer.traits(some, lambda: "read"), officer.traits(none, lambda: "read")) == ("read", None)
    as_role("data_scientist", tmp_path, monkeypatch)
    assert custody.guard(stage, "training").traits(some, lambda: "read") is None


def test_users_are_found_by_their_pseudonym(governed):
    officer = custody.here("a person's request", "reidentification")
    alias = pseudonym(officer.secret, "u2")
    assert officer.reidentify(governed.folder, [alias, "f" * 32]) == {alias: "u2", "f" * 32: None}
    told = log()
    assert {(each["purpose"], each["decision"], each["role"]) for each in told} == {
        ("reidentification", "granted", "privacy_officer")
    }
    assert "u2" not in {value for each in told for value in each.values()}


def test_a_policy_of_ones_own_counts(governed, tmp_path):
    own = tmp_path / "config/ecommerce-workbench/policy.csv"
    own.write_text("p, privacy_officer, *, *, *, allow\np, privacy_officer, events, text, *, deny\n")
    with pytest.raises(roles.AccessDeniedError, match=r"may not read of 'events' .* text \(line 2"):
        reader(governed).table("01_governance", "data/events.parquet")


# ---- what was changed


def test_a_changed_table_is_refused(governed):
    file = governed.folder / "data/events.parquet"
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)
    with pytest.raises(StageError, match="was altered"):
        reader(governed).table("01_governance", "data/events.parquet")
    with pytest.raises(Tampered):
        custody.here("x", "erasure").read(governed.folder, "data/events.parquet")


def test_a_forged_table_and_manifest_are_refused(governed):
    """Who can write files and holds no key can make both fit each other, and not sign them."""
    EVENTS.to_parquet(governed.folder / "data/events.parquet")
    forged = read_json(governed.folder / "manifest.json")
    plain = Stage(governed.folder)
    plain.complete()
    forged["outputs"] = read_json(governed.folder / "manifest.json")["outputs"]
    for manifest in (forged, {name: value for name, value in forged.items() if name != "signature"}):
        write_json(governed.folder / "manifest.json", manifest)
        with pytest.raises(StageError, match="manifest of run/01_governance is not as it was signed"):
            reader(governed).table("01_governance", "data/events.parquet")


def test_an_examination_finds_nothing_in_what_is_whole(governed):
    custody.here("x", "training").access.decide("events", "ids", "training")
    assert custody.examine(governed.outputs, keys.open_keys()) == []


def test_an_examination_finds_a_log_cut_off_and_a_manifest_changed(governed):
    reader(governed).table("01_governance", "data/events.parquet")
    finish(reader(governed))
    mine = keys.open_keys()
    custody.log().write_text("")
    assert "its end was cut off" in custody.examine(governed.outputs, mine)[0]
    manifest = read_json(governed.folder / "manifest.json")
    for changed in (manifest | {"outputs": []}, {"outputs": []}):
        write_json(governed.folder / "manifest.json", changed)
        said = custody.examine(governed.outputs, mine)
        assert "the manifest of run/01_governance is not as it was signed" in said


def test_a_head_that_is_not_the_logs_shows(governed):
    reader(governed).table("01_governance", "data/events.parquet", ["value"])
    finish(reader(governed))
    assert audit.head(custody.log()).count == 1
    custody.log().unlink()
    custody.here("x", "training").access.decide("users", "ids", "training")
    said = custody.examine(governed.outputs, keys.open_keys())
    assert "is not the one that run/02_pretraining recorded" in said[0]
