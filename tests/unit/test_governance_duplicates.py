"""Near-duplicate products: which are one, and which of them survives."""

import pandas as pd

from workbench.data import engine
from workbench.governance.signals import duplicates

RED = {"title": "Selwick kids' sandals Bemond, olive canvas, non-slip sole", "brand": "Selwick", "price": 19.0,
       "category": "Shoes > Kids", "attributes": '{"colour": "olive", "size": "25-35"}',
       "description": "First shown last year, the Bemond returns in olive."}  # fmt: skip
SHOE = {"title": "拾棠舟 儿童凉鞋 风浪 帆布 橄榄绿 防滑大底", "brand": "拾棠舟", "price": 94.0,
        "category": "鞋靴 > 儿童",
        "attributes": '{"颜色": "橄榄绿"}',
        "description": "去年首次亮相的风浪，今年带着防滑大底和橄榄绿回归。剪裁留有余量。"}  # fmt: skip


def catalogue(*rows: dict) -> pd.DataFrame:
    fillers = [
        {"item_id": f"f{i}", "title": f"{colour} {thing} {i}", "brand": "Filler", "price": 10.0 + i,
            "category": "Other",
         "attributes": f'{{"colour": "{colour}"}}', "description": None}
        for i, (colour, thing) in enumerate((c, t) for c in ("red", "blue", "olive") for t in ("boots", "dress",
            "belt"))
    ]  # fmt: skip
    frame = pd.DataFrame([*rows, *fillers])
    return frame.assign(complete=duplicates._completeness(frame), events=frame.get("events", pd.Series(0)).fillna(0))


def found(*rows: dict) -> dict[str, str]:
    copies = duplicates.clusters(catalogue(*rows))
    return dict(zip(copies["key"], copies["survivor"], strict=True))


def test_the_more_complete_product_survives_then_the_better_known():
    assert found(RED | {"item_id": "a", "description": None}, RED | {"item_id": "b"}) == {"a": "b"}
    assert found(RED | {"item_id": "a"}, RED | {"item_id": "b", "events": 9}) == {"a": "b"}
    assert found(RED | {"item_id": "a"}, RED | {"item_id": "b"}) == {"b": "a"}


def test_slips_case_and_filler_words_are_near_duplicates():
    for title in ("NEW Selwick kids' sandals Bemond olive canvas non-slip sole",
        "selwick kids sandels bemond olive canvas non slip sole"):  # fmt: skip
        assert found(RED | {"item_id": "a"}, RED | {"item_id": "b", "title": title, "description": None}) == {"b": "a"}


def test_words_in_another_order_are_a_copy_only_where_the_description_says_so():
    title = "Bemond olive canvas sandals, Selwick kids', non-slip sole"
    assert found(RED | {"item_id": "a"}, RED | {"item_id": "b", "title": title}) == {"b": "a"}
    assert found(RED | {"item_id": "a"}, RED | {"item_id": "b", "title": title, "description": None}) == {}
    for one, other in (("Adapter HDMI to DisplayPort 4K black", "Adapter DisplayPort to HDMI 4K black"),
                       ("女童红色上衣配白色短裤套装", "女童白色上衣配红色短裤套装")):  # fmt: skip
        alike = {"brand": "Kabelo", "price": 14.99, "category": "Other", "attributes": None, "description": None}
        assert found(alike | {"item_id": "a", "title": one}, alike | {"item_id": "b", "title": other}) == {}


def test_a_reordered_copy_that_lost_its_attributes_is_found_and_the_older_id_survives():
    title = "kids' sandals with olive canvas, non-slip sole Bemond Selwick"
    near = RED | {"item_id": "b", "title": title, "attributes": None, "price": 19.4}
    whole = RED | {"item_id": "a", "title": "Selwick Bemond kids' sandals with olive canvas, non-slip sole"}
    assert found(whole, near | {"events": 4}) == {"b": "a"}
    assert found(whole | {"events": 1}, whole | {"item_id": "b", "title": title, "events": 4}) == {"b": "a"}


def test_a_chinese_near_duplicate():
    near = SHOE | {"item_id": "b", "title": "拾棠舟儿童凉鞋 风浪 帆布 橄榄绿 防滑大底 正品", "description": None}
    assert found(SHOE | {"item_id": "a"}, near) == {"b": "a"}


def test_variants_are_products_of_their_own():
    other = {"item_id": "b", "description": None}
    blue = RED | other | {"attributes": '{"colour": "blue", "size": "25-35"}'}
    assert found(RED | {"item_id": "a"}, blue) == {}
    assert found(RED | {"item_id": "a"}, RED | other | {"price": 40.0}) == {}
    assert found(RED | {"item_id": "a"}, RED | other | {"brand": "Marwick"}) == {}
    numbers = [
        RED | {"item_id": f"n{i}", "title": f"Selwick kids' sandals Bemond {i}00", "attributes": None} for i in (3, 4)
    ]
    assert found(*numbers) == {}
    names = [
        RED | other | {"item_id": n, "title": f"Selwick kids' sandals {n}, canvas", "description": None}
        for n in ("Bemond", "Kacky")
    ]
    assert found(*names) == {}


def test_other_numbers_are_other_products_and_split_ones_the_same():
    def merged(one: str, other: str) -> bool:
        bare = RED | {"attributes": None}
        return bool(found(bare | {"item_id": "a", "title": one}, bare | {"item_id": "b", "title": other}))

    for one, other in (("Trainers model 12", "Trainers model 21"), ("USB cable 1.5 m", "USB cable 15 m"),
                       ("USB cable 1.5 m", "USB cable 5.1 m"), ("Network cable 20m grey", "Network cable 2.0m grey"),
                       ("运动鞋 型号12 透气网面", "运动鞋 型号21 透气网面"),
                       ("Discs DVD+R 4.7 GB", "Discs DVD-R 4.7 GB"),
                       ("Mount RPMAU, ceiling", "Mount RSMAU, ceiling")):  # fmt: skip
        assert not merged(one, other)
    for one, other in (("Memory 667MHz 2 GB, Selwick", "Selwick memory 667 MHz 2GB"),
                       ("USB 2.0 cable, 1,5 m", "Cable USB 2.0, 1.5 m")):  # fmt: skip
        assert merged(one, other)


def test_copies_of_copies_have_one_survivor_and_exact_ones_say_so():
    con = engine.connect("500MB", threads=1)
    rows = [RED | {"item_id": name} for name in "abc"] + [RED | {"item_id": "d", "description": None}]
    items = con.create_table("items", catalogue(*rows).drop(columns=["complete", "events"]))
    popularity = con.create_table("known", pd.DataFrame({"item_id": ["c"], "events": [5]}))
    copies = duplicates.copies(con, items, popularity, "copies").execute().set_index("key")
    assert copies["survivor"].to_dict() == {"a": "c", "b": "c", "d": "c"}
    assert copies["exact"].to_dict() == {"a": True, "b": True, "d": False}
