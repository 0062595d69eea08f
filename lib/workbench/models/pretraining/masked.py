"""Masked-language modelling: guess hidden words from both sides (Devlin et al. 2019, BERT)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from workbench.models.batching import special_ids
from workbench.models.device import Device
from workbench.models.loop import Batch
from workbench.models.pretraining.guesses import blind_numbers, guess_numbers
from workbench.models.pretraining.rows import Rows
from workbench.models.vocabulary import continues

MASKED_SHARE = 0.15


@dataclass(frozen=True)
class MaskedBatches:
    """Batches of masked texts, each a function of its number and the seed: masks differ from pass to pass.

    Of a row's own tokens 15 % (at least one) are to be guessed; of these 80 % are shown as [MASK], 10 % as a random
    token, 10 % as they are (Devlin et al. 2019, section 3.1). With `whole_words` all pieces of a word are hidden
    together, so that none is given away by the others; then the share is at least 15 %.
    """

    rows: Rows
    tokenizer: PreTrainedTokenizerBase
    seed: int
    whole_words: bool = False

    def __post_init__(self) -> None:
        if self.tokenizer.mask_token_id is None:
            raise ValueError(
                f"The tokenizer of {self.tokenizer.name_or_path} has no mask_token to hide words by: use the objective "
                "clm, or another base model."
            )

    def __len__(self) -> int:
        return len(self.rows.plan)

    def __getitem__(self, number: int) -> Batch:
        if number >= len(self):
            raise IndexError(number)
        tokenizer, rng = self.tokenizer, np.random.default_rng([self.seed, number])
        ids, seen = self.rows.padded(number, special_ids(tokenizer)[2])
        labels = ids.numpy()
        masked = self._chosen(labels, ~seen.numpy(), rng)
        shown, fate = labels.copy(), rng.random(labels.shape)
        shown[masked & (fate < 0.8)] = tokenizer.mask_token_id
        swap = masked & (fate >= 0.8) & (fate < 0.9)
        shown[swap] = rng.integers(len(tokenizer), size=int(swap.sum()))
        return {
            "input_ids": torch.from_numpy(shown),
            "attention_mask": seen.long(),
            "masked": torch.from_numpy(masked),
            "labels": torch.from_numpy(labels),
            "scale": torch.full((len(labels),), 1 / max(1, masked.sum()), dtype=torch.float32),
        }

    def tokens(self) -> np.ndarray:
        """Tokens of each batch, padding not counted."""
        return self.rows.tokens()

    def identity(self) -> str:
        """A digest of the rows and their plan, and of how they are masked."""
        return f"{self.rows.identity()} {self.seed} {self.whole_words}"

    def _chosen(self, labels: np.ndarray, filling: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Which places are to be guessed: the 15 % of the smallest random numbers, one a token or one a word."""
        special = np.isin(labels, self.tokenizer.all_special_ids) | filling
        wanted = np.maximum(1, np.rint(MASKED_SHARE * (~special).sum(1, keepdims=True)))
        drawn = rng.random(labels.shape)
        first = np.ones_like(special)
        if self.whole_words:
            first = ~self._inside[labels] | special
            first[:, 1:] |= special[:, :-1]  # what follows a special token begins a word, however it is written
            first[:, 0] = True
            begins = np.maximum.accumulate(np.where(first, np.arange(labels.shape[1]), 0), axis=1)
            drawn = np.take_along_axis(drawn, begins, 1)
        drawn[special] = 2.0
        order = np.argsort(drawn, axis=1, kind="stable")  # the pieces of a word follow each other
        rank = np.argsort(order, axis=1, kind="stable")
        if self.whole_words:
            rank = np.take_along_axis(rank, begins, 1)
        return (rank < wanted) & ~special

    @cached_property
    def _inside(self) -> np.ndarray:
        return np.array(continues(self.tokenizer))


def masked_logits(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Logits (masked places × vocabulary) of a masked language model of any family.

    Only the masked places go through the head, which halves a step on a CPU: what the encoder gives is cut down to
    them before the head sees it.
    """
    inner: Any = getattr(model, "module", model)  # several processes wrap it
    places = batch["masked"].flatten().nonzero()[:, 0]

    def only_masked(
        _encoder: torch.nn.Module, _given: object, found: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        found["last_hidden_state"] = found["last_hidden_state"].flatten(0, 1).index_select(0, places)[None]
        return found

    hook = inner.base_model.register_forward_hook(only_masked)
    try:
        return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[0]
    finally:
        hook.remove()


def masked_loss(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Cross-entropy over the masked places only, each row scaled by `scale` (1 / masked places of its batch)."""
    masked = batch["masked"]
    scale = batch["scale"][:, None].expand(masked.shape)[masked]
    return (cross_entropy(*_guesses(model, batch), reduction="none") * scale).sum()


def masked_numbers(model: torch.nn.Module, batches: MaskedBatches, device: Device) -> dict[str, float]:
    """How well the masked tokens are guessed: loss, perplexity, guessed and masked_accuracy (see `guess_numbers`)."""
    return guess_numbers(model, batches, _guesses, "masked_accuracy", device)


def masked_blindly(batches: MaskedBatches, train: Rows) -> dict[str, float]:
    """The same numbers of who knows only how often each token is in train; see `guesses.blind_numbers`."""
    tokenizer = batches.tokenizer
    counts = train.counts(len(tokenizer))
    counts[tokenizer.all_special_ids] = 0  # none of them is ever to be guessed
    each = (batches[number] for number in range(len(batches)))
    return blind_numbers(counts, (batch["labels"][batch["masked"]].numpy() for batch in each), "masked_accuracy")


def _guesses(model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    truth = batch["labels"][batch["masked"]]  # before the model computes: how many there are, a GPU is waited for
    return masked_logits(model, batch).float(), truth
