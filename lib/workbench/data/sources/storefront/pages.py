"""The lists that the storefront can show, and the randomised policy that orders them.

A list is fixed by the week, the intent and the user's bucket. Its order is drawn anew for each request from two
rankers and a uniformly random order, so that the probability of every product at every position is known exactly and
the position of a product says nothing about the user who sees it.
"""

from dataclasses import dataclass

import numpy as np

from workbench.data.sources.storefront.catalogue import Catalogue
from workbench.data.sources.storefront.clicks import LONGEST
from workbench.data.sources.storefront.clock import Clock
from workbench.data.sources.storefront.intents import SORTS, Intents
from workbench.data.sources.storefront.people import BUCKETS

BY_POPULARITY, BY_NEWNESS, AT_RANDOM = 0.40, 0.28, 0.32
"""Shares of the requests that each ranker orders."""
BASE, QUALITY, MATCH, MISS = -0.75, 0.5, 0.5, -0.7  # logits of attractiveness: all, per unit of quality, asked for, not


@dataclass(frozen=True)
class Pages:
    """Lists by number; those shorter than LONGEST are filled with -1 at the end.

    Args:
        items: [pages, LONGEST] products in the order of the first ranker, popularity.
        length: [pages] how many there are.
        newest: [pages, LONGEST] places in `items` in the order of the second ranker, newness.
        rank: [pages, LONGEST] position from 0 that the second ranker gives to each place in `items`.
        appeal: [pages, LONGEST] logit of attractiveness without the user's taste, for each place in `items`.
        intents: how many intents there are.

    """

    items: np.ndarray
    length: np.ndarray
    newest: np.ndarray
    rank: np.ndarray
    appeal: np.ndarray
    intents: int

    def number(self, week: np.ndarray, intent: np.ndarray, user: np.ndarray) -> np.ndarray:
        """The list that a user with this intent sees in this week."""
        return (week * self.intents + intent) * BUCKETS + user % BUCKETS

    def order(self, page: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw the order of each list.

        Returns:
            places [lists, LONGEST] in `items`, in the order shown, and propensities [lists, LONGEST]: the probability
            that the policy puts this product at this position.

        """
        positions = np.arange(LONGEST)
        draw = rng.random(len(page))
        places = np.broadcast_to(positions, (len(page), LONGEST)).astype(np.int8)
        newest = (draw >= BY_POPULARITY) & (draw < BY_POPULARITY + BY_NEWNESS)
        places[newest] = self.newest[page[newest]]
        drawn = np.flatnonzero(draw >= BY_POPULARITY + BY_NEWNESS)
        keys = rng.random((len(drawn), LONGEST)) + (positions >= self.length[page[drawn], None])
        places[drawn] = np.argsort(keys, axis=1)
        rank = np.take_along_axis(self.rank[page], places, axis=1)
        propensity = BY_POPULARITY * (places == positions) + BY_NEWNESS * (rank == positions)
        return places, propensity + AT_RANDOM / np.maximum(self.length[page, None], 1)


def build(catalogue: Catalogue, intents: Intents, clock: Clock, rng: np.random.Generator) -> Pages:
    """Every list of every week: products that answer the intent first, then others of the category."""
    shape = (clock.weeks, len(intents.category), BUCKETS, LONGEST)
    items, appeal = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
    newest, rank = np.zeros(shape, np.int8), np.zeros(shape, np.int8)
    popularity = 0.6 * catalogue.quality + 0.8 * rng.normal(size=len(catalogue.quality))
    for category in range(catalogue.categories):
        own = slice(intents.first[category], intents.first[category + 1])
        members = np.flatnonzero(catalogue.codes["category"] == category)
        match = _match(catalogue, intents, own, members)
        logit = BASE + QUALITY * catalogue.quality[members] + np.where(match > 0, MATCH, np.where(match < 0, MISS, 0))
        first = match + 0.8 * popularity[members] + 0.5 * rng.normal(size=match.shape)
        second = match - np.argsort(np.argsort(-catalogue.begins[members])) / len(members) * 4
        second += 0.5 * rng.normal(size=match.shape)
        chance = rng.random((len(match), BUCKETS, len(members)), np.float32)
        for week in range(clock.weeks):
            now = clock.start + week * clock.WEEK
            alive = np.flatnonzero((catalogue.begins[members] <= now) & (catalogue.ends[members] > now))
            chosen = _best(2.0 * match[:, None, alive] + chance[:, :, alive])
            places = alive[chosen]  # [intents, buckets, length]
            rows = np.arange(len(match))[:, None, None]
            order = np.argsort(-first[rows, places], axis=2, kind="stable")
            places = np.take_along_axis(places, order, axis=2)
            count = places.shape[2]
            items[week, own, :, :count], appeal[week, own, :, :count] = members[places], logit[rows, places]
            by_newness = np.full((*places.shape[:2], LONGEST), 1e9)
            by_newness[:, :, :count] = -second[rows, places]
            newest[week, own] = np.argsort(by_newness, axis=2, kind="stable")
            rank[week, own] = np.argsort(newest[week, own], axis=2, kind="stable")
    flat = (-1, LONGEST)
    items = items.reshape(flat)
    return Pages(items, (items >= 0).sum(axis=1), newest.reshape(flat), rank.reshape(flat), appeal.reshape(flat),
                 len(intents.category))  # fmt: skip


def _match(catalogue: Catalogue, intents: Intents, own: slice, members: np.ndarray) -> np.ndarray:
    """[intents, members] 1 where a product is what an intent asks for, -1 where not, 0 where it asks for nothing."""
    match = np.zeros((own.stop - own.start, len(members)))
    for sort, name in enumerate(SORTS[1:], start=1):
        rows = intents.sort[own] == sort
        same = catalogue.codes[name][members] == intents.value[own][rows, None]
        match[rows] = np.where(same, 1.0, -1.0)
    return match


def _best(score: np.ndarray) -> np.ndarray:
    """[intents, BUCKETS, length] places of the products with the highest scores, in no order."""
    count = min(LONGEST, score.shape[2])
    return np.argpartition(-score, count - 1, axis=2)[:, :, :count] if count else np.zeros((*score.shape[:2], 0), int)
