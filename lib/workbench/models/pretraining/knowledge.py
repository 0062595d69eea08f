"""What a shop knows of its words, written into what pretraining reads: which kinds of text matter, and synonyms."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from workbench.spelling import nearest


def weighed(corpus: pd.DataFrame, weights: Mapping[str, float], seed: int) -> list[str]:
    """The texts of a corpus, each as often as its kind weighs: 2 reads it twice a pass, 0.5 every other one of them.

    Args:
        corpus: doc_id, which begins with the kind ("item", "query", "review", "basket", …) and a hyphen, and text.
        weights: by kind; 1 for a kind that is not named.
        seed: by which what is read less often is drawn.

    Raises:
        ValueError: a kind that the corpus has not, a weight below 0, or nothing left.

    """
    kinds = corpus["doc_id"].str.split("-", n=1).str[0]
    if unknown := sorted(set(weights) - set(kinds)):
        raise ValueError(
            f"The corpus has no texts of the kind {unknown[0]!r}{nearest(unknown[0], kinds.unique())}: its kinds are "
            f"{', '.join(sorted(kinds.unique()))}."
        )
    if wrong := [kind for kind, weight in weights.items() if not 0 <= weight < float("inf")]:
        raise ValueError(f"The weight of {wrong[0]} is {weights[wrong[0]]}: choose 0 or more.")
    weight = kinds.map(weights).fillna(1.0).to_numpy(dtype=float)
    often = np.floor(weight + np.random.default_rng([seed, 1]).random(len(weight))).astype(int)
    texts = np.repeat(corpus["text"].to_numpy(dtype=object), often).tolist()
    if not texts:
        raise ValueError("All kinds of text weigh 0: let one of them be read.")
    return texts


def with_synonyms(texts: Sequence[str], groups: Sequence[Sequence[str]], seed: int) -> list[str]:
    """The texts, and each that names a word of a group once more, with another word of the group in its place.

    What means the same is then seen in the same company, which is all that a model learns of meaning.

    Args:
        texts: to be read.
        groups: words or phrases that mean the same, as [["sofa", "couch"], ["trainers", "sneakers"]]; read without
            case, and as whole words where the script parts words.
        seed: by which the other word is drawn.

    Raises:
        ValueError: a group of fewer than two different words, or a word in two groups.

    """
    of: dict[str, list[str]] = {}
    for group in groups:
        words = list(dict.fromkeys(word.strip().lower() for word in group if word.strip()))
        if len(words) < 2:
            raise ValueError(f"The synonyms {list(group)} name fewer than two different words: name two or more.")
        if twice := [word for word in words if word in of]:
            raise ValueError(f"{twice[0]!r} is in two groups of synonyms: join them, or leave it out of one.")
        of |= {word: [other for other in words if other != word] for word in words}
    if not of:
        return list(texts)
    longest_first = sorted(of, key=lambda word: (-len(word), word))
    pattern = re.compile(r"(?<![a-z0-9])(?:" + "|".join(map(re.escape, longest_first)) + r")(?![a-z0-9])", re.I)
    rng = np.random.default_rng([seed, 2])
    read = []
    for text in texts:
        read.append(text)
        said = pattern.sub(lambda found: str(rng.choice(of[found[0].lower()])), text)
        if said != text:
            read.append(said)
    return read
