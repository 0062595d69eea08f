"""Why an item is on a list: the fusion's own contributions, told in a merchandiser's words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.ranking.features import family

SILENT = [family("user_orders"), family("cascade_rank")]  # the same for all items of a list, or an echo of the others


def by_family(contributions: pd.DataFrame) -> pd.DataFrame:
    """Contributions of features added up by what they speak of: [rows, features] → [rows, families]."""
    return contributions.T.groupby(family).sum().T


def reasons(features: pd.DataFrame, contributions: pd.DataFrame, top: int = 2) -> pd.Series:
    """The ``top`` families that speak for each row, the strongest first, with the figures behind them.

    Args:
        features: [rows, features] as :func:`candidate_features` names them.
        contributions: [rows, features] from :meth:`Fusion.contributions`.
        top: reasons a row.

    Returns:
        [rows] text such as "bought before (6 orders, last 2 weeks ago); popular now (11 % of users)". Families
        that speak against the item are left out, and so are the user's habits and the simple rankers' common
        choice: the one is the same for all its items, the other repeats what its parts say.
    """
    families = by_family(contributions).drop(columns=SILENT, errors="ignore")
    if "by_text_model" in features:  # that a product was not read is no interest in it
        families[family("by_text_model")] = families[family("by_text_model")].where(features.by_text_model.notna(), 0)
    details = _details(features)
    values, names = families.to_numpy(), families.columns.to_numpy()
    order = np.argsort(-values, axis=1, kind="stable")[:, :top]
    texts = []
    for row, columns in enumerate(order):
        kept = [names[column] for column in columns if values[row, column] > 0]
        texts.append("; ".join(name + (details[name].iloc[row] if name in details else "") for name in kept) or "—")
    return pd.Series(texts, features.index, name="reason")


def shares(contributions: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Each family's mean share of the positive contributions, one row a group: [groups, families]."""
    positive = by_family(contributions).drop(columns=SILENT, errors="ignore").clip(lower=0)
    share = positive.div(positive.sum(axis=1).replace(0, np.nan), axis=0)
    return share.groupby(groups.to_numpy()).mean().fillna(0)


def _details(features: pd.DataFrame) -> dict[str, pd.Series]:
    """Figures for the families that have plain ones; empty where the user has none."""
    orders, ago = features.own_orders, features.own_recency
    own = [f" ({n:.0f} orders, last {_ago(weeks)})" for n, weeks in zip(orders, ago, strict=True)]
    kind = features.type_orders.map(" ({:.0f} orders)".format)
    share = features.by_popularity.map(" ({:.1%} of users)".format)
    return {
        family("own_orders"): pd.Series(own, features.index).where(orders.notna(), " (never)"),
        family("type_orders"): kind.where(features.type_orders.notna(), " (never)"),
        family("by_popularity"): share,
    }


def _ago(weeks: float) -> str:
    if weeks < 1:
        return "in the newest week"
    return "1 week ago" if weeks == 1 else f"{weeks:.0f} weeks ago"
