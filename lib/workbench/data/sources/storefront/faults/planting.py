"""Which kinds of fault there are, and planting them.

Some kinds are held out: rules are written and tuned on the others, and judged on these, which nobody who writes a
rule has seen.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from workbench.data.sources.storefront.faults import (
    attributes,
    crowds,
    entries,
    events,
    exports,
    items,
    orders,
    profiles,
    searches,
    times,
    tracking,
    twins,
    voices,
)
from workbench.data.sources.storefront.faults.shop import PLANTERS, Kind, Shop
from workbench.spelling import nearest

UNSEEN = tuple(m.__name__ for m in (tracking, searches, orders, exports, voices, profiles, entries, attributes))
"""Modules of the kinds that are held out."""
MODULES = (crowds.__name__, *UNSEEN, *(m.__name__ for m in (times, twins, items, events)))
"""Where the kinds are; those that need most untouched rows at once come first, so that a small shop has room."""
KINDS: dict[str, Kind] = {name: kind for name, (kind, _) in sorted(PLANTERS.items())}
"""Every kind of fault by name: what is wrong in a sentence, the quality dimension it hurts, and the table."""
HELD_OUT: frozenset[str] = frozenset(name for name, (_, planter) in PLANTERS.items() if planter.__module__ in UNSEEN)
"""The kinds of the modules in `UNSEEN`: rules were judged by them before they had seen them, and mended afterwards."""


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
