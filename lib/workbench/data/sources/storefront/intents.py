"""What the storefront's visitors look for, and the words in which they say it, misspelt now and then."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pandas as pd

from workbench.data.sources.storefront import kinds
from workbench.data.sources.storefront.catalogue import Catalogue, brands

SORTS = ("none", "colour", "material", "brand", "detail")
WEIGHTS = (3.0, 1.2, 0.6, 0.4, 0.2)
"""How often visitors ask for each sort."""
MOST_VALUES = 12  # of brand or detail that are searched for in one category
OWN_COLOUR = 0.3  # share of the requests that name the user's favourite colour where the category has it
MISSPELT = 0.08  # share of the typed queries that are misspelt
SPELLINGS = 4  # most misspellings of one query
NEIGHBOURS = dict(zip("abcdefghijklmnopqrstuvwxyz", "svxfrghjokjlnmipwetyibexuz", strict=True))
"""The key that a finger hits instead."""


@dataclass(frozen=True)
class Intents:
    """Intents by number, those of one category side by side.

    Args:
        category, sort, value: [intents] category, number in `SORTS` and code of what is asked for.
        first: [categories + 1] where each category's intents begin.
        reach: [intents] cumulative popularity in the category, plus the category's number.
        by_colour: [categories, colours] the intent that names this colour, or -1.
        texts: every query text, right ones and misspelt ones.
        intended: [texts] the text that was meant.
        phrases: [intents + 1] where each intent's right texts begin in `phrase_text`.
        phrase_text: [phrases] number of the text.
        wrong: [phrases + 1] where each phrase's misspellings begin in `wrong_text`.
        wrong_text: [misspellings] number of the text.

    """

    category: np.ndarray
    sort: np.ndarray
    value: np.ndarray
    first: np.ndarray
    reach: np.ndarray
    by_colour: np.ndarray
    texts: list[str]
    intended: np.ndarray
    phrases: np.ndarray
    phrase_text: np.ndarray
    wrong: np.ndarray
    wrong_text: np.ndarray

    def choose(self, category: np.ndarray, colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """An intent for each request in these categories, by popularity or by the user's favourite colour."""
        popular = np.searchsorted(self.reach, category + rng.random(len(category)), "right")
        popular = np.minimum(popular, self.first[category + 1] - 1)
        favourite = self.by_colour[category, colour]
        return np.where((rng.random(len(category)) < OWN_COLOUR) & (favourite >= 0), favourite, popular)

    def say(self, intent: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Number of the text that is typed for each intent; the first phrase of an intent is the most frequent."""
        count = self.phrases[intent + 1] - self.phrases[intent]
        phrase = self.phrases[intent] + (count * rng.random(len(intent)) ** 3).astype(np.int64)
        spellings = self.wrong[phrase + 1] - self.wrong[phrase]
        misspelt = (rng.random(len(intent)) < MISSPELT) & (spellings > 0)
        pick = self.wrong[phrase] + (spellings * rng.random(len(intent))).astype(np.int64)
        return np.where(misspelt, self.wrong_text[np.minimum(pick, len(self.wrong_text) - 1)], self.phrase_text[phrase])

    def truth(self) -> pd.DataFrame:
        """Every query text with the one that was meant: query, intended, misspelt."""
        meant = [self.texts[number] for number in self.intended]
        return pd.DataFrame(
            {"query": self.texts, "intended": meant, "misspelt": self.intended != np.arange(len(self.texts))}
        )


def build(catalogue: Catalogue, rng: np.random.Generator) -> Intents:
    """The intents that at least one product answers, with their queries."""
    found = _intents(catalogue, rng)
    own = kinds.words(catalogue.language)
    said = [list(_phrases(own, catalogue.language, *row)) for row in found[["category", "sort", "value"]].to_numpy()]
    number = {text: place for place, text in enumerate(dict.fromkeys(text for texts in said for text in texts))}
    right = list(number)
    intended = list(range(len(right)))
    misspelt: list[list[int]] = []
    for meant, text in enumerate(right):
        misspelt.append([])
        for wrong in (_misspell(text, own, rng) for _ in range(SPELLINGS)):
            place = number.setdefault(wrong, len(number))
            if place == len(intended):
                intended.append(meant)
            if place >= len(right) and intended[place] == meant and place not in misspelt[-1]:
                misspelt[-1].append(place)
    phrase_text = np.array([number[text] for texts in said for text in texts])
    slips = [misspelt[text] for text in phrase_text]
    category = found["category"].to_numpy()
    by_colour = np.full((catalogue.categories, len(own.COLOURS)), -1)
    coloured = found[found["sort"] == SORTS.index("colour")]
    by_colour[coloured["category"], coloured["value"]] = coloured.index
    return Intents(
        category, found["sort"].to_numpy(), found["value"].to_numpy(),
        np.searchsorted(category, np.arange(catalogue.categories + 1)), found["reach"].to_numpy(), by_colour,
        list(number), np.array(intended), _starts(said), phrase_text, _starts(slips),
        np.array([place for places in slips for place in places]),
    )  # fmt: skip


def _starts(groups: list[list]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([len(group) for group in groups])]).astype(np.int64)


def _intents(catalogue: Catalogue, rng: np.random.Generator) -> pd.DataFrame:
    """Columns category, sort, value, reach; index 0..n-1."""
    rows = []
    for category in range(catalogue.categories):
        members = catalogue.codes["category"] == category
        rows.append((category, 0, 0, WEIGHTS[0]))
        for sort, name in enumerate(SORTS[1:], start=1):
            values, counts = np.unique(catalogue.codes[name][members], return_counts=True)
            most = np.argsort(-counts, kind="stable")[: MOST_VALUES if name in ("brand", "detail") else len(values)]
            weights = rng.lognormal(0, 1, len(most)) / len(most) * WEIGHTS[sort]
            rows += [(category, sort, value, weight) for value, weight in zip(values[most], weights, strict=True)]
    found = pd.DataFrame(rows, columns=["category", "sort", "value", "weight"])
    total = found.groupby("category")["weight"].transform("sum")
    found["reach"] = found["category"] + (found["weight"] / total).groupby(found["category"]).cumsum()
    return found


def _phrases(own: ModuleType, language: str, category: int, sort: int, value: int) -> Iterator[str]:
    kind, group = kinds.CATEGORIES[category]
    _, noun, synonym = own.KINDS[kind.key]
    words = {
        "none": [""], "colour": list(own.COLOURS.values()), "material": list(own.MATERIALS.values()),
        "brand": brands(language), "detail": own.DETAILS[kind.department],
    }[SORTS[sort]]  # fmt: skip
    for place, pattern in enumerate(own.QUERIES[SORTS[sort]]):
        said = own.GROUP_WORDS[group][place % len(own.GROUP_WORDS[group])]
        yield pattern.format(noun=noun, synonym=synonym, group=said, value=words[value]).lower()


def _misspell(text: str, own: ModuleType, rng: np.random.Generator) -> str:
    """The text with one slip: of the fingers on a keyboard, or in the choice of a homophone in Chinese."""
    if own.HOMOPHONES:
        known = [place for place, letter in enumerate(text) if letter in own.HOMOPHONES]
        place = known[rng.integers(len(known))] if known else 0
        return text[:place] + own.HOMOPHONES.get(text[place], text[place]) + text[place + 1 :]
    places = [i for i in range(1, len(text) - 1) if text[i].isalpha() and text[i + 1].isalpha()]
    place, slip = places[rng.integers(len(places))], rng.integers(4)
    before, letter, after = text[:place], text[place], text[place + 1 :]
    if slip == 0:
        return before + after
    if slip == 1:
        return before + letter + letter + after
    if slip == 2:
        return before + after[0] + letter + after[1:]
    return before + NEIGHBOURS.get(letter, letter) + after
