"""Texts as rows to pretrain on: one text a row, or packed so that every row is full."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from workbench.models.batching import cut_batches, digest_of, only_texts, pad, plan_batches, special_ids, token_ids


@dataclass(frozen=True)
class Rows:
    """Rows of tokens, and which of them make up each batch."""

    rows: list[list[int]]  # with special tokens
    plan: list[np.ndarray]

    def tokens(self) -> np.ndarray:
        """Tokens of each batch, padding not counted."""
        lengths = _lengths(self.rows)
        return np.array([lengths[rows].sum() for rows in self.plan])

    def identity(self) -> str:
        """A digest of the rows and their plan."""
        return digest_of(self.rows, self.plan)

    def counts(self, vocabulary: int) -> np.ndarray:
        """How often the rows have each token of a vocabulary of so many."""
        return np.bincount(np.concatenate(self.rows), minlength=vocabulary)

    def padded(self, number: int, fill: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch's rows, filled up to the longest, and which places are theirs: each (rows × longest)."""
        rows = [self.rows[row] for row in self.plan[number]]
        ids = pad(rows, fill)
        return ids, torch.arange(ids.shape[1]) < torch.tensor([len(row) for row in rows])[:, None]


def separate_rows(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Texts as rows [CLS] … [SEP]; one longer than the tokenizer's `model_max_length` goes on in further rows."""
    begin, end, width = _frame(tokenizer)
    only_texts(texts, "text")
    pieces = [text[at : at + width] for text in token_ids(tokenizer, texts) for at in range(0, len(text), width)]
    return [[begin, *piece, end] for piece in pieces]


def packed_rows(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Texts one after another, [SEP] between them, cut into full rows [CLS] … [SEP] (Liu et al. 2019, RoBERTa).

    A row may begin or end within a text, and only the last is shorter: worth it where texts are short beside the rows
    that the hardware likes. Batches of like length waste as little, and keep texts apart.
    """
    begin, end, width = _frame(tokenizer)
    only_texts(texts, "text")
    stream = [token for text in token_ids(tokenizer, texts) for token in (*text, end)][:-1]
    pieces = [stream[at : at + width] for at in range(0, len(stream), width)]
    return [[begin, *piece, end] for piece in pieces]


def training_rows(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    *,
    max_tokens: int,
    batch_tokens: int,
    seed: int,
    packed: bool = False,
) -> Rows:
    """The rows and batches of a training that reads `max_tokens` tokens in all."""
    rows = (packed_rows if packed else separate_rows)(tokenizer, texts)
    return Rows(rows, plan_batches(_lengths(rows), batch_tokens, seed=seed, max_tokens=max_tokens))


def held_out_rows(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, batch_tokens: int) -> Rows:
    """Every text once, those of like length in one batch."""
    rows = separate_rows(tokenizer, texts)
    lengths = _lengths(rows)
    return Rows(rows, list(cut_batches(lengths, batch_tokens, np.argsort(lengths, kind="stable"))))


def _frame(tokenizer: PreTrainedTokenizerBase) -> tuple[int, int, int]:
    """The tokens that begin and end a row, and how many are between them at most."""
    begin, end, _ = special_ids(tokenizer)
    if (width := int(tokenizer.model_max_length) - 2) < 1:
        raise ValueError(f"max_length is {width + 2}, and 2 tokens of a row are no text: raise it.")
    return begin, end, width


def _lengths(rows: Sequence[Sequence[int]]) -> np.ndarray:
    return np.array([len(row) for row in rows], dtype=int)
