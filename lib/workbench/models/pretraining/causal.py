"""Causal language modelling: guess each next word from those before it (Radford et al. 2018, GPT)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from workbench.models.batching import special_ids
from workbench.models.device import Device
from workbench.models.loop import Batch
from workbench.models.pretraining.guesses import blind_numbers, guess_numbers
from workbench.models.pretraining.rows import Rows

IGNORED = -100


@dataclass(frozen=True)
class CausalBatches:
    """Batches of texts, each a function of its number; every token but the first is to be guessed."""

    rows: Rows
    tokenizer: PreTrainedTokenizerBase

    def __len__(self) -> int:
        return len(self.rows.plan)

    def __getitem__(self, number: int) -> Batch:
        if number >= len(self):
            raise IndexError(number)
        input_ids, seen = self.rows.padded(number, special_ids(self.tokenizer)[2])
        guessed = max(1, int(seen[:, 1:].sum()))
        return {
            "input_ids": input_ids,
            "attention_mask": seen.long(),
            "labels": torch.where(seen, input_ids, IGNORED),
            "scale": torch.full((len(input_ids),), 1 / guessed, dtype=torch.float32),
        }

    def tokens(self) -> np.ndarray:
        """Tokens of each batch, padding not counted."""
        return self.rows.tokens()

    def identity(self) -> str:
        """A digest of the rows and their plan."""
        return self.rows.identity()


def causal_loss(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Cross-entropy of each next token, each row scaled by `scale` (1 / tokens that its batch guesses)."""
    given = batch["labels"][:, 1:] != IGNORED
    losses = cross_entropy(*_guesses(model, batch), reduction="none")
    return (losses * batch["scale"][:, None].expand(given.shape)[given]).sum()


def causal_numbers(model: torch.nn.Module, batches: CausalBatches, device: Device) -> dict[str, float]:
    """How well next tokens are guessed: loss, perplexity, guessed and next_accuracy (see `guess_numbers`)."""
    return guess_numbers(model, batches, _guesses, "next_accuracy", device)


def causal_blindly(batches: CausalBatches, train: Rows) -> dict[str, float]:
    """The same numbers of who knows only how often each token is in train; see `guesses.blind_numbers`."""
    counts = train.counts(len(batches.tokenizer))
    counts[special_ids(batches.tokenizer)[0]] = 0  # what begins a row is never to be guessed
    each = (batches[number]["labels"][:, 1:] for number in range(len(batches)))
    return blind_numbers(counts, (labels[labels != IGNORED].numpy() for labels in each), "next_accuracy")


def _guesses(model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    truth = batch["labels"][:, 1:]
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    return logits[truth != IGNORED].float(), truth[truth != IGNORED]
