"""The audit log: who was granted or denied what, as lines of JSON that are chained by their hashes.

An entry holds the hash of the one before it, so an entry that was changed, removed, added or moved breaks the chain
from there on (B. Schneier and J. Kelsey: Secure audit logs to support computer forensics, 1999). Two things a chain
alone cannot show. A log whose end was cut off is a whole, shorter log: so the head, the number of entries and the
hash of the last, is kept elsewhere (each run's manifest), and compared. And who can write the file can build the chain
anew, entries after the newest recorded head included: with a key, entries carry an HMAC that only its holder can make.

Entries never hold what the log is about: no raw id, no text, no key. The file system must have POSIX locks.
"""

import fcntl
import hashlib
import hmac
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

START = "0" * 64  # what the first entry holds for the hash of the one before it
_OWN = ("at", "hash", "mac", "number", "previous")
_BLOCK = 4096


class AuditError(ValueError):
    """A log that cannot be written on; the message says what to do."""


@dataclass(frozen=True)
class Head:
    """The state of a log: number of entries, and hash (64 hex digits) of the last."""

    count: int
    hash: str


def append(path: Path, entry: Mapping[str, str], key: bytes | None = None) -> Head:
    """Add an entry, which is on the disk when this returns; one process at a time, and the log is never read whole.

    What a process that was killed while it wrote has left, the beginning of a line, is set aside in `<path>.torn`, and
    an entry says so. Whoever wrote it never had its answer.

    Args:
        path: the log; it is made, with mode 600, if there is none.
        entry: names and values, such as role, table, group, purpose, decision and run; number and UTC time are added.
        key: if given, the entry carries an HMAC-SHA256 that `verify` checks with the same key.

    Raises:
        AuditError: others may read or write the file, or its last line is no entry of a log.

    """
    if own := sorted(entry.keys() & set(_OWN)):
        raise AuditError(f"the audit log itself fills {', '.join(own)}: give an entry other names")
    with _locked(path) as file:
        torn = _unfinished(file)
        last = _last(file, os.fstat(file).st_size - len(torn), path)
        if torn:
            _set_aside(path, file, torn)
            last = _write(file, last, {"event": f"{len(torn)} bytes of a half-written line were set aside"}, key)
        return _write(file, last, entry, key)


def head(path: Path) -> Head:
    """The head of a log, for a manifest; of one that is not there, or has no entry, `Head(0, START)`.

    Raises:
        AuditError: as `append`.

    """
    if not path.exists():
        return Head(0, START)
    with _locked(path) as file:
        return _last(file, os.fstat(file).st_size - len(_unfinished(file)), path)


def verify(path: Path, heads: Mapping[str, Head], key: bytes | None = None) -> list[str]:
    """Read a log from its start to its end.

    Args:
        path: the log.
        heads: recorded heads by where they are recorded, such as the name of a run.
        key: that with which the entries were written, if any.

    Returns:
        What is wrong, in words; nothing if the log is whole.

    """
    problems: list[str] = []
    last, seen, recorded = Head(0, START), {0: START}, {known.count for known in heads.values()}
    for number, line in enumerate(_lines(path), start=1):
        found, said = _check(line, number, last, key)
        problems += said
        last = found or Head(last.count + 1, "")
        if last.count in recorded:
            seen.setdefault(last.count, last.hash)
    for where, known in heads.items():
        if known.count > last.count:
            problems.append(f"the log ends at entry {last.count}, {where} recorded {known.count}: its end was cut off")
        elif seen.get(known.count) != known.hash:
            problems.append(f"entry {known.count} is not the one that {where} recorded")
    return problems


def _check(line: bytes, number: int, last: Head, key: bytes | None) -> tuple[Head | None, list[str]]:
    """The head after a line, none if it is no entry, and what is wrong with it."""
    if not line.endswith(b"\n"):
        return None, [f"line {number} is only half written: the next entry will set it aside"]
    entry = _entry(line)
    if entry is None:
        return None, [f"line {number} was changed: it is not as it was written"]
    said = []
    if entry["number"] > last.count + 1:
        missing = _range(last.count + 1, entry["number"] - 1)
        said.append(f"line {number} holds entry {entry['number']}: {missing} missing")
    elif entry["number"] <= last.count:
        said.append(f"line {number} holds entry {entry['number']} after entry {last.count}: it was added or moved")
    elif last.hash and entry["previous"] != last.hash:
        said.append(f"line {number} does not follow the line before it: one of the two was replaced")
    if key is not None and entry.get("mac") != _mac(entry, key):
        said.append(f"line {number} was not written with this key")
    return Head(entry["number"], entry["hash"]), said


def _range(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"


def _lines(path: Path) -> Iterator[bytes]:
    """Lines that were there when the reading began; an entry that is being written is waited for."""
    if not path.exists():
        return
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        left = os.fstat(file.fileno()).st_size
        fcntl.flock(file, fcntl.LOCK_UN)
        while line := file.readline(left):
            left -= len(line)
            yield line


def _canonical(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _without(entry: Mapping[str, Any], *names: str) -> bytes:
    return _canonical({name: value for name, value in entry.items() if name not in names})


def _hash(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(_without(entry, "hash")).hexdigest()


def _mac(entry: Mapping[str, Any], key: bytes) -> str:
    return hmac.digest(key, _without(entry, "hash", "mac"), "sha256").hex()


def _entry(line: bytes) -> dict[str, Any] | None:
    """The entry of a line, if it is byte for byte as `_write` writes one."""
    try:
        entry = json.loads(line)
        ours = isinstance(entry, dict) and type(entry.get("number")) is int and "previous" in entry
        as_written = ours and entry.get("hash") == _hash(entry) and line == _canonical(entry) + b"\n"
    except (ValueError, RecursionError):  # no JSON, a number that JSON has not, or nested without end
        return None
    return entry if as_written else None


def _write(file: int, last: Head, entry: Mapping[str, str], key: bytes | None) -> Head:
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    full: dict[str, Any] = {**entry, "at": at, "number": last.count + 1, "previous": last.hash}
    if key is not None:
        full["mac"] = _mac(full, key)
    full["hash"] = _hash(full)
    _put(file, _canonical(full) + b"\n")
    return Head(full["number"], full["hash"])


def _put(file: int, data: bytes) -> None:
    """Write all of it (the system may take less at once), onto the disk."""
    while data:
        data = data[os.write(file, data) :]
    os.fsync(file)


def _last(file: int, size: int, path: Path) -> Head:
    """Head by the last whole line of the file's first `size` bytes."""
    if not size:
        return Head(0, START)
    entry = _entry(_tail(file, size - 1) + b"\n")
    if entry is None:
        raise AuditError(f"the last line of {path} is no entry of a log: move the file away and have it examined")
    return Head(entry["number"], entry["hash"])


def _unfinished(file: int) -> bytes:
    """What follows the last line's end."""
    return _tail(file, os.fstat(file).st_size)


def _tail(file: int, end: int) -> bytes:
    """What stands between the last line's end before `end` and `end`."""
    tail = b""
    while end and b"\n" not in tail:
        begin = max(0, end - _BLOCK)
        tail = os.pread(file, end - begin, begin) + tail
        end = begin
    return tail.rpartition(b"\n")[2]


def _set_aside(path: Path, file: int, torn: bytes) -> None:
    aside = os.open(path.with_name(f"{path.name}.torn"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        _put(aside, torn + b"\n")
    finally:
        os.close(aside)
    os.ftruncate(file, os.fstat(file).st_size - len(torn))


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The open log, held by this process alone; the system lets go of it when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if stat.S_IMODE(os.fstat(file).st_mode) & 0o077:
            raise AuditError(f"others may read or write the audit log: run `chmod 600 {path}`")
        fcntl.flock(file, fcntl.LOCK_EX)
        _sync_folder_of_new(path, file)
        yield file
    finally:
        os.close(file)


def _sync_folder_of_new(path: Path, file: int) -> None:
    """Have the name of a new file survive a power cut too."""
    if os.fstat(file).st_size == 0:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
