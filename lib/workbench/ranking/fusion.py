"""The final ranking: LightGBM LambdaMART over features and the other rankers' scores (Burges 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd

from workbench.metrics.ranking import ranking_metrics


@dataclass
class Fusion:
    """LambdaMART with the settings that were chosen on the label window.

    Attributes:
        trees, leaves, learning_rate, min_leaf, truncation: as LightGBM names them (``num_iterations``, ``num_leaves``,
            ``learning_rate``, ``min_data_in_leaf``, ``lambdarank_truncation_level``).
        seed, threads: the same pair gives the same trees.
    """

    trees: int = 200
    leaves: int = 31
    learning_rate: float = 0.05
    min_leaf: int = 100
    truncation: int = 20
    seed: int = 0
    threads: int = 2
    booster: lgb.Booster | None = field(default=None, repr=False)

    def fit(self, features: pd.DataFrame, user: np.ndarray, label: np.ndarray) -> Fusion:
        """Learn to put label 1 first within each user; rows of a user stand together."""
        parameters = {
            "objective": "lambdarank",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_leaf,
            "lambdarank_truncation_level": self.truncation,
            "feature_fraction": 0.6,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "max_bin": 127,
            "seed": self.seed,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }
        data = lgb.Dataset(features, label, group=_group_sizes(user))
        self.booster = lgb.train(parameters, data, self.trees)
        return self

    def unfitted(self) -> Fusion:
        """The same settings without trees."""
        return replace(self, booster=None)

    def score(self, features: pd.DataFrame) -> np.ndarray:
        """[rows] the higher, the earlier on the list; comparable within a user only."""
        return np.asarray(self._fitted().predict(features, num_threads=self.threads))

    def contributions(self, features: pd.DataFrame) -> pd.DataFrame:
        """TreeSHAP: what each feature added to each row's score, [rows, features] (Lundberg et al. 2020)."""
        values = np.asarray(self._fitted().predict(features, pred_contrib=True, num_threads=self.threads))
        return pd.DataFrame(values[:, :-1], columns=features.columns, index=features.index)

    def importance(self) -> pd.Series:
        """Total gain of each feature, largest first."""
        booster = self._fitted()
        gains = pd.Series(booster.feature_importance("gain"), index=booster.feature_name())
        return gains.sort_values(ascending=False)

    @property
    def features(self) -> list[str]:
        """Names of the features, in the order of the trees."""
        return self._fitted().feature_name()

    def save(self, path: Path) -> None:
        """Write the trees as LightGBM text."""
        self._fitted().save_model(path)

    @classmethod
    def load(cls, path: Path) -> Fusion:
        """Read the trees that :meth:`save` wrote."""
        return cls(booster=lgb.Booster(model_file=path))

    def _fitted(self) -> lgb.Booster:
        if self.booster is None:
            raise RuntimeError("the fusion is not fitted yet: call fit or load first")
        return self.booster


def _group_sizes(user: np.ndarray) -> np.ndarray:
    starts = np.flatnonzero(np.r_[True, user[1:] != user[:-1]])
    if len(np.unique(user)) != len(starts):
        raise ValueError("rows of a user must stand together: sort the candidates by user")
    return np.diff(np.r_[starts, len(user)])


def cross_validate(
    settings: Sequence[Fusion],
    pairs: pd.DataFrame,
    features: pd.DataFrame,
    truth_size: pd.Series,
    folds: int = 3,
    seed: int = 0,
) -> pd.DataFrame:
    """NDCG@10 of each setting on users it was not fitted on, within the label window.

    Args:
        settings: unfitted fusions to compare.
        pairs: ``user``, ``item``, ``label``.
        features: [pairs, features].
        truth_size: relevant items of each user.
        folds: users are dealt into so many parts.

    Returns:
        One row a setting: its fields, ``ndcg`` and ``standard_error`` over users.
    """
    fold = pd.Series(np.random.default_rng(seed).integers(0, folds, len(truth_size)), truth_size.index)
    part = fold.reindex(pairs.user).to_numpy()
    rows = []
    for setting in settings:
        scores = np.zeros(len(pairs))
        for held_out in range(folds):
            train, test = part != held_out, part == held_out
            model = setting.unfitted().fit(features[train], pairs.user.to_numpy()[train], pairs.label.to_numpy()[train])
            scores[test] = model.score(features[test])
        ndcg = ranking_metrics(
            pairs.user.to_numpy(), pairs.item.to_numpy(), scores, pairs.label.to_numpy(), truth_size
        ).ndcg
        rows.append({**_fields(setting), "ndcg": ndcg.mean(), "standard_error": ndcg.sem()})
    return pd.DataFrame(rows)


def _fields(setting: Fusion) -> dict:
    return {name: value for name, value in vars(setting).items() if name != "booster"}
