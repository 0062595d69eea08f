"""Saving what may not fit on the disk: it is said in a sentence, and what was there before stays as it was."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from workbench import temporary

# what PyTorch's writer says of itself: it has no kind of error of its own
WRITER = re.compile("inline_container|PytorchStreamWriter|iostream error|Parent directory .* does not exist")
WEIGHTS = (".safetensors", ".bin", ".pt")  # without its weights a folder is no model: they are moved last


class SaveError(RuntimeError):
    """Something that could not be written; the message says where, why, and what to do."""


@contextmanager
def saving(what: str, folder: Path) -> Iterator[None]:
    """Turn what goes wrong when `what` is written to a folder into a `SaveError`.

    A full disk comes as an OSError, from safetensors as its own error, and from PyTorch's writer as a RuntimeError that
    does not name it: so the room that is left there is named too. Any other RuntimeError is not of writing.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if isinstance(error, RuntimeError) and not WRITER.search(str(error)):
            raise
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        free, why = shutil.disk_usage(there).free / 1e6, str(error).strip().partition("\n")[0]
        raise SaveError(
            f"{what} could not be written to {folder}, where {free:,.0f} MB are free ({why}): if the disk is full make "
            "room there, else see that it may be written to, and run again. What was saved before is still there."
        ) from error


@contextmanager
def replacing(what: str, folder: Path) -> Iterator[Path]:
    """A new folder whose files, once all are written, take the place of those of the same name in `folder`."""
    with saving(what, folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary.sweep(folder.parent)
        with temporary.Folder(folder.parent) as part:
            yield part
            folder.mkdir(exist_ok=True)
            for path in sorted(part.iterdir(), key=lambda path: path.suffix in WEIGHTS):
                path.replace(folder / path.name)
