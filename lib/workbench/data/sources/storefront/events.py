"""What follows from the lists: the events of the log, as columns of numbers."""

from typing import Any

import numpy as np

from workbench.data.sources.storefront import feedback
from workbench.data.sources.storefront.sessions import Visits, World

TYPES = ("impression", "click", "cart", "purchase", "rating", "review", "comment", "share")
COLUMNS: dict[str, tuple[Any, str]] = {
    "type": (0, "int8"), "visit": (-1, "int32"), "user": (-1, "int32"), "time": (0, "int64"), "session": (-1, "int32"),
    "request": (-1, "int32"), "order": (-1, "int32"), "item": (-1, "int32"), "query": (-1, "int32"),
    "position": (0, "int16"), "propensity": (np.nan, "float64"), "quantity": (np.nan, "float64"),
    "value": (np.nan, "float64"), "text": (-1, "int32"),
}  # fmt: skip
"""Of each column what it holds where an event has nothing to say, and its type."""
CART, CART_IF_RELEVANT = 0.08, 0.38  # of the clicks: for all, and for each unit of relevance
BUYS, BUYS_IF_RELEVANT = 0.12, 0.42  # of the carts
COMMENTS, SHARES = 0.012, 0.015  # of the clicks
QUANTITIES = (0.9, 0.08, 0.02)  # shares of 1, 2 and 3 pieces
CHECKOUT = (20.0, 120.0)  # seconds after the last list

Columns = dict[str, np.ndarray]


def follow(world: World, visits: Visits, most: int, rng: np.random.Generator) -> tuple[Columns, list[str], np.ndarray]:
    """The events of the visits, in the order of their times; whole sessions, as many as fit into `most` events.

    Returns:
        columns [events]: type (number in `TYPES`), visit (row of the session it follows from), user, session, request,
        order, item, time (µs since 1970), query, position (from 1), propensity, quantity, value, and text (number in
        the second result); sessions of feedback are numbered on after those of the visits. At last, for each session
        whether it was kept.

    """
    clicks, slot = _clicks(visits, rng)
    relevance = visits.relevance[clicks["request"], clicks["position"] - 1]
    carts, in_cart = _carts(world, clicks, slot, relevance, rng)
    purchases, bought = _purchases(visits, carts, relevance[in_cart], rng)
    opinions, texts = feedback.after_purchase(world, purchases, relevance[in_cart][bought], len(visits.ends), rng)
    remarks, more = feedback.after_click(world, clicks, slot, (COMMENTS, SHARES), len(texts), rng)
    seen = _on_lists(visits, visits.items >= 0, 0)
    blocks = [seen, clicks, carts, purchases, opinions, remarks]
    kept = _fitting(_joined(blocks, "visit"), len(visits.ends), most, rng)
    chosen = np.flatnonzero(kept[_joined(blocks, "visit")])
    order = chosen[np.argsort(_joined(blocks, "time")[chosen], kind="stable")]
    return {name: _joined(blocks, name)[order] for name in COLUMNS}, texts + more, kept


def _joined(blocks: list[Columns], name: str) -> np.ndarray:
    empty, dtype = COLUMNS[name]
    columns = [block.get(name, np.broadcast_to(empty, len(block["time"]))) for block in blocks]
    return np.concatenate(columns, dtype=dtype, casting="unsafe")


def _fitting(visit: np.ndarray, sessions: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Sessions to keep; they lie in order of time, so they are taken in a random one, and none is preferred."""
    shuffled = rng.permutation(sessions)
    kept = np.zeros(sessions, bool)
    kept[shuffled[np.cumsum(np.bincount(visit, minlength=sessions)[shuffled]) <= most]] = True
    return kept


def _on_lists(visits: Visits, where: np.ndarray, kind: int) -> Columns:
    """Events of a type (number) at the time of the list, for the products at the places [lists, LONGEST] given."""
    row, place = np.nonzero(where)
    return {
        "type": np.full(len(row), kind, np.int8), "visit": visits.session[row], "user": visits.user[row],
        "session": visits.session[row], "request": row, "item": visits.items[row, place], "time": visits.time[row],
        "query": visits.query[row], "position": place + 1, "propensity": visits.propensity[row, place],
    }  # fmt: skip


def _clicks(visits: Visits, rng: np.random.Generator) -> tuple[Columns, np.ndarray]:
    """Clicks from the top of a list to its end, and the µs that each has for itself."""
    clicks = _on_lists(visits, visits.clicks, 1)
    row, place = clicks["request"], clicks["position"] - 1
    turn = np.cumsum(visits.clicks, axis=1)[row, place]
    slot = visits.stay[row] / (visits.clicks.sum(axis=1)[row] + 1)
    clicks["time"] = clicks["time"] + _ms(slot * (turn + rng.uniform(-0.25, 0.25, len(row))))
    return clicks, slot


def _ms(microseconds: np.ndarray) -> np.ndarray:
    """Rounded up to whole milliseconds, so that what follows is later."""
    return np.ceil(microseconds / 1000).astype(np.int64) * 1000


def _carts(
    world: World, clicks: Columns, slot: np.ndarray, relevance: np.ndarray, rng: np.random.Generator
) -> tuple[Columns, np.ndarray]:
    """Carts, a product once a session, and the clicks (numbers) that they follow from."""
    put = np.flatnonzero(rng.random(len(slot)) < CART + CART_IF_RELEVANT * relevance)
    same = clicks["session"][put] * 2**32 + clicks["item"][put]
    put = np.sort(put[np.unique(same, return_index=True)[1]])
    carts = {name: column[put] for name, column in clicks.items() if name not in ("position", "propensity")}
    carts["type"] = np.full(len(put), 2, np.int8)
    carts["time"] = carts["time"] + _ms(slot[put] * rng.uniform(0.1, 0.25, len(put)))
    carts["quantity"] = rng.choice(3, len(put), p=QUANTITIES) + 1.0
    carts["value"] = np.round(world.catalogue.price[carts["item"]] * carts["quantity"], 2)
    return carts, put


def _purchases(
    visits: Visits, carts: Columns, relevance: np.ndarray, rng: np.random.Generator
) -> tuple[Columns, np.ndarray]:
    """Purchases, one order a session, and the carts (numbers) that they follow from."""
    bought = np.flatnonzero(rng.random(len(relevance)) < BUYS + BUYS_IF_RELEVANT * relevance)
    checkout = visits.ends + _ms(rng.uniform(*CHECKOUT, len(visits.ends)) * 1e6)
    purchases = {name: column[bought] for name, column in carts.items()}
    purchases["type"] = np.full(len(bought), 3, np.int8)
    purchases["order"] = purchases["session"]
    purchases["time"] = checkout[purchases["session"]]
    return purchases, bought
