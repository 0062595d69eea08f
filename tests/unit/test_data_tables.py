"""The user's own files by a parameters file alone: the four shapes, the real sets, the preview."""

import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import ibis
import pandas as pd
import pytest

from workbench.data import contract, engine, sources
from workbench.data.collected import Collected, SourceError
from workbench.data.preview import preview
from workbench.data.raw import delimited, json_rows, reading
from workbench.data.sources import tables
from workbench.governance import cleaning
from workbench.run.profile import load_profile, read_yaml
from workbench.run.project import Project

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("WORKBENCH_TEST_DATA", ROOT.parent / "shared" / "data"))
PROFILES = ("my_shop", "icecat_search", "banking77", "office_products", "clothing_reviews")
Require = Callable[[object, str], None]
ITEMS = {"files": "items.csv", "columns": {"item_id": "sku", "title": "name", "price": "price", "colour": "farbe"}}
EVENTS = {
    "files": "log-*.csv",
    "columns": {"user_id": "u", "item_id": "sku", "event_type": "what", "timestamp": "at", "position": "pos"},
    "event_types": {"view": "click", "buy": "purchase"},
    "constants": {"currency": "EUR"},
    "timezone": "Europe/Berlin",
}
NOTHING_FAILS = pd.DataFrame({"rule": pd.Series(dtype=str), "failing": pd.Series(dtype=int)})


@pytest.fixture(scope="module")
def con() -> ibis.BaseBackend:
    return engine.connect("500MB", threads=1)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A small shop's files."""
    (tmp_path / "items.csv").write_text("sku;name;price;farbe\n1;Schuh;12,50;rot\n2;Stiefel;1.234,50;\n")
    (tmp_path / "log-1.csv").write_text("u,sku,what,at,pos\na,1,view,2024-07-01 12:00:00,1\na,1,buy,2024-01-01,\n")
    (tmp_path / "log-2.csv").write_text("what,u,at,sku,pos\nwink,b,2024-07-01T12:00:00Z,2,3\n")
    return tmp_path


def collect(con: ibis.BaseBackend, folder: Path, **options: Any) -> Collected:
    source = sources.find("tables", str(folder), options)
    return source.collect(con, source.files())


def frame(found: Collected, table: str) -> pd.DataFrame:
    made = found.tables[table].execute()
    return made.sort_values(made.columns[0]).reset_index(drop=True)


def test_a_behaviour_log_with_its_catalogue(con: ibis.BaseBackend, shop: Path) -> None:
    found = collect(con, shop, items=ITEMS, events=EVENTS)
    for name in ("items", "users", "events"):
        contract.check(found.tables[name], name)
    events = frame(found, "events")
    assert events["event_id"].tolist() == ["1-1", "1-2", "2-1"]
    assert events["event_type"].tolist() == ["click", "purchase", "wink"]
    assert events["item_id"].tolist() == ["1", "1", "2"]
    assert events["timestamp"].astype(str).tolist() == [
        "2024-07-01 10:00:00+00:00", "2023-12-31 23:00:00+00:00", "2024-07-01 12:00:00+00:00"
    ]  # fmt: skip
    assert events["position"].fillna(0).tolist() == [1, 0, 3]
    assert set(events["currency"]) == {"EUR"}
    items = frame(found, "items")
    assert items["price"].tolist() == [12.5, 1234.5]
    assert items["language"].tolist() == ["en", "en"]
    assert list(items.columns) == [*contract.COLUMNS["items"], "colour"]
    assert frame(found, "users")["user_id"].tolist() == ["a", "b"]
    assert found.shape == "behaviour"
    assert any("without a translation stay as they are: wink" in note for note in found.notes)
    assert any("items.csv read as utf-8 (detected), delimiter ';'" in note for note in found.notes)
    assert ("events", "timestamp", "text, Europe/Berlin where it gives no offset", "time in UTC") in found.conversions


def written(path: Path, count: int, ragged: bool) -> None:
    """A file whose row number n holds n, a broken row first if asked for."""
    with path.open("w") as file:
        if path.suffix == ".csv":
            file.write("n,other\n" + "broken\n" * ragged)
            file.writelines(f"{n},{'x' * (n % 7)}\n" for n in range(1 + ragged, count + 1))
        else:
            begin, end = ("[", "]") if path.suffix == ".json" else ("", "")
            between = ",\n" if begin else "\n"
            file.write(begin + "{broken}\n" * ragged)
            file.write(between.join(f'{{"n": {n}}}' for n in range(1 + ragged, count + 1)) + end)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json"])
@pytest.mark.parametrize(("count", "block", "ragged"), [(100_000, 20_000, False), (30_000, 20_000, True)])
def test_rows_have_the_numbers_of_the_file_with_several_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, count: int, block: int, ragged: bool
) -> None:
    monkeypatch.setattr(delimited, "ROW_BYTES", block)
    monkeypatch.setattr(json_rows, "ROW_BYTES", block)
    written(tmp_path / name, count, ragged)
    whole = Reading(count - ragged, count - ragged, 0, order_kept=True, order_free_after=True)
    assert twice(tmp_path / name) == [whole, whole]


def test_over_a_million_rows_have_the_numbers_of_the_file(tmp_path: Path) -> None:
    written(tmp_path / "a.csv", 1_100_000, ragged=False)
    whole = Reading(1_100_000, 1_100_000, 0, order_kept=True, order_free_after=True)
    assert twice(tmp_path / "a.csv") == [whole, whole]


class Reading(NamedTuple):
    """How a file was read: its rows, their different numbers, how many have that of another row, and whether the
    engine kept the order while it numbered them, and was free of that afterwards."""

    rows: int
    numbers: int
    misnumbered: int
    order_kept: bool
    order_free_after: bool


def twice(path: Path) -> list[Reading]:
    """Read a file twice with two threads."""
    found = []
    for attempt in ("one", "two"):
        many = engine.connect("500MB", threads=2)
        order_kept: list[bool] = []
        asked = many.raw_sql

        def raw_sql(query: str, asked: Callable[..., Any] = asked, kept: list[bool] = order_kept, **more: Any) -> Any:
            if "row_number() OVER ()" in query:  # without an order it promises nothing, unless this is set
                kept.append(asked("SELECT current_setting('preserve_insertion_order')").fetchone()[0])
            return asked(query, **more)

        many.raw_sql = raw_sql
        reading.begin(many)
        (scratch := path.parent / f"scratch-{attempt}").mkdir()
        reading.read(many, "made", path, path.name, ["n"], reading.Format(), "items", scratch)
        counts = "count(*), count(DISTINCT row), count(*) FILTER (row <> CAST(v0 AS BIGINT))"
        numbers = asked(f"SELECT {counts} FROM made").fetchone()
        after = asked("SELECT current_setting('preserve_insertion_order')").fetchone()[0]
        found.append(Reading(*numbers, order_kept=all(order_kept), order_free_after=not after))
    return found


def test_judged_search_results(con: ibis.BaseBackend, shop: Path) -> None:
    (shop / "train.tsv").write_text("q\tdoc\tlabel\nrote schuhe\t1\tExact\nrote schuhe\t2\tnone\n")
    (shop / "test.tsv").write_text("q\tdoc\tlabel\nstiefel\t2\tExact\n")
    judgments = {
        "files": {"train": "train.tsv", "test": "test.tsv"},
        "columns": {"query": "q", "item_id": "doc", "grade": "label"},
        "values": {"grade": {"Exact": 3, "none": 0}},
    }
    found = collect(con, shop, shape="judged", items=ITEMS, judgments=judgments)
    made = contract.check(found.tables["judgments"], "judgments").order_by("query", "item_id").execute()
    assert made["query_id"].tolist() == ["rote schuhe", "rote schuhe", "stiefel"]
    assert made["grade"].tolist() == [3.0, 0.0, 3.0]
    assert made["split"].tolist() == ["train", "train", "test"]


def test_histories_as_lists_or_with_separators(con: ibis.BaseBackend, shop: Path) -> None:
    (shop / "h.csv").write_text("past,next\n\"['1', '2']\",3.0\n\"[1, 2]\",3\n[],3\n")
    (shop / "s.csv").write_text("past,next\n1 | 2,3\n")
    histories = {"files": "h.csv", "columns": {"item_ids": "past", "next_item_id": "next"}}
    found = collect(con, shop, shape="histories", items=ITEMS, histories=histories)
    assert frame(found, "histories")["item_ids"].map(list).tolist() == [["1", "2"], ["1", "2"], []]
    assert frame(found, "histories")["next_item_id"].tolist() == ["3", "3", "3"]
    histories |= {"files": "s.csv", "lists": {"item_ids": "|"}}
    found = collect(con, shop, shape="histories", items=ITEMS, histories=histories)
    assert frame(found, "histories")["item_ids"].map(list).tolist() == [["1", "2"]]


@pytest.mark.parametrize("ending", ["jsonl", "json", "keyed.json", "one.json", "joined.json", "parquet", "csv.gz"])
def test_every_format_gives_the_same_table(con: ibis.BaseBackend, tmp_path: Path, ending: str) -> None:
    rows = pd.DataFrame(
        {
            "id": ["1", "2"],
            "body": ["schön, 'gut'", "红鞋\n👟"],
            "stars": [4.5, 2.0],
            "tags": [["a", "b"], ["c"]],
            "at": pd.to_datetime(["2024-07-01 12:00", "2024-07-02 12:00"]),
        }
    )
    plain = json.loads(rows.assign(at=rows["at"].astype(str)).to_json(orient="records"))
    path = tmp_path / f"texts.{ending}"
    if ending == "parquet":
        rows.to_parquet(path)
    elif ending == "csv.gz":
        rows.to_csv(path, index=False)
    elif ending in ("keyed.json", "one.json"):
        path.write_text(
            json.dumps({row["id"]: row for row in plain}, indent=1 if ending == "keyed.json" else None) + "\n"
        )
    elif ending == "joined.json":
        path.write_text("".join(json.dumps(row, indent=1) for row in plain))
    else:
        path.write_text(json.dumps(plain) if ending == "json" else "\n".join(map(json.dumps, plain)))
    key = "_key" if ending in ("keyed.json", "one.json") else "id"
    columns = {"text_id": key, "text": "body", "label": "stars", "timestamp": "at", "tags": "tags"}
    texts = {"files": path.name, "columns": columns, "lists": ["tags"]}
    made = frame(collect(con, tmp_path, shape="texts", texts=texts), "texts")
    assert made["text"].tolist() == ["schön, 'gut'", "红鞋\n👟"]
    assert made["label"].tolist() == ["4.5", "2.0"]
    assert made["tags"].map(list).tolist() == [["a", "b"], ["c"]]
    assert made["timestamp"].astype(str).tolist() == ["2024-07-01 12:00:00+00:00", "2024-07-02 12:00:00+00:00"]


def test_columns_that_are_joined_scaled_missing_constant_and_without_a_header(
    con: ibis.BaseBackend, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("1,Good,Really good,250\n2,,NA,100\n3,Bad,,\n")
    texts = {
        "files": "t.csv",
        "header": ["id", "head", "body", "cents"],
        "columns": {"text_id": "id", "paid": "cents"},
        "join": {"text": "<{head}: {body}>"},
        "constants": {"label": "x", "language": "de", "timestamp": "2024-07-01"},
        "missing": ["NA"],
        "numbers": ["paid"],
        "scale": {"paid": 0.01},
    }
    made = frame(collect(con, tmp_path, shape="texts", texts=texts), "texts")
    assert made["text"].fillna("").tolist() == ["<Good: Really good>", "", "<Bad>"]
    assert made["paid"].fillna(-1).tolist() == [2.5, 1.0, -1]
    assert set(made["language"]) == {"de"}
    assert made["timestamp"].astype(str).unique().tolist() == ["2024-07-01 00:00:00+00:00"]


def test_what_the_mapping_changes_in_whole_columns_is_recorded(con: ibis.BaseBackend, shop: Path) -> None:
    items = {
        "files": "items.csv",
        "columns": {"item_id": "sku", "price": "price", "tags": "farbe"},
        "join": {"title": "{name}: {sku}"},
        "values": {"tags": {"rot": "red", "blau": "blue"}},
        "missing": ["-", "NA"],
    }
    changes = collect(con, shop, items=items, events=EVENTS).conversions
    assert [change for change in changes if change[0] == "items"] == [
        ("items", "title", "name, sku", "one text: {name}: {sku}"),
        ("items", "item_id, price, tags, title", "-, NA", "null"),
        ("items", "tags", "rot, blau", "red, blue"),
        ("items", "price", "2 numbers as text with separators", "number, decimal sign ','"),
    ]
    assert ("events", "event_type", "view, buy", "click, purchase") in changes
    names = {f"n{i}": f"o{i}" for i in range(12)}
    changes = collect(con, shop, items=ITEMS, events={**EVENTS, "event_types": names}).conversions
    assert next(change[2] for change in changes if change[1] == "event_type").endswith("n8, n9, …")


def test_a_language_that_is_not_mapped_is_said_so(con: ibis.BaseBackend, shop: Path) -> None:
    said = (
        "no language is mapped, so all rows count as 'en': if that is wrong, set it, as in `constants: {language: de}`"
    )
    source = sources.find("tables", str(shop), {"items": ITEMS, "events": EVENTS})
    assert f"items: {said}" in preview(source, con).notes
    given = {**ITEMS, "constants": {"language": "de"}}
    assert not any("language" in note for note in collect(con, shop, items=given, events=EVENTS).notes)
    mapped = {"files": "items.csv", "columns": {"item_id": "sku", "title": "name", "language": "farbe"}}
    assert not any("language" in note for note in collect(con, shop, items=mapped, events=EVENTS).notes)
    texts = {"files": "items.csv", "columns": {"text": "name", "label": "farbe"}}
    assert f"texts: {said}" in collect(con, shop, shape="texts", texts=texts).notes


def test_impressions_that_name_no_list_are_said_so(con: ibis.BaseBackend, shop: Path) -> None:
    shown = {**EVENTS, "event_types": {"view": "impression", "buy": "purchase"}}
    notes = collect(con, shop, items=ITEMS, events=shown).notes
    assert "events: 1 impressions without request_id are not used as shown lists: map request_id" in notes
    listed = {**shown, "columns": {**EVENTS["columns"], "request_id": "pos"}}
    del listed["columns"]["position"]
    for events in (listed, EVENTS):
        assert not any("request_id" in note for note in collect(con, shop, items=ITEMS, events=events).notes)


def test_a_file_of_one_column_is_not_split(con: ibis.BaseBackend, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('text\nhello, world; hi\n"quoted\tand\nlong"\n')
    texts = {"files": "t.csv", "columns": {"text": "text"}, "constants": {"label": "x"}}
    made = frame(collect(con, tmp_path, shape="texts", texts=texts), "texts")
    assert made["text"].tolist() == ["hello, world; hi", "quoted\tand\nlong"]


def test_epochs_in_seconds_and_milliseconds(con: ibis.BaseBackend, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label,at\na,x,1700000000.5\n")
    texts = {"files": "t.csv", "columns": {"text": "text", "label": "label", "timestamp": "at"}}
    for unit, year in (("seconds", 2023), ("milliseconds", 1970)):
        found = collect(con, tmp_path, shape="texts", texts={**texts, "times": {"timestamp": unit}})
        assert frame(found, "texts")["timestamp"][0].year == year


def test_rows_that_are_equal_count_once_where_asked_and_the_others_are_rejected(
    con: ibis.BaseBackend, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text(
        "id,name,row,text,label\n1.0,shoe,7,a,x\n1,shoe,7,b,y\n2,,,c,x\n2,,,c,x\n1,Shoe,7,b,y\n"
    )
    items = {"files": "t.csv", "columns": {"item_id": "id", "title": "name", "row": "row"}, "distinct": True}
    texts = {"files": "t.csv", "columns": {"text": "text", "label": "label"}}
    found = collect(con, tmp_path, shape="texts", texts=texts, items=items)
    made = frame(found, "items")
    assert sorted(zip(made["item_id"], made["title"].fillna(""), strict=True)) == [
        ("1", "Shoe"), ("1", "shoe"), ("2", "")
    ]  # fmt: skip
    assert list(made.columns) == [*contract.COLUMNS["items"], "row"]
    assert found.rejected is not None
    rejected = found.rejected.order_by("key").execute()
    assert rejected.to_dict("records") == [
        {"table": "items", "key": "t.csv:row 2", "reasons": "equal to another row",
         "row": '{"id":"1","name":"shoe","row":"7"}'},
        {"table": "items", "key": "t.csv:row 4", "reasons": "equal to another row",
         "row": '{"id":"2","name":null,"row":null}'},
    ]  # fmt: skip
    kept = {name: table for name, table in found.tables.items() if name in ("items", "texts")}
    keys = {"items": "item_id", "texts": "text_id"}
    cleaned = cleaning.clean(con, kept, kept, [], keys, NOTHING_FAILS, found.conversions, found.rejected)
    balance = cleaned.balance.set_index("table")
    assert balance.loc["items"].tolist() == [5, 0, 3, 2, 0]
    assert balance.loc["texts"].tolist() == [5, 0, 5, 0, 0]


def test_of_equal_rows_in_several_files_the_first_stays(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"t{number}.csv").write_text(
            "id,name,text,label\n" + "".join(f"{i},n,t,x\n" for i in range(20_000))
        )
    columns = {"files": "t*.csv", "columns": {"item_id": "id", "title": "name"}, "distinct": True}
    texts = {"files": "t1.csv", "columns": {"text": "text", "label": "label"}}
    found = collect(engine.connect("500MB", threads=2), tmp_path, shape="texts", texts=texts, items=columns)
    assert found.rejected is not None
    gone = found.rejected.filter(found.rejected.key.startswith("t2.csv"))
    assert [table.count().execute() for table in (found.tables["items"], found.rejected, gone)] == [20_000] * 3


def test_what_a_shape_needs_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="shape 'judged' needs items and judgments: add `judgments`"):
        sources.find("tables", str(tmp_path), {"shape": "judged", "items": ITEMS}).files()
    with pytest.raises(SourceError, match=r"no shape 'judgd', did you mean 'judged'\?"):
        sources.find("tables", str(tmp_path), {"shape": "judgd"}).files()
    with pytest.raises(SourceError, match="no option 'item', did you mean 'items'"):
        sources.find("tables", str(tmp_path), {"item": ITEMS})
    texts = {"files": {"train": "t.csv", "test": "t.csv"}, "columns": {"text": "t", "label": "l"}}
    (tmp_path / "t.csv").write_text("t,l\na,b\n")
    with pytest.raises(SourceError, match=r"t.csv is in the splits train and test: keep it in one"):
        sources.find("tables", str(tmp_path), {"shape": "texts", "texts": texts}).files()
    texts["files"] = {"training": "t.csv"}
    with pytest.raises(SourceError, match=r"'training' is no split, did you mean 'train'\?"):
        sources.find("tables", str(tmp_path), {"shape": "texts", "texts": texts}).files()


def test_a_preview_says_what_parses(con: ibis.BaseBackend, shop: Path) -> None:
    with (shop / "log-2.csv").open("a") as log:
        log.write("view,b\nview,b,yesterday,2,4\n")
    found = preview(sources.find("tables", str(shop), {"items": ITEMS, "events": EVENTS}), con)
    assert (found.source, found.shape, [one.table for one in found.tables]) == (
        "tables", "behaviour", ["items", "events"]
    )  # fmt: skip
    items, events = found.tables
    assert (items.rows, items.rejected, items.unparsed, items.files[0].delimiter) == (2, 0, {}, ";")
    assert items.files[0].columns == ("sku", "name", "price", "farbe")
    assert (events.rows, events.rejected, events.unparsed) == (4, 1, {"timestamp": 1})
    assert [(one.file, one.rows, one.rejected) for one in events.files] == [("log-1.csv", 2, 0), ("log-2.csv", 2, 1)]
    assert len(events.sample) == 3
    assert events.mapped["user_id"] == "u"
    assert events.mapped["currency"] == "constant 'EUR'"
    assert found.reasons["row"].tolist() == ["view,b"]


def test_a_preview_names_the_missing_column(con: ibis.BaseBackend, shop: Path) -> None:
    items = {**ITEMS, "columns": {"item_id": "sku", "title": "naem"}}
    with pytest.raises(SourceError, match=r"items: items.csv has no column 'naem', did you mean 'name'\?"):
        preview(sources.find("tables", str(shop), {"items": items, "events": EVENTS}), con)


def test_the_template_is_a_profile_and_maps_every_shape() -> None:
    project = Project.find(ROOT)
    for name in PROFILES:
        options = load_profile(project, name).parameters("01_governance")["source_options"]
        assert tables.mappings(sources.find("tables", "folder", options).options)
    template = (ROOT / "parameters" / "my_shop.yaml").read_text(encoding="utf-8").splitlines()
    shapes = {line.split("shape:")[1].split()[0] for line in template if "shape:" in line}
    assert shapes == {"behaviour", "judged", "histories", "texts"}


@pytest.mark.parametrize("shape", ["judged", "histories", "texts"])
def test_the_template_holds_once_a_shape_is_uncommented(tmp_path: Path, shape: str) -> None:
    lines = (ROOT / "parameters" / "my_shop.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index(f"  #   shape: {shape}") - 1
    block = itertools.takewhile(lambda line: line.startswith("  #  ") or line == "  # source_options:", lines[start:])
    path = tmp_path / "one.yaml"
    path.write_text("one:\n" + "\n".join(line.replace("# ", "", 1) for line in block))
    options = read_yaml(path)["one"]["source_options"]
    assert options["shape"] == shape
    assert tables.mappings(sources.find("tables", "folder", options).options)


def read_set(con: ibis.BaseBackend, require: Require, profile: str) -> tuple[dict[str, int], Collected]:
    """A data set by its profile alone, but for the folder: rows by table, and the tables."""
    section = read_yaml(ROOT / "parameters" / f"{profile}.yaml")["01_governance"]
    folder = DATA / Path(section["folder"]).name
    require(folder.is_dir(), f"{folder} is missing: see the data folder's README, or set WORKBENCH_TEST_DATA")
    source = sources.find(section["source"], str(folder), section["source_options"])
    collected, found = tables.read(con, source.files(), source.options)
    assert collected.rejected is not None
    unread = collected.rejected.filter(collected.rejected.reasons != "equal to another row")
    assert [table.count().execute() for table in (unread, collected.tables["unparsed"])] == [0, 0]
    counts = {table: sum(one.rows for one in found if one.table == table) for table in collected.tables}
    return {table: count for table, count in counts.items() if count}, collected


def test_icecat_by_its_profile(con: ibis.BaseBackend, require: Require) -> None:
    found, collected = read_set(con, require, "icecat_search")
    assert found == {"items": 19_406, "judgments": 3_668}
    items, judgments = collected.tables["items"], collected.tables["judgments"]
    assert judgments.anti_join(items, "item_id").count().execute() == 0
    assert judgments.query_id.nunique().execute() == 135
    assert sorted(judgments.grade.as_table().distinct().execute()["grade"]) == [0, 1, 2, 3]
    laptop = items.filter(items.item_id == "77026839").execute().iloc[0]
    raw = con.read_parquet(str(DATA / "chorus_icecat_search" / "products.parquet"))
    cents = raw.filter(raw.id == "77026839").execute().iloc[0]["price"]
    assert laptop["price"] * 100 == pytest.approx(cents, abs=1e-9)


def test_banking77_by_its_profile(con: ibis.BaseBackend, require: Require) -> None:
    _, collected = read_set(con, require, "banking77")
    texts = contract.check(collected.tables["texts"], "texts").execute()
    assert texts.groupby("split").size().to_dict() == {"train": 10_003, "test": 3_080}
    assert texts["label"].nunique() == 77
    assert texts["text_id"].is_unique


def test_office_products_by_its_profile(con: ibis.BaseBackend, require: Require) -> None:
    found, collected = read_set(con, require, "office_products")
    assert found == {"items": 3_459, "histories": 9_732}
    histories, items = collected.tables["histories"], collected.tables["items"]
    made = histories.execute()
    assert made.groupby("split").size().to_dict() == {"valid": 4_866, "test": 4_866}
    assert made["item_ids"].map(len).between(1, 10).all()
    named = {item for history in made["item_ids"] for item in history} | set(made["next_item_id"])
    assert named <= set(items.execute()["item_id"])


def test_clothing_reviews_by_its_profile(con: ibis.BaseBackend, require: Require) -> None:
    found, collected = read_set(con, require, "clothing_reviews")
    assert found == {"items": 23_486, "texts": 23_486}
    texts, items = collected.tables["texts"].execute(), collected.tables["items"].execute()
    assert len(texts) == 23_486
    assert set(texts["label"]) == {"1", "2", "3", "4", "5"}
    assert items["item_id"].nunique() == 1_206
    assert collected.rejected is not None
    assert len(items) + collected.rejected.count().execute() == 23_486
    assert "General > Dresses > Dresses" in set(items["category"])
    assert set(texts["item_id"]) == set(items["item_id"])
