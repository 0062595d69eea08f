"""Visits to the storefront: who comes when, asks for what, sees which list, and clicks what."""

from dataclasses import dataclass

import numpy as np

from workbench.data.sources.storefront.catalogue import Catalogue
from workbench.data.sources.storefront.clicks import LONGEST, ClickModel
from workbench.data.sources.storefront.clock import Clock
from workbench.data.sources.storefront.intents import Intents
from workbench.data.sources.storefront.pages import Pages
from workbench.data.sources.storefront.people import FAVOURITES, People

GOES_ON, MOST_REQUESTS = 0.55, 8  # in a session
TO_FAVOURITE, STAYS, TYPED = 0.6, 0.75, 0.65
"""Shares: sessions about a favourite category, requests in the session's category, requests with a typed query."""
SECONDS = (75.0, 0.5, 20.0, 500.0)  # median, spread, least and most of the time spent on one list
PAUSE = (3.0, 40.0)  # seconds between two lists


@dataclass(frozen=True)
class World:
    """All that stays the same while the log is written."""

    clock: Clock
    catalogue: Catalogue
    people: People
    intents: Intents
    pages: Pages
    model: ClickModel


@dataclass(frozen=True)
class Visits:
    """Sessions by row, in the order of their times, and the lists that were requested in them.

    Args:
        ends: [sessions] µs since 1970 when the last list was left.
        session: [lists] row of the session, rising.
        user, query: [lists] numbers; query is -1 where the user browsed.
        time, stay: [lists] µs since 1970, and µs spent on the list.
        items: [lists, LONGEST] products shown at positions 1, 2, …; -1 where the list is shorter.
        propensity: [lists, LONGEST] probability that the policy shows this product at this position.
        relevance: [lists, LONGEST] probability of a click if examined; 0 where nothing is shown.
        examination: [lists, LONGEST] probability that the position was examined.
        clicks: [lists, LONGEST].

    """

    ends: np.ndarray
    session: np.ndarray
    user: np.ndarray
    query: np.ndarray
    time: np.ndarray
    stay: np.ndarray
    items: np.ndarray
    propensity: np.ndarray
    relevance: np.ndarray
    examination: np.ndarray
    clicks: np.ndarray


def draw(world: World, sessions: int, shares: tuple[float, float], rng: np.random.Generator) -> Visits:
    """Draw sessions that begin between two shares (0 to 1) of the log's visits."""
    low, high = shares
    begins = world.clock.times(np.sort(low + (high - low) * rng.random(sessions)))
    user = world.people.at(begins, rng.random(sessions))
    favourite = world.people.favourites[user, rng.integers(0, FAVOURITES, sessions)]
    browsed = world.people.browse(user, rng.random(sessions))
    about = np.where(rng.random(sessions) < TO_FAVOURITE, favourite, browsed)
    session = np.repeat(np.arange(sessions), np.minimum(rng.geometric(1 - GOES_ON, sessions), MOST_REQUESTS))
    user, lists = user[session], len(session)
    category = np.where(rng.random(lists) < STAYS, about[session], world.people.browse(user, rng.random(lists)))
    intent = world.intents.choose(category, world.people.colour[user], rng)
    query = np.where(rng.random(lists) < TYPED, world.intents.say(intent, rng), -1)
    time, stay, ends = _times(world.clock, begins, session, rng)
    page = world.pages.number(world.clock.week(time), intent, user)
    places, propensity = world.pages.order(page, rng)
    items = np.take_along_axis(world.pages.items[page], places, axis=1)
    appeal = np.take_along_axis(world.pages.appeal[page], places, axis=1)
    relevance = _relevance(world, user, items, appeal)
    clicks, examination = world.model(relevance, rng.random((lists, LONGEST), np.float32))
    return Visits(ends, session, user, query, time, stay, items, propensity, relevance, examination, clicks)


def _times(
    clock: Clock, begins: np.ndarray, session: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When each list is requested and how long it is looked at, in whole milliseconds, and when sessions end."""
    median, spread, least, most = SECONDS
    seconds = np.clip(median * rng.lognormal(0, spread, len(session)), least, most)
    stay = (seconds * 1000).astype(np.int64) * 1000
    step = stay + (rng.uniform(*PAUSE, len(session)) * 1000).astype(np.int64) * 1000
    before = np.cumsum(step) - step
    first = np.searchsorted(session, np.arange(len(begins)))
    time = begins[session] // 1000 * 1000 + before - before[first][session]
    last = np.append(first[1:], len(session)) - 1
    return time, stay, time[last] + stay[last]


def _relevance(world: World, user: np.ndarray, items: np.ndarray, appeal: np.ndarray) -> np.ndarray:
    """Probability that an examined product is clicked: a logistic of its appeal to all and to this user's taste."""
    vectors = world.catalogue.vectors[items]
    logit = appeal + np.einsum("ld,lpd->lp", world.people.taste[user], vectors)
    return np.where(items >= 0, 1 / (1 + np.exp(-logit)), 0)
