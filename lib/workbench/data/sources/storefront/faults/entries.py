"""Planted faults of catalogue entry: what a person or a template typed into the wrong field, or of another product."""

import re

import numpy as np
import pandas as pd

from workbench.data.sources.storefront.faults.items import item_with, unsold
from workbench.data.sources.storefront.faults.shop import Shop, chinese, fault, present
from workbench.data.sources.storefront.faults.steps import currency_of

SIGNS = {"GBP": "£", "USD": "$", "EUR": "€", "CNY": "¥", "JPY": "¥"}


def _paths(shop: Shop) -> list[str]:
    if "paths" not in shop.cache:
        shop.cache["paths"] = sorted(p for p in pd.unique(shop.array("items", "category")) if present(p))
    return shop.cache["paths"]


@fault("items", "accuracy")
def item_category_contradicts(shop: Shop) -> None:
    """The product is filed in another branch of the shop than its title says, such as a coat among the boots."""
    row = item_with(shop, "category", "title")
    own = shop.get("items", row, "category").split(" > ")
    others = [path for path in _paths(shop) if path != " > ".join(own)]
    if not others:
        raise shop.too_small("items", "two categories")
    ways = [
        [path for path in others if path.split(" > ")[0] != own[0]],
        [path for path in others if path.split(" > ")[-1] != own[-1]],
        others,
    ]
    shop.edit("items", row, category=shop.pick(next(way for way in ways if way)))


@fault("items", "accuracy")
def item_brand_contradicts(shop: Shop) -> None:
    """The brand column names another of the shop's brands than the title does."""
    titles, brands = shop.array("items", "title"), shop.array("items", "brand")
    pairs = zip(titles, brands, strict=True)
    named = np.array([present(t) and present(b) and str(b) in str(t) for t, b in pairs], dtype=bool)
    mask = shop.has("items", "title") & shop.has("items", "brand") & ~shop.used["items"]
    row = shop.take("items", mask & named if (mask & named).any() else mask, prefer=unsold(shop))
    others = [b for b in pd.unique(brands) if present(b) and b != brands[row] and b not in titles[row]]
    if not others:
        raise shop.too_small("items", "two brands")
    shop.edit("items", row, brand=shop.pick(others))


@fault("items", "usability")
def item_title_with_price(shop: Shop) -> None:
    """The title names a price, which is another one than the product's."""
    row = item_with(shop, "title", "price")
    title, price = shop.get("items", row, "title"), float(shop.get("items", row, "price"))
    sign = SIGNS.get(currency_of(shop), "$")
    amount = f"{sign}{price * shop.pick([0.7, 0.8, 1.4]):.2f}"
    if chinese(title):
        forms = [
            f"{title} 到手价{amount}",
            f"【仅{amount}】{title}",
            f"{title}（原价{amount}）",
            f"{title} 券后{amount}",
        ]
    else:
        forms = [f"{title} only {amount}", f"{title} - was {amount}", f"{amount} {title}", f"{title} ({amount}!)"]
    shop.edit("items", row, title=shop.turn(forms))


@fault("items", "accuracy")
def item_price_fraction(shop: Shop) -> None:
    """The price has fractions of the smallest coin, as a tax taken off or a rate of exchange leaves them."""
    row = item_with(shop, "price")
    price = float(shop.get("items", row, "price"))
    wrong = round(price * shop.turn([1 / 1.2, 1.0873, 1 / 1.19, 0.9137]), 6)
    shop.edit("items", row, price=wrong if abs(wrong - round(wrong, 2)) > 1e-4 else round(wrong + 0.003333, 6))


@fault("items", "usability")
def item_title_is_code(shop: Shop) -> None:
    """The title is a code: the product's own id, a bar code, the name of an image file."""
    row = item_with(shop, "title")
    number, item = int(shop.rng.integers(1000, 10000)), shop.get("items", row, "item_id")
    forms = [item, f"IMG_{number}.jpg", f"590123412{number}", f"DSC0{number}.JPG", f"SKU-{number}-38-BLK",
             f"{item}_final.png", f"WMS{number}/{number % 97}"]  # fmt: skip
    shop.edit("items", row, title=str(shop.turn(forms)))


@fault("items", "consistency")
def item_description_of_other(shop: Shop) -> None:
    """The description is that of another product, whose model, brand or material it names."""
    row = item_with(shop, "description", "title")
    title, own = (str(shop.get("items", row, column)) for column in ("title", "description"))
    category = shop.get("items", row, "category")
    options = np.flatnonzero(shop.has("items", "description") & shop.has("items", "title") & ~shop.used["items"])
    best, most = -1, -1
    for other in shop.rng.permutation(options)[:200]:
        text, theirs = (str(shop.get("items", int(other), column)) for column in ("description", "title"))
        brand = str(shop.get("items", int(other), "brand"))
        words = {*re.findall(r"\w{2,}" if chinese(theirs) else r"\w{4,}", theirs), brand} - {""}
        score = 2 * any(word in text and word not in title for word in words)
        score += shop.get("items", int(other), "category") != category
        if score > most and text != own:
            best, most = int(other), score
    if best < 0:
        raise shop.too_small("items", "two untouched descriptions")
    shop.keep("items", best)
    shop.edit("items", row, description=shop.get("items", best, "description"))


@fault("items", "uniqueness")
def item_description_doubled(shop: Shop) -> None:
    """The description was pasted twice or more: it repeats itself word for word."""
    row = item_with(shop, "description")
    text = shop.get("items", row, "description").strip()
    gap = "" if chinese(text) else " "
    forms = [f"{text}{gap}{text}", f"{text}\n{text}", gap.join([text] * 3), f"{text}{text}"]
    shop.edit("items", row, description=shop.turn(forms))


@fault("items", "usability")
def item_text_template(shop: Shop) -> None:
    """The name of a variable stands in the text where a template should have put its value."""
    row = item_with(shop, "description", "title")
    column = shop.turn(["description", "title", "description"])
    text, brand = shop.get("items", row, column), str(shop.get("items", row, "brand"))
    signs = ["{{product.brand}}", "%BRAND_NAME%", "${brand}", "{brand}", "[[brand]]", "<%= brand %>", "@@brand@@"]
    sign = shop.turn(signs)
    shop.edit(
        "items", row, **{column: text.replace(brand, sign) if present(brand) and brand in text else f"{sign} {text}"}
    )


@fault("items", "completeness")
def item_category_shallow(shop: Shop) -> None:
    """The category path breaks off above the leaf: the product lies at a node that only other nodes lie below."""
    row = item_with(shop, "category", test=lambda i: " > " in shop.get("items", i, "category"))
    path = shop.get("items", row, "category").split(" > ")
    shop.edit("items", row, category=" > ".join(path[: shop.turn([-1, 1, -1])]))


@fault("items", "consistency")
def item_category_levels_swapped(shop: Shop) -> None:
    """The lower levels of the category path are in the wrong order, the kind of product above the group it is for."""
    row = item_with(shop, "category", test=lambda i: shop.get("items", i, "category").count(" > ") > 1)
    path = shop.get("items", row, "category").split(" > ")
    shop.edit("items", row, category=" > ".join([*path[:-2], path[-1], path[-2]]))


@fault("items", "uniqueness")
def item_sizes_as_products(shop: Shop) -> None:
    """One product is listed once more for each of its sizes, as products of their own with the size in the title."""
    row = shop.row("items", item_with(shop, "title"))
    letters = re.search(r"[SML]-|-X*[SML]\b", str(row["attributes"])) is not None
    first = int(shop.rng.integers(35, 40))
    sizes = ["S", "M", "L", "XL"] if letters else [str(first + place) for place in range(int(shop.rng.integers(3, 6)))]
    if chinese(row["title"]):
        form = shop.turn(["{title} {size}码", "{title}（{size}）", "{title}-{size}"])
    else:
        form = shop.turn(["{title}, size {size}", "{title} - {size}", "{title} ({size})"])
    for size in sizes:
        title = form.format(title=row["title"], size=size)
        shop.add("items", {**row, "item_id": shop.fresh("item_id"), "title": title})


@fault("items", "accuracy")
def item_not_a_product(shop: Shop) -> None:
    """The product is none: a line for postage, wrapping or a difference in price, as sellers book them."""
    row = shop.row("items", shop.take("items", shop.has("items", "title"), need="a product to take after"))
    if chinese(row["title"]):
        forms = ["补差价专用链接", "运费补拍", "赠品 请勿下单", "邮费差额 拍多少补多少", "礼品包装费"]
    else:
        forms = [
            "Shipping supplement",
            "Price difference, order as many as needed",
            "Gift wrapping",
            "Free gift, do not order",
            "Deposit",
        ]
    own = {"item_id": shop.fresh("item_id"), "title": shop.turn(forms), "price": 1.0}
    shop.add("items", {**row, **own, "description": own["title"], "attributes": None})
