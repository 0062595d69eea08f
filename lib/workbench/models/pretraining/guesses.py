"""How well a language model guesses, whatever it guesses: hidden words or next ones."""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from workbench.models.device import Device
from workbench.models.loop import Batch, Batches
from workbench.models.parts import by_halves

Guess = Callable[[torch.nn.Module, Batch], tuple[torch.Tensor, torch.Tensor]]
"""A model and a batch → logits (guesses × vocabulary, float32) and what was right (guesses)."""


def guess_numbers(
    model: torch.nn.Module, batches: Batches, guess: Guess, accuracy: str, device: Device
) -> dict[str, float]:
    """Loss (nats a guess), perplexity = exp(loss), how many were guessed, and how many rightly, named `accuracy`.

    Raises:
        ValueError: there is nothing to guess.

    """
    device.place(model)  # before inference mode, where the weights would become such as no training can go on from

    def counted(batch: Batch) -> tuple[float, int, int]:
        with device.autocast():
            logits, truth = guess(model, batch)
        loss = float(cross_entropy(logits, truth, reduction="sum"))
        return loss, int((logits.argmax(-1) == truth).sum()), len(truth)

    with torch.inference_mode():
        found = [part for number in range(len(batches)) for part in by_halves(counted, device.move(batches[number]))]
    loss, right, guessed = (sum(each) for each in zip(*found, strict=True)) if found else (0.0, 0, 0)
    if not guessed:
        raise ValueError(
            "The texts that are held out hold no word that the tokenizer knows, so that none can be guessed: see to "
            "the corpus, or train a vocabulary of its own (base_model: scratch)."
        )
    mean = loss / guessed
    perplexity = float(np.exp(min(mean, 700.0)))
    return {"loss": mean, "perplexity": perplexity, "guessed": float(guessed), accuracy: right / guessed}
