"""Planted faults of the catalogue's values: missing, impossible, in the wrong column, spelt or coded wrongly."""

import json
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.sources.storefront.faults import texts
from workbench.data.sources.storefront.faults.shop import Shop, chinese, fault


def unsold(shop: Shop) -> np.ndarray:
    """Items without carts and purchases: their change leaves no trace in the events' values."""
    return _without(shop, "cart", "purchase")


def _without(shop: Shop, *types: str) -> np.ndarray:
    """Items without events of these types; without any where none is given."""
    if ("without", types) not in shop.cache:
        events = shop.array("events", "item_id")
        named = set(events[shop.typed(*types)] if types else events)
        shop.cache["without", types] = np.array(
            [item not in named for item in shop.array("items", "item_id")], dtype=bool
        )
    return shop.cache["without", types]


def item_with(shop: Shop, *columns: str, test: Any = None) -> int:
    """An untouched item that has these columns, unsold where possible."""
    mask = np.logical_and.reduce([shop.has("items", column) for column in columns])
    return shop.take("items", mask, test, unsold(shop), f"an untouched item with {' and '.join(columns)}")


def _empty(shop: Shop, column: str) -> None:
    shop.edit("items", item_with(shop, column), **{column: shop.turn([None, "", "  "])})


@fault("items", "completeness")
def item_title_missing(shop: Shop) -> None:
    """The product has no title."""
    _empty(shop, "title")


@fault("items", "completeness")
def item_category_missing(shop: Shop) -> None:
    """The product has no category."""
    _empty(shop, "category")


@fault("items", "completeness")
def item_brand_missing(shop: Shop) -> None:
    """The product has no brand."""
    _empty(shop, "brand")


@fault("items", "completeness")
def item_price_missing(shop: Shop) -> None:
    """The product has no price."""
    shop.edit("items", item_with(shop, "price"), price=None)


@fault("items", "accuracy")
def item_price_not_positive(shop: Shop) -> None:
    """The price is zero or negative."""
    row = item_with(shop, "price")
    shop.edit("items", row, price=shop.turn([0.0, -float(shop.get("items", row, "price")), -1.0, -0.01]))


@fault("items", "consistency")
def item_price_in_cents(shop: Shop) -> None:
    """The price is in hundredths of the currency, as payment systems count."""
    row = item_with(shop, "price")
    shop.edit("items", row, price=float(round(100 * float(shop.get("items", row, "price")))))


@fault("items", "accuracy")
def item_price_outlier(shop: Shop) -> None:
    """The price lies far outside what its category costs: a slipped decimal point or a filler."""
    row = item_with(shop, "price", "category")
    price = float(shop.get("items", row, "price"))
    category = shop.array("items", "category") == shop.get("items", row, "category")
    prices = shop.tables["items"]["price"].to_numpy(dtype=float, na_value=np.nan)[category]
    prices = prices[prices > 0]
    low, high = float(np.min(prices)), float(np.max(prices))
    near = [min(low / shop.between(3, 8), price / 10), max(high * shop.between(2.5, 6), price * 10)]
    shop.edit(
        "items",
        row,
        price=shop.turn([round(near[1], 2), max(round(near[0], 2), 0.01), 0.01, 99999.0, round(near[1], 2)]),
    )


def _spoil(shop: Shop, columns: list[str], change: Any) -> None:
    column = shop.turn(columns)
    row = item_with(shop, column)
    shop.edit("items", row, **{column: change(shop.get("items", row, column), shop.rng)})


@fault("items", "usability")
def item_text_mojibake(shop: Shop) -> None:
    """The text was decoded with the wrong encoding."""
    _spoil(shop, ["title", "description"], texts.mojibake)


@fault("items", "usability")
def item_text_html(shop: Shop) -> None:
    """HTML tags or entities stand in the text."""
    _spoil(shop, ["description", "title"], texts.marked_up)


@fault("items", "usability")
def item_text_invisible(shop: Shop) -> None:
    """Control, zero-width or direction characters hide in the text."""
    _spoil(shop, ["title", "description", "brand"], texts.invisible)


@fault("items", "consistency")
def item_text_fullwidth(shop: Shop) -> None:
    """Letters or digits are written in their full-width form."""
    _spoil(shop, ["title", "title", "description"], texts.widened)


@fault("items", "consistency")
def item_text_not_nfc(shop: Shop) -> None:
    """The text is not in Unicode's composed form (NFC)."""
    _spoil(shop, ["title", "description"], texts.decomposed)


@fault("items", "consistency")
def item_text_untidy(shop: Shop) -> None:
    """White space is doubled, leading, trailing or of an odd kind."""
    _spoil(shop, ["title", "brand", "title"], texts.untidy)


@fault("items", "usability")
def item_title_placeholder(shop: Shop) -> None:
    """The title is a placeholder."""
    _spoil(shop, ["title"], lambda t, _: shop.turn(texts.PLACEHOLDERS_ZH if chinese(t) else texts.PLACEHOLDERS))


@fault("items", "usability")
def item_description_placeholder(shop: Shop) -> None:
    """The description is a placeholder."""
    _spoil(shop, ["description"], lambda t, _: shop.turn(texts.DESCRIPTIONS_ZH if chinese(t) else texts.DESCRIPTIONS))


@fault("items", "usability")
def item_title_stuffed(shop: Shop) -> None:
    """The title is stuffed: keywords over and over, or the whole description pasted in."""
    row = item_with(shop, "title", "description")
    title, description = shop.get("items", row, "title"), shop.get("items", row, "description")
    extra = (
        "爆款 热卖 正品 包邮 2024新款 网红 " if chinese(title) else "cheap best sale buy hot new 2024 free shipping "
    )
    forms = [
        f"{title} " * shop.pick([4, 7]),
        f"{title} {extra * 3}",
        f"{title} {description} " * 2,
        f"{extra * 4}{title}",
    ]
    shop.edit("items", row, title=shop.turn(forms).strip())


@fault("items", "usability")
def item_description_contact(shop: Shop) -> None:
    """The description sends shoppers off the shop, with a phone number or an address."""
    row = item_with(shop, "description")
    text = shop.get("items", row, "description")
    number = int(shop.between(1000, 9999))
    if chinese(text):
        forms = [
            f"{text} 加微信 xiezi{number} 更优惠",
            f"{text} 批发联系电话 1380013{number}",
            f"{text} QQ群 87{number}33",
        ]
    else:
        forms = [f"{text} Cheaper by WhatsApp +1 202 555 {number}.", f"Order at deals{number}@example.com! {text}",
                 f"{text} Buy direct: www.kicks-{number}.example"]  # fmt: skip
    shop.edit("items", row, description=shop.turn(forms))


@fault("items", "accuracy")
def item_language_wrong(shop: Shop) -> None:
    """The language column contradicts the text."""
    row = item_with(shop, "title", "language", test=lambda i: len(str(shop.get("items", i, "title"))) > 5)
    han = chinese(shop.get("items", row, "title"))
    shop.edit("items", row, language=shop.turn(["en", "de", "ar"] if han else ["zh", "ja", "ru"]))


@fault("items", "consistency")
def item_category_malformed(shop: Shop) -> None:
    """The category path is malformed: other separators, empty levels, loose ends."""
    row = item_with(shop, "category", test=lambda i: " > " in shop.get("items", i, "category"))
    path = shop.get("items", row, "category").split(" > ")
    forms = ["/".join(path), ">".join(path), " > ".join(path) + " >", " > " + " > ".join(path),
             " > ".join([path[0], "", *path[1:]]), " >> ".join(path), " | ".join(path), " > ".join([path[0], *path]),
             str(path), " &gt; ".join(path)]  # fmt: skip
    shop.edit("items", row, category=shop.turn(forms))


@fault("items", "accuracy")
def item_category_unknown_root(shop: Shop) -> None:
    """The category path starts at a root that the shop does not have."""
    row = item_with(shop, "category")
    root, mark, rest = shop.get("items", row, "category").partition(" > ")
    if chinese(root):
        forms = [
            "未分类",
            f"默认分类{mark}{rest}",
            f"{root[::-1]}{mark}{rest}",
            "其他 > 临时",
            "家电 > 厨房电器",
            f"测试{mark}{rest}",
        ]
    else:
        forms = ["Uncategorised", f"Default Category{mark}{rest}", f"{texts.mistyped(root, shop.rng)}{mark}{rest}",
                 "Root Catalog > Temp", "Electronics > Kitchen > Kettles", f"{root} (old){mark}{rest}"]  # fmt: skip
    shop.edit("items", row, category=shop.turn(forms))


@fault("items", "consistency")
def item_brand_variant(shop: Shop) -> None:
    """The brand is spelt in a variant that other products do not use."""
    brands = pd.Series(shop.array("items", "brand")).value_counts()
    row = item_with(
        shop, "brand", test=lambda i: len(brand := str(shop.get("items", i, "brand"))) > 1 and brands[brand] > 1
    )
    brand = shop.get("items", row, "brand")
    if chinese(brand):
        forms = [
            f"{brand}牌",
            f"{brand}（官方）",
            f"{brand}旗舰店",
            f"{brand[0]} {brand[1:]}",
            f"{brand}Official",
        ]
    else:
        forms = [brand.upper(), brand.lower(), f"{brand} Inc.", f"{brand}®", texts.mistyped(brand, shop.rng),
                 f"{brand} Official Store", f"The {brand}", brand[:1] + " " + brand[1:]]  # fmt: skip
    different = [form for form in forms if form not in brands.index]
    shop.edit("items", row, brand=shop.turn(different))


@fault("items", "usability")
def item_attributes_not_json(shop: Shop) -> None:
    """The attributes are not a JSON object."""
    row = item_with(shop, "attributes")
    text = shop.get("items", row, "attributes")
    inside = text.strip()[1:-1]
    forms = [text[:-1], "{" + inside + ",}", "[object Object]", inside.replace('"', "") or "color",
             text.replace('"', "'") + ";", json.dumps(text), text[: max(len(text) // 2, 1)],
             "{" + inside.replace('"', "") + ":}", text + text, "None"]  # fmt: skip
    shop.edit("items", row, attributes=shop.turn(forms))


def _swap(shop: Shop, left: str, right: str) -> None:
    row = item_with(shop, left, right, test=lambda i: shop.get("items", i, left) != shop.get("items", i, right))
    shop.edit("items", row, **{left: shop.get("items", row, right), right: shop.get("items", row, left)})


@fault("items", "accuracy")
def item_title_description_swapped(shop: Shop) -> None:
    """Title and description stand in each other's column."""
    _swap(shop, "title", "description")


@fault("items", "accuracy")
def item_brand_category_swapped(shop: Shop) -> None:
    """Brand and category stand in each other's column."""
    _swap(shop, "brand", "category")


@fault("items", "timeliness")
def item_available_impossible(shop: Shop) -> None:
    """The product is available from an impossible date: a system's zero, or decades ahead."""
    unseen = _without(shop)
    row = shop.take("items", shop.has("items", "available_from"), prefer=unseen)
    dates = ["1970-01-01", "1900-01-01", "1970-01-20 16:24:48", "1899-12-30"]
    if unseen[row]:  # else its events would come before the product as well
        dates += ["2099-12-31", "2120-05-01"]
    shop.edit("items", row, available_from=pd.Timestamp(shop.turn(dates), tz="UTC"))
