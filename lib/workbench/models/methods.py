"""Ways to adapt a model, by one name: all of its weights, its head alone, or a few weights added to a frozen encoder.

What is added lies in the model itself: it trains, scores and saves as any model does, and a saved one is made again
with the same additions (its config names them). Where a method merges, `merge` folds what was learned into the weights
of the base model, and nothing of the method is left.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import PreTrainedModel, TrainerCallback

from workbench.models import adapters
from workbench.spelling import nearest

Options = Mapping[str, Any]
ATTENTION = ("query", "key", "value", "q_lin", "k_lin", "v_lin", "Wqkv", "c_attn")
KEYS_VALUES = ("key", "value", "k_lin", "v_lin", "Wqkv", "c_attn")
OUTPUTS = ("output.dense", "lin2", "Wo", "c_proj")
"""Names that BERT and its kin, DistilBERT, ModernBERT and GPT-2 give to their projections."""


class MethodError(ValueError):
    """A method that is unknown, or that this model cannot take; the message says which to choose."""


@dataclass(frozen=True)
class Adaptation:
    """What a training has to do for its method, beyond the gradients of the parameters that are trained."""

    callbacks: list[TrainerCallback] = field(default_factory=list)
    penalty: Callable[[], torch.Tensor] | None = None  # is added to the loss of each batch
    resumes: bool = True  # False: something of the method is in no checkpoint


@dataclass(frozen=True)
class Method:
    """One way to adapt: `add(model, options, steps)` adds and sets free what is trained of a frozen encoder."""

    add: Callable[[PreTrainedModel, Options, int], Adaptation | None]
    options: Options = field(default_factory=dict)  # by name, with their defaults
    merges: bool = False


def adapt(
    model: PreTrainedModel, method: str, options: Options | None = None, *, steps: int = 0, seed: int = 0
) -> Adaptation:
    """Prepare `model`, in place, to be trained by a method of `METHODS`; its head is trained with every one.

    With `full`, `frozen_layers` keeps the embeddings and so many lower layers as they are: a cheaper step.

    Args:
        model: with its head as `classifier`, if it has one.
        method: its name.
        options: what differs from the method's own defaults, as {"rank": 16}.
        steps: of the training that follows; AdaLoRA spreads the cutting of its ranks over them.
        seed: of what is added.

    Raises:
        MethodError: unknown method or option, or one that this model cannot take.

    """
    chosen = _known(method)
    if unknown := sorted(set(options or {}) - set(chosen.options)):
        raise MethodError(
            f"The method {method} has no option {unknown[0]!r}{nearest(unknown[0], chosen.options)}: "
            f"it knows {', '.join(chosen.options) or 'none'}."
        )
    chosen_options = {**chosen.options, **(options or {})}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if method != "full":
            model.requires_grad_(False)
        found = chosen.add(model, chosen_options, steps)
    if head := getattr(model, "classifier", None):
        head.requires_grad_(True)
    if method not in ("full", "head"):  # these two add nothing that would have to be made again
        model.config.method = {"name": method, "options": chosen_options}
    return found or Adaptation()


def only(method: Mapping[str, Options]) -> tuple[str, Options]:
    """Name and options of a method that is given as {"lora": {"rank": 16}}.

    Raises:
        MethodError: it names none or several.

    """
    if len(method) != 1:
        raise MethodError(f"method names {len(method)} methods: name one with its options, as {{lora: {{rank: 16}}}}.")
    return next(iter(method.items()))


def merge(model: PreTrainedModel) -> PreTrainedModel:
    """Fold what a method learned into the base model's own weights, in place; as it is where nothing was added.

    Raises:
        MethodError: the method does not merge.

    """
    method = getattr(model.config, "method", None)
    if not method:
        return model
    if not METHODS[method["name"]].merges:
        names = ", ".join(name for name, each in METHODS.items() if each.merges)
        raise MethodError(f"The method {method['name']} does not merge into the base model; {names} do.")
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in list(model.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge(safe_merge=True)
            model.set_submodule(name, layer.get_base_layer())
    del model.config.method
    for name, parameter in model.named_parameters():
        parameter.requires_grad = ".pooler." not in name
    return model


def trained(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """The parameters that a training changes, by name: all that has to be kept beside the base model."""
    return {name: value.detach() for name, value in model.named_parameters() if value.requires_grad}


def save_trained(model: PreTrainedModel, path: str | Path) -> int:
    """Write the trained parameters (safetensors); returns the bytes of the file."""
    save_file({name: value.contiguous() for name, value in trained(model).items()}, str(path))
    return Path(path).stat().st_size


def blocks(model: PreTrainedModel) -> nn.ModuleList:
    """The transformer layers of a model, from below.

    Raises:
        MethodError: it has none that could be told apart, as an ALBERT, whose layers share their weights.

    """
    count = model.config.num_hidden_layers
    for part in model.base_model.modules():
        if isinstance(part, nn.ModuleList) and len(part) == count:
            return part
    raise MethodError(
        f"The layers of a {model.config.model_type} are not known: use full with frozen_layers 0, or head."
    )


def _known(method: str) -> Method:
    if method not in METHODS:
        raise MethodError(f"There is no method {method!r}{nearest(method, METHODS)}: use {', '.join(METHODS)}.")
    return METHODS[method]


def _full(model: PreTrainedModel, options: Options, _steps: int) -> None:
    """Every weight that the model has free, but for those of the embeddings and of the lower layers that stay."""
    if not (frozen := options["frozen_layers"]):
        return
    layers = blocks(model)
    if not isinstance(frozen, int) or not 0 <= frozen < len(layers):
        raise MethodError(
            f"frozen_layers is {frozen}, but the model has {len(layers)} layers: choose 0 to {len(layers) - 1}."
        )
    kept = {id(parameter) for layer in layers[frozen:] for parameter in layer.parameters()}
    for parameter in model.base_model.parameters():
        parameter.requires_grad = parameter.requires_grad and id(parameter) in kept


def _head(_model: PreTrainedModel, _options: Options, _steps: int) -> None:
    """A linear probe: the encoder stays as it is."""


def _lora(model: PreTrainedModel, options: Options, _steps: int) -> None:
    """Low-rank updates (Hu et al. 2022); with `dora` of the direction alone (Liu et al. 2024)."""
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    LoraModel(model, LoraConfig(
        r=options["rank"], lora_alpha=options["alpha"], lora_dropout=options["dropout"],
        use_dora=options.get("dora", False), target_modules=_linears(model, options["layers"]),
    ), "default")  # fmt: skip


def _dora(model: PreTrainedModel, options: Options, steps: int) -> None:
    _lora(model, {**options, "dora": True}, steps)


def _adalora(model: PreTrainedModel, options: Options, steps: int) -> Adaptation:
    """Low-rank updates whose ranks are cut where they matter least (Zhang et al. 2023)."""
    from peft import AdaLoraConfig
    from peft.tuners.adalora import AdaLoraModel

    steps = max(steps, 10)
    tuner = AdaLoraModel(model, AdaLoraConfig(
        init_r=options["rank"] + options["rank"] // 2, target_r=options["rank"], lora_alpha=options["alpha"],
        lora_dropout=options["dropout"], tinit=steps // 10, tfinal=steps // 3, deltaT=max(1, steps // 100),
        total_step=steps, target_modules=_linears(model, options["layers"]),
    ), "default")  # fmt: skip
    penalty = partial(_not_orthogonal, model, options["orthogonality"])
    return Adaptation([_Ranks(tuner)], penalty, resumes=False)


class _Ranks(TrainerCallback):
    """Cuts AdaLoRA's ranks after each step, while the gradients that say what matters are there."""

    def __init__(self, tuner: Any) -> None:
        self.tuner = tuner

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.tuner.update_and_allocate(state.global_step + 1)


def _not_orthogonal(model: PreTrainedModel, weight: float) -> torch.Tensor:
    """How far the factors are from being orthogonal, so that ranks can be judged one by one (AdaLoRA, equation 4)."""
    norms = []
    for name, factor in model.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            product = factor @ factor.T if "lora_A" in name else factor.T @ factor
            norms.append(torch.linalg.matrix_norm(product - torch.eye(len(product), device=product.device)))
    return weight * torch.stack(norms).mean()


def _ia3(model: PreTrainedModel, _options: Options, _steps: int) -> None:
    """Keys, values and inner activations scaled by learned vectors (Liu et al. 2022)."""
    from peft import IA3Config
    from peft.tuners.ia3 import IA3Model

    inner = [name for name in _linears(model, "all") if name.endswith(OUTPUTS) and "att" not in name]
    keys_values = [name for name in _linears(model, "all") if name.endswith(KEYS_VALUES)]
    IA3Model(model, IA3Config(target_modules=[*keys_values, *inner], feedforward_modules=inner), "default")


def _adapter(model: PreTrainedModel, options: Options, _steps: int) -> None:
    _some(adapters.add_bottlenecks(blocks(model), options["size"]), model, "adapter")


def _prefix(model: PreTrainedModel, options: Options, _steps: int) -> None:
    heads = model.config.num_attention_heads
    _some(adapters.add_prefixes(blocks(model), heads, options["size"]), model, "prefix")


def _prompt(model: PreTrainedModel, options: Options, _steps: int) -> None:
    adapters.add_prompt(model.base_model, options["size"])


def _some(count: int, model: PreTrainedModel, method: str) -> None:
    if not count:
        raise MethodError(f"The method {method} does not know the layers of a {model.config.model_type}: use lora.")


def _linears(model: PreTrainedModel, which: str) -> list[str]:
    """Names of the projections in the transformer layers: "all" of them, or those of the "attention"."""
    from transformers.pytorch_utils import Conv1D

    inside = {id(part) for block in blocks(model) for part in block.modules()}
    found = [
        name for name, part in model.named_modules() if isinstance(part, nn.Linear | Conv1D) and id(part) in inside
    ]
    if which == "all":
        return found
    if which != "attention":
        raise MethodError(f"layers is {which!r}: use 'all' or 'attention'.")
    return [name for name in found if name.endswith(ATTENTION)]


LOW_RANK = {"rank": 8, "alpha": 16, "dropout": 0.0, "layers": "all"}
METHODS: dict[str, Method] = {
    "full": Method(_full, {"frozen_layers": 0}),
    "head": Method(_head),
    "lora": Method(_lora, LOW_RANK, merges=True),
    "dora": Method(_dora, LOW_RANK, merges=True),
    "adalora": Method(_adalora, {**LOW_RANK, "orthogonality": 0.5}, merges=True),
    "ia3": Method(_ia3, merges=True),
    "adapter": Method(_adapter, {"size": 32}),
    "prefix": Method(_prefix, {"size": 16}),
    "prompt": Method(_prompt, {"size": 16}),
}
"""Every method by its name; those that merge leave a model no larger and no slower than the base."""
