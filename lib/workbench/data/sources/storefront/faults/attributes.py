"""Planted faults inside the attributes, which stay valid JSON: contradictions, units, ranges, names, no values."""

import json
import re
from typing import Any

import numpy as np

from workbench.data.sources.storefront.faults.items import unsold
from workbench.data.sources.storefront.faults.shop import Row, Shop, chinese, fault, present

NUMBER = re.compile(r"\d+(?:\.\d+)?")
RANGE = re.compile(r"\s*(\w+)\s*-\s*(\w+)\s*")
COLOURS, COLOURS_ZH = ("green", "white", "purple", "orange"), ("绿色", "白色", "紫色", "橙色")


def _parsed(shop: Shop) -> list[Row]:
    """The attributes of every product; none where they are not an object."""
    if "attributes" not in shop.cache:
        shop.cache["attributes"] = [_object(text) for text in shop.array("items", "attributes")]
    return shop.cache["attributes"]


def _object(text: Any) -> Row:
    try:
        found = json.loads(text) if present(text) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _take(shop: Shop, fits: Any) -> int:
    """An untouched item whose attributes pass a test, unsold where possible; any with attributes where none does."""
    rows = _parsed(shop)
    some = np.array([bool(own) for own in rows], dtype=bool)
    mask = np.array([bool(own) and bool(fits(i, own)) for i, own in enumerate(rows)], dtype=bool)
    free = (mask & ~shop.used["items"]).any()
    return shop.take("items", mask if free else some, prefer=unsold(shop), need="an untouched item with attributes")


def _write(shop: Shop, row: int, values: Row, **others: str) -> None:
    shop.edit("items", row, attributes=json.dumps(values, ensure_ascii=False), **others)


def _in_title(shop: Shop, row: int, own: Row) -> list[str]:
    """The names of attributes whose words stand in the title."""
    title = str(shop.array("items", "title")[row])
    return [name for name, value in own.items() if isinstance(value, str) and len(value) > 1 and value in title]


@fault("items", "consistency")
def item_attribute_contradicts(shop: Shop) -> None:
    """An attribute contradicts the title: the title says black where the attributes say white."""
    row = _take(shop, lambda i, own: _in_title(shop, i, own))
    own, title = _parsed(shop)[row], str(shop.array("items", "title")[row])
    said = _in_title(shop, row, own)
    name = shop.pick(said) if said else next(iter(own))
    values = {other[name] for other in _parsed(shop) if isinstance(other.get(name), str)}
    colours = COLOURS_ZH if chinese(title) else COLOURS
    options = sorted(v for v in values if v not in title and v != own[name]) or [c for c in colours if c not in title]
    new = shop.pick(options)
    if said:
        _write(shop, row, {**own, name: new})
    else:
        _write(shop, row, {**own, name: new}, title=f"{title} ({own[name]})")


@fault("items", "accuracy")
def item_attribute_unit(shop: Shop) -> None:
    """A measure in the attributes is in another unit: ten or a hundred times what any other product has there."""

    def measures(own: Row) -> list[str]:
        return [name for name, value in own.items() if NUMBER.search(str(value))]

    row = _take(shop, lambda _, own: measures(own))
    own = _parsed(shop)[row]
    names = measures(own)
    if not names:
        raise shop.too_small("items", "an untouched item with a number in its attributes")
    name = shop.pick(names)
    known = [float(n) for other in _parsed(shop) for n in NUMBER.findall(str(other.get(name, "")))]
    least = min(float(n) for n in NUMBER.findall(str(own[name])))
    factor = next(f for f in (10, 100, 1000, 10**9) if least * f > 1.5 * max(known) or f == 10**9)
    text = NUMBER.sub(lambda found: f"{float(found.group()) * factor:g}", str(own[name]))
    _write(shop, row, {**own, name: text if isinstance(own[name], str) else float(text)})


@fault("items", "consistency")
def item_sizes_reversed(shop: Shop) -> None:
    """The range of sizes runs backwards, from the largest to the smallest."""

    def ranges(own: Row) -> list[tuple[str, str, str]]:
        found = [(name, RANGE.fullmatch(str(value))) for name, value in own.items()]
        return [(name, m[1], m[2]) for name, m in found if m and m[1] != m[2]]

    row = _take(shop, lambda _, own: ranges(own))
    own = _parsed(shop)[row]
    if ranges(own):
        name, low, high = ranges(own)[0]
        _write(shop, row, {**own, name: f"{high}-{low}"})
        return
    name = next((name for name, value in own.items() if NUMBER.search(str(value))), next(iter(own)))
    size = int(shop.rng.integers(36, 40))
    _write(shop, row, {**own, name: f"{size + 5}-{size}"})


@fault("items", "consistency")
def item_attribute_key_variant(shop: Shop) -> None:
    """An attribute has a name that no other product uses: in capitals, in another language, with a prefix."""
    row = _take(shop, lambda _, own: True)
    own = _parsed(shop)[row]
    name = shop.pick(list(own))
    known = {key for other in _parsed(shop) for key in other}
    forms = [name.upper(), f"attr_{name}", f"{name}_1", f"{name}:", f"pa_{name}", f"{name} ", f"Merkmal {name}"]
    new = shop.turn([form for form in forms if form not in known])
    _write(shop, row, {new if key == name else key: value for key, value in own.items()})


@fault("items", "completeness")
def item_attributes_blank(shop: Shop) -> None:
    """The attributes are an object in which nothing stands: no names, or no value to any name."""
    row = _take(shop, lambda _, own: True)
    own = _parsed(shop)[row]
    _write(shop, row, shop.turn([{}, dict.fromkeys(own, ""), dict.fromkeys(own), dict.fromkeys(own, "N/A")]))
