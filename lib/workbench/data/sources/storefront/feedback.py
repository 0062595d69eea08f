"""Ratings, reviews, comments and shares; the sentiment of a review follows its rating."""

import numpy as np

from workbench.data.sources.storefront import kinds
from workbench.data.sources.storefront.sessions import World

RATES, REVIEWS = 0.13, 0.22  # shares of the purchases that are rated without and with words
RATING, RATING_IF_RELEVANT, RATING_NOISE = 2.1, 3.6, 1.2  # stars: for all, per unit of relevance, spread
DAYS = (8.0, 0.6, 2.0, 60.0)  # median, spread, least and most until a purchase is rated
SENTIMENTS = ("bad", "bad", "neutral", "good", "good")
"""Of one to five stars."""

Columns = dict[str, np.ndarray]


def after_purchase(
    world: World, purchases: Columns, relevance: np.ndarray, sessions: int, rng: np.random.Generator
) -> tuple[Columns, list[str]]:
    """Ratings and reviews, each a short visit of its own some days after the purchase, and the texts of the reviews."""
    draw = rng.random(len(relevance))
    median, spread, least, most = DAYS
    days = np.clip(median * rng.lognormal(0, spread, len(relevance)), least, most)
    time = purchases["time"] + (days * 86_400_000).astype(np.int64) * 1000
    rated = np.flatnonzero((draw < RATES + REVIEWS) & (time < world.clock.end))
    worded = draw[rated] >= RATES
    stars = RATING + RATING_IF_RELEVANT * relevance[rated] + RATING_NOISE * rng.normal(size=len(rated))
    stars = np.clip(np.round(stars), 1, 5)
    items = purchases["item"][rated]
    texts = [_review(world, item, SENTIMENTS[int(star) - 1], rng) for item, star in
             zip(items[worded], stars[worded], strict=True)]  # fmt: skip
    number = np.where(worded, np.cumsum(worded) - 1, -1)
    return {
        "type": np.where(worded, 5, 4).astype(np.int8), "visit": purchases["visit"][rated],
        "user": purchases["user"][rated], "session": sessions + np.arange(len(rated)), "item": items,
        "time": time[rated], "value": stars, "text": number,
    }, texts  # fmt: skip


def after_click(
    world: World, clicks: Columns, slot: np.ndarray, shares: tuple[float, float], first: int, rng: np.random.Generator
) -> tuple[Columns, list[str]]:
    """Comments and shares while a clicked product is looked at, and the comments' texts, numbered from `first`."""
    draw = rng.random(len(slot))
    chosen = np.flatnonzero(draw < sum(shares))
    comment = draw[chosen] < shares[0]
    items = clicks["item"][chosen]
    texts = [_comment(world, item, rng) for item in items[comment]]
    return {
        "type": np.where(comment, 6, 7).astype(np.int8), "visit": clicks["visit"][chosen],
        "user": clicks["user"][chosen], "session": clicks["session"][chosen], "item": items,
        "time": clicks["time"][chosen] + (slot[chosen] * 0.35 / 1000).astype(np.int64) * 1000,
        "text": np.where(comment, first + np.cumsum(comment) - 1, -1),
    }, texts  # fmt: skip


def _review(world: World, item: int, sentiment: str, rng: np.random.Generator) -> str:
    language = world.catalogue.language
    parts = kinds.opinions(language).REVIEWS[sentiment]
    slots = world.catalogue.slots(int(item)) | {"days": str(rng.integers(2, 15))}
    said = [part[rng.integers(len(part))].format(**slots) for part in parts]
    return kinds.words(language).SPACE.join(said)


def _comment(world: World, item: int, rng: np.random.Generator) -> str:
    comments = kinds.opinions(world.catalogue.language).COMMENTS
    return comments[rng.integers(len(comments))].format(**world.catalogue.slots(int(item)))
