"""Planted faults: what goes wrong in real shops' tables, put into clean ones, with the truth of what was touched.

Half of the kinds are held out: rules are written and tuned on the others, and judged on these as well.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np
import pandas as pd

from workbench.data.sources.storefront import faults_crowds, faults_events, faults_items, faults_times, faults_twins
from workbench.data.sources.storefront.faults_shop import PLANTERS, Kind, Shop
from workbench.spelling import nearest

MODULES = tuple(m.__name__ for m in (faults_crowds, faults_times, faults_twins, faults_items, faults_events))
"""Where the kinds are; those that need most untouched rows at once come first, so that a small shop has room."""
KINDS: dict[str, Kind] = {name: kind for name, (kind, _) in sorted(PLANTERS.items())}
"""Every kind of fault by name: what is wrong in a sentence, the quality dimension it hurts, and the table."""
HELD_OUT: frozenset[str] = frozenset(
    sorted(KINDS, key=lambda name: sha256(name.encode()).hexdigest())[: len(KINDS) // 2]
)
"""The half of the kinds whose names have the smallest sha256."""


def plant(
    tables: Mapping[str, pd.DataFrame], seed: int, count: int = 200, kinds: Sequence[str] | None = None
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Plant faults in copies of a clean shop's tables.

    A row belongs to at most one plant. Some plants add rows (duplicates, robots), which stand at the end; all other
    rows keep their place and, unless they are in the truth, every value.

    Args:
        tables: the canonical `items`, `users` and `events`; other tables are handed back as they are.
        seed: the same seed, tables, count and kinds give the same plants.
        count: number of plants, spread evenly over the kinds.
        kinds: names out of `KINDS`; all of them where it is None.

    Returns:
        The changed tables, and the truth: a row for each changed or added row (and for events that a product's later
        start makes too early), with plant_id, kind, table, key (item_id, user_id or event_id as the changed table has
        it) and column (empty where the whole row is meant).

    Raises:
        ValueError: a kind is unknown, a table or column is missing, or a table is too small for a kind.

    """
    chosen = sorted(KINDS if kinds is None else set(kinds))
    for name in chosen:
        if name not in KINDS:
            raise ValueError(f"unknown kind of fault '{name}'{nearest(name, KINDS)}")
    if count < 0 or (count and not chosen):
        raise ValueError(f"cannot plant {count} faults of {len(chosen)} kinds; give a count from 0 and some kinds")
    shop = Shop(tables, seed)
    order = np.random.default_rng(seed).permutation(len(chosen))
    amounts = {chosen[i]: count // len(chosen) + (rank < count % len(chosen)) for rank, i in enumerate(order)}
    number = 0
    for name in sorted(chosen, key=lambda name: MODULES.index(PLANTERS[name][1].__module__)):
        for turn in range(int(amounts[name])):
            number += 1
            shop.begin(f"plant-{number:05d}", name, turn)
            PLANTERS[name][1](shop)
    changed, truth = shop.finish()
    return {**tables, **changed}, truth
