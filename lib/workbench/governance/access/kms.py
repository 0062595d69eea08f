"""Wrapping: how the keys of data are kept under master keys, and how these change without touching the data.

Each file, column or table gets a key of its own, which is wrapped by a master key and kept in the folder's `keys.json`
under a reference; the data hold the reference alone. To rotate a master key is to wrap that small file anew.

`Kms` is all that the rest knows of a key service. `LocalKms` serves it from a key file on this machine. Vault's
transit engine fits it as it stands (`wrap` is its encrypt, `unwrap` its decrypt, a version stands in its ciphertext,
and its own policies then decide who may unwrap which key); so do the key services of the clouds, whose encrypt and
decrypt take a key's name and at most a few kilobytes, as here.
"""

import base64
import fcntl
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from workbench.artifacts import StageError, read_json, write_json
from workbench.governance.access.keys import NAMES, Denied, KeyFile

MATERIAL = "keys.json"


class Tampered(ValueError):  # noqa: N818  (it names what happened)
    """Protected data are not as they were written."""


class Kms(Protocol):
    """A service that wraps small keys under named master keys which never leave it."""

    def wrap(self, name: str, key: bytes) -> str:
        """The key under the newest version of this master key, as text that names both."""

    def unwrap(self, wrapped: str) -> bytes:
        """The key; raises `Denied` where the master key is not this role's, `Tampered` where the text is not whole."""

    def outdated(self, wrapped: str) -> bool:
        """Whether a newer version of the master key is there."""


class LocalKms:
    """Master keys of a key file; wrapping is AES key wrap (RFC 3394), which has no nonce to repeat."""

    def __init__(self, keys: KeyFile):
        self.keys = keys

    def wrap(self, name: str, key: bytes) -> str:
        """See `Kms`."""
        master = self.keys.newest(name)
        return f"{name}:{master.version}:{base64.b64encode(aes_key_wrap(master.secret, key)).decode()}"

    def unwrap(self, wrapped: str) -> bytes:
        """See `Kms`."""
        name, version, text = _parts(wrapped)
        try:
            return aes_key_unwrap(self.keys.version(name, version).secret, base64.b64decode(text, validate=True))
        except (InvalidUnwrap, ValueError) as error:
            raise Tampered(
                f"a wrapped key of '{name}' was altered, or made with another key file: use that one, or make the data "
                "anew with `workbench run --force`"
            ) from error

    def outdated(self, wrapped: str) -> bool:
        """See `Kms`."""
        name, version, _ = _parts(wrapped)
        return self.keys.holds(name) and version < self.keys.newest(name).version


class Material:
    """The wrapped keys of a folder by reference, in its `keys.json`."""

    def __init__(self, folder: Path, kms: Kms):
        self.file = folder / MATERIAL
        self.kms = kms
        self.wrapped = self._read()
        self._added: dict[str, str] = {}  # since the file was read

    def add(self, name: str, key: bytes) -> str:
        """Keep a key under a master key; gives its reference."""
        reference = secrets.token_hex(16)
        self.wrapped[reference] = self._added[reference] = self.kms.wrap(name, key)
        return reference

    def key(self, reference: str) -> bytes:
        """The key of a reference; raises `Denied` or `Tampered`."""
        if reference not in self.wrapped:
            self.wrapped = self._read() | self._added  # another process may have added it meanwhile
        if reference not in self.wrapped:
            raise Tampered(f"{self.file} lacks a key that the data name: restore it from a copy")
        return self.kms.unwrap(self.wrapped[reference])

    def rewrap(self) -> int:
        """Wrap anew what older versions of the master keys wrap; how many keys that were."""
        old = [reference for reference, wrapped in self.wrapped.items() if self.kms.outdated(wrapped)]
        for reference in old:
            name, key = _parts(self.wrapped[reference])[0], self.key(reference)
            self.wrapped[reference] = self._added[reference] = self.kms.wrap(name, key)
        return len(old)

    def save(self) -> Path:
        """Write the folder's file, at once, and keep in it what others added since it was read."""
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(self.file.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # let go when it is closed
            self.wrapped = self._read() | self._added
            write_json(self.file, self.wrapped)
        finally:
            os.close(folder)
        self._added = {}
        return self.file

    def _read(self) -> dict[str, str]:
        """What the folder's file holds; raises `Tampered` where that is not what was ever written there."""
        if not self.file.exists():
            return {}
        try:
            found = read_json(self.file)
        except (StageError, RecursionError) as error:
            raise Tampered(f"{self.file} cannot be read: restore it from a copy") from error
        if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
            raise Tampered(f"{self.file} holds no wrapped keys: restore it from a copy")
        return found


def rewrap(folders: Iterable[Path], kms: Kms) -> int:
    """Wrap anew what older versions of the master keys wrap, in each folder's `keys.json`; how many keys were."""
    count = 0
    for folder in folders:
        material = Material(folder, kms)
        if old := material.rewrap():
            material.save()
        count += old
    return count


def _parts(wrapped: str) -> tuple[str, int, str]:
    parts = wrapped.split(":")
    if len(parts) != 3 or parts[0] not in NAMES or not re.fullmatch("[0-9]{1,9}", parts[1]):
        raise Tampered("a wrapped key is not as it was written: restore keys.json from a copy")
    return parts[0], int(parts[1]), parts[2]


__all__ = ["Denied", "Kms", "LocalKms", "Material", "Tampered", "rewrap"]
