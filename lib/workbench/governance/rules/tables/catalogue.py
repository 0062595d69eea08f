"""What the rest of a catalogue says about one product: prices, attributes, categories and titles that stand out.

Everything is judged against the catalogue itself; a statistic that rests on too few products says nothing.
"""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.governance.rules import wording
from workbench.governance.rules.vocabulary import rare

OUTLIER = 6.0  # robust standard deviations (1.4826 times the median absolute deviation) of the log price in a category
SPREAD_FLOOR = 0.12  # of the log price: categories with one price would make every other price an outlier
ENOUGH = 8  # products of a category, or with a word, from which on they say what is usual
NEARLY_ALL = 0.9  # share of products that makes something the custom of the catalogue
GAP = 2.0  # times to the next price from which one at the end of its category stands alone
SELDOM = 0.02  # share below which something is against that custom, and not another custom
CENTS = np.log(100)
NUMBER = re.compile(r"^-?\d+(?:[.,]\d+)?$")
MEASURE = r"^(-?\d+(?:[.,]\d+)?)\s*[^\d\s.,-]+$"  # a number and its unit
FACTS = (
    "price_far", "price_cents", "price_hundredth", "price_fraction", "named_price", "is_code",
    "no_fit", "contradicts", "attribute_rare", "attribute_lacking",
    "attribute_kind", "attribute_far", "unknown_root", "odd_depth", "odd_parent", "shouted", "cut_off", "text_twice",
    "too_long", "too_short", "stuffed", "decorated", "odd_length", "says_twice", "description_contradicts",
)  # fmt: skip


def facts(items: pd.DataFrame) -> pd.DataFrame:
    """What stands out, by item_id: a boolean for each name in `FACTS`; an id that occurs twice has one row.

    Args:
        items: item_id, title, description, brand, category, price, attributes.

    """
    rows = items[items["item_id"].notna()].reset_index(drop=True)
    found = pd.DataFrame({"item_id": rows["item_id"].astype("str")})
    attributes = [_attributes(text) for text in rows["attributes"]]
    titles = [_flat(text) for text in rows["title"]]
    parts = [_prices(rows), _categories(rows["category"]), wording.facts(rows), _attribute_facts(rows, attributes)]
    found["no_fit"] = _misfits(titles, rows)
    found["contradicts"] = _contradictions(titles, rows, attributes)
    found["description_contradicts"] = _strangers([_flat(text) for text in rows["description"]], rows, attributes)
    found = pd.concat([found, *parts], axis=1)
    return found.groupby("item_id", as_index=False)[list(FACTS)].any()


def _prices(rows: pd.DataFrame) -> pd.DataFrame:
    """Prices far from their category's; hundred times, or a hundredth of, what is usual there."""
    price = pd.to_numeric(rows["price"], errors="coerce")
    logs = np.log(price.where(price > 0)).replace([np.inf, -np.inf], np.nan)
    group = rows["category"].fillna("").where(_size(rows["category"], logs) >= ENOUGH, "")
    middle = logs.groupby(group).transform("median")
    spread = (1.4826 * (logs - middle).abs().groupby(group).transform("median")).clip(lower=SPREAD_FLOOR)
    off = logs - middle
    far = ((off.abs() > OUTLIER * spread) | _alone(logs, group, off, spread)) & (logs.notna().sum() >= ENOUGH)
    near = np.maximum(3 * spread, 0.5)
    places = (price * 100).round(6) % 1 > 1e-6
    whole = price % 1 < 1e-9
    usual = float(places[price.notna()].mean() if price.notna().any() else 0) < SELDOM
    return pd.DataFrame({
        "price_far": far,
        "price_cents": far & whole & ((off - CENTS).abs() < near),
        "price_fraction": places & usual,
        "price_hundredth": (far & ((off + CENTS).abs() < near)) | (usual & places & (off < -3)),
    })  # fmt: skip


def _alone(logs: pd.Series, group: pd.Series, off: pd.Series, spread: pd.Series) -> pd.Series:
    """Prices at an end of their category with a gap of GAP times to the next."""
    ranked = logs.groupby(group)
    low, high = ranked.transform(_second), -(-logs).groupby(group).transform(_second)
    gap = np.where(off > 0, logs - high, low - logs)
    enough = ranked.transform("count") >= 2 * ENOUGH
    return (gap > np.log(GAP)) & (off.abs() > 3 * spread) & enough


def _second(values: pd.Series) -> float:
    """The second smallest value."""
    smallest = values.nsmallest(2)
    return float(smallest.iloc[-1]) if len(smallest) else np.nan


def _size(groups: pd.Series, values: pd.Series) -> pd.Series:
    return values.groupby(groups.fillna("")).transform("count")


def _categories(column: pd.Series) -> pd.DataFrame:
    """Paths of an unknown root, of an unusual depth, or whose leaf belongs elsewhere."""
    paths = column.fillna("").astype("str")
    split = {path: [part.strip() for part in path.split(">")] for path in paths.unique() if path.strip()}
    sizes = paths[paths.str.strip() != ""].value_counts().to_dict()
    total = sum(sizes.values())
    roots, depths, parents = Counter[str](), Counter[int](), defaultdict[str, Counter[str]](Counter)
    for path, parts in split.items():
        roots[parts[0]] += sizes[path]
        depths[len(parts)] += sizes[path]
        parents[parts[-1]][" > ".join(parts[:-1])] += sizes[path]
    usual_root = _middle_size(roots)  # what the typical product's root holds
    verdicts = {}
    for path, parts in split.items():
        own, leaf = parents[parts[-1]][" > ".join(parts[:-1])], parents[parts[-1]]
        verdicts[path] = (
            roots[parts[0]] < min(usual_root / 10, max(3.0, SELDOM * total)) and total >= 10 * ENOUGH,
            depths[len(parts)] < SELDOM * total and total >= 10 * ENOUGH,
            max(leaf.values()) >= ENOUGH and own * ENOUGH < max(leaf.values()),
        )
    judged = [verdicts.get(path, (False,) * 3) for path in paths]
    return pd.DataFrame(judged, columns=["unknown_root", "odd_depth", "odd_parent"], dtype=bool)


def _middle_size(counter: Mapping[str, int]) -> float:
    sizes = sorted(counter.values())
    return float(np.median(np.repeat(sizes, sizes))) if sizes else 0.0


def _attribute_facts(rows: pd.DataFrame, attributes: list[dict[str, Any]]) -> pd.DataFrame:
    """Attributes whose name, value, type or number hardly any other product has, or that nearly all others have."""
    root = rows["category"].fillna("").astype("str").str.split(">").str[0].str.strip()
    found = {name: np.zeros(len(rows), dtype=bool) for name in
             ("attribute_rare", "attribute_lacking", "attribute_kind", "attribute_far")}  # fmt: skip
    named: dict[str, list[int]] = defaultdict(list)
    for index, pairs in enumerate(attributes):
        for key in pairs:
            named[key].append(index)
    many = len(rows) >= 100
    for key, where in named.items():
        if many and len(where) <= 2:
            found["attribute_rare"][where] = True
            continue
        values = pd.Series([attributes[index][key] for index in where], index=where)
        shown = values.map(lambda value: str(value).strip().casefold())
        numeric = shown.str.match(NUMBER)
        seldom = rare(_counted(shown[~numeric]))
        found["attribute_rare"][shown.index[shown.isin(seldom) & ~numeric]] = True
        for odd in (numeric, values.map(lambda value: isinstance(value, str))):
            share = odd.mean()
            if len(where) >= 50 and 0 < min(share, 1 - share) < SELDOM:
                found["attribute_kind"][odd.index[odd if share < 0.5 else ~odd]] = True
        found["attribute_far"][_far(shown[numeric], root)] = True
        measures = shown.str.extract(MEASURE)[0].dropna()
        found["attribute_far"][_far(measures, root)] = True
        found["attribute_kind"][_strange_shapes(shown)] = True
    groups = root.groupby(root).groups
    for members in groups.values():
        if len(members) < 5 * ENOUGH:
            continue
        counts = Counter(key for index in members for key in attributes[index])
        custom = {key for key, count in counts.items() if count >= (1 - 2 * SELDOM) * len(members)}
        found["attribute_lacking"][[i for i in members if custom - attributes[i].keys()]] = True
    return pd.DataFrame(found)


def _strange_shapes(values: pd.Series) -> list[int]:
    """Positions of values with digits that are put together unlike nearly all others: '5 in' among '5 cm', '36-25 '."""
    shapes = values.str.replace(r"\d+(?:[.,]\d+)?", "0", regex=True)
    shares = shapes.map(shapes.value_counts(normalize=True))
    common = (shares >= SELDOM) & shapes.str.contains("0", regex=False)
    if len(values) < 50 or common.mean() < NEARLY_ALL:
        return []
    return [int(index) for index in values.index[shares < SELDOM / 2]]


def _counted(values: pd.Series) -> pd.DataFrame:
    return values.value_counts().rename_axis("value").reset_index(name="n")


def _far(values: pd.Series, root: pd.Series) -> list[int]:
    """Positions of numbers that are robust outliers among their root category's."""
    numbers = pd.to_numeric(values.str.replace(",", "."), errors="coerce").dropna()
    out: list[int] = []
    for _, group in numbers.groupby(root.reindex(numbers.index)):
        if len(group) < 5 * ENOUGH:
            continue
        middle = group.median()
        spread = 1.4826 * (group - middle).abs().median()
        bar = OUTLIER * max(spread, 0.15 * abs(middle), 1e-9)
        out += [int(index) for index in group.index[(group - middle).abs() > bar]]
    return out


def _misfits(titles: list[str], rows: pd.DataFrame) -> np.ndarray:
    """Titles with a word of another category, and with none that speaks for their own; at any level of the path."""
    brands = [set(_flat(brand).split()) for brand in rows["brand"]]
    words = [_pieces(title) - brand for title, brand in zip(titles, brands, strict=True)]
    paths = [
        [part.strip() for part in str(path).split(">")] if isinstance(path, str) else [] for path in rows["category"]
    ]
    bad = np.zeros(len(titles), dtype=bool)
    for level in (0, 1, -1):
        parts = [path[level] if len(path) > max(level, 0) else "" for path in paths]
        bad |= _misfit(words, parts)
    return bad if bad.mean() < 2 * SELDOM else np.zeros(len(titles), dtype=bool)


def _misfit(words: list[set[str]], categories: list[str]) -> np.ndarray:
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for own, category in zip(words, categories, strict=True):
        for word in own:
            seen[word][category] += 1
    top = {word: (*counted.most_common(1)[0], counted.total()) for word, counted in seen.items()}
    bad = np.zeros(len(words), dtype=bool)
    for index, (own, category) in enumerate(zip(words, categories, strict=True)):
        against = category and any(
            top[word][0] != category and top[word][1] >= max(ENOUGH, NEARLY_ALL * (top[word][2] - 1))
            and seen[word][category] <= max(1, SELDOM * top[word][2]) for word in own
        )  # fmt: skip
        bad[index] = bool(against) and not any(
            seen[word][category] - 1 >= 0.5 * top[word][2] and top[word][2] >= 3 for word in own
        )
    return bad


def _contradictions(titles: list[str], rows: pd.DataFrame, attributes: list[dict[str, Any]]) -> np.ndarray:
    """Where titles customarily name a brand or an attribute: titles that name another one than their own."""
    columns: dict[str, list[str]] = {"": [_flat(brand) for brand in rows["brand"]]}
    for key in {key for pairs in attributes for key in pairs}:
        columns[key] = [_flat(str(pairs.get(key, ""))) for pairs in attributes]
    bad = np.zeros(len(titles), dtype=bool)
    for values in columns.values():
        given = [index for index, value in enumerate(values) if value]
        vocabulary = Counter(values[index] for index in given)
        if len(given) < 5 * ENOUGH or not 1 < len(vocabulary) <= 2000 or all(NUMBER.match(v) for v in vocabulary):
            continue
        silent = [index for index in given if not _names(titles[index], values[index])]
        if len(silent) > (1 - NEARLY_ALL) * len(given):
            continue
        if len(silent) <= SELDOM / 2 * len(given):
            bad[silent] = True
        common = [value for value, count in vocabulary.items() if count >= 2 and not NUMBER.match(value)]
        for index in silent:
            bad[index] |= any(_names(titles[index], value) for value in common if value != values[index])
    return bad


def _strangers(texts: list[str], rows: pd.DataFrame, attributes: list[dict[str, Any]]) -> np.ndarray:
    """Texts that name another product's brand or attribute and not their own, where that is against all custom."""
    columns: dict[str, list[str]] = {"": [_flat(brand) for brand in rows["brand"]]}
    for key in {key for pairs in attributes for key in pairs}:
        columns[key] = [_flat(str(pairs.get(key, ""))) for pairs in attributes]
    bad = np.zeros(len(texts), dtype=bool)
    for values in columns.values():
        vocabulary = Counter(value for value in values if value)
        common = {value for value, n in vocabulary.items() if n >= 3 and not NUMBER.match(value) and len(value) > 1}
        given = [index for index, (text, value) in enumerate(zip(texts, values, strict=True)) if text and value]
        if len(given) < 5 * ENOUGH or not 1 < len(common) <= 300:
            continue
        told = [index for index in given if _names(texts[index], values[index])]
        others = [
            index for index in set(given) - set(told)
            if any(_names(texts[index], value) and value not in values[index] and values[index] not in value
                   for value in common)
        ]  # fmt: skip
        if told and len(others) <= SELDOM * len(told):
            bad[others] = True
    return bad


def _names(title: str, value: str) -> bool:
    """Whether a title names a value: as whole words, or anywhere where Han characters run together."""
    return f" {value} " in f" {title} " if value.isascii() else value in title


def _pieces(text: str) -> set[str]:
    """Words of a folded text; of Han, which has no spaces, pairs of characters."""
    found: set[str] = set()
    for word in text.split():
        found |= {word} if word.isascii() else {word[i : i + 2] for i in range(max(len(word) - 1, 1))}
    return {word for word in found if not NUMBER.match(word)}


def _flat(text: object) -> str:
    if not isinstance(text, str):
        return ""
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()))


def _attributes(text: object) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:  # a rule of its own says so
        return {}
    pairs: Iterable[tuple[str, Any]] = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in pairs if value is not None and not isinstance(value, (dict, list))}
