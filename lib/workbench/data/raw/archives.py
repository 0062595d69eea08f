"""Unpack gz and zip, recognised by their first bytes."""

import fnmatch
import gzip
import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from workbench.data.collected import SourceError

EMPTY_ZIP = b"PK\x05\x06"


def unpack(path: Path, member: str, scratch: Path) -> Path:
    """The plain file behind `path`: itself, or what a gz or zip holds, unpacked into `scratch`.

    Args:
        path: a file; its first bytes say whether it is packed.
        member: which file of a zip, by name or glob; may be empty where there is one only.
        scratch: an existing folder, in which the unpacked file stays.

    Raises:
        SourceError: the archive is broken, encrypted, empty, holds several files and none is chosen, or names that
            lead out of it.

    """
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(b"\x1f\x8b"):
        name = path.stem if path.suffix == ".gz" else path.name
        return _gz(path, _fresh(scratch, name))
    if start in (b"PK\x03\x04", EMPTY_ZIP):
        return _zip(path, member, scratch)
    if member:
        raise SourceError(f"{path.name} is no zip: delete `member`")
    return path


def leads_out(name: str) -> bool:
    """Whether a name in an archive leads out of the folder that it is unpacked to, on any system."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1])


def is_companion(name: str) -> bool:
    """Whether macOS has put an entry beside the user's files, with icons and attributes of one of them."""
    path = PurePosixPath(name)
    return "__MACOSX" in path.parts or path.name.startswith("._") or path.name == ".DS_Store"


def _gz(path: Path, target: Path) -> Path:
    try:
        with gzip.open(path) as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{path.name} breaks off or is damaged ({error}): fetch it again") from error
    return target


def _zip(path: Path, member: str, scratch: Path) -> Path:
    if path.suffix in (".xlsx", ".xlsm", ".ods"):
        raise SourceError(f"{path.name} is a spreadsheet: save it as CSV (UTF-8) and give that")
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(_member(path.name, archive, member))
            target = _fresh(scratch, PurePosixPath(info.filename).name)
            with archive.open(info) as packed, target.open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise SourceError(f"{path.name} breaks off or is damaged ({error}): fetch it again") from error
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed by a method that Python lacks
        raise SourceError(f"{path.name} cannot be unpacked here ({error}): unpack it by hand") from error
    return target


def _member(name: str, archive: zipfile.ZipFile, wanted: str) -> str:
    """The name of the one file to take; refuses names that would leave the folder they are unpacked to."""
    members = [info.filename for info in archive.infolist() if not info.is_dir()]
    for member in members:
        if leads_out(member):
            raise SourceError(f"{name} holds the name '{member}', which leads out of the archive: it is not opened")
    members = [member for member in members if not is_companion(member)]
    if not members:
        raise SourceError(f"{name} is a zip without a file in it: pack it again")
    chosen = [member for member in members if not wanted or wanted == member or fnmatch.fnmatchcase(member, wanted)]
    if len(chosen) != 1:
        listed = ", ".join(f"'{member}'" for member in (chosen or members)[:5])
        which = f"{len(chosen) or 'none'} that match '{wanted}'" if wanted else f"{len(chosen)} files"
        raise SourceError(f"{name} holds {which} ({listed}): name one as `member`")
    return chosen[0]


def _fresh(scratch: Path, name: str) -> Path:
    """A path of that name in a new folder, so that equal names of two archives do not meet."""
    folder = scratch / str(sum(1 for _ in scratch.iterdir()))
    folder.mkdir()
    return folder / (name or "unpacked")
