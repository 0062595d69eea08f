"""Texts as numbers, and batches bounded by tokens rather than by rows."""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedTokenizerBase

MULTIPLE = 8  # rows are padded to a multiple of 8, the width of the vector units
JUDGED = ("text", "context", "candidate", "label", "weight")  # what counts of a table that judges a training
HALF = re.compile("[\ud800-\udfff]")  # half of a character of UTF-16, which stands for nothing alone


def only_texts(texts: Sequence[str], what: str) -> None:
    """See that all are texts, an empty one too; `what` names them in the message, as "context".

    Raises:
        ValueError: one is missing, or is no text.

    """
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"The {what} of row {row} is {text!r} and no text: fill it in, or leave the row out.")
        if HALF.search(text):
            raise ValueError(
                f"The {what} of row {row} holds half a character, {HALF.findall(text)[0]!a}, which cannot be written: "
                "clean it (text.encode(errors='replace').decode()), or leave the row out."
            )


def token_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """The token numbers of each text, without special tokens."""
    return tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)["input_ids"] if texts else []


def plan_batches(
    lengths: np.ndarray, batch_tokens: int, *, seed: int, max_tokens: int, least: int = 1
) -> list[np.ndarray]:
    """Row numbers of every batch of a whole training: pass after pass over the rows until `max_tokens` are used.

    lengths: tokens of each row, or of each of its sides (rows × sides). Rows of like length share a batch (ties and the
    order of batches are drawn from `seed`), which stays within `batch_tokens`; `least` rows at least, or a pass leaves
    them out. The plan depends on the arguments alone: a training that is resumed sees what the unbroken one would have
    seen.
    """
    if not len(lengths):
        raise ValueError("There is no text to train on: the table is empty after its filters.")
    if batch_tokens <= 0:
        raise ValueError(f"Batches of {batch_tokens} tokens hold no row: raise batch_tokens above 0.")
    if max_tokens <= 0:
        raise ValueError(f"The budget of {max_tokens} tokens leaves nothing to train; raise it above 0.")
    plan: list[np.ndarray] = []
    used, whole = 0, lengths.reshape(len(lengths), -1).sum(1)
    for number in count():
        rng = np.random.default_rng([seed, number])
        shuffled = rng.permutation(len(lengths))
        order = shuffled[np.argsort(whole[shuffled], kind="stable")]
        batches = [rows for rows in cut_batches(lengths, batch_tokens, order) if len(rows) >= least]
        if not (plan or batches):
            raise ValueError(f"No batch of {batch_tokens} tokens holds {least} rows: raise batch_tokens.")
        for at in rng.permutation(len(batches)):
            plan.append(batches[at])
            used += int(whole[batches[at]].sum())
            if used >= max_tokens:
                return plan
    raise AssertionError("count() never ends")


def cut_batches(lengths: np.ndarray, batch_tokens: int, order: np.ndarray) -> Iterator[np.ndarray]:
    """Cut rows sorted by length (ascending) into batches of rows × longest ≤ `batch_tokens`, padding included.

    Each of a row's sides (lengths: rows × sides) is padded to its own longest. A single row longer than the budget is a
    batch of its own.
    """
    padded = -(-np.atleast_2d(lengths[order].T) // MULTIPLE) * MULTIPLE
    start, longest = 0, (0,) * len(padded)
    for stop, row in enumerate(zip(*padded.tolist(), strict=True)):
        longest = (*map(max, longest, row),)
        if stop > start and (stop + 1 - start) * sum(longest) > batch_tokens:
            yield order[start:stop]
            start, longest = stop, row
    if len(order):
        yield order[start:]


def pad(rows: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
    """Rows of numbers as one (rows × longest, up to a multiple of 8) tensor, filled on the right."""
    width = -(-max(map(len, rows)) // MULTIPLE) * MULTIPLE
    padded = np.full((len(rows), width), fill, dtype=np.int64)
    for at, row in enumerate(rows):
        padded[at, : len(row)] = row
    return torch.from_numpy(padded)


class TextRows:
    """Texts as rows [CLS] text [SEP], or pairs as [CLS] context [SEP] candidate [SEP]; equal texts are tokenised once.

    A row longer than the tokenizer's `model_max_length` loses the end of its text, and of a pair the end of its
    context, which names the most telling things first.

    Raises:
        ValueError: a text is missing, or rows are too short, or the tokenizer has no begin and end of a row.

    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, contexts: Sequence[str], candidates: Sequence[str] | None = None
    ) -> None:
        self.cls, self.sep, self.fill = special_ids(tokenizer)
        self.max_length = max_length = int(tokenizer.model_max_length)
        self._pairs = candidates is not None
        self._own = 3 if self._pairs else 2  # special tokens of a row
        if max_length <= self._own:
            raise ValueError(f"max_length is {max_length}, and {self._own} tokens of a row are no text: raise it.")
        self._context_of, self._contexts = _distinct(tokenizer, contexts, "context")
        right: np.ndarray | int = 0
        if candidates is not None:
            self._candidate_of, self._candidates = _distinct(tokenizer, candidates, "candidate")
            right = np.minimum(_sizes(self._candidates), max_length - self._own)[self._candidate_of]
        self.left = np.minimum(_sizes(self._contexts)[self._context_of], max_length - self._own - right)
        self.lengths = self.left + right + self._own

    def __len__(self) -> int:
        return len(self.lengths)

    def identity(self) -> str:
        """A digest of all rows."""
        right = [self._candidate_of, self._candidates] if self._pairs else []
        return digest_of(self._context_of, self._contexts, *right, self.lengths)

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows that differ, each by its first place, and for every row which of them it equals."""
        names = self._context_of
        if self._pairs:
            names = names * len(self._candidates) + self._candidate_of
        _, first, where = np.unique(names, return_index=True, return_inverse=True)
        return first, where

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """The rows as input_ids, token_type_ids (1 on a candidate) and attention_mask, each (rows × longest)."""
        ids, types = [], []
        for row in rows:
            left = [self.cls, *self._contexts[self._context_of[row]][: self.left[row]], self.sep]
            right = self._right(row)
            ids.append(left + right)
            types.append([0] * len(left) + [1] * len(right))
        input_ids = pad(ids, self.fill)
        seen = torch.arange(input_ids.shape[1]) < torch.from_numpy(self.lengths[rows])[:, None]
        return {"input_ids": input_ids, "token_type_ids": pad(types, 0), "attention_mask": seen.long()}

    def _right(self, row: int) -> list[int]:
        if not self._pairs:
            return []
        return [*self._candidates[self._candidate_of[row]][: self.max_length - self._own], self.sep]


def special_ids(tokenizer: PreTrainedTokenizerBase) -> tuple[int, int, int]:
    """The tokens that begin, end and fill a row: [CLS], [SEP] and [PAD], or of a GPT its begin and end of text.

    What fills is never read, for masks go by lengths: a tokenizer without padding fills with its end.

    Raises:
        ValueError: the tokenizer has no such tokens.

    """
    begin = tokenizer.bos_token_id if tokenizer.cls_token_id is None else tokenizer.cls_token_id
    end = tokenizer.eos_token_id if tokenizer.sep_token_id is None else tokenizer.sep_token_id
    if begin is None or end is None:
        lacking = "begin (cls_token or bos_token)" if begin is None else "end (sep_token or eos_token)"
        raise ValueError(
            f"The tokenizer of {tokenizer.name_or_path} has no token for the {lacking} of a row: set one and save the "
            "tokenizer beside the model, or choose another base model."
        )
    return begin, end, end if tokenizer.pad_token_id is None else tokenizer.pad_token_id


def digest_of(*parts: Any) -> str:
    """A digest of arrays, tables, lists of rows of numbers, and words."""
    digest = sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode())
        elif isinstance(part, pd.DataFrame):
            digest.update(f"{[*part]} {part.to_numpy().tolist()}".encode())  # a label may be a list
        elif isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode() + np.ascontiguousarray(part).tobytes())
        else:
            lengths = np.array([len(row) for row in part], dtype=np.int64)
            numbers = np.fromiter((number for row in part for number in row), dtype=np.int64, count=int(lengths.sum()))
            digest.update(lengths.tobytes() + numbers.tobytes())
    return digest.hexdigest()


def identity_of(rows: pd.DataFrame | Sequence[str]) -> str:
    """A digest of what a training is judged by: texts, or a table's texts, labels and weights."""
    if not isinstance(rows, pd.DataFrame):
        rows = pd.DataFrame({"text": list(rows)})
    return digest_of(rows[[name for name in JUDGED if name in rows]])


def _sizes(texts: Sequence[Sequence[int]]) -> np.ndarray:
    return np.array([len(ids) for ids in texts], dtype=int)


def _distinct(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], what: str
) -> tuple[np.ndarray, list[list[int]]]:
    """For each text which of the different ones it is, and their tokens, as many as a row may have."""
    only_texts(texts, what)
    number: dict[str, int] = {}
    where = np.array([number.setdefault(text, len(number)) for text in texts], dtype=int)
    return where, [ids[: int(tokenizer.model_max_length)] for ids in token_ids(tokenizer, list(number))]
