"""The one training loop: transformers' Trainer behind one small subclass."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)
from transformers.integrations import TensorBoardCallback

from workbench.models import processes
from workbench.models.checkpoints import STATE, Keeper, ended, kept, last_checkpoint, opened, writing
from workbench.models.device import Device
from workbench.models.saving import saving
from workbench.models.unpadded import without_padding

Batch = dict[str, torch.Tensor]
Loss = Callable[[torch.nn.Module, Batch], torch.Tensor]
Evaluate = Callable[[Any], dict[str, float]]
Wrap = Callable[[torch.optim.Optimizer], torch.optim.Optimizer]


TINY, HUGE = 1e-12, 1e38  # what is smaller moves no weight; a float32 is no larger


class TrainingError(RuntimeError):
    """A training that cannot go on; the message says at which step, why, and what to try."""


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
class TrainSettings:
    """How to optimise: AdamW, linear warm-up and decay, clipping, early stopping on `better` (lower is better)."""

    learning_rate: float = 2e-5
    head_factor: float = 1.0  # a fresh head may learn this many times as fast as the encoder
    warmup: float = 0.1  # share of the steps
    weight_decay: float = 0.01
    clip: float = 1.0  # largest norm of the gradient
    evaluations: int = 4  # on valid, spread over the training; checkpoints are written with them
    patience: int = 2  # evaluations without a gain before it stops
    seed: int = 0
    dropout: float | None = None  # in place of the base model's own
    gradient_checkpointing: bool = False  # keep less for the backward pass, and compute it once more

    def __post_init__(self) -> None:
        for name, least, most in (
            ("learning_rate", TINY, HUGE), ("head_factor", TINY, HUGE), ("warmup", 0, 1), ("weight_decay", 0, HUGE),
            ("clip", 0, HUGE), ("evaluations", 1, HUGE), ("patience", 1, HUGE), ("dropout", 0, 0.9),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"{name} is {value:g}: choose a value from {least:g} to {most:g}.")


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
        processes.run(device.processes, alone, device.threads, TrainingError)
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
        arguments = _arguments(folder, len(batches), better, settings, device)
        called: list[Any] = [EarlyStoppingCallback(settings.patience), *keeping, *callbacks]
        if tensorboard is not None and processes.number() == 0 and not over:
            with saving("The curve", Path(tensorboard)):
                called.append(_tensorboard(tensorboard))
        trainer = _BatchTrainer(model, arguments, batches, loss, evaluate, settings, device, called, wrap)
        if over:
            trainer.state = TrainerState.load_from_json(f"{checkpoint}/{STATE}")
            trainer._load_best_model()
        elif device.processes > 1:
            raise processes.ProcessError("The processes of the training left no checkpoint that says how it ended.")
        else:
            try:
                with without_padding(model, device), _checkpointing(model, settings.gradient_checkpointing):
                    trainer.train(resume_from_checkpoint=checkpoint if resumes else None)
            except TrainingError as error:
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


def _result(trainer: "_BatchTrainer", tokens: np.ndarray, seconds: float) -> TrainResult:
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


class _BatchTrainer(Trainer):
    """Trainer over ready batches: own loss and evaluation, a stop at NaN, smaller parts when a GPU's memory is full."""

    def __init__(
        self,
        model: PreTrainedModel,
        arguments: TrainingArguments,
        batches: Batches,
        loss: Loss,
        evaluate: Evaluate,
        settings: TrainSettings,
        device: Device,
        callbacks: list[Any],
        wrap: Wrap | None,
    ) -> None:
        self.loss, self.evaluate_model, self.settings, self.compute = loss, evaluate, settings, device
        self.parts, self.whole = 1, bool(getattr(batches, "whole", False))
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(
            _groups(model, settings), lr=settings.learning_rate, fused=True
        )
        optimizer = wrap(optimizer) if wrap else optimizer
        super().__init__(
            model,
            arguments,
            train_dataset=batches,
            eval_dataset=batches,  # never read: `evaluate` below does its own
            callbacks=callbacks,
            optimizers=(optimizer, None),
        )
        self.remove_callback(PrinterCallback)
        self.model_accepts_loss_kwargs = False  # or processes would count their labels together at each step

    def get_train_dataloader(self) -> DataLoader[Batch]:
        """Every process goes through the batches in their order; transformers would deal them out instead."""
        dataset: Any = self.train_dataset if processes.count() == 1 else processes.Share(self.train_dataset)
        return DataLoader(dataset, batch_size=1, collate_fn=_only, pin_memory=self.args.dataloader_pin_memory)

    def training_step(self, model: torch.nn.Module, inputs: Batch, num_items_in_batch: object = None) -> torch.Tensor:
        model.train()
        batch = self._prepare_inputs(inputs)
        while (total := self._step(model, batch)) is None:
            model.zero_grad()
            torch.cuda.empty_cache()
            self.parts *= 2
        if not torch.isfinite(total):
            raise TrainingError(self._not_finite("loss"))
        return total

    def _step(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor | None:
        """The loss of the whole batch, with its gradients; None where memory was full and parts are to be tried.

        Processes share their gradients in the backward pass of the last part, and only when all have come so far: two
        that waited for different things would wait for ever.
        """
        *parts, last = _split(batch, self.parts)
        losses, full = [], False
        try:
            with self.accelerator.no_sync(model):
                losses = [self._backward(self._loss(model, part)) for part in parts]
            loss = self._loss(model, last)
        except torch.OutOfMemoryError as error:
            self._divisible(batch, error)
            full = True
        if processes.anywhere(full, self.args.device):
            if processes.count() > 1:  # a forward pass without its backward pass would mix up what DDP waits for
                self._backward(self._loss(model, processes.nothing(batch)))
            return None
        try:
            losses.append(self._backward(loss))
        except torch.OutOfMemoryError as error:
            self._divisible(batch, error, processes.count() == 1)
            return None
        return processes.total(torch.stack(losses).sum())

    def _loss(self, model: torch.nn.Module, part: Batch) -> torch.Tensor:
        with self.compute.autocast():
            return self.loss(model, part)

    def _backward(self, loss: torch.Tensor) -> torch.Tensor:
        self.accelerator.backward(loss * processes.count())  # DDP takes the mean over processes, where this is a sum
        return loss.detach()

    def _divisible(self, batch: Batch, error: torch.OutOfMemoryError, may_be: bool = True) -> None:
        """Raise TrainingError where parts of the batch are of no help."""
        if self.whole or not may_be:  # its rows are more than a sum of parts, or other processes wait for this one's
            raise TrainingError("A batch does not fit into the GPU's memory: make batches smaller.") from error
        if self.parts >= len(batch["input_ids"]):
            raise TrainingError("One single text does not fit into the GPU's memory: shorten it.") from error

    def _clip_grad_norm(self, model: torch.nn.Module) -> torch.Tensor:
        norm = super()._clip_grad_norm(model)
        if not torch.isfinite(norm):
            raise TrainingError(self._not_finite("gradient"))
        return norm

    def _not_finite(self, what: str, steps: int = 1) -> str:
        step = self.state.global_step + steps
        return (
            f"The {what} became infinite or NaN at step {step} of {self.state.max_steps}, on batches[{step - 1}]: "
            f"try a learning rate below {self.settings.learning_rate:g}, or precision fp32."
        )

    def evaluate(self, *_: object, **__: object) -> dict[str, float]:
        """Numbers on valid, named eval_…, logged and shown to the callbacks; the first process's decide for all."""
        numbers = self.evaluate_model(self.model)
        metrics = {f"eval_{name}": value for name, value in processes.from_first(lambda: numbers).items()}
        if not np.isfinite(metrics[f"eval_{self.args.metric_for_best_model}"]):
            raise TrainingError(self._not_finite(f"{self.args.metric_for_best_model} on valid", steps=0))
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        if not self.args.should_save:  # the first process does
            return super()._save_checkpoint(model, trial)
        with writing(Path(str(self.args.output_dir), f"checkpoint-{self.state.global_step}")):
            super()._save_checkpoint(model, trial)

    def _save_rng_state(self, output_dir: str) -> None:
        super()._save_rng_state(output_dir)
        processes.wait()  # what is written next makes the checkpoint whole


def _set_dropout(model: PreTrainedModel, share: float | None) -> None:
    for part in model.modules():
        if share is not None and isinstance(part, torch.nn.Dropout):
            part.p = share


def _groups(model: PreTrainedModel, settings: TrainSettings) -> list[dict[str, Any]]:
    """Parameter groups: head and encoder at their own rate, no decay of biases and norms."""
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    inside = {id(parameter) for parameter in model.base_model.parameters()}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in inside, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": settings.learning_rate * (1.0 if encoder else settings.head_factor),
            "weight_decay": settings.weight_decay if matrix else 0.0,
        }
        for (encoder, matrix), parameters in groups.items()
    ]


@contextmanager
def _checkpointing(model: PreTrainedModel, wanted: bool) -> Iterator[None]:
    """Gradient checkpointing as long as this lasts (Chen et al. 2016): layers keep their input alone, and run twice."""
    if not wanted:
        yield
        return
    try:
        model.activation_checkpointing_enable()
    except ValueError as error:
        raise TrainingError(
            f"A {model.config.model_type} knows no gradient checkpointing: set gradient_checkpointing to false."
        ) from error
    model.disable_input_require_grads()  # or gradients would be computed through frozen layers too
    try:
        yield
    finally:
        model.activation_checkpointing_disable()


def _split(batch: Batch, parts: int) -> list[Batch]:
    if parts == 1:
        return [batch]
    pieces = {name: value.tensor_split(parts) for name, value in batch.items()}
    split = [{name: values[at] for name, values in pieces.items()} for at in range(parts)]
    return [part for part in split if len(part["input_ids"])]


def _only(items: list[Batch]) -> Batch:
    return items[0]


def _tensorboard(folder: str | Path) -> TensorBoardCallback:
    from torch.utils.tensorboard import SummaryWriter  # a second to import, and only a training needs it

    return TensorBoardCallback(SummaryWriter(str(folder)))


def _curve(history: list[dict[str, float]], tokens: np.ndarray) -> pd.DataFrame:
    """One row a logged step: step, tokens seen so far, loss, learning_rate, grad_norm, and eval_… where evaluated."""
    rows = pd.DataFrame(history).groupby("step", as_index=False).first()
    rows.insert(1, "tokens", np.cumsum(tokens)[rows["step"].to_numpy(dtype=int) - 1])
    evaluated = sorted(str(name) for name in rows if str(name).startswith("eval_"))
    return rows[["step", "tokens", "loss", "learning_rate", "grad_norm", *evaluated]]
