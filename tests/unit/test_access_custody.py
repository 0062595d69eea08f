"""What a stage keeps under lock: sealed, opened by the right role alone, and every opening on record."""

import json

import pandas as pd
import pytest

from workbench.governance.access import audit, custody, keys, policy, roles
from workbench.governance.access.kms import Tampered
from workbench.governance.privacy.pseudonyms import pseudonym

ROWS = pd.DataFrame({"key": ["e1", None], "row": ['{"user_id": "u1"}', "红鞋"], "step": [1, 2]})


@pytest.fixture
def stage(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.delenv("WORKBENCH_KEYS", raising=False)
    folder = tmp_path / "outputs/run/01_governance"
    folder.mkdir(parents=True)
    return folder


def as_role(role, tmp_path, monkeypatch):
    file = keys.open_keys().subset(role, policy.read().groups(role)).save(tmp_path / f"{role}.json")
    monkeypatch.setenv("WORKBENCH_KEYS", str(file))


def test_a_sealed_table_comes_back_and_cannot_be_read_in_the_file(stage):
    mine = custody.here(stage)
    file = mine.seal("data/quarantine.sealed", ROWS)
    pd.testing.assert_frame_equal(mine.unseal("data/quarantine.sealed", "erasure"), ROWS, check_dtype=False)
    assert b"user_id" not in file.read_bytes()


def test_users_are_found_by_their_pseudonym(stage):
    mine = custody.here(stage)
    mine.seal_users(["u2", "u1", "u2"])
    alias = pseudonym(mine.secret, "u2")
    assert custody.here(stage).reidentify([alias, "f" * 32]) == {alias: "u2", "f" * 32: None}
    entries = [json.loads(line) for line in custody.log().read_text().splitlines()]
    assert {(entry["purpose"], entry["decision"], entry["role"]) for entry in entries} == {
        ("reidentification", "granted", "privacy_officer")
    }
    assert "u2" not in {value for entry in entries for value in entry.values()}


@pytest.mark.parametrize("role", ["data_scientist", "analyst"])
def test_other_roles_can_neither_ask_nor_decrypt(stage, tmp_path, monkeypatch, role):
    custody.here(stage).seal_users(["u1"])
    as_role(role, tmp_path, monkeypatch)
    theirs = custody.here(stage)
    with pytest.raises(roles.AccessDeniedError, match="may not read of 'identities'"):
        theirs.reidentify(["x"])
    with pytest.raises(keys.Denied):
        theirs._vault.unseal(custody.USERS)
    with pytest.raises(keys.Denied):
        _ = theirs.secret
    assert "denied" in custody.log().read_text()


def test_a_changed_sealed_file_is_refused(stage):
    mine = custody.here(stage)
    file = mine.seal("data/quarantine.sealed", ROWS)
    raw = bytearray(file.read_bytes())
    raw[-3] ^= 1
    file.write_bytes(raw)
    with pytest.raises(Tampered):
        mine.unseal("data/quarantine.sealed", "erasure")


def endorsed(stage, **manifest):
    mine = custody.here(stage)
    mine.access.decide("events", "text", "training")
    full = {"stage": stage.name, "outputs": [], **manifest}
    (stage / "manifest.json").write_text(json.dumps(full | mine.endorse(full)))
    return mine


def test_an_examination_finds_nothing_in_what_is_whole(stage):
    mine = endorsed(stage)
    mine.access.decide("events", "ids", "training")
    assert custody.examine(stage.parents[1], mine.keys) == []


def test_an_examination_finds_a_log_cut_off_and_a_manifest_changed(stage):
    mine = endorsed(stage)
    custody.log().write_text("")
    assert "its end was cut off" in custody.examine(stage.parents[1], mine.keys)[0]
    changed = json.loads((stage / "manifest.json").read_text()) | {"outputs": ["another"]}
    (stage / "manifest.json").write_text(json.dumps(changed))
    assert custody.examine(stage.parents[1], mine.keys) == ["the manifest of run/01_governance is not as it was signed"]


def test_a_head_that_is_not_the_logs_shows(stage):
    mine = endorsed(stage)
    custody.log().unlink()
    mine.access.decide("users", "ids", "training")
    assert audit.head(custody.log()).count == 1
    assert "is not the one that run/01_governance recorded" in custody.examine(stage.parents[1], mine.keys)[0]
