"""The commands of who keeps the keys, on a run that a toy project has left."""

import stat

import pandas as pd
import pytest

from workbench.artifacts import Stage, sha256, write_json
from workbench.governance.access import custody, keys
from workbench.governance.privacy.pseudonyms import pseudonym
from workbench.run.status import Run

EVENTS = pd.DataFrame({"user_id": ["u1", "u2"], "query": ["red shoes", "hats"], "value": [1.0, 2.0]})


@pytest.fixture
def run(toy, monkeypatch):
    """A finished run whose first stage has saved its tables under custody."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(toy.root / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(toy.root / "share"))
    monkeypatch.delenv("WORKBENCH_KEYS", raising=False)
    run = Run(toy.outputs / "20270101T000000Z-toy")
    run.write(profile="toy", status="ok", started="2027-01-01T00:00:00+00:00", parameters={"01_governance": {}})
    stage = Stage(run.folder / "01_governance")
    keeper = custody.guard(stage, "governance")
    stage.save_table("data/events.parquet", EVENTS.assign(user_id=EVENTS.user_id.map(lambda each: alias(each))))
    stage.save_table("data/repairs.parquet", EVENTS)
    stage.save_table(custody.USERS, keeper.identities(EVENTS.user_id))
    stage.complete()
    write_json(stage.folder / "status.json", {"status": "ok"})
    return run


def alias(user_id):
    return pseudonym(keys.open_keys().newest(keys.PSEUDONYMS).secret, user_id)


def act_as(role, toy, workbench, monkeypatch):
    assert workbench("key-file", role, f"{role}.json") == 0
    monkeypatch.setenv("WORKBENCH_KEYS", str(toy.root / f"{role}.json"))


def test_a_key_file_is_its_users_alone_and_never_written_over(run, toy, workbench, capsys):
    assert workbench("key-file", "analyst", "a.json") == 0
    assert stat.S_IMODE((toy.root / "a.json").stat().st_mode) == 0o600
    assert "a.json holds quasi, measures, footer, manifest, audit" in capsys.readouterr().out
    assert workbench("key-file", "analyst", "a.json") == 2
    assert "a.json is there already" in capsys.readouterr().err
    assert workbench("key-file", "analysts", "b.json") == 2
    assert "no role 'analysts'; it has analyst, data_scientist, privacy_officer" in capsys.readouterr().err
    assert '"event":"a key file was made"' in custody.log().read_text()


def test_keys_are_shown_without_their_secrets(run, workbench, capsys):
    assert workbench("keys") == 0
    said = capsys.readouterr().out
    assert "One account that holds all key files holds all roles" in " ".join(said.split())
    assert not any(key.secret.hex() in said for each in keys.open_keys().versions.values() for key in each)


def test_who_a_pseudonym_is_the_officer_alone_is_told(run, toy, workbench, monkeypatch, capsys):
    assert workbench("reidentify", run.name, alias("u2"), "f" * 32) == 0
    said = capsys.readouterr().out
    assert f"{alias('u2')}  u2" in said
    assert f"{'f' * 32}  not in this run" in said
    asked = alias("u1")
    act_as("data_scientist", toy, workbench, monkeypatch)
    assert workbench("reidentify", run.name, asked) == 2
    assert "the role 'data_scientist' may not read of 'identities'" in capsys.readouterr().err
    assert '"decision":"denied"' in custody.log().read_text()


def test_the_officers_own_file_is_enough(run, toy, workbench, monkeypatch, capsys):
    asked = alias("u1")
    act_as("privacy_officer", toy, workbench, monkeypatch)
    assert workbench("reidentify", run.name, asked) == 0
    assert f"{asked}  u1" in capsys.readouterr().out


def test_a_table_is_shown_and_written_as_the_policy_allows(run, toy, workbench, monkeypatch, capsys):
    act_as("data_scientist", toy, workbench, monkeypatch)
    assert workbench("table", run.name, "01_governance", "events", "--to", "events.csv") == 0
    assert pd.read_csv("events.csv")["query"].tolist() == ["red shoes", "hats"]
    assert stat.S_IMODE((toy.root / "events.csv").stat().st_mode) == 0o600
    assert workbench("table", run.name, "01_governance", "events", "--columns", "value,query") == 0
    assert "2 rows" in capsys.readouterr().out
    assert workbench("table", run.name, "01_governance", "repairs") == 2
    assert "may not read of 'identities'" in capsys.readouterr().err
    assert workbench("table", run.name, "01_governance", "event") == 2
    assert "has no table 'event'; it has events, identities, repairs" in capsys.readouterr().err
    assert workbench("table", run.name, "01_governance", "events", "--purpose", "fun") == 2
    assert "'fun' is none of the purposes" in capsys.readouterr().err


def test_a_table_in_anothers_place_is_not_shown(run, workbench, capsys):
    """Each is authentic by itself; the manifest alone knows which belongs where."""
    data = run.folder / "01_governance/data"
    (data / "events.parquet").write_bytes((data / "repairs.parquet").read_bytes())
    assert workbench("table", run.name, "01_governance", "events") == 2
    assert "was altered" in capsys.readouterr().err


def test_the_audit_finds_nothing_and_then_what_was_cut_off(run, workbench, capsys):
    workbench("table", run.name, "01_governance", "events")
    assert workbench("audit") == 0
    assert "3 entries, whole" in " ".join(capsys.readouterr().out.split())
    lines = custody.log().read_text().splitlines(keepends=True)
    custody.log().write_text("".join(lines[1:]))
    assert workbench("audit") == 1
    assert "entry 1 is missing" in capsys.readouterr().out


def test_rotation_changes_keys_and_no_data(run, workbench, capsys):
    file = run.folder / "01_governance/data/events.parquet"
    before, old, first = sha256(file), keys.open_keys(), alias("u1")
    assert workbench("rotate-keys", "--forget-old") == 0
    assert "keys of data wrapped anew" in capsys.readouterr().out
    assert sha256(file) == before
    assert alias("u1") == first
    assert workbench("table", run.name, "01_governance", "events") == 0
    with pytest.raises(keys.Denied, match="no version 2"):
        custody.vault.Vault(run.folder / "01_governance", old).read("data/events.parquet")
    assert workbench("audit") == 0
    assert [len(keys.open_keys().versions[name]) for name in ("text", "manifest", "pseudonyms")] == [1, 2, 1]


def test_new_pseudonyms_are_a_command_and_old_ones_are_still_known(run, workbench, capsys):
    first, stage = alias("u1"), run.stage("01_governance")
    stage.write(key="what decides its results")
    assert workbench("rotate-keys", "text") == 0
    assert stage.status["key"]
    assert workbench("rotate-keys", "pseudonyms") == 0
    assert not stage.status["key"]
    assert alias("u1") != first
    assert workbench("reidentify", run.name, first) == 0
    assert f"{first}  u1" in capsys.readouterr().out
    assert workbench("rotate-keys", "pseudonym") == 2
    assert "did you mean 'pseudonyms'" in capsys.readouterr().err


def test_a_roles_file_is_not_rotated(run, toy, workbench, monkeypatch, capsys):
    act_as("data_scientist", toy, workbench, monkeypatch)
    assert workbench("rotate-keys") == 2
    assert "rotate the owner's" in capsys.readouterr().err
