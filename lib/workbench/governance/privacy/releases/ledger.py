"""The ledger of a data set's privacy budget: what was spent on it, by whichever run.

It belongs to the data set and lies outside the runs. Costs add up: basic composition (Dwork & Roth 2014, theorem 3.16),
which is never too low; advanced composition would gain only beyond some dozens of releases.

An expense is on the disk before its noise is drawn, so a process killed at any moment has spent, at worst, what nobody
saw. Each line of the file begins with its cost: a line that was cut short counts for what it says, and one cut before
its cost was written was never followed by noise. Results lie in a folder beside the file, noisy values only.
"""

import fcntl
import hashlib
import hmac
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from workbench.governance.privacy.releases.budget import Budget

BEGINNING = '{"epsilon": '
COST = re.compile(re.escape(BEGINNING) + r'([-+.\de]+), "delta": ([-+.\de]+), ')
CUT = re.compile(r'[-+.\de]*(,|, ("d?e?l?t?a?"?:? ?[-+.\de]*,?)?)?')  # a cost that is not all there
SHORTEST_SECRET = 16  # bytes


class OverBudget(RuntimeError):  # noqa: N818  (it names what happened)
    """The data set's budget does not allow a release; no noise was drawn."""


class LedgerError(ValueError):
    """The ledger is not as it was written, or cannot be kept; the message says what to do."""


@dataclass(frozen=True)
class Ledger:
    """Expenses of one data set.

    Several processes may hold it at once; two that make the same release at the same moment both pay. Releases of equal
    data are recognised by keyed digests (HMAC-SHA-256), because plain digests of small totals can be guessed. That a
    release was paid anew tells who reads the ledger that the data changed, which no noise covers.

    Args:
        path: its file; `at` gives the usual one.
        total: what may be spent on the data set in all.
        secret: keys the digests, at least 16 bytes; under another one nothing is recognised, and all is paid anew.

    """

    path: Path
    total: Budget
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < SHORTEST_SECRET:
            raise LedgerError(f"the ledger's secret has {len(self.secret)} bytes: give {SHORTEST_SECRET} or more")

    def digest(self, *parts: Any) -> str:
        """Keyed digest of JSON values."""
        text = json.dumps(parts, ensure_ascii=False, sort_keys=True)
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()

    @property
    def spent(self) -> Budget:
        """What was spent so far."""
        with self._locked() as file:
            return _sum(self._entries(file))

    def asked(self, question: str) -> bool:
        """Whether a release with this question was ever paid."""
        with self._locked() as file:
            return any(entry.get("question") == question for entry in self._entries(file))

    def allow(self, name: str, cost: Budget) -> None:
        """Refuse what the budget does not hold.

        Raises:
            OverBudget: less is left; the message says how much.

        """
        with self._locked() as file:
            self._allow(self._entries(file), name, cost)

    def spend(self, name: str, question: str, release: str, cost: Budget) -> None:
        """Write an expense down, on the disk when this returns.

        Args:
            name: of the release, in words.
            question: digest of what is asked, whatever the data.
            release: digest of question and data.
            cost: what it costs.

        Raises:
            OverBudget: less is left; nothing is written.

        """
        with self._locked() as file:
            self._allow(self._entries(file), name, cost)
            entry = {"epsilon": cost.epsilon, "delta": cost.delta, "name": name, "question": question}
            entry |= {"release": release, "at": datetime.now(UTC).isoformat(timespec="seconds")}
            file.seek(0, os.SEEK_END)
            file.write(_newline(file) + json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            _to_disk(file)

    def keep(self, release: str, rows: list[dict[str, Any]]) -> None:
        """Keep what is released, for whoever asks the same again: whole or not at all."""
        path = self._result(release)
        _make(path.parent)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".")  # which nobody else can read
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(rows, ensure_ascii=False).encode())
            _to_disk(file)
        Path(part).replace(path)
        _folder_to_disk(path.parent)

    def kept(self, release: str) -> list[dict[str, Any]] | None:
        """What was released before; None if nothing was."""
        path = self._result(release)
        if not path.exists():
            return None
        try:
            rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise LedgerError(f"{path} is not as the ledger wrote it: restore it, or delete it and pay anew") from None
        return rows

    def _result(self, release: str) -> Path:
        return self.path.with_suffix(".released") / f"{release}.json"

    def _allow(self, entries: list[dict[str, Any]], name: str, cost: Budget) -> None:
        left = {part: _exact(getattr(self.total, part)) - _spent(entries, part) for part in ("epsilon", "delta")}
        if _exact(cost.epsilon) > left["epsilon"] or _exact(cost.delta) > left["delta"]:
            remains = Budget(*(float(max(amount, Decimal(0))) for amount in left.values()))
            raise OverBudget(
                f"release '{name}' asks for {cost}, and of the data set's budget {remains} are left: "
                "ask for less, or for what was released before"
            )

    def _entries(self, file: IO[bytes]) -> list[dict[str, Any]]:
        """All expenses; of a line cut short only its cost."""
        file.seek(0)
        lines = file.read().decode("utf-8", errors="replace").split("\n")
        return [self._entry(line) for line in lines if line]

    def _entry(self, line: str) -> dict[str, Any]:
        """The expense that a line says."""
        try:
            entry = _read(line)
            Budget(entry["epsilon"], entry["delta"])
        except (ValueError, TypeError, KeyError):
            raise LedgerError(
                f"{self.path} is not as the ledger wrote it: restore it, for what was spent is unknown"
            ) from None
        return entry

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        _make(self.path.parent)
        new = not self.path.exists()
        with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # goes with the file, also when the process is killed
            if new:
                _folder_to_disk(self.path.parent)
            yield file


def at(folder: Path, source: str, key_id: str) -> Path:
    """File of the ledger of a data set: a source's data under one key of pseudonyms."""
    return folder / f"{_safe(source)}.{_safe(key_id)}.jsonl"


def home() -> Path:
    """Where ledgers lie if nothing else is said: in the user's data folder (XDG base directories)."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "ecommerce-workbench" / "ledgers"


def _sum(entries: list[dict[str, Any]]) -> Budget:
    return Budget(float(_spent(entries, "epsilon")), float(_spent(entries, "delta")))


def _spent(entries: list[dict[str, Any]], part: str) -> Decimal:
    return sum((_exact(entry[part]) for entry in entries), Decimal(0))


def _exact(amount: float) -> Decimal:
    """A float as it is written, so that ten times 0.1 is 1."""
    return Decimal(repr(amount))


def _read(line: str) -> dict[str, Any]:
    """An expense; of a line that was cut short its cost, or none where it breaks off before that."""
    try:
        entry: dict[str, Any] = json.loads(line)
        return entry
    except ValueError:
        if cost := COST.match(line):
            return {"epsilon": float(cost[1]), "delta": float(cost[2])}
        if BEGINNING.startswith(line) or (line.startswith(BEGINNING) and CUT.fullmatch(line.removeprefix(BEGINNING))):
            return {"epsilon": 0.0, "delta": 0.0}
        raise


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _newline(file: IO[bytes]) -> bytes:
    """What ends a line that was cut short; nothing where the file ends as it should."""
    if file.tell() == 0:
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _to_disk(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _folder_to_disk(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
