"""Rules of any shop: each with a row that fails it, on a generated shop whose other rows must pass."""

import re

import pandas as pd
import pyarrow as pa
import pytest
from faulty_shop import KEYS, Frames, Planter, plant_all

from workbench.data import contract, engine, sources
from workbench.governance import cleaning, quality
from workbench.governance.cleaning.replay import replay
from workbench.governance.rules import ids, prices, shop, strings, wording, wordless
from workbench.governance.rules.tables import catalogue


@pytest.fixture(scope="module")
def shop_frames() -> tuple[Frames, dict]:
    con = engine.connect("500MB", threads=1)
    source = sources.find("storefront", options={"events": 8000, "faults": False, "users": 150, "products": 400})
    tables = source.collect(con, source.files()).tables
    return {name: tables[name].execute() for name in KEYS}, {name: tables[name].schema() for name in KEYS}


def arrow(frame: pd.DataFrame, schema) -> pa.Table:
    return pa.Table.from_pandas(frame.astype(object), schema=schema.to_pyarrow(), preserve_index=False)


def judge(frames: Frames, schemas: dict) -> tuple[set[tuple[str, str, str]], Frames]:
    """What the rules flag (rule, table, key), and the tables as seen."""
    con = engine.connect("500MB", threads=1)
    tables = {name: con.create_table(name, arrow(frame, schemas[name])) for name, frame in frames.items()}
    seen = shop.seen(con, tables)
    rules, _ = quality.applicable(shop.RULES, tables)
    return flagged(con, seen, rules, frames), seen


def flagged(con, seen, rules, frames, keys=KEYS) -> set[tuple[str, str, str]]:
    found = set()
    for name, key in keys.items():
        if name not in frames:
            continue
        mine = [rule for rule in rules if rule.table == name and rule.failing]
        table = seen[name]
        conditions = {f"r{i}": rule.condition(table, seen) for i, rule in enumerate(mine)}
        got = con.to_pandas(table.select(row_key=table[key], **conditions))
        for i, rule in enumerate(mine):
            found |= {(rule.name, name, str(value)) for value in got.loc[got[f"r{i}"], "row_key"]}
        for rule in (rule for rule in rules if rule.table == name and rule.key):
            again = frames[name].duplicated(list(rule.key)) & frames[name][list(rule.key)].notna().all(axis=1)
            found |= {(rule.name, name, str(value)) for value in frames[name].loc[again, key]}
        for rule in (rule for rule in rules if rule.table == name and rule.survivors):
            found |= {(rule.name, name, str(v)) for v in con.to_pandas(rule.survivors(table, seen))["key"]}
    return found


@pytest.fixture(scope="module")
def judged(shop_frames) -> tuple[Planter, set[tuple[str, str, str]]]:
    frames, schemas = shop_frames
    planter = plant_all(frames)
    return planter, judge(planter.frames, schemas)[0]


def test_every_planted_fault_is_found_by_its_rule(judged):
    planter, found = judged
    missed = [fault for fault in planter.truth if fault not in found]
    assert missed == []
    planted = {(table, key) for _, table, key in planter.truth}
    accused = {(table, key) for _, table, key in found} - planted
    assert len(accused) <= 0.02 * sum(len(frame) for frame in planter.frames.values())


def test_clean_rows_are_not_accused(shop_frames):
    frames, schemas = shop_frames
    found, seen = judge(frames, schemas)
    accused = {(table, key) for _, table, key in found}
    assert len(accused) <= 0.003 * sum(len(frame) for frame in frames.values()), sorted(found)[:10]
    for name, frame in frames.items():
        assert seen[name].count().execute() == len(frame)  # joins neither lose nor double rows


def verdicts(name: str, rows: list[dict], key: str, **others) -> dict[str, set[str]]:
    """The rules that each row of one table fails, by key."""
    con = engine.connect("500MB", threads=1)
    frame = pd.DataFrame(rows)
    made = contract.conform(con.create_table("raw", arrow_of(frame)), name)
    tables = {name: con.create_table(name, made), **{n: con.create_table(n, arrow_of(f)) for n, f in others.items()}}
    seen = shop.seen(con, tables)
    rules = [rule for rule in quality.applicable(shop.RULES, tables)[0] if rule.table == name]
    found: dict[str, set[str]] = {str(row[key]): set() for row in rows}
    for rule, _, value in flagged(con, seen, rules, {name: made.execute()}, {name: key}):
        found[value].add(rule)
    return found


def arrow_of(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


ITEMS = pd.DataFrame({"item_id": ["a", "b", "c"], "title": ["red boots", "blue dress", "olive belt"], "language": "en"})


def test_judged_pairs():
    good = [
        {"query_id": f"q{i}", "query": f"query {'xyz'[i % 3]}", "item_id": "a", "grade": float(i % 4)}
        for i in range(300)
    ]
    bad = {
        "grade off the scale": {"grade": 9.0},
        "judgment of an unknown product": {"item_id": "nowhere"},
        "judged query: stray white space": {"query": " boots "},
        "judged query: a placeholder, no value": {"query": "n/a"},
        "judgment without grade": {"grade": None},
        "judgment without query": {"query": None},
        "judged query is an address, code or far too long": {"query": "boots " * 60},
    }
    rows = good + [
        {"query_id": f"bad{i}", "query": "boots", "item_id": "a", "grade": 1.0} | change
        for i, change in enumerate(bad.values())
    ]
    rows += [{"query_id": "twice", "query": "belt", "item_id": "b", "grade": grade} for grade in (0.0, 2.0)]
    rows += [
        {"query_id": "named", "query": query, "item_id": item, "grade": 1.0}
        for query, item in (("red", "a"), ("blue", "b"))
    ]
    found = verdicts("judgments", rows, "query_id", items=ITEMS)
    for i, rule in enumerate(bad):
        assert rule in found[f"bad{i}"]
    assert found["twice"] == {"one product judged twice for a query, differently"}
    assert found["named"] == {"one query id for two queries"}
    assert all(found[row["query_id"]] == set() for row in good)


def test_labelled_texts():
    good = [{"text_id": f"t{i}", "text": f"my parcel {chr(97 + i % 26)}{chr(97 + i // 26)} is late",
        "label": ("delivery", "refund")[i % 2],
             "language": "en"} for i in range(300)]  # fmt: skip
    bad = {
        "same text with two labels": {"text": "My parcel aa is late!", "label": "refund"},
        "labelled text without text": {"text": None},
        "labelled text: a placeholder, no value": {"text": "   "},
        "labelled text without label": {"label": None},
        "label spelled unlike its usual form": {"label": "Delivery"},
        "label that hardly any text has": {"label": "weather"},
        "labelled text: HTML in it": {"text": "where is <b>it</b>"},
        "labelled text in another script than its language's": {"text": "我的包裹在哪里"},
        "text without a letter, or of one character": {"text": "1234 5"},
    }
    rows = good + [{"text_id": f"bad{i}", "text": f"something else {i} entirely", "label": "refund",
        "language": "en"} | change
                   for i, change in enumerate(bad.values())]  # fmt: skip
    found = verdicts("texts", rows, "text_id")
    for i, rule in enumerate(bad):
        assert rule in found[f"bad{i}"]
    assert {key for key, rules in found.items() if rules and not key.startswith("bad")} == {"t0"}  # told twice


def test_histories():
    rows = [
        {"history_id": "good", "item_ids": ["a", "b"], "next_item_id": "c"},
        {"history_id": "empty", "item_ids": [], "next_item_id": "c"},
        {"history_id": "stranger", "item_ids": ["a", "nowhere"], "next_item_id": "c"},
        {"history_id": "next", "item_ids": ["a"], "next_item_id": "nowhere"},
        {"history_id": "lost", "item_ids": ["a"], "next_item_id": None},
    ]
    found = verdicts("histories", rows, "history_id", items=ITEMS)
    assert found == {
        "good": set(), "empty": {"history without items"}, "stranger": {"history names unknown products"},
        "next": {"history goes on with an unknown product"}, "lost": {"histories.next_item_id: missing"},
    }  # fmt: skip


def cleaned(con, tables: dict) -> cleaning.Cleaned:
    """Tables cleaned by all rules; the record must lead from the collected ones to the clean ones, row by row."""
    rules, _ = quality.applicable(shop.RULES, tables)
    seen, keys = shop.seen(con, tables), shop.CLEANING_ORDER
    done = cleaning.clean(con, tables, seen, rules, keys, quality.measure(seen, rules))
    again = replay(con, tables, done.repairs, done.merges, done.quarantine, keys)
    for name in tables.keys() & keys.keys():
        assert rows_of(again[name]) == rows_of(done.tables[name])
    balance = done.balance
    assert balance["table"].tolist() == [name for name in keys if name in tables]
    assert (balance["collected"] == balance[["clean", "quarantined", "merged"]].sum(axis=1)).all()
    return done


def rows_of(table) -> list[str]:
    return sorted(map(str, table.execute().to_numpy().tolist()))


def test_offers_are_cleaned_and_name_the_product_that_stays():
    con = engine.connect("500MB", threads=1)
    days = pd.to_datetime(["2024-03-01", "2024-04-01"], utc=True).as_unit("us")
    offers = pd.DataFrame({"offer_id": ["o1", "o2", "o3", "o4"], "item_id": ["a", " b ", None, "copy"], "user_id": "u",
                           "valid_from": days[0], "valid_to": days[[1, 1, 1, 0]]})  # fmt: skip
    items = ITEMS.assign(description=["made of soft leather"] * 3, brand=["Aro", "Bel", "Cid"])
    items = pd.concat([items, items.iloc[:1].assign(item_id="copy", description=None)])
    tables = {name: contract.conform(con.create_table(f"raw_{name}", arrow_of(frame)), name)
              for name, frame in (("items", items), ("offers", offers))}  # fmt: skip
    done = cleaned(con, tables)
    kept = done.tables["offers"].order_by("offer_id").execute()
    assert kept[["offer_id", "item_id"]].values.tolist() == [["o1", "a"], ["o2", "b"], ["o4", "a"]]
    lost = done.quarantine.filter(done.quarantine.table == "offers").execute()
    assert lost[["key", "reasons"]].values.tolist() == [["o3", "offers.item_id: missing"]]


def test_an_id_given_to_another_product_as_well_stays_with_its_own():
    con = engine.connect("500MB", threads=1)
    said = ["Aro alpine boots in red leather", "Zet evening dress of green silk", "Mio wool scarf with fringes"]
    items = pd.DataFrame({"item_id": ["p1", "p2", "p2", "p3"], "title": [said[0], said[1], said[0], said[2]],
                          "description": ["", "worn once", "", ""], "language": "en"})  # fmt: skip
    done = cleaned(con, {"items": contract.conform(con.create_table("raw", arrow_of(items)), "items")})
    kept = done.tables["items"].order_by("item_id").execute()
    assert kept[["item_id", "title"]].values.tolist() == [["p1", said[0]], ["p2", said[1]], ["p3", said[2]]]
    assert done.quarantine.execute()["reasons"].tolist() == ["product id on a row that names another product"]
    assert done.merges.count().execute() == 0


def test_what_cleaning_takes_away_lacked_before():
    """A word that stands for no brand becomes a missing brand, which is no new fault."""
    con = engine.connect("500MB", threads=1)
    brands = ["Aro", "n/a", "Bel", None, "   ", *["Cid"] * 35]
    items = pd.DataFrame({"item_id": [f"p{i:02}" for i in range(40)], "title": [f"coat {WORDS[i]}" for i in range(40)],
                          "brand": brands, "language": "en"})  # fmt: skip
    tables = {"items": contract.conform(con.create_table("raw", arrow_of(items)), "items")}
    after = shop.seen(con, {"items": cleaned(con, tables).tables["items"]}, "clean")
    rule = named("product without brand")
    assert quality.measure(after, [rule])["failing"].tolist() == [3]
    assert quality.measure(shop.seen(con, tables, "again"), [rule])["failing"].tolist() == [3]


FILLING = {
    *(f"{column} missing where the product's other rows have it" for column in ("description", "category", "brand")),
    "price missing where the product's other rows have it",
    "value missing where others pay one price for the product", "currency missing where the product's is known",
}  # fmt: skip


def test_values_missing_of_purchases_and_products_get_the_right_ones(shop_frames):
    """Some values and currencies are lost, and some products stand there twice, once without price and brand."""
    frames, schemas = shop_frames
    con = engine.connect("500MB", threads=1)
    events, items = frames["events"].copy(), frames["items"]
    sold = events.index[events["event_type"].isin(["cart", "purchase"])]
    lost = {"value": sold[::40], "currency": sold[7::40]}
    for column, rows in lost.items():
        events.loc[rows, column] = None
    again = items.iloc[::100].copy()
    again[["price", "brand"]] = None
    both = pd.concat([items, again], ignore_index=True)
    tables = {name: con.create_table(name, arrow(frame, schemas[name]))
              for name, frame in (("items", both), ("events", events))}  # fmt: skip
    done = cleaned(con, tables)
    repaired = done.repairs.filter(done.repairs.rule.isin(sorted(FILLING))).execute()
    mine = repaired[repaired["table"] == "events"].set_index(["column", "key"])["after"]
    truth = frames["events"].set_index("event_id")
    assert set(mine["currency"].index) == set(events.loc[lost["currency"], "event_id"])
    assert (mine["currency"] == truth.loc[mine["currency"].index, "currency"]).all()
    values = mine["value"].astype(float)
    assert len(values) > 3
    assert values.to_dict() == truth.loc[values.index, "value"].to_dict()
    of_items = repaired[repaired["table"] == "items"]
    assert of_items["column"].value_counts().to_dict() == dict.fromkeys(("price", "brand"), len(again))
    price = of_items[of_items["column"] == "price"].set_index("key")["after"].astype(float)
    assert price.to_dict() == items.set_index("item_id").loc[price.index, "price"].to_dict()


def test_nothing_is_filled_where_nothing_is_missing(shop_frames):
    frames, schemas = shop_frames
    con = engine.connect("500MB", threads=1)
    tables = {name: con.create_table(name, arrow(frame, schemas[name])) for name, frame in frames.items()}
    rules = [rule for rule in shop.RULES if rule.name in FILLING]
    assert {rule.name for rule in rules} == FILLING
    assert quality.measure(shop.seen(con, tables), rules)["failing"].tolist() == [0] * len(FILLING)


def test_a_value_is_not_filled_where_buyers_pay_different_prices_or_are_few():
    con = engine.connect("500MB", threads=1)
    paid = {"even": [10.0] * 9, "sale": [10.0] * 4 + [9.0] + [8.0] * 3 + [7.0], "few": [10.0] * 2}
    rows = [{"event_type": "purchase", "item_id": item, "quantity": 2.0, "value": 2 * price, "list_price": 10.0}
            for item, each in paid.items() for price in each]  # fmt: skip
    rows += [row | {"quantity": 3.0, "value": None} for row in rows]
    seen, _wrong = prices.seen(con, con.create_table("events", arrow_of(pd.DataFrame(rows))), "test")
    due = seen.filter(seen.value.isnull()).execute().set_index("item_id")["value_due"]
    assert due["even"].eq(30.0).all()
    assert due[["sale", "few"]].isna().all()


def test_a_repair_names_one_of_a_products_judgments():
    con = engine.connect("500MB", threads=1)
    rows = [("q1", " boots "), ("q2", "boots"), ("q3", "boots"), ("q3", "boots"), ("q4", " red  boots"), ("q5", None)]
    judged = pd.DataFrame(rows, columns=["query_id", "query"]).assign(item_id="a", grade=[1.0, 2, 1, 1, 3, 3])
    tables = {"judgments": contract.conform(con.create_table("raw", arrow_of(judged)), "judgments")}
    done = cleaned(con, tables)
    kept = done.tables["judgments"].order_by("query_id").execute()
    assert kept["query"].tolist() == ["boots"] * 4 + ["red boots"]
    repairs = done.repairs.order_by("copy").execute()
    assert repairs[["key", "before", "after"]].values.tolist() == [
        ["a", " boots ", "boots"], ["a", " red  boots", "red boots"]
    ]  # fmt: skip
    assert repairs["copy"].is_unique


def test_a_stray_event_does_not_accuse_the_rest_of_its_request():
    con = engine.connect("500MB", threads=1)
    moments = pd.to_datetime(["2024-03-01 10:00"] * 19 + ["1999-01-01 10:00"], utc=True).as_unit("us")
    frame = pd.DataFrame({"event_id": [f"e{i:02}" for i in range(20)], "user_id": "u1", "request_id": "r1",
                          "item_id": [f"p{i}" for i in range(20)], "event_type": "impression",
                          "timestamp": moments})  # fmt: skip
    raw = con.create_table("raw", arrow_of(frame))
    tables = {"events": con.create_table("events", contract.conform(raw, "events"))}
    seen, rule = shop.seen(con, tables), named("event of a request on another day")
    late = seen["events"].filter(rule.condition(seen["events"], seen)).execute()
    assert late["event_id"].tolist() == ["e19"]


def test_the_list_is_wrong_where_customers_agree_on_another_price_and_an_event_where_it_stands_alone():
    con = engine.connect("500MB", threads=1)
    rows = [{"event_id": f"e{i:03}", "event_type": ("cart", "purchase")[i % 2], "item_id": f"p{i % 20}",
             "quantity": float(1 + i % 3), "value": 10.0 * (1 + i % 20) * (1 + i % 3)} for i in range(200)]  # fmt: skip
    rows[7]["quantity"] *= 4
    rows[8]["value"] *= 1.9
    items = pd.DataFrame({"item_id": [f"p{i}" for i in range(20)], "list_price": [10.0 * (1 + i) for i in range(20)]})
    items.loc[3, "list_price"] = 77.0
    events = con.create_table("events", arrow_of(pd.DataFrame(rows).merge(items, on="item_id")))
    seen, wrong = prices.seen(con, events, "test")
    assert wrong.execute()["item_id"].tolist() == ["p3"]
    off = seen.filter(seen.unit_off.abs() > prices.TOLERANCE).execute()
    assert sorted(off["event_id"]) == ["e007", "e008"]


def test_ids_are_judged_by_the_products_as_they_are_by_now():
    con = engine.connect("500MB", threads=1)
    written = ["p0001", "P0001", "p-0002", "0003", "3", "p9999", None]
    events = con.create_table("events", arrow_of(pd.DataFrame({"item_id": written})))
    known = con.create_table("items", arrow_of(pd.DataFrame({"item_id": ["p0001", "p0002", "p0003", None]})))
    found = ids.meant(con, events, known, "item_id", "meant").execute().set_index("written")["meant"].to_dict()
    assert found == {"P0001": "p0001", "p-0002": "p0002", "0003": "p0003", "3": "p0003"}
    fewer = known.filter(known.item_id == "p0001")
    unknown = events.select("item_id", bad=ids.unknown(events, {"items": fewer}, "items", "item_id")).execute()
    assert unknown["bad"].tolist() == [False, True, True, True, True, True, False]


@pytest.mark.parametrize(
    ("written", "pattern"),
    [
        ([f"u{i:07}" for i in range(99)] + ["U7"], "^[a-z]{1}[0-9]{7}$"),
        ([str(i) for i in range(99)] + ["x"], "^[0-9]+$"),
        ([f"{'abc'[i % 3] * (1 + i % 5)}{i}" * (1 + i % 4) for i in range(99)], ""),
    ],
)
def test_the_form_of_nearly_all_ids(written, pattern):
    con = engine.connect("500MB", threads=1)
    table = con.create_table("ids", arrow_of(pd.DataFrame({"user_id": written})))
    assert ids.form(con, table.user_id) == pattern


WORDS = list(dict.fromkeys(re.findall("[a-z]{3,}", str(pd.read_csv.__doc__).lower())))[:500]  # plain English
SAID = [" ".join(WORDS[start : start + 6]) for start in range(0, len(WORDS) - 6, 2)]
SAID_ZH = [f"这{thing}{verb}，{more}。" for thing in ("条裙子", "双鞋子", "件衬衫", "个背包", "条腰带")
           for verb in ("很合身", "到得很快", "颜色很好看", "有点小") for more in
           ("以后还会回购", "朋友们都说漂亮", "日常穿够用了", "质量非常好", "妹妹也想要", "穿着很舒服")]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "text", "odd"),
    [
        (SAID, "asdkjh wqzjdk lkjfg zxmcn", True),
        (SAID, "xcvb, hjkjh! zzxq", True),
        (SAID, "Das Kleid passt perfekt und sieht toll aus", False),
        (SAID, "the Zyxqorv default", False),
        (SAID, "xkcd", False),
        (SAID, "我很喜欢这条裙子", False),
        (SAID_ZH, "合友舒颜妹有到裙量", True),
        (SAID_ZH, "这条围巾颜色很好看，妹妹也说漂亮", False),
        (SAID_ZH, "I love this dress so much", False),
        (SAID[:50], "ghfj kdls wqziru tyghbn", False),  # too few texts to tell
    ],
)
def test_letters_that_are_no_words(said, text, odd):
    con = engine.connect("500MB", threads=1)
    table = con.create_table("said", arrow_of(pd.DataFrame({"text": [*said, text, None]})))
    assert wordless.gibberish(con, table, "test").execute()["text"].tolist() == [text] * odd


def test_one_letter_or_word_over_and_over():
    con = engine.connect("500MB", threads=1)
    bad = ["aaaa aaaa aaaa", "的的的的 的的的的的", "22222222222", "blah blah, blah!"]
    good = ["very very good", "哈哈哈哈", "mmm", "good good", "", "!!!!!!!!!", None]
    table = con.create_table("said", arrow_of(pd.DataFrame({"text": bad + good})))
    assert sorted(table.filter(wordless.monotonous(table.text)).execute()["text"]) == sorted(bad)


def named(name: str):
    return next(rule for rule in shop.RULES if rule.name == name)


def test_a_given_moment_of_collection_ends_the_log(shop_frames):
    frames, schemas = shop_frames
    con = engine.connect("500MB", threads=1)
    events = con.create_table("events", arrow(frames["events"], schemas["events"]))
    moment = frames["events"]["timestamp"].quantile(0.9)
    seen = shop.seen(con, {"events": events}, collected_at=moment.to_pydatetime())
    rule = next(rule for rule in shop.RULES if rule.name == "time after the log was collected")
    late = seen["events"].filter(rule.condition(seen["events"], seen)).count().execute()
    assert late == (frames["events"]["timestamp"] > moment).sum() > 0


@pytest.mark.parametrize(
    ("name", "column", "before", "after"),
    [
        ("product title: HTML in it", "title", "<b>Red</b> boots", "Red boots"),
        ("product title: read in a wrong encoding", "title", "cafÃ© noir", "café noir"),
        ("product title: stray white space", "title", "  red  boots ", "red boots"),
        ("category path malformed", "category", "Shoes>Men >Boots", "Shoes > Men > Boots"),
        ("brand: a placeholder, no value", "brand", "N/A", None),
        ("items.item_id: a whole number written as a float", "item_id", "1234.0", "1234"),
        ("items.item_id: a whole number written as a float", "item_id", "1.23457E+5", "123457"),
        ("items.item_id: a whole number written as a float", "item_id", "1.200E+2", "120"),
        ("product title: escape codes in it", "title", "%25E9%259B%25A8%25E9%259D%25B4", "雨靴"),
    ],
)
def test_repairs_give_the_right_value(name, column, before, after):
    con = engine.connect("500MB", threads=1)
    table = con.create_table("items", pa.table({column: pa.array([before], pa.string())}))
    rule = next(rule for rule in shop.RULES if rule.name == name)
    assert con.to_pandas(table.select(bad=rule.condition(table, {})))["bad"].tolist() == [True]
    mended = con.to_pyarrow(table.select(**rule.repair(table, {})))[column].to_pylist()
    assert mended == [after]


def test_digits_that_a_spreadsheet_cut_are_not_made_up():
    con = engine.connect("500MB", threads=1)
    cut, whole = ["1.23457E+12", "1E+05", "1.2345e2", "4.1e1000"], ["1.23457E+5", "12.0", "9e0", "a1E5", "12E5x", None]
    table = con.create_table("items", pa.table({"item_id": pa.array(cut + whole, pa.string())}))
    lost = named("items.item_id: digits that a spreadsheet cut off")
    mended = named("items.item_id: a whole number written as a float")
    assert lost.action == "quarantine"
    assert named("events.order_id: digits that a spreadsheet cut off").action == "warn"
    found = con.to_pandas(table.select("item_id", lost=lost.condition(table, {}), mended=mended.condition(table, {})))
    assert found.loc[found["lost"], "item_id"].tolist() == cut[:3]
    assert found.loc[found["mended"], "item_id"].tolist() == ["1.23457E+5", "12.0"]


def products(**columns: list) -> pd.DataFrame:
    """Sixty sound products, and then those whose own columns are given."""
    sound = {"title": [f"Selwick boots {word}, olive canvas" for word in map(str, range(60))],
             "description": [f"A boot numbered {n} that lasts for years." for n in range(60)],
             "price": [19.0 + n / 4 for n in range(60)]}  # fmt: skip
    extra = len(next(iter(columns.values())))
    rows = {name: [*values, *columns.get(name, values[:extra])] for name, values in sound.items()}
    return pd.DataFrame({**rows, "item_id": [f"p{n}" for n in range(60 + extra)], "brand": "Selwick",
                         "category": "Shoes > Boots", "attributes": None})  # fmt: skip


@pytest.mark.parametrize(
    ("fact", "column", "wrong", "right"),
    [
        ("price_fraction", "price", [24.173333], [24.17]),
        ("named_price", "title", ["Boots only $12.99"], ["Voucher $19.00"]),
        ("named_price", "title", ["雨靴 到手价¥88"], ["雨靴 1元素 2件"]),
        ("named_price", "title", ["（原价99元）雨靴"], ["雨靴 3米 99"]),
        ("is_code", "title", ["IMG_2041.jpg"], ["Boots 2041"]),
        ("is_code", "title", ["SKU-2041-38-BLK"], ["Stan-Smith2"]),
        ("is_code", "title", ["p60"], ["雨靴2041"]),
        ("cut_off", "description", ["A boot of the finest leath…"], ["A boot of leather."]),
        ("cut_off", "description", ["A boot of the finest leath..."], ["A boot of leather!"]),
        ("cut_off", "description", ["去年首次亮相的风"], ["去年首次亮相的风浪。"]),
    ],
)
def test_what_a_catalogue_says_of_one_product(fact, column, wrong, right):
    found = catalogue.facts(products(**{column: wrong})).set_index("item_id")[fact]
    assert found[found].index.tolist() == ["p60"]
    assert not catalogue.facts(products(**{column: right}))[fact].any()


def test_what_many_products_have_is_the_catalogues_custom():
    many = products(title=["Boots only $12.99"] * 4, price=[24.1733] * 4, description=["A boot of leath…"] * 4)
    assert not catalogue.facts(many)[["price_fraction", "named_price", "cut_off"]].any(axis=None)


@pytest.mark.parametrize(
    "text", ["Boots of %BRAND_NAME%", "Boots of @@brand@@", "__TITLE__", "{product.brand} boots", "{% if %}"]
)
def test_a_template_that_nobody_filled(text):
    con = engine.connect("500MB", threads=1)
    rule = named("product title: a template that nobody filled")
    sound = ["100%COTTON 50%", "[[中国不高兴]]", "a@@b", "5% OFF", "{ }"]
    table = con.create_table("items", pa.table({"title": pa.array([text, *sound], pa.string())}))
    assert con.to_pandas(table.select(bad=rule.condition(table, {})))["bad"].tolist() == [True] + [False] * len(sound)


@pytest.mark.parametrize("text", ["👍👍👍", "😍", "String", "Dummy", "Empty", "NAN", "none too soon", "Nil by mouth"])
def test_a_word_that_may_be_meant_is_a_value(text):
    con = engine.connect("500MB", threads=1)
    given = con.create_table("t", pd.DataFrame({"text": [text]}))
    assert not given.select(bad=strings.placeholder(given.text, typed=True)).execute()["bad"].iloc[0]
    assert not given.select(bad=strings.placeholder(given.text)).execute()["bad"].iloc[0]


@pytest.mark.parametrize(("text", "typed"), [("n/a", True), ("NaN", True), ("--", True), ("lorem ipsum", True),
                                             ("string", False), ("TODO", False), ("空", False)])  # fmt: skip
def test_a_word_that_stands_for_none_is_found_where_people_do_not_type(text, typed):
    con = engine.connect("500MB", threads=1)
    given = con.create_table("t", pd.DataFrame({"text": [text]}))
    assert given.select(bad=strings.placeholder(given.text)).execute()["bad"].iloc[0]
    assert given.select(bad=strings.placeholder(given.text, typed=True)).execute()["bad"].iloc[0] == typed


def test_an_articles_number_is_no_number_of_a_spreadsheet():
    con = engine.connect("500MB", threads=1)
    given = con.create_table("t", pd.DataFrame({"id": ["4e10", "7e0", "4E+10", "1.5e3"]}))
    assert given.select(bad=given.id.re_search(strings.EXPONENT_FORM)).execute()["bad"].tolist() == [
        False,
        False,
        True,
        True,
    ]


def test_ids_of_two_systems_with_the_same_digits_stay_two():
    con = engine.connect("500MB", threads=1)
    rows = [(f"A{n:04}", f"shoe {n}") for n in range(1, 90)] + [
        ("0007", "a quite different thing"),
        ("0008", "Shoe 8 "),
    ]
    items = con.create_table("i", pd.DataFrame(rows, columns=["item_id", "title"]))
    found = ids.twins(con, items, "item_id", "^[A-Z]{1}[0-9]{4}$", "twins", says="title").execute()
    assert found.to_numpy().tolist() == [["0008", "A0008"]]
    known = con.create_table("k", pd.DataFrame({"item_id": ["A3000-XL", "A3001"]}))
    events = con.create_table("e", pd.DataFrame({"item_id": ["3000", "3001"]}))
    meant = ids.meant(con, events, known, "item_id", "meant_variants").execute()
    assert meant.to_numpy().tolist() == [["3001", "A3001"]]


@pytest.mark.parametrize(
    ("title", "price", "names"),
    [("Voucher 25,00 €", 25.0, False), ("Voucher 25,00 €", 30.0, True), ("Boots €1.299,00", 1299.0, False),
     ("Boots $1,299.00", 1299.0, False), ("Voucher 25 EUR", None, False)],
)  # fmt: skip
def test_an_amount_in_a_title_is_read_by_its_decimals(title, price, names):
    found = wording._names_price(pd.Series([title]), pd.Series([price], dtype=float))
    assert found.tolist() == [names]
