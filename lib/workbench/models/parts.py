"""A batch in parts, where a GPU's memory is too small for all of it at once."""

from collections.abc import Callable
from typing import TypeVar

import torch

T = TypeVar("T")
TOO_LONG = "One single text does not fit into the GPU's memory: shorten it."


class MemoryFullError(RuntimeError):
    """A row that a GPU's memory does not hold even alone; the message says what to do."""


def split(batch: dict[str, torch.Tensor], parts: int) -> list[dict[str, torch.Tensor]]:
    """A batch's rows in so many parts of like size, in their order; an empty part is left out."""
    if parts == 1:
        return [batch]
    pieces = {name: value.tensor_split(parts) for name, value in batch.items()}
    found = [{name: values[at] for name, values in pieces.items()} for at in range(parts)]
    return [part for part in found if len(part["input_ids"])]


def by_halves(compute: Callable[[dict[str, torch.Tensor]], T], batch: dict[str, torch.Tensor]) -> list[T]:
    """What `compute` gives for a batch, whole; or for its halves, each in turn by halves, where memory is full.

    For what needs no gradients, so that a part leaves nothing behind but what it gives.

    Raises:
        MemoryFullError: a single row does not fit.

    """
    try:
        return [compute(batch)]
    except torch.OutOfMemoryError as error:
        if len(batch["input_ids"]) == 1:
            raise MemoryFullError(TOO_LONG) from error
    torch.cuda.empty_cache()  # out here: as long as the error is known, so is what the attempt held
    return [found for half in split(batch, 2) for found in by_halves(compute, half)]
