"""Planted faults: the truth names every touched row and no other, in shops of both languages and of any size."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from workbench.data.contract import COLUMNS
from workbench.data.sources.storefront.faults import HELD_OUT, KINDS, plant
from workbench.data.sources.storefront.faults.planting import UNSEEN
from workbench.data.sources.storefront.faults.shop import KEYS, PLANTERS

START = pd.Timestamp("2024-03-01", tz="UTC")
WORDS = {
    "en": (
        ["Leather", "Suede", "Knit", "Canvas"],
        ["ankle boots", "running shoes", "wool coat", "summer dress"],
        ["black", "red", "navy"],
    ),
    "zh": (
        ["真皮", "翻毛皮", "针织", "帆布"],
        ["女士短靴", "跑步鞋", "羊毛大衣", "夏季连衣裙"],
        ["黑色", "红色", "藏青色"],
    ),
}
PATHS = {
    "en": ["Shoes > Women > Ankle boots", "Apparel > Women > Coats"],
    "zh": ["鞋靴 > 女鞋 > 短靴", "服装 > 女装 > 大衣"],
}
BRANDS = {"en": ["Northfell", "Ardea", "Kimori"], "zh": ["北岭", "雅黛", "木森"]}
WANTS = {"en": ["black boots", "warm coat", "women's shoes"], "zh": ["黑色短靴", "羊毛大衣", "女鞋 37码"]}
SAYS = {"en": ["Lovely colour, fits well.", "Too narrow for me."], "zh": ["颜色好看，尺码合适。", "对我来说太窄了。"]}


def catalogue(language: str, count: int, rng: np.random.Generator) -> pd.DataFrame:
    first, middle, last = WORDS[language]
    number = np.arange(count)
    space = " " if language == "en" else ""
    titles = [space.join([first[i % 4], middle[i // 4 % 4], last[i // 16 % 3]]) + f" {i}" for i in number]
    return pd.DataFrame(
        {
            "item_id": [f"P{1000 + i}" for i in number],
            "title": titles,
            "description": [f"{SAYS[language][0]} {first[i % 4]}" for i in number],
            "category": [PATHS[language][i % 2] for i in number],
            "brand": [BRANDS[language][i % 3] for i in number],
            "price": (30 + 60 * rng.random(count)).round(2),
            "attributes": '{"colour": "red", "size": 37}',
            "language": language,
            "available_from": START + pd.to_timedelta(rng.integers(-90, 25, count), unit="D"),
            "in_stock": True,
        }
    )


def log(
    language: str, items: pd.DataFrame, users: pd.DataFrame, sessions: int, rng: np.random.Generator
) -> pd.DataFrame:
    rows: list[dict] = []

    def note(base: dict, kind: str, time: pd.Timestamp, seconds: float, **own: object) -> None:
        rows.append({**base, "event_type": kind, "timestamp": time + pd.Timedelta(seconds=seconds), **own})

    for s in range(sessions):
        time = START + pd.Timedelta(minutes=60 * 24 * 10 + 60 * 24 * 20 * s // sessions)
        on_sale = items[items["available_from"] <= time]
        who = {"user_id": users["user_id"][s % len(users)], "session_id": f"s{s:06d}"}
        for place, item in enumerate(on_sale.iloc[rng.choice(len(on_sale), 4, replace=False)].itertuples(), 1):
            base = {**who, "item_id": item.item_id}
            asked = {"request_id": f"r{s:06d}", "query": WANTS[language][s % 3], "position": place}
            note({**base, **asked}, "impression", time, 0, propensity=0.25)
            if place <= 2:
                note({**base, **asked}, "click", time, 9 * place)
            if place == 1 and s % 3 == 0:
                sale = {"quantity": 1.0 + s % 2, "value": item.price * (1 + s % 2), "currency": "USD"}
                note({**base, **sale}, "cart", time, 60)
                note({**base, **sale}, "purchase", time, 90, order_id=f"o{s:06d}")
                later = {**base, "session_id": f"t{s:06d}"}
                note(later, "review", time, 2e5, text=SAYS[language][s % 2])
                note(later, "comment", time, 2e5 + 30, text=SAYS[language][s % 2])
                note(later, "rating", time, 2e5 + 50, value=1.0 + s % 5)
                note(later, "share", time, 2e5 + 70)
    return pd.DataFrame(rows).assign(event_id=[f"e{i:07d}" for i in range(len(rows))])


@cache
def shop(language: str = "en", products: int = 300, people: int = 60, sessions: int = 250) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(7)
    items = catalogue(language, products, rng)
    ids = [f"u{i:05d}" for i in range(people)]
    users = pd.DataFrame(
        {"user_id": ids, "age": ["18-24", "25-34"] * (people // 2), "gender": ["female", "male"] * (people // 2)}
    )
    tables = {"items": items, "users": users, "events": log(language, items, users, sessions, rng)}
    types = {"string": "str", "float64": "float64", "int64": "Int64", "boolean": "boolean"}
    for name, table in tables.items():
        kinds = {column: types.get(kind, "datetime64[us, UTC]") for column, kind in COLUMNS[name].items()}
        own = [column for column in table.columns if column not in kinds]
        tables[name] = table.reindex(columns=[*kinds, *own]).astype(kinds)
    return tables


def changed(before: pd.DataFrame, after: pd.DataFrame) -> set[int]:
    """Positions of the rows that differ, added ones included."""
    same = after.iloc[: len(before)].reset_index(drop=True)
    differs = ~((before == same).fillna(False).astype(bool) | (before.isna() & same.isna())).all(axis=1)
    return {*np.flatnonzero(differs), *range(len(before), len(after))}


def test_kinds_cover_tables_and_dimensions_and_a_third_is_held_out() -> None:
    assert len(KINDS) >= 36
    assert {kind.table for kind in KINDS.values()} == {"items", "users", "events"}
    assert {kind.dimension for kind in KINDS.values()} == {
        "accuracy", "completeness", "consistency", "usability", "uniqueness", "timeliness",
    }  # fmt: skip
    assert all(kind.wrong.endswith(".") and "\n" not in kind.wrong for kind in KINDS.values())
    assert len(HELD_OUT) >= len(KINDS) / 3
    assert set(KINDS) > HELD_OUT
    assert {PLANTERS[name][1].__module__ in UNSEEN for name in HELD_OUT} == {True}
    assert {KINDS[name].dimension for name in HELD_OUT} == {kind.dimension for kind in KINDS.values()}
    assert {KINDS[name].table for name in HELD_OUT} == {"items", "users", "events"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_truth_names_every_touched_row_and_no_other(language: str) -> None:
    before = shop(language)
    originals = {name: table.copy() for name, table in before.items()}
    after, truth = plant(before, seed=3, count=len(KINDS) + 40)
    for name, key in KEYS.items():
        pd.testing.assert_frame_equal(before[name], originals[name])
        assert list(after[name].dtypes) == list(before[name].dtypes)
        touched = truth[truth["table"] == name]
        assert set(touched["key"]) <= set(after[name][key])
        rows = changed(before[name], after[name])
        assert set(after[name][key].iloc[sorted(rows)]) <= set(touched["key"])
        assert len(rows) == len(touched)
    assert set(truth["column"]) <= {"", *(column for table in after.values() for column in table.columns)}
    assert not truth.drop_duplicates(["plant_id", "kind"])["plant_id"].duplicated().any()


def test_count_is_spread_over_all_kinds() -> None:
    _, truth = plant(shop(), seed=5, count=len(KINDS) + 3)
    plants = truth.drop_duplicates("plant_id")["kind"].value_counts()
    assert plants.sum() == len(KINDS) + 3
    assert set(plants.index) == set(KINDS)
    assert set(plants) == {1, 2}


def test_same_seed_same_plants_other_seed_others() -> None:
    one, again, other = (plant(shop(), seed=seed, count=50) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one[1], again[1])
    for name in KEYS:
        pd.testing.assert_frame_equal(one[0][name], again[0][name])
    assert not one[1]["key"].equals(other[1]["key"])


@pytest.mark.parametrize(
    ("kind", "language"),
    [(kind, "en") for kind in KINDS]
    + [
        (kind, "zh")
        for kind in KINDS
        if kind in HELD_OUT or kind.startswith(("item_", "event_text", "query", "review"))
    ],
)
def test_each_kind_works_in_a_small_shop_and_changes_rows_of_its_table(kind: str, language: str) -> None:
    before = shop(language, products=30, people=12, sessions=40)
    after, truth = plant(before, seed=11, count=3, kinds=[kind])
    assert set(truth["kind"]) == {kind}
    assert truth["plant_id"].nunique() == 3
    assert sum(len(changed(before[name], after[name])) for name in KEYS) >= 3
    assert KINDS[kind].table in set(truth["table"])


@pytest.mark.parametrize(
    "kind", sorted(kind for kind in KINDS if kind.startswith(("item_", "event_text", "user_value")))
)
def test_forms_vary_inside_a_kind(kind: str) -> None:
    after, truth = plant(shop(), seed=4, count=8, kinds=[kind])
    table = KINDS[kind].table
    frame = after[table].set_index(KEYS[table])
    assert truth["plant_id"].nunique() == 8
    if not kind.endswith(("missing", "_wrong", "swapped", "duplicate", "reused")):
        rows = frame.loc[frame.index.isin(truth["key"])]
        assert len(rows.astype("string").fillna("").drop_duplicates()) >= 4


def test_faults_are_the_ones_their_names_say() -> None:
    before = shop()
    after, truth = plant(before, seed=9, count=4, kinds=["purchase_before_click"])
    events = after["events"]
    for key in truth["key"]:
        row = events[events["event_id"] == key].iloc[0]
        seen = events[(events["session_id"] == row["session_id"]) & (events["item_id"] == row["item_id"])]
        assert row["timestamp"] < seen.loc[seen["event_type"] == "impression", "timestamp"].min()
    after, truth = plant(before, seed=9, count=4, kinds=["order_two_users"])
    bought = after["events"].dropna(subset=["order_id"]).groupby("order_id")["user_id"].nunique()
    assert (bought == 2).sum() == 4
    after, truth = plant(before, seed=9, count=4, kinds=["position_repeated"])
    shown = after["events"][after["events"]["event_type"] == "impression"]
    assert shown.duplicated(["request_id", "position"]).sum() == 4


def planted(kind: str, count: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The events after planting one kind, and those of them that the truth names."""
    after, truth = plant(shop(), seed=9, count=count, kinds=[kind])
    events = after["events"]
    return events, events[events["event_id"].isin(truth["key"])]


def test_lists_clicks_and_sessions_are_broken_as_their_kinds_say() -> None:
    events, _ = planted("list_with_hole")
    places = events[events["event_type"] == "impression"].groupby("request_id")["position"]
    assert ((places.max() - places.min() + 1) > places.size()).sum() == 4
    events, _ = planted("list_split_in_time")
    assert (events[events["event_type"] == "impression"].groupby("request_id")["timestamp"].nunique() == 2).sum() == 4
    events, rows = planted("request_id_reused")
    assert (events.dropna(subset=["request_id"]).groupby("request_id")["user_id"].nunique() == 2).sum() == 4
    _, rows = planted("session_splintered")
    assert (rows.groupby("request_id")["session_id"].nunique() == rows.groupby("request_id").size()).all()
    _, rows = planted("session_one_instant")
    assert (rows.groupby("session_id")["timestamp"].nunique() == 1).all()
    events, rows = planted("click_position_differs")
    seen = events[events["event_type"] == "impression"].set_index(["request_id", "item_id"])["position"]
    assert all(seen[row.request_id, row.item_id] != row.position for row in rows.itertuples())


def test_orders_are_broken_as_their_kinds_say() -> None:
    events, _ = planted("order_over_days")
    bought = events.dropna(subset=["order_id"]).groupby("order_id")
    assert ((bought["timestamp"].max() - bought["timestamp"].min()) > pd.Timedelta(days=1)).sum() == 4
    assert (bought["user_id"].nunique() == 1).all()
    _, rows = planted("order_total_on_line")
    prices = rows["item_id"].map(shop()["items"].set_index("item_id")["price"])
    totals = (prices * rows["quantity"]).groupby(rows["order_id"]).sum()
    assert np.allclose(rows["value"], rows["order_id"].map(totals))
    assert (rows.groupby("order_id").size() >= 2).all()
    events, rows = planted("cart_after_purchase")
    done = events[events["event_type"] == "purchase"].set_index(["session_id", "item_id"])["timestamp"]
    assert all(row.timestamp > done[row.session_id, row.item_id] for row in rows.itertuples())
    events, rows = planted("review_before_purchase")
    done = events[events["event_type"] == "purchase"].groupby(["user_id", "item_id"])["timestamp"].min()
    assert all(row.timestamp < done[row.user_id, row.item_id] for row in rows.itertuples())


def test_a_city_lies_elsewhere_for_one_user_alone() -> None:
    before = dict(shop())
    regions = ["Camden", "Leeds", "Cardiff"] * 20
    before["users"] = before["users"].assign(city=regions, region=[{"Leeds": "North"}.get(c, "South") for c in regions])
    before["users"] = before["users"].drop(columns=["age", "gender"]).astype("str")
    after, truth = plant(before, seed=9, count=2, kinds=["user_city_elsewhere"])
    spoilt = after["users"][after["users"]["user_id"].isin(truth["key"])]
    assert set(truth["column"]) == {"region"}
    assert ((spoilt["city"] == "Leeds") == (spoilt["region"] == "South")).all()


@pytest.mark.parametrize("old", [False, True])
def test_events_before_the_product_are_all_in_the_truth(old: bool) -> None:
    """In a shop whose products are all older than its log, a product is made younger: its early events are listed."""
    before = dict(shop())
    if old:
        before["items"] = before["items"].assign(available_from=START.as_unit("us"))
    after, truth = plant(before, seed=9, count=6, kinds=["event_before_available"])
    known = after["events"].merge(after["items"], on="item_id")
    early = known[known["timestamp"] < known["available_from"]]
    assert set(truth.loc[truth["table"] == "events", "key"]) == set(early["event_id"])
    assert len(early) >= 6
    assert ("items" in set(truth["table"])) == old


def test_new_ids_look_like_the_shops_own() -> None:
    before = shop()
    after, _ = plant(before, seed=2, count=6, kinds=["click_farm", "item_exact_duplicate"])
    for name, pattern in {"users": r"u\d{5}", "items": r"P\d{4}", "events": r"e\d{7}"}.items():
        assert after[name][KEYS[name]].str.fullmatch(pattern).all()
        assert after[name][KEYS[name]].is_unique


def test_a_shop_without_purchases_and_reviews_gets_them() -> None:
    before = dict(shop())
    events = before["events"]
    before["events"] = events[events["event_type"].isin(["impression", "click"])].reset_index(drop=True)
    after, truth = plant(before, seed=2, count=6, kinds=["value_mismatch", "review_empty"])
    assert set(after["events"].iloc[len(before["events"]) :]["event_type"]) <= {"purchase", "cart", "review"}
    assert len(after["events"]) - len(before["events"]) == len(truth) == 6


def test_columns_of_plain_numpy_types_and_objects_work() -> None:
    before = {name: table.copy() for name, table in shop().items()}
    before["events"]["position"] = before["events"]["position"].astype("float64")
    for column in ("query", "text", "order_id", "user_id", "item_id"):
        before["events"][column] = before["events"][column].astype(object).where(before["events"][column].notna(), None)
    after, truth = plant(before, seed=3, count=len(KINDS))
    assert set(truth["kind"]) == set(KINDS)
    assert list(after["events"].dtypes) == list(before["events"].dtypes)


def test_mistakes_are_said_in_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"unknown kind of fault 'robot_rte'.*robot_rate"):
        plant(shop(), seed=1, kinds=["robot_rte"])
    with pytest.raises(ValueError, match=r"table 'items' .* is too small .* 'item_price_missing'"):
        plant(shop(products=30, people=12, sessions=40), seed=1, count=40, kinds=["item_price_missing"])
    with pytest.raises(ValueError, match="table 'events' lacks"):
        plant({**shop(), "events": shop()["events"].drop(columns="query")}, seed=1)
    with pytest.raises(ValueError, match="some kinds"):
        plant(shop(), seed=1, kinds=[])
