import multiprocessing
import os
import random
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.artifacts import sha256
from workbench.governance.access import keys, kms, vault
from workbench.governance.access.keys import Denied, KeyFileError
from workbench.governance.access.kms import Tampered

GROUPS = {"user_id": "ids", "age": "quasi", "query": "text", "value": "measures", "items": "measures"}


def table(n: int = 200) -> pa.Table:
    return pa.table(
        {
            "user_id": [f"canary-user-{i % 7}" for i in range(n)],
            "age": [None if i % 5 == 0 else "25-34" for i in range(n)],
            "query": [f"red canary shoes {i % 11}" for i in range(n)],
            "value": [i / 3 for i in range(n)],
            "items": [[f"i{i}", "i0"] for i in range(n)],
        }
    )


@pytest.fixture(scope="module")
def owner() -> keys.KeyFile:
    return keys.make()


@pytest.fixture
def safe(tmp_path, owner) -> vault.Vault:
    found = vault.Vault(tmp_path / "run", owner)
    found.write("data/events.parquet", table(), GROUPS)
    return found


# ---- tables


def test_what_is_written_is_read_and_nothing_of_it_is_on_the_disk(safe):
    assert safe.read("data/events.parquet").equals(table())
    assert safe.read("data/events.parquet", ["value", "items"]).equals(table().select(["value", "items"]))
    assert safe.schema("data/events.parquet").names == list(GROUPS)
    for path in safe.folder.rglob("*"):
        assert path.is_dir() or b"canary" not in path.read_bytes()
    with pytest.raises(OSError, match="encrypted"):
        pq.read_table(safe.folder / "data/events.parquet")


def test_a_role_reads_its_groups_and_no_others(safe, owner):
    scientist = vault.Vault(safe.folder, owner.subset("data_scientist", ["text", "measures"]))
    assert scientist.read("data/events.parquet", ["query", "items"]).equals(table().select(["query", "items"]))
    for columns in (["user_id"], ["value", "age"], None):
        with pytest.raises(Denied, match=r"does not hold the key '(ids|quasi)'; ask for fewer columns"):
            scientist.read("data/events.parquet", columns)
    stranger = vault.Vault(safe.folder, keys.make())
    with pytest.raises(Tampered, match="another key file"):
        stranger.read("data/events.parquet", ["value"])


def test_long_tables_pass_batch_by_batch(tmp_path, owner):
    safe, batches = vault.Vault(tmp_path, owner), table(5000).to_batches(max_chunksize=700)
    safe.write("long.parquet", pa.RecordBatchReader.from_batches(table().schema, batches), GROUPS)
    assert pa.Table.from_batches(safe.batches("long.parquet")).equals(table(5000))
    assert safe.batches("long.parquet", ["value"]).schema.names == ["value"]


def test_a_column_without_a_group_is_refused(tmp_path, owner):
    safe = vault.Vault(tmp_path, owner)
    with pytest.raises(ValueError, match="column 'age' has no group: give it one of ids, quasi, text, measures"):
        safe.write("t.parquet", table(), {name: "ids" for name in GROUPS if name != "age"})
    with pytest.raises(ValueError, match="no group 'mesures', did you mean 'measures'"):
        safe.write("t.parquet", table(), GROUPS | {"value": "mesures"})
    assert not list(tmp_path.rglob("*.parquet"))


# ---- other files


@pytest.mark.parametrize("size", [0, 1, vault.CHUNK - 1, vault.CHUNK, vault.CHUNK + 1, 3 * vault.CHUNK])
def test_sealed_files(safe, owner, size):
    data = random.Random(size).randbytes(size)
    path = safe.seal("model/weights.bin", data, "text")
    assert safe.unseal("model/weights.bin") == data
    with pytest.raises(Denied, match="does not hold the key 'text'"):
        vault.Vault(safe.folder, owner.subset("analyst", ["measures"])).unseal("model/weights.bin")
    path.rename(path.with_name("other.bin"))
    with pytest.raises(Tampered):
        safe.unseal("model/other.bin")


def test_chunks_cannot_be_cut_off_swapped_or_repeated(safe):
    path = safe.seal("long.bin", bytes(3 * vault.CHUNK), "text")
    whole = path.read_bytes()
    head, step = len(whole) - 3 * (vault.CHUNK + vault.TAG), vault.CHUNK + vault.TAG
    chunks = [whole[head + i * step : head + (i + 1) * step] for i in range(3)]
    for order in ((0, 1), (1, 0, 2), (0, 0, 1, 2), (0, 2), (2,), (0, 1, 2, 2)):
        path.write_bytes(whole[:head] + b"".join(chunks[i] for i in order))
        with pytest.raises(Tampered):
            safe.unseal("long.bin")
    path.write_bytes(whole)
    assert safe.unseal("long.bin") == bytes(3 * vault.CHUNK)


# ---- attacks


def outcome(folder, owner, name: str) -> str:
    """What reading gives: "same", "changed" or "rejected"."""
    try:
        found = vault.Vault(folder, owner).read(name)
    except (Tampered, Denied):
        return "rejected"
    return "same" if found.equals(table()) else "changed"


def attack(folder, owner, flips: list[tuple[int, int]], pipe) -> None:
    """In a process of its own, because a wrong length may end Arrow's reader as a whole."""
    path = folder / "data/events.parquet"
    whole = path.read_bytes()
    for place, bit in flips:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        pipe.send((place, outcome(folder, owner, "data/events.parquet"), sha256(path)))
    path.write_bytes(whole)
    pipe.send(None)


def test_no_flipped_bit_returns_changed_data(safe, owner):
    path = safe.folder / "data/events.parquet"
    original, size = sha256(path), path.stat().st_size
    draw = random.Random(7)
    flips = [(place, draw.randrange(8)) for place in sorted(draw.sample(range(size), min(400, size)))]
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=attack, args=(safe.folder, owner, flips, there))
    process.start()
    found = []
    while (told := here.recv()) is not None:
        found.append(told)
    process.join()
    assert len(found) == len(flips)
    assert not [place for place, result, _ in found if result == "changed"]
    assert original not in {digest for *_, digest in found}  # so the manifest rejects even what decryption lets pass
    assert sum(result == "rejected" for _, result, _ in found) > 0.95 * len(found)


def test_columns_cannot_be_moved_between_files(safe, owner):
    """Two files of the same shape and keys by the same masters: a page of one in the place of the other's."""
    safe.write("data/other.parquet", table(), GROUPS)
    one, other = ((safe.folder / f"data/{name}.parquet").read_bytes() for name in ("events", "other"))
    for begin in range(4, min(len(one), len(other)) - 600, 500):
        mixed = one[:begin] + other[begin : begin + 500] + one[begin + 500 :]
        (safe.folder / "data/events.parquet").write_bytes(mixed)
        assert outcome(safe.folder, owner, "data/events.parquet") == "rejected"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_file_is_rejected(safe, owner, share):
    path = safe.folder / "data/events.parquet"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert outcome(safe.folder, owner, "data/events.parquet") == "rejected"


def test_a_manifest_shows_that_a_file_is_an_older_or_another_one(safe, owner):
    before = (safe.folder / "data/events.parquet").read_bytes()
    safe.write("data/events.parquet", table(300), GROUPS)
    manifest = {"outputs": [{"path": "data/events.parquet", "sha256": sha256(safe.folder / "data/events.parquet")}]}
    signature = vault.sign(manifest, owner)
    assert vault.verify(manifest, signature, owner)
    assert vault.verify(manifest | {"signature": signature}, signature, owner.subset("analyst", []))
    (safe.folder / "data/events.parquet").write_bytes(before)
    forged = {"outputs": [{"path": "data/events.parquet", "sha256": sha256(safe.folder / "data/events.parquet")}]}
    assert forged != manifest
    assert not vault.verify(forged, signature, owner)
    assert not vault.verify(manifest, signature, keys.make())
    assert vault.verify(manifest, signature, owner.rotated([keys.MANIFEST]))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"a": 1}', b"\xff\xfe", b"[" * 100_000, b'{"a": "ids:1:x"}']
)
def test_wrapped_keys_that_are_none_are_refused(safe, owner, content):
    (safe.folder / kms.MATERIAL).write_bytes(content)
    assert outcome(safe.folder, owner, "data/events.parquet") == "rejected"


@pytest.mark.parametrize("text", ["idz:1:{key}", "ids:²:{key}", "ids:1", "ids:1:{key}:", "ids:1:é", "ids::{key}"])
def test_a_wrapped_key_that_is_none_is_refused(safe, owner, text):
    service = kms.LocalKms(owner)
    with pytest.raises(Tampered):
        service.unwrap(text.format(key=service.wrap("ids", bytes(32)).rpartition(":")[2]))


def test_what_is_altered_shows_batch_by_batch_too(safe, owner):
    path = safe.folder / "data/events.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
    with pytest.raises(Tampered, match="does not decrypt"):
        list(vault.Vault(safe.folder, owner).batches("data/events.parquet"))


def test_a_signature_that_is_none_is_refused(owner):
    signature = vault.sign({"a": 1}, owner)
    for text in ("", ":", "1:é", "²:" + signature[2:], "x" + signature, signature + "é"):
        assert not vault.verify({"a": 1}, text, owner)


def test_two_at_once_lose_no_keys(tmp_path, owner):
    one, other = vault.Vault(tmp_path, owner), vault.Vault(tmp_path, owner)
    one.seal("a.bin", b"a", "text")
    other.seal("b.bin", b"b", "text")
    one.seal("c.bin", b"c", "ids")
    assert [vault.Vault(tmp_path, owner).unseal(f"{name}.bin") for name in "abc"] == [b"a", b"b", b"c"]


# ---- keys


def test_rotation_touches_no_data(safe, owner):
    path = safe.folder / "data/events.parquet"
    safe.seal("m.bin", b"weights", "text")
    before = {each: sha256(each) for each in (path, safe.folder / "m.bin")}
    fresh = owner.rotated(["ids", "text"])
    assert kms.rewrap([safe.folder], kms.LocalKms(fresh)) == 3
    assert kms.rewrap([safe.folder], kms.LocalKms(fresh)) == 0
    assert before == {each: sha256(each) for each in before}
    later = vault.Vault(safe.folder, fresh.newest_only(["ids", "text"]))
    assert later.read("data/events.parquet").equals(table())
    assert later.unseal("m.bin") == b"weights"
    with pytest.raises(Denied, match="no version 2 of the key 'ids'"):
        vault.Vault(safe.folder, owner).read("data/events.parquet", ["user_id"])


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("WORKBENCH_KEYS", raising=False)
    return tmp_path / "config" / "ecommerce-workbench" / "keys.json"


def test_keys_are_made_once_and_for_their_owner_alone(home):
    made = keys.open_keys()
    assert keys.open_keys() == made
    assert oct(home.stat().st_mode)[-3:] == "600"
    assert oct(home.parent.stat().st_mode)[-3:] == "700"
    assert len({key.secret for each in made.versions.values() for key in each}) == len(keys.NAMES)
    assert not any(key.secret.hex() in repr(made) + repr(key) for each in made.versions.values() for key in each)


def test_two_processes_that_make_the_keys_at_once_have_the_same(home):
    script = "from workbench.governance.access import keys; print(keys.open_keys().newest('ids').secret.hex())"
    started = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=os.environ) for _ in range(3)
    ]
    assert len({process.communicate()[0] for process in started}) == 1
    assert [path.name for path in home.parent.iterdir()] == ["keys.json"]


def test_a_key_file_that_is_not_as_it_should_be_is_refused_in_a_sentence(home, monkeypatch):
    keys.open_keys()
    home.chmod(0o640)
    with pytest.raises(KeyFileError, match=r"can be read by others \(mode 640\): run `chmod 600"):
        keys.open_keys()
    home.chmod(0o600)
    for text in ("", "{}", '{"role": "owner", "keys": {"ids": {"1": "abcd"}}}', "[]"):
        home.write_text(text)
        with pytest.raises(KeyFileError, match="is no key file: restore it from a copy"):
            keys.open_keys()
    monkeypatch.setenv("WORKBENCH_KEYS", str(home.with_name("none.json")))
    with pytest.raises(KeyFileError, match="which is not there: correct it, or unset it"):
        keys.open_keys()


def test_the_file_of_a_role(home, owner):
    saved = owner.subset("analyst", ["measures", "quasi"]).save(home)
    found = keys.open_keys(saved)
    assert found.role == "analyst"
    assert set(found.versions) == {"measures", "quasi", *keys.EVERYONE}
    with pytest.raises(KeyFileError, match="no key 'measure', did you mean 'measures'"):
        owner.newest("measure")
    with pytest.raises(Denied, match="of analyst does not hold the key 'ids'"):
        found.newest("ids")
