"""Keys: a role is the key file that a process can open.

A key file holds master keys by name, each with its versions. Master keys wrap the keys of data and are never written
anywhere else. The owner's file holds all of them; the file of a role is a copy with fewer (`KeyFile.subset`).
"""

import json
import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.artifacts import write_text
from workbench.governance.access.policy import GROUPS
from workbench.spelling import nearest

FOOTER, MANIFEST, AUDIT = "footer", "manifest", "audit"
PSEUDONYMS, IDENTITIES, RELEASES = "pseudonyms", "identities", "releases"
NAMES = (*GROUPS, FOOTER, MANIFEST, AUDIT, PSEUDONYMS, IDENTITIES, RELEASES)
EVERYONE = (FOOTER, MANIFEST, AUDIT)  # what any role needs: to see which columns there are, and that all is as it was
WRAPPING = (*GROUPS, FOOTER, IDENTITIES)  # what they wrap can be wrapped anew, and then their old versions go
FIXED = (AUDIT, PSEUDONYMS, RELEASES)  # what they made is compared with what they make: not replaced with the others
OWNER = "owner"
KEY_BYTES = 32


class KeyFileError(ValueError):
    """A key file is missing, open to others, or unreadable; the message says what to do."""


class Denied(PermissionError):  # noqa: N818  (it names what happened)
    """The process's key file does not hold the key that is asked for."""


@dataclass(frozen=True)
class Key:
    """One version of a master key; its secret never shows in a message.

    Args:
        name: one of `NAMES`.
        version: counted from 1; a rotation adds one.
        secret: 32 bytes from the system's secure source.

    """

    name: str
    version: int
    secret: bytes

    def __repr__(self) -> str:
        return f"Key({self.name}, version {self.version})"


@dataclass(frozen=True)
class KeyFile:
    """The master keys of a role.

    Args:
        role: whose file it is; the owner's holds every key.
        versions: keys by name, the newest last.

    """

    role: str
    versions: Mapping[str, tuple[Key, ...]]

    def __repr__(self) -> str:
        return f"KeyFile({self.role}: {', '.join(self.versions)})"

    def newest(self, name: str) -> Key:
        """The key that new data are protected with; raises `Denied` where this file does not hold it."""
        return self._of(name)[-1]

    def version(self, name: str, number: int) -> Key:
        """A key's version; raises `Denied` where this file does not hold it."""
        for key in self._of(name):
            if key.version == number:
                return key
        raise Denied(f"the key file of {self.role} holds no version {number} of the key '{name}': ask for a newer file")

    @property
    def named(self) -> str:
        """The role that the file is made for; the owner's is made for none."""
        return "" if self.role == OWNER else self.role

    def holds(self, name: str) -> bool:
        """Whether the key is in this file."""
        return name in self.versions

    def subset(self, role: str, names: Iterable[str]) -> "KeyFile":
        """What a role's file holds: these keys, and those that everyone has."""
        wanted = {*names, *EVERYONE}
        return KeyFile(role, {name: self._of(name) for name in NAMES if name in wanted})

    def rotated(self, names: Iterable[str]) -> "KeyFile":
        """The same file with a new version of each of these keys; the old ones stay, to read what they protect."""
        fresh = {name: (*self._of(name), _make(name, self._of(name)[-1].version + 1)) for name in names}
        return KeyFile(self.role, {**self.versions, **fresh})

    def newest_only(self, names: Iterable[str]) -> "KeyFile":
        """The same file without the versions of these keys that a rotation has replaced."""
        return KeyFile(self.role, {**self.versions, **{name: self._of(name)[-1:] for name in names}})

    def save(self, path: Path) -> Path:
        """Write the file, readable by its owner alone; a reader sees the old one or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = {name: {str(key.version): key.secret.hex() for key in kept} for name, kept in self.versions.items()}
        previous = os.umask(0o077)
        try:
            return write_text(path, json.dumps({"role": self.role, "keys": keys}, indent=1) + "\n")
        finally:
            os.umask(previous)

    def _of(self, name: str) -> tuple[Key, ...]:
        if name not in NAMES:
            raise KeyFileError(f"there is no key '{name}'{nearest(name, NAMES)}; known are {', '.join(NAMES)}")
        if name not in self.versions:
            raise Denied(f"the key file of {self.role} does not hold the key '{name}'")
        return self.versions[name]


def place() -> Path:
    """Where this process's key file lies: WORKBENCH_KEYS, or else the user's configuration folder."""
    named = os.environ.get("WORKBENCH_KEYS")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "ecommerce-workbench" / "keys.json"


def open_keys(path: Path | None = None) -> KeyFile:
    """This process's keys; the owner's file is made at the first call, unless WORKBENCH_KEYS names one.

    Raises:
        KeyFileError: the file named is missing, can be read by others, or is no key file.

    """
    path = path or place()
    if not path.exists():
        if os.environ.get("WORKBENCH_KEYS"):
            raise KeyFileError(f"WORKBENCH_KEYS names {path}, which is not there: correct it, or unset it to make keys")
        return _first(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyFileError(f"{path} can be read by others (mode {mode:o}): run `chmod 600 {path}` and rotate its keys")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        versions = {
            name: tuple(Key(name, int(number), _secret(secret)) for number, secret in sorted(kept.items(), key=_number))
            for name, kept in found["keys"].items()
        }
        return KeyFile(str(found["role"]), versions)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise KeyFileError(
            f"{path} is no key file: restore it from a copy, for without it nothing can be read"
        ) from error


def make() -> KeyFile:
    """A new owner's file, its keys from the system's secure source."""
    return KeyFile(OWNER, {name: (_make(name, 1),) for name in NAMES})


def _first(path: Path) -> KeyFile:
    """Make the file; of two processes that do so at once, both get the one that came first."""
    part = make().save(path.with_name(f".{path.name}.{os.getpid()}.new"))
    try:
        os.link(part, path)
    except FileExistsError:
        return open_keys(path)
    finally:
        part.unlink()
    return open_keys(path)


def _make(name: str, version: int) -> Key:
    return Key(name, version, secrets.token_bytes(KEY_BYTES))


def _secret(text: str) -> bytes:
    secret = bytes.fromhex(text)
    if len(secret) != KEY_BYTES:
        raise ValueError(f"a key has {len(secret)} bytes, not {KEY_BYTES}")
    return secret


def _number(item: tuple[str, str]) -> int:
    return int(item[0])
