"""Texts a second of our training and of the textbook's loop (`textbook`), on banking77 with MiniLM.

Both train in one process, a step of ours and one of the textbook's in turn, through the training loop that the
notebooks use. Counted are the median seconds of a step, with the making of its batch; tokenising, which ours does once
and the textbook in every pass, is counted as if the training made a single pass.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from transformers import PreTrainedTokenizerBase, TrainerCallback

from workbench.models import base, finetuning
from workbench.models.device import Device, choose_device
from workbench.models.loop import Batches, Loss, TrainSettings
from workbench.models.pretraining.masked import MaskedBatches, masked_loss
from workbench.models.pretraining.rows import training_rows
from workbench.models.tasks import task_for
from workbench.models.training import train

from .record import record
from .textbook import BATCH, LENGTH, Textbook

DATA = Path(os.environ.get("WORKBENCH_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
TARGETS = {"finetuning": 12.0, "mlm": 6.0}
WARM_UP = 3  # steps that are not counted
BATCH_TOKENS = 1024  # of ours, padding included
DROPOUT = None  # the base model's own: without it PyTorch takes an attention that is slower on rows this short
Ours = tuple[Any, Batches, Loss, Sequence[Any]]
"""A model, its batches and loss, and the rows of each batch."""


class Alternating(TrainerCallback):
    """Lets the other loop take a step after each of ours, and keeps the seconds of both."""

    def __init__(self, other: Callable[[], int]) -> None:
        self.other = other
        self.ours: list[float] = []
        self.theirs: list[float] = []
        self.began = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        ended = time.perf_counter()
        self.ours.append(ended - self.began)
        self.other()
        self.began = time.perf_counter()
        self.theirs.append(self.began - ended)


def finetuned(texts: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, tokens: int, batch_tokens: int) -> Ours:
    """A classifier of the 77 intents, all of its weights trained."""
    task = task_for(texts["label"], "classes")
    batches = finetuning.training_batches(
        tokenizer, texts, task, max_tokens=tokens, batch_tokens=batch_tokens, use_weights=False, seed=0
    )
    model = base.load_classifier(base.find_base_model("minilm"), 0, task.outputs)
    return model, batches, finetuning.task_loss(task), batches.plan


def masked(texts: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, tokens: int, batch_tokens: int) -> Ours:
    """A masked language model."""
    rows = training_rows(tokenizer, texts["context"].tolist(), max_tokens=tokens, batch_tokens=batch_tokens, seed=0)
    model = base.load_masked_lm(base.find_base_model("minilm"), 0)
    return model, MaskedBatches(rows, tokenizer, 0), masked_loss, rows.plan


MAKERS: dict[str, Callable[..., Ours]] = {"finetuning": finetuned, "mlm": masked}


def measure(what: str, steps: int, batch_tokens: int, device: Device) -> dict[str, float]:
    """Texts a second of both loops over so many steps."""
    texts = pd.read_csv(DATA / "banking77" / "train.csv").rename(columns={"text": "context", "category": "label"})
    where = base.find_base_model("minilm")
    tokenizer = base.load_tokenizer(where, LENGTH)
    began = time.perf_counter()
    model, batches, loss, plan = MAKERS[what](texts, tokenizer, steps * batch_tokens, batch_tokens)
    prepared = (time.perf_counter() - began) / len(texts)
    labels = pd.factorize(texts["label"], sort=True)[0].tolist() if what == "finetuning" else None
    other = Textbook(where, tokenizer, texts["context"].tolist(), labels)
    clock = Alternating(other.step)
    with tempfile.TemporaryDirectory() as folder:
        train(
            model, batches, loss, lambda _: {"loss": 0.0}, better="loss",
            settings=TrainSettings(evaluations=1, dropout=DROPOUT), device=device,
            checkpoints=folder, callbacks=[clock],
        )  # fmt: skip
    counted = slice(WARM_UP, None)
    rows = statistics.mean(len(rows) for rows in plan[counted])
    ours = rows / (statistics.median(clock.ours[counted]) + prepared * rows)
    theirs = BATCH / statistics.median(clock.theirs[counted])
    return {"steps": len(clock.ours), "texts a step": rows, "ours": ours, "textbook": theirs, "ratio": ours / theirs}


def main() -> None:
    """Measure both kinds of training, and record the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch-tokens", type=int, default=BATCH_TOKENS)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("what", nargs="*", default=list(TARGETS))
    given = parser.parse_args()
    device = choose_device(given.precision)
    print(device.reason)
    for what in given.what:
        found = measure(what, given.steps, given.batch_tokens, device)
        print(f"{what}: " + ", ".join(f"{name} {value:.1f}" for name, value in found.items()), flush=True)
        record(
            f"training_speed_{what}", found["ratio"], "times the textbook's", target=TARGETS[what],
            higher_is_better=True, rival=f"the textbook's loop, {found['textbook']:.1f} texts/s",
        )  # fmt: skip


if __name__ == "__main__":
    main()
