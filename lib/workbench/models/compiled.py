"""A training whose transformer layers are compiled (`torch.compile`): it pays on a GPU, in long trainings.

PyTorch writes one kernel where a layer has many small ones, and moves what is between them less. Each layer is compiled
by itself, and as all of a model are alike, they run the same code: that takes a minute or so, not one a layer. The
first batch of another shape makes it once more, now for all shapes. Names of weights, and so checkpoints, stay.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch._dynamo
from torch import nn
from torch._dynamo.exc import TorchDynamoException
from transformers import PreTrainedModel

from workbench.models import methods

SHAPES = 64  # kinds of batches, modes and sizes of models that one process compiles for; PyTorch stops at 8


class CompileError(RuntimeError):
    """A model that cannot be compiled here; the message says why, and what to do."""


@contextmanager
def compiled(model: PreTrainedModel) -> Iterator[None]:
    """Run the transformer layers of `model` compiled, as long as this lasts; a copy, as scoring in bf16 makes, is not.

    Raises:
        CompileError: this machine, or this model, does not let itself be compiled.

    """
    layers = _layers(model)
    with torch._dynamo.config.patch(recompile_limit=SHAPES):
        for layer in layers:
            layer.compile()
        try:
            yield
        except TorchDynamoException as error:
            why = " ".join(str(error).strip().splitlines()[:2])
            raise CompileError(
                f"The model cannot be compiled here ({why}): see that a C++ compiler and Python's headers are "
                "installed (Debian, Ubuntu: apt-get install g++ python3-dev), or set compile to false."
            ) from error
        finally:
            for layer in layers:
                layer._compiled_call_impl = None  # as it is in a layer that never was; PyTorch has no word for it


def frozen(model: PreTrainedModel) -> bool:
    """Whether one of the layers has nothing that is trained."""
    return not all(any(value.requires_grad for value in layer.parameters()) for layer in _layers(model))


def _layers(model: PreTrainedModel) -> nn.ModuleList:
    try:
        return methods.blocks(model)
    except methods.MethodError as error:
        raise CompileError(f"The layers of a {model.config.model_type} are not known: set compile to false.") from error
