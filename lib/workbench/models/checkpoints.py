"""A training's checkpoints: which are whole, whose they are, whether the training had ended, and who keeps them.

They lie in a folder as Trainer writes them; or, where a keeper is given, in a temporary folder that goes with the
process, and each that is whole is handed to the keeper, which may encrypt it, and from which a later process goes on.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import TrainerCallback

from workbench import temporary

MARK = "training.sha256"
STATE = "trainer_state.json"  # Trainer writes it last: a checkpoint that has it is whole


class Keeper(Protocol):
    """Keeps files by name so that they outlive a kill; their names are paths below one folder."""

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
    """The folder, emptied where it holds another training's checkpoints."""
    mark = folder / MARK
    if not mark.exists() or mark.read_text() != digest:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        mark.write_text(digest)
    return folder


def _bring_back(keeper: Keeper, folder: Path, digest: str) -> None:
    """Put the whole checkpoints of this training into the folder; what else is kept is forgotten."""
    names = keeper.names()
    mine = MARK in names and keeper.restore(MARK).decode() == digest
    whole = {Path(name).parent for name in names if mine and Path(name).name == STATE}
    for name in names:
        if Path(name).parent not in whole and not (mine and name == MARK):
            keeper.forget(name)
        elif name != MARK:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(keeper.restore(name))
    for checkpoint in whole:
        _move_best(folder / checkpoint / STATE, folder)
    if not mine:
        keeper.keep(MARK, digest.encode())


def _move_best(state: Path, folder: Path) -> None:
    """Let a checkpoint's state name the best one by where it now lies: Trainer would look where it was written."""
    known = json.loads(state.read_text())
    if best := known.get("best_model_checkpoint"):
        known["best_model_checkpoint"] = str(folder / Path(best).name)
        state.write_text(json.dumps(known))


class _Keeping(TrainerCallback):
    """Hands each checkpoint to the keeper when it is whole, and has those forgotten that Trainer removed."""

    def __init__(self, keeper: Keeper, folder: Path):
        self.keeper, self.folder = keeper, folder

    def on_save(self, *_: Any, **__: Any) -> None:
        files = [path for path in self.folder.glob("checkpoint-*/*") if path.is_file()]
        here = {str(path.relative_to(self.folder)): path for path in files}
        kept = set(self.keeper.names())
        for name in sorted(here.keys() - kept, key=lambda name: (Path(name).name == STATE, name)):
            self.keeper.keep(name, here[name].read_bytes())
        for name in sorted(kept - here.keys() - {MARK}, key=lambda name: (Path(name).name != STATE, name)):
            self.keeper.forget(name)


def last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint below `folder`; one that a kill left half-written is removed."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]), reverse=True)
    for path in found:
        try:
            json.loads((path / STATE).read_text())
        except (OSError, ValueError):
            shutil.rmtree(path)
            continue
        return str(path)
    return None


def ended(checkpoint: str) -> bool:
    """Whether the checkpoint is a training's last, written when it reached its end or stopped early."""
    control = json.loads(Path(checkpoint, STATE).read_text())["stateful_callbacks"]["TrainerControl"]
    return bool(control["args"]["should_training_stop"])
