"""The audit log: what was changed, removed, added or moved is found; killed and colliding processes harm nothing."""

import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench.governance.access import audit
from workbench.governance.access.audit import START, AuditError, Head

ENTRIES = 200
KEY = b"a key of the privacy officer"
APPENDING = """
import sys, itertools
from pathlib import Path
from workbench.governance.access import audit
print("ready", flush=True)
sys.stdin.readline()
for n in itertools.islice(itertools.count(), int(sys.argv[3]) or None):
    print(audit.append(Path(sys.argv[1]), {"role": sys.argv[2], "run": str(n)}).count, flush=True)
"""
CUT_SHORT = """
import resource, signal, sys
from pathlib import Path
from workbench.governance.access import audit
path = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
size = path.stat().st_size + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
audit.append(path, {"role": "killed", "run": "never"})
"""


def fill(path: Path, entries: int, key: bytes | None = None) -> list[Head]:
    rng = random.Random(0)
    return [
        audit.append(path, {
            "role": rng.choice(["analyst", "数据科学家"]), "table": "events", "group": rng.choice(["ids", "text"]),
            "purpose": "training", "decision": rng.choice(["granted", "denied"]), "run": f"run {n // 10}",
        }, key)
        for n in range(entries)
    ]  # fmt: skip


def ready(command: list[str]) -> subprocess.Popen[str]:
    """A process that has its imports behind it and waits."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> tuple[Path, list[bytes], dict[str, Head]]:
    """A log of 200 entries, its lines, and its head as a run recorded it."""
    path = tmp_path_factory.mktemp("log") / "audit.jsonl"
    heads = fill(path, ENTRIES)
    assert heads[-1] == audit.head(path) == Head(ENTRIES, heads[-1].hash)
    return path, path.read_bytes().splitlines(keepends=True), {"the run": heads[-1]}


@pytest.fixture
def problems(log, tmp_path):
    """What is wrong with other lines in the place of the log's."""

    def found(lines: list[bytes], key: bytes | None = None, heads: dict[str, Head] | None = None) -> list[str]:
        path = tmp_path / "other.jsonl"
        path.write_bytes(b"".join(lines))
        return audit.verify(path, log[2] if heads is None else heads, key)

    return found


def forged(line: bytes, **changes) -> bytes:
    """The line with other values and its own hash right again."""
    entry = {**json.loads(line), **changes}
    del entry["hash"]
    bare = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
    entry["hash"] = hashlib.sha256(bare).hexdigest()
    return json.dumps(entry, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def rebuilt(lines: list[bytes], at: int) -> list[bytes]:
    """The log with another entry, and the chain made anew from there on, as one who can write the file may."""
    new = [*lines[:at], forged(lines[at], decision="rewritten")]
    for line in lines[at + 1 :]:
        new.append(forged(line, previous=json.loads(new[-1])["hash"]))
    return new


def test_a_whole_log_has_no_problem(log, problems) -> None:
    path, lines, heads = log
    assert audit.verify(path, heads) == []
    assert problems(lines) == []
    assert path.stat().st_mode & 0o777 == 0o600
    entry = json.loads(lines[6])
    assert entry["number"] == 7
    assert entry["at"].endswith("+00:00")
    assert entry["previous"] == json.loads(lines[5])["hash"]


def test_a_line_is_what_is_documented(log) -> None:
    """The hash is SHA-256 of the canonical JSON of all else in the entry."""
    entry = json.loads(log[1][0])
    assert forged(log[1][0]) == log[1][0]
    assert entry["previous"] == START


def test_every_edit_deletion_swap_repetition_and_cut_is_found(log, problems) -> None:
    lines, rng = log[1], random.Random(1)
    for n, line in enumerate(lines):
        spot = rng.randrange(len(line))
        byte = line[:spot] + bytes([line[spot] ^ 1 << rng.randrange(7)]) + line[spot + 1 :]
        other = rng.randrange(ENTRIES)
        spoilt = {
            "edited": [*lines[:n], byte, *lines[n + 1 :]],
            "deleted": [*lines[:n], *lines[n + 1 :]],
            "repeated": [*lines[: n + 1], *lines[n:]],
            "cut off": lines[:n],
        }
        if n:
            spoilt["swapped"] = [*lines[: n - 1], line, lines[n - 1], *lines[n + 1 :]]
        if n % 10 == 9:
            spoilt |= {
                "forged": [*lines[:n], forged(line, role="nobody"), *lines[n + 1 :]],
                "forged with all that follow": rebuilt(lines, n),
                "respaced": [*lines[:n], line.replace(b":", b": ", 1), *lines[n + 1 :]],
                "copied": [*lines[:other], line, *lines[other:]],
                "preceded by a blank": [*lines[:n], b"\n", *lines[n:]],
                "cut within": [*lines[:n], line[: rng.randrange(1, len(line))]],
            }
        for how, others in spoilt.items():
            assert problems(others), f"line {n + 1} {how}"


def test_problems_name_the_place(log, problems) -> None:
    lines = log[1]
    assert problems([*lines[:4], *lines[6:]]) == ["line 5 holds entry 7: entries 5 to 6 are missing"]
    assert (
        problems([*lines[:9], lines[8], *lines[9:]])[0] == "line 10 holds entry 9 after entry 9: it was added or moved"
    )
    changed = [*lines[:2], lines[2].replace(b"granted", b"GRANTED").replace(b"denied", b"DENIED"), *lines[3:]]
    assert problems(changed) == ["line 3 was changed: it is not as it was written"]
    forgery = [*lines[:2], forged(lines[2], role="nobody"), *lines[3:]]
    assert problems(forgery) == ["line 4 does not follow the line before it: one of the two was replaced"]
    assert problems(lines[:180]) == ["the log ends at entry 180, the run recorded 200: its end was cut off"]
    assert problems(rebuilt(lines, 150)) == ["entry 200 is not the one that the run recorded"]
    assert problems([]) == ["the log ends at entry 0, the run recorded 200: its end was cut off"]


def test_no_line_makes_the_check_itself_stumble(log, problems) -> None:
    values = [b"{}", b"[]", b"7", b"", b"\xff\xfe", b"1" * 5_000, b"[" * 100_000]
    values += [b'{"number":NaN}', b'{"number":1e999,"previous":0}', b'{"number":"1","previous":""}']
    for line in values:
        found = problems([*log[1][:3], line + b"\n", *log[1][3:]])
        assert "line 4 was changed: it is not as it was written" in found


def test_heads_of_several_runs_each_count(log, problems) -> None:
    lines = log[1]
    heads = {f"run {n}": Head(n, json.loads(lines[n - 1])["hash"]) for n in (50, 120)} | {"first": Head(0, START)}
    assert problems(lines, heads=heads) == []
    assert problems(rebuilt(lines, 130), heads=heads) == []  # after the newest head a chain alone shows nothing
    found = problems(rebuilt(lines, 100), heads=heads)
    assert found == ["entry 120 is not the one that run 120 recorded"]


def test_with_a_key_nobody_else_makes_the_chain_anew(tmp_path, problems) -> None:
    path = tmp_path / "sealed.jsonl"
    heads = {"run": fill(path, 30, KEY)[-1]}
    lines = path.read_bytes().splitlines(keepends=True)
    assert audit.verify(path, heads, KEY) == audit.verify(path, heads) == []
    said = "line 11 was not written with this key"
    assert problems(rebuilt(lines, 10), heads={}) == []
    assert problems(rebuilt(lines, 10), KEY, {})[0] == said
    assert problems([*lines[:10], forged(lines[10], mac="é")], KEY, {})[0] == said
    audit.append(path, {"role": "who has no key"})
    assert audit.verify(path, heads, KEY) == ["line 31 was not written with this key"]
    assert len(audit.verify(path, heads, b"another key")) == 31


def test_a_log_that_is_missing_shows(tmp_path) -> None:
    assert audit.head(tmp_path / "none.jsonl") == Head(0, START)
    assert audit.verify(tmp_path / "none.jsonl", {"a run": Head(0, START)}) == []
    assert audit.verify(tmp_path / "none.jsonl", {"a run": Head(3, "f" * 64)}) == [
        "the log ends at entry 0, a run recorded 3: its end was cut off"
    ]
    assert not (tmp_path / "none.jsonl").exists()


def test_appending_reads_the_end_of_the_log_alone(log, monkeypatch) -> None:
    path, lines, _ = log
    read, size = [], path.stat().st_size
    plain = os.pread
    monkeypatch.setattr(os, "pread", lambda *given: read.append(given[1]) or plain(*given))
    audit.append(path, {"role": "late"})
    assert sum(read) <= 4 * 4096 < size
    path.write_bytes(b"".join(lines))


def test_long_entries_and_strange_values_are_kept(tmp_path) -> None:
    path = tmp_path / "audit.jsonl"
    for value in ("x" * 20_000, 'a "quoted"\nline\r\n', "\u2028红鞋\ud800", ""):
        audit.append(path, {"run": value})
        assert json.loads(path.read_text().split("\n")[-2])["run"] == value
    assert audit.verify(path, {"run": audit.head(path)}) == []


def test_what_is_not_ours_is_refused(tmp_path) -> None:
    path = tmp_path / "audit.jsonl"
    with pytest.raises(AuditError, match="fills hash, number"):
        audit.append(path, {"number": "7", "hash": "x", "role": "a"})
    fill(path, 2)
    lines = path.read_bytes()
    path.write_bytes(lines.replace(b"events", b"evenks"))
    with pytest.raises(AuditError, match=r"the last line of .* is no entry of a log"):
        audit.append(path, {"role": "a"})
    path.write_bytes(lines)
    path.chmod(0o640)
    with pytest.raises(AuditError, match="chmod 600"):
        audit.append(path, {"role": "a"})
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        audit.append(link, {"role": "a"})


def test_a_line_cut_anywhere_is_set_aside_and_said(tmp_path) -> None:
    whole = tmp_path / "whole.jsonl"
    heads = fill(whole, 3)
    lines = whole.read_bytes().splitlines(keepends=True)
    for cut in [*range(1, len(lines[2]), 7), len(lines[2]) - 1]:
        path = tmp_path / f"{cut}.jsonl"
        path.write_bytes(b"".join(lines[:2]) + lines[2][:cut])
        path.chmod(0o600)
        assert audit.verify(path, {}) == ["line 3 is only half written: the next entry will set it aside"]
        assert audit.head(path) == heads[1]
        assert audit.append(path, {"role": "next"}).count == 4
        assert audit.verify(path, {"a run": heads[1]}) == []
        assert audit.verify(path, {"a run": heads[2]}) == ["entry 3 is not the one that a run recorded"]
        notice = json.loads(path.read_bytes().splitlines()[2])
        assert notice["event"] == f"{cut} bytes of a half-written line were set aside"
        aside = path.with_name(f"{path.name}.torn")
        assert aside.read_bytes() == lines[2][:cut] + b"\n"
        assert aside.stat().st_mode & 0o777 == 0o600


def test_a_process_that_dies_within_a_line_loses_that_line_alone(tmp_path) -> None:
    path = tmp_path / "audit.jsonl"
    before = fill(path, 5)[-1]
    died = subprocess.run([sys.executable, "-c", CUT_SHORT, str(path), "100"], check=False)
    assert died.returncode == -signal.SIGXFSZ
    assert audit.verify(path, {"a run": before}) == ["line 6 is only half written: the next entry will set it aside"]
    assert audit.append(path, {"role": "next"}).count == 7
    assert audit.verify(path, {"a run": before}) == []
    assert len(path.with_name("audit.jsonl.torn").read_bytes()) == 100 + len(b"\n")


def test_processes_that_append_at_once_keep_one_chain(tmp_path) -> None:
    path, each = tmp_path / "audit.jsonl", 60
    command = [sys.executable, "-c", APPENDING, str(path)]
    started = [ready([*command, name, str(each)]) for name in "abc"]
    for process in started:
        go(process)
    numbers = [int(line) for process in started for line in process.communicate(timeout=60)[0].split()]
    assert sorted(numbers) == list(range(1, 3 * each + 1))
    assert audit.verify(path, {"now": audit.head(path)}) == []
    writers = [json.loads(line)["role"] for line in path.read_bytes().splitlines()]
    assert sum(one != next_ for one, next_ in itertools.pairwise(writers)) > 2, "they took turns"


def test_what_was_answered_survives_a_kill(tmp_path) -> None:
    path, rng, told = tmp_path / "audit.jsonl", random.Random(3), 0
    for _ in range(5):
        writing = ready([sys.executable, "-c", APPENDING, str(path), "a", "0"])
        go(writing)
        told = int(writing.stdout.readline())
        time.sleep(rng.uniform(0, 0.1))
        writing.kill()
        told = int(([str(told), *writing.communicate()[0].split()])[-1])
        known = audit.head(path)
        assert known.count >= told
        assert audit.append(path, {"role": "after the kill"}).count > told
        assert audit.verify(path, {"before the kill": known}) == []
