"""A training's checkpoints: which are whole, whose they are, whether the training had ended, and who keeps them.

They lie in a folder as Trainer writes them; or, where a keeper is given, in a temporary folder that goes with the
process, and each that is whole is handed to the keeper, which may encrypt it, and from which a later process goes on.
"""

import hashlib
import json
import re
import shutil
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import TrainerCallback

from workbench import temporary
from workbench.artifacts import sha256, write_json
from workbench.models.saving import SaveError, saving

MARK = "training.sha256"
STATE = "trainer_state.json"
OWN = re.compile(r"checkpoint-\d+")
SUMS = "sha256.json"  # of a checkpoint's files, written last: one that has it, and is as it says, is whole


class Keeper(Protocol):
    """Keeps files by name so that they outlive a kill; their names are paths below one folder."""

    folder: Path

    def names(self) -> list[str]:
        """What is kept and whole."""

    def keep(self, name: str, data: bytes) -> None:
        """Keep a file, at once: after a kill it is as it was before, or as it is now."""

    def restore(self, name: str) -> bytes:
        """What was kept; an error if that is not what comes back."""

    def forget(self, name: str) -> None:
        """Keep it no longer."""


@contextmanager
def opened(
    checkpoints: str | Path | Keeper, description: str, tensors: Iterable[torch.Tensor]
) -> Iterator[tuple[Path, list[TrainerCallback]]]:
    """The folder of one very training's checkpoints, without those of another, and what has to be called at each save.

    Args:
        checkpoints: the folder itself, or who keeps what is in it.
        description: settings, precision, plan, what is trained.
        tensors: the training's start and its first batch; with the description they are what it is known by.

    """
    digest = hashlib.sha256(description.encode())
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    if isinstance(checkpoints, str | Path):
        yield training_folder(Path(checkpoints), digest.hexdigest()), []
        return
    temporary.sweep()  # what a training that was killed left
    with temporary.Folder() as folder:
        _bring_back(checkpoints, folder, digest.hexdigest())
        yield folder, [_Keeping(checkpoints, folder)]


def training_folder(folder: Path, digest: str) -> Path:
    """The folder, without the checkpoints of another training.

    Raises:
        SaveError: the folder holds something else, or cannot be written to.

    """
    mark = folder / MARK
    if not mark.exists() or mark.read_text() != digest:
        with saving("The checkpoints", folder):
            folder.mkdir(parents=True, exist_ok=True)
            _remove_others(folder)
            mark.write_text(digest)
    return folder


def _remove_others(folder: Path) -> None:
    """Remove another training's checkpoints; without its mark they may be somebody else's."""
    found = sorted(path for path in folder.iterdir() if path.name != MARK)
    own = [path for path in found if (folder / MARK).exists() and path.is_dir() and OWN.fullmatch(path.name)]
    if odd := [path.name for path in found if path not in own]:
        raise SaveError(
            f"The checkpoints cannot lie in {folder}, for it holds something else ({odd[0]}): name a folder that is "
            "new, empty, or of earlier checkpoints alone."
        )
    for path in own:
        shutil.rmtree(path)


def _bring_back(keeper: Keeper, folder: Path, digest: str) -> None:
    """Put the whole checkpoints of this training into the folder; what else is kept is forgotten."""
    names = keeper.names()
    mine = MARK in names and keeper.restore(MARK).decode() == digest
    whole = {Path(name).parent for name in names if mine and Path(name).name == SUMS}
    for name in names:
        if Path(name).parent not in whole and not (mine and name == MARK):
            keeper.forget(name)
        elif name != MARK:
            path, data = folder / name, keeper.restore(name)
            with saving("The checkpoints", folder):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    if not mine:
        with saving("The checkpoints", keeper.folder):
            keeper.keep(MARK, digest.encode())


class _Keeping(TrainerCallback):
    """Hands each checkpoint to the keeper when it is whole, and has those forgotten that Trainer removed."""

    def __init__(self, keeper: Keeper, folder: Path):
        self.keeper, self.folder = keeper, folder

    def on_save(self, *_: Any, **__: Any) -> None:
        files = [path for path in self.folder.glob("checkpoint-*/*") if path.is_file()]
        here = {str(path.relative_to(self.folder)): path for path in files}
        kept = set(self.keeper.names())
        with saving("The checkpoint", self.keeper.folder):
            for name in sorted(here.keys() - kept, key=lambda name: (Path(name).name == SUMS, name)):
                self.keeper.keep(name, here[name].read_bytes())
        for name in sorted(kept - here.keys() - {MARK}, key=lambda name: (Path(name).name != SUMS, name)):
            self.keeper.forget(name)


@contextmanager
def writing(checkpoint: Path) -> Iterator[None]:
    """As long as Trainer writes a checkpoint: then it is made whole, or, where that fails, makes room again.

    Raises:
        SaveError: it could not be written.

    """
    try:
        with saving(f"The {checkpoint.name}", checkpoint.parent):
            yield
            _write_sums(checkpoint)
    except Exception:
        shutil.rmtree(checkpoint, ignore_errors=True)
        raise


def _write_sums(checkpoint: Path) -> None:
    files = [path for path in checkpoint.iterdir() if path.is_file() and path.name != SUMS]
    write_json(checkpoint / SUMS, {path.name: sha256(path) for path in sorted(files)})


def _is_whole(checkpoint: Path) -> bool:
    """Whether the files are as they were written; and those of the best checkpoint, which it will end with."""
    try:
        sums = json.loads((checkpoint / SUMS).read_text())
        same = all(sha256(checkpoint / name) == digest for name, digest in sums.items())
        best = same and json.loads((checkpoint / STATE).read_text())["best_model_checkpoint"]
    except (OSError, ValueError):  # a file is missing, or a part of it
        return False
    other = checkpoint.parent / Path(best or checkpoint).name
    return same and (other == checkpoint or _is_whole(other))


def _move_best(checkpoint: Path) -> None:
    """Let a checkpoint's state name the best one by where it now lies: Trainer would look where it was written."""
    state = json.loads((checkpoint / STATE).read_text())
    if (best := state["best_model_checkpoint"]) and Path(best).parent != checkpoint.parent:
        state["best_model_checkpoint"] = str(checkpoint.parent / Path(best).name)
        (checkpoint / STATE).write_text(json.dumps(state))
        _write_sums(checkpoint)


def last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint below `folder`, which may have been moved.

    Newer ones that are not whole, as a kill or a full disk leaves them, are removed, and a warning says so.
    """
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]), reverse=True)
    last = next((path for path in found if _is_whole(path)), None)
    if broken := found[: found.index(last)] if last else found:
        for path in broken:
            shutil.rmtree(path)
        names, goes_on = ", ".join(path.name for path in broken), f"goes on from {last.name}" if last else "starts anew"
        warnings.warn(f"Not whole, or its best is not: {names} in {folder}. The training {goes_on}.", stacklevel=2)
    if not last:
        return None
    _move_best(last)
    return str(last)


def kept(checkpoints: str | Path | Keeper, folder: Path) -> str:
    """What is left of a training that failed, in a sentence."""
    where = checkpoints if isinstance(checkpoints, str | Path) else checkpoints.folder
    if found := last_checkpoint(folder):
        return f"{Path(found).name} is kept in {where}, until a training with other settings begins there."
    return "No checkpoint had been written yet."


def ended(checkpoint: str) -> bool:
    """Whether the checkpoint is a training's last, written when it reached its end or stopped early."""
    control = json.loads(Path(checkpoint, STATE).read_text())["stateful_callbacks"]["TrainerControl"]
    return bool(control["args"]["should_training_stop"])
