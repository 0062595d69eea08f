"""What a released table gives away, measured on the table as it stands, whatever made it.

Groups the rows by their released quasi-identifiers and counts. Sources: Sweeney 2002 (k), Machanavajjhala et al. 2007
(distinct l), Li, Li & Venkatasubramanian 2007 (t), El Emam & Dankar 2008 (prosecutor's and journalist's risk).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

HIGH = 0.2  # a risk above one in five is called high (El Emam)


@dataclass(frozen=True)
class Risk:
    """Chance of naming a person of the table.

    Args:
        highest: of the person easiest to name.
        mean: over all persons.
        high: share of the persons whose chance is above one in five.

    """

    highest: float
    mean: float
    high: float


def k_of(released: pd.DataFrame, quasi_identifiers: Sequence[str]) -> int:
    """Size of the smallest class; 0 for an empty table."""
    return int(_sizes(released, quasi_identifiers).min()) if len(released) else 0


def l_of(released: pd.DataFrame, quasi_identifiers: Sequence[str], sensitive: str) -> int:
    """Least number of different sensitive values in a class; a missing one counts as a value."""
    values = released[sensitive].astype("string").fillna("")
    return int(values.groupby(_classes(released, quasi_identifiers)).nunique().min()) if len(released) else 0


def t_of(
    released: pd.DataFrame, quasi_identifiers: Sequence[str], sensitive: str, order: Sequence[str] | None = None
) -> float:
    """Largest earth mover's distance of a class's sensitive values from those of all, in [0, 1].

    Args:
        released: the table.
        quasi_identifiers: what the classes are made by.
        sensitive: the column.
        order: its values in order; without it any two are equally far apart.

    """
    values = released[sensitive].astype("string").fillna("")
    table = pd.crosstab(_classes(released, quasi_identifiers), values, normalize="index")
    table = table[list(order)] if order is not None else table
    overall = values.value_counts(normalize=True)
    difference = table.to_numpy() - overall[table.columns].to_numpy()
    if order is None:
        return float(np.abs(difference).sum(axis=1).max() / 2)
    return float(np.abs(difference.cumsum(axis=1)).sum(axis=1).max() / max(len(order) - 1, 1))


def prosecutor(released: pd.DataFrame, quasi_identifiers: Sequence[str]) -> Risk:
    """Risk of a person who is known to be in the table: one in as many as share the class."""
    return _risk(_sizes(released, quasi_identifiers))


def journalist(
    released: pd.DataFrame, quasi_identifiers: Sequence[str], population: pd.DataFrame | None = None
) -> Risk:
    """Risk of a person who may be in the table: one in as many of the population as share the class.

    Args:
        released: the table.
        quasi_identifiers: what the classes are made by.
        population: everybody who could be in it, generalised alike; the table itself if nothing else is known, which
            makes this the prosecutor's risk.

    """
    if population is None:
        return prosecutor(released, quasi_identifiers)
    sizes = _keys(population, quasi_identifiers).value_counts()
    mine = _keys(released, quasi_identifiers).map(sizes)
    return _risk(mine.fillna(1).clip(lower=1))


def summary(
    released: pd.DataFrame, quasi_identifiers: Sequence[str], sensitive: Mapping[str, Sequence[str] | None]
) -> dict:
    """All of it as a dictionary: k, l and t of each sensitive column, and the prosecutor's risk."""
    risk = prosecutor(released, quasi_identifiers)
    found: dict[str, float] = {"k": k_of(released, quasi_identifiers)}
    for name, order in sensitive.items():
        found[f"l of {name}"] = l_of(released, quasi_identifiers, name)
        found[f"t of {name}"] = t_of(released, quasi_identifiers, name, order)
    return found | {"highest risk": risk.highest, "mean risk": risk.mean, "at high risk": risk.high}


def _keys(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """The released quasi-identifiers of each row as one value."""
    text = table[list(columns)].astype("string").fillna("\0")
    return pd.Series(list(text.itertuples(index=False, name=None)), index=table.index, dtype=object)


def _classes(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    return table.groupby(list(columns), dropna=False, sort=False, observed=True).ngroup().to_numpy()


def _sizes(table: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Size of each person's class."""
    number = pd.Series(_classes(table, columns))
    return number.map(number.value_counts())


def _risk(sizes: pd.Series) -> Risk:
    chance = 1 / sizes.astype(float)
    return (
        Risk(float(chance.max()), float(chance.mean()), float((chance > HIGH).mean())) if len(chance) else Risk(0, 0, 0)
    )
