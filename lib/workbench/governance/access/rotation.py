"""Replacing master keys: what they wrap is wrapped anew, and the data stay as they are.

The key file with the new versions is saved before anything is wrapped by them, so that a rotation that is broken off
has lost nothing: rotating again finishes it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.governance.access import kms
from workbench.governance.access.keys import FIXED, NAMES, WRAPPING, KeyFile, KeyFileError
from workbench.spelling import nearest


@dataclass(frozen=True)
class Rotation:
    """What was replaced: names of the master keys, and how many keys of data were wrapped anew."""

    names: tuple[str, ...]
    wrapped: int


def rotate(keys: KeyFile, path: Path, folders: Iterable[Path], names: Collection[str], forget: bool) -> Rotation:
    """Give master keys a new version, and wrap by it what older ones wrap.

    Args:
        keys: the owner's file, as it is now.
        path: where it lies.
        folders: all that hold wrapped keys.
        names: of the master keys; none for all but `FIXED`, whose replacement changes what is recognised: pseudonyms,
            the log's seals, releases that were paid.
        forget: drop the old versions of what only wraps, so that who has a copy of the old file reads nothing new nor,
            from these folders, old. Signatures and pseudonyms keep all versions: they are still to be checked.

    Raises:
        KeyFileError: a name is unknown, or the file is a role's, of which the owner's would not know.

    """
    if keys.named:
        raise KeyFileError(f"this is the key file of {keys.role}: rotate the owner's, and make this one again")
    for name in names:
        if name not in NAMES:
            raise KeyFileError(f"there is no key '{name}'{nearest(name, NAMES)}; known are {', '.join(NAMES)}")
    chosen = tuple(name for name in NAMES if (name in names if names else name not in FIXED))
    fresh = keys.rotated(chosen)
    fresh.save(path)
    wrapped = kms.rewrap(folders, kms.LocalKms(fresh))
    if forget:
        fresh.newest_only([name for name in chosen if name in WRAPPING]).save(path)
    return Rotation(chosen, wrapped)


def folders_of_keys(outputs: Path) -> list[Path]:
    """Every folder below `outputs` that holds wrapped keys."""
    return sorted(file.parent for file in outputs.rglob(kms.MATERIAL))
