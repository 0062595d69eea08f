"""A training's checkpoints on disk: which are whole, whose they are, whether the training had ended."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import torch


def training_folder(folder: Path, description: str, tensors: Iterable[torch.Tensor]) -> Path:
    """The folder of one very training's checkpoints, emptied where it holds another's.

    A training is known by its description (settings, precision, plan, what is trained) and by tensors: its start and
    its first batch.
    """
    digest = hashlib.sha256(description.encode())
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    mark = folder / "training.sha256"
    if not mark.exists() or mark.read_text() != digest.hexdigest():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        mark.write_text(digest.hexdigest())
    return folder


def last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint below `folder`; one that a kill left half-written is removed."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]), reverse=True)
    for path in found:
        try:  # the state is written last: a checkpoint that has it, and can be read, is whole
            json.loads((path / "trainer_state.json").read_text())
        except (OSError, ValueError):
            shutil.rmtree(path)
            continue
        return str(path)
    return None


def ended(checkpoint: str) -> bool:
    """Whether the checkpoint is a training's last, written when it reached its end or stopped early."""
    control = json.loads(Path(checkpoint, "trainer_state.json").read_text())["stateful_callbacks"]["TrainerControl"]
    return bool(control["args"]["should_training_stop"])
