"""Does our faster training learn as much? Ours and the textbook's, after equal numbers of examples, on the same test.

Both train MiniLM on banking77, read each text of train equally often, and are judged once a seed: the classifier by its
accuracy on the test questions, the masked language model by how many hidden words of them it guesses. The learning rate
of each was chosen by itself, on a tenth of train. The interval of the difference holds for other questions and other
seeds. A training of the textbook's takes most of an hour on two cores: what was measured is kept, seed by seed.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from workbench.artifacts import read_json, write_json
from workbench.metrics.intervals import repeated_mean
from workbench.models import base, finetuning
from workbench.models.device import Device, choose_device
from workbench.models.loop import TrainSettings
from workbench.models.pretraining.masked import MaskedBatches, masked_logits, masked_loss
from workbench.models.pretraining.rows import held_out_rows, training_rows
from workbench.models.scoring import score_texts
from workbench.models.tasks import task_for
from workbench.models.training import train

from . import textbook
from .record import FOLDER, record
from .textbook import LENGTH, Textbook
from .training_speed import BATCH_TOKENS, DATA, DROPOUT

RATES = {"finetuning": {"ours": 2e-4, "textbook": 2e-4}, "mlm": {"ours": 3e-4, "textbook": 2e-4}}
PASSES = {"finetuning": 2, "mlm": 1}  # over the texts of train
HEAD = 5.0
Split = Mapping[str, pd.DataFrame]


def questions() -> dict[str, pd.DataFrame]:
    """Tables train and test with context and label."""
    return {
        name: pd.read_csv(DATA / "banking77" / f"{name}.csv").rename(columns={"text": "context", "category": "label"})
        for name in ("train", "test")
    }


def classified(way: str, split: Split, rate: float, passes: int, seed: int, device: Device) -> np.ndarray:
    """Whether each text of test is told right, after a training by one of the ways."""
    where = base.find_base_model("minilm")
    tokenizer = base.load_tokenizer(where, LENGTH)
    task = task_for(split["train"]["label"], "classes")
    truth = task.targets(split["test"]["label"])
    if way == "textbook":
        labels = task.targets(split["train"]["label"]).tolist()
        loop = _textbook(where, tokenizer, split, labels, rate, passes, seed)
        return loop.logits(split["test"]["context"].tolist()).argmax(1) == truth
    texts = finetuning.text_rows(tokenizer, split["train"])
    batches = finetuning.training_batches(
        tokenizer, split["train"], task, max_tokens=passes * int(texts.lengths.sum()), batch_tokens=BATCH_TOKENS,
        use_weights=False, seed=seed,
    )  # fmt: skip
    model = base.load_classifier(where, seed, task.outputs)
    _ours(model, batches, finetuning.task_loss(task), rate, seed, device)
    return score_texts(model, finetuning.text_rows(tokenizer, split["test"]), device).argmax(1) == truth


def guessed(way: str, split: Split, rate: float, passes: int, seed: int, device: Device) -> np.ndarray:
    """Whether each hidden word of test is guessed right: the same words of the same texts for both ways."""
    where = base.find_base_model("minilm")
    tokenizer = base.load_tokenizer(where, LENGTH)
    if way == "textbook":
        model = _textbook(where, tokenizer, split, None, rate, passes, seed).model
    else:
        texts = split["train"]["context"].tolist()
        size = int(finetuning.text_rows(tokenizer, split["train"]).lengths.sum())
        rows = training_rows(tokenizer, texts, max_tokens=passes * size, batch_tokens=BATCH_TOKENS, seed=seed)
        model = base.load_masked_lm(where, seed)
        _ours(model, MaskedBatches(rows, tokenizer, seed), masked_loss, rate, seed, device)
    hidden = MaskedBatches(held_out_rows(tokenizer, split["test"]["context"].tolist(), batch_tokens=4096), tokenizer, 0)
    model.eval()
    right = []
    with torch.inference_mode():
        for batch in (hidden[number] for number in range(len(hidden))):
            right.append(masked_logits(model, batch).argmax(1) == batch["labels"][batch["masked"]])
    return torch.cat(right).numpy()


JUDGED: dict[str, Callable[..., np.ndarray]] = {"finetuning": classified, "mlm": guessed}


def cell(what: str, way: str, split: Split, seed: int, device: Device, folder: Path) -> dict[str, Any]:
    """One training by one way: right (of each text, or hidden word) and seconds; as kept, if it was measured before."""
    rate, passes = RATES[what][way], PASSES[what]
    code = (
        Path(textbook.__file__).read_text()
        if way == "textbook"
        else f"{HEAD} {BATCH_TOKENS} {DROPOUT} {device.precision}"
    )
    known = hashlib.sha256(f"{code} {rate} {passes} {torch.__version__}".encode()).hexdigest()[:12]
    kept = folder / f"{what}-{way}-{seed}-{known}.json"
    if not kept.is_file():
        began = time.perf_counter()
        right = JUDGED[what](way, split, rate, passes, seed, device)
        write_json(kept, {"right": right.astype(int).tolist(), "seconds": time.perf_counter() - began})
    return read_json(kept)


def main() -> None:
    """Train by both ways over the seeds, and record the differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=list(PASSES), help=", ".join(PASSES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=FOLDER / "quality", help="where what was measured is kept")
    given = parser.parse_args()
    device, split = choose_device(), questions()
    for what in given.what:
        cells: dict[str, list[dict[str, Any]]] = {"ours": [], "textbook": []}
        for seed in range(given.seeds):
            for way, found in cells.items():
                found.append(cell(what, way, split, seed, device, given.folder))
                share, seconds = np.mean(found[-1]["right"]), found[-1]["seconds"]
                print(f"{what}, seed {seed}, {way}: {share:.4f} right, {seconds:.0f} s", flush=True)
        right = {way: np.array([each["right"] for each in found], dtype=float).T for way, found in cells.items()}
        value, low, high = repeated_mean(right["ours"] - right["textbook"])
        record(
            f"training_quality_{what}", value, f"[{low:+.4f}, {high:+.4f}]", target=None, higher_is_better=True,
            rival=f"the textbook's loop, {right['textbook'].mean():.4f} against {right['ours'].mean():.4f} of ours",
        )  # fmt: skip


def _textbook(
    where: str, tokenizer: Any, split: Split, labels: list[int] | None, rate: float, passes: int, seed: int
) -> Textbook:
    texts = split["train"]["context"].tolist()
    steps = passes * -(-len(texts) // textbook.BATCH)
    loop = Textbook(where, tokenizer, texts, labels, rate=rate, steps=steps, seed=seed)
    for _ in range(steps):
        loop.step()
    return loop


def _ours(model: Any, batches: Any, loss: Any, rate: float, seed: int, device: Device) -> None:
    settings = TrainSettings(learning_rate=rate, head_factor=HEAD, evaluations=1, seed=seed, dropout=DROPOUT)
    with tempfile.TemporaryDirectory() as folder:
        train(
            model, batches, loss, lambda _: {"loss": 0.0}, better="loss", settings=settings, device=device,
            checkpoints=folder,
        )  # fmt: skip


if __name__ == "__main__":
    main()
