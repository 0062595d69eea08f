"""What each model costs: seconds to train, milliseconds to score, megabytes to keep."""

from collections.abc import Mapping

import pandas as pd

from workbench.models.baseline import TfidfModel
from workbench.models.classifier import TextClassifier
from workbench.models.comparison import Scores


def table(
    models: Mapping[str, TextClassifier | TfidfModel],
    scores: Mapping[str, Scores],
    training: Mapping[str, float],
    pretraining: Mapping[str, float],
) -> pd.DataFrame:
    """A row a model: pretraining and training (seconds), milliseconds (for 1,000 pairs), megabytes (of weights).

    Args:
        models: by their names.
        scores: of each model, as `comparison.scored` times them.
        training: seconds of each model's fitting, its evaluations on valid included.
        pretraining: seconds that went before, of those models that had any.

    """
    rows = {
        name: {
            "pretraining": float(pretraining.get(name, 0.0)),
            "training": float(training[name]),
            "milliseconds": scores[name].milliseconds,
            "megabytes": megabytes(model),
        }
        for name, model in models.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def megabytes(model: TextClassifier | TfidfModel) -> float:
    """Of its weights, and of the words that those of TF-IDF belong to."""
    if isinstance(model, TfidfModel):
        return model.megabytes
    return sum(value.numel() * value.element_size() for value in model.parameters()) / 1e6
