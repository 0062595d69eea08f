"""The one training loop: transformers' Trainer behind one small subclass."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)

from workbench.models.checkpoints import STATE, Keeper, ended, last_checkpoint, opened
from workbench.models.device import Device
from workbench.models.tracking import UNTRACKED, Tracker

Batch = dict[str, torch.Tensor]
Loss = Callable[[torch.nn.Module, Batch], torch.Tensor]
Evaluate = Callable[[Any], dict[str, float]]
Wrap = Callable[[torch.optim.Optimizer], torch.optim.Optimizer]


class TrainingError(RuntimeError):
    """A training that cannot go on; the message says at which step, why, and what to try."""


class Batches(Protocol):
    """The batches of a whole training, each a function of its number alone: so a resumed training sees the same."""

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
    training (other data, start or settings) are removed. `wrap` puts something of its own around the optimizer.
    `what` says what else makes it another training: the task, constants of the loss. With `resumes` False a training
    that was broken off starts anew, because something of it is in no checkpoint. `tracker` shows the curve as it grows.
    """
    tokens = batches.tokens()
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    method = getattr(model.config, "method", None)
    description = f"{settings} {better} {device.device.type} {device.precision} {trained} {method} {what}"
    description += batches.identity()
    told = {**asdict(settings), "steps": len(batches), "device": device.device.type, "precision": device.precision}
    with (
        opened(checkpoints, description, [*batches[0].values(), *model.state_dict().values()]) as (folder, keeping),
        tracker.recording(**told) as curve,
    ):
        arguments = _arguments(folder, len(batches), better, settings, device)
        called: list[Any] = [EarlyStoppingCallback(settings.patience), *keeping, *callbacks, curve]
        trainer = _BatchTrainer(model, arguments, batches, loss, evaluate, settings, device, called, wrap)
        start = time.perf_counter()
        checkpoint = last_checkpoint(folder)
        if checkpoint and ended(checkpoint):
            trainer.state = TrainerState.load_from_json(f"{checkpoint}/{STATE}")
            trainer._load_best_model()
            curve.follow(trainer.state)
        else:
            trainer.train(resume_from_checkpoint=checkpoint if resumes else None)
    model.eval()
    return _result(trainer, tokens, time.perf_counter() - start)


def _arguments(folder: Path, steps: int, better: str, settings: TrainSettings, device: Device) -> TrainingArguments:
    """What transformers calls the settings; evaluations and checkpoints are spread evenly over the steps."""
    every = max(1, -(-steps // settings.evaluations))
    return TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=1,  # an item of the dataset is a batch already
        train_sampling_strategy="sequential",
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
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=device.device.type == "cuda",
        use_cpu=device.device.type == "cpu",
        seed=settings.seed,
    )


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
            data_collator=_only,
            train_dataset=batches,
            eval_dataset=batches,  # never read: `evaluate` below does its own
            callbacks=callbacks,
            optimizers=(optimizer, None),
        )
        self.remove_callback(PrinterCallback)

    def training_step(self, model: torch.nn.Module, inputs: Batch, num_items_in_batch: object = None) -> torch.Tensor:
        model.train()
        batch = self._prepare_inputs(inputs)
        while True:
            try:
                total = torch.stack([self._backward(model, part) for part in _split(batch, self.parts)]).sum()
                break
            except torch.OutOfMemoryError as error:
                rows = len(batch["input_ids"])
                if self.whole:  # its rows are more than a sum of parts
                    raise TrainingError("A batch does not fit into the GPU's memory: make batches smaller.") from error
                if self.parts >= rows:
                    raise TrainingError("One single text does not fit into the GPU's memory: shorten it.") from error
            # outside the handler, where the failed step's tensors are free again
            model.zero_grad()
            torch.cuda.empty_cache()
            self.parts *= 2
        if not torch.isfinite(total):
            raise TrainingError(self._not_finite("loss"))
        return total

    def _backward(self, model: torch.nn.Module, part: Batch) -> torch.Tensor:
        with self.compute.autocast():
            loss = self.loss(model, part)
        self.accelerator.backward(loss)
        return loss.detach()

    def _clip_grad_norm(self, model: torch.nn.Module) -> torch.Tensor:
        norm = super()._clip_grad_norm(model)
        if not torch.isfinite(norm):
            raise TrainingError(self._not_finite("gradient"))
        return norm

    def _not_finite(self, what: str) -> str:
        return (
            f"The {what} became infinite or NaN at step {self.state.global_step + 1}: "
            f"try a learning rate below {self.settings.learning_rate:g}, or precision fp32."
        )

    def evaluate(self, *_: object, **__: object) -> dict[str, float]:
        """Numbers on valid, named eval_…, logged and shown to the callbacks."""
        metrics = {f"eval_{name}": value for name, value in self.evaluate_model(self.model).items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


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


def _split(batch: Batch, parts: int) -> list[Batch]:
    if parts == 1:
        return [batch]
    pieces = {name: value.tensor_split(parts) for name, value in batch.items()}
    split = [{name: values[at] for name, values in pieces.items()} for at in range(parts)]
    return [part for part in split if len(part["input_ids"])]


def _only(items: list[Batch]) -> Batch:
    return items[0]


def _curve(history: list[dict[str, float]], tokens: np.ndarray) -> pd.DataFrame:
    """One row a logged step: step, tokens seen so far, loss, learning_rate, grad_norm, and eval_… where evaluated."""
    rows = pd.DataFrame(history).groupby("step", as_index=False).first()
    rows.insert(1, "tokens", np.cumsum(tokens)[rows["step"].to_numpy(dtype=int) - 1])
    evaluated = sorted(str(name) for name in rows if str(name).startswith("eval_"))
    return rows[["step", "tokens", "loss", "learning_rate", "grad_norm", *evaluated]]
