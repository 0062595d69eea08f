"""Contrastive learning: a context and the candidate that was taken with it lie nearer than those of other pairs.

The others of the batch are the negatives (Henderson et al. 2017; in sentence-transformers MultipleNegativesRankingLoss,
which gives the same loss). It runs in the one training loop, not in a trainer of its own: so it stops early, resumes
and keeps its checkpoints as every training here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from workbench.models.batching import TextRows, digest_of, plan_batches
from workbench.models.device import Device
from workbench.models.loop import Batch
from workbench.models.processes import gathered, once
from workbench.models.scoring import embed_texts, unit_vectors

TEMPERATURE = 0.05  # by which cosines are divided, as sentence-transformers does


@dataclass(frozen=True)
class PairedBatches:
    """Batches of pairs that belong together, each a function of its number."""

    contexts: TextRows
    candidates: TextRows
    names: np.ndarray  # pairs × 2: equal numbers for equal contexts, and for equal candidates
    plan: list[np.ndarray]
    whole = True  # a part of a batch would have fewer negatives, and another loss

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> Batch:
        if number >= len(self):
            raise IndexError(number)
        rows = self.plan[number]
        contexts, candidates = self.contexts.batch(rows), self.candidates.batch(rows)
        return {
            "input_ids": contexts["input_ids"],
            "attention_mask": contexts["attention_mask"],
            "candidate_ids": candidates["input_ids"],
            "candidate_mask": candidates["attention_mask"],
            "names": torch.from_numpy(self.names[rows]),
            "scale": torch.full((len(rows),), 1 / len(rows), dtype=torch.float32),
        }

    def tokens(self) -> np.ndarray:
        """Tokens of each batch, padding not counted."""
        lengths = self.contexts.lengths + self.candidates.lengths
        return np.array([lengths[rows].sum() for rows in self.plan])

    def identity(self) -> str:
        """A digest of the texts and the plan, and the temperature."""
        return digest_of(self.contexts.identity(), self.candidates.identity(), self.plan) + str(TEMPERATURE)


def paired_batches(
    tokenizer: PreTrainedTokenizerBase, pairs: pd.DataFrame, *, max_tokens: int, batch_tokens: int, seed: int
) -> PairedBatches:
    """The batches of a training that reads `max_tokens` tokens of pairs (context, candidate) that belong together.

    A pair without another in its batch has nothing to be told from, and is left out.

    Raises:
        ValueError: fewer than two pairs, or none two of which fit into a batch.

    """
    pairs = pairs[["context", "candidate"]].drop_duplicates()
    if len(pairs) < 2:
        raise ValueError("Contrastive learning needs at least two different pairs that belong together.")
    contexts = TextRows(tokenizer, pairs["context"].tolist())
    candidates = TextRows(tokenizer, pairs["candidate"].tolist())
    names = np.column_stack([pd.factorize(pairs[column])[0] for column in ("context", "candidate")]).astype(np.int64)
    lengths = np.column_stack([contexts.lengths, candidates.lengths])
    plan = plan_batches(lengths, batch_tokens, seed=seed, max_tokens=max_tokens, least=2)
    return PairedBatches(contexts, candidates, names, plan)


def contrastive_loss(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Cross-entropy of each context's own candidate among those of the batch.

    A pair that shares its context or its candidate with another is no negative of it: it would teach what is false.
    Several processes share the candidates of all their rows.
    """
    own = batch["scale"] > 0  # a row that counts as nothing is there for the step alone, see `processes.Share`
    contexts = gathered(unit_vectors(model, batch["input_ids"], batch["attention_mask"])[own])
    candidates = gathered(unit_vectors(model, batch["candidate_ids"], batch["candidate_mask"])[own])
    names, scale = gathered(batch["names"][own]), gathered(batch["scale"][own])
    same = (names[:, None, :] == names[None, :, :]).any(-1)
    same.fill_diagonal_(False)
    scores = (contexts @ candidates.T / TEMPERATURE).masked_fill(same, float("-inf"))
    losses = cross_entropy(scores, torch.arange(len(scores), device=scores.device), reduction="none")
    return once((losses * scale).sum())


def contrastive_numbers(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pairs: pd.DataFrame, device: Device
) -> dict[str, float]:
    """How far up the candidates of each context are among those of all pairs: loss, recall@1, recall@10 and mrr.

    The best place of a context's own candidates counts. pairs: context and candidate that belong together.
    """
    contexts, candidates = (sorted(set(pairs[column])) for column in ("context", "candidate"))
    ready = device.compact(model)
    scores = _embedded(ready, tokenizer, contexts, device) @ _embedded(ready, tokenizer, candidates, device).T
    place = {column: {text: at for at, text in enumerate(texts)} for column, texts in
             (("context", contexts), ("candidate", candidates))}  # fmt: skip
    own = np.zeros(scores.shape, dtype=bool)
    own[pairs["context"].map(place["context"]), pairs["candidate"].map(place["candidate"])] = True
    best = np.where(own, scores, -np.inf).max(1)
    rank = 1 + ((scores > best[:, None]) & ~own).sum(1)
    exponents = scores / TEMPERATURE
    total = np.logaddexp.reduce(np.where(own, -np.inf, exponents), axis=1)
    losses = np.logaddexp(total, best / TEMPERATURE) - best / TEMPERATURE
    return {
        "loss": float(losses.mean()),
        "recall@1": float((rank <= 1).mean()),
        "recall@10": float((rank <= 10).mean()),
        "mrr": float((1 / rank).mean()),
    }


def contrastive_blindly(pairs: pd.DataFrame) -> dict[str, float]:
    """The same numbers where all cosines are equal, and the order of the candidates is drawn."""
    total = pairs["candidate"].nunique()
    own = pairs.groupby("context")["candidate"].nunique().to_numpy()[:, None]
    places = np.arange(total)
    later = np.cumprod(np.clip((total - own - places) / (total - places), 0, 1), axis=1)  # than place 1, 2, …
    at = -np.diff(later, axis=1, prepend=1.0)  # the chance of each place of the best of a context's own candidates
    return {
        "loss": float(np.log(total - own + 1).mean()),
        "recall@1": float(at[:, :1].sum(1).mean()),
        "recall@10": float(at[:, :10].sum(1).mean()),
        "mrr": float((at / (places + 1)).sum(1).mean()),
    }


def _embedded(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], device: Device
) -> np.ndarray:
    return embed_texts(model, tokenizer, texts, device).astype(np.float64)
