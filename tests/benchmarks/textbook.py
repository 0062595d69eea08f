"""The reference of the speed benchmarks: the training and scoring loop that tutorials show.

fp32, 16 texts a batch, each filled up to 128 tokens and tokenised anew whenever its batch comes, transformers' own
classifier (its [CLS]) or masked language model with the head over every place of every row, AdamW.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

BATCH, LENGTH = 16, 128


class Textbook:
    """One training: `step` takes the next batch, `logits` scores texts."""

    def __init__(
        self,
        where: str,
        tokenizer: PreTrainedTokenizerBase,
        texts: Sequence[str],
        labels: Sequence[int] | None = None,
        *,
        rate: float = 5e-5,
        steps: int = 0,
        seed: int = 0,
    ) -> None:
        """Without labels it is masked language modelling; `steps` are those over which the rate falls, 0 keeps it."""
        torch.manual_seed(seed)
        self.tokenizer, self.texts, self.labels = tokenizer, list(texts), labels
        kind: Any = AutoModelForMaskedLM if labels is None else AutoModelForSequenceClassification
        classes = {} if labels is None else {"num_labels": max(labels) + 1}
        self.model: PreTrainedModel = kind.from_pretrained(where, dtype=torch.float32, **classes)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=0.01)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: max(0.0, 1 - step / steps) if steps else 1.0
        )
        self.masks = DataCollatorForLanguageModeling(tokenizer)
        self.rng, self.order = np.random.default_rng(seed), np.array([], dtype=int)

    def step(self) -> int:
        """Train on the next batch; the number of its texts."""
        if not len(self.order):
            self.order = self.rng.permutation(len(self.texts))
        rows, self.order = self.order[:BATCH], self.order[BATCH:]
        batch = self._batch([self.texts[row] for row in rows])
        if self.labels is None:
            batch["input_ids"], batch["labels"] = self.masks.torch_mask_tokens(batch["input_ids"])
        else:
            batch["labels"] = torch.tensor([self.labels[row] for row in rows])
        self.model.train()
        self.optimizer.zero_grad()
        self.model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        return len(rows)

    @torch.inference_mode()
    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """The classifier's logits (texts × classes)."""
        self.model.eval()
        batches = (list(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH))
        return np.concatenate([self.model(**self._batch(batch)).logits.numpy() for batch in batches])

    def _batch(self, texts: list[str]) -> dict[str, torch.Tensor]:
        return dict(
            self.tokenizer(texts, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt")
        )
