"""What a stage keeps under lock: the record of cleaning with its raw rows, and who each pseudonym is.

Both are sealed under the key of identities, which lies outside the column groups: who only trains or reports never
opens them. Every opening is decided by the policy and stands in the audit log, whose head each manifest names, signed.
"""

import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.artifacts import read_json
from workbench.governance.access import audit, policy, roles, vault
from workbench.governance.access.keys import AUDIT, IDENTITIES, MANIFEST, OWNER, PSEUDONYMS, KeyFile, open_keys
from workbench.governance.access.policy import GROUPS
from workbench.governance.privacy.pseudonyms import pseudonym

USERS = "data/identities.sealed"
SUFFIX = ".sealed"
TABLE = "identities"  # what the policy and the log call all that lies under this key


@dataclass(frozen=True)
class Custody:
    """What a process may do with what a stage keeps under lock.

    Args:
        folder: of the stage.
        keys: that this process could open.
        access: decides, and records.

    """

    folder: Path
    keys: KeyFile = field(repr=False)
    access: roles.Access

    @property
    def secret(self) -> bytes:
        """The key of the pseudonyms; raises `Denied` where this process does not hold it."""
        return self.keys.newest(PSEUDONYMS).secret

    def seal(self, relative: str, table: Any) -> Path:
        """Write a table (of pandas, Arrow or the engine) so that only who holds the key of identities reads it."""
        arrow = table if isinstance(table, pa.Table) else table.to_pyarrow() if hasattr(table, "to_pyarrow") else None
        arrow = pa.Table.from_pandas(table, preserve_index=False) if arrow is None else arrow
        buffer = io.BytesIO()
        pq.write_table(arrow, buffer, compression="zstd")
        return self._vault.seal(relative, buffer.getvalue(), IDENTITIES)

    def seal_users(self, user_ids: Iterable[str]) -> Path:
        """Keep who each pseudonym is."""
        known = sorted(set(user_ids))
        aliases = [pseudonym(self.secret, user_id) for user_id in known]
        return self.seal(USERS, pd.DataFrame({"pseudonym": aliases, "user_id": known}, dtype="string"))

    def unseal(self, relative: str, purpose: str) -> pd.DataFrame:
        """Open a sealed table.

        Args:
            relative: the file below the stage's folder.
            purpose: what for, as the policy knows it.

        Raises:
            AccessDeniedError: the policy does not grant it to the role.
            Denied: the key file does not hold the key.
            Tampered: the file is not as it was written.

        """
        self.access.require(TABLE, GROUPS, purpose)
        return pq.read_table(io.BytesIO(self._vault.unseal(relative))).to_pandas()

    def reidentify(self, pseudonyms: Iterable[str]) -> dict[str, str | None]:
        """The user of each pseudonym; None for one that this stage does not know."""
        known = self.unseal(USERS, "reidentification").set_index("pseudonym")["user_id"].to_dict()
        return {each: known.get(each) for each in pseudonyms}

    def endorse(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """What a manifest says of its keeping: the audit log's head, and the signature over all of it."""
        last = audit.head(self.access.log)
        told = {"audit": {"count": last.count, "hash": last.hash}}
        return told | {"signature": vault.sign({**manifest, **told}, self.keys)}

    @property
    def _vault(self) -> vault.Vault:
        return vault.Vault(self.folder, self.keys)


def here(folder: Path, rules: Path | None = None) -> Custody:
    """The custody of a stage by this process's key file.

    Args:
        folder: of the stage.
        rules: the policy; the shipped one if not given.

    Raises:
        KeyFileError: the key file is missing, open to others, or unreadable.
        AccessDeniedError: the file is that of no role of the policy.

    """
    keys, decides = open_keys(), policy.read(rules)
    groups = [group for group in GROUPS if keys.holds(group)]
    role = roles.acting(decides, groups, "" if keys.role == OWNER else keys.role)
    run = f"{folder.parent.name}/{folder.name}"
    return Custody(Path(folder), keys, roles.Access(decides, role, log(), run, keys.newest(AUDIT).secret))


def log() -> Path:
    """Where the audit log lies: in the user's data folder (XDG base directories), outside all runs."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "ecommerce-workbench" / "audit.jsonl"


def examine(outputs: Path, keys: KeyFile) -> list[str]:
    """What is wrong with the audit log, and with the manifests of all runs; nothing if all is whole.

    Args:
        outputs: the folder of the runs.
        keys: those of the log and of the manifests are in every role's file.

    """
    problems, heads = [], {}
    for file in sorted(outputs.glob("*/*/manifest.json")):
        manifest = read_json(file)
        if "signature" not in manifest:
            continue  # of a stage that keeps nothing under lock
        where = f"{file.parent.parent.name}/{file.parent.name}"
        if not keys.holds(MANIFEST) or not vault.verify(manifest, manifest["signature"], keys):
            problems.append(f"the manifest of {where} is not as it was signed")
        else:
            heads[where] = audit.Head(**manifest["audit"])
    return problems + audit.verify(log(), heads, keys.newest(AUDIT).secret)
