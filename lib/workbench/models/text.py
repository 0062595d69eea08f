"""A trained text model as a function: texts in, scores or vectors out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from workbench.models.base import find_base_model, load_classifier, load_encoder, load_tokenizer
from workbench.models.device import Device
from workbench.models.scoring import embed_texts, score_pairs

Scorer = Callable[[list[str], list[str]], np.ndarray]
Embedder = Callable[[list[str]], np.ndarray]


def load_scorer(folder: str | Path, device: Device) -> Scorer:
    """The fine-tuned classifier of a folder: [n] contexts and [n] candidates → [n] logits."""
    model, tokenizer = device.compact(load_classifier(folder)), load_tokenizer(folder)
    return lambda contexts, candidates: score_pairs(model, tokenizer, contexts, candidates, device)


def bi_encoder(base_model: str, device: Device) -> Embedder:
    """The base model as it comes: [n] texts → [n, hidden] unit vectors. A text met before is not encoded again."""
    where = find_base_model(base_model)
    model, tokenizer = device.compact(load_encoder(where)), load_tokenizer(where)
    known: dict[str, np.ndarray] = {}

    def embed(texts: list[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, embed_texts(model, tokenizer, new, device), strict=True))
        return np.stack([known[text] for text in texts])

    return embed
