"""One training: where it begins or goes on, what it keeps, shows and leaves."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)

from workbench.models import processes
from workbench.models.checkpoints import STATE, Keeper, ended, kept, last_checkpoint, opened
from workbench.models.compiled import CompileError, compiled, frozen
from workbench.models.device import Device
from workbench.models.loop import (
    Batches,
    BatchTrainer,
    Diverged,
    Evaluate,
    Loss,
    TrainingError,
    TrainSettings,
    Wrap,
)
from workbench.models.saving import SaveError
from workbench.models.search import Pruning
from workbench.models.tracking import UNTRACKED, Tracker
from workbench.models.unpadded import without_padding


@dataclass(frozen=True)
class TrainResult:
    """What a training left: its curve (one row a logged step), and what it used, all its attempts together."""

    curve: pd.DataFrame
    steps: int
    tokens: int
    best: float
    best_step: int
    seconds: float
    parts: int  # into which the largest batches were cut, as the memory was full; 1 for none


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
    tracker: Tracker = UNTRACKED,
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
    training (other data, start or settings) are removed. `wrap` puts something of its own around the optimizer, which
    may look at the gradient of each row: so their padding stays. `what` says what else makes it another training: the
    task, constants of the loss, the rows that it is judged by. With `resumes` False a training that was broken off
    starts anew, because something of it is in no checkpoint. `tracker` shows the curve as it grows.

    Called by each of several processes (see `processes`) it is one training of them all; with a device of several
    processes it starts them. Rows of a batch are then shared out, so that the curve is that of one process, but for
    rounding and for dropout, which each process draws for itself.

    Raises:
        TrainingError: it cannot begin, or go on; the last good checkpoint stays where it is.
        Diverged: its loss, gradient or number on valid became infinite or NaN.
        SaveError: a checkpoint, or the curve, cannot be written; the checkpoint before stays where it is.
        CompileError: the model is to be compiled, and cannot be here.
        ProcessError: one of the processes ended before its time.

    """
    _check_together(model, settings, max(device.processes, processes.count()), callbacks)
    if device.processes > 1:
        torch.nn.Module.to(model, "cpu")  # from where each process takes it to its own GPU
        alone = partial(
            train, model, batches, loss, evaluate, better=better, settings=settings,
            device=replace(device, processes=1), checkpoints=checkpoints, tracker=tracker,
            callbacks=callbacks, wrap=wrap, what=what, resumes=resumes,
        )  # fmt: skip
        processes.run(device.processes, alone, device.threads, (TrainingError, Diverged, SaveError, CompileError))
    records = processes.number() == 0 and device.processes == 1  # of those that this one started the first did
    _set_dropout(model, settings.dropout)
    told = {**asdict(settings), "steps": len(batches), "device": device.device.type, "precision": device.precision}
    tensors = [*batches[0].values(), *model.state_dict().values()]
    description = _description(model, batches, better, settings, device, what)
    with _opened(checkpoints, description, tensors) as (folder, keeping):
        arguments = _arguments(folder, len(batches), better, settings, device)
        called: list[Any] = [EarlyStoppingCallback(settings.patience), *keeping, *callbacks]
        trainer = BatchTrainer(model, arguments, batches, loss, evaluate, settings, device, called, wrap)
        try:
            with (tracker if records else UNTRACKED).recording(**told) as curve:
                trainer.add_callback(curve)
                _to_the_end(trainer, device, resumes, padding=wrap is not None)
                curve.follow(trainer.state)
        except TrainingError as error:
            if processes.number():  # what is kept is the first process's to say
                raise
            raise type(error)(f"{error} {kept(checkpoints, folder)}") from error
    model.eval()
    return _result(trainer, batches.tokens())


def _check_together(
    model: PreTrainedModel, settings: TrainSettings, many: int, callbacks: Sequence[TrainerCallback]
) -> None:
    """See that what a training is to do goes together, before it begins."""
    if many > 1 and any(isinstance(each, Pruning) for each in callbacks):  # whose trial is this process's
        raise TrainingError("A search trains in one process: set processes to 1.")
    if settings.compile and settings.gradient_checkpointing and frozen(model):
        raise TrainingError(
            "PyTorch cannot compile layers that are frozen and computed twice: set compile or gradient_checkpointing "
            "to false, or freeze no layers."
        )


def _description(
    model: PreTrainedModel, batches: Batches, better: str, settings: TrainSettings, device: Device, what: str
) -> str:
    """What a training is known by, beside its first batch and the weights that it starts from."""
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    method = getattr(model.config, "method", None)
    known = f"{settings} {better} {device.device.type} {device.precision} {trained} {method} {what}"
    return known + batches.identity()


def _to_the_end(trainer: BatchTrainer, device: Device, resumes: bool, *, padding: bool) -> None:
    """Train on from the newest whole checkpoint, or take what it left if it was the last."""
    checkpoint = processes.from_first(lambda: last_checkpoint(Path(str(trainer.args.output_dir))))
    if checkpoint and ended(checkpoint):
        trainer.state = TrainerState.load_from_json(f"{checkpoint}/{STATE}")
        trainer._load_callback_state()
        trainer._load_best_model()
        return
    if device.processes > 1:
        raise processes.ProcessError("The processes of the training left no checkpoint of their end.")
    model: Any = trainer.model
    with (
        nullcontext() if padding else without_padding(model, device),
        _checkpointing(model, trainer.settings.gradient_checkpointing),
        compiled(model) if trainer.settings.compile else nullcontext(),
    ):
        trainer.train(resume_from_checkpoint=checkpoint if resumes else None)


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


def _arguments(folder: Path, steps: int, better: str, settings: TrainSettings, device: Device) -> TrainingArguments:
    """What transformers calls the settings; evaluations and checkpoints are spread evenly over the steps."""
    every = max(1, -(-steps // settings.evaluations))
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        learning_rate=settings.learning_rate,
        warmup_steps=int(settings.warmup * steps),
        lr_scheduler_type="linear",
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,  # the best and the last: with 1 the end removes the last, and the training seems unfinished
        load_best_model_at_end=True,
        metric_for_best_model=better,
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,
        logging_steps=max(1, steps // 40),
        logging_nan_inf_filter=False,
        report_to="none",
        log_level_replica="passive",  # as silent as the first process
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=device.device.type == "cuda",
        use_cpu=device.device.type == "cpu",
        seed=settings.seed + processes.number(),  # or dropout would be alike in the rows of all processes
        ddp_find_unused_parameters=True,  # some families have such
        ddp_broadcast_buffers=False,  # none changes in training
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # one GPU a process: DataParallel would lose batches
    return arguments


def _result(trainer: BatchTrainer, tokens: np.ndarray) -> TrainResult:
    state = trainer.state
    return TrainResult(
        curve=_curve(state.log_history, tokens),
        steps=state.global_step,
        tokens=int(tokens[: state.global_step].sum()),
        best=float(state.best_metric or 0.0),
        best_step=int(state.best_global_step or 0),
        seconds=trainer.account.seconds,
        parts=trainer.parts,
    )


def _set_dropout(model: PreTrainedModel, share: float | None) -> None:
    for part in model.modules():
        if share is not None and isinstance(part, torch.nn.Dropout):
            part.p = share


@contextmanager
def _checkpointing(model: PreTrainedModel, wanted: bool) -> Iterator[None]:
    """Gradient checkpointing as long as this lasts (Chen et al. 2016): layers keep their input alone, and run twice."""
    if not wanted:
        yield
        return
    try:
        # transformers before 5.23 know it by its older name
        getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)()
    except ValueError as error:
        raise TrainingError(
            f"A {model.config.model_type} knows no gradient checkpointing: set gradient_checkpointing to false."
        ) from error
    model.disable_input_require_grads()  # or gradients would be computed through frozen layers too
    try:
        yield
    finally:
        getattr(model, "activation_checkpointing_disable", model.gradient_checkpointing_disable)()


def _curve(history: list[dict[str, float]], tokens: np.ndarray) -> pd.DataFrame:
    """One row a logged step: step, tokens seen so far, loss, learning_rate, grad_norm, and eval_… where evaluated."""
    rows = pd.DataFrame(history).groupby("step", as_index=False).first()
    rows.insert(1, "tokens", np.cumsum(tokens)[rows["step"].to_numpy(dtype=int) - 1])
    evaluated = sorted(str(name) for name in rows if str(name).startswith("eval_"))
    return rows[["step", "tokens", "loss", "learning_rate", "grad_norm", *evaluated]]
