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
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from workbench.models.device import Device

FAMILIES = ("bert", "camembert", "electra", "roberta", "xlm-roberta")
NAME = "unpadded"
GIVEN = ("input_ids", "attention_mask", "token_type_ids")  # what these families' encoders take, in their order
PER_TOKEN = ("input_ids", "token_type_ids")


def can_unpad(model: PreTrainedModel) -> bool:
    """Whether a model's attention can be kept within rows: of known families, without additions to what is attended.

    The kernel computes heads whose size is a multiple of 8, up to 256.
    """
    config = model.config
    method = getattr(config, "method", None) or {"name": "full"}
    if config.model_type not in FAMILIES or method["name"] in ("prefix", "prompt"):
        return False
    size = config.hidden_size // config.num_attention_heads
    return size % 8 == 0 and size <= 256


def without_padding(model: PreTrainedModel, device: Device) -> AbstractContextManager[None]:
    """Leave padding out where that pays and is possible: on a GPU that has bf16, in bf16, which the kernel asks for."""
    pays = device.device.type == "cuda" and device.dtype == torch.bfloat16
    already = model.base_model.config._attn_implementation == NAME  # type: ignore[union-attr]
    if not pays or already or not torch.cuda.is_bf16_supported(including_emulation=False):
        return nullcontext()
    return unpadded(model) if can_unpad(model) else nullcontext()


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

    def pack(self, encoder: Any, args: tuple, named: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        given = dict(zip(GIVEN, args, strict=False)) | named  # a masked language model hands its input_ids on unnamed
        seen = given["attention_mask"].bool()
        self.shape, self.places = seen.shape, seen.flatten().nonzero()[:, 0]
        rows, width = seen.shape
        before = encoder.embeddings.position_embeddings.padding_idx  # RoBERTa counts from behind it
        first = 0 if before is None else before + 1
        positions = torch.arange(first, first + width, device=seen.device).expand(rows, width)
        own = {"position_ids": positions} | {name: given[name] for name in PER_TOKEN if given.get(name) is not None}
        own = {name: value.flatten()[self.places][None] for name, value in own.items()}
        ends = functional.pad(seen.sum(1).cumsum(0), (1, 0)).to(torch.int32)
        return (), {**given, **own, "attention_mask": None, "row_ends": ends, "longest": width}

    def unpack(self, encoder: Any, _args: tuple, found: Any) -> Any:
        hidden = found.last_hidden_state[0]
        rows = hidden.new_zeros(self.shape[0] * self.shape[1], hidden.shape[1])
        found["last_hidden_state"] = rows.index_copy(0, self.places, hidden).view(*self.shape, -1)
        if found.get("pooler_output") is not None:  # it read the first token of all that was packed
            found["pooler_output"] = encoder.pooler(found.last_hidden_state)
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
    attend = _by_kernel if query.is_cuda else _by_mask
    q, k, v = (each[0].transpose(0, 1) for each in (query, key, value))
    return attend(q, k, v, row_ends, longest)[None], None


def _by_kernel(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, row_ends: torch.Tensor, longest: int
) -> torch.Tensor:
    """Of (tokens × heads × size), of the same shape, in bf16: what scales keys or values makes float32 of them."""
    q, k, v = (each.to(torch.bfloat16).contiguous() for each in (query, key, value))
    return varlen_attn(q, k, v, row_ends, row_ends, longest, longest)  # type: ignore[return-value]


def _by_mask(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, row_ends: torch.Tensor, _longest: int
) -> torch.Tensor:
    """The same on a processor, which has no such kernel and gains nothing here; so that what is around it is tested."""
    row = torch.searchsorted(row_ends, torch.arange(len(query)), right=True)
    same = row[:, None] == row[None, :]
    q, k, v = (each.transpose(0, 1) for each in (query, key, value))
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=same).transpose(0, 1)


def _no_mask(*_: object, **__: object) -> None:
    """There is no padding to hide."""


AttentionInterface.register(NAME, _within_rows)
AttentionMaskInterface.register(NAME, _no_mask)
