"""Rows one after another, without padding, for encoders on a GPU; attention stays within each row.

Where rows differ in length a padded batch computes much that is thrown away. Here the encoder reads the rows' own
tokens as one long row, and a kernel for rows of varying length, which PyTorch brings (`varlen_attn`), keeps each to
itself. What the encoder gives is put back into rows × length, so nothing around it has to know.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from workbench.models.device import Device

FAMILIES = ("bert", "camembert", "electra", "roberta", "xlm-roberta")
NAME = "unpadded"
PER_TOKEN = ("input_ids", "token_type_ids")


def can_unpad(model: PreTrainedModel) -> bool:
    """Whether a model's attention can be kept within rows: of known families, without additions to what is attended."""
    method = getattr(model.config, "method", None) or {"name": "full"}
    return model.config.model_type in FAMILIES and method["name"] not in ("prefix", "prompt")


def without_padding(model: PreTrainedModel, device: Device) -> AbstractContextManager[None]:
    """Leave padding out where that pays and is possible: on a GPU in bf16, which the kernel asks for."""
    pays = device.device.type == "cuda" and device.dtype == torch.bfloat16
    already = model.base_model.config._attn_implementation == NAME  # type: ignore[union-attr]
    return unpadded(model) if pays and can_unpad(model) and not already else nullcontext()


@contextmanager
def unpadded(model: PreTrainedModel) -> Iterator[None]:
    """Let the encoder of `model` read batches (rows × length, with their attention_mask) without padding.

    Dropout of attention is left out, which the kernel does not know; that of hidden states stays.
    """
    encoder: Any = model.base_model
    rows = _Rows()
    before = encoder.config._attn_implementation
    hooks = [
        encoder.register_forward_pre_hook(rows.pack, with_kwargs=True),
        encoder.register_forward_hook(rows.unpack),
    ]
    encoder.set_attn_implementation(NAME)
    try:
        yield
    finally:
        encoder.set_attn_implementation(before)
        for hook in hooks:
            hook.remove()


class _Rows:
    """Takes the padding out of a batch, and puts it back into what the encoder gives."""

    shape: torch.Size
    places: torch.Tensor

    def pack(self, encoder: Any, args: tuple, given: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        seen = given["attention_mask"].bool()
        self.shape, self.places = seen.shape, seen.flatten().nonzero()[:, 0]
        rows, width = seen.shape
        before = encoder.embeddings.position_embeddings.padding_idx  # RoBERTa counts from behind it
        first = 0 if before is None else before + 1
        positions = torch.arange(first, first + width, device=seen.device).expand(rows, width)
        own = {"position_ids": positions} | {name: given[name] for name in PER_TOKEN if name in given}
        own = {name: value.flatten()[self.places][None] for name, value in own.items()}
        ends = functional.pad(seen.sum(1).cumsum(0), (1, 0)).to(torch.int32)
        return args, {**given, **own, "attention_mask": None, "row_ends": ends, "longest": width}

    def unpack(self, _encoder: torch.nn.Module, _args: tuple, found: Any) -> Any:
        hidden = found.last_hidden_state[0]
        rows = hidden.new_zeros(self.shape[0] * self.shape[1], hidden.shape[1])
        found["last_hidden_state"] = rows.index_copy(0, self.places, hidden).view(*self.shape, -1)
        return found


def _within_rows(
    _module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: torch.Tensor | None,
    *,
    row_ends: torch.Tensor,
    longest: int,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Attention of (1 × heads × tokens × size) within rows that end at `row_ends`; (1 × tokens × heads × size)."""
    if query.is_cuda:
        from torch.nn.attention.varlen import varlen_attn

        q, k, v = (each[0].transpose(0, 1).contiguous() for each in (query, key, value))
        attended: Any = varlen_attn(q, k, v, row_ends, row_ends, longest, longest)
        return attended[None], None
    # a processor has no such kernel and gains nothing here; this shows that both read the same
    row = torch.searchsorted(row_ends, torch.arange(query.shape[2]), right=True)
    same = row[:, None] == row[None, :]
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=same).transpose(1, 2), None


def _no_mask(*_: object, **__: object) -> None:
    """There is no padding to hide."""


AttentionInterface.register(NAME, _within_rows)
AttentionMaskInterface.register(NAME, _no_mask)
