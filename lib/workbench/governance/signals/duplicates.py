"""Products that stand twice in a catalogue: found by MinHash and locality-sensitive hashing, judged by similarity.

Shingles of characters and not of words, so that Chinese works and a typing error costs only the shingles around it.
A. Z. Broder: On the resemblance and containment of documents (1997); banding after J. Leskovec, A. Rajaraman and
J. Ullman: Mining of Massive Datasets, chapter 3.
"""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import ibis
import numpy as np
import pandas as pd
from datasketch import MinHash, MinHashLSH
from ibis.expr.types import Table
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from workbench.data import engine

SHINGLE = 4  # characters of a shingle in alphabets
SHINGLE_HAN = 2  # a Han character says as much as about two letters
PERMUTATIONS = 64
CANDIDATE = 0.5  # Jaccard similarity of shingles from which a pair is looked at
SIMILAR = 85.0  # of 100: similarity of titles from which two products that agree otherwise are one
ALIKE = 95.0  # the same where no description or attribute confirms it
PRICE_APART = 0.25  # products whose prices differ by more than this share are two
COMMON = 3  # titles in which a word occurs before it counts as a word of the trade and not a slip of the pen
HANDFUL = 5  # events that make a product no better known than none
LARGEST = 50  # members of a bucket beyond which pairs are not all looked at: they are a series, not copies
COPIES = {"key": "string", "survivor": "string", "similarity": "float64", "exact": "boolean"}
FILLER = frozenset(
    ["new", "sale", "hot", "copy", "duplicate", "offer", "free", "shipping", "original", "genuine", "official"]
)
FILLER_HAN = re.compile("正品|包邮|新款|副本|热卖|特价|现货|官方|新品")
_WORD = re.compile(r"[㐀-鿿]|[^\W_]+")
_FIGURE = re.compile(r"\d+(?:[.,/:]\d+)*|\+")


def copies(con: ibis.BaseBackend, items: Table, popularity: Table | None, name: str) -> Table:
    """Products that are copies of another, kept in the engine under `name`.

    Args:
        con: the engine.
        items: the contract's items; rows without an id or a title are left out.
        popularity: item_id, events: the better known of two equally complete products survives.
        name: of the kept table.

    Returns:
        key, survivor (item ids), similarity of the titles (0 … 100), exact (all fields are equal but for the id).

    """
    columns = ["item_id", "title", "brand", "category", "price", "attributes", "description"]
    frame = con.to_pandas(items.select(*items.columns).filter(items.item_id.notnull() & items.title.notnull()))
    frame = frame.drop_duplicates("item_id", ignore_index=True)
    frame["complete"] = _completeness(frame)
    known = con.to_pandas(popularity).set_index("item_id")["events"] if popularity is not None else pd.Series(dtype=int)
    frame["events"] = frame["item_id"].map(known).fillna(0)
    found = clusters(frame[[*columns, "complete", "events"]])
    return engine.keep(con, name, ibis.memtable(found, schema=COPIES))


def clusters(items: pd.DataFrame) -> pd.DataFrame:
    """Copies and survivors among products: most complete first, then far more events, then the smaller id.

    Args:
        items: item_id, title, brand, category, price, attributes (JSON text), description, complete, events.

    """
    known = np.floor(np.log10(items["events"].astype(float) + HANDFUL))  # in orders of magnitude: less is chance
    order = items.assign(events=known).sort_values(
        ["complete", "events", "item_id"], ascending=[False, False, True], ignore_index=True
    )
    products = [_Product(row) for row in order.itertuples()]
    words = Counter(word for product in products for word in set(product.words))
    parent = list(range(len(products)))
    scores: dict[int, float] = {}
    for one, other in _candidates(products):
        score = _similarity(products[one], products[other], words)
        if score:
            low, high = sorted((_root(parent, one), _root(parent, other)))
            parent[high] = low
            for index in (one, other):
                scores[index] = max(scores.get(index, 0.0), score)
    rows = [
        (products[index].id, products[root].id, scores[index], products[index].same(products[root]))
        for index in range(len(products))
        if (root := _root(parent, index)) != index
    ]
    return pd.DataFrame(rows, columns=list(COPIES)).astype({"key": "str", "survivor": "str", "exact": "bool"})


class _Product:
    """What of a product is compared, normalised once."""

    def __init__(self, row) -> None:  # type: ignore[no-untyped-def]
        self.id, self.title = str(row.item_id), _flat(row.title)
        self.brand, self.category = "".join(_words(row.brand)), "".join(_words(row.category))
        self.description = _flat(row.description)
        self.price = float(row.price) if pd.notna(row.price) else None
        self.words = _words(row.title)
        self.letters = "".join(self.words)
        self.jumbled = "".join(sorted(self.letters))
        self.figures, self.codes = _figures(row.title), _codes(row.title)
        self.attributes = _attributes(row.attributes)

    def text(self) -> str:
        values = " ".join(sorted(self.attributes.values()))
        return f"{' '.join(sorted(self.words))} {self.brand} {values}"

    def clues(self) -> list[str]:
        """What a copy of the product is likely to share: the letters of its title in any order, its description."""
        title = [f"title {self.jumbled}"] * (len(self.letters) > 8)
        return title + [self.description] * (len(self.description) > 30)

    def reworded(self, other: "_Product") -> bool:
        """Whether the titles say the same in words split, joined or in another order; numbers are never taken apart."""
        return self.jumbled == other.jumbled and len(self.letters) > 8 and self.figures == other.figures

    def reordered(self, other: "_Product") -> bool:
        """Whether the titles share words, or all letters, in another order: "HDMI to VGA" is not "VGA to HDMI"."""
        if self.jumbled == other.jumbled:
            return self.letters != other.letters
        shared = Counter(self.words) & Counter(other.words)
        mine, theirs = ([word for word in each.words if word in shared] for each in (self, other))
        return mine != theirs

    def same(self, other: "_Product") -> bool:
        mine = (self.title, self.brand, self.category, self.price, self.attributes, self.description)
        return mine == (other.title, other.brand, other.category, other.price, other.attributes, other.description)


def _similarity(one: _Product, other: _Product, common: Counter[str]) -> float:
    """Similarity of the titles, 0 … 100, of two products that nothing tells apart; 0 where something does."""
    if _apart(one, other):
        return 0.0
    sets = [" ".join(sorted(product.words)) for product in (one, other)]
    score = 100.0 if one.reworded(other) else max(fuzz.ratio(one.title, other.title), fuzz.ratio(*sets))
    confirmed = bool(one.attributes and other.attributes) or (
        len(one.description) > 20 and fuzz.ratio(one.description, other.description) > SIMILAR
    )
    if score < (SIMILAR if confirmed else ALIKE):
        return 0.0
    copied = len(one.description) > 20 and fuzz.ratio(one.description, other.description) > ALIKE
    return float(score) if _slips(one, other, common, may_add=2 if copied else 0) else 0.0


def _slips(one: _Product, other: _Product, common: Counter[str], may_add: int) -> bool:
    """Whether the titles differ by slips of the pen and filler words only, and by at most `may_add` words more."""
    if one.figures != other.figures:
        return False
    if one.reworded(other):
        return True
    mine = [word for word in (Counter(one.words) - Counter(other.words)).elements() if word not in FILLER]
    theirs = [word for word in (Counter(other.words) - Counter(one.words)).elements() if word not in FILLER]
    for word in list(mine):
        codes = one.codes & {word}
        meant = next(
            (near for near in theirs if not (codes and near in other.codes) and _slip(word, near, common)), None
        )
        if meant is not None:
            mine.remove(word)
            theirs.remove(meant)
    left = [*mine, *theirs]
    return len(left) <= may_add and not (mine and theirs) and not any(char.isdigit() for word in left for char in word)


def _slip(word: str, meant: str, common: Counter[str]) -> bool:
    """Whether two words are one, mistyped: nearly equal, without digits, and not both words of the trade."""
    if any(char.isdigit() for char in word + meant) or min(common[word], common[meant]) >= COMMON:
        return False
    return OSA.distance(word, meant) <= (1 if max(len(word), len(meant)) < 8 else 2)


def _apart(one: _Product, other: _Product) -> bool:
    """Whether brand, price, attributes, description or the order of the words say that these are two products."""
    told = (one.brand, one.description) == (other.brand, other.description) and len(one.description) > 20
    if one.reordered(other) and not told:
        return True
    if one.brand and other.brand and fuzz.ratio(one.brand, other.brand) < SIMILAR:
        return True
    if one.price and other.price and abs(one.price - other.price) > PRICE_APART * max(one.price, other.price):
        return True
    shared = one.attributes.keys() & other.attributes.keys()
    if any(one.attributes[key] != other.attributes[key] for key in shared):
        return True
    both = len(one.description) > 20 and len(other.description) > 20
    return both and fuzz.token_set_ratio(one.description, other.description) < 60


def _candidates(products: list[_Product]) -> Iterator[tuple[int, int]]:
    """Pairs of positions that resemble each other, each once, the smaller first.

    Those whose shingles do; and, because a copy may lack the attributes, those that share their words in any order or
    their description.
    """
    lsh = MinHashLSH(threshold=CANDIDATE, num_perm=PERMUTATIONS)
    alike: dict[str, list[int]] = defaultdict(list)
    shingled = ([shingle.encode() for shingle in _shingles(product.text())] for product in products)
    for index, sketch in enumerate(MinHash.generator(shingled, num_perm=PERMUTATIONS, seed=1)):
        near = set(sorted(lsh.query(sketch))[:LARGEST])
        for key in products[index].clues():
            near.update(alike[key][:LARGEST])
            alike[key].append(index)
        for other in sorted(near):
            yield other, index
        lsh.insert(index, sketch)


def _shingles(text: str) -> set[str]:
    size = SHINGLE_HAN if re.search("[㐀-鿿]", text) else SHINGLE
    return {text[i : i + size] for i in range(max(len(text) - size + 1, 1))}


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index


def _completeness(items: pd.DataFrame) -> pd.Series:
    """Fields filled, whatever the shop's columns are; a longer description breaks ties."""
    fields = items.drop(columns="item_id")
    filled = fields.notna() & (fields.astype("str").apply(lambda column: column.str.strip()) != "")
    return filled.sum(axis=1).astype(float)


def _flat(text: object) -> str:
    return " ".join(_words(text))


def _words(text: object) -> list[str]:
    """Words in lower case; each Han character is a word of its own."""
    if not isinstance(text, str):
        return []
    return _WORD.findall(FILLER_HAN.sub(" ", unicodedata.normalize("NFKC", text).casefold()))


def _figures(text: object) -> list[str]:
    """Numbers and plus signs of a text, sorted: of "DVD+R, 16x, 4.7 GB" +, 16 and 4.7."""
    found = _FIGURE.findall(unicodedata.normalize("NFKC", text)) if isinstance(text, str) else []
    return sorted(figure.replace(",", ".") for figure in found)


def _codes(text: object) -> set[str]:
    """Words in capitals, folded, of a title that is not all in capitals: one letter more or less is another model."""
    if not isinstance(text, str) or text == text.upper():
        return set()
    return {word.casefold() for word in _WORD.findall(unicodedata.normalize("NFKC", text)) if word.isupper()}


def _attributes(text: object) -> dict[str, str]:
    """Names and values of a JSON object, folded; empty for anything else."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:  # a rule of its own says so
        return {}
    pairs: Iterable[tuple[str, object]] = found.items() if isinstance(found, dict) else ()
    return {" ".join(_words(key)): " ".join(_words(str(value))) for key, value in pairs if value not in (None, "", [])}
