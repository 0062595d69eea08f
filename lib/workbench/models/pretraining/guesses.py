"""How well tokens are guessed, hidden ones or next ones: by a language model, and by who knows only their frequency."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from workbench.models.device import Device
from workbench.models.loop import Batch, Batches
from workbench.models.parts import by_halves

Guess = Callable[[torch.nn.Module, Batch], tuple[torch.Tensor, torch.Tensor]]
"""A model and a batch → logits (guesses × vocabulary, float32) and what was right (guesses)."""
UNSEEN = 0.1  # how often a token of the vocabulary is counted that train never has: a shop uses a small part of it


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
    return _numbers(loss, right, guessed, accuracy)


def blind_numbers(counts: np.ndarray, truths: Iterable[np.ndarray], accuracy: str) -> dict[str, float]:
    """The same numbers of who gives every token its share of train, wherever it is to be guessed (a unigram model).

    counts: how often train has each token of the vocabulary; truths: what is right, batch by batch. Raises as
    `guess_numbers`.
    """
    truth = np.concatenate([np.empty(0, dtype=int), *truths])
    shares = (counts + UNSEEN) / (counts + UNSEEN).sum()
    loss, right = -np.log(shares[truth]).sum(), (truth == counts.argmax()).sum()
    return _numbers(float(loss), int(right), len(truth), accuracy)


def _numbers(loss: float, right: int, guessed: int, accuracy: str) -> dict[str, float]:
    if not guessed:
        raise ValueError(
            "The texts that are held out hold no word that the tokenizer knows, so that none can be guessed: see to "
            "the corpus, or train a vocabulary of its own (base_model: scratch)."
        )
    mean = loss / guessed
    perplexity = float(np.exp(min(mean, 700.0)))
    return {"loss": mean, "perplexity": perplexity, "guessed": float(guessed), accuracy: right / guessed}
