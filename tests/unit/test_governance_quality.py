import pandas as pd
import pytest
import small_shop

from workbench.artifacts import GateFailed
from workbench.data import engine
from workbench.governance import cleaning, quality
from workbench.governance.rules import grocery as rules


@pytest.fixture(scope="module")
def con():
    return engine.connect("500MB", threads=1)


def faulty() -> dict[str, pd.DataFrame]:
    """The small shop with one fault of every kind that the rules act on."""
    events, items, promotions = small_shop.events(), small_shop.items(), small_shop.promotions()
    fuel = items.iloc[:1].assign(item_id="9000", product_type="GASOLINE-REG UNLEADED", package_size=None)
    items = pd.concat([items, fuel], ignore_index=True)
    items.loc[3, "package_size"] = "AB    8 OZ"
    events.loc[0, ["quantity", "value"]] = 0.0
    events.loc[1, ["quantity", "value"]] = [0.0, 2.5]
    events.loc[2, ["item_id", "quantity", "value"]] = ["9000", 10000.0, 24.0]
    events.loc[3, "item_id"] = "7777"
    events.loc[4, "timestamp"] += pd.Timedelta(weeks=3)
    events = pd.concat([events, events.iloc[[9]].assign(quantity=99.0)], ignore_index=True)
    promotions = pd.concat([promotions, promotions.iloc[:5]], ignore_index=True)
    promotions.loc[7, ["display", "mailer"]] = False
    return {"events": events, "items": items, "promotions": promotions}


@pytest.fixture(scope="module")
def result():
    con = engine.connect("500MB", threads=1)  # its own, because the kept tables have fixed names
    tables = small_shop.tables(con, **faulty())
    seen = rules.seen(con, tables)
    before = quality.measure(seen, rules.RULES)
    cleaned = cleaning.clean(con, tables, seen, rules.RULES, rules.CLEANING_ORDER, before)
    after = quality.measure(rules.seen(con, cleaned.tables, "clean"), rules.RULES)
    return cleaned, quality.compare(before, after)


PLANTED = {
    "till entry: no goods and no money": 1,
    "money paid for quantity 0": 1,
    "fuel counted in thousandths of a gallon": 1,
    "event names an unknown product": 1,
    "time outside the week it names": 1,
    "one event id twice": 1,
    "purchased product missing from the catalogue": 1,
    "package size untidy": 1,
    "promotion neither displayed nor mailed": 1,
    "one product, store and week twice": 5,
}


@pytest.mark.parametrize("rule", PLANTED)
def test_each_planted_fault_is_found_and_gone_after_cleaning(result, rule):
    row = result[1].set_index("rule").loc[rule]
    assert (row["failing_before"], row["failing_after"]) == (PLANTED[rule], 0)


def test_collected_and_added_equal_clean_quarantined_and_merged(result):
    balance = result[0].balance.set_index("table")
    assert (balance["collected"] + balance["added"]).equals(balance[["clean", "quarantined", "merged"]].sum(axis=1))
    assert balance["quarantined"].to_dict() == {"events": 3, "items": 0, "users": 0, "promotions": 1}
    assert (balance.loc["items", "added"], balance.loc["promotions", "merged"]) == (1, 5)


def test_repairs_name_key_column_and_both_values(result):
    repairs = result[0].repairs.execute().set_index("rule")
    fuel = repairs.loc["fuel counted in thousandths of a gallon"]
    assert (fuel["table"], fuel["column"], fuel["before"], fuel["after"]) == ("events", "quantity", "10000.0", "10.0")
    assert repairs.loc["package size untidy", "after"] == "AB 8 OZ"
    assert '"item_id":"7777"' in repairs.loc["purchased product missing from the catalogue", "after"]


def test_applying_the_recorded_changes_to_the_raw_rows_gives_the_clean_ones(result):
    events, raw = result[0].tables["events"].execute(), faulty()["events"]
    repairs = result[0].repairs.execute()
    for row in repairs[repairs["table"] == "events"].itertuples():
        raw.loc[raw["event_id"] == row.key, row.column] = float(row.after)
    kept = raw.drop(index=[0, 4]).sort_values(["event_id", "quantity"]).drop_duplicates("event_id")
    columns = ["event_id", "item_id", "quantity", "value"]
    clean = events.sort_values("event_id")[columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(clean, kept[columns].reset_index(drop=True), check_dtype=False)


def test_quarantined_rows_are_kept_whole_with_their_reasons(result):
    rows = result[0].quarantine.execute().set_index("reasons")
    raw = faulty()["events"]
    entry = rows.loc["till entry: no goods and no money"]
    assert entry["key"] == raw.loc[0, "event_id"]
    assert f'"user_id":"{raw.loc[0, "user_id"]}"' in entry["row"]
    assert '"value":0.0' in entry["row"]


def test_two_reasons_are_both_named(con):
    events = small_shop.events()
    events.loc[0, ["quantity", "value"]] = 0.0
    events.loc[0, "timestamp"] += pd.Timedelta(weeks=3)
    tables = small_shop.tables(con, events=events)
    seen = rules.seen(con, tables)
    measured = quality.measure(seen, rules.RULES)
    cleaned = cleaning.clean(con, tables, seen, rules.RULES, rules.CLEANING_ORDER, measured)
    assert cleaned.quarantine.execute()["reasons"].tolist() == [
        "till entry: no goods and no money; time outside the week it names"
    ]


def test_a_price_far_from_its_category_is_counted_and_left_alone(con):
    events = small_shop.events()
    events.loc[5, "value"] = 1e5
    seen = rules.seen(con, small_shop.tables(con, events=events))
    measured = quality.measure(seen, rules.RULES).set_index("rule")
    assert measured.loc["unit price far from its category's", "failing"] == 1


def test_nulls_in_a_key_are_no_repetition(con):
    items = small_shop.items()
    items["package_size"] = pd.array([None] * len(items), dtype="str")
    rule = quality.Rule("same", "uniqueness", "items", key=("brand", "package_size"))
    assert quality.measure(small_shop.tables(con, items=items), [rule])["failing"].tolist() == [0]


def test_the_gate_names_what_is_too_low(result):
    table = result[1]
    quality.gate(table, {"consistency": 1.0})
    with pytest.raises(GateFailed, match=r"completeness 0\.\d+ < 0\.99"):
        quality.gate(table, {"completeness": 0.99})
    with pytest.raises(ValueError, match="min_quality names"):
        quality.gate(table, {"beauty": 0.5})


def test_a_failing_stop_rule_fails_the_gate(con):
    items = pd.concat([small_shop.items(), small_shop.items().iloc[:1]], ignore_index=True)
    rule = next(rule for rule in rules.RULES if rule.action == "stop")
    measured = quality.measure(small_shop.tables(con, items=items), [rule])
    with pytest.raises(GateFailed, match="'one product id twice' fails on 1 rows"):
        quality.gate(quality.compare(measured, measured), {})


def test_senseless_rules_are_refused():
    with pytest.raises(ValueError, match="needs one of"):
        quality.Rule("empty", "accuracy", "events")
    with pytest.raises(ValueError, match="a repair, and only a repair"):
        quality.Rule("no repair", "accuracy", "events", lambda t, _: t.value < 0, action="repair")
