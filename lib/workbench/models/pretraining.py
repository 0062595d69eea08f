"""Continued masked-language-model training of a base model on the shop's corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from workbench.models.base import MaskedOnlyLM
from workbench.models.batching import cut_batches, pad, plan_batches, token_ids
from workbench.models.checkpoints import Keeper
from workbench.models.device import Device
from workbench.models.training import Batch, TrainResult, TrainSettings, train

MASKED_SHARE = 0.15


@dataclass(frozen=True)
class MaskedBatches:
    """Batches of masked texts, each a function of its number and the seed: masks differ from pass to pass.

    Of a row's own tokens 15 % (at least one) are to be guessed; of these 80 % are shown as [MASK], 10 % as a random
    token, 10 % as they are (Devlin et al. 2019, BERT, section 3.1).
    """

    rows: list[list[int]]  # with special tokens
    plan: list[np.ndarray]
    tokenizer: PreTrainedTokenizerBase
    seed: int

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> Batch:
        if number >= len(self.plan):
            raise IndexError(number)
        tokenizer, rng = self.tokenizer, np.random.default_rng([self.seed, number])
        labels = pad([self.rows[row] for row in self.plan[number]], tokenizer.pad_token_id).numpy()
        special = np.isin(labels, tokenizer.all_special_ids)
        wanted = np.maximum(1, np.rint(MASKED_SHARE * (~special).sum(1, keepdims=True)))
        masked = np.argsort(np.argsort(np.where(special, 2.0, rng.random(labels.shape)))) < wanted
        masked &= ~special
        shown, fate = labels.copy(), rng.random(labels.shape)
        shown[masked & (fate < 0.8)] = tokenizer.mask_token_id
        swap = masked & (fate >= 0.8) & (fate < 0.9)
        shown[swap] = rng.integers(len(tokenizer), size=int(swap.sum()))
        return {
            "input_ids": torch.from_numpy(shown),
            "attention_mask": torch.from_numpy((labels != tokenizer.pad_token_id).astype(np.int64)),
            "masked": torch.from_numpy(masked),
            "labels": torch.from_numpy(labels),
            "scale": torch.full((len(labels),), 1 / max(1, masked.sum()), dtype=torch.float32),
        }

    def tokens(self) -> np.ndarray:
        """Tokens of each batch, padding not counted."""
        lengths = _lengths(self.rows)
        return np.array([lengths[rows].sum() for rows in self.plan])


def text_rows(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Texts as rows [CLS] … [SEP]; one longer than the tokenizer's `model_max_length` goes on in further rows."""
    width = int(tokenizer.model_max_length) - 2
    ids = token_ids(tokenizer, texts)
    pieces = [text[at : at + width] for text in ids for at in range(0, len(text), width)]
    return [[tokenizer.cls_token_id, *piece, tokenizer.sep_token_id] for piece in pieces]


def training_batches(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    *,
    max_tokens: int,
    batch_tokens: int,
    seed: int,
) -> MaskedBatches:
    """The batches of a training that reads `max_tokens` tokens in all, masked anew in every pass."""
    rows = text_rows(tokenizer, texts)
    return MaskedBatches(
        rows, plan_batches(_lengths(rows), batch_tokens, seed=seed, max_tokens=max_tokens), tokenizer, seed
    )


def held_out_batches(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, batch_tokens: int, seed: int
) -> MaskedBatches:
    """Every text once, with one fixed masking, so that before and after guess the very same words."""
    rows = text_rows(tokenizer, texts)
    lengths = _lengths(rows)
    return MaskedBatches(
        rows, list(cut_batches(lengths, batch_tokens, np.argsort(lengths, kind="stable"))), tokenizer, seed
    )


def masked_loss(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Cross-entropy over the masked positions only, each row scaled by `scale` (1 / masked positions of its batch)."""
    masked = batch["masked"]
    logits = model(batch["input_ids"], batch["attention_mask"], masked).logits
    losses = cross_entropy(logits.float(), batch["labels"][masked], reduction="none")
    return (losses * batch["scale"][:, None].expand(masked.shape)[masked]).sum()


@torch.inference_mode()
def held_out(model: MaskedOnlyLM, batches: MaskedBatches, device: Device) -> dict[str, float]:
    """Loss (nats a masked token), perplexity = exp(loss) and accuracy of the guesses on `batches`."""
    device.place(model)
    loss, right, guessed = 0.0, 0, 0
    for number in range(len(batches)):
        batch = device.move(batches[number])
        with device.autocast():
            logits = model(batch["input_ids"], batch["attention_mask"], batch["masked"]).logits
        truth = batch["labels"][batch["masked"]]
        loss += float(cross_entropy(logits.float(), truth, reduction="sum"))
        right += int((logits.argmax(-1) == truth).sum())
        guessed += len(truth)
    mean = loss / guessed
    return {"loss": mean, "perplexity": float(np.exp(min(mean, 700.0))), "masked_accuracy": right / guessed}


def pretrain(
    model: MaskedOnlyLM,
    batches: MaskedBatches,
    valid: MaskedBatches,
    judged: MaskedBatches,
    *,
    settings: TrainSettings,
    device: Device,
    checkpoints: str | Path | Keeper,
    tensorboard: str | Path | None = None,
) -> tuple[TrainResult, pd.DataFrame]:
    """Train in place; returns the result and a table of the numbers on `judged`, rows "before" and "after".

    `valid` stops the training and chooses its best weights, so it is no fair judge of them: `judged` holds other texts.
    """
    before = held_out(model, judged, device)
    result = train(
        model,
        batches,
        masked_loss,
        lambda trained: held_out(trained, valid, device),
        better="loss",
        settings=settings,
        device=device,
        checkpoints=checkpoints,
        tensorboard=tensorboard,
    )
    return result, pd.DataFrame({"before": before, "after": held_out(model, judged, device)}).T


def _lengths(rows: list[list[int]]) -> np.ndarray:
    return np.array([len(row) for row in rows], dtype=int)
