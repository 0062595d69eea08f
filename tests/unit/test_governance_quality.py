import ibis
import numpy as np
import pandas as pd
import pytest
import small_shop

from workbench.artifacts import GateFailed
from workbench.data import engine
from workbench.governance import cleaning, quality
from workbench.governance.quality import copies, failures, history
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


def test_a_high_rule_that_most_rows_fail_stops_the_run_however_many_rules_pass():
    rows = [["accuracy", f"r{i}", "items", "warn", "low", 100, 0] for i in range(150)]
    columns = ["dimension", "rule", "table", "action", "severity", "rows", "failing"]

    def measured(failing: int, severity: str = "high") -> pd.DataFrame:
        frame = pd.DataFrame([*rows, ["accuracy", "bad", "items", "warn", severity, 100, failing]], columns=columns)
        return quality.compare(frame, frame)

    quality.gate(measured(50), {"accuracy": 0.99})
    quality.gate(measured(100, "medium"), {"accuracy": 0.99})
    with pytest.raises(GateFailed, match=r"'bad' fails on 51 of the rows of items, 0\.4900 < 0\.5 \(any high-severity"):
        quality.gate(measured(51), {"accuracy": 0.99})
    quality.gate(measured(100), {"any high-severity rule": 0.0})
    quality.gate(measured(100), {"rule: bad": 0.0})
    with pytest.raises(GateFailed, match=r"0\.9000 < 0\.95"):
        quality.gate(measured(10), {"any high-severity rule": 0.95})
    with pytest.raises(ValueError, match="did you mean 'any high-severity rule'"):
        quality.gate(measured(0), {"any high severity rule": 0.9})


def test_a_high_rule_that_sets_most_rows_aside_stops_the_run_although_none_is_left_to_fail():
    columns = ["dimension", "rule", "table", "action", "severity", "rows", "failing"]

    def taken(failing: int) -> pd.DataFrame:
        before = pd.DataFrame([["usability", "robot", "events", "quarantine", "high", 100, failing]], columns=columns)
        after = before.assign(rows=100 - failing, failing=0)
        return quality.compare(before, after)

    quality.gate(taken(49), {})
    with pytest.raises(GateFailed, match=r"'robot' fails on 60 of the rows of events, 0\.4000 < 0\.5 .*rule_actions"):
        quality.gate(taken(60), {})
    quality.gate(taken(60), {"rule: robot": 0.0})


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
    with pytest.raises(ValueError, match="a merge needs a key"):
        quality.Rule("no key", "accuracy", "events", lambda t, _: t.value < 0, action="merge")
    with pytest.raises(ValueError, match="copies with a survivor"):
        quality.Rule("set aside", "accuracy", "items", survivors=lambda t, _: t, action="quarantine")
    with pytest.raises(ValueError, match="needs the condition"):
        quality.Rule("no condition", "accuracy", "items", key=("a",), action="repair", repair=lambda t, _: {})


def test_a_rule_applies_where_what_it_needs_is_there(con):
    events = con.create_table(
        "some_events",
        pd.DataFrame({"event_id": ["a"], "position": pd.array([None], "Int64"), "query": ["q"]}),
        overwrite=True,
    )
    tables = {"events": events.mutate(nothing=ibis.null())}
    needs = [("events.query",), ("events.position",), ("events.nothing", "items"), ("events.session_id",), ()]
    rules = [quality.Rule(str(i), "accuracy", "events", key=("event_id",), needs=need) for i, need in enumerate(needs)]
    rules.append(quality.Rule("5", "accuracy", "users", key=("user_id",)))
    found, others = quality.applicable(rules, tables)
    assert [rule.name for rule in found] == ["0", "4"]
    assert others[["rule", "reason"]].values.tolist() == [
        ["1", "no events.position"],
        ["2", "no events.nothing and no items"],
        ["3", "no events.session_id"],
        ["5", "no users"],
    ]


def test_the_gate_holds_single_rules_too(result):
    table = result[1]
    quality.gate(table, {"rule: one event id twice": 1.0})
    with pytest.raises(GateFailed, match=r"rule: household without demographics 0\.\d+ < 0\.99"):
        quality.gate(table, {"rule: household without demographics": 0.99})
    with pytest.raises(ValueError, match="did you mean 'rule: one event id twice'"):
        quality.gate(table, {"rule: one event id twise": 0.99})


LOG = pd.DataFrame(
    {
        "event_id": ["a", "b", "b", "c", None],
        "user_id": ["u", "u", "u", "v", None],
        "value": [1.0, -1.0, -2.0, None, 5.0],
        "timestamp": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-02", None], utc=True).as_unit(
            "us"
        ),
    }
)
COPIES = {"key": ["c"], "survivor": ["a"]}
LOG_RULES = (
    quality.Rule("negative", "accuracy", "events", lambda t, _: t.value < 0, columns=("value",)),
    quality.Rule("high", "accuracy", "events", lambda t, _: t.value > 2, columns=("value", "event_id")),
    quality.Rule("busy", "usability", "events", lambda t, _: t.value.count().over(ibis.window(group_by="user_id")) > 2),
    quality.Rule("twice", "uniqueness", "events", key=("event_id",)),
    quality.Rule(
        "copy", "uniqueness", "events", survivors=lambda t, _: ibis.memtable({"key": ["c"], "survivor": ["a"]})
    ),
    quality.Rule("lacking", "completeness", "events", add=lambda t, _: t.filter(t.value == 1), action="repair"),
)


@pytest.fixture(scope="module")
def log(con):
    return {"events": con.create_table("log_events", LOG)}


def test_conditions_keys_copies_and_windows_are_counted(log):
    measured = quality.measure(log, LOG_RULES).set_index("rule")["failing"]
    assert measured.to_dict() == {"negative": 2, "high": 1, "busy": 3, "twice": 1, "copy": 1, "lacking": 1}


def test_flags_name_each_failing_row_once(con, log):
    found = failures.flags(con, log, LOG_RULES, {"events": "event_id"}).execute()
    named = found.groupby("rule")["key"].agg(lambda keys: sorted(keys.fillna("(null)"))).to_dict()
    assert named == {"negative": ["b", "b"], "high": ["(null)"], "busy": ["a", "b", "b"], "twice": ["b"], "copy": ["c"]}
    assert set(found["table"]) == {"events"}


def test_flags_and_cleaning_name_the_same_copies(con, log):
    rule = quality.Rule("twice", "uniqueness", "events", key=("event_id",), action="quarantine")
    cleaned = cleaning.clean(con, log, log, [rule], {"events": "event_id"}, quality.measure(log, [rule]))
    flagged = failures.flags(con, log, [rule], {"events": "event_id"}).execute()["key"].tolist()
    assert cleaned.quarantine.execute()["key"].tolist() == flagged == ["b"]


def test_examples_are_the_first_failing_rows_and_what_became_of_them(con, log):
    keys = {"events": "event_id"}
    rules = [
        quality.Rule("neg", "accuracy", "events", lambda t, _: t.value < 0, action="quarantine"),
        quality.Rule("negative", "accuracy", "events", lambda t, _: t.value == -1, action="quarantine"),
    ]
    cleaned = cleaning.clean(con, log, log, rules, keys, quality.measure(log, rules))
    found = failures.examples(con, log, rules[1], keys, vars(cleaned))
    assert found["failing"]["value"].tolist() == [-1.0]
    assert found["quarantine"]["reasons"].tolist() == ["neg; negative"]
    assert "repairs" not in found
    assert len(failures.examples(con, log, rules[0], keys, limit=1)["failing"]) == 1
    twice = failures.examples(con, log, LOG_RULES[3], keys)["failing"]
    assert twice["event_id"].tolist() == ["b", "b"]  # with the row that stays, to compare
    assert len(failures.examples(con, log, LOG_RULES[5], keys)["failing"]) == 1


def test_quality_by_day_counts_each_row_on_its_own_day(log):
    days = history.by_day(log, LOG_RULES)
    table = days.assign(day=days["day"].dt.strftime("%d").fillna("none")).pivot(
        index="rule", columns="day", values="failing"
    )
    assert table.to_dict("index") == {
        "negative": {"01": 1, "02": 1, "none": 0},
        "high": {"01": 0, "02": 0, "none": 1},
        "busy": {"01": 2, "02": 1, "none": 0},
        "twice": {"01": 1, "02": 0, "none": 0},  # of the two b, the lesser value stays
    }
    assert days.groupby("rule")["rows"].sum().eq(len(LOG)).all()


def test_the_worst_columns_come_first(log):
    worst = history.worst_columns(log, LOG_RULES).set_index("column")
    assert worst.index[0] == "value"
    assert worst.loc["value", ["nulls", "failing", "distinct"]].tolist() == [1, 3, 4]
    assert worst.loc["event_id", ["nulls", "failing"]].tolist() == [1, 1]
    assert worst.loc["user_id", ["null_share", "failing_share"]].tolist() == [0.2, 0.0]


KINDS = {
    "narrow": {"a": "int64", "b": "int32", "c": "Int8"},
    "wide": {"a": "uint64", "b": "str", "c": "int64"},
    "text": {"a": "str", "b": "str", "c": "str"},
}


@pytest.mark.parametrize("spread", [1, 62, 63, 1000])
@pytest.mark.parametrize("kinds", KINDS)
def test_repeated_keys_are_those_of_a_plain_count(con, kinds, spread):
    random = np.random.default_rng(spread)
    frame = pd.DataFrame(random.integers(0, [spread, 5, 9], (400, 3)), columns=["a", "b", "c"])
    ends = pd.DataFrame({"a": [0, spread - 1, 0], "b": 1, "c": 1})
    frame = pd.concat([frame, ends], ignore_index=True) - (7 if kinds == "narrow" else 0)
    frame = frame.astype(KINDS[kinds])
    if kinds == "narrow":
        frame.loc[::9, "c"] = None
    key = ("a", "b", "c")
    found = copies.repeated(con.create_table("keyed", frame, overwrite=True), key).execute()
    counts = frame.dropna().value_counts().rename("rows")
    expected = counts[counts > 1].reset_index().astype(object)
    order = [*key, "rows"]
    assert sorted(found[order].astype(object).values.tolist()) == sorted(expected[order].values.tolist())
    assert len(expected) > 0


def test_many_rows_of_one_key_do_not_pass_for_another(con):
    frame = pd.DataFrame({"a": ["x"] * 2 + ["y"] * 2**12 + ["z"], "b": [0] * 2 + [61] * 2**12 + [1]})
    found = copies.repeated(con.create_table("keyed", frame, overwrite=True), ("a", "b")).order_by("a").execute()
    assert found.values.tolist() == [["x", 0, 2], ["y", 61, 2**12]]


def test_an_empty_table_repeats_nothing(con):
    table = ibis.memtable([], schema={"a": "int64", "b": "int64"})
    assert len(copies.repeated(table, ("a", "b")).execute()) == 0


def test_what_is_left_of_a_table_is_searched_among_known_keys(con):
    frame = pd.DataFrame({"a": [1, 1, 2, 2, 3], "b": [1, 1, 2, 2, 3]})
    table, repeats = con.create_table("keyed", frame, overwrite=True), copies.Repeats(con)
    assert repeats.among(table, ("a", "b")) is None
    assert sorted(repeats.find(table, ("a", "b")).execute()["a"]) == [1, 2]
    left = table.filter(table.a > 1)
    assert repeats.among(left, ("a", "b")) is None  # nothing is known of an expression until it is said
    repeats.note(left, ("a", "b"), repeats.find(table, ("a", "b")).filter(lambda t: t.a == 2))
    assert repeats.find(left, ("a", "b")).execute().values.tolist() == [[2, 2, 2]]
    assert repeats.among(left, ("b", "a")) is None
    names = list(repeats.scratch.names)
    repeats.clear()
    assert repeats.among(table, ("a", "b")) is None
    assert not set(names) & set(con.list_tables())


def test_a_rule_says_which_tables_it_reads():
    tables = {name: ibis.memtable({"item_id": ["1"]}) for name in ("events", "items", "users")}
    rule = quality.Rule("x", "accuracy", "events", lambda t, all_: t.item_id.isin(all_["items"].item_id))
    assert rule.reads(tables["events"], tables) == {"events", "items"}
    rule = quality.Rule("x", "accuracy", "events", lambda t, all_: t.item_id.isin(dict(all_)["users"].item_id))
    assert rule.reads(tables["events"], tables) == {"events", "items", "users"}
