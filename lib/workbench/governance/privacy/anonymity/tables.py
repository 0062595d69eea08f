"""The users' table as a source declares it, anonymised at several k, and what each costs and leaves of risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from workbench.governance.privacy.anonymity import Anonymised, AnonymityError, anonymise, risks
from workbench.governance.privacy.anonymity.attributes import attribute

RAW = "as collected"


@dataclass(frozen=True)
class People:
    """Users of whom something is known.

    Args:
        raw: ``user_id`` and the columns declared, a row a user.
        silent: number of users of whom none of them is known; these stand beside the table, with nothing to hide.
        quasi: the quasi-identifiers.
        sensitive: what nobody may learn of a person; a quasi-identifier among them is generalised like the others, and
            what a class holds of it is measured by the true values.

    """

    raw: pd.DataFrame
    silent: int
    quasi: tuple[str, ...]
    sensitive: tuple[str, ...]


def people(users: pd.DataFrame, quasi: Sequence[str], sensitive: Sequence[str]) -> People | None:
    """The users of whom a quasi-identifier is known; None where the source declares none, or none is known.

    Raises:
        ValueError: the table lacks a column that is declared.

    """
    declared = list(dict.fromkeys([*quasi, *sensitive]))
    if lacking := [column for column in declared if column not in users]:
        raise ValueError(f"the users' table lacks '{lacking[0]}', which the source declares: correct the declaration")
    known = users[users[list(quasi)].notna().any(axis="columns")] if quasi else users.head(0)
    if known.empty:
        return None
    raw = known[["user_id", *declared]].reset_index(drop=True)
    return People(raw, len(users) - len(raw), tuple(quasi), tuple(sensitive))


def at_each(
    known: People,
    ks: Sequence[int],
    l: int,  # noqa: E741  (the name of the field)
    t: float,
) -> tuple[dict[int, Anonymised], dict[int, str]]:
    """The table at each k that can be met, without leaving anybody out; why the others cannot."""
    made: dict[int, Anonymised] = {}
    refused: dict[int, str] = {}
    for k in ks:
        try:
            made[k] = anonymise(known.raw, known.quasi, known.sensitive, k, l, t)
        except AnonymityError as error:
            refused[k] = str(error)
    return made, refused


def measured(known: People, made: dict[int, Anonymised]) -> pd.DataFrame:
    """Each table measured again as it stands, by `risks`: one row a table, the one as collected first.

    No table of all the people who could have been in it is at hand, so the journalist's population is the table itself,
    and the journalist's risk is no lower than the prosecutor's: an upper bound.

    Returns:
        ``table``; ``k``; for each sensitive column ``l`` and ``t`` of its true values; ``loss``; ``discernibility``;
        ``suppressed``; ``prosecutor`` and ``journalist`` (highest risk), ``mean_risk``, ``at_high_risk`` (share).

    """
    rows = [_row(known, RAW, known.raw, 0.0, _discernibility(known), 0)]
    for k, each in made.items():
        rows.append(_row(known, f"k = {k}", each.frame, each.loss, each.discernibility, len(each.suppressed)))
    return pd.DataFrame(rows)


def by_column(made: dict[int, Anonymised]) -> pd.DataFrame:
    """Generalised information loss of each quasi-identifier: [columns, tables]."""
    return pd.DataFrame({f"k = {k}": each.by_column for k, each in made.items()})


def _row(known: People, name: str, frame: pd.DataFrame, loss: float, discernibility: int, suppressed: int) -> dict:
    quasi, found = list(known.quasi), {"table": name, "k": risks.k_of(frame, list(known.quasi))}
    for column in known.sensitive:
        true = known.raw.loc[frame.index, column]
        about, told = f"(true {column})", attribute(known.raw[column])
        held = frame[quasi].assign(**{about: true.astype("string").fillna(told.labels[0])})
        found[f"l of {column}"] = risks.l_of(held, quasi, about)
        found[f"t of {column}"] = risks.t_of(held, quasi, about, told.labels if told.ordered else None)
    prosecutor, journalist = risks.prosecutor(frame, quasi), risks.journalist(frame, quasi)
    return found | {
        "loss": loss, "discernibility": discernibility, "suppressed": suppressed,
        "prosecutor": prosecutor.highest, "journalist": journalist.highest, "mean_risk": prosecutor.mean,
        "at_high_risk": prosecutor.high,
    }  # fmt: skip


def _discernibility(known: People) -> int:
    """Sum of the squared sizes of the classes as they were collected."""
    return int((known.raw.groupby(list(known.quasi), dropna=False).size() ** 2).sum())
