"""What is released of people as features of their candidates, so that a ranking can tell what anonymity costs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import scipy.sparse as sp

from workbench.governance.privacy.anonymity.attributes import attribute
from workbench.ranking.period import Period

SMOOTHING = 20.0  # buyers of everybody's kind that are added to each group


def only(period: Period, user_ids: Sequence[str]) -> Period:
    """A period cut to the candidates and the truth of these users."""
    mine = np.flatnonzero(np.isin(period.user_ids, np.asarray(user_ids, str)))
    rows, true = period.pairs.user.isin(mine), period.truth.user.isin(mine)
    return replace(
        period, pairs=period.pairs[rows].reset_index(drop=True),
        features=period.features[rows].reset_index(drop=True), truth=period.truth[true].reset_index(drop=True),
    )  # fmt: skip


def add(period: Period, raw: pd.DataFrame, released: pd.DataFrame | None) -> Period:
    """A period whose features say what is released of its users.

    Of each column two features: the user's own value, as the middle of what is released, and how much more often than
    all the users of the same released value bought the item up to the cut (smoothed).

    Args:
        period: its users all stand in the tables.
        raw: ``user_id`` and the quasi-identifiers, as collected.
        released: the same columns, generalised; None for no such features.
    """
    if released is None:
        return period
    people = raw.set_index("user_id").reindex(released.user_id)
    row = pd.Index(released.user_id).get_indexer(period.user_ids[period.pairs.user])
    bought = _buyers(period, released.user_id)
    made = {}
    for column in released.columns.drop("user_id"):
        group, _ = pd.factorize(released[column].astype("string").fillna(""))
        made[f"demographic_{column}"] = _middle(people[column], group)[row]
        made[f"demographic_{column}_lift"] = _lift(bought, group)[group[row], period.pairs["item"]]
    features = pd.concat([period.features, pd.DataFrame(made, dtype=np.float32)], axis=1)
    return replace(period, features=features)


def _middle(raw: pd.Series, group: np.ndarray) -> np.ndarray:
    """(people,) middle of the values that a released one covers, in the order of the column's values."""
    codes = pd.Series(attribute(raw.reset_index(drop=True)).codes).groupby(group)
    return ((codes.min() + codes.max()) / 2).to_numpy()[group]


def _buyers(period: Period, user_ids: pd.Series) -> sp.csr_matrix:
    """[people, items] 1 where a person bought the item up to the cut; of who is new nothing is known."""
    known = period.interactions
    code = pd.Index(known.users).get_indexer(user_ids)
    bought = known.matrix().sign()
    return sp.csr_matrix(bought[np.maximum(code, 0)].multiply((code >= 0)[:, None]))


def _lift(bought: sp.csr_matrix, group: np.ndarray) -> np.ndarray:
    """[groups, items] rate of buyers in a group, over that of all."""
    people, groups = len(group), int(group.max()) + 1
    member = sp.csr_matrix((np.ones(people, np.float32), (group, np.arange(people))), (groups, people))
    sizes = np.bincount(group, minlength=groups)[:, None]
    overall = np.asarray(bought.mean(axis=0)).ravel() + 0.5 / people  # above 0, though none of these people bought it
    return (((member @ bought).toarray() + SMOOTHING * overall) / (sizes + SMOOTHING) / overall).astype(np.float32)
