"""The storefront's products: what the shop says of them, and what only the generator knows."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.collected import SourceError
from workbench.data.sources.storefront import kinds
from workbench.data.sources.storefront.clock import Clock

DIMENSIONS = 8  # of tastes; the last one is the price
SPREAD, WIDEST = 0.3, 2.0  # of the log-normal prices of a category, which are cut where outliers would begin
FEWEST, MOST = 50, 100_000
MIN_CATEGORIES, PER_CATEGORY = 6, 40
LAUNCHED = 0.25  # share of the products that come while the log runs
SOLD_OUT = 0.06  # share of the products that go while the log runs
LAST_LAUNCH = 0.9  # of the log, after which nothing new comes
DRAWN = ("category", "brand", "colour", "material", "detail", "season", "model", "pattern")


@dataclass(frozen=True)
class Catalogue:
    """Products by number 0..n-1.

    Args:
        frame: [n] the table `items` of the contract, and `currency`.
        codes: [n] numbers of category, brand, colour, material, detail, season and model in the wording.
        price: [n] in the shop's currency.
        quality: [n] part of the attractiveness that all users share.
        vectors: [n, DIMENSIONS] what a user's taste is multiplied with.
        begins, ends: [n] µs since 1970 between which the product may be shown.

    """

    frame: pd.DataFrame
    codes: dict[str, np.ndarray]
    price: np.ndarray
    quality: np.ndarray
    vectors: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    language: str

    @property
    def categories(self) -> int:
        """How many leaves of the category tree have products."""
        return int(self.codes["category"].max()) + 1

    def slots(self, item: int) -> dict[str, str]:
        """What a sentence about the product may name."""
        return _slots({name: int(code[item]) for name, code in self.codes.items()}, self.language)


def build(products: int, clock: Clock, language: str, rng: np.random.Generator) -> Catalogue:
    """Draw a catalogue; no two products share category, brand, colour, material and detail.

    Raises:
        SourceError: fewer products than a shop needs, or more than the words can tell apart.

    """
    if not FEWEST <= products <= MOST:
        raise SourceError(f"storefront can have {FEWEST} to {MOST:,} products, not {products:,}: set `products` so")
    codes = _draw(products, rng)
    tier = rng.normal(size=len(brands(language)))
    price, level = _prices(codes, tier, language, rng)
    begins, ends = _life(products, clock, rng)
    frame = pd.DataFrame({"item_id": [f"p{number:06d}" for number in range(products)]})
    frame = frame.join(pd.DataFrame(_texts(codes, language, rng)))
    frame["price"], frame["currency"] = price, kinds.words(language).CURRENCY
    frame["language"] = language
    frame["available_from"] = pd.to_datetime(begins, unit="us", utc=True)
    frame["in_stock"] = ends == np.iinfo(np.int64).max
    quality = rng.normal(size=products).astype(np.float32)
    return Catalogue(frame, codes, price, quality, _vectors(codes, level, rng), begins, ends, language)


@cache
def brands(language: str) -> tuple[str, ...]:
    """The shop's brands, all invented."""
    first, second = kinds.words(language).BRAND_PARTS
    return tuple(one + two for two in second for one in first)


def _draw(products: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Codes of products that differ in what a shopper sees."""
    own = kinds.words("en")  # both languages have as many words of each sort
    used = int(np.clip(products // PER_CATEGORY, MIN_CATEGORIES, len(kinds.CATEGORIES)))
    choices = {
        "brand": len(brands("en")),
        "colour": len(own.COLOURS),
        "material": 60,  # brought to the materials of its kind below; 60 divides by 3, 4 and 5
        "detail": len(own.DETAILS["shoes"]),
        "model": len(own.MODEL_PARTS[0]) * len(own.MODEL_PARTS[1]),
        "pattern": len(own.TITLES),
    }
    found = pd.DataFrame()
    while len(found) < products:
        more = pd.DataFrame({name: rng.integers(0, count, products) for name, count in choices.items()})
        more["category"] = rng.permutation(products) % used  # so that none stays empty
        more["material"] = _own_materials(more["category"].to_numpy(), more["material"].to_numpy())
        found = pd.concat([found, more], ignore_index=True)
        found = found.drop_duplicates(["category", "brand", "colour", "material", "detail"], ignore_index=True)
        found = found.drop_duplicates(["category", "brand", "model"], ignore_index=True)
    found = found.head(products)
    usual = np.array([list(own.SEASONS).index(kind.season) for kind, _ in kinds.CATEGORIES])[found["category"]]
    found["season"] = np.where(rng.random(products) < 0.7, usual, rng.integers(0, len(own.SEASONS), products))
    return {name: found[name].to_numpy(np.int32) for name in DRAWN}


def _own_materials(category: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Numbers of the materials that the draws below 60 mean in their categories."""
    names = list(kinds.words("en").MATERIALS)
    table = np.zeros((len(kinds.CATEGORIES), 60), np.int32)
    for row, (kind, _) in enumerate(kinds.CATEGORIES):
        table[row] = [names.index(kind.materials[i % len(kind.materials)]) for i in range(60)]
    return table[category, draw]


def _prices(
    codes: dict[str, np.ndarray], tier: np.ndarray, language: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Prices in the shop's currency, log-normal in each category, and how dear each is for its category."""
    own = kinds.words(language)
    median = np.array([kind.price * (kinds.KIDS_PRICE if group == "kids" else 1) for kind, group in kinds.CATEGORIES])
    noise = rng.normal(size=len(codes["category"]))
    level = np.clip(0.6 * tier[codes["brand"]] + 0.8 * noise, -WIDEST, WIDEST)
    exact = median[codes["category"]] * own.PRICE_FACTOR * np.exp(SPREAD * level)
    return np.round(np.ceil(exact) - own.PRICE_ENDING, 2), level


def _life(products: int, clock: Clock, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Days on which products come, most before the log, and weeks in which they are gone."""
    age = rng.integers(1, 700, products)
    launch = rng.integers(0, max(1, int(clock.weeks * 7 * LAST_LAUNCH)), products)
    days = np.where(rng.random(products) < LAUNCHED, launch, -age)
    begins = clock.start + days * clock.DAY
    gone = clock.start + rng.integers(1, clock.weeks + 1, products) * clock.WEEK
    sold_out = (rng.random(products) < SOLD_OUT) & (gone > begins + 2 * clock.WEEK)
    return begins, np.where(sold_out, gone, np.iinfo(np.int64).max)


def _vectors(codes: dict[str, np.ndarray], level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors made of colour, material, brand and detail, and how dear the product is."""
    parts = {"colour": 16, "material": 18, "brand": 64, "detail": 12}
    vectors = 0.4 * rng.normal(size=(len(level), DIMENSIONS))
    for name, count in parts.items():
        vectors += rng.normal(size=(count, DIMENSIONS))[codes[name]]
    vectors[:, -1] = 0.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[:, -1] = 0.5 * level
    return vectors.astype(np.float32)


def _slots(codes: dict[str, int], language: str) -> dict[str, str]:
    own = kinds.words(language)
    kind, group = kinds.CATEGORIES[codes["category"]]
    second = len(own.MODEL_PARTS[1])
    return {
        "brand": brands(language)[codes["brand"]],
        "model": own.MODEL_PARTS[0][codes["model"] // second] + own.MODEL_PARTS[1][codes["model"] % second],
        "group": own.GROUP_WORDS[group][0],
        "kind": kinds.pair(codes["category"], language),
        "colour": list(own.COLOURS.values())[codes["colour"]],
        "material": list(own.MATERIALS.values())[codes["material"]],
        "detail": own.DETAILS[kind.department][codes["detail"]],
        "season": list(own.SEASONS.values())[codes["season"]],
    }


def _texts(codes: dict[str, np.ndarray], language: str, rng: np.random.Generator) -> dict[str, list[str]]:
    """Title, description, category, brand and attributes of each product."""
    own = kinds.words(language)
    products = len(codes["category"])
    sentences = _sentences(products, language, rng)
    texts: dict[str, list[str]] = {name: [] for name in ("title", "description", "category", "brand", "attributes")}
    for item, values in enumerate(zip(*codes.values(), strict=True)):
        code = dict(zip(codes, map(int, values), strict=True))
        slots = _slots(code, language)
        noun = own.KINDS[kinds.CATEGORIES[code["category"]][0].key][1]
        texts["title"].append(own.TITLES[code["pattern"]].format(**slots | {"kind": noun}))
        texts["description"].append(own.SPACE.join(sentences[item]).format(**slots))
        texts["category"].append(kinds.path(code["category"], language))
        texts["brand"].append(slots["brand"])
        texts["attributes"].append(_attributes(code["category"], slots, language, rng))
    return texts


def _sentences(products: int, language: str, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Patterns of each description: an opening, two different middles and an ending."""
    first, middle, last = kinds.words(language).DESCRIPTIONS
    opening, ending = rng.integers(0, len(first), products), rng.integers(0, len(last), products)
    one = rng.integers(0, len(middle), products)
    other = (one + rng.integers(1, len(middle), products)) % len(middle)
    picks = zip(opening, one, other, ending, strict=True)
    return [(first[a], middle[b], middle[c], last[d]) for a, b, c, d in picks]


def _attributes(category: int, slots: dict[str, str], language: str, rng: np.random.Generator) -> str:
    own, (kind, group) = kinds.words(language), kinds.CATEGORIES[category]
    sizes = kinds.SIZES[kind.department, group]
    first = int(rng.integers(0, 3))
    last = int(rng.integers(len(sizes) - 3, len(sizes)))
    values: dict[str, Any] = {name: slots[name] for name in ("colour", "material", "season", "detail")}
    values["sizes"] = f"{sizes[first]}-{sizes[last]}"
    if kind.heel:
        values["heel"] = own.HEEL.format(kind.heel[rng.integers(0, len(kind.heel))])
    return json.dumps({own.ATTRIBUTES[name]: value for name, value in values.items()}, ensure_ascii=False)
