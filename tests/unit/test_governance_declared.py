"""Rules that a shop writes itself: as data with SQL conditions, or as a Python module."""

import ibis
import pandas as pd
import pytest

from workbench.data import engine
from workbench.governance import cleaning, quality
from workbench.governance.cleaning.repairs import looks_around
from workbench.governance.cleaning.replay import replay
from workbench.governance.rules.declared import RuleError, declare, load_module

B2B = [
    {
        "name": "less than the minimum order", "dimension": "accuracy", "table": "events", "severity": "high",
        "failing": "event_type = 'purchase' AND quantity < minimum_quantity", "action": "quarantine",
        "needs": ["events.minimum_quantity"],
    },
    {
        "name": "cases counted as pieces", "dimension": "consistency", "table": "events",
        "failing": "lower(unit) = 'case' AND pack > 1",
        "repair": {"quantity": "quantity * pack", "unit": "'piece'"},
    },
    {"name": "no cost centre", "dimension": "completeness", "table": "events", "failing": "coalesce(text, '') = ''"},
]  # fmt: skip
FRESH = [
    {
        "name": "sold after its expiry", "dimension": "timeliness", "table": "events",
        "failing": "timestamp > expires + INTERVAL 1 DAY", "action": "quarantine",
    },
    {
        "name": "weight in grams", "dimension": "consistency", "table": "events",
        "failing": "regexp_matches(unit, '^g(rams?)?$')", "repair": {"quantity": "quantity / 1000", "unit": "'kg'"},
    },
    {"name": "one receipt line twice", "dimension": "uniqueness", "table": "events", "key": ["text", "item_id"]},
]  # fmt: skip
RIGHT = {"name": "r", "dimension": "accuracy", "table": "events", "failing": "quantity < 0"}


@pytest.fixture
def con():
    return engine.connect("500MB", threads=1)


def raw(con, **columns) -> dict:
    rows = len(next(iter(columns.values())))
    frame = pd.DataFrame({"event_id": [str(i) for i in range(rows)], **columns})
    return {"events": con.create_table("raw_events", frame)}


def run(con, tables, rules):
    measured = quality.measure(tables, rules)
    keys = {"events": "event_id"}
    cleaned = cleaning.clean(con, tables, tables, rules, keys, measured)
    again = replay(con, tables, cleaned.repairs, cleaned.merges, cleaned.quarantine, keys)["events"].execute()
    clean = cleaned.tables["events"].execute()
    order = {"by": "event_id", "ignore_index": True}
    pd.testing.assert_frame_equal(again.sort_values(**order), clean.sort_values(**order))
    return measured.set_index("rule")["failing"].to_dict(), clean.set_index("event_id")


def test_a_trade_shop_declares_minimum_quantities_and_units(con):
    tables = raw(
        con, event_type=["purchase", "purchase", "click", "purchase"],
        quantity=[5.0, 2.0, 1.0, 4.0], pack=[1, 1, 1, 12],
        minimum_quantity=[5.0, 5.0, 5.0, 5.0], unit=["piece", "piece", "piece", "Case"], text=["a", None, "", "b"],
    )  # fmt: skip
    failing, clean = run(con, tables, declare(B2B, tables))
    assert failing == {"less than the minimum order": 2, "cases counted as pieces": 1, "no cost centre": 2}
    assert clean["quantity"].to_dict() == {
        "0": 5.0,
        "2": 1.0,
        "3": 48.0,
    }  # the case holds enough once it is counted right
    assert clean.loc["3", "unit"] == "piece"


def test_a_shop_of_fresh_food_declares_expiry_and_weights(con):
    days = pd.to_datetime(["2024-05-01", "2024-05-04", "2024-05-02"], utc=True).as_unit("us")
    tables = raw(
        con, timestamp=days, expires=days[[0, 0, 0]], quantity=[1.5, 1.0, 250.0], unit=["kg", "kg", "g"],
        text=["r1", "r1", "r2"], item_id=["i", "i", None],
    )  # fmt: skip
    failing, clean = run(con, tables, declare(FRESH, tables))
    assert failing == {"sold after its expiry": 1, "weight in grams": 1, "one receipt line twice": 1}
    assert clean["quantity"].to_dict() == {"0": 1.5, "2": 0.25}


FILLED = {"name": "unit from the product's other rows", "dimension": "completeness", "table": "events"}


def test_missing_values_are_filled_from_rows_of_the_same_key_where_enough_agree(con):
    tables = raw(
        con, item_id=["a"] * 5 + ["b"] * 4 + ["c"] * 3 + [None] * 3 + ["d"] * 5,
        unit=["kg", "kg", "kg", None, "g", "l", "l", "ml", None, "m", "m", None, "t", "t", None, "x", "y", "y", "x",
              None],
        text=["same"] * 20,
    )  # fmt: skip
    told = {
        "least 2, agree 0.75": {"column": "unit", "by": "item_id", "least": 2, "agree": 0.75},
        "least 3": {"column": "unit", "by": ["item_id"], "agree": 0.5},
        "tie": {"column": "unit", "by": ["item_id", "text"], "least": 1, "agree": 0.5},
    }
    wanted = {
        "least 2, agree 0.75": {"3": "kg", "11": "m"}, "least 3": {"3": "kg"},
        "tie": {"3": "kg", "8": "l", "11": "m", "19": "x"},
    }  # fmt: skip
    for name, fill in told.items():
        rule = declare([FILLED | {"fill": fill}], tables)
        failing, clean = run(con, tables, rule)
        before = tables["events"].execute().set_index("event_id")["unit"]
        changed = clean["unit"][before.reindex(clean.index).isna() & clean["unit"].notna()]
        assert changed.to_dict() == wanted[name], name
        assert list(failing.values()) == [len(changed)]


def test_numbers_are_filled_with_the_median_of_rows_that_are_near_it(con):
    tables = raw(
        con, item_id=["a"] * 6 + ["b"] * 5 + ["c"] * 3,
        value=[10.0, 10.5, 99.0, 9.9, None, 10.2, 1.0, 5.0, 9.0, 20.0, None, float("nan"), 7.0, None],
        quantity=pd.array([3, 3, 3, 3, None, 3, 1, 1, 2, 9, None, 5, 5, None], "Int64"),
    )  # fmt: skip
    rules = declare([
        FILLED | {"name": "value", "fill": {"column": "value", "by": "item_id", "agree": 0.5}},
        FILLED | {"name": "quantity", "fill": {"column": "quantity", "by": "item_id", "agree": 1, "least": 2}},
    ], tables)  # fmt: skip
    failing, clean = run(con, tables, rules)
    assert failing == {"value": 1, "quantity": 2}
    assert clean.loc[["4", "10", "13"], "value"].fillna(-1).tolist() == [10.2, -1, -1]
    assert clean.loc[["4", "10", "13"], "quantity"].fillna(-1).tolist() == [3, -1, 5]


def test_products_are_filled_from_the_others_of_their_category(con):
    """Text by what most have, numbers by the median; a category that does not agree, and none at all, are left."""
    shoes, hats, bags = "Shoes > Boots", "Hats", "Bags"
    items = pd.DataFrame({
        "item_id": [str(n) for n in range(12)], "category": [shoes] * 5 + [hats] * 4 + [bags] * 2 + [None],
        "language": ["en", "en", None, "en", "de", "en", "de", None, None, "fr", None, None],
        "price": [50.0, 52.0, 49.0, None, 51.0, 10.0, 30.0, 70.0, None, 5.0, None, None],
    })  # fmt: skip
    tables = {"items": con.create_table("raw_items", items)}
    by_category = {
        "language": {"column": "language", "by": "category", "agree": 0.7},
        "price": {"column": "price", "by": "category"},
    }
    rules = declare([FILLED | {"name": n, "table": "items", "fill": fill} for n, fill in by_category.items()], tables)
    measured = quality.measure(tables, rules)
    assert measured.set_index("rule")["failing"].to_dict() == {"language": 1, "price": 1}
    clean = cleaning.clean(con, tables, tables, rules, {"items": "item_id"}, measured).tables["items"].execute()
    clean = clean.set_index("item_id")
    assert clean.loc[["2", "7", "8", "10", "11"], "language"].fillna("").tolist() == ["en", "", "", "", ""]
    assert clean.loc[["3", "8", "10", "11"], "price"].fillna(-1).tolist() == [50.5, -1, -1, -1]
    assert rules[0].action == rules[1].action == "repair"


def test_values_come_from_another_table_without_a_look_around_the_log(con):
    tables = raw(con, item_id=["a", "b", None, "a"], currency=[None, None, None, "USD"])
    items = pd.DataFrame({"item_id": ["a", "b"], "own": ["EUR", None]})
    tables["items"] = con.create_table("raw_items", items)
    rules = declare(
        [FILLED | {"fill": {"column": "currency", "by": "item_id", "from": "items.own", "least": 1}}], tables
    )
    assert not looks_around(rules[0], tables["events"], tables)
    failing, clean = run(con, tables, rules)
    assert list(failing.values()) == [1]
    assert clean["currency"].fillna("").to_dict() == {"0": "EUR", "1": "", "2": "", "3": "USD"}
    found, others = quality.applicable(rules, {"events": tables["events"]})
    assert (found, others["reason"].tolist()) == ([], ["no items.own and no items.item_id"])


def test_what_stays_missing_is_marked(con):
    tables = raw(con, item_id=["a", "b", None], currency=[None, "EUR", None])
    rules = declare([FILLED | {"mark": "currency", "action": "warn"}], tables)
    failing, clean = run(con, tables, rules)
    assert (list(failing.values()), rules[0].columns) == ([2], ("currency",))
    assert clean["currency"].isna().sum() == 2


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"fill": "value"}, "`fill` must give"),
        ({"fill": {"column": "value"}}, "`fill` needs `column`, a name, and `by`"),
        ({"fill": {"column": "value", "by": []}}, "`fill` needs"),
        ({"fill": {"column": "value", "by": "quantty"}}, "unknown column 'quantty', did you mean 'quantity'"),
        ({"fill": {"column": "vale", "by": "query"}}, "unknown column 'vale', did you mean 'value'"),
        ({"fill": {"column": "value", "by": "query", "form": "items"}}, "unknown key 'form' of `fill`, did you mean"),
        ({"fill": {"column": "value", "by": "query", "from": "itms"}}, "unknown table 'itms'"),
        ({"fill": {"column": "value", "by": "query", "from": "events.query"}}, "would put string into 'value'"),
        ({"fill": {"column": "value", "by": "value"}}, "other than the one that is filled"),
        ({"fill": {"column": "value", "by": "query", "least": 0}}, "`least` is 0"),
        ({"fill": {"column": "value", "by": "query", "agree": 80}}, "`agree` is 80"),
        ({"fill": {"column": "value", "by": "query"}, "action": "warn"}, "write `mark` instead"),
        ({"fill": {"column": "value", "by": "query"}, "columns": ["value"]}, "leave out `columns`"),
        ({"fill": {"column": "value", "by": "query"}, "mark": "value"}, "needs one of"),
        ({"mark": "vale"}, "unknown column 'vale'"),
        ({"mark": ["value"]}, "`mark` must be the name of a column"),
        ({"mark": "value", "repair": {"value": "0"}}, "write `fill` instead"),
    ],
)
def test_what_is_wrong_with_a_fill_is_said_before_anything_runs(con, own, message):
    tables = raw(con, quantity=[1.0], value=[1.0], query=["q"])
    with pytest.raises(RuleError, match=message) as raised:
        declare([FILLED | own], tables)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("rule 'unit from")


def test_several_rules_are_counted_in_one_query(con, monkeypatch):
    tables = raw(con, quantity=[1.0, -1.0], value=[1.0, 2.0])
    rules = declare([RIGHT, {**RIGHT, "name": "s", "failing": "events.value > 1"}, {**RIGHT, "name": "t",
                     "failing": '"value" BETWEEN 1 AND 2'}])  # fmt: skip
    asked = []
    execute = con.to_pyarrow
    monkeypatch.setattr(con, "execute", lambda expr, **_: asked.append(expr) or execute(expr).to_pandas())
    assert quality.measure(tables, rules)["failing"].tolist() == [1, 1, 2]
    assert len(asked) == 1


def test_the_columns_of_the_condition_are_those_judged():
    assert declare(B2B)[1].columns == ("unit", "pack", "quantity")


def test_a_null_condition_passes_and_a_column_that_may_be_lacking_does_not_apply(con):
    tables = raw(con, quantity=[None, -1.0], event_type=["purchase"] * 2)
    rules = [*declare([RIGHT], tables), *declare(B2B[:1], tables)]
    found, others = quality.applicable(rules, tables)
    assert quality.measure(tables, found)["failing"].tolist() == [1]
    assert others.values.tolist() == [["less than the minimum order", "events", "no events.minimum_quantity"]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"dimenson": "accuracy"}, "rule 'r': unknown key 'dimenson', did you mean 'dimension'"),
        ({"table": "evnets"}, "unknown table 'evnets', did you mean 'events'"),
        ({"failing": "quantty < 0"}, "unknown column 'quantty', did you mean 'quantity'"),
        ({"repair": {"quantty": "0"}}, "quantty"),
        ({"failing": "quantity < (0"}, "`failing` does not parse as SQL"),
        ({"failing": "quantity < 0) OR (1 = 1"}, "not one SQL expression"),
        ({"failing": "quantity < 0); DROP TABLE x; SELECT (1"}, "`failing` "),
        ({"failing": "quantity < 0, value"}, "not one SQL expression"),
        ({"failing": "1 = 1"}, "names no column"),
        ({"failing": "item_id IN (SELECT item_id FROM items)"}, "a query of its own"),
        ({"failing": "quantity > avg(quantity)"}, "an aggregate"),
        ({"failing": "row_number() OVER (ORDER BY quantity) > 1"}, "a window function"),
        ({"failing": "items.price < 0"}, "names table 'items', but the rule is about 'events'"),
        ({"failing": "no_such_function(quantity) > 1"}, "refused by the engine: .*no_such_function"),
        ({"failing": "quantity + query > 1 AND year(query) = 1"}, "refused by the engine"),
        ({"failing": 5}, "must be text"),
        ({"action": "quarantain"}, "unknown action 'quarantain', did you mean 'quarantine'"),
        ({"dimension": "beauty"}, "unknown dimension 'beauty'"),
        ({"severity": "hgh"}, "did you mean 'high'"),
        ({"key": ["event_id"]}, "needs one of"),
        ({"needs": "events.position"}, "`needs` must be a list"),
        ({"action": "repair"}, "says what it changes"),
        ({"name": None}, "rule 1 of the parameters file has no name"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_before_anything_runs(con, row, message):
    tables = raw(con, quantity=[1.0], value=[1.0], query=["q"])
    with pytest.raises(RuleError, match=message) as raised:
        declare([RIGHT | row], tables)
    assert "\n" not in str(raised.value)


def test_two_rules_of_one_name_are_refused():
    with pytest.raises(RuleError, match="two rules have the name 'r'"):
        declare([RIGHT, RIGHT])


def test_a_module_brings_its_rules(tmp_path):
    path = tmp_path / "my_rules.py"
    path.write_text(
        "from workbench.governance.quality import Rule\n"
        "RULES = (Rule('odd', 'accuracy', 'items', lambda t, _: t.price % 2 == 1),)\n"
    )
    tables = {"items": ibis.memtable({"price": [1.0, 2.0]})}
    assert quality.measure(tables, load_module(path))["failing"].tolist() == [1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no file of rules"), ("RULES = 1", "must define RULES"), ("x = 1", "must define RULES"),
        ("RULES = ('a',)", "must define RULES"), ("RULES = (", "fails when it is run: SyntaxError"),
        ("import no_such_module", "fails when it is run: ModuleNotFoundError"),
    ],
)  # fmt: skip
def test_a_module_that_is_not_right_is_refused(tmp_path, text, message):
    path = tmp_path / "my_rules.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RuleError, match=message):
        load_module(path)
