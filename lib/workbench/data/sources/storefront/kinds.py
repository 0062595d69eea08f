"""What the storefront sells: kinds of product with their materials and prices, as numbers and keys of the wording."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType

LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Kind:
    """A kind of product.

    Args:
        key: its name in the wording.
        department: shoes or apparel.
        groups: for whom it is made: letters of women, men, kids.
        price: median price for adults before the language's factor.
        materials: keys of the wording.
        season: warm, cold or all; single products differ from it now and then.
        heel: heights in cm from which a product's is drawn; empty where it has none.
        plural: its English noun is a plural.

    """

    key: str
    department: str
    groups: str
    price: float
    materials: tuple[str, ...]
    season: str = "all"
    heel: tuple[int, ...] = ()
    plural: bool = True


KINDS = (
    Kind("sneakers", "shoes", "wmk", 70, ("leather", "suede", "canvas", "mesh")),
    Kind("ankle_boots", "shoes", "wmk", 95, ("leather", "suede", "patent", "felt"), "cold", (2, 3, 4, 5, 6)),
    Kind("t_shirts", "apparel", "wmk", 20, ("cotton", "linen", "viscose", "polyester"), "warm", (), False),
    Kind("dresses", "apparel", "wk", 60, ("cotton", "linen", "viscose", "silk", "corduroy"), "warm", (), False),
    Kind("running_shoes", "shoes", "wmk", 90, ("mesh", "polyester", "canvas")),
    Kind("jeans", "apparel", "wmk", 55, ("denim", "cotton", "corduroy")),
    Kind("sandals", "shoes", "wmk", 45, ("leather", "suede", "rubber", "canvas"), "warm", (1, 2, 3, 5)),
    Kind("sweaters", "apparel", "wmk", 50, ("wool", "cotton", "cashmere", "viscose"), "cold", (), False),
    Kind("jackets", "apparel", "wmk", 85, ("leather", "denim", "polyester", "corduroy", "linen"), "all", (), False),
    Kind("loafers", "shoes", "wm", 80, ("leather", "suede", "patent", "canvas"), "all", (1, 2, 3)),
    Kind("hoodies", "apparel", "wmk", 45, ("cotton", "fleece", "polyester"), "all", (), False),
    Kind("pumps", "shoes", "w", 85, ("leather", "suede", "patent", "silk"), "all", (4, 5, 7, 8, 9)),
    Kind("trousers", "apparel", "wmk", 50, ("cotton", "wool", "linen", "viscose", "corduroy")),
    Kind("shirts", "apparel", "wm", 40, ("cotton", "linen", "denim", "silk"), "all", (), False),
    Kind("winter_boots", "shoes", "wmk", 110, ("leather", "suede", "rubber", "felt"), "cold", (2, 3, 4)),
    Kind("coats", "apparel", "wmk", 140, ("wool", "down", "cashmere", "polyester"), "cold", (), False),
    Kind("hiking_boots", "shoes", "wmk", 120, ("leather", "suede", "mesh", "canvas")),
    Kind("skirts", "apparel", "wk", 40, ("cotton", "denim", "wool", "silk", "corduroy"), "warm", (), False),
    Kind("ballet_flats", "shoes", "wk", 55, ("leather", "suede", "patent", "canvas"), "warm"),
    Kind("shorts", "apparel", "wmk", 30, ("cotton", "linen", "denim", "polyester"), "warm"),
    Kind("rain_boots", "shoes", "wmk", 50, ("rubber", "polyester", "felt"), "cold", (2, 3)),
    Kind("slippers", "shoes", "wmk", 30, ("felt", "wool", "leather", "cotton")),
    Kind("blouses", "apparel", "w", 45, ("viscose", "silk", "cotton", "linen"), "all", (), False),
    Kind("lace_ups", "shoes", "wm", 110, ("leather", "suede", "patent"), "all", (1, 2, 3)),
)
GROUPS = {"w": "women", "m": "men", "k": "kids"}
CATEGORIES = tuple((kind, GROUPS[letter]) for kind in KINDS for letter in kind.groups)
"""Leaves of the category tree, what sells most first."""
KIDS_PRICE = 0.6  # of the adults' price
SIZES = {
    ("shoes", "women"): [str(size) for size in range(35, 43)],
    ("shoes", "men"): [str(size) for size in range(39, 48)],
    ("shoes", "kids"): [str(size) for size in range(24, 37)],
    ("apparel", "women"): ["XXS", "XS", "S", "M", "L", "XL", "XXL"],
    ("apparel", "men"): ["XS", "S", "M", "L", "XL", "XXL", "3XL"],
    ("apparel", "kids"): ["92", "104", "116", "128", "140", "152", "164"],
}


@cache
def words(language: str) -> ModuleType:
    """The wording of a language: module `wording_en` or `wording_zh`."""
    return import_module(f"{__package__}.wording_{language}")


@cache
def opinions(language: str) -> ModuleType:
    """The sentences of a language's reviews and comments: module `opinions_en` or `opinions_zh`."""
    return import_module(f"{__package__}.opinions_{language}")


def path(category: int, language: str) -> str:
    """The category's path in the contract's form, such as `Shoes > Women > Ankle boots`."""
    own, (kind, group) = words(language), CATEGORIES[category]
    return f"{own.DEPARTMENTS[kind.department]} > {own.GROUPS[group]} > {own.KINDS[kind.key][0]}"


def pair(category: int, language: str) -> str:
    """One thing of the category as a sentence names it: `pair of loafers`, `dress`."""
    own, (kind, _) = words(language), CATEGORIES[category]
    noun = own.KINDS[kind.key][1]
    return own.PAIR.format(noun) if kind.plural else noun
