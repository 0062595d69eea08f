"""What each model costs: seconds to train, milliseconds to score, megabytes to keep."""

import statistics
import time
from collections.abc import Mapping

import pandas as pd

from workbench.models.baseline import TfidfModel
from workbench.models.classifier import TextClassifier
from workbench.models.comparison import Scorer

TIMES = 3  # that each model scores the same pairs, for the clock


def table(
    models: Mapping[str, TextClassifier | TfidfModel],
    milliseconds: Mapping[str, float],
    training: Mapping[str, float],
    pretraining: Mapping[str, float],
) -> pd.DataFrame:
    """A row a model: pretraining and training (seconds), milliseconds (for 1,000 pairs), megabytes (of weights).

    Args:
        models: by their names.
        milliseconds: of each model, as they are measured below.
        training: seconds of each model's fitting, its evaluations on valid included.
        pretraining: seconds that went before, of those models that had any.

    """
    rows = {
        name: {
            "pretraining": float(pretraining.get(name, 0.0)),
            "training": float(training[name]),
            "milliseconds": milliseconds[name],
            "megabytes": megabytes(model),
        }
        for name, model in models.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def milliseconds(scorers: Mapping[str, Scorer], pairs: pd.DataFrame) -> dict[str, float]:
    """For 1,000 pairs, which each model scores in turn, the median of `TIMES`; equal pairs are scored once."""
    some = pairs.head(1000)
    seconds: dict[str, list[float]] = {name: [] for name in scorers}
    for _ in range(TIMES):
        for name, score in scorers.items():
            began = time.perf_counter()
            score(some)
            seconds[name].append(time.perf_counter() - began)
    return {name: 1e6 * statistics.median(taken) / len(some) for name, taken in seconds.items()}


def megabytes(model: TextClassifier | TfidfModel) -> float:
    """Of its weights, and of the words that those of TF-IDF belong to."""
    if isinstance(model, TfidfModel):
        return model.megabytes
    return sum(value.numel() * value.element_size() for value in model.parameters()) / 1e6
