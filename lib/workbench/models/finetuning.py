"""Fine-tuning a BERT classifier on labelled pairs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import PreTrainedTokenizerBase

from workbench.metrics.classification import log_loss, pr_auc, roc_auc
from workbench.models.batching import PairTexts, plan_batches
from workbench.models.calibration import Calibration, platt
from workbench.models.checkpoints import Keeper
from workbench.models.classifier import TextClassifier
from workbench.models.device import Device
from workbench.models.scoring import score_pairs, score_texts
from workbench.models.training import Batch, TrainResult, TrainSettings, train


@dataclass(frozen=True)
class PairBatches:
    """Batches of labelled pairs, each a function of its number."""

    texts: PairTexts
    labels: np.ndarray
    weights: np.ndarray
    plan: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> Batch:
        if number >= len(self.plan):
            raise IndexError(number)
        rows = self.plan[number]
        share = self.weights[rows] / self.weights[rows].sum()
        return {
            **self.texts.batch(rows),
            "labels": torch.from_numpy(self.labels[rows].astype(np.float32)),
            "scale": torch.from_numpy(share.astype(np.float32)),
        }

    def tokens(self) -> np.ndarray:
        """Tokens of each batch, padding not counted."""
        return np.array([self.texts.lengths[rows].sum() for rows in self.plan])

    def used(self) -> np.ndarray:
        """The rows that the training reads at least once."""
        return np.unique(np.concatenate(self.plan))


def training_pairs(
    tokenizer: PreTrainedTokenizerBase,
    pairs: pd.DataFrame,
    *,
    max_tokens: int,
    batch_tokens: int,
    use_weights: bool,
    seed: int,
) -> PairBatches:
    """The batches of a training that reads `max_tokens` tokens of `pairs` (context, candidate, label, weight) in all.

    use_weights: False trains on the pairs as they are, about balanced, and leaves the natural rate to the calibration;
    True scales each pair by its weight, which trains at the natural rate at the price of noisier gradients.
    """
    texts = PairTexts(tokenizer, pairs["context"].tolist(), pairs["candidate"].tolist())
    weights = pairs["weight"].to_numpy(dtype=float) if use_weights else np.ones(len(pairs))
    plan = plan_batches(texts.lengths, batch_tokens, seed=seed, max_tokens=max_tokens)
    return PairBatches(texts, pairs["label"].to_numpy(dtype=float), weights, plan)


def pair_loss(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Binary cross-entropy of the one logit, each pair scaled by `scale` (its share of its batch's weight)."""
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    logits = model(**inputs).logits[:, 0]
    return (binary_cross_entropy_with_logits(logits, batch["labels"], reduction="none") * batch["scale"]).sum()


def valid_numbers(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Weighted log-loss after Platt's calibration, PR-AUC and ROC-AUC.

    A model trained on sampled negatives is off the natural rate by a constant; calibrating first leaves the log-loss
    to judge what the training is to improve, how well the pairs are told apart.
    """
    probabilities = Calibration(*platt(labels, scores, weights), 0.5).probability(scores)
    return {
        "log_loss": float(log_loss(labels, probabilities, weights)),
        "pr_auc": float(pr_auc(labels, scores, weights)),
        "roc_auc": float(roc_auc(labels, scores, weights)),
    }


def pair_scorer(
    model: TextClassifier, tokenizer: PreTrainedTokenizerBase, device: Device
) -> Callable[[pd.DataFrame], np.ndarray]:
    """A trained classifier as a function: a table with context and candidate in, the logit of each row out."""
    return lambda pairs: score_pairs(model, tokenizer, pairs["context"].tolist(), pairs["candidate"].tolist(), device)


def fine_tune(
    model: TextClassifier,
    tokenizer: PreTrainedTokenizerBase,
    batches: PairBatches,
    valid: pd.DataFrame,
    *,
    settings: TrainSettings,
    device: Device,
    checkpoints: str | Path | Keeper,
    tensorboard: str | Path | None = None,
    batch_tokens: int = 4096,
) -> TrainResult:
    """Train in place on `batches`; stops early, and keeps the best weights, by the log-loss on `valid`'s pairs."""
    texts = PairTexts(tokenizer, valid["context"].tolist(), valid["candidate"].tolist())
    labels, weights = valid["label"].to_numpy(dtype=float), valid["weight"].to_numpy(dtype=float)
    return train(
        model,
        batches,
        pair_loss,
        lambda trained: valid_numbers(labels, score_texts(trained, texts, device, batch_tokens), weights),
        better="log_loss",
        settings=settings,
        device=device,
        checkpoints=checkpoints,
        tensorboard=tensorboard,
    )
