"""Pretraining on a shop's own texts, by one of four objectives; what comes out is an encoder for any of them to go on.

mlm guesses hidden words (BERT), clm the next word (GPT), classification names the class of a text, such as a product's
category, and contrastive brings together what belongs together, such as a query and the product that was clicked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from workbench.models import base, finetuning
from workbench.models.base import Where
from workbench.models.batching import identity_of
from workbench.models.checkpoints import Keeper
from workbench.models.device import Device
from workbench.models.loop import Batches, Evaluate, Loss, TrainSettings
from workbench.models.pretraining.causal import CausalBatches, causal_blindly, causal_loss, causal_numbers
from workbench.models.pretraining.contrastive import (
    contrastive_blindly,
    contrastive_loss,
    contrastive_numbers,
    paired_batches,
)
from workbench.models.pretraining.masked import MaskedBatches, masked_blindly, masked_loss, masked_numbers
from workbench.models.pretraining.material import AS_IT_IS, Held, Reading
from workbench.models.pretraining.rows import Rows, held_out_rows, training_rows
from workbench.models.tasks import task_for
from workbench.models.tracking import UNTRACKED, Tracker
from workbench.models.training import TrainResult, train
from workbench.models.vocabulary import train_tokenizer
from workbench.spelling import nearest

OBJECTIVES = ("mlm", "clm", "classification", "contrastive")
BLIND = "blind guess"  # of who reads no text: by the shares of tokens or classes in train, or in an order that is drawn
SUBJECTS = {"before": "base", "after": "adapted"}  # what the metrics call the rows of a table
SCRATCH: Mapping[str, Any] = {
    "family": "bert", "hidden": 128, "layers": 4, "heads": 4, "vocabulary": "wordpiece", "pieces": 8000,
    "lowercase": True,
}  # fmt: skip
"""A model of a shop's own: its family and sizes, the kind and size of its vocabulary."""


@dataclass(frozen=True)
class Amount:
    """How much is read, and in what form."""

    max_tokens: int  # that the training reads in all
    batch_tokens: int  # of a step, padding included
    seed: int
    reading: Reading = AS_IT_IS


@dataclass(frozen=True)
class Pretrained:
    """A trained model, how it came about, and its numbers on `judging`.

    result: its curve begins before the first step.
    table: rows `BLIND`, "before" and "after".
    better: which number chose the weights; lower is better.
    blind: that number of a blind guess on `choosing`.
    fresh: what was random in it before: "weights", "head", or "".
    judged: guesses, or rows, that the table is about.
    """

    model: PreTrainedModel
    result: TrainResult
    table: pd.DataFrame
    batches: Batches
    better: str
    blind: float
    fresh: str
    judged: int

    def metrics(self, objective: str) -> pd.DataFrame:
        """The table as rows subject, metric, value, slice (the objective) and n."""
        numbers = self.table.drop(columns="guessed", errors="ignore").rename(index=SUBJECTS)
        rows = numbers.rename_axis("subject").melt(ignore_index=False, var_name="metric").reset_index()
        return rows.assign(slice=objective, n=self.judged)


def start(
    base_model: str, texts: Sequence[str], scratch: Mapping[str, Any], max_length: int
) -> tuple[Where, PreTrainedTokenizerBase]:
    """Where a training starts, and its tokenizer: a base model, or random weights and a vocabulary from the texts.

    Args:
        base_model: as `base.find_base_model` takes it, or "scratch".
        texts: of the shop, those of train.
        scratch: what differs from `SCRATCH`.
        max_length: tokens of a row at most.

    Raises:
        BaseModelError: no such model, or an unknown part of `scratch`.

    """
    if base_model != "scratch":
        where = base.find_base_model(base_model)
        return where, base.load_tokenizer(where, max_length)
    if unknown := sorted(set(scratch) - set(SCRATCH)):
        raise base.BaseModelError(
            f"scratch has no part {unknown[0]!r}{nearest(unknown[0], SCRATCH)}: it knows {', '.join(SCRATCH)}."
        )
    chosen = {**SCRATCH, **scratch}
    tokenizer = train_tokenizer(
        texts, chosen["vocabulary"], chosen["pieces"], max_length=max_length, lowercase=chosen["lowercase"]
    )
    sizes = {name: chosen[name] for name in ("hidden", "layers", "heads")}
    return base.scratch_config(chosen["family"], tokenizer, **sizes), tokenizer


def pretrain(
    objective: str,
    where: Where,
    tokenizer: PreTrainedTokenizerBase,
    held: Held,
    amount: Amount,
    *,
    settings: TrainSettings,
    device: Device,
    checkpoints: str | Path | Keeper,
    tracker: Tracker = UNTRACKED,
) -> Pretrained:
    """Train the model of `where` (a folder, a name, or a config for random weights) by an objective.

    Raises:
        ValueError: unknown objective, or nothing to learn from.
        BaseModelError: the model cannot learn by this objective.

    """
    if objective not in OBJECTIVES:
        raise ValueError(f"There is no objective {objective!r}: use {', '.join(OBJECTIVES)}.")
    makers: dict[str, Callable[..., Made]] = {
        "mlm": _masked, "clm": _causal, "classification": _classes, "contrastive": _contrastive,
    }  # fmt: skip
    model, batches, loss, choosing, judging, better = makers[objective](where, tokenizer, held, amount, device)
    base.check_match(model, tokenizer)
    first = {f"eval_{name}": value for name, value in choosing.numbers(model).items()}
    before = judging.numbers(model)
    result = train(
        model, batches, loss, choosing.numbers, better=better, settings=settings, device=device,
        checkpoints=checkpoints, tracker=tracker, what=f"{objective} {identity_of(held.choosing)}",
    )  # fmt: skip
    curve = pd.concat([pd.DataFrame([{"step": 0, "tokens": 0, **first}]), result.curve], ignore_index=True)
    table = pd.DataFrame({BLIND: judging.blind, "before": before, "after": judging.numbers(model)}).T
    # the head of a classification knows classes that are of no later use
    encoder: Any = model.base_model if objective == "classification" else model
    return Pretrained(
        encoder, replace(result, curve=curve[list(result.curve)]), table, batches, better, choosing.blind[better],
        getattr(model, "fresh", ""), int(before.get("guessed", len(held.judging))),
    )  # fmt: skip


@dataclass(frozen=True)
class Judge:
    """One half of what is held out: a model's numbers on it, and those of a blind guess."""

    numbers: Evaluate
    blind: dict[str, float]


Made = tuple[PreTrainedModel, Batches, Loss, Judge, Judge, str]
"""A model, its batches and loss, what judges it on choosing and on judging, and the number that is to become small."""


def _masked(
    where: Where, tokenizer: PreTrainedTokenizerBase, held: Held[Sequence[str]], amount: Amount, device: Device
) -> Made:
    make = partial(MaskedBatches, tokenizer=tokenizer, seed=amount.seed, whole_words=amount.reading.whole_words)
    rows = _training(tokenizer, held.train, amount)

    def judge(texts: Sequence[str]) -> Judge:
        batches = make(held_out_rows(tokenizer, texts, batch_tokens=amount.batch_tokens))
        return Judge(partial(masked_numbers, batches=batches, device=device), masked_blindly(batches, rows))

    model = base.load_masked_lm(where, amount.seed)
    return model, make(rows), masked_loss, judge(held.choosing), judge(held.judging), "loss"


def _causal(
    where: Where, tokenizer: PreTrainedTokenizerBase, held: Held[Sequence[str]], amount: Amount, device: Device
) -> Made:
    rows = _training(tokenizer, held.train, amount)

    def judge(texts: Sequence[str]) -> Judge:
        batches = CausalBatches(held_out_rows(tokenizer, texts, batch_tokens=amount.batch_tokens), tokenizer)
        return Judge(partial(causal_numbers, batches=batches, device=device), causal_blindly(batches, rows))

    model, batches = base.load_causal_lm(where, amount.seed), CausalBatches(rows, tokenizer)
    return model, batches, causal_loss, judge(held.choosing), judge(held.judging), "loss"


def _classes(
    where: Where, tokenizer: PreTrainedTokenizerBase, held: Held[pd.DataFrame], amount: Amount, device: Device
) -> Made:
    task = task_for(held.train["label"], "classes")
    batches = finetuning.training_batches(
        tokenizer, held.train, task, max_tokens=amount.max_tokens, batch_tokens=amount.batch_tokens, use_weights=False,
        seed=amount.seed,
    )  # fmt: skip
    shares = np.log(np.bincount(task.targets(held.train["label"])) / len(held.train))

    def judge(rows: pd.DataFrame) -> Judge:
        numbers = finetuning.judge(tokenizer, rows, task, device)
        blind = np.tile(shares, (len(rows), 1))
        return Judge(numbers, task.numbers(task.targets(rows["label"]), blind, np.ones(len(rows))))

    model = base.load_classifier(where, amount.seed, task.outputs)
    return model, batches, finetuning.task_loss(task), judge(held.choosing), judge(held.judging), task.better


def _contrastive(
    where: Where, tokenizer: PreTrainedTokenizerBase, held: Held[pd.DataFrame], amount: Amount, device: Device
) -> Made:
    model = base.load_encoder(where, amount.seed)
    batches = paired_batches(
        tokenizer, held.train, max_tokens=amount.max_tokens, batch_tokens=amount.batch_tokens, seed=amount.seed
    )

    def judge(pairs: pd.DataFrame) -> Judge:
        numbers = partial(contrastive_numbers, tokenizer=tokenizer, pairs=pairs, device=device)
        return Judge(numbers, contrastive_blindly(pairs))

    return model, batches, contrastive_loss, judge(held.choosing), judge(held.judging), "loss"


def _training(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], amount: Amount) -> Rows:
    return training_rows(
        tokenizer, texts, max_tokens=amount.max_tokens, batch_tokens=amount.batch_tokens, seed=amount.seed,
        packed=amount.reading.packed,
    )  # fmt: skip
