"""A stage under custody: tables encrypted by column group, readings decided and recorded, the manifest signed.

The record of cleaning with its raw rows, and who each pseudonym is, lie under the key of identities, outside the column
groups: who only trains or reports never opens them.
"""

import hashlib
import hmac
import io
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.artifacts import Stage, StageError, read_json
from workbench.data import engine
from workbench.governance.access import audit, policy, roles, vault
from workbench.governance.access.checkpoints import SealedCheckpoints
from workbench.governance.access.columns import PEOPLE, groups_of
from workbench.governance.access.keys import AUDIT, IDENTITIES, PSEUDONYMS, KeyFile, open_keys, place
from workbench.governance.access.policy import GROUPS
from workbench.governance.privacy.pseudonyms import pseudonym
from workbench.keeping import Plain, encrypted, stream

USERS = "data/identities.parquet"
T = TypeVar("T")
HIDDEN = "identities"  # what the policy and the log call all that lies under this key


@dataclass(frozen=True)
class Custody:
    """What a process may do with the tables of stages; a `keeping.Keeper`.

    Args:
        keys: that this process could open.
        access: decides, and records.
        purpose: what tables are read for, as the policy knows it.
        quasi: quasi-identifiers and sensitive columns that the source declares.
        only_day: of tables that a distributed engine writes by days, the one to write anew; empty for all.

    """

    keys: KeyFile = field(repr=False)
    access: roles.Access
    purpose: str
    quasi: Collection[str] = ()
    only_day: str = ""

    @property
    def secret(self) -> bytes:
        """The key of the pseudonyms; raises `Denied` where this process does not hold it."""
        return self.keys.newest(PSEUDONYMS).secret

    @property
    def statement(self) -> str:
        """Which roles this process holds, and what keys cannot hold back; for the report."""
        return roles.statement(self.access.policy, _groups(self.keys))

    def write(self, folder: Path, relative: str, table: Any) -> dict[str, Any]:
        """Write a table so that each column group has its key; see `keeping.Keeper`.

        A distributed engine's own tables it writes itself, and the storage's own encryption is what protects them.

        Returns:
            rows, columns, and `content`: a keyed digest of the values. The same table is another file each time that it
            is encrypted, and by this digest known again.

        """
        if engine.spread(table, folder / relative, self.only_day):
            return {}
        schema, batches = stream(table)
        digest = _Digest(self.keys.newest(AUDIT).secret)
        counted = _Counted(schema, batches, digest)
        reader = pa.RecordBatchReader.from_batches(schema, counted)
        vault.Vault(folder, self.keys).write(relative, reader, groups_of(_table(relative), schema, self.quasi))
        return {"rows": counted.rows, "columns": len(schema.names), "content": digest.value()}

    def read(self, folder: Path, relative: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a table of any stage, or these columns of it, after the policy has decided.

        Raises:
            AccessDeniedError: the policy does not grant it to the role.
            Denied: the key file does not hold a column's key.
            Tampered: the file is not as it was written.

        """
        secret, safe = encrypted(folder / relative), vault.Vault(folder, self.keys)
        told = {} if secret else groups_of(_table(relative), Plain().batches(folder, relative).schema, self.quasi)
        groups = safe.groups(relative) if secret else told
        wanted = {group for name, group in groups.items() if columns is None or name in columns}
        if IDENTITIES in wanted:
            self.access.require(HIDDEN, GROUPS, self.purpose)
        else:
            self.access.require(_table(relative), sorted(wanted), self.purpose)
        return safe.read(relative, columns) if secret else Plain().read(folder, relative, columns)

    def grants(self, table: str, group: str) -> bool:
        """Whether the policy lets this process read a column group of a table; the answer is in the log."""
        return self.access.decide(table, group, self.purpose).allowed

    def traits(self, declared: Mapping[str, Any], read: Callable[[], T]) -> T | None:
        """What is known of people, as `read` gives it; None where the source declares nothing or it may not be read."""
        known = declared["quasi_identifiers"] or declared["sensitive"]
        return read() if known and self.grants(PEOPLE, "quasi") else None

    def batches(self, folder: Path, relative: str) -> pa.RecordBatchReader:
        """A table that this process has written, batch by batch; what is one's own nobody decides."""
        safe = vault.Vault(folder, self.keys)
        return safe.batches(relative) if encrypted(folder / relative) else Plain().batches(folder, relative)

    def checkpoints(self, folder: Path) -> SealedCheckpoints:
        """Where a training keeps its checkpoints, sealed, in this folder."""
        return SealedCheckpoints(vault.Vault(folder, self.keys), folder)

    def places(self, folder: Path) -> Callable[[str], SealedCheckpoints]:
        """Where several trainings keep theirs, each by its name, below this folder."""
        return lambda name: self.checkpoints(folder / name)

    def check(self, manifest: Mapping[str, Any], where: str) -> None:
        """Raise `StageError` unless the manifest is as it was signed."""
        if not signed(manifest, self.keys):
            raise StageError(f"the manifest of {where} is not as it was signed: run that stage again")

    def endorse(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """What a manifest says of its keeping: the audit log's head, and the signature over all of it."""
        last = audit.head(self.access.log)
        told = {"audit": {"count": last.count, "hash": last.hash}}
        return told | {"signature": vault.sign({**manifest, **told}, self.keys)}

    def identities(self, user_ids: Iterable[str]) -> pa.Table:
        """pseudonym, user_id: who each pseudonym is, to be saved as `USERS`."""
        known = sorted(set(user_ids))
        return pa.table({"pseudonym": [pseudonym(self.secret, each) for each in known], "user_id": known})

    def reidentify(self, folder: Path, pseudonyms: Iterable[str]) -> dict[str, str | None]:
        """The user of each pseudonym; None for one that the stage in this folder does not know."""
        table = self.read(folder, USERS)
        known = dict(zip(table["pseudonym"].to_pylist(), table["user_id"].to_pylist(), strict=True))
        return {each: known.get(each) for each in pseudonyms}


def guard(stage: Stage, purpose: str, quasi: Collection[str] = (), only_day: str = "") -> Custody:
    """Put a stage under custody: what it saves is encrypted, what it reads is decided, recorded and decrypted.

    Args:
        stage: just opened.
        purpose: what it reads tables for, as the policy knows it.
        quasi: quasi-identifiers and sensitive columns that the source declares.
        only_day: see `Custody`; the other days are taken over from the profile's last run that ended ok, as links.

    Raises:
        KeyFileError: the key file is missing, open to others, or unreadable.
        AccessDeniedError: the file is that of no role of the policy.

    """
    mine = replace(here(f"{stage.folder.parent.name}/{stage.name}", purpose, quasi), only_day=only_day)
    stage.protect(mine)
    if only_day:
        stage.carry("previous", [f"data/{name}.parquet" for name in engine.MOMENTS])
    return mine


def here(run: str, purpose: str, quasi: Collection[str] = ()) -> Custody:
    """The custody of this process by its key file; `run` is what the audit log calls it."""
    keys, decides = open_keys(), rules()
    role = roles.acting(decides, _groups(keys), keys.named)
    return Custody(keys, roles.Access(decides, role, log(), run, keys.newest(AUDIT).secret), purpose, quasi)


def rules() -> policy.Policy:
    """The policy: `policy.csv` beside the user's key file if there is one, else the shipped one."""
    own = place().with_name("policy.csv")
    return policy.read(own if own.exists() else None)


def log() -> Path:
    """Where the audit log lies: in the user's data folder (XDG base directories), outside all runs."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "ecommerce-workbench" / "audit.jsonl"


def note(event: str, **facts: str) -> None:
    """Put an event into the audit log that is no reading, such as a key file that was made."""
    audit.append(log(), {"event": event, **facts}, open_keys().newest(AUDIT).secret)


def signed(manifest: Mapping[str, Any], keys: KeyFile) -> bool:
    """Whether a manifest carries the signature that it was given."""
    return "signature" in manifest and vault.verify(manifest, manifest["signature"], keys)


def examine(outputs: Path, keys: KeyFile) -> list[str]:
    """What is wrong with the audit log, and with the manifests of all runs; nothing if all is whole.

    Args:
        outputs: the folder of the runs.
        keys: those of the log and of the manifests are in every role's file.

    """
    problems, heads = [], {}
    for file in sorted(outputs.glob("*/*/manifest.json")):
        manifest = read_json(file)
        where = f"{file.parent.parent.name}/{file.parent.name}"
        if "signature" not in manifest and not (file.parent / "keys.json").exists():
            continue  # of a stage that keeps nothing under lock
        if signed(manifest, keys):
            heads[where] = audit.Head(**manifest["audit"])
        else:
            problems.append(f"the manifest of {where} is not as it was signed")
    return problems + audit.verify(log(), heads, keys.newest(AUDIT).secret)


class _Digest(io.RawIOBase):
    """Takes a table as plain Parquet writes it, and keeps nothing but the keyed digest."""

    def __init__(self, secret: bytes):
        self._mac = hmac.new(secret, b"content of a table", hashlib.sha256)
        self._place = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._mac.update(data)
        self._place += len(data)
        return len(data)

    def tell(self) -> int:
        return self._place

    def value(self) -> str:
        return self._mac.hexdigest()


class _Counted:
    """Passes batches on, counting their rows and digesting them."""

    def __init__(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch], digest: _Digest):
        self.rows, self._schema, self._batches, self._digest = 0, schema, batches, digest

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        with pq.ParquetWriter(self._digest, self._schema, compression="none", use_dictionary=False) as plain:
            for batch in self._batches:
                self.rows += batch.num_rows
                plain.write_batch(batch)
                yield batch


def _groups(keys: KeyFile) -> list[str]:
    """Column groups whose keys a file holds."""
    return [group for group in GROUPS if keys.holds(group)]


def _table(relative: str) -> str:
    """Name of a table by its file."""
    return Path(relative).stem
