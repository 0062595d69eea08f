"""What a model is to tell: yes or no, one class, several labels, a grade, or a number; its logits, loss and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score, cohen_kappa_score, f1_score
from torch.nn import functional

from workbench.metrics.classification import log_loss, pr_auc, roc_auc
from workbench.models.calibration import Calibration, platt

KINDS = ("binary", "classes", "labels", "grades", "number")
SURE = 1e-7  # a probability is no nearer to 0 or 1 when its logarithm is taken
MOST_RARE = 100.0  # a class weight is no larger: a class of one text must not rule the training


TWO = "A training needs at least two to tell apart: take more rows into train, or other labels"


class TaskError(ValueError):
    """Labels that no task can be made of, or that are not the task's; the message says which, and what to do."""


@dataclass(frozen=True)
class Task:
    """One head: of which kind, over which classes, and what of the loss differs from plain likelihood.

    kind: "binary" (label 1 against 0, one logit), "classes" (one of several), "labels" (any of several), "grades" (one
        of several in an order, by the probability of each to be passed: CORN, Shi, Cao and Raschka 2021), or "number".
    classes: their names, of "grades" from the lowest; empty for "binary" and "number".
    weights: of each class in the loss; empty weighs all alike.
    focal: γ of the focal loss (Lin et al. 2017), which takes weight from what is told right already; 0 for none.
    smoothing: share of a label that is spread over all classes (Szegedy et al. 2016).
    centre, spread: mean and standard deviation of a "number" in training; the logit is in these units.
    """

    kind: str = "binary"
    classes: tuple[Any, ...] = ()
    weights: tuple[float, ...] = ()
    focal: float = 0.0
    smoothing: float = 0.0
    centre: float = 0.0
    spread: float = 1.0

    @property
    def outputs(self) -> int:
        """Logits of a row."""
        return {"classes": len(self.classes), "labels": len(self.classes), "grades": len(self.classes) - 1}.get(
            self.kind, 1
        )

    def targets(self, labels: pd.Series) -> np.ndarray:
        """Labels as numbers: 0 or 1, the place of the class or grade, a row of 0 and 1, or the number in its units.

        Raises:
            TaskError: a label that is missing, or not among the task's classes, or no number.

        """
        if self.kind in ("binary", "number"):
            return ((self._numeric(labels) - self.centre) / self.spread).astype(np.float32)
        place = {name: at for at, name in enumerate(self.classes)}
        lists = [label if self.kind == "labels" and not pd.api.types.is_scalar(label) else [label] for label in labels]
        if new := sorted({str(label) for row in lists for label in row if label not in place}):
            raise TaskError(
                f"{len(new)} labels are not among the {len(place)} that the head was made for, {new[0]!r} first: train "
                "a new head on labels that have them, or leave these rows out."
            )
        if self.kind != "labels":
            return np.array([place[row[0]] for row in lists], dtype=np.int64)
        many = np.zeros((len(lists), len(place)), dtype=np.float32)
        for at, row in enumerate(lists):
            many[at, [place[label] for label in row]] = 1
        return many

    def _numeric(self, labels: pd.Series) -> np.ndarray:
        values = pd.to_numeric(labels, errors="coerce").to_numpy(dtype=float)
        sound = np.isin(values, (0, 1)) if self.kind == "binary" else np.isfinite(values)
        if not sound.all():
            row = int(np.argmin(sound))
            given, what = labels.astype(object).iloc[row], "0 or 1" if self.kind == "binary" else "a finite number"
            raise TaskError(f"The label of row {row} is {given!r} and not {what}: correct it, or leave the row out.")
        return values

    def losses(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each row (rows), from logits (rows × outputs) and `targets` as above."""
        if self.kind == "number":
            return functional.mse_loss(logits[:, 0], targets, reduction="none")
        if self.kind == "grades":
            return self._weighed(_corn(logits, targets), targets)
        if self.kind == "classes":
            losses = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=self.smoothing)
            told = functional.softmax(logits, 1).gather(1, targets[:, None])[:, 0]
            return self._weighed(self._focused(losses, told), targets)
        given = targets[:, None] if self.kind == "binary" else targets
        soft = given * (1 - self.smoothing) + self.smoothing / 2
        losses = functional.binary_cross_entropy_with_logits(logits, soft, reduction="none")
        told = torch.sigmoid(torch.where(given > 0.5, logits, -logits))
        losses = self._focused(losses, told)
        if self.kind == "binary":
            return self._weighed(losses[:, 0], targets.long())
        if self.weights:
            losses = losses * torch.where(given > 0.5, losses.new_tensor(self.weights), 1.0)
        return losses.mean(1)

    def predict(self, logits: np.ndarray) -> np.ndarray:
        """P(label = 1) (rows), probabilities of classes, labels or grades (rows × classes), or numbers (rows)."""
        given = torch.from_numpy(np.asarray(logits, dtype=np.float32).reshape(len(logits), self.outputs))
        if self.kind == "number":
            return given[:, 0].numpy() * self.spread + self.centre
        if self.kind == "classes":
            return functional.softmax(given.double(), 1).numpy()
        passed = torch.sigmoid(given.double())
        if self.kind != "grades":
            return passed.numpy() if self.kind == "labels" else passed[:, 0].numpy()
        passed = torch.cat([torch.ones(len(given), 1), passed.cumprod(1), torch.zeros(len(given), 1)], dim=1)
        return (passed[:, :-1] - passed[:, 1:]).numpy()

    def numbers(self, targets: np.ndarray, logits: np.ndarray, weights: np.ndarray) -> dict[str, float]:
        """How well rows are told, weighted; `log_loss` (of a number: `rmse`) is the one to make small.

        "binary" is calibrated first (Platt): a model trained on sampled negatives is off the natural rate by a
        constant, and the log-loss is to judge how well the pairs are told apart. Also pr_auc and roc_auc; of "classes"
        accuracy and macro_f1; of "labels" micro_f1, macro_f1 and mean_average_precision; of "grades" accuracy, mae (in
        grades) and kappa (quadratic); of a number mae and spearman. Logits that are not finite have no numbers.
        """
        if not np.isfinite(logits).all():
            return {self.better: float("nan")}
        if self.kind == "binary":
            return self._binary(targets, logits, weights)
        return getattr(self, f"_{self.kind}")(targets, logits, weights / weights.sum())

    @property
    def better(self) -> str:
        """The number by which a training is stopped and its weights are chosen; lower is better."""
        return "rmse" if self.kind == "number" else "log_loss"

    def _weighed(self, losses: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        return losses * losses.new_tensor(self.weights)[places] if self.weights else losses

    def _focused(self, losses: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        return losses * (1 - told) ** self.focal if self.focal else losses

    def _binary(self, targets: np.ndarray, logits: np.ndarray, weights: np.ndarray) -> dict[str, float]:
        scores = logits.reshape(-1)
        probabilities = Calibration(*platt(targets, scores, weights), 0.5).probability(scores)
        return {
            "log_loss": float(log_loss(targets, probabilities, weights)),
            "pr_auc": float(pr_auc(targets, scores, weights)),
            "roc_auc": float(roc_auc(targets, scores, weights)),
        }

    def _classes(self, targets: np.ndarray, logits: np.ndarray, share: np.ndarray) -> dict[str, float]:
        told = self.predict(logits)
        guess = told.argmax(1)
        return {
            "log_loss": float(share @ -np.log(told[np.arange(len(told)), targets].clip(SURE))),
            "accuracy": float(share @ (guess == targets)),
            "macro_f1": float(f1_score(targets, guess, average="macro", sample_weight=share, zero_division=0.0)),
        }

    def _labels(self, targets: np.ndarray, logits: np.ndarray, share: np.ndarray) -> dict[str, float]:
        told = self.predict(logits).clip(SURE, 1 - SURE)
        losses = -(targets * np.log(told) + (1 - targets) * np.log(1 - told)).mean(1)
        f1 = {
            f"{how}_f1": float(f1_score(targets, told > 0.5, average=how, sample_weight=share, zero_division=0.0))
            for how in ("micro", "macro")
        }
        found = targets.any(0)  # a label that no row has can be found in none
        precision = average_precision_score(targets[:, found], told[:, found], sample_weight=share)
        return {"log_loss": float(share @ losses), **f1, "mean_average_precision": float(precision)}

    def _grades(self, targets: np.ndarray, logits: np.ndarray, share: np.ndarray) -> dict[str, float]:
        told = self.predict(logits)
        guess = (told.cumsum(1) < 0.5).sum(1)  # the median grade, which makes the absolute error least
        return {
            "log_loss": float(share @ -np.log(told[np.arange(len(told)), targets].clip(SURE))),
            "accuracy": float(share @ (guess == targets)),
            "mae": float(share @ np.abs(guess - targets)),
            "kappa": float(
                cohen_kappa_score(
                    targets, guess, labels=range(len(self.classes)), weights="quadratic", sample_weight=share
                )
            ),
        }

    def _number(self, targets: np.ndarray, logits: np.ndarray, share: np.ndarray) -> dict[str, float]:
        error = (logits.reshape(-1) - targets) * self.spread
        return {
            "rmse": float(np.sqrt(share @ error**2)),
            "mae": float(share @ np.abs(error)),
            "spearman": float(pd.Series(logits.reshape(-1)).corr(pd.Series(targets), method="spearman")),
        }


def expected_grade(logits: np.ndarray) -> np.ndarray:
    """The place of the grade that is to be expected (rows), from the logits of "grades" (rows × outputs).

    It is the sum of the probabilities to reach each grade, and orders rows whose grades are uncertain.
    """
    passed = torch.sigmoid(torch.from_numpy(np.asarray(logits, dtype=np.float64).reshape(len(logits), -1)))
    return passed.cumprod(1).sum(1).numpy().astype(np.float32)


def task_for(
    labels: pd.Series, kind: str, *, balance: bool = False, focal: float = 0.0, smoothing: float = 0.0
) -> Task:
    """The task of telling these labels, those of training.

    Args:
        labels: 0 and 1; or names of classes; or lists of names; or grades that sort by size; or numbers.
        kind: one of `KINDS`.
        balance: weigh each class by how rare it is, rows / (classes × rows of the class), at most `MOST_RARE`; of
            "labels" what has it against what has not.
        focal: see `Task`.
        smoothing: see `Task`.

    Raises:
        TaskError: unknown kind, labels missing or all alike, or an option that the kind does not know.

    """
    if kind not in KINDS:
        raise TaskError(f"There is no task {kind!r}: use {', '.join(KINDS)}.")
    if labels.isna().any():
        raise TaskError(f"{int(labels.isna().sum())} rows have no label: label them, or leave them out.")
    options = {"balance": balance, "focal": focal, "smoothing": smoothing}
    unfit = {"number": ("balance", "focal", "smoothing"), "grades": ("focal", "smoothing")}.get(kind, ())
    if wrong := [name for name in unfit if options[name]]:
        raise TaskError(f"{wrong[0]} means nothing for the task {kind!r}: leave it at {type(options[wrong[0]])()}.")
    names = labels.map(lambda row: sorted(set(row))).explode().dropna() if kind == "labels" else labels
    classes = tuple(sorted(names.unique()))
    if len(classes) < 2:
        only = f": all are {classes[0]!r}" if classes else ""
        raise TaskError(f"The labels name {len(classes)} class{only}. {TWO}.")
    if kind == "binary" and set(classes) != {0, 1}:
        raise TaskError(f"A binary task has the labels 0 and 1, and here are {', '.join(map(str, classes[:5]))} …")
    if kind == "number":
        return Task(kind, centre=float(labels.mean()), spread=float(labels.std(ddof=0)))
    weights = _balanced(names, classes, len(labels), kind) if balance else ()
    return Task(kind, () if kind == "binary" else classes, weights, focal, smoothing)


def check_differ(labels: pd.Series, split: str) -> None:
    """See that the labels of a split are not all alike, or there is nothing to tell apart, or to calibrate by.

    Raises:
        TaskError: they are, or there is none.

    """
    if labels.empty:
        raise TaskError(f"There is no row in {split}: take some into it.")
    told = labels.astype(str)  # a label may be a list
    if (told == told.iloc[0]).all():
        raise TaskError(
            f"All {len(told):,} labels of {split} are {told.iloc[0]}, and two different ones are needed at least: take "
            f"more rows (users, texts) into {split}, or other labels."
        )


def row_weights(rows: pd.DataFrame) -> np.ndarray:
    """The column `weight`: for how many each row stands; 1 where there is none.

    Raises:
        TaskError: one is missing, infinite or negative, or all are 0.

    """
    if "weight" not in rows:
        return np.ones(len(rows))
    weights = rows["weight"].to_numpy(dtype=float)
    if not (sound := np.isfinite(weights) & (weights >= 0)).all():
        row = int(np.argmin(sound))
        raise TaskError(f"The weight of row {row} is {weights[row]:g}: give it a positive one, or leave the row out.")
    if len(weights) and not weights.any():
        raise TaskError("All weights are 0, so that no row counts: give some a positive one.")
    return weights


def _balanced(names: pd.Series, classes: Sequence[Any], rows: int, kind: str) -> tuple[float, ...]:
    counts: Mapping[Any, int] = names.value_counts().to_dict()
    if kind == "labels":
        ratios = ((rows - counts[name]) / counts[name] for name in classes)
        return tuple(min(MOST_RARE, max(1 / MOST_RARE, ratio)) for ratio in ratios)
    return tuple(min(MOST_RARE, rows / (len(classes) * counts[name])) for name in classes)


def _corn(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of passing each grade, over the grades that a row has reached (CORN, equation 10)."""
    steps = torch.arange(logits.shape[1], device=logits.device)
    passed = (targets[:, None] > steps).to(logits.dtype)
    reached = (targets[:, None] >= steps).to(logits.dtype)
    losses = functional.binary_cross_entropy_with_logits(logits, passed, reduction="none")
    return (losses * reached).sum(1)
