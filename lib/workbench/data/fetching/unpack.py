"""Files out of a zip or tar archive, each whole or not at all, none outside the folder."""

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatch
from itertools import count
from pathlib import Path, PurePosixPath
from typing import IO

from workbench.data.collected import SourceError
from workbench.data.raw.archives import is_companion, leads_out

Member = tuple[str, int, Callable[[], IO[bytes]]]


def unpack(archive: Path, folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Take the files that match a pattern out of an archive; one that is there in full stays as it is.

    One that is there with another size is kept under another name.

    Args:
        archive: zip, or tar with any compression.
        folder: where the files go, under their paths inside.
        patterns: as in a shell; `*` crosses folders.

    Returns:
        The files, in the archive's order.

    Raises:
        SourceError: the archive is damaged, nothing in it matches, or a name leads out of the folder.

    """
    done = []
    try:
        for name, size, opened in _zip(archive) if zipfile.is_zipfile(archive) else _tar(archive):
            if is_companion(name) or not any(fnmatch(name, pattern) for pattern in patterns):
                continue
            path = folder / _inside(name, archive)
            if not (path.is_file() and path.stat().st_size == size):
                if path.exists():
                    set_aside(path)
                _write(path, opened)
            done.append(path)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise SourceError(f"{archive} is damaged ({error}): delete it and fetch it again") from error
    if not done:
        raise SourceError(f"{archive} holds nothing that matches {', '.join(patterns)}: the publisher has changed it")
    return done


def set_aside(path: Path) -> Path:
    """Give a file that is about to be replaced another name, which nothing has and no source looks for."""
    names = (path.with_name(f"{path.name}.before{number or ''}") for number in count())
    return path.rename(next(name for name in names if not name.exists()))


def _zip(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            if not info.is_dir():
                yield info.filename, info.file_size, lambda info=info: file.open(info)  # type: ignore[misc]


def _tar(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive) as file:
        for info in file:
            if info.isfile():  # neither links nor devices
                yield info.name, info.size, lambda info=info: file.extractfile(info)  # type: ignore[misc]


def _inside(name: str, archive: Path) -> PurePosixPath:
    if leads_out(name):
        raise SourceError(f"{archive} holds the name {name!r}, which leads out of the folder: do not use this archive")
    return PurePosixPath(name)


def _write(path: Path, opened: Callable[[], IO[bytes]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with opened() as source, part.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    part.replace(path)
