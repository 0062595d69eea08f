"""Find raw files, on this machine or at any address that fsspec knows; remote ones are copied to a cache."""

import glob
import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fsspec
import pooch

from workbench.data.collected import SourceError
from workbench.spelling import nearest

CONNECT_SECONDS = 10
CHANGED = (
    "mtime", "LastModified", "last_modified", "Last-Modified", "modified", "modify", "updated", "created",
    "ETag", "etag", "Content-MD5",
)  # fmt: skip
"""What file systems call a mark of the file's version."""


def locate(folder: str, patterns: Iterable[str]) -> dict[str, Path]:
    """Local paths of the files that the patterns name, by their name within the folder.

    Args:
        folder: a local folder, or an address such as `s3://bucket/folder`; not looked at where a pattern is absolute.
        patterns: names or globs within the folder, absolute paths, or addresses; a glob's files come sorted.

    Raises:
        SourceError: the folder or a file is missing, a glob matches nothing, or an address does not answer.

    """
    found: dict[str, Path] = {}
    for pattern in patterns:
        if "://" in pattern or ("://" in folder and not Path(pattern).is_absolute()):
            address = pattern if "://" in pattern else f"{folder.rstrip('/')}/{pattern}"
            found |= _remote(address)
        else:
            found |= _local(Path(folder).expanduser(), pattern)
    return found


def cache_folder() -> Path:
    """Where copies of remote files are kept: `WORKBENCH_CACHE`, or the user's cache folder."""
    return Path(os.environ.get("WORKBENCH_CACHE") or pooch.os_cache("workbench")) / "files"


def _local(folder: Path, pattern: str) -> dict[str, Path]:
    path = folder / pattern
    if path.is_file():
        return {pattern: path}
    if not (Path(pattern).is_absolute() or folder.is_dir()):
        raise SourceError(f"the folder {folder} does not exist: set `folder` to where the files lie")
    if not glob.has_magic(pattern):
        names = [entry.name for entry in path.parent.glob("*") if entry.is_file()]
        raise SourceError(f"{path} does not exist{nearest(path.name, names)}")
    matches = sorted(glob.glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207  (takes absolute ones too)
    files = {name: folder / name for name in matches if (folder / name).is_file()}
    if not files:
        within = "" if Path(pattern).is_absolute() else f" in {folder}"
        raise SourceError(f"no file{within} matches '{pattern}': correct the pattern, or the folder")
    return files


def _remote(address: str) -> dict[str, Path]:
    """Copies of the file at an address, or of those that its glob matches, by their address."""
    protocol = address.split("://", 1)[0]
    try:
        system, path = _filesystem(address)
        paths = sorted(system.glob(path)) if glob.has_magic(path) else [path]
        copies = {}
        for one in paths:
            known = system.info(one)
            if known.get("type") != "directory":
                name = one if "://" in one else f"{protocol}://{one.lstrip('/')}"
                copies[name] = _copy(system, one, name, known)
    except FileNotFoundError as error:
        raise SourceError(f"{address} does not exist: correct the name, or the folder") from error
    except (ImportError, ValueError) as error:
        raise SourceError(f"{address} cannot be opened: {_first_line(error)}") from error
    except OSError as error:
        raise SourceError(f"{address} cannot be read, check address and access rights: {_first_line(error)}") from error
    if not copies:
        raise SourceError(f"no file matches '{address}': correct the pattern, or the folder")
    return copies


def _filesystem(address: str) -> tuple[Any, str]:
    if address.split("://", 1)[0] in ("s3", "s3a"):
        return _object_storage(), address.split("://", 1)[1]
    return fsspec.core.url_to_fs(address)


def _object_storage() -> Any:
    """S3 through pyarrow, with the keys, region and endpoint that the usual AWS variables give."""
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import S3FileSystem

    given: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        scheme, _, host = endpoint.rpartition("://")
        given |= {"endpoint_override": host.rstrip("/"), "scheme": scheme or "https", "region": "us-east-1"}
    if region := os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        given["region"] = region
    return ArrowFSWrapper(S3FileSystem(**given))


def _copy(system: Any, path: str, address: str, known: dict[str, Any]) -> Path:
    """The cached copy of a remote file.

    Made anew where its size or a mark of its version differ from the copy's, and where the server gives no such mark.
    """
    marks = [str(known[key]) for key in CHANGED if known.get(key)]
    place = cache_folder() / _digest(address)
    copy = place / _digest(f"{known.get('size')} {marks}") / Path(path).name
    if not (marks and copy.is_file()):
        shutil.rmtree(place, ignore_errors=True)  # an older version of the file
        copy.parent.mkdir(parents=True)
        part = copy.with_name(f"{copy.name}.part")
        with system.open(path, "rb") as remote, part.open("wb") as local:
            shutil.copyfileobj(remote, local, 1 << 20)
        if known.get("size") not in (None, part.stat().st_size):
            raise OSError(f"{part.stat().st_size} of {known['size']} bytes arrived")
        part.replace(copy)
    return copy


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
