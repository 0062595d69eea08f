"""The storefront's users: what the shop knows of them, and the tastes that only the generator knows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.data.sources.storefront import kinds
from workbench.data.sources.storefront.catalogue import DIMENSIONS
from workbench.data.sources.storefront.clock import Clock

RETURNING = 0.7  # share of the users who know the shop before the log begins
FAVOURITES = 3  # categories that a user comes back to
BUCKETS = 2  # groups of users who are shown different parts of a long list
GENDER_SHARES, AGE_SHARES = (0.56, 0.40, 0.04), (0.14, 0.27, 0.23, 0.17, 0.12, 0.07)
INCOME_SHARES = (0.16, 0.22, 0.28, 0.21, 0.13)
GROUP_SHARES = {"women": (0.80, 0.08, 0.45), "men": (0.08, 0.80, 0.42), "kids": (0.12, 0.12, 0.13)}


@dataclass(frozen=True)
class People:
    """Users by number 0..n-1, in the order in which they came to the shop.

    Args:
        frame: [n] the table `users` with demographics.
        joined: [n] µs since 1970, sorted; before it a user does nothing.
        activity: [n] cumulative activity, log-normal.
        taste: [n, DIMENSIONS] multiplied with a product's vector: the personal part of its attractiveness.
        favourites: [n, FAVOURITES] categories.
        colour: [n] the colour that a user likes to search for.
        reach: [n] most categories a user of this gender may browse, as cumulative shares: row of `browsing`.
        browsing: [3, categories] cumulative shares of the categories for each gender.

    """

    frame: pd.DataFrame
    joined: np.ndarray
    activity: np.ndarray
    taste: np.ndarray
    favourites: np.ndarray
    colour: np.ndarray
    gender: np.ndarray
    browsing: np.ndarray

    def at(self, times: np.ndarray, draw: np.ndarray) -> np.ndarray:
        """Users of visits at these times, by activity among those who know the shop; draws are uniform in [0, 1)."""
        known = np.maximum(np.searchsorted(self.joined, times, "right"), 1)
        return np.minimum(np.searchsorted(self.activity, draw * self.activity[known - 1], "right"), known - 1)

    def browse(self, users: np.ndarray, draw: np.ndarray) -> np.ndarray:
        """A category for each user, by the shares of the user's gender; draws are uniform in [0, 1)."""
        shares = self.browsing + np.arange(len(self.browsing))[:, None]
        found = np.searchsorted(shares.ravel(), draw + self.gender[users], "right")
        return np.minimum(found - self.gender[users] * self.browsing.shape[1], self.browsing.shape[1] - 1)


def build(users: int, categories: int, clock: Clock, language: str, rng: np.random.Generator) -> People:
    """Draw the users of a shop with this many categories."""
    own = kinds.words(language)
    gender = rng.choice(3, users, p=GENDER_SHARES)
    age = rng.choice(len(AGE_SHARES), users, p=AGE_SHARES)
    income = rng.choice(len(INCOME_SHARES), users, p=INCOME_SHARES)
    region = rng.choice(len(own.REGIONS), users, p=_falling(len(own.REGIONS)))
    cities = [np.array(names, object) for names in own.REGIONS.values()]
    city = np.empty(users, object)
    for number, names in enumerate(cities):
        there = region == number
        city[there] = names[rng.choice(len(names), int(there.sum()), p=_falling(len(names)))]
    frame = pd.DataFrame({
        "user_id": [f"u{number:07d}" for number in range(users)],
        "age_band": np.array(own.AGES, object)[age], "gender": np.array(own.GENDERS, object)[gender],
        "region": np.array(list(own.REGIONS), object)[region], "city": city,
        "income_band": np.array(own.INCOMES, object)[income],
    })  # fmt: skip
    new = rng.random(users) >= RETURNING
    joined = np.where(new, clock.times(rng.random(users) * 0.97), clock.start)
    taste = rng.normal(size=(users, DIMENSIONS))
    taste[:, :2] += 0.3 * (age[:, None] - 2)  # ages like different things
    taste[:, -1] = -0.5 + 0.4 * (income - 2) + 0.5 * taste[:, -1]  # the dear is dearer to those with less
    activity = np.cumsum(np.clip(rng.lognormal(0, 0.9, users), 0, 12))
    browsing = _browsing(categories)
    people = People(frame, np.sort(joined), activity, taste.astype(np.float32), np.zeros((users, FAVOURITES), int),
                    rng.integers(0, len(own.COLOURS), users), gender, browsing)  # fmt: skip
    for column in range(FAVOURITES):
        people.favourites[:, column] = people.browse(np.arange(users), rng.random(users))
    return people


def _falling(count: int) -> np.ndarray:
    share = 1 / np.arange(1, count + 1) ** 0.7
    return share / share.sum()


def _browsing(categories: int) -> np.ndarray:
    popular = _falling(categories)
    shares = np.array([
        [GROUP_SHARES[group][gender] for _, group in kinds.CATEGORIES[:categories]] for gender in range(3)
    ]) * popular  # fmt: skip
    return np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
