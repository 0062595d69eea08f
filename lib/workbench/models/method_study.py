"""Methods side by side: what each costs, and what each learns within a budget, at its best learning rate."""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from transformers import PreTrainedConfig, PreTrainedTokenizerBase, TrainerCallback, TrainerState

from workbench.models import base, methods
from workbench.models.checkpoints import Keeper
from workbench.models.classifier import TextClassifier
from workbench.models.device import Device
from workbench.models.finetuning import LabelledBatches, fine_tune, task_loss, training_batches
from workbench.models.loop import Batch, Diverged, Loss, TrainSettings
from workbench.models.search import Pruning
from workbench.models.tasks import Task

if TYPE_CHECKING:
    import optuna

WARM_UP = 2  # steps that are not counted


@dataclass(frozen=True)
class Start:
    """From what each method starts: the same base model, head and seed."""

    where: str | Path | PreTrainedConfig
    outputs: int
    seed: int
    frozen_layers: int = 0  # of full fine-tuning

    def model(self, method: str, options: methods.Options, steps: int) -> tuple[TextClassifier, methods.Adaptation]:
        """A fresh model, prepared for a method."""
        model = base.load_classifier(self.where, self.seed, self.outputs)
        if method == "full":
            model.freeze(self.frozen_layers)
        return model, methods.adapt(model, method, options, steps=steps, seed=self.seed)


def costs(
    start: Start,
    chosen: Mapping[str, methods.Options],
    batches: Sequence[Batch],
    task: Task,
    device: Device,
) -> pd.DataFrame:
    """Measure each method over the same batches, in turn: trained, share, step, step_times, megabytes, held_megabytes.

    Args:
        start: see there.
        chosen: methods with their options.
        batches: of a training, some 20 of them; the methods take turns at each, and the median of their seconds counts.
        task: of the labels.
        device: where to compute.

    Returns:
        A row a method: trained weights and their share of all, median seconds of a step and how many times the first
        method's, MB of the file with what was trained, and MB that training holds beside the base model: gradients,
        the optimizer's two moments, and what the forward pass keeps for the backward pass, at most over the batches.

    """
    models, losses, callbacks = {}, {}, {}
    for method, options in chosen.items():
        models[method], adaptation = start.model(method, options, len(batches))
        losses[method], callbacks[method] = task_loss(task, adaptation), adaptation.callbacks
    seconds: dict[str, list[float]] = {method: [] for method in models}
    held = dict.fromkeys(models, 0)
    optimizers = {method: _optimizer(model, device) for method, model in models.items()}
    for number, batch in enumerate(batches):
        for method, model in models.items():
            state = TrainerState(global_step=number)
            taken, kept = _step(
                model, optimizers[method], device.move(batch), losses[method], device, callbacks[method], state
            )
            held[method] = max(held[method], kept)
            if number >= WARM_UP:
                seconds[method].append(taken)
    rows = []
    for method, model in models.items():
        weights = sum(value.numel() for value in methods.trained(model).values())
        step = statistics.median(seconds[method])
        rows.append({
            "method": method, "trained": weights, "share": weights / model.num_parameters(), "step": step,
            "megabytes": _file_size(model) / 1e6, "held_megabytes": (held[method] + 3 * 4 * weights) / 1e6,
        })  # fmt: skip
    table = pd.DataFrame(rows).set_index("method")
    table.insert(3, "step_times", table["step"] / table["step"].iloc[0])
    return table


@dataclass(frozen=True)
class Material:
    """What all methods are trained on and chosen by."""

    tokenizer: PreTrainedTokenizerBase
    train: pd.DataFrame
    valid: pd.DataFrame
    task: Task
    batch_tokens: int
    use_weights: bool = False

    def batches(self, tokens: int, seed: int) -> LabelledBatches:
        """The batches of a training that reads so many tokens: the same first ones for every method."""
        return training_batches(
            self.tokenizer, self.train, self.task, max_tokens=tokens, batch_tokens=self.batch_tokens,
            use_weights=self.use_weights, seed=seed,
        )  # fmt: skip


@dataclass(frozen=True)
class Learned:
    """What one training of a method came to."""

    model: TextClassifier
    rate: float
    best: float  # the task's loss on valid
    tokens: int
    seconds: float
    diverged: tuple[float, ...]  # rates at which the training became infinite


def learn(
    start: Start,
    method: str,
    options: methods.Options,
    rates: Sequence[float],
    material: Material,
    tokens: int,
    *,
    settings: TrainSettings,
    device: Device,
    place: Callable[[str], str | Path | Keeper],
    callbacks: Sequence[TrainerCallback] = (),
) -> Learned:
    """Train a method within a budget of tokens at each of these rates, and keep what is best on valid.

    A method that is given its rate by hand is compared by the luck of the hand: each is tuned, with the same care.
    `place` says where the checkpoints of a name are kept, so that a training that was broken off goes on.
    """
    found: list[Learned] = []
    diverged: list[float] = []
    for rate in rates:
        batches = material.batches(tokens, start.seed)
        model, adaptation = start.model(method, options, len(batches))
        adaptation.callbacks.extend(callbacks)
        try:
            result = fine_tune(
                model, material.tokenizer, batches, material.valid, material.task, adaptation,
                settings=replace(settings, learning_rate=rate), device=device,
                checkpoints=place(f"{method}-{tokens}-{rate:g}"),
            )  # fmt: skip
        except Diverged:
            if rate == rates[-1] and not found:
                raise
            diverged.append(rate)
            continue
        found.append(Learned(model, rate, result.best, result.tokens, result.seconds, ()))
    return replace(min(found, key=lambda each: each.best), diverged=tuple(diverged))


def trial_of(
    start: Start,
    method: str,
    options: methods.Options,
    rate: float,
    material: Material,
    tokens: int,
    *,
    settings: TrainSettings,
    device: Device,
    place: Callable[[str], str | Path | Keeper],
) -> Callable[[dict[str, Any], "optuna.Trial"], float]:
    """What `search` runs: a training with what was drawn (learning_rate, or options of the method), and its loss.

    What is not drawn is as given here.
    """

    def run(drawn: dict[str, Any], trial: "optuna.Trial") -> float:
        own = {name: value for name, value in drawn.items() if name != "learning_rate"}
        found = learn(
            start, method, {**options, **own}, [drawn.get("learning_rate", rate)], material, tokens, settings=settings,
            device=device, place=lambda name: place(f"trial-{trial.number}-{name}"),
            callbacks=[Pruning(trial, material.task.better)],
        )  # fmt: skip
        return found.best

    return run


def equal_time(step_times: Mapping[str, float], max_tokens: int) -> dict[str, int]:
    """The tokens that each method reads in the time in which the first one reads `max_tokens`."""
    return {method: int(max_tokens / times) for method, times in step_times.items()}


def _optimizer(model: TextClassifier, device: Device) -> torch.optim.Optimizer:
    torch.nn.Module.to(model, device.device)
    model.train()
    return torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=1e-5, fused=True)


def _step(
    model: TextClassifier,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    loss: Loss,
    device: Device,
    callbacks: Sequence[Any],
    state: TrainerState,
) -> tuple[float, int]:
    """Seconds of one step, and bytes that its forward pass kept for the backward pass."""
    kept: dict[int, int] = {}
    weights = {value.untyped_storage().data_ptr() for value in model.parameters()}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    began = time.perf_counter()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), device.autocast():
        found = loss(model, batch)
    found.backward()
    optimizer.step()
    for callback in callbacks:
        callback.on_optimizer_step(None, state, None)
    optimizer.zero_grad()
    if device.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began, sum(kept.values())


def _file_size(model: TextClassifier) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return methods.save_trained(model, Path(folder) / "trained.safetensors")
