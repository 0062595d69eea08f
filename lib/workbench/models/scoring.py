"""Scores of pairs and vectors of texts, fast: equal texts once, like lengths together."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from workbench.models import methods
from workbench.models.batching import TextRows, cut_batches
from workbench.models.classifier import TextClassifier, mean_over
from workbench.models.device import Device
from workbench.models.unpadded import without_padding


def score_pairs(
    model: TextClassifier,
    tokenizer: PreTrainedTokenizerBase,
    contexts: Sequence[str],
    candidates: Sequence[str],
    device: Device,
    *,
    batch_tokens: int = 0,
) -> np.ndarray:
    """The logit of every pair (context, candidate), float32, in the order given.

    The classifier has one logit; σ(logit) is its probability before calibration.
    """
    if len(contexts) != len(candidates):
        raise ValueError(f"{len(contexts)} contexts and {len(candidates)} candidates do not make pairs.")
    return score_texts(model, TextRows(tokenizer, contexts, candidates), device, batch_tokens)


@torch.inference_mode()
def score_texts(model: TextClassifier, texts: TextRows, device: Device, batch_tokens: int = 0) -> np.ndarray:
    """The logits of every row of `texts`, float32: (rows) of a head of one logit, else (rows × outputs).

    Equal rows are scored once, and rows sorted by length share batches of at most `batch_tokens`; 0 leaves that to the
    device.
    """
    model = device.compact(model)
    scores = np.empty((len(texts), int(model.config.num_labels or 1)), dtype=np.float32)
    first, where = texts.distinct()
    order = first[np.argsort(texts.lengths[first], kind="stable")]
    with without_padding(model, device):
        for rows in cut_batches(texts.lengths, batch_tokens or device.at_once, order):
            scores[rows] = model(**device.move(texts.batch(rows))).logits.cpu().numpy()
    scores = scores[first][where]
    return scores[:, 0] if scores.shape[1] == 1 else scores


def merged_apart(model: TextClassifier, texts: TextRows, device: Device) -> float:
    """How far the scores of a model are, in float32, from those after its method is merged into the base model."""
    device = replace(device, dtype=torch.float32)
    merged: Any = methods.merge(copy.deepcopy(model))
    return float(np.abs(score_texts(merged, texts, device) - score_texts(model, texts, device)).max())


@torch.inference_mode()
def embed_texts(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    device: Device,
    *,
    batch_tokens: int = 0,
) -> np.ndarray:
    """Unit vectors (texts × hidden, float32): the mean over a text's tokens, as MiniLM's sentence model was trained."""
    given = TextRows(tokenizer, texts)
    first, where = given.distinct()
    model = device.compact(model)
    vectors = np.empty((len(given), model.config.hidden_size), dtype=np.float32)
    order = first[np.argsort(given.lengths[first], kind="stable")]
    with without_padding(model, device):
        for rows in cut_batches(given.lengths, batch_tokens or device.at_once, order):
            batch = device.move(given.batch(rows))
            vectors[rows] = unit_vectors(model, batch["input_ids"], batch["attention_mask"]).cpu().numpy()
    return vectors[first][where]


def unit_vectors(model: torch.nn.Module, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Unit vectors (rows × hidden, float32) of an encoder: the mean over a row's tokens."""
    hidden = model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()
    return torch.nn.functional.normalize(mean_over(hidden, attention_mask), dim=-1)
