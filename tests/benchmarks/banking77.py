"""How well does MiniLM tell the 77 intents of banking77: from all labels, from ten a class, from five?

A text is told by its angle to each intent's prototype (`workbench.models.prototypes`); the intent's name is one text
more that has it. Of few labels, a first model then labels the other texts of train, whose own labels are not read, and
those it is sure of teach a second one, beside the labels (self-training, Scudder 1965). Of all labels, a logistic
regression on the encoder as it came has a share in the vote: it errs elsewhere. What the first model tells by itself is
reported beside it.

The recipe is chosen on a tenth of train, which no candidate learns from, by the mean accuracy over draws of the labels.
Then it learns from labels of all of train, and is judged on test once a seed: a draw of labels, and an order. What was
measured is kept, so that the work can be interrupted.
"""

import argparse
import hashlib
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression

from workbench.artifacts import read_json, write_json
from workbench.metrics.intervals import repeated_mean
from workbench.models import base, finetuning
from workbench.models.classifier import TextClassifier
from workbench.models.device import Device, choose_device
from workbench.models.loop import TrainSettings
from workbench.models.prototypes import load_prototypes
from workbench.models.scoring import embed_texts, score_texts
from workbench.models.tasks import Task, task_for
from workbench.models.training import train

from .record import FOLDER, record
from .textbook import LENGTH
from .training_quality import questions

A_CLASS = {"full": 0, "ten": 10, "five": 5}  # labels; 0 for all
TARGETS = {"full": 0.94, "ten": 0.872, "five": 0.81}
MOST_MINUTES = 20  # of a run
HELD_OUT = 0.1  # of train, for the choice
DRAWS = {"full": 1, "ten": 2, "five": 2}  # of the choice


@dataclass(frozen=True)
class Recipe:
    """How to train: on the labels, and then, if `sure` is above 0, on what the first model is sure of; or a vote."""

    rate: float
    passes: float  # over the labelled texts
    sure: float = 0.0  # the least probability at which a text without a label is given one
    repeated: int = 3  # times that a labelled text counts beside them
    again: float = 2.0  # passes of the second training
    batch_tokens: int = 512
    smoothing: float = 0.0  # of the labels
    vote: float = 0.0  # share of the logistic regression in the probabilities
    C: float = 30.0  # of the logistic regression: large, as the vectors have length 1


RECIPES = {
    "full": [
        Recipe(2e-4, 8, batch_tokens=1024, smoothing=0.1, vote=0.35),
        Recipe(4e-4, 8, batch_tokens=1024, vote=0.35),
    ],
    "ten": [Recipe(1e-4, 10, sure) for sure in (0.7, 0.9)] + [Recipe(5e-5, 10, 0.7), Recipe(1e-4, 20, 0.7)],
    "five": [Recipe(1e-4, passes, sure) for passes in (10, 20) for sure in (0.7, 0.9)],
}


def drawn(train_texts: pd.DataFrame, a_class: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """So many labelled texts of each class (0: all), and the others."""
    shuffled = train_texts.sample(frac=1, random_state=seed)
    chosen = shuffled.groupby("label").head(a_class) if a_class else shuffled
    return chosen.reset_index(drop=True), shuffled.drop(chosen.index).reset_index(drop=True)


def held_out(train_texts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train without the tenth that judges the recipes, and that tenth, of each class."""
    judging = train_texts.groupby("label").sample(frac=HELD_OUT, random_state=0)
    return train_texts.drop(judging.index), judging.reset_index(drop=True)


class Run:
    """One run of a recipe from one seed."""

    def __init__(self, recipe: Recipe, task: Task, seed: int, device: Device) -> None:
        self.recipe, self.task, self.seed, self.device = recipe, task, seed, device
        self.where = base.find_base_model("minilm")
        self.tokenizer = base.load_tokenizer(self.where, LENGTH)

    def right(self, labelled: pd.DataFrame, others: pd.DataFrame, judged: pd.DataFrame) -> dict[str, np.ndarray]:
        """Whether each judged text is told right, by the first model and by the last."""
        named = pd.DataFrame({"context": [name.replace("_", " ") for name in self.task.classes]})
        known = pd.concat([labelled, named.assign(label=self.task.classes)], ignore_index=True)
        first = last = self.trained(known, self.recipe.passes)
        if self.recipe.sure and len(others):
            told = self.probabilities(first, others)
            guessed = others.assign(label=np.array(self.task.classes)[told.argmax(1)])[told.max(1) >= self.recipe.sure]
            last = self.trained(pd.concat([known] * self.recipe.repeated + [guessed]), self.recipe.again)
        truth = self.task.targets(judged["label"])
        told = {"first": self.probabilities(first, judged), "last": self.probabilities(last, judged)}
        if self.recipe.vote:
            share = self.recipe.vote
            told["last"] = (1 - share) * told["last"] + share * self.of_frozen(known, judged)
        return {name: each.argmax(1) == truth for name, each in told.items()}

    def trained(self, rows: pd.DataFrame, passes: float) -> TextClassifier:
        """A classifier that begins with the rows' prototypes, after so many passes over them."""
        model = load_prototypes(self.where, self.tokenizer, rows, self.task, self.device, seed=self.seed)
        size = int(finetuning.text_rows(self.tokenizer, rows).lengths.sum())
        batches = finetuning.training_batches(
            self.tokenizer, rows, self.task, max_tokens=int(passes * size), batch_tokens=self.recipe.batch_tokens,
            use_weights=False, seed=self.seed,
        )  # fmt: skip
        settings = TrainSettings(learning_rate=self.recipe.rate, head_factor=10.0, evaluations=1, seed=self.seed)
        with tempfile.TemporaryDirectory() as folder:
            train(
                model, batches, finetuning.task_loss(self.task), lambda _: {"loss": 0.0}, better="loss",
                settings=settings, device=self.device, checkpoints=folder,
            )  # fmt: skip
        return model

    def probabilities(self, model: TextClassifier, rows: pd.DataFrame) -> np.ndarray:
        """Texts × classes."""
        texts = finetuning.text_rows(self.tokenizer, rows)
        return self.task.predict(score_texts(self.device.compact(model), texts, self.device))

    def of_frozen(self, rows: pd.DataFrame, judged: pd.DataFrame) -> np.ndarray:
        """Texts × classes, by logistic regression on the vectors of the encoder as it came."""
        encoder: Any = self.device.compact(base.load_classifier(self.where, self.seed).base_model)
        vectors = [
            embed_texts(encoder, self.tokenizer, each["context"].tolist(), self.device) for each in (rows, judged)
        ]
        regression = LogisticRegression(C=self.recipe.C, max_iter=1000)
        return regression.fit(vectors[0], self.task.targets(rows["label"])).predict_proba(vectors[1])


def measured(
    recipe: Recipe, a_class: int, seed: int, pool: pd.DataFrame, judged: pd.DataFrame, device: Device, folder: Path
) -> dict[str, Any]:
    """One run: whether each judged text is told right (first, last) and seconds; as kept, if it was measured before."""
    known = f"{recipe} {a_class} {seed} {len(pool)} {device.precision} {torch.__version__}"
    kept = folder / f"{hashlib.sha256(known.encode()).hexdigest()[:16]}.json"
    if not kept.is_file():
        began = time.perf_counter()
        labelled, others = drawn(pool, a_class, seed)
        task = task_for(pool["label"], "classes", smoothing=recipe.smoothing)
        right = Run(recipe, task, seed, device).right(labelled, others, judged)
        found = {name: each.astype(int).tolist() for name, each in right.items()}
        write_json(kept, {**asdict(recipe), "seed": seed, **found, "seconds": time.perf_counter() - began})
    return read_json(kept)


def choose(name: str, train_texts: pd.DataFrame, device: Device, folder: Path) -> Recipe:
    """The recipe that tells most of the held-out tenth of train."""
    pool, judging = held_out(train_texts)
    found = {}
    for recipe in RECIPES[name]:
        runs = [
            measured(recipe, A_CLASS[name], 100 + draw, pool, judging, device, folder) for draw in range(DRAWS[name])
        ]
        found[recipe] = float(np.mean([run["last"] for run in runs]))
        first = np.mean([run["first"] for run in runs])
        seconds = max(run["seconds"] for run in runs)
        print(f"{recipe}: {found[recipe]:.4f} of the tenth ({first:.4f} at first), {seconds:.0f} s", flush=True)
    return max(found, key=lambda recipe: found[recipe])


def main() -> None:
    """Choose a recipe for each amount of labels, run it from five seeds, and record what it tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", nargs="*", default=list(A_CLASS), help=", ".join(A_CLASS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=FOLDER / "banking77", help="where what was measured is kept")
    parser.add_argument("--choose-only", action="store_true", help="leave test alone")
    given = parser.parse_args()
    device, split = choose_device(), questions()
    for name in given.labels:
        recipe = choose(name, split["train"], device, given.folder)
        print(f"{name}: {recipe}", flush=True)
        if given.choose_only:
            continue
        runs = []
        for seed in range(given.seeds):
            runs.append(measured(recipe, A_CLASS[name], seed, split["train"], split["test"], device, given.folder))
            first, last, seconds = np.mean(runs[-1]["first"]), np.mean(runs[-1]["last"]), runs[-1]["seconds"]
            print(f"{name}, seed {seed}: {last:.4f} ({first:.4f} at first), {seconds:.0f} s", flush=True)
        right = {each: np.array([run[each] for run in runs], dtype=float).T for each in ("first", "last")}
        value, low, high = repeated_mean(right["last"])
        longest = max(run["seconds"] for run in runs)
        record(
            f"banking77_{name}", value, f"accuracy [{low:.4f}, {high:.4f}]", target=TARGETS[name],
            higher_is_better=True, rival=f"from labels alone {right['first'].mean():.4f}",
        )  # fmt: skip
        record(
            f"banking77_{name}_minutes", longest / 60, "minutes of a run", target=MOST_MINUTES,
            higher_is_better=False, rival="the longest run",
        )  # fmt: skip


if __name__ == "__main__":
    main()
