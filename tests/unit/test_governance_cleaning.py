"""Cleaning: the record of every change is complete, which replaying it shows, and every row is accounted for."""

import ibis
import pandas as pd
import pytest
import small_shop

from workbench.data import engine
from workbench.data.raw.reading import LINE
from workbench.governance import cleaning, quality
from workbench.governance.cleaning import passes, record
from workbench.governance.cleaning.record import READING
from workbench.governance.cleaning.replay import replay
from workbench.governance.quality import Rule, copies
from workbench.governance.rules import grocery

KEYS = {"judgments": "query_id", "items": "item_id", "events": "event_id", "histories": "history_id"}
TIMES = pd.to_datetime(["2024-01-01 08:00:00.123456"] * 8, utc=True, format="ISO8601").as_unit("us")


def frames() -> dict[str, pd.DataFrame]:
    items = pd.DataFrame(
        {
            "item_id": ["1", "2", "3", "3", "4", "5", None],
            "title": [" red shoe", "red shoe", "“boot”, 40 \\ x\n\t", "boot", "red  shoe!", "hat", "null"],
            "price": [1.1, 0.1 + 0.2, None, 7.0, float("inf"), -3.0, -1.0],
        }
    )
    events = pd.DataFrame(
        {
            "event_id": ["a", "b", "b", "c", "c", "d", None, None],
            "item_id": ["1", "2", "2", "4", "4", "77", "3", "5"],
            "timestamp": TIMES,
            "quantity": [1.0, 99.0, 99.0, 5.0, 5.0, None, -1.0, 1e300],
            "note": ["", "x", "y", "z", "z", None, "None", "红鞋"],
        }
    )
    judgments = pd.DataFrame({"query_id": ["q", "q", "r"], "item_id": ["1", "2", "5"], "grade": [1.0, 2.0, 3.0]})
    histories = pd.DataFrame(
        {"history_id": ["h1", "h2", "h3"], "item_ids": [["4", "3", "1"], ["5"], None], "next_item_id": ["2", "1", "4"]}
    )
    return {"items": items, "events": events, "judgments": judgments, "histories": histories}


def _unknown(items, tables):
    return tables["events"].select("item_id").distinct().anti_join(items, "item_id")


def _same_title(items, _):
    """1 ← 2 ← 4, so that a survivor is itself a copy."""
    return ibis.memtable({"key": ["2", "4", "1"], "survivor": ["1", "2", "1"]})


RULES = (
    Rule("title untidy", "consistency", "items", lambda t, _: t.title.re_search(r"^ |  |\n"), action="repair",
         repair=lambda t, _: {"title": t.title.re_replace(r"\s+", " ").strip()}),
    Rule("title loud", "consistency", "items", lambda t, _: t.title.endswith("!"), action="repair",
         repair=lambda t, _: {"title": t.title.replace("!", ""), "price": ibis.null("float64")}),
    Rule("price infinite", "accuracy", "items", lambda t, _: t.price > 1e9, action="repair",
         repair=lambda t, _: {"price": 2}),
    Rule("no price", "completeness", "items", lambda t, _: t.price.isnull(), action="repair",
         repair=lambda t, _: {"price": t.price.median().over(ibis.window())}),
    Rule("ordered but unknown", "completeness", "items", add=_unknown, action="repair"),
    Rule("title of an added item", "completeness", "items", lambda t, _: t.title.isnull(), action="repair",
         repair=lambda t, _: {"title": ibis.literal("item ") + t.item_id}),
    Rule("negative price", "accuracy", "items", lambda t, _: t.price < 0, action="quarantine"),
    Rule("one item id twice", "uniqueness", "items", key=("item_id",), action="merge"),
    Rule("near-duplicate", "uniqueness", "items", survivors=_same_title, action="merge"),
    Rule("quantity capped", "accuracy", "events", lambda t, _: (t.quantity > 50) & (t.note != "y"), action="repair",
         repair=lambda t, _: {"quantity": t.quantity / 3, "timestamp": t.timestamp + ibis.interval(days=1)}),
    Rule("no quantity", "completeness", "events", lambda t, _: t.quantity.isnull(), action="repair",
         repair=lambda t, _: {"quantity": 1.0}),
    Rule("negative quantity", "accuracy", "events", lambda t, _: t.quantity < 0, action="quarantine"),
    Rule("one event twice", "uniqueness", "events", key=("event_id", "quantity"), action="quarantine"),
)  # fmt: skip


def run(con, raw: dict, rules=RULES, keys=KEYS, **options) -> cleaning.Cleaned:
    return cleaning.clean(con, raw, raw, rules, keys, quality.measure(raw, rules), **options)


@pytest.fixture(scope="module")
def shop():
    con = engine.connect("500MB", threads=1)
    raw = {name: con.create_table(f"raw_{name}", frame) for name, frame in frames().items()}
    rejected = ibis.memtable({"table": ["events"], "key": ["log.csv:9"], "reasons": ["ragged"], "row": ["1,2,3,4"]})
    cleaned = run(con, raw, conversions=[("items", "price", "cents", "units")], rejected=rejected)
    return con, raw, cleaned


def as_rows(table) -> list[str]:
    return sorted(map(repr, table.to_pyarrow().to_pylist()))


def test_replaying_the_record_on_the_raw_tables_gives_the_clean_ones(shop):
    con, raw, cleaned = shop
    again = replay(con, raw, cleaned.repairs, cleaned.merges, cleaned.quarantine, KEYS)
    assert list(again) == list(KEYS)
    for name in KEYS:
        assert again[name].schema() == cleaned.tables[name].schema() == raw[name].schema()
        assert as_rows(again[name]) == as_rows(cleaned.tables[name])
        assert as_rows(again[name]) != as_rows(raw[name])


@pytest.mark.parametrize("name", ["items", "histories"])
def test_a_record_with_one_entry_less_no_longer_gives_the_clean_table(shop, name):
    con, raw, cleaned = shop
    mine = cleaned.repairs.filter(cleaned.repairs.table == name)
    last = int(mine.step.max().execute())
    less = cleaned.repairs.filter((cleaned.repairs.table != name) | (cleaned.repairs.step != last))
    again = replay(con, raw, less, cleaned.merges, cleaned.quarantine, {name: KEYS[name]})[name]
    assert as_rows(again) != as_rows(cleaned.tables[name])


def test_every_row_is_accounted_for(shop):
    balance = shop[2].balance.set_index("table")
    assert (balance["collected"] + balance["added"]).equals(balance[["clean", "quarantined", "merged"]].sum(axis=1))
    assert balance.loc["items"].to_dict() == {"collected": 7, "added": 1, "clean": 3, "quarantined": 2, "merged": 3}
    assert balance.loc["events"].to_dict() == {"collected": 9, "added": 0, "clean": 6, "quarantined": 3, "merged": 0}


def test_a_survivor_that_is_a_copy_hands_on_to_its_own(shop):
    merges = shop[2].merges.execute()
    copies = merges[merges["how"] == "copy"].set_index("key")
    assert copies["survivor"].to_dict() == {"2": "1", "4": "1"}
    assert copies["rows"].tolist() == [1, 1]
    entry = merges[merges["how"] == "key"].iloc[0]
    assert (entry["key"], entry["rows"]) == ('{"item_id":"3"}', 1)
    assert '"title":"“boot”, 40' in entry["survivor"]


def test_other_tables_name_the_survivor_from_then_on(shop):
    tables = {name: table.execute() for name, table in shop[2].tables.items()}
    assert sorted(tables["judgments"]["item_id"]) == ["1", "1", "5"]
    assert set(tables["events"]["item_id"]) == {"1", "77", "5"}
    histories = tables["histories"].set_index("history_id")
    assert list(histories.loc["h1", "item_ids"]) == ["1", "3", "1"]
    assert histories["next_item_id"].to_dict() == {"h1": "1", "h2": "1", "h3": "1"}
    repairs = shop[2].repairs.execute()
    moved = repairs[(repairs["rule"] == "near-duplicate") & (repairs["table"] == "judgments")]
    assert moved[["key", "column", "before", "after"]].values.tolist() == [["q", "item_id", "2", "1"]]


def test_repairs_of_one_value_keep_their_order(shop):
    repairs = shop[2].repairs.execute()
    boots = repairs[(repairs["table"] == "items") & (repairs["key"] == "4")].sort_values(["step", "column"])
    assert boots[["column", "before", "after"]].fillna("(null)").values.tolist() == [
        ["title", "red  shoe!", "red shoe!"],
        ["price", "inf", "(null)"],
        ["title", "red shoe!", "red shoe"],
        ["price", "(null)", "0.30000000000000004"],
    ]
    assert boots["step"].is_monotonic_increasing


def test_a_repair_that_changes_nothing_is_not_recorded():
    con = engine.connect("500MB", threads=1)
    raw = {"items": con.create_table("raw_items", pd.DataFrame({"item_id": ["1", "2"], "title": ["a", "b "]}))}
    rule = Rule("trim", "consistency", "items", lambda t, _: t.title.notnull(), action="repair",
                repair=lambda t, _: {"title": t.title.strip()})  # fmt: skip
    assert run(con, raw, [rule], {"items": "item_id"}).repairs.execute()["key"].tolist() == ["2"]


AROUND = {
    "window": lambda t: t.price > 2 * t.price.mean().over(ibis.window()),
    "aggregate": lambda t: t.price > 2 * t.price.mean(),
    "query": lambda t: t.price > 2 * t.price.mean().as_scalar(),
    "of other rows": lambda t: t.item_id.notin(t.filter(t.price < 5).item_id),
}


@pytest.mark.parametrize("how", AROUND)
def test_a_repair_that_looks_at_other_rows_sees_them_all(how):
    con = engine.connect("500MB", threads=1)
    frame = pd.DataFrame({"item_id": ["1", "2", "2", "3"], "title": ["a", "b ", "b ", "c"], "price": [1.0, 1, 1, 9]})
    raw = {"items": con.create_table("raw_items", frame)}
    trim = Rule("trim", "consistency", "items", lambda t, _: t.title.endswith(" "), action="repair",
                repair=lambda t, _: {"title": t.title.strip()})  # fmt: skip
    dear = Rule("dear", "accuracy", "items", lambda t, _: AROUND[how](t), action="repair",
                repair=lambda t, _: {"price": t.price.min().over(ibis.window())})  # fmt: skip
    repairs = run(con, raw, [trim, dear], {"items": "item_id"}).repairs.order_by("step", "copy").execute()
    assert repairs[["rule", "key", "after", "copy"]].values.tolist() == [
        ["trim", "2", "b", 1], ["trim", "2", "b", 2], ["dear", "3", "1.0", 0],
    ]  # fmt: skip


def test_rules_that_judge_a_row_by_itself_read_the_table_once_for_all(monkeypatch):
    con = engine.connect("500MB", threads=1)
    frame = pd.DataFrame({"item_id": ["1", "2", "2", "3"], "title": ["a", "b ", "b ", "c"], "price": [1.0, 1, 1, 9]})
    raw = {"items": con.create_table("raw_items", frame)}
    rules = [
        Rule(f"trim {i}", "consistency", "items", lambda t, all_: t.item_id.isin(all_["items"].item_id) & (t.price < 9),
             action="repair", repair=lambda t, _: {"title": t.title + "x"})
        for i in range(4)
    ]  # fmt: skip
    kept = []
    keep = engine.keep
    monkeypatch.setattr(engine, "keep", lambda con, name, table: kept.append(name) or keep(con, name, table))
    assert len(run(con, raw, rules, {"items": "item_id"}).repairs.execute()) == 12
    assert sum("touched" in name for name in kept) == 1


def test_hundreds_of_logs_and_conditions_fit_into_one_query():
    con = engine.connect("500MB", threads=1)
    raw = {"items": con.create_table("raw_items", pd.DataFrame({"item_id": list("abcd"), "n": [0, 1, 2, 3]}))}
    rules = [Rule(f"q{i}", "accuracy", "items", lambda t, _: t.n == 3, action="quarantine") for i in range(200)]
    cleaned = run(con, raw, rules, {"items": "item_id"})
    assert cleaned.quarantine.execute()["reasons"].str.count(";").tolist() == [199]
    whole = record.together([cleaned.quarantine] * 400, record.QUARANTINE)
    assert int(whole.count().execute()) == 400


def test_tables_that_a_shop_lacks_are_passed_over():
    con = engine.connect("500MB", threads=1)
    raw = {"items": con.create_table("raw_items", frames()["items"])}
    rules = [rule for rule in RULES if rule.table == "items" and rule.action == "quarantine"]
    cleaned = run(con, raw, rules)
    assert cleaned.balance["table"].tolist() == ["items"]
    assert list(replay(con, raw, cleaned.repairs, cleaned.merges, cleaned.quarantine, KEYS)) == ["items"]


@pytest.mark.parametrize("order", [("items", "judgments"), ("judgments", "items")])
def test_a_key_that_is_itself_changed_again_and_again_replays(order):
    """Judgments are named by item_id, which no row has alone, which a repair tidies and two merges exchange."""
    con = engine.connect("500MB", threads=1)
    judgments = pd.DataFrame({"item_id": ["3", "2", " 2", "1", "3", "1"], "grade": [5.0, 1, 2, 4, 9, 9], "n": range(6)})
    raw = {
        "items": con.create_table("raw_items", pd.DataFrame({"item_id": ["1", "2", "3"]})),
        "judgments": con.create_table("raw_judgments", judgments),
    }
    rules = [
        Rule("a", "uniqueness", "items", survivors=lambda t, _: ibis.memtable({"key": ["3"], "survivor": ["2"]}),
             action="merge"),
        Rule("b", "uniqueness", "items", survivors=lambda t, _: ibis.memtable({"key": ["2"], "survivor": ["1"]}),
             action="merge"),
        Rule("tidy", "consistency", "judgments", lambda t, _: t.item_id.startswith(" "), action="repair",
             repair=lambda t, _: {"item_id": t.item_id.strip()}),
        Rule("grade", "accuracy", "judgments", lambda t, _: (t.grade > 3) & (t.n != 5), action="repair",
             repair=lambda t, _: {"grade": 3.0}),
    ]  # fmt: skip
    keys = dict.fromkeys(order, "item_id")
    cleaned = run(con, raw, rules, keys)
    clean = cleaned.tables["judgments"].order_by("n").execute()
    assert clean["grade"].tolist() == [3, 1, 2, 3, 3, 9]
    assert set(clean["item_id"]) <= {"1", "2"}
    again = replay(con, raw, cleaned.repairs, cleaned.merges, cleaned.quarantine, keys)
    assert as_rows(again["judgments"]) == as_rows(cleaned.tables["judgments"])


def test_unread_rows_are_in_quarantine(shop):
    rows = shop[2].quarantine.execute().set_index("key")
    assert rows.loc["log.csv:9", ["reasons", "row", "step"]].tolist() == ["ragged", "1,2,3,4", 0]


def test_a_sound_row_stays_where_its_copy_is_quarantined_for_another_reason():
    con = engine.connect("500MB", threads=1)
    frame = pd.DataFrame({"event_id": ["a", "a"], "quantity": [-1.0, 2.0]})
    raw = {"events": con.create_table("raw_events", frame)}
    rules = [
        Rule("negative", "accuracy", "events", lambda t, _: t.quantity < 0, action="quarantine"),
        Rule("twice", "uniqueness", "events", key=("event_id",), action="quarantine"),
    ]
    cleaned = run(con, raw, rules, {"events": "event_id"})
    assert cleaned.tables["events"].execute()["quantity"].tolist() == [2.0]
    assert cleaned.quarantine.execute()["reasons"].tolist() == ["negative"]


def test_a_rule_that_fails_only_after_another_table_was_cleaned_still_acts():
    con = engine.connect("500MB", threads=1)
    raw = {
        "items": con.create_table("raw_items", pd.DataFrame({"item_id": ["1", "2"], "price": [1.0, -1.0]})),
        "events": con.create_table("raw_events", pd.DataFrame({"event_id": ["a", "b"], "item_id": ["1", "2"]})),
    }
    rules = [
        Rule("negative", "accuracy", "items", lambda t, _: t.price < 0, action="quarantine"),
        Rule("orphan", "consistency", "events", lambda t, all_: t.item_id.notin(all_["items"].item_id),
             action="quarantine"),
    ]  # fmt: skip
    cleaned = run(con, raw, rules, {"items": "item_id", "events": "event_id"})
    assert cleaned.tables["events"].execute()["event_id"].tolist() == ["a"]


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ({"key": ["1", "2"], "survivor": ["2", "1"]}, "in a circle"),
        ({"key": ["1", "1"], "survivor": ["2", "5"]}, "two survivors"),
        ({"key": ["1"], "survivor": ["9"]}, "names 1 survivors that table 'items' does not hold"),
    ],
)
def test_senseless_survivors_are_refused(links, message):
    con = engine.connect("500MB", threads=1)
    raw = {"items": con.create_table("raw_items", frames()["items"])}
    rule = Rule("copies", "uniqueness", "items", survivors=lambda t, _: ibis.memtable(links), action="merge")
    with pytest.raises(ValueError, match=message):
        run(con, raw, [rule], {"items": "item_id"})


def test_a_repair_of_an_unknown_column_names_the_nearest():
    con = engine.connect("500MB", threads=1)
    raw = {"items": con.create_table("raw_items", frames()["items"])}
    rule = Rule("x", "accuracy", "items", lambda t, _: t.price < 0, action="repair", repair=lambda t, _: {"prize": 1.0})
    with pytest.raises(ValueError, match="'prize' that table 'items' lacks, did you mean 'price'"):
        run(con, raw, [rule], {"items": "item_id"})


def test_a_repair_that_leads_back_to_a_merged_row_leads_on_to_its_survivor():
    con = engine.connect("500MB", threads=1)
    raw = {
        "items": con.create_table("raw_items", pd.DataFrame({"item_id": ["a1", "a2"]})),
        "events": con.create_table(
            "raw_events", pd.DataFrame({"event_id": ["1", "2", "3"], "item_id": ["a1", " a1", "a3"]})
        ),
    }
    rules = [
        Rule("copy", "uniqueness", "items", survivors=lambda t, _: ibis.memtable({"key": ["a1"], "survivor": ["a2"]}),
             action="merge"),
        Rule("tidy", "consistency", "events", lambda t, _: t.item_id.startswith(" "), action="repair",
             repair=lambda t, _: {"item_id": t.item_id.strip()}),
        Rule("unknown", "consistency", "events", lambda t, others: ~t.item_id.isin(others["items"].item_id),
             action="quarantine"),
    ]  # fmt: skip
    keys = {"items": "item_id", "events": "event_id"}
    cleaned = run(con, raw, rules, keys)
    clean = cleaned.tables["events"].order_by("event_id").execute()
    assert clean.to_dict("list") == {"event_id": ["1", "2"], "item_id": ["a2", "a2"]}
    again = replay(con, raw, cleaned.repairs, cleaned.merges, cleaned.quarantine, keys)
    assert as_rows(again["events"]) == as_rows(cleaned.tables["events"])


def test_the_grocery_shop_replays_too():
    con = engine.connect("500MB", threads=1)
    events, promotions = small_shop.events(), small_shop.promotions()
    events.loc[1, ["quantity", "value"]] = [0.0, 2.5]
    events = pd.concat([events, events.iloc[[9, 9]].assign(quantity=99.0)], ignore_index=True)
    promotions = pd.concat([promotions, promotions.iloc[:5].assign(mailer=True, display=False)], ignore_index=True)
    promotions.loc[7, ["display", "mailer"]] = False
    raw = small_shop.tables(con, events=events, promotions=promotions)
    seen = grocery.seen(con, raw)
    measured = quality.measure(seen, grocery.RULES)
    cleaned = cleaning.clean(con, raw, seen, grocery.RULES, grocery.CLEANING_ORDER, measured)
    again = replay(con, raw, cleaned.repairs, cleaned.merges, cleaned.quarantine, grocery.CLEANING_ORDER)
    for name in grocery.CLEANING_ORDER:
        assert as_rows(again[name]) == as_rows(cleaned.tables[name])
    assert cleaned.balance.set_index("table").loc["promotions", ["merged", "quarantined"]].tolist() == [5, 1]


ORDERS = pd.DataFrame(
    {
        "order_id": ["a", "a", "b", "c", "c", "", None, None, "d"],
        "store": [1, 1, 1, 2, 2, 3, 3, 3, 4],
        "week": [1, 1, 2, 1, 2, 1, 1, 1, 60],
        "value": [-1.0, 2, 3, 4, 5, 6, 7, 8, 9],
        "note": [" x", "x", "x", "x", "x", " y", " y", " z", " x"],
    }
)
NEGATIVE = Rule("negative", "accuracy", "orders", lambda t, _: t.value < 0, action="quarantine")
TIDY = Rule("tidy", "consistency", "orders", lambda t, _: t.note.startswith(" "), action="repair",
            repair=lambda t, _: {"note": t.note.strip()})  # fmt: skip
MOVE = Rule("move", "consistency", "orders", lambda t, _: t.week == 2, action="repair",
            repair=lambda t, _: {"week": ibis.literal(1)})  # fmt: skip
MORE = Rule("more", "completeness", "orders", action="repair",
            add=lambda t, _: ibis.memtable({"order_id": ["b"], "store": [1], "week": [2]}))  # fmt: skip
BY_STORE = Rule("store and week", "uniqueness", "orders", key=("store", "week"), action="merge")
BY_ORDER = Rule("order", "uniqueness", "orders", key=("order_id",), action="quarantine")
BY_NOTE = Rule("note", "uniqueness", "orders", key=("note", "value"), action="merge")


@pytest.mark.parametrize(
    "rules",
    [
        [NEGATIVE, BY_STORE], [TIDY, BY_ORDER, BY_STORE], [MOVE, BY_STORE], [MORE, BY_ORDER], [MORE, BY_STORE],
        [BY_STORE, BY_NOTE], [TIDY, NEGATIVE, MOVE, BY_ORDER, BY_STORE, BY_NOTE],
    ],
)  # fmt: skip
def test_cleaning_with_what_was_measured_is_the_same(rules):
    """Repaired and added keys too, which nothing measured before can know."""
    con, keys = engine.connect("500MB", threads=1), {"orders": "order_id"}
    raw = {"orders": con.create_table("raw_orders", ORDERS)}
    results = []
    for repeats in (None, copies.Repeats(con)):
        before = quality.measure(raw, rules, repeats)
        cleaned = cleaning.clean(con, raw, raw, rules, keys, before, repeats=repeats)
        logs = {name: getattr(cleaned, name) for name in ("repairs", "quarantine", "merges")}
        tables = [as_rows(table) for table in (*cleaned.tables.values(), *logs.values())]
        after = quality.measure(cleaned.tables, rules, repeats)
        plain = quality.measure(cleaned.tables, rules)
        assert after["failing"].tolist() == plain["failing"].tolist()
        results.append((*tables, before["failing"].tolist(), cleaned.balance.values.tolist()))
    assert results[0] == results[1]
    assert sum(results[0][-2]) > 0


def test_keys_are_not_sought_again_in_what_cleaning_left(monkeypatch):
    con = engine.connect("500MB", threads=1)
    raw, repeats = {"orders": con.create_table("raw_orders", ORDERS)}, copies.Repeats(con)
    before = quality.measure(raw, [NEGATIVE, BY_STORE], repeats)
    searched = []
    plain = copies.repeated
    monkeypatch.setattr(copies, "repeated", lambda t, key: searched.append(int(t.count().execute())) or plain(t, key))
    keys = {"orders": "order_id"}
    cleaned = cleaning.clean(con, raw, raw, [NEGATIVE, BY_STORE], keys, before, repeats=repeats)
    quality.measure(cleaned.tables, [NEGATIVE, BY_STORE], repeats)
    assert searched == [4, 2]  # of 9 rows: those with a key that repeated, less the negative one; then one of each key


def test_only_rules_that_read_what_changed_are_measured_again(monkeypatch):
    con = engine.connect("500MB", threads=1)
    raw = {
        "items": con.create_table("raw_items", pd.DataFrame({"item_id": ["1", "2"], "price": [1.0, -1.0]})),
        "events": con.create_table("raw_events", pd.DataFrame({"event_id": ["a", "b"], "item_id": ["1", "2"]})),
    }
    rules = [
        Rule("cheap", "accuracy", "items", lambda t, _: t.price < 0, action="quarantine"),
        Rule("nameless", "consistency", "events", lambda t, _: t.event_id.isnull(), action="quarantine"),
        Rule("orphan", "consistency", "events", lambda t, all_: t.item_id.notin(all_["items"].item_id),
             action="quarantine"),
    ]  # fmt: skip
    before = quality.measure(raw, rules)
    asked = []
    monkeypatch.setattr(
        passes, "measure", lambda t, r, *rest: asked.append([x.name for x in r]) or quality.measure(t, r, *rest)
    )
    cleaned = cleaning.clean(con, raw, raw, rules, {"items": "item_id", "events": "event_id"}, before)
    assert asked == [["orphan"]]
    assert cleaned.tables["events"].execute()["event_id"].tolist() == ["a"]


def test_what_a_reader_changed_is_a_repair_before_all_others():
    con = engine.connect("500MB", threads=1)
    unparsed = {
        "table": ["items", "items"], "key": ["items.csv:3", "items.csv:4"], "column": ["price", LINE],
        "value": ["twelve", "4,Schn\\xfcrschuh,3"], "problem": ["no number, null in the table", "decoded as cp1252"],
    }  # fmt: skip
    raw = {"items": con.create_table("i", {"item_id": ["a"]}), "unparsed": con.create_table("u", unparsed)}
    cleaned = cleaning.clean(con, raw, raw, [], {"items": "item_id"}, quality.measure(raw, []))
    told = cleaned.repairs.order_by("key").execute()
    assert told[["rule", "key", "column", "before"]].to_numpy().tolist() == [
        [READING, "items.csv:3", "price", "twelve"],
        [READING, "items.csv:4", LINE, "4,Schn\\xfcrschuh,3"],
    ]
    assert told["after"].isna().tolist() == [True, False]
    assert told["after"][1] == "decoded as cp1252"
    assert set(told["step"]) == {0}
    assert len(replay(con, raw, cleaned.repairs, cleaned.merges, cleaned.quarantine, {"items": "item_id"})) == 1
