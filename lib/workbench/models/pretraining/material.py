"""What each objective learns from, out of the tables that governance hands on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Generic, TypeVar

import pandas as pd

from workbench.models.pretraining.knowledge import weighed, with_synonyms

T = TypeVar("T")
Read = Callable[[str], pd.DataFrame]
ENOUGH = 10  # products from which on a category is a class to be told
HELD_OUT = 0.1  # share of products that no training on categories sees


@dataclass(frozen=True)
class Held(Generic[T]):
    """What an objective learns from and is judged by: `choosing` stops it and chooses its weights, `judging` does not.

    Of mlm and clm lists of texts; of classification tables with context and label; of contrastive tables with context
    and candidate.
    """

    train: T
    choosing: T
    judging: T


@dataclass(frozen=True)
class Reading:
    """What of the tables is read, and in what form.

    packed: mlm and clm: texts one after another in full rows.
    whole_words: mlm: hide all pieces of a word.
    positive_from: contrastive: grade of a pair whose texts belong together.
    weights: mlm and clm: of the kinds of text in the corpus, see `knowledge.weighed`.
    synonyms: mlm and clm: see `knowledge.with_synonyms`.
    """

    packed: bool = False
    whole_words: bool = False
    positive_from: int = 1
    weights: Mapping[str, float] = field(default_factory=dict)
    synonyms: Sequence[Sequence[str]] = ()


AS_IT_IS = Reading()


def material(objective: str, read: Read, *, docs: int, seed: int, reading: Reading = AS_IT_IS) -> Held:
    """The material of an objective, at most `docs` held-out rows, one half to choose by and the other to judge.

    Args:
        objective: "mlm" and "clm" read the `corpus`; "classification" the titles of `items` and the uppermost part of
            their category; "contrastive" the `pairs` from the grade `positive_from` on.
        read: gives one of these tables by its name.
        docs: texts, products or pairs that are held out.
        seed: by which these are drawn.
        reading: weights and synonyms are of train alone; what is held out is read as it is.

    Raises:
        ValueError: the tables hold nothing for this objective.

    """
    if objective in ("mlm", "clm"):
        corpus = read("corpus")
        train = weighed(corpus[corpus["split"] == "train"], reading.weights, seed)
        return Held(with_synonyms(train, reading.synonyms, seed), *_held_texts(corpus, docs, seed))
    if objective == "classification":
        return _categories(read("items"), docs, seed)
    return _together(read("pairs"), docs, seed, reading.positive_from)


def _held_texts(corpus: pd.DataFrame, docs: int, seed: int) -> tuple[list[str], list[str]]:
    valid = corpus[corpus["split"] == "valid"]
    held = valid.sample(min(docs, len(valid)), random_state=seed)["text"].tolist()
    if len(held) < 2:
        raise ValueError(f"{len(held)} texts are held out: one to choose by and one to judge are needed at least.")
    return held[::2], held[1::2]


def _categories(items: pd.DataFrame, docs: int, seed: int) -> Held[pd.DataFrame]:
    """Products are held out by the hash of their title, so that two of one title are on one side."""
    told = items.dropna(subset=["title", "category"])
    rows = pd.DataFrame({"context": told["title"], "label": told["category"].str.split(" > ").str[0]})
    rows = rows.drop_duplicates()
    counts = rows["label"].value_counts()
    rows = rows[rows["label"].isin(counts.index[counts >= ENOUGH])]
    if rows["label"].nunique() < 2:
        raise ValueError(
            f"The objective classification needs two categories of {ENOUGH} products or more: use mlm, or give items "
            "their category."
        )
    out = rows["context"].map(lambda title: _draw(title, seed)) < HELD_OUT
    known = rows[~out]["label"].unique()
    held = rows[out & rows["label"].isin(known)]
    return Held(rows[~out], *_halves(held, docs, seed))


def _together(pairs: pd.DataFrame, docs: int, seed: int, positive_from: int) -> Held[pd.DataFrame]:
    """Positive pairs of train, and those of valid's contexts that train has not."""
    positive = pairs[pairs["label"] >= positive_from]
    train, valid = (
        positive.loc[positive["split"] == split, ["context", "candidate"]].drop_duplicates()
        for split in ("train", "valid")
    )
    valid = valid[~valid["context"].isin(train["context"])]
    if len(train) < 2 or len(valid) < 2:
        raise ValueError(
            "The objective contrastive needs pairs that belong together in train and, of other contexts, in valid: "
            "lower positive_from, or use mlm."
        )
    return Held(train, *_halves(valid, docs, seed))


def _halves(held: pd.DataFrame, docs: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """About `docs` rows in two halves that share no context, or what chose would judge itself.

    Raises:
        ValueError: a half would be empty.

    """
    order = sorted(held["context"].unique(), key=lambda context: _draw(context, seed + 1))
    place = held["context"].map({context: at for at, context in enumerate(order)})
    held = held.iloc[place.argsort(kind="stable").to_numpy()[:docs]]
    second = held["context"].isin(set(order[1::2]))
    if second.all() or not second.any():
        raise ValueError(
            f"Of what is held out there are {held['context'].nunique()} different contexts: two are needed at least, "
            "one to choose by and one to judge; take more data, or use mlm."
        )
    return held[~second], held[second]


def _draw(text: str, seed: int) -> float:
    """A number in [0, 1) by which a text is drawn."""
    return int(sha256(f"{seed} {text}".encode()).hexdigest()[:15], 16) / 16**15
