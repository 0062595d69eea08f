"""Downloads of the published sources: from the publisher, resumed after a break, verified, whole or not at all.

`pooch` keeps the files: it compares hashes and moves a file to its name when it is verified. It does not go on after a
break, so the downloader here does, by HTTP ranges (RFC 9110, section 14) on a file `<name>.part`.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pooch

from workbench.data.collected import SourceError
from workbench.data.fetching.published import BY_PACKAGE, CHOICES, PUBLISHED, Remote
from workbench.data.fetching.unpack import set_aside, unpack
from workbench.spelling import nearest

CHUNK = 1 << 20
TRIES = 4  # in a row, without a byte more
PAUSE = 1.0  # seconds before the second of them, growing by as much
TIMEOUT = 60.0  # seconds without a byte


@dataclass(frozen=True)
class Fetched:
    """A file that lies in the folder now.

    Args:
        path: where.
        address: where from.
        size: in bytes.
        sha256: its hash, to be pinned where `pinned` is false.
        pinned: whether a hash known beforehand was compared; if not, only the transfer was checked.
        downloaded: false if it lay there already.
        unpacked: what came out of an archive.
        kept: where another file that lay at `path` is now, None if there was none.

    """

    path: Path
    address: str
    size: int
    sha256: str
    pinned: bool
    downloaded: bool
    unpacked: tuple[Path, ...] = ()
    kept: Path | None = None


def fetch(
    name: str,
    folder: str | Path,
    base_url: str = "",
    choices: Mapping[str, str] | None = None,
    pins: Mapping[str, str] | None = None,
) -> list[Fetched]:
    """Download a published source into a folder, or check that it lies there.

    Args:
        name: of the source.
        folder: made if missing; files that are there and have the right hash stay, others are kept beside what came.
        base_url: a server that holds the files by their names in the publisher's place, for tests; empty otherwise.
        choices: which part of the source, such as `{"category": "Gift_Cards"}`; see `published.CHOICES`.
        pins: sha256 by file name, for files whose hash is not known here or that the publisher has changed.

    Raises:
        SourceError: the source is not one to download, cannot be reached, or is not what it should be; the message
            names the address and says what to do.

    """
    wanted, pins = _remotes(name, dict(choices or {})), dict(pins or {})
    for pin in pins:
        if pin not in (known := [remote.name for remote in wanted]):
            raise SourceError(f"source {name} has no file '{pin}' to pin{nearest(pin, known)}")
    done = []
    for remote in wanted:
        address = f"{base_url.rstrip('/')}/{remote.name}" if base_url else remote.address
        remote = replace(remote, address=address)
        if remote.name in pins:
            remote = replace(remote, sha256=pins[remote.name].lower(), size=None, git_blob="")
        done.append(_one(remote, Path(folder)))
    return done


def _remotes(name: str, choices: dict[str, str]) -> list[Remote]:
    if name in BY_PACKAGE:
        raise SourceError(f"source {name} is not downloaded: {BY_PACKAGE[name]}")
    if name not in PUBLISHED:
        raise SourceError(f"source {name} cannot be fetched{nearest(name, PUBLISHED)}; {', '.join(PUBLISHED)} can")
    defaults = CHOICES.get(name, {})
    for choice in choices:
        if choice not in defaults:
            known = f"; it has {', '.join(defaults)}" if defaults else ""
            raise SourceError(f"source {name} has no choice '{choice}'{nearest(choice, defaults)}{known}")
    return PUBLISHED[name]({**defaults, **choices})


def _one(remote: Remote, folder: Path) -> Fetched:
    if urlsplit(remote.address).scheme not in ("http", "https"):
        raise SourceError(f"{remote.address} is not an address: it must begin with https:// or http://")
    path = folder / remote.name
    path.parent.mkdir(parents=True, exist_ok=True)
    there = path.is_file()
    other = _wrong(path, remote) if there else ""
    target = path.with_name(f"{path.name}.fetched") if other else path
    try:
        _retrieve(remote, target, path)
    except SourceError as error:
        stays = f". The file that lies there is another one ({other}) and stays as it is"
        raise SourceError(f"{error}{stays if other else ''}") from error
    kept = set_aside(path) if other else None
    if kept:
        target.replace(path)
    digest = remote.sha256 or _digest(path, hashlib.sha256())
    out = tuple(unpack(path, folder, remote.members)) if remote.members else ()
    pinned = bool(remote.sha256 or remote.git_blob)
    downloaded = not there or bool(other)
    return Fetched(path, remote.address, path.stat().st_size, digest, pinned, downloaded, out, kept)


def _retrieve(remote: Remote, target: Path, path: Path) -> None:
    """Download to `target`, which pooch leaves alone if it is there and right; messages speak of `path`."""
    pooch.get_logger().setLevel("WARNING")
    pooch.retrieve(
        remote.address,
        known_hash=f"sha256:{remote.sha256}" if remote.sha256 else None,
        fname=target.name,
        path=target.parent,
        downloader=partial(_download, remote=remote, path=path),
    )


def _download(address: str, target: str, keeper: object, *, remote: Remote, path: Path) -> None:
    """What pooch calls to get `address` into its temporary file `target`."""
    part = path.with_name(path.name + ".part")
    if not (part.is_file() and part.stat().st_size == remote.size):
        _persist(address, part, path)
    if wrong := _wrong(part, remote):
        _forget(part)
        raise SourceError(
            f"{address} is not the file that was published: {wrong}. Run the command again; if that does not help, the "
            f"publisher has changed it: look at the page of the source and put the right file at {path} "
            "and name its hash by `--pin`"
        )
    part.replace(target)
    _forget(part)


def _persist(address: str, part: Path, path: Path) -> None:
    """Receive until the file is whole; more bytes than ever before give the tries anew."""
    tries, reason, most = 0, "", _size(part)
    while tries < TRIES:
        time.sleep(PAUSE * tries)
        try:
            if _receive(address, part):
                return
            reason = f"it broke off after {_size(part)} bytes"
        except HTTPError as error:
            reason = _answered(error, address, path, part)
        except URLError as error:
            reason = str(error.reason)
        except (HTTPException, OSError) as error:
            reason = str(error) or type(error).__name__
        tries, most = 1 if _size(part) > most else tries + 1, max(most, _size(part))
    kept = (
        f" The {size} bytes that came are kept, and the same command goes on from there."
        if (size := _size(part))
        else ""
    )
    raise SourceError(
        f"{address} could not be downloaded: {reason}.{kept} Check the network or the proxy, or get the file in "
        f"another way and put it at {path}"
    )


def _answered(error: HTTPError, address: str, path: Path, part: Path) -> str:
    """The reason to try again after an answer that is an error; raises for one that will not change."""
    if error.code == 416:  # what is there is not a part of the file
        _forget(part)
    elif error.code not in (408, 429) and error.code < 500:
        raise SourceError(
            f"{address} answered {error.code} ({error.reason}): the publisher has moved or closed it; look for the "
            f"file on the page of the source and put it at {path}"
        ) from error
    return f"the server answered {error.code} ({error.reason})"


def _receive(address: str, part: Path) -> bool:
    """Receive what is missing, and say whether the file is whole.

    A range is asked for only of the version that the first bytes came from (If-Range): without a mark of the version
    the download starts anew.
    """
    mark, begun = part.with_name(part.name + ".version"), _size(part)
    request = Request(address, headers={"User-Agent": "workbench"})
    if begun and mark.is_file():
        request.add_header("Range", f"bytes={begun}-")
        request.add_header("If-Range", mark.read_text("utf-8"))
    with urlopen(request, timeout=TIMEOUT) as response:
        goes_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {begun}-")
        if not goes_on:
            begun = 0
            mark.write_text(version, "utf-8") if (version := _version(response)) else mark.unlink(missing_ok=True)
        length = response.headers.get("Content-Length")
        with part.open("ab" if goes_on else "wb") as file:
            while block := response.read(CHUNK):
                file.write(block)
    return length is None or _size(part) == begun + int(length)


def _version(response: HTTPResponse) -> str:
    """The mark of a version that If-Range may use: a strong ETag, else the date of the last change."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _wrong(path: Path, remote: Remote) -> str:
    """What differs from what is known of the file; empty if nothing does."""
    size = path.stat().st_size
    if remote.size is not None and size != remote.size:
        return f"it has {size} bytes in place of {remote.size}"
    blob = partial(hashlib.sha1, f"blob {size}\0".encode(), usedforsecurity=False)
    kinds: tuple[tuple[str, str, Callable[[], hashlib._Hash]], ...] = (
        ("sha256", remote.sha256, hashlib.sha256), ("git blob id", remote.git_blob, blob),
    )  # fmt: skip
    for kind, known, make in kinds:
        if known and (found := _digest(path, make())) != known:
            return f"its {kind} is {found} in place of {known}"
    return ""


def _digest(path: Path, digest: "hashlib._Hash") -> str:
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(part.name + ".version").unlink(missing_ok=True)
