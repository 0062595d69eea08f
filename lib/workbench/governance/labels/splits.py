"""Train, valid and test: by time, by user or by query, and always whole groups."""

from collections.abc import Mapping

import ibis
from ibis import _
from ibis.expr.types import StringValue, Table, Value

from workbench.data import engine
from workbench.data.contract import SPLITS

SHARES = {"train": 0.7, "valid": 0.15, "test": 0.15}
FINE = 16**4  # steps of a share


def by_digest(ids: StringValue, shares: Mapping[str, float] | None = None, salt: str = "split") -> StringValue:
    """The split of each id by its digest: the same on every machine, and all that shares an id stays together.

    A draw within what an earlier draw chose needs a salt of its own.
    """
    shares = SHARES if shares is None else shares
    draw, cases, reached = engine.digits(engine.digest(ids, salt=salt), 0, 4), [], 0.0
    for name, share in shares.items():
        reached += share
        cases.append((draw < round(reached * FINE), name))
    return ibis.cases(*cases, else_=list(shares)[-1])


def by_week(week: Value, windows: Mapping[str, tuple[int, int]]) -> StringValue:
    """The split of each week, null outside all windows (first and last week of each)."""
    return ibis.cases(*((week.between(*ends), name) for name, ends in windows.items()), else_=None)


def completed(table: Table, ids: str) -> Table:
    """`table` with a `split` in every row: the publisher's where there is one, and what it lacks cut from the rest.

    Without any split all three are drawn by the digest of `ids`. Where train is missing, it takes 80 % of valid (or of
    test, if that is all there is); where valid is missing, it takes 15 % of train; where test is missing, half
    of valid.

    Raises:
        ValueError: a split is called otherwise than train, valid, test.

    """
    given = set(table.select(split=_.split.fill_null("")).distinct().execute()["split"])
    if unknown := given - {*SPLITS, ""}:
        raise ValueError(f"unknown split {', '.join(map(repr, sorted(unknown)))}: call them {', '.join(SPLITS)}")
    drawn = table[ids].cast("string")
    if not given & set(SPLITS):
        return table.mutate(split=by_digest(drawn))
    split = table.split.fill_null("train")
    if "train" not in given | ({"train"} if "" in given else set()):
        largest = "valid" if "valid" in given else "test"
        split = (split == largest).ifelse(by_digest(drawn, {"train": 0.8, largest: 0.2}, "train"), split)
    if "valid" not in given:
        split = (split == "train").ifelse(by_digest(drawn, {"train": 0.85, "valid": 0.15}, "valid"), split)
    if "test" not in given:
        split = (split == "valid").ifelse(by_digest(drawn, {"valid": 0.5, "test": 0.5}, "test"), split)
    return table.mutate(split=split)


def fill(sizes: Table, keys: list[str], order: StringValue, targets: Mapping[str, int]) -> Table:
    """Whole groups of each split, in a given order, as long as their pairs fit the split's target.

    Args:
        sizes: the keys of a group, split, pairs.
        keys: columns that name a group.
        order: random order of the groups; ties by the keys.
        targets: how many pairs each split may have.

    Returns:
        the keys and split of the groups that are in.

    """
    line = ibis.cumulative_window(group_by="split", order_by=[order, *(sizes[key] for key in keys)])
    room = ibis.cases(*((sizes.split == name, target) for name, target in targets.items()), else_=0)
    placed = sizes.mutate(running=sizes.pairs.sum().over(line), room=room)
    return placed.filter(_.running <= _.room).select(*keys, "split")
