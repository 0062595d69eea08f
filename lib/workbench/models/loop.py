"""transformers' Trainer over ready batches: what they are, how they are learned from, and what may go wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, PrinterCallback, Trainer, TrainingArguments

from workbench.models import processes
from workbench.models.account import Account
from workbench.models.checkpoints import writing
from workbench.models.device import Device
from workbench.models.parts import TOO_LONG, MemoryFullError, split
from workbench.models.saving import saving

Batch = dict[str, torch.Tensor]
Loss = Callable[[torch.nn.Module, Batch], torch.Tensor]
Evaluate = Callable[[Any], dict[str, float]]
Wrap = Callable[[torch.optim.Optimizer], torch.optim.Optimizer]


TINY, HUGE = 1e-12, 1e38  # what is smaller moves no weight; a float32 is no larger
MAKERS = {"cuda": 2}  # processes that make the next batches meanwhile; on a CPU they would take what it computes with


class TrainingError(RuntimeError):
    """A training that cannot go on; the message says at which step, why, and what to try."""


class Diverged(TrainingError):  # noqa: N818  (it names what happened)
    """A training whose loss, gradient or number on valid became infinite or NaN: a lower learning rate may help."""


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
    compile: bool = False  # the model's layers: a minute or more at first, which a long training on a GPU gets back

    def __post_init__(self) -> None:
        for name, least, most in (
            ("learning_rate", TINY, HUGE), ("head_factor", TINY, HUGE), ("warmup", 0, 1), ("weight_decay", 0, HUGE),
            ("clip", 0, HUGE), ("evaluations", 1, HUGE), ("patience", 1, HUGE), ("dropout", 0, 0.9),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"{name} is {value:g}: choose a value from {least:g} to {most:g}.")


class BatchTrainer(Trainer):
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
        self.whole = bool(getattr(batches, "whole", False))
        self.last: dict[str, torch.Tensor] = {}  # loss and gradient of the last step
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(
            _groups(model, settings), lr=settings.learning_rate, fused=True
        )
        optimizer = wrap(optimizer) if wrap else optimizer
        super().__init__(
            model,
            arguments,
            train_dataset=batches,
            eval_dataset=batches,  # never read: `evaluate` below does its own
            callbacks=[Account(), *callbacks],
            optimizers=(optimizer, None),
        )
        self.remove_callback(PrinterCallback)
        self.model_accepts_loss_kwargs = False  # or processes would count their labels together at each step

    @property
    def account(self) -> Account:
        """What this training has used; going on from a checkpoint, transformers puts another in its place."""
        return next(each for each in self.callback_handler.callbacks if isinstance(each, Account))

    @property
    def parts(self) -> int:
        """Into how many a batch is cut."""
        return self.account.parts

    def get_train_dataloader(self) -> DataLoader[Batch]:
        """Every process goes through the batches in their order; transformers would deal them out instead."""
        dataset: Any = self.train_dataset if processes.count() == 1 else processes.Share(self.train_dataset)
        makers = MAKERS.get(self.compute.device.type, 0)
        return DataLoader(
            dataset, batch_size=1, collate_fn=_only, pin_memory=self.args.dataloader_pin_memory, num_workers=makers
        )

    def train(self, *given: Any, **named: Any) -> Any:
        """As Trainer does; where memory is full and no parts of a batch are of help, that is said in a sentence."""
        try:
            return super().train(*given, **named)
        except MemoryFullError as error:
            raise TrainingError(str(error)) from error
        except torch.OutOfMemoryError as error:
            raise TrainingError(
                "The weights, their gradients and the optimizer's moments do not fit into the GPU's memory: choose a "
                "smaller base model, or a method that trains fewer weights."
            ) from error

    def training_step(self, model: torch.nn.Module, inputs: Batch, num_items_in_batch: object = None) -> torch.Tensor:
        """The loss of a batch, with its gradients; in parts where a GPU's memory is too small for all of it."""
        self._see_finite()
        model.train()
        batch = self.compute.move(inputs)
        while (total := self._step(model, batch)) is None:
            model.zero_grad()
            torch.cuda.empty_cache()
            self.account.parts *= 2
        self.last["loss"] = total
        return total

    def _step(self, model: torch.nn.Module, batch: Batch) -> torch.Tensor | None:
        """The loss of the whole batch, with its gradients; None where memory was full and parts are to be tried.

        Processes share their gradients in the backward pass of the last part, and only when all have come so far: two
        that waited for different things would wait for ever.
        """
        *parts, last = split(batch, self.parts)
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
            raise TrainingError(TOO_LONG) from error

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:
        self.last["gradient"] = super()._get_grad_norm(model, grad_norm)
        return self.last["gradient"]

    def _see_finite(self) -> None:
        """Raise Diverged if the last step's loss or gradient was not finite.

        It is looked at before anything else is made of that step, but only then: to look at it at once would have a
        GPU stand idle at each step, until it is told what comes next.
        """
        for what, value in self.last.items():
            if not torch.isfinite(value):
                raise self._not_finite(what)

    def _not_finite(self, what: str) -> Diverged:
        step = self.state.global_step
        return Diverged(
            f"The {what} became infinite or NaN at step {step} of {self.state.max_steps}, on batches[{step - 1}]: "
            f"try a learning rate below {self.settings.learning_rate:g}, or precision fp32."
        )

    def evaluate(self, *_: object, **__: object) -> dict[str, float]:
        """Numbers on valid, named eval_…, logged and shown to the callbacks; the first process's decide for all."""
        self._see_finite()
        numbers = self.evaluate_model(self.model)
        metrics = {f"eval_{name}": value for name, value in processes.from_first(lambda: numbers).items()}
        if not np.isfinite(metrics[f"eval_{self.args.metric_for_best_model}"]):
            raise self._not_finite(f"{self.args.metric_for_best_model} on valid")
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        self._see_finite()
        checkpoint = Path(str(self.args.output_dir), f"checkpoint-{self.state.global_step}")
        first = self.args.should_save  # it makes the checkpoint whole; each other process adds its random numbers
        with writing(checkpoint) if first else saving(f"The {checkpoint.name}", checkpoint.parent):
            super()._save_checkpoint(model, trial)

    def _save_rng_state(self, output_dir: str) -> None:
        super()._save_rng_state(output_dir)
        processes.wait()  # what is written next makes the checkpoint whole


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


def _only(items: list[Batch]) -> Batch:
    return items[0]
