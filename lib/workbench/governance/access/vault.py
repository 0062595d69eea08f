"""Encryption at rest: tables as encrypted Parquet, all else sealed, in a folder with its wrapped keys.

Parquet modular encryption (Apache Parquet format, Encryption.md): AES-GCM on every page and header, the footer too.
Each column has a key of its own under the master key of its group, so a role reads the columns of its groups and no
others. A module is bound to its file, column and place, so none can be moved; that a whole file was replaced by an
older one or by its neighbour shows in the manifest, which lists every file's SHA-256 and is signed.

Other files are sealed in chunks by AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway & Vizár,
CRYPTO 2015): each nonce holds the chunk's number and whether it is the last, so no chunk can be left out, repeated or
moved, and each is bound to the file's name.
"""

import hashlib
import hmac
import io
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workbench.governance.access.keys import FOOTER, IDENTITIES, KEY_BYTES, MANIFEST, Denied, KeyFile
from workbench.governance.access.kms import Kms, LocalKms, Material, Tampered
from workbench.governance.access.policy import GROUPS
from workbench.spelling import nearest

ALGORITHM = "AES_GCM_V1"
TOLD = b"workbench.groups"  # where a table's schema tells the groups of its columns
MAGIC = b"WBSEAL01"
CHUNK = 1 << 20
TAG = 16  # bytes of authentication that each chunk ends with
PREFIX = 7  # random bytes of a nonce; four more count chunks and the last one marks the end


class Vault:
    """A folder of protected files.

    Args:
        folder: where the files and their wrapped keys lie.
        keys: what this process may open.
        kms: the service that wraps; the key file itself if not given.

    """

    def __init__(self, folder: Path, keys: KeyFile, kms: Kms | None = None):
        self.folder, self.keys = Path(folder), keys
        self.material = Material(self.folder, kms or LocalKms(keys))

    def write(self, relative: str, table: pa.Table | pa.RecordBatchReader, groups: Mapping[str, str]) -> Path:
        """Write a table as encrypted Parquet.

        Args:
            relative: the file below the folder.
            table: a table, or a reader whose batches are written one by one.
            groups: of each column, one of `GROUPS` or the key of identities.

        Raises:
            ValueError: a column has no group, or an unknown one.
            Denied: the key file lacks a group's key.

        """
        path = self._place(relative)
        by_group = _leaves(table.schema, groups)
        config = pe.EncryptionConfiguration(
            footer_key=FOOTER, column_keys=by_group, encryption_algorithm=ALGORITHM, double_wrapping=False,
            data_key_length_bits=8 * KEY_BYTES,
        )  # fmt: skip
        properties = self._factory().file_encryption_properties(pe.KmsConnectionConfig(), config)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        told = (table.schema.metadata or {}) | {TOLD: json.dumps(dict(groups)).encode()}
        with pq.ParquetWriter(part, table.schema.with_metadata(told), encryption_properties=properties) as writer:
            for batch in table.to_batches() if isinstance(table, pa.Table) else table:
                writer.write_batch(batch)
        self.material.save()  # before the data are there, so that no file is ever without its keys
        part.replace(path)
        return path

    def read(self, relative: str, columns: Iterable[str] | None = None) -> pa.Table:
        """Read a table, or these columns of it.

        Raises:
            Denied: a column's group is not this role's; the message names the columns that are denied.
            Tampered: the file is not as it was written.

        """
        chosen = None if columns is None else list(columns)
        try:
            return self._open(relative).read(chosen)
        except Denied as error:
            raise Denied(f"{relative}: {error}; ask for fewer columns, or for a key file that holds it") from error
        except Tampered:
            raise
        except (OSError, ValueError, pa.ArrowException) as error:
            raise Tampered(f"{self.folder / relative} does not decrypt: it was altered, or its keys were") from error

    def batches(self, relative: str, columns: Iterable[str] | None = None) -> pa.RecordBatchReader:
        """The same, batch by batch, for what does not fit into memory; errors come while it is read."""
        file = self._open(relative)
        chosen = None if columns is None else list(columns)
        schema = file.schema_arrow
        wanted = schema if chosen is None else pa.schema([schema.field(name) for name in chosen])
        return pa.RecordBatchReader.from_batches(wanted, self._whole(file.iter_batches(columns=chosen), relative))

    def _whole(self, batches: Iterator[pa.RecordBatch], relative: str) -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except (Denied, Tampered):
            raise
        except (OSError, ValueError, pa.ArrowException) as error:
            raise Tampered(f"{self.folder / relative} does not decrypt: it was altered, or its keys were") from error

    def schema(self, relative: str) -> pa.Schema:
        """Names and types of a table's columns, which every role may see."""
        return self._open(relative).schema_arrow

    def groups(self, relative: str) -> dict[str, str]:
        """The group of each of a table's columns, which every role may see."""
        found: dict[str, str] = json.loads(self.schema(relative).metadata[TOLD])
        return found

    def seal(self, relative: str, data: bytes, group: str) -> Path:
        """Write bytes so that only who holds the group's key reads them."""
        key, prefix = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(PREFIX)
        reference = self.material.add(group, key)
        cipher, name = AESGCM(key), relative.encode()
        path = self._place(relative)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                file.write(MAGIC + bytes.fromhex(reference) + prefix)
                for number, start in enumerate(range(0, max(len(data), 1), CHUNK)):
                    chunk = data[start : start + CHUNK]
                    nonce = _nonce(prefix, number, start + CHUNK >= len(data))
                    file.write(cipher.encrypt(nonce, chunk, name))
            self.material.save()
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)  # it has its name now, unless the disk was full
        return path

    def unseal(self, relative: str) -> bytes:
        """What `seal` wrote there; raises `Denied` or `Tampered`."""
        raw = (self.folder / relative).read_bytes()
        head = len(MAGIC) + 16 + PREFIX
        if raw[: len(MAGIC)] != MAGIC or len(raw) < head + TAG:
            raise Tampered(f"{self.folder / relative} is no sealed file, or was cut")
        cipher = AESGCM(self.material.key(raw[len(MAGIC) : len(MAGIC) + 16].hex()))
        prefix, body, plain = raw[head - PREFIX : head], raw[head:], io.BytesIO()
        try:
            for number, start in enumerate(range(0, len(body), CHUNK + TAG)):
                nonce = _nonce(prefix, number, start + CHUNK + TAG >= len(body))
                plain.write(cipher.decrypt(nonce, body[start : start + CHUNK + TAG], relative.encode()))
        except InvalidTag as error:
            raise Tampered(f"{self.folder / relative} does not decrypt: it was altered, or its keys were") from error
        return plain.getvalue()

    def _place(self, relative: str) -> Path:
        path = self.folder / relative
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def _open(self, relative: str) -> pq.ParquetFile:
        path = self.folder / relative
        try:
            properties = self._factory().file_decryption_properties(pe.KmsConnectionConfig())
            return pq.ParquetFile(path, decryption_properties=properties)
        except (Denied, Tampered, FileNotFoundError):
            raise
        except (OSError, ValueError, pa.ArrowException) as error:
            raise Tampered(f"{path} does not decrypt: it was altered, or its keys were") from error

    def _factory(self) -> pe.CryptoFactory:
        """A new one each time: Arrow's caches keys, and what a role may open must not outlive its key file."""
        return pe.CryptoFactory(lambda _: _Client(self.material))


class _Client(pe.KmsClient):
    """Arrow's view of the folder's wrapped keys; it keeps in the data what `wrap_key` returns."""

    def __init__(self, material: Material):
        super().__init__()
        self.material = material

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        """Keep a data key, and return its reference."""
        return self.material.add(master_key_identifier, bytes(key_bytes)).encode()

    def unwrap_key(self, wrapped_key: str, master_key_identifier: str) -> bytes:
        """The data key of a reference; Arrow hands back as text what `wrap_key` returned."""
        return self.material.key(wrapped_key)


def sign(manifest: Mapping[str, Any], keys: KeyFile) -> str:
    """HMAC-SHA256 over the manifest (without its own signature), as `version:hex`."""
    key = keys.newest(MANIFEST)
    return f"{key.version}:{_mac(manifest, key.secret)}"


def verify(manifest: Mapping[str, Any], signature: str, keys: KeyFile) -> bool:
    """Whether the manifest is the one that was signed."""
    version, _, mac = signature.partition(":")
    if not re.fullmatch("[0-9]{1,9}", version):
        return False
    due = _mac(manifest, keys.version(MANIFEST, int(version)).secret)
    return hmac.compare_digest(mac.encode(), due.encode())


def _mac(manifest: Mapping[str, Any], secret: bytes) -> str:
    given = {key: value for key, value in manifest.items() if key != "signature"}
    text = json.dumps(given, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _leaves(schema: pa.Schema, groups: Mapping[str, str]) -> dict[str, list[str]]:
    """Parquet's paths of the columns by group; a list or struct has paths below its name."""
    if lacking := [name for name in schema.names if name not in groups]:
        raise ValueError(f"column '{lacking[0]}' has no group: give it one of {', '.join(GROUPS)}")
    for group in groups.values():
        if group not in (*GROUPS, IDENTITIES):
            raise ValueError(f"there is no group '{group}'{nearest(group, GROUPS)}; known are {', '.join(GROUPS)}")
    empty = io.BytesIO()
    pq.write_table(schema.empty_table(), empty)
    paths = pq.ParquetFile(empty).schema
    found: dict[str, list[str]] = {}
    for number in range(len(paths)):
        path = paths.column(number).path
        name = next(name for name in schema.names if path == name or path.startswith(f"{name}."))
        found.setdefault(groups[name], []).append(path)
    return found
