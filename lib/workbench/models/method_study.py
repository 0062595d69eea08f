"""Methods side by side: what each costs, the budgets that compare them, and a search of one's options."""

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from transformers import TrainerState

from workbench.models import methods
from workbench.models.batching import digest_of
from workbench.models.classifier import TextClassifier
from workbench.models.device import Device
from workbench.models.finetuning import task_loss
from workbench.models.loop import Batch, Loss
from workbench.models.search import Pruning, Ranges, search
from workbench.models.tuning import Setup, learn

if TYPE_CHECKING:
    import optuna

WARM_UP = 2  # steps that are not counted
MEASURED = 20  # steps of each method that say what it costs


def costs(setup: Setup, chosen: Mapping[str, methods.Options]) -> pd.DataFrame:
    """Measure each method over the same batches, in turn: trained, share, step, step_times, megabytes, held_megabytes.

    Args:
        setup: see there; its first batches, some 20 of them, are what the methods take turns at.
        chosen: methods with their options.

    Returns:
        A row a method: trained weights and their share of all, median seconds of a step and how many times the first
        method's, MB of the file with what was trained, and MB that training holds beside the base model: gradients,
        the optimizer's two moments, and what the forward pass keeps for the backward pass, at most over the batches.

    """
    material, device = setup.material, setup.device
    batches = material.batches(MEASURED * material.batch_tokens, setup.start.seed)
    models, losses, callbacks = {}, {}, {}
    for method, options in chosen.items():
        models[method], adaptation = setup.start.model(method, options, len(batches))
        losses[method], callbacks[method] = task_loss(material.task, adaptation), adaptation.callbacks
    seconds: dict[str, list[float]] = {method: [] for method in models}
    held = dict.fromkeys(models, 0)
    optimizers = {method: _optimizer(model, device) for method, model in models.items()}
    for number in range(len(batches)):
        batch, state = batches[number], TrainerState(global_step=number)
        for method, model in models.items():
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


def search_options(
    setup: Setup,
    method: str,
    options: methods.Options,
    rate: float,
    ranges: Ranges,
    tokens: int,
    *,
    trials: int,
    storage: Path,
) -> "optuna.Study":
    """Search the learning rate and the options of a method, by `search`; what no range names is as given here."""
    batches = setup.material.batches(tokens, setup.start.seed)
    question = digest_of(f"{method} {options} {rate} {setup.start} {setup.settings}", batches.identity())
    storage.parent.mkdir(parents=True, exist_ok=True)

    def run(drawn: dict[str, Any], trial: "optuna.Trial") -> float:
        own = {name: value for name, value in drawn.items() if name != "learning_rate"}
        mine = replace(setup, place=lambda name: setup.place(f"trial-{trial.number}-{name}"))
        pruning = Pruning(trial, setup.material.task.better)
        rates = [drawn.get("learning_rate", rate)]
        return learn(mine, method, {**options, **own}, rates, tokens, callbacks=[pruning]).result.best

    return search(ranges, run, trials=trials, storage=storage, seed=setup.start.seed, question=question)


def remembered(
    setup: Setup, chosen: Mapping[str, methods.Options], costs: pd.DataFrame, before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The step_times of `costs`, as `times`, or those of `before` if they were measured of the same question, `of`.

    A run that goes on after a kill has to give every method the tokens that it gave it before.
    """
    of = digest_of(f"{setup.start} {setup.material.batch_tokens} {setup.device} {chosen}")
    return dict(before) if before and before["of"] == of else {"of": of, "times": costs["step_times"].to_dict()}


def budgets(step_times: Mapping[str, float], tokens: int) -> dict[str, dict[str, int]]:
    """The tokens that each method reads: as many as all others, or as many as in the first one's time."""
    return {
        "equal tokens": dict.fromkeys(step_times, tokens),
        "equal time": {method: max(1, int(tokens / times)) for method, times in step_times.items()},
    }


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
    """Seconds of one step, and bytes that its forward pass kept for the backward pass.

    Steps of a training, but one at a time: methods take turns at a batch, which no whole training lets them do.
    """
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
