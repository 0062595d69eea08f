"""All rules on a whole shop with planted faults: the record is complete, and cleaning makes nothing worse."""

import json
from typing import Any, NamedTuple

import ibis
import pandas as pd
import pytest
from ibis.expr.types import Table

from workbench.data import engine, sources
from workbench.data.collected import Collected
from workbench.governance import cleaning, quality
from workbench.governance.cleaning.replay import replay
from workbench.governance.quality.copies import Repeats
from workbench.governance.rules import shop

HOLES = "position after one that its list skips"
SMALL = {"events": 6000, "users": 150, "products": 400}


class Governed(NamedTuple):
    con: Any
    raw: Collected
    cleaned: cleaning.Cleaned
    quality: pd.DataFrame


@pytest.fixture(scope="module", params=["en", "zh"])
def governed(request: pytest.FixtureRequest) -> Governed:
    con = engine.connect("500MB", threads=1)
    source = sources.find("storefront", options={**SMALL, "faults": True, "language": request.param})
    raw = source.collect(con, source.files())
    rules, _ = quality.applicable(shop.RULES, raw.tables)
    seen, repeats = shop.seen(con, raw.tables), Repeats(con)
    before = quality.measure(seen, rules, repeats, raw.tables)
    order = shop.CLEANING_ORDER
    done = cleaning.clean(con, raw.tables, seen, rules, order, before, raw.conversions, raw.rejected, repeats)
    after = quality.measure(shop.seen(con, done.tables, "clean"), rules, repeats, done.tables)
    return Governed(con, raw, done, quality.compare(before, after))


def as_rows(table: Table) -> list[str]:
    text = ibis.struct({column: table[column] for column in table.columns}).cast("json").cast("string")
    return sorted(table.select(row=text).execute()["row"])


@pytest.mark.parametrize("name", ["items", "users", "events"])
def test_the_record_gives_the_clean_table(governed: Governed, name: str) -> None:
    log, key = governed.cleaned, {name: shop.CLEANING_ORDER[name]}
    again = replay(governed.con, governed.raw.tables, log.repairs, log.merges, log.quarantine, key)[name]
    assert as_rows(again) == as_rows(log.tables[name])
    assert as_rows(again) != as_rows(governed.raw.tables[name])


def test_every_row_is_accounted_for(governed: Governed) -> None:
    balance = governed.cleaned.balance
    given, found = balance[["collected", "added"]].sum(axis=1), balance[["clean", "quarantined", "merged"]].sum(axis=1)
    assert given.tolist() == found.tolist()
    assert (balance[["quarantined", "merged"]].sum() > 0).all()


def lists_with_holes(events: Table) -> set[str]:
    shown = events.filter(events.event_type == "impression", events.position.notnull()).execute()
    places = shown.groupby("request_id")["position"].agg(["min", "max", "nunique"])
    return set(places.index[places["max"] - places["min"] + 1 > places["nunique"]])


def test_only_a_list_that_lost_a_row_has_a_new_hole(governed: Governed) -> None:
    aside = governed.cleaned.quarantine.filter(lambda t: t.table == "events").execute()["row"].map(json.loads)
    before, after = (lists_with_holes(t["events"]) for t in (governed.raw.tables, governed.cleaned.tables))
    assert after <= before | {row["request_id"] for row in aside}


def test_no_rule_fails_on_more_rows_than_before(governed: Governed) -> None:
    worse = governed.quality.query("failing_after > failing_before")
    assert set(worse["rule"]) <= {HOLES}  # a row that is set aside leaves its place in the list empty


def test_what_was_repaired_or_set_aside_is_gone(governed: Governed) -> None:
    left = governed.quality.query("action in ('repair', 'quarantine', 'merge') and failing_after > 0")
    assert left[["rule", "failing_before", "failing_after"]].to_dict("records") == []
