"""Scores of pairs and vectors of texts, fast: equal texts once, like lengths together."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from workbench.models import methods
from workbench.models.batching import TextRows, cut_batches
from workbench.models.classifier import TextClassifier, mean_over
from workbench.models.device import Device
from workbench.models.parts import by_halves
from workbench.models.tasks import expected_grade
from workbench.models.unpadded import without_padding

TOGETHER = 32  # batches whose results are fetched at once


def score_pairs(
    model: TextClassifier,
    tokenizer: PreTrainedTokenizerBase,
    contexts: Sequence[str],
    candidates: Sequence[str],
    device: Device,
    *,
    batch_tokens: int = 0,
) -> np.ndarray:
    """The score of every pair (context, candidate), float32, in the order given; the classifier is ready.

    Of a head of one logit that is it, and σ(logit) is its probability before calibration; of a head of grades it is
    the grade to be expected.
    """
    if len(contexts) != len(candidates):
        raise ValueError(f"{len(contexts)} contexts and {len(candidates)} candidates do not make pairs.")
    logits = score_texts(model, TextRows(tokenizer, contexts, candidates), device, batch_tokens)
    return expected_grade(logits) if model.graded else logits


@torch.inference_mode()
def score_texts(model: TextClassifier, texts: TextRows, device: Device, batch_tokens: int = 0) -> np.ndarray:
    """The logits of every row of `texts`, float32: (rows) of a head of one logit, else (rows × outputs).

    The model is ready, as `device.compact` makes it: once, for it copies a model in bf16. Equal rows are scored once,
    and rows sorted by length share batches of at most `batch_tokens`; 0 leaves that to the device.

    Raises:
        ValueError: the model is in training.
        MemoryFullError: a single text does not fit into a GPU's memory.

    """
    _see_ready(model)
    width = int(model.config.num_labels or 1)
    with without_padding(model, device):
        scores = _each(lambda batch: model(**batch).logits, texts, width, device, batch_tokens)
    return scores[:, 0] if width == 1 else scores


def _see_ready(model: PreTrainedModel) -> None:
    if model.training:
        raise ValueError("The model is in training, and dropout would be in its scores: give device.compact(model).")


def _each(
    compute: Callable[[dict[str, torch.Tensor]], torch.Tensor],
    texts: TextRows,
    width: int,
    device: Device,
    batch_tokens: int,
) -> np.ndarray:
    """What `compute` gives for a batch (rows × width), for every row of `texts`.

    It is fetched from a GPU some batches at once, so that it computes one while the next is made.
    """
    found = np.empty((len(texts), width), dtype=np.float32)
    first, where = texts.distinct()
    order = first[np.argsort(texts.lengths[first], kind="stable")]
    plan = list(cut_batches(texts.lengths, batch_tokens or device.at_once, order))
    for at in range(0, len(plan), TOGETHER):
        some = plan[at : at + TOGETHER]
        computed = [part for rows in some for part in by_halves(compute, device.move(texts.batch(rows)))]
        found[np.concatenate(some)] = torch.cat(computed).cpu().numpy()
    return found[first][where]


def merged_apart(model: TextClassifier, texts: TextRows, device: Device) -> float:
    """How far the scores of a model are, in float32, from those after its method is merged into the base model."""
    device = replace(device, dtype=torch.float32)
    merged: Any = methods.merge(copy.deepcopy(model))
    one, other = (score_texts(device.compact(each), texts, device) for each in (merged, model))
    return float(np.abs(one - other).max())


@torch.inference_mode()
def embed_texts(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    device: Device,
    *,
    batch_tokens: int = 0,
) -> np.ndarray:
    """Unit vectors (texts × hidden, float32): the mean over a text's tokens, as MiniLM's sentence model was trained.

    The model is ready, and what goes wrong is as with `score_texts`.
    """
    _see_ready(model)

    def compute(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return unit_vectors(model, batch["input_ids"], batch["attention_mask"])

    with without_padding(model, device):
        return _each(compute, TextRows(tokenizer, texts), int(model.config.hidden_size), device, batch_tokens)


def unit_vectors(model: torch.nn.Module, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Unit vectors (rows × hidden, float32) of an encoder: the mean over a row's tokens."""
    hidden = model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()
    return torch.nn.functional.normalize(mean_over(hidden, attention_mask), dim=-1)
