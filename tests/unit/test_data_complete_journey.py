"""The source on files made as the publisher makes them, and its calendar."""

from types import SimpleNamespace

import pandas as pd
import pytest

from workbench.data import contract, engine, sources
from workbench.data.collected import SourceError
from workbench.data.offers import REACH, personal_offers
from workbench.data.sources import complete_journey as source
from workbench.governance.labels import exposure


@pytest.fixture
def raw(tmp_path):
    """A year's files in small: three households, one of them with demographics."""
    times = pd.to_datetime(["2017-01-01 12:00", "2017-01-02 06:00", "2017-01-09 12:00"])
    frames = {
        "transactions": pd.DataFrame({
            "household_id": [1, 2, 3], "store_id": [10, 10, 20], "basket_id": [7, 8, 9], "product_id": [100, 100, 200],
            "quantity": [1, 2, 3], "sales_value": [1.0, 2.0, 3.0], "retail_disc": 0.0, "coupon_disc": 0.0,
            "coupon_match_disc": 0.0, "week": [1, 2, 3], "transaction_timestamp": times,
        }),
        "products": pd.DataFrame({
            "product_id": [100, 200], "manufacturer_id": [5, 6], "department": ["GROCERY", "MISCELLANEOUS"],
            "brand": ["Private", "National"], "product_category": ["CHEESE", None],
            "product_type": ["SHREDDED CHEESE", None], "package_size": ["8 OZ", None],
        }),
        "promotions": pd.DataFrame({
            "product_id": [100, 100, 200], "store_id": [10, 20, 20], "display_location": ["0", "9", "0"],
            "mailer_location": ["A", "0", "0"], "week": [1, 1, 2],
        }),
        "coupons": pd.DataFrame({"coupon_upc": [900], "product_id": [100], "campaign_id": [26]}),
        "campaigns": pd.DataFrame({"campaign_id": [26, 26], "household_id": [1, 2]}),
        "campaign_descriptions": pd.DataFrame({
            "campaign_id": [26], "campaign_type": ["Type B"], "start_date": pd.to_datetime(["2017-01-05"]),
            "end_date": pd.to_datetime(["2017-02-19"]),
        }),
        "demographics": pd.DataFrame({
            "household_id": [1], **{name: ["x"] for name in source.QUASI_IDENTIFIERS},
        }),
    }  # fmt: skip
    for name, frame in frames.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    return tmp_path


def collect(raw, **options):
    found = sources.find("complete_journey", str(raw), options)
    return SimpleNamespace(**found.collect(engine.connect("500MB", threads=1), found.files()).tables)


def test_raw_files_become_the_contracts_tables(raw):
    collected = collect(raw)
    contract.check(contract.conform(collected.events, "events"), "events")
    event = collected.events.order_by("event_id").execute().iloc[0]
    assert (event["event_id"], event["user_id"], event["item_id"], event["store_id"]) == ("7-100", "1", "100", "10")
    assert event["timestamp"] == pd.Timestamp("2017-01-01 12:00", tz="UTC")
    items = collected.items.order_by("item_id").execute()
    assert items["category"].tolist() == ["GROCERY > CHEESE > SHREDDED CHEESE", "MISCELLANEOUS"]
    users = collected.users.order_by("user_id").execute()
    assert users["age"].isna().tolist() == [False, True, True]


def test_a_household_drawn_keeps_the_mailers_of_a_store_as_long_as_exposure_looks_for_its_home(raw):
    """The mailer of a store visited in week 1 counts up to week 1 + REACH, for the source and for exposure alike."""
    transactions = pd.read_parquet(raw / "transactions.parquet").iloc[[0]]
    last = 1 + REACH
    visits = [(10, 1), (20, last), (20, last + 1)]
    trips = [transactions.assign(store_id=store, week=week, basket_id=week) for store, week in visits]
    pd.concat(trips).to_parquet(raw / "transactions.parquet")
    mailed = pd.read_parquet(raw / "promotions.parquet").iloc[[0]]
    pd.concat([mailed.assign(week=week) for week in (last, last + 1)]).to_parquet(raw / "promotions.parquet")
    collected = collect(raw, households=1)
    assert collected.promotions.execute()["week"].tolist() == [last]
    everything = collect(raw)
    view = exposure.view(exposure.places(everything.events, everything.promotions), everything.promotions)
    assert view.execute()["week"].tolist() == [last]


def test_promotions_become_flags(raw):
    promotions = collect(raw).promotions.order_by("item_id", "store_id").execute()
    assert promotions[["display", "mailer"]].values.tolist() == [[False, True], [True, False], [False, False]]


def test_offers_name_every_household_of_the_campaign_and_last_to_the_end_of_their_day(raw):
    collected = collect(raw)
    offers = contract.check(personal_offers(collected.offers, collected.audience), "offers").execute()
    assert sorted(offers["user_id"]) == ["1", "2"]
    assert offers["valid_to"].eq(pd.Timestamp("2017-02-20", tz="UTC")).all()


def test_a_draw_of_households_is_repeatable_and_cuts_what_they_cannot_see(raw):
    first, second = collect(raw, households=1), collect(raw, households=1)
    users = first.users.execute()["user_id"].tolist()
    assert len(users) == 1
    assert users == second.users.execute()["user_id"].tolist()
    stores = {int(store) for store in first.events.execute()["store_id"]}
    assert set(first.promotions.execute()["store_id"]) <= stores


def test_part_of_the_promotions_can_be_read_and_nonsense_is_refused(raw):
    kept = collect(raw, promoted_share=0.01).promotions.count().execute()
    assert kept < collect(raw).promotions.count().execute() == 3
    with pytest.raises(SourceError, match="promoted_share above 0"):
        collect(raw, promoted_share=0.0)


def test_two_threads_read_what_one_reads(raw):
    found = sources.find("complete_journey", str(raw), {})
    one, two = (found.collect(engine.connect("500MB", threads=n), found.files()).tables for n in (1, 2))
    assert set(one) == set(two)
    for name in one:
        assert one[name].schema() == two[name].schema()
        rows = [sorted(map(repr, tables[name].to_pyarrow().to_pylist())) for tables in (one, two)]
        assert rows[0] == rows[1]


def test_weeks_begin_on_monday_in_new_york_also_in_summer():
    weeks = source.weeks().set_index("week")
    assert weeks.loc[1, "begins"] == pd.Timestamp("2016-12-26 05:00", tz="UTC")
    assert weeks.loc[30, "begins"] == pd.Timestamp("2017-07-17 04:00", tz="UTC")
    assert weeks.loc[53, "ends"] == pd.Timestamp("2018-01-01 05:00", tz="UTC")


def test_missing_file_and_unknown_source_are_named(raw):
    (raw / "coupons.parquet").unlink()
    with pytest.raises(SourceError, match=r"coupons\.parquet not found"):
        sources.find("complete_journey", str(raw)).files()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("complete_jorney", {}, "unknown source 'complete_jorney', did you mean 'complete_journey'"),
        ("complete_journey", {"household": 5}, "no option 'household', did you mean 'households'"),
        ("complete_journey", {"households": "five"}, "option 'households' is 'five': give it as int"),
    ],
)
def test_a_source_or_option_that_does_not_exist_is_named(name, options, message):
    with pytest.raises(SourceError, match=message):
        sources.find(name, options=options)
