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
        order: its values in order, a missing one comes before them; without it any two are equally far apart.

    Raises:
        ValueError: the order lacks a value of the column.

    """
    if not len(released):
        return 0.0
    values = released[sensitive].astype("string").fillna("")
    table = pd.crosstab(_classes(released, quasi_identifiers), values, normalize="index")
    if order is None:
        difference = table.to_numpy() - values.value_counts(normalize=True)[table.columns].to_numpy()
        return float(np.abs(difference).sum(axis=1).max() / 2)
    if lacking := [value for value in table.columns if value not in {"", *order}]:
        raise ValueError(f"the order of '{sensitive}' lacks the value '{lacking[0]}': add it")
    present = [value for value in ("", *order) if value in table.columns]
    difference = table[present].to_numpy() - values.value_counts(normalize=True)[present].to_numpy()
    return float(np.abs(difference.cumsum(axis=1)).sum(axis=1).max() / max(len(present) - 1, 1))


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
        population: everybody who could be in it, generalised alike (`alike`); the table itself if nothing else is
            known, which makes this the prosecutor's risk.

    """
    if population is None:
        return prosecutor(released, quasi_identifiers)
    names = list(quasi_identifiers)
    number = _classes(pd.concat([population[names], released[names]]).astype("string"), names)
    sizes = np.bincount(number[: len(population)], minlength=number.max(initial=0) + 1)
    return _risk(pd.Series(sizes[number[len(population) :]]).clip(lower=1))


def alike(
    population: pd.DataFrame, raw: pd.DataFrame, released: pd.DataFrame, quasi_identifiers: Sequence[str]
) -> pd.DataFrame:
    """A population as the release shows it, for the journalist's risk.

    Who has the very values of somebody in the table is shown as that one. Others are left out, though some would be
    taken for one of the table too: so the risk may be lower than what is measured, and is never higher.

    Args:
        population: everybody who could be in the table, as they are.
        raw: the table's people as they are.
        released: those of them who are released, by the same index, which has every person once.
        quasi_identifiers: what the classes are made by.

    Raises:
        ValueError: people who have the same values are released with different ones.

    """
    names = list(quasi_identifiers)
    number = _classes(pd.concat([population[names], raw[names]]).astype("string"), names)
    mine = pd.Series(number[len(population) :], index=raw.index)[released.index].to_numpy()
    shown = pd.DataFrame({"raw": mine, "shown": _classes(released, names)}).drop_duplicates()
    if shown["raw"].duplicated().any():
        raise ValueError("people with the same values are released with different ones: this takes a strict release")
    place = pd.Series(shown.index, index=shown["raw"]).reindex(number[: len(population)])
    known = place.notna().to_numpy()
    return released[names].iloc[place[known].astype(int)].set_index(population.index[known])


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
