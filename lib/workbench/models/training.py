"""The one training loop: its batches and checkpoints, in one process or several; `trainer` takes its steps."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from transformers import EarlyStoppingCallback, PreTrainedModel, TrainerCallback, TrainerState
from transformers.integrations import TensorBoardCallback

from workbench.models import processes
from workbench.models.checkpoints import STATE, Keeper, ended, kept, last_checkpoint, opened
from workbench.models.device import Device
from workbench.models.saving import SaveError, saving
from workbench.models.trainer import (
    Batch,
    BatchTrainer,
    Evaluate,
    Loss,
    TrainingError,
    TrainSettings,
    Wrap,
    gradient_checkpointing,
    training_arguments,
)
from workbench.models.unpadded import without_padding


class Batches(Protocol):
    """The batches of a whole training, each a function of its number alone: so a resumed training sees the same.

    Every tensor of a batch has its rows first; among them are `input_ids`, and `scale`, each row's share of the batch.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> Batch: ...

    def tokens(self) -> np.ndarray:
        """Tokens of each batch, padding not counted."""
        ...

    def identity(self) -> str:
        """A digest of all that is read and of how: other texts, labels or weights are another training."""
        ...


@dataclass(frozen=True)
class TrainResult:
    """What a training left: its curve (one row a logged step), and what it used."""

    curve: pd.DataFrame
    steps: int
    tokens: int
    best: float
    best_step: int
    seconds: float
    micro_batches: int


def train(
    model: PreTrainedModel,
    batches: Batches,
    loss: Loss,
    evaluate: Evaluate,
    *,
    better: str,
    settings: TrainSettings,
    device: Device,
    checkpoints: str | Path | Keeper,
    tensorboard: str | Path | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    wrap: Wrap | None = None,
    what: str = "",
    resumes: bool = True,
) -> TrainResult:
    """Train `model` in place over `batches` and leave in it the weights of the best evaluation.

    loss(model, batch) is the summed loss of the batch's rows, each already scaled by its share of the batch (so that
    the parts of a split batch add up); evaluate(model) gives the numbers on valid, `better` among them.
    A `checkpoints` folder (or keeper) that holds a whole checkpoint of the same training resumes from it: on a CPU,
    with the same threads and precision, the weights come out as they would have unbroken. Checkpoints of another
    training (other data, start or settings) are removed. `wrap` puts something of its own around the optimizer.
    `what` says what else makes it another training: the task, constants of the loss. With `resumes` False a training
    that was broken off starts anew, because something of it is in no checkpoint.

    Called by each of several processes (see `processes`) it is one training of them all; with a device of several
    processes it starts them. Rows of a batch are then shared out, so that the curve is that of one process, but for
    rounding and for dropout, which each process draws for itself.

    Raises:
        TrainingError: it cannot go on; the last good checkpoint stays where it is.
        SaveError: a checkpoint cannot be written; the one before stays where it is.
        ProcessError: one of the processes ended before its time.

    """
    start = time.perf_counter()
    if device.processes > 1:
        torch.nn.Module.to(model, "cpu")  # from where each process takes it to its own GPU
        alone = partial(
            train, model, batches, loss, evaluate, better=better, settings=settings,
            device=replace(device, processes=1), checkpoints=checkpoints, tensorboard=tensorboard,
            callbacks=callbacks, wrap=wrap, what=what, resumes=resumes,
        )  # fmt: skip
        processes.run(device.processes, alone, device.threads, (TrainingError, SaveError))
    tokens = batches.tokens()
    _set_dropout(model, settings.dropout)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    method = getattr(model.config, "method", None)
    description = f"{settings} {better} {device.device.type} {device.precision} {trained} {method} {what}"
    description += batches.identity()
    tensors = [*batches[0].values(), *model.state_dict().values()]
    with _opened(checkpoints, description, tensors) as (folder, keeping):
        checkpoint = processes.from_first(lambda: last_checkpoint(folder))
        over = bool(checkpoint and ended(checkpoint))
        arguments = training_arguments(folder, len(batches), better, settings, device)
        called: list[Any] = [EarlyStoppingCallback(settings.patience), *keeping, *callbacks]
        if tensorboard is not None and processes.number() == 0 and not over:
            with saving("The curve", Path(tensorboard)):
                called.append(_tensorboard(tensorboard))
        trainer = BatchTrainer(model, arguments, batches, loss, evaluate, settings, device, called, wrap)
        if over:
            trainer.state = TrainerState.load_from_json(f"{checkpoint}/{STATE}")
            trainer._load_best_model()
        elif device.processes > 1:
            raise processes.ProcessError("The processes of the training left no checkpoint that says how it ended.")
        else:
            try:
                with without_padding(model, device), gradient_checkpointing(model, settings.gradient_checkpointing):
                    trainer.train(resume_from_checkpoint=checkpoint if resumes else None)
            except TrainingError as error:
                if processes.number():  # what is kept is the first process's to say
                    raise
                raise TrainingError(f"{error} {kept(checkpoints, folder)}") from error
            except OSError:  # of a checkpoint it is said already
                with saving("The curve", Path(tensorboard or folder)):
                    raise
    model.eval()
    return _result(trainer, tokens, time.perf_counter() - start)


@contextmanager
def _opened(
    checkpoints: str | Path | Keeper, description: str, tensors: list[torch.Tensor]
) -> Iterator[tuple[Path, list[TrainerCallback]]]:
    """The folder of this training's checkpoints, which the first process opens for all, and what that one calls."""
    with ExitStack() as stack:
        if first := processes.number() == 0:
            folder, keeping = stack.enter_context(opened(checkpoints, description, tensors))
        yield processes.from_first(lambda: folder), keeping if first else []
        processes.wait()  # none reads there any more


def _result(trainer: BatchTrainer, tokens: np.ndarray, seconds: float) -> TrainResult:
    state = trainer.state
    return TrainResult(
        curve=_curve(state.log_history, tokens),
        steps=state.global_step,
        tokens=int(tokens[: state.global_step].sum()),
        best=float(state.best_metric or 0.0),
        best_step=int(state.best_global_step or 0),
        seconds=seconds,
        micro_batches=trainer.parts,
    )


def _set_dropout(model: PreTrainedModel, share: float | None) -> None:
    for part in model.modules():
        if share is not None and isinstance(part, torch.nn.Dropout):
            part.p = share


def _tensorboard(folder: str | Path) -> TensorBoardCallback:
    from torch.utils.tensorboard import SummaryWriter  # a second to import, and only a training needs it

    return TensorBoardCallback(SummaryWriter(str(folder)))


def _curve(history: list[dict[str, float]], tokens: np.ndarray) -> pd.DataFrame:
    """One row a logged step: step, tokens seen so far, loss, learning_rate, grad_norm, and eval_… where evaluated."""
    rows = pd.DataFrame(history).groupby("step", as_index=False).first()
    rows.insert(1, "tokens", np.cumsum(tokens)[rows["step"].to_numpy(dtype=int) - 1])
    evaluated = sorted(str(name) for name in rows if str(name).startswith("eval_"))
    return rows[["step", "tokens", "loss", "learning_rate", "grad_norm", *evaluated]]
