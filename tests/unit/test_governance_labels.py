import pandas as pd
import pytest
import small_shop

from workbench.data import contract, engine
from workbench.governance import aggregates, recipes
from workbench.governance.labels import exposure
from workbench.governance.labels.contexts import LENGTH, contexts
from workbench.governance.recipes import baskets, grocery_words, promoted

SPLITS = {"train": (1, 8), "valid": (9, 10), "test": (11, 12)}
TARGETS = {"train": 200, "valid": 60, "test": 60}


@pytest.fixture(scope="module")
def shop():
    con = engine.connect("500MB", threads=1)
    tables = small_shop.tables(con)
    events, promotions = tables["events"], tables["promotions"]
    items = engine.keep(con, "final_items", contract.conform(grocery_words.finish(tables["items"]), "items"))
    places = exposure.places(events, promotions)
    bought = engine.keep(con, "bought", exposure.bought(events, places, promotions))
    reach = exposure.reach(places, promotions)
    sampled = engine.keep(con, "sampled", exposure.sample(events, places, promotions, reach, cap=5, buckets=4))
    return con, events, items, bought, sampled


@pytest.fixture(scope="module")
def pairs(shop) -> pd.DataFrame:
    con, events, items, bought, sampled = shop
    table = promoted.pairs(con, events, items, promoted.exposures(bought, sampled), SPLITS, TARGETS)
    return contract.check(engine.keep(con, "pairs", table), "pairs").execute()


def test_titles_are_readable_and_short():
    con = engine.connect("500MB", threads=1)
    frame = small_shop.items(3).assign(
        product_type=["YOGURT NOT MULTI-PACKS", "BREAD:ITALIAN/FRENCH", None], product_category=["A", "B", "FRZN ICE"],
        package_size=["6 OZ", None, "1/2 GAL"], brand=["Private", "National", None],
    )  # fmt: skip
    titles = grocery_words.finish(con.create_table("texts", frame)).order_by("item_id").execute()["title"].tolist()
    assert titles == ["yogurt not multi packs 6 oz private", "bread italian french", "frzn ice 1/2 gal"]


def test_contexts_put_first_what_was_bought_often_and_lately():
    con = engine.connect("500MB", threads=1)
    items = con.create_table(
        "kinds", pd.DataFrame({"item_id": list("abcd"), "type_text": ["apple", "bread", "corn", "dip"]})
    )
    rows = [("u", "a", 1), ("u", "b", 2), ("u", "b", 3), ("u", "c", 3), ("u", "c", 3), ("u", "d", 4), ("v", "d", 3)]
    purchases = con.create_table("p", pd.DataFrame(rows, columns=["user_id", "item_id", "week"]))
    moments = con.create_table("m", pd.DataFrame({"user_id": ["u", "w"], "week": [4, 4]}))
    found = contexts(purchases, items, moments, memory=3, length=2).execute()
    assert found.values.tolist() == [["u", 4, "bread; corn"]]
    longer = contexts(purchases, items, moments, memory=3).execute()
    assert longer["context"].tolist() == ["bread; corn; apple"]
    assert contexts(purchases, items, moments, memory=2).execute()["context"].tolist() == ["bread; corn"]


def test_finished_items_keep_the_contract(shop):
    items = shop[2]
    contract.check(items, "items")
    with pytest.raises(contract.ContractError, match=r"'items' .* null in title \(60 rows\)"):
        contract.check(items.mutate(title=items.title.nullif(items.title)), "items")


def test_contexts_are_short(pairs):
    kinds = pairs["context"].str.split("; ").str.len()
    assert kinds.max() == LENGTH == 5


def test_pairs_are_whole_groups_within_their_weeks_and_targets(shop, pairs):
    bought, sampled = shop[3:]
    exposed = promoted.exposures(bought, sampled).execute()
    for split, (first, last) in SPLITS.items():
        mine = pairs[pairs["split"] == split]
        assert 0 < len(mine) <= TARGETS[split]
        assert mine["week"].between(first, last).all()
    whole = exposed.merge(pairs[["user_id", "week"]].drop_duplicates())
    assert len(whole) == len(pairs) + bought_later(whole).sum()
    assert pairs["pair_id"].is_unique
    assert (pairs["context"] != "").all()


def bought_later(exposed: pd.DataFrame) -> pd.Series:
    """Whether each non-purchase is bought by its household in a later week of the same split, straight in pandas."""
    events = small_shop.events()
    weeks = events.groupby(["user_id", "item_id"])["week"].agg(set).to_dict()
    ends = {week: last for first, last in SPLITS.values() for week in range(first, last + 1)}
    return pd.Series([
        not row.bought and any(row.week < week <= ends[row.week] for week in weeks.get((row.user_id, row.item_id), ()))
        for row in exposed.itertuples()
    ], index=exposed.index)  # fmt: skip


def test_what_a_household_buys_later_in_the_split_is_no_negative_and_the_rest_keeps_its_weight(shop, pairs):
    exposed = promoted.exposures(*shop[3:]).execute()
    mine = exposed.merge(pairs[["user_id", "week"]].drop_duplicates())
    late = bought_later(mine)
    assert late.sum() > 20
    key = ["user_id", "week", "item_id", "weight"]
    told = pairs.rename(columns={"candidate_id": "item_id"})[key].sort_values(key, ignore_index=True)
    kept = mine.loc[~late, key].sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(told, kept, check_dtype=False)


def test_labels_say_what_was_bought_that_week(pairs):
    events = small_shop.events()
    bought = set(zip(events["user_id"], events["week"], events["item_id"], strict=True))
    truth = [(row.user_id, row.week, row.candidate_id) in bought for row in pairs.itertuples()]
    assert pairs["label"].tolist() == [int(value) for value in truth]
    assert pairs.loc[pairs["label"] == 1, "weight"].eq(1).all()
    assert pairs.loc[pairs["label"] == 0, "weight"].gt(1).any()


def test_origin_says_which_pairs_were_drawn_at_a_rate_below_one(shop, pairs):
    """Purchases are all in; a non-purchase that stands for others as well (its weight is above 1) was sampled."""
    origins = pairs.groupby("label")["origin"].unique().map(list).to_dict()
    assert origins == {0: ["sampled"], 1: ["observed"]}
    con, events, items, bought, sampled = shop
    all_of_them = promoted.exposures(bought, sampled.mutate(weight=1.0))
    whole = promoted.pairs(con, events, items, all_of_them, SPLITS, TARGETS).execute()
    assert whole["origin"].eq("observed").all()
    assert whole["label"].nunique() == 2


def test_balance_reports_both_rates(shop, pairs):
    con = shop[0]
    balance = recipes.balance(con.table("pairs"))
    train = pairs[pairs["split"] == "train"]
    assert balance.loc["train", "share"] == pytest.approx(train["label"].mean())
    natural = (train["label"] * train["weight"]).sum() / train["weight"].sum()
    assert balance.loc["train", "natural_rate"] == pytest.approx(natural)
    assert natural < balance.loc["train", "share"]


def test_events_hold_every_purchase_marked_and_every_sampled_impression(shop):
    con, purchases, _, bought, sampled = shop
    table = contract.check(engine.keep(con, "all_events", promoted.events(purchases, bought, sampled)), "events")
    events = table.execute()
    assert events["event_id"].is_unique
    assert events["event_type"].value_counts().to_dict() == {
        "purchase": purchases.count().execute(), "impression": sampled.count().execute(),
    }  # fmt: skip
    key = ["user_id", "week", "item_id"]
    marked = events[(events["event_type"] == "purchase") & events["channel"].notna()][key].drop_duplicates()
    exposed = bought.execute()[key].astype({"item_id": str})
    assert len(marked) == len(exposed) == len(marked.merge(exposed))
    coverage = exposure.coverage(table).set_index("channel")
    assert coverage["share"].sum() == pytest.approx(1)
    assert coverage.loc["never promoted", "purchases"] == (events["channel"].isna()).sum()


def test_corpus_splits_share_no_text_and_stay_within_their_size(shop):
    _, purchases, items, _, _ = shop
    docs = baskets.corpus(items, purchases, 8, 12, 40, 10).execute()
    train, valid = (docs[docs["split"] == split] for split in ("train", "valid"))
    assert (len(train), len(valid)) == (40, 10)
    assert not set(train["text"]) & set(valid["text"])
    assert docs["text"].is_unique


def test_aggregates_equal_pandas_at_each_cut(shop):
    _, purchases, items, _, _ = shop
    found = aggregates.aggregates(purchases, items, [5, 9])["item"].execute()
    frame = small_shop.events()
    for cut in (5, 9):
        seen = frame[frame["week"] <= cut].assign(unit=lambda t: t["value"] / t["quantity"])
        expected = seen.groupby("item_id").agg(
            purchases=("event_id", "size"), users=("user_id", "nunique"), last_week=("week", "max"),
            value=("value", "sum"), price=("unit", "median"),
        )  # fmt: skip
        mine = found[found["until"] == cut].set_index("item_id").loc[expected.index, expected.columns]
        pd.testing.assert_frame_equal(mine, expected, check_dtype=False, atol=1e-4)
