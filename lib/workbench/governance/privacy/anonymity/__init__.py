"""Tables of people in which nobody stands alone: k-anonymity, l-diversity, t-closeness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.governance.privacy.anonymity import risks
from workbench.governance.privacy.anonymity.attributes import Attribute, Hierarchy, attribute
from workbench.governance.privacy.anonymity.mondrian import Demands, Sensitive, classes

__all__ = ["Anonymised", "AnonymityError", "anonymise", "risks"]


class AnonymityError(ValueError):
    """The demands cannot be met; the message says which and what to do."""


@dataclass(frozen=True)
class Anonymised:
    """A released table, and what it cost.

    Args:
        frame: the rows kept, in their order, with generalised quasi-identifiers.
        suppressed: index of the rows left out.
        loss: generalised information loss in [0, 1]: the mean over people and quasi-identifiers of the share of a
            column's range that a released value covers; a suppressed person loses all (Iyengar 2002).
        discernibility: sum over people of the size of their class; of a suppressed one, that of the table
            (Bayardo & Agrawal 2005).
        by_column: the loss of each quasi-identifier.

    """

    frame: pd.DataFrame
    suppressed: pd.Index
    loss: float
    discernibility: int
    by_column: dict[str, float]


def anonymise(
    frame: pd.DataFrame,
    quasi_identifiers: Sequence[str],
    sensitive: Sequence[str] = (),
    k: int = 5,
    l: int = 1,  # noqa: E741  (the name of the field)
    t: float = 1.0,
    hierarchies: Mapping[str, Hierarchy] | None = None,
    max_suppression: float = 0.0,
) -> Anonymised:
    """Generalise quasi-identifiers until every class meets the demands; see `mondrian`.

    Args:
        frame: a row a person.
        quasi_identifiers: columns that narrow a person down.
        sensitive: columns that nobody may learn of a person; they are released as they are, unless they are among the
            quasi-identifiers too: then l and t hold for the values behind the generalised ones.
        k: people who share a class, at least.
        l: different values of each sensitive column in a class, at least.
        t: earth mover's distance of a class's sensitive values from those of all, at most.
        hierarchies: order or paths of a column's values, also of a sensitive one's; see `attributes.attribute`.
        max_suppression: share of the people that may be left out, those of the costliest classes first; 0 for none.

    Raises:
        AnonymityError: there are fewer than k people, or fewer than l values of a sensitive column; a demand is none.
        ValueError: a hierarchy lacks a value, or a number is infinite.

    """
    given = dict(hierarchies or {})
    attributes = [attribute(frame[name], given.get(name)) for name in quasi_identifiers]
    private = [attribute(frame[name], given.get(name)) for name in sensitive]
    demands = Demands(k, l, t, [Sensitive(each.codes, len(each.labels), each.ordered) for each in private])
    _check(frame, attributes, private, demands, max_suppression)
    values, losses, number = _merged(*_released(attributes, classes(attributes, demands)))
    kept = _kept(number, losses.mean(axis=1), max_suppression, demands)
    released = frame.assign(
        **{each.name: pd.array(values[:, i][number], dtype="string") for i, each in enumerate(attributes)}
    )
    row_losses = np.where(kept[:, None], losses[number], 1.0)
    sizes = np.bincount(number)[number]
    return Anonymised(
        released[kept], frame.index[~kept], float(row_losses.mean()),
        int(np.where(kept, sizes, len(frame)).sum()),
        {each.name: float(row_losses[:, i].mean()) for i, each in enumerate(attributes)},
    )  # fmt: skip


def _check(
    frame: pd.DataFrame,
    quasi: Sequence[Attribute],
    private: Sequence[Attribute],
    demands: Demands,
    share: float,
) -> None:
    k, least = demands.k, demands.l
    if not quasi:
        raise AnonymityError("no quasi-identifiers are named: name the columns that narrow a person down")
    if k < 1 or least < 1 or not 0 <= demands.t <= 1:
        raise AnonymityError(f"k {k}, l {least}, t {demands.t:g} are no demands: k and l are 1 or more, t from 0 to 1")
    if not private and (least > 1 or demands.t < 1):
        raise AnonymityError("l and t are about sensitive columns, and none is named: name them")
    if len(frame) < k:
        raise AnonymityError(f"{len(frame)} people cannot be {k}-anonymous: release nothing, or ask for a smaller k")
    if not 0 <= share < 1:
        raise AnonymityError(f"max_suppression {share} is no share of the people: give it from 0 to below 1")
    for each in private:
        if len(each.labels) < least:
            raise AnonymityError(f"'{each.name}' has {len(each.labels)} values, and l asks for {least}: ask for fewer")


def _released(attributes: Sequence[Attribute], number: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(classes, attributes) what stands in the released table, and what each costs; (n,) the class of each row."""
    count = int(number.max()) + 1
    values = np.empty((count, len(attributes)), dtype=object)
    losses = np.empty((count, len(attributes)))
    for i, each in enumerate(attributes):
        pairs = np.unique(number * len(each.labels) + each.codes)
        owner, code = np.divmod(pairs, len(each.labels))
        ends = np.searchsorted(owner, np.arange(count + 1))
        known: dict[bytes, tuple[str, float]] = {}
        for group in range(count):
            codes = code[ends[group] : ends[group + 1]]
            if (key := codes.tobytes()) not in known:
                known[key] = each.general(codes), each.loss(codes)
            values[group, i], losses[group, i] = known[key]
    return values, losses, number


def _merged(values: np.ndarray, losses: np.ndarray, number: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same with classes made one that look alike in the released table, as `any` beside `any` does."""
    known: dict[tuple, int] = {}
    same = np.array([known.setdefault(tuple(row), len(known)) for row in values])
    first = np.unique(same, return_index=True)[1]
    return values[first], losses[first], same[number]


def _kept(number: np.ndarray, cost: np.ndarray, most: float, demands: Demands) -> np.ndarray:
    """(n,) whether a row is released: whole classes are left out, the costliest first, while the bound allows it.

    Only classes that lose more than half are worth it: leaving a person out loses all. Whom the rest is compared with
    changes by it: half as many are left out until what remains is as close to itself as `t` demands.
    """
    sizes = np.bincount(number)
    order = np.argsort(-cost, kind="stable")
    fits = (cost[order] > 0.5) & (np.cumsum(sizes[order]) <= int(most * len(number)))
    count = len(order) if fits.all() else int(fits.argmin())
    while True:
        kept = ~np.isin(number, order[:count])
        rest = np.unique(number[kept], return_inverse=True)[1]
        if not count or demands.of(kept).met(rest, np.arange(len(rest)), len(sizes) - count).all():
            return kept
        count //= 2
