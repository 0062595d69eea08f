"""Planted faults of users: who they are, in the wrong column, the wrong words or more words than belong there."""

from typing import Any

import numpy as np
import pandas as pd

from workbench.data.sources.storefront.faults.shop import Shop, chinese, fault, present
from workbench.data.sources.storefront.faults.steps import in_chinese

TRANSLATED = {
    "female": "女", "male": "男", "not stated": "未填写", "low": "低", "lower middle": "中低", "middle": "中等",
    "upper middle": "中高", "high": "高", "London": "伦敦", "Wales": "威尔士", "Scotland": "苏格兰",
    "Manchester": "曼彻斯特", "Leeds": "利兹", "Bristol": "布里斯托尔", "Birmingham": "伯明翰", "Glasgow": "格拉斯哥",
}  # fmt: skip
BACK = {han: word for word, han in TRANSLATED.items()} | {
    "华东": "East China", "华北": "North China", "华南": "South China", "西南": "Southwest", "上海": "Shanghai",
    "北京": "Beijing", "广州": "Guangzhou", "成都": "Chengdu", "武汉": "Wuhan", "杭州": "Hangzhou",
}  # fmt: skip


def _texts(shop: Shop, least: int = 1) -> list[str]:
    """The text columns of demographics."""
    names = [str(c) for c in shop.tables["users"].columns if c != "user_id"]
    found = [c for c in names if any(isinstance(v, str) and v for v in shop.array("users", c)[:100])]
    if len(found) < least:
        raise shop.too_small("users", f"{least} text columns of demographics")
    return found


def _domain(shop: Shop, column: str) -> list[Any]:
    return [value for value in pd.unique(shop.array("users", column)) if present(value)]


@fault("users", "usability")
def user_id_personal(shop: Shop) -> None:
    """A user is listed by e-mail address or telephone number where all others have the shop's id."""
    frame = shop.tables["users"]
    if frame.empty:
        raise shop.too_small("users", "a user to take after")
    like, number = shop.row("users", int(shop.rng.integers(len(frame)))), int(shop.rng.integers(1000, 10000))
    if in_chinese(shop):
        forms = [
            f"zhang.wei{number}@example.cn",
            f"1380013{number}",
            f"+86 139 0013 {number}",
            f"wx_lili{number}@example.com",
        ]
    else:
        forms = [
            f"mary.ann{number}@example.com",
            f"+44 7700 90{number}",
            f"t.brown{number}@example.org",
            f"0770090{number}",
        ]
    shop.add("users", {**like, "user_id": shop.turn(forms)})


@fault("users", "accuracy")
def user_columns_swapped(shop: Shop) -> None:
    """Two demographic values stand in each other's column, where the column's other users never have them."""
    columns = _texts(shop, 2)
    one, two = (columns[i] for i in sorted(shop.rng.choice(len(columns), 2, replace=False)))
    left, right = set(_domain(shop, one)), set(_domain(shop, two))

    def apart(row: int) -> bool:
        return shop.get("users", row, one) not in right and shop.get("users", row, two) not in left

    row = shop.take("users", shop.has("users", one) & shop.has("users", two), apart)
    shop.edit("users", row, **{one: shop.get("users", row, two), two: shop.get("users", row, one)})


def _dependent(shop: Shop) -> tuple[str, str]:
    """Two columns of which the first settles the second for all users, as a city settles its region."""
    frame, columns = shop.tables["users"], _texts(shop, 2)
    pairs = []
    for one in columns:
        for two in columns:
            most = frame.groupby(one)[two].nunique().max()
            if one != two and most == 1 and frame[two].nunique() > 1:
                pairs.append((frame[one].nunique(), one, two))
    if not pairs:
        raise shop.too_small("users", "a column that settles another one, as a city settles its region")
    return max(pairs)[1:]


@fault("users", "consistency")
def user_city_elsewhere(shop: Shop) -> None:
    """The user's city lies in another region than it does for all other users."""
    if "dependent" not in shop.cache:
        shop.cache["dependent"] = _dependent(shop)
    city, region = shop.cache["dependent"]
    shared = shop.tables["users"][city].duplicated(keep=False).to_numpy(dtype=bool)
    row = shop.take("users", shop.has("users", city) & shop.has("users", region), prefer=shared)
    own = shop.get("users", row, region)
    shop.edit("users", row, **{region: shop.pick([v for v in _domain(shop, region) if v != own])})


@fault("users", "consistency")
def user_values_joined(shop: Shop) -> None:
    """Two values of a demographic column stand in one cell, as when two accounts were merged."""
    columns = [column for column in _texts(shop) if len(_domain(shop, column)) > 1]
    if not columns:
        raise shop.too_small("users", "two values of a demographic column")
    column = shop.pick(columns)
    row = shop.take("users", shop.has("users", column))
    own = shop.get("users", row, column)
    other = shop.pick([value for value in _domain(shop, column) if value != own])
    shop.edit("users", row, **{column: f"{own}{shop.turn([';', '|', ' / ', ',', ' + '])}{other}"})


@fault("users", "consistency")
def user_words_foreign(shop: Shop) -> None:
    """A demographic value is in another language than the column's others."""
    names = _texts(shop)
    words = BACK if any(chinese(value) for column in names for value in _domain(shop, column)) else TRANSLATED
    fits = {c: np.array([value in words for value in shop.array("users", c)], dtype=bool) for c in names}
    columns = [c for c in names if (fits[c] & ~shop.used["users"]).any()]
    if not columns:
        raise shop.too_small("users", "an untouched user with a value that has a well-known translation")
    column = shop.pick(columns)
    row = shop.take("users", fits[column])
    shop.edit("users", row, **{column: words[shop.get("users", row, column)]})
