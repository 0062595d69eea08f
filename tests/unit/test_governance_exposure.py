"""The exposure: against the full join in pandas, and the sample against the population it stands for."""

import numpy as np
import pandas as pd
import pytest
import small_shop

from workbench.data import engine
from workbench.governance.labels import exposure

EVENTS = small_shop.events()
PROMOTIONS = small_shop.promotions()


@pytest.fixture(scope="module")
def shop():
    con = engine.connect("500MB", threads=1)
    tables = small_shop.tables(con)
    places = engine.keep(con, "places", exposure.places(tables["events"], tables["promotions"]))
    reach = engine.keep(con, "reach", exposure.reach(places, tables["promotions"]))
    return tables["events"], tables["promotions"], places, reach


def home_store(user: str, week: int) -> int | None:
    """Straight from the definition, in pandas."""
    past = EVENTS[(EVENTS["user_id"] == user) & EVENTS["week"].between(week - 8, week - 1)]
    trips = past.drop_duplicates("order_id")["store_id"].astype(int).value_counts()
    return None if trips.empty else int(trips[trips == trips.max()].index.min())


@pytest.fixture(scope="module")
def full() -> pd.DataFrame:
    """The full view by brute force: user_id, week, store_id, item_id, display, mailer."""
    parts = []
    for (user, week), trips in EVENTS.groupby(["user_id", "week"]):
        now, home = PROMOTIONS[PROMOTIONS["week"] == week], home_store(user, week)
        display = now["display"] & now["store_id"].isin(trips["store_id"].astype(int))
        mailer = now["mailer"] & (now["store_id"] == home)
        parts.append(now.assign(user_id=user, display=display, mailer=mailer)[display | mailer])
    return pd.concat(parts, ignore_index=True)


def not_bought(full: pd.DataFrame) -> pd.DataFrame:
    bought = EVENTS[["user_id", "week", "item_id"]].drop_duplicates().astype({"item_id": "int32"})
    products = full.drop_duplicates(["user_id", "week", "item_id"])
    merged = products.merge(bought, how="left", on=["user_id", "week", "item_id"], indicator=True)
    return merged[merged["_merge"] == "left_only"]


def test_the_view_equals_its_definition(shop, full):
    _, promotions, places, _ = shop
    columns = ["user_id", "week", "store_id", "item_id", "display", "mailer"]
    view = exposure.view(places, promotions).execute()[columns].sort_values(columns, ignore_index=True)
    pd.testing.assert_frame_equal(view, full[columns].sort_values(columns, ignore_index=True), check_dtype=False)


def test_sizes_from_counts_equal_the_full_join(shop, full):
    size = exposure.size(shop[3])
    visits = EVENTS[["user_id", "week", "store_id"]].drop_duplicates().astype({"store_id": "int32"})
    assert size.joined == len(visits.merge(PROMOTIONS, on=["store_id", "week"]))
    assert (size.rows, size.display, size.mailer) == (len(full), full["display"].sum(), full["mailer"].sum())
    assert size.household_weeks == len(EVENTS.drop_duplicates(["user_id", "week"]))


def test_a_promotion_neither_displayed_nor_mailed_is_no_exposure(shop):
    _, promotions, places, _ = shop
    silent = promotions.mutate(display=False, mailer=False)
    assert exposure.view(places, silent).count().execute() == 0
    assert exposure.size(exposure.reach(places, silent)).rows == 0


def test_every_exposed_purchase_is_found_once(shop, full):
    events, promotions, places, _ = shop
    found = exposure.bought(events, places, promotions).execute()
    bought = EVENTS[["user_id", "week", "item_id"]].drop_duplicates().astype({"item_id": "int32"})
    expected = full.merge(bought, on=["user_id", "week", "item_id"])
    assert found["stores"].sum() == len(expected)
    key = ["user_id", "week", "item_id"]
    assert not found.duplicated(key).any()
    assert len(found) == len(expected.drop_duplicates(key))


def test_no_purchase_is_sampled_and_the_cap_holds(shop, full):
    events, promotions, places, reach = shop
    drawn = exposure.sample(events, places, promotions, reach, cap=5, buckets=8).execute()
    key = ["user_id", "week", "item_id"]
    assert drawn.groupby(["user_id", "week"]).size().max() == 5
    assert len(drawn[key].merge(not_bought(full)[key])) == len(drawn) == len(drawn.drop_duplicates(key))


def test_without_a_cap_the_sample_is_the_population(shop, full):
    events, promotions, places, reach = shop
    drawn = exposure.sample(events, places, promotions, reach, cap=1000, buckets=8).execute()
    assert drawn["weight"].eq(1).all()
    assert len(drawn) == len(not_bought(full))


def test_weights_estimate_counts_without_bias_over_many_salts(shop, full):
    """Mean over 25 samples within 4 standard errors of the truth, for all products and for a chosen third."""
    events, promotions, places, reach = shop
    truth = not_bought(full)
    small, estimates, parts = reach.select("user_id", "week", "rows"), [], []
    for salt in range(25):
        drawn = exposure.sample(events, places, promotions, small, cap=3, buckets=16, salt=str(salt)).execute()
        estimates.append(drawn["weight"].sum())
        parts.append(drawn.loc[drawn["item_id"] % 3 == 0, "weight"].sum())
    for found, expected in ((estimates, len(truth)), (parts, (truth["item_id"] % 3 == 0).sum())):
        error = np.std(found, ddof=1) / np.sqrt(len(found))
        assert abs(np.mean(found) - expected) < 4 * error
        assert error < 0.02 * expected


def test_one_sample_repeats_and_another_salt_differs(shop):
    events, promotions, places, reach = shop
    key = ["user_id", "week", "item_id"]
    draws = [
        exposure.sample(events, places, promotions, reach, cap=4, salt=salt)
        .execute()
        .sort_values(key, ignore_index=True)
        for salt in ("a", "a", "b")
    ]
    pd.testing.assert_frame_equal(draws[0], draws[1])
    assert not draws[0][key].equals(draws[2][key])


def test_home_stores_tie_by_store_and_look_back_eight_weeks_only():
    con = engine.connect("500MB", threads=1)
    frame = pd.DataFrame(
        [("a", 1, 5, 9), ("a", 2, 3, 1), ("a", 3, 2, 1), ("a", 10, 7, 1), ("a", 12, 7, 1)],
        columns=["user_id", "week", "store_id", "trips"],
    )
    homes = exposure.home_stores(con.create_table("visits", frame)).execute().set_index("week")["store_id"].to_dict()
    assert homes == {2: 5, 3: 5, 10: 2, 12: 7}
