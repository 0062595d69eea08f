"""How much memory the quickstart's trainings take: the most that the process of each of them held.

With the parameters of the notebooks, on texts that are real and cost little to make: the products of Complete Journey
in words, and what its households bought after what. Each training has a process of its own, as in its notebook.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.engine import peak_memory_gb
from workbench.data.sources import complete_journey
from workbench.models import base, comparison, finetuning, methods, tuning
from workbench.models.device import choose_device
from workbench.models.loop import TrainSettings
from workbench.models.pretraining import Amount, pretrain, start
from workbench.models.pretraining.material import Reading, material
from workbench.run.parameters import Notebook
from workbench.run.project import Project

from .record import FOLDER, record

MOST_GB = 3.0
TRAININGS = ("02_pretraining", "03_finetuning")
PARTS = ["train", "valid", "test"]
ROWS = {"train": 60_000, "valid": 12_000, "test": 12_000}  # of the pairs, as the quickstart has them
KINDS = 8  # of products that are named as what a household bought before
NEGATIVES = 4  # a purchase


def main() -> None:
    """Measure both, or do one step of it in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", choices=STEPS, help="what is done here; prints the GB that it took")
    parser.add_argument("--folder", type=Path, help="where the texts are, for a step")
    parser.add_argument("--set", type=json.loads, default={}, help="parameters that differ, as JSON")
    given = parser.parse_args()
    if not given.step:
        measure(given.set)
        return
    STEPS[given.step](given.folder, _parameters(given.step) | given.set)
    print(peak_memory_gb())


def measure(differing: dict[str, Any], bench: Path = FOLDER) -> None:
    """Record the peak memory of each training."""
    with tempfile.TemporaryDirectory() as folder:
        bare, _ = (_in_a_process(step, folder, differing) for step in ("imports", "texts"))
        for name in TRAININGS:
            record(
                f"training_memory_{name}", _in_a_process(name, folder, differing), "GB", target=MOST_GB,
                higher_is_better=False, rival=f"the same imports and no training, {bare:.2f} GB", folder=bench,
            )  # fmt: skip


def write_texts(folder: Path, _: dict[str, Any]) -> None:
    """Write documents and pairs as governance hands them on."""
    source = complete_journey.folder()
    products = pd.read_parquet(source / "products.parquet").dropna(subset=["product_type"])
    kinds = products["product_type"].str.lower().str.replace("[^a-z0-9]+", " ", regex=True)
    titles = kinds + " " + products["package_size"].fillna("").str.lower() + " " + products["brand"].str.lower()
    corpus = pd.DataFrame({"doc_id": "item-" + products["product_id"].astype(str), "text": titles})
    corpus = corpus.drop_duplicates("text").sample(frac=1, random_state=0)
    split = np.where(np.arange(len(corpus)) < 0.9 * len(corpus), "train", "valid")
    corpus.assign(split=split).to_parquet(folder / "corpus.parquet")

    named = products.assign(kind=kinds, title=titles).set_index("product_id")
    columns = ["household_id", "product_id", "transaction_timestamp"]
    bought = pd.read_parquet(source / "transactions.parquet", columns=columns)
    bought = bought[bought["product_id"].isin(named.index)].sort_values(["household_id", "transaction_timestamp"])
    kind = bought["product_id"].map(named["kind"])
    before = [kind.groupby(bought["household_id"]).shift(back).fillna("") for back in range(1, KINDS + 1)]
    bought["context"] = before[0].str.cat(before[1:], sep="; ")
    bought = bought.sample(sum(ROWS.values()) // (1 + NEGATIVES), random_state=0)
    others = pd.concat([bought] * NEGATIVES)
    others["product_id"] = np.random.default_rng(0).choice(named.index, len(others))
    pairs = pd.concat([bought.assign(label=1), others.assign(label=0)]).sample(frac=1, random_state=0)
    pairs = pairs.assign(candidate=pairs["product_id"].map(named["title"]), user_id=pairs["household_id"].astype(str))
    pairs["split"] = np.repeat(PARTS, [ROWS[part] for part in PARTS])[: len(pairs)]
    pairs.assign(weight=1.0)[["context", "candidate", "label", "weight", "user_id", "split"]].to_parquet(
        folder / "pairs.parquet"
    )


def pretraining(folder: Path, given: dict[str, Any]) -> None:
    """What the notebook 02 does to train."""
    corpus = pd.read_parquet(folder / "corpus.parquet")
    texts = corpus.loc[corpus["split"] == "train", "text"].tolist()
    [objective] = given["objectives"]
    how = Reading(**given["reading"])
    held = material(objective, lambda _: corpus, docs=given["valid_docs"], seed=given["seed"], reading=how)
    where, tokenizer = start(given["base_model"], texts, given["scratch"], given["max_length"])
    amount = Amount(given["max_tokens"], given["batch_tokens"], given["seed"], how)
    settings = _settings(given, learning_rate=given["learning_rate"])
    device = choose_device(given["precision"], given["threads"])
    pretrain(
        objective, where, tokenizer, held, amount, settings=settings, device=device, checkpoints=folder / "checkpoint"
    )


def fine_tuning(folder: Path, given: dict[str, Any]) -> None:
    """What the notebook 03 does to train, twice the base model for want of an adapted one."""
    pairs, labels = pd.read_parquet(folder / "pairs.parquet"), given["labels"]
    split = comparison.in_splits(pairs, labels["positive_from"], users=given["users"], seed=given["seed"])
    where = base.find_base_model(given["base_model"])
    tokenizer = base.shared_tokenizer([where], given["max_length"])
    task, weighted = finetuning.BINARY, labels["use_weights"]
    material = tuning.Material(tokenizer, split["train"], split["valid"], task, given["batch_tokens"], weighted)
    device = choose_device(given["precision"], given["threads"])
    start = tuning.Start(where, task, given["seed"])
    setup = tuning.Setup(start, material, _settings(given), device, folder.joinpath)
    held = {
        name: tuning.learn(
            setup.of(name, where), *methods.only(given["method"]), given["learning_rates"], given["max_tokens"]
        )
        for name in ("adapted", "base")
    }
    print(f"{len(held)} models, which the notebook holds until they were compared.")


STEPS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "imports": lambda _folder, _given: None,
    "texts": write_texts,
    "02_pretraining": pretraining,
    "03_finetuning": fine_tuning,
}


def _settings(given: dict[str, Any], **more: Any) -> TrainSettings:
    names = ("seed", "gradient_checkpointing")
    return TrainSettings(**{name: given[name] for name in names}, **given["optimizer"], **more)


def _parameters(step: str) -> dict[str, Any]:
    return dict(Notebook(Project.find().notebook(step)).defaults) if step in TRAININGS else {}


def _in_a_process(step: str, folder: str, differing: dict[str, Any]) -> float:
    """The GB that a step took in a process of its own."""
    command = [sys.executable, "-m", f"{__package__}.training_memory", "--step", step, "--folder", folder]
    command += ["--set", json.dumps(differing)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{step} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return float(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
