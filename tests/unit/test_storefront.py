"""The generated shop: the same bytes again, a log that obeys its own truth, clean data where no fault is planted."""

import re
from hashlib import sha256
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from workbench.data import contract, engine, sources
from workbench.data.collected import SourceError
from workbench.data.sources import storefront
from workbench.data.sources.storefront import clicks, columns, feedback, generate, intents, kinds
from workbench.data.sources.storefront.clock import Clock

CHINESE = r"[\u4e00-\u9fff]"
ON_LISTS = ["impression", "click", "cart", "purchase"]


def shop(folder, **options):
    """A shop's files, tables as frames, and truth."""
    source = sources.find("storefront", str(folder), {"faults": False, **options})
    files = source.files()
    collected = source.collect(engine.connect("500MB", threads=1), files)
    for name, table in collected.tables.items():
        contract.check(table, name)
    frames = {name: table.execute() for name, table in collected.tables.items()}
    truth = storefront.truth(files)
    shown = pd.read_parquet(truth["impressions"])
    assert collected.shape == "behaviour"
    return SimpleNamespace(files=files, truth=truth, shown=shown, source=source, **frames)


@pytest.fixture(scope="module")
def english(tmp_path_factory):
    return shop(tmp_path_factory.mktemp("en"), events=40_000)


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    return shop(tmp_path_factory.mktemp("zh"), events=12_000, language="zh", click_model="cascade")


@pytest.fixture(params=["english", "chinese"])
def either(request):
    return request.getfixturevalue(request.param)


def digests(files):
    return {
        path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(files["events"].parent.glob("*.parquet"))
    }


@pytest.mark.parametrize("options", [{}, {"language": "zh", "click_model": "cascade"}])
def test_same_seed_gives_the_same_bytes(tmp_path, options):
    given = {"events": 3_000, "faults": False, **options}
    one, two, other = (
        sources.find("storefront", str(tmp_path / place), {**given, "seed": seed}).files()
        for place, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert digests(one) == digests(two)
    assert len(digests(one)) == 3 + len(storefront.TRUTH) - 1  # no faults
    different = {name for name, digest in digests(other).items() if digest != digests(one)[name]}
    assert different >= {"items.parquet", "users.parquet", "events.parquet", "truth_impressions.parquet"}


def test_files_are_made_once(tmp_path, monkeypatch):
    source = sources.find("storefront", str(tmp_path), {"events": 1_000, "faults": False})
    files = source.files()
    monkeypatch.setattr(generate, "make", None)
    assert source.files() == files


def test_a_part_of_the_log_depends_on_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "FIRST_CHUNK", 1_000)
    monkeypatch.setattr(generate, "CHUNK", 2_000)
    options = {**storefront.OPTIONS, "events": 6_500, "faults": False}
    log = pd.read_parquet(storefront.files(str(tmp_path), options)["events"])
    parts = generate.chunks(6_500)
    assert [part.events for part in parts] == [1_000, 1_834, 1_833, 1_833]
    assert [part.shares[0] for part in parts[1:]] == [part.shares[1] for part in parts[:-1]]
    world = generate.world(options)
    size = generate.pilot(world, options["seed"])
    alone, _ = generate.part(world, parts[2], size, options["seed"])
    there = log[log["event_id"].str.startswith("e00002")].reset_index(drop=True)
    pd.testing.assert_frame_equal(columns.to_pandas(alone), there)
    assert log["event_id"].is_unique
    starts = log[log["event_type"] == "impression"].groupby(log["event_id"].str[:6])["timestamp"]
    assert (starts.min().iloc[1:].to_numpy() >= starts.min().iloc[:-1].to_numpy()).all()


@pytest.mark.parametrize("events", [1_000, 30_000])
def test_there_are_as_many_events_as_asked_for_less_a_session(tmp_path, events):
    files = sources.find("storefront", str(tmp_path), {"events": events, "faults": False}).files()
    assert events - 300 < pq.read_metadata(files["events"]).num_rows <= events


def test_ids_are_letters_and_digits():
    numbers = np.array([0, 9, 123_456_789_012])
    assert columns.ids("e", numbers).to_pylist() == ["e000000000000", "e000000000009", "e123456789012"]
    repeated = columns.repeated("p", np.array([7, -1, 3, 7]))
    assert repeated.to_pylist() == ["p000007", None, "p000003", "p000007"]
    assert columns.repeated("u", np.array([-1, -1])).to_pylist() == [None, None]


def test_every_reference_is_kept(either):
    events, items = either.events, either.items
    assert events["event_id"].is_unique
    assert items["item_id"].is_unique
    assert either.users["user_id"].is_unique
    assert set(events["item_id"]) <= set(items["item_id"])
    assert set(events["user_id"]) <= set(either.users["user_id"])
    listed = events[events["event_type"].isin(ON_LISTS)]
    impressions = listed[listed["event_type"] == "impression"]
    keys = pd.MultiIndex.from_frame(impressions[["request_id", "item_id"]])
    assert keys.is_unique
    assert pd.MultiIndex.from_frame(listed[["request_id", "item_id"]]).isin(keys).all()
    assert (listed.groupby("request_id")["user_id"].nunique() == 1).all()
    assert (events.groupby("session_id")["user_id"].nunique() == 1).all()
    truth = either.shown[["request_id", "item_id"]].sort_values(["request_id", "item_id"]).to_numpy()
    assert (truth == impressions[["request_id", "item_id"]].sort_values(["request_id", "item_id"]).to_numpy()).all()


def test_times_are_in_order(either):
    events = either.events.merge(either.items[["item_id", "available_from"]], on="item_id")
    assert (events["timestamp"] >= events["available_from"]).all()
    listed = events[events["event_type"].isin(ON_LISTS)]
    times = listed.groupby(["request_id", "item_id", "event_type"])["timestamp"].min().unstack()
    for earlier, later in pairwise(ON_LISTS):
        assert not (times[later] <= times[earlier]).any()
        assert not (times[later].notna() & times[earlier].isna()).any()
    gaps = events.sort_values("timestamp").groupby("session_id")["timestamp"].diff()
    assert gaps.max() < pd.Timedelta(minutes=30)
    joined = events.merge(either.truth["users"][["user_id", "joined"]], on="user_id")
    assert (joined["timestamp"] >= joined["joined"]).all()
    bought = events[events["event_type"] == "purchase"].groupby(["user_id", "item_id"])["timestamp"].min()
    said = events[events["event_type"].isin(["rating", "review"])].set_index(["user_id", "item_id"])["timestamp"]
    assert (said > bought.reindex(said.index)).all()


def test_nothing_is_shown_when_it_is_gone(tmp_path):
    options = {**storefront.OPTIONS, "events": 5_000, "faults": False}
    world = generate.world(options)
    log = pd.read_parquet(storefront.files(str(tmp_path), options)["events"])
    seen = log[log["event_type"] == "impression"]
    ends = pd.Series(world.catalogue.ends, world.catalogue.frame["item_id"])[seen["item_id"]].to_numpy()
    assert (seen["timestamp"].astype("datetime64[us, UTC]").astype("int64").to_numpy() < ends).all()
    assert 0 < (~world.catalogue.frame["in_stock"]).mean() < 0.1


def test_amounts_follow_from_price_and_quantity(either):
    sold = either.events[either.events["event_type"].isin(["cart", "purchase"])].merge(either.items, on="item_id")
    assert np.allclose(sold["value"], sold["price"] * sold["quantity"], atol=0.005)
    assert set(sold["currency_x"]) == set(either.items["currency"])
    purchases = either.events[either.events["event_type"] == "purchase"]
    assert purchases["order_id"].notna().all()
    assert not purchases.duplicated(["order_id", "item_id"]).any()
    assert either.events.loc[either.events["event_type"] != "purchase", "order_id"].isna().all()


def test_shares_of_the_events_are_those_of_a_shop(english):
    count = english.events["event_type"].value_counts()
    assert 0.85 < count["impression"] / len(english.events) < 0.9
    assert 0.07 < count["click"] / count["impression"] < 0.11
    assert 0.2 < count["cart"] / count["click"] < 0.32
    assert 0.25 < count["purchase"] / count["cart"] < 0.42
    assert set(count.index) == {*ON_LISTS, "rating", "review", "comment", "share"}


@pytest.mark.parametrize("name", ["english", "chinese"])
def test_click_rates_agree_with_the_click_model(name, request):
    made = request.getfixturevalue(name)
    clicked = made.events.loc[made.events["event_type"] == "click", ["request_id", "item_id"]].assign(clicked=1)
    shown = made.shown.merge(clicked, how="left", on=["request_id", "item_id"]).fillna({"clicked": 0})
    expected = shown["examination"] * shown["relevance"]
    shown = shown.assign(expected=expected, variance=expected * (1 - expected))
    sums = shown.groupby("position")[["clicked", "expected", "variance"]].sum()
    assert len(sums) == clicks.LONGEST
    assert ((sums["clicked"] - sums["expected"]).abs() < 4 * np.sqrt(sums["variance"])).all()
    total = shown["expected"].sum()
    assert abs(shown["clicked"].sum() - total) < 4 * np.sqrt(shown["variance"].sum())


def test_examination_falls_with_the_position(either):
    examined = either.truth["positions"]["examination"].to_numpy()
    assert (np.diff(examined) < 0).all()
    assert examined.shape == (clicks.LONGEST,)
    assert ((examined > 0) & (examined <= 1)).all()


def test_position_based_examination_is_the_positions_own(english):
    assert np.allclose(english.shown["examination"], clicks.EXAMINATION[english.shown["position"] - 1])


def test_cascade_reads_nothing_after_the_first_click(chinese):
    clicked = chinese.events[chinese.events["event_type"] == "click"]
    assert not clicked.duplicated("request_id").any()
    shown = chinese.shown.sort_values(["request_id", "position"])
    passed = (1 - shown["relevance"]).groupby(shown["request_id"]).cumprod()
    above = passed.groupby(shown["request_id"]).shift(fill_value=1.0)
    assert np.allclose(shown["examination"], above, atol=1e-5)


def test_cascade_by_hand():
    clicked, examined = clicks.cascade(np.array([[0.5, 0.2, 0.9]]), np.array([[0.6, 0.1, 0.0]]))
    assert clicked.tolist() == [[False, True, False]]
    assert np.allclose(examined, [[1.0, 0.5, 0.4]])


def test_propensities_are_the_frequencies_of_the_placements():
    world = generate.world({**storefront.OPTIONS, "events": 1_000})
    page, draws = int(np.argmax(world.pages.length >= clicks.LONGEST)), 20_000
    places, propensity = world.pages.order(np.full(draws, page), np.random.default_rng(5))
    counts, logged = np.zeros((clicks.LONGEST, clicks.LONGEST)), np.zeros((clicks.LONGEST, clicks.LONGEST))
    positions = np.broadcast_to(np.arange(clicks.LONGEST), places.shape)
    np.add.at(counts, (places, positions), 1)
    logged[places, positions] = propensity
    error = np.sqrt(logged * (1 - logged) / draws)
    assert (np.abs(counts / draws - logged) < 4.5 * error + 1e-12).all()
    assert np.allclose(logged.sum(axis=0), 1)
    assert np.allclose(logged.sum(axis=1), 1)


def test_logged_propensities_weigh_each_list_to_its_length(english):
    """The mean of 1/propensity at a position is the number of products that can stand there."""
    seen = english.events[english.events["event_type"] == "impression"]
    length = seen.groupby("request_id")["position"].transform("max")
    surplus = (1 / seen["propensity"] - length).groupby(seen["request_id"]).mean()  # a list is drawn as one
    assert seen["propensity"].between(0, 1).all()
    assert abs(surplus.mean()) < 4 * surplus.std() / np.sqrt(len(surplus))
    places = seen.groupby(["query", "item_id"])["position"].nunique()
    assert (places > 1).sum() > 500  # positions vary, so that they can be told from relevance


def test_relevance_is_taste_times_vector_and_what_all_share(english):
    users, items = english.truth["users"].set_index("user_id"), english.truth["items"].set_index("item_id")
    seen = english.events[(english.events["event_type"] == "impression") & english.events["query"].notna()]
    seen = seen.merge(english.shown, on=["request_id", "item_id"])
    taste, vector = users.loc[seen["user_id"]].filter(like="taste_"), items.loc[seen["item_id"]].filter(like="vector_")
    personal = (taste.to_numpy() * vector.to_numpy()).sum(axis=1)
    shared = np.log(seen["relevance"] / (1 - seen["relevance"])) - personal
    spread = shared.groupby([seen["query"], seen["item_id"]]).agg(["std", "count"])
    exact = spread[spread["count"] > 1]["std"] < 1e-3
    assert exact.mean() > 0.9  # but for queries that stand for the intents of several groups
    assert personal.std() > 0.5


def test_queries_are_misspelt_at_the_known_rate(either):
    truth = either.truth["queries"].set_index("query")
    typed = (
        either.events.loc[either.events["event_type"] == "impression"].drop_duplicates("request_id")["query"].dropna()
    )
    wrong = truth.loc[typed, "misspelt"]
    rate = intents.MISSPELT
    assert abs(wrong.mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / len(wrong)) + 0.005  # few have no misspelling
    assert truth.index.is_unique
    assert (truth["intended"] != truth.index).equals(truth["misspelt"])
    assert not truth.loc[truth["intended"], "misspelt"].any()


def test_reviews_say_what_their_stars_say(either):
    language = either.items["language"].iloc[0]
    endings = {
        sentiment: re.compile("(" + "|".join(re.sub(r"\\{\w+\\}", ".+", re.escape(text)) for text in parts[2]) + ")$")
        for sentiment, parts in kinds.opinions(language).REVIEWS.items()
    }
    reviews = either.events[either.events["event_type"] == "review"]
    assert len(reviews) > 5
    for stars, text in zip(reviews["value"], reviews["text"], strict=True):
        assert endings[feedback.SENTIMENTS[int(stars) - 1]].search(text), (stars, text)
    assert reviews["text"].is_unique
    assert either.events.loc[either.events["event_type"] == "rating", "text"].isna().all()
    assert either.events.loc[either.events["event_type"] == "comment", "text"].notna().all()


@pytest.mark.parametrize("language", kinds.LANGUAGES)
def test_there_are_words_enough(language):
    assert all(sum(map(len, parts)) >= 30 for parts in kinds.opinions(language).REVIEWS.values())
    own, english = kinds.words(language), kinds.words("en")
    assert list(own.KINDS) == [kind.key for kind in kinds.KINDS]
    for name in ("COLOURS", "MATERIALS", "SEASONS", "ATTRIBUTES", "GROUPS", "QUERIES"):
        assert list(getattr(own, name)) == list(getattr(english, name)), name
    for name in ("TITLES", "GENDERS", "AGES", "INCOMES", "REGIONS"):
        assert len(getattr(own, name)) == len(getattr(english, name)), name
    assert [len(part) for part in own.BRAND_PARTS + own.MODEL_PARTS] == [16, 4, 24, 20]
    assert {len(set(details)) for details in own.DETAILS.values()} == {12}


def test_a_chinese_shop_is_chinese(chinese):
    for column in ("title", "description", "category", "brand", "attributes"):
        assert chinese.items[column].str.contains(CHINESE).all(), column
    for column in ("query", "text"):
        assert chinese.events[column].dropna().str.contains(CHINESE).all(), column
    for column in ("gender", "city", "region", "income_band"):
        assert chinese.users[column].str.contains(CHINESE).all(), column
    assert not chinese.items["title"].str.contains(r"[A-Za-z]{3}").any()
    assert set(chinese.items["currency"]) == {"CNY"}


def test_an_english_shop_is_plain_ascii(english):
    for column in ("title", "description", "category", "brand", "attributes"):
        assert english.items[column].map(str.isascii).all(), column


def test_products_are_told_apart(either):
    items = either.items
    assert items["title"].is_unique
    assert not items.duplicated(["category", "brand", "attributes"]).any()
    assert items["description"].duplicated().mean() < 0.01
    assert items["category"].str.fullmatch(r"[^>]+ > [^>]+ > [^>]+").all()
    logs = np.log(items["price"])
    centred = logs - logs.groupby(items["category"]).transform("median")
    assert 0.2 < centred.std() < 0.4
    assert centred.abs().max() < 1.4
    declared = {*storefront.QUASI_IDENTIFIERS, *storefront.SENSITIVE}
    assert set(either.users.columns) == {"user_id", *declared}
    assert either.users.notna().all().all()


def test_visits_follow_the_hours_of_the_day():
    clock = Clock(weeks=4, offset_hours=8)
    times = clock.times(np.linspace(0, 1, 50_000, endpoint=False))
    assert (np.diff(times) >= 0).all()
    assert clock.start <= times[0]
    assert times[-1] < clock.end
    hours = np.bincount((times - clock.start) // (3600 * clock.SECOND) % 24, minlength=24)
    assert np.argmax(hours) == 20 - 8
    assert clock.week(np.array([clock.start, clock.end + 5])).tolist() == [0, 3]


def test_faults_are_planted_into_what_is_written(tmp_path, monkeypatch):
    seen = {}

    def plant(tables, seed, count):
        seen.update({name: len(table) for name, table in tables.items()}, seed=seed, count=count)
        events = tables["events"].copy()
        events.loc[3, ["query", "position"]] = ["planted", -7]
        items = tables["items"].assign(price=-1.0)
        return {**tables, "events": events, "items": items}, pd.DataFrame({"kind": ["position"], "row": [3]})

    monkeypatch.setattr(storefront, "faults", SimpleNamespace(plant=plant), raising=False)
    monkeypatch.setattr(generate, "FIRST_CHUNK", 1_000)
    monkeypatch.setattr(generate, "CHUNK", 1_000)
    made = shop(tmp_path, events=3_000, faults=True, seed=4)
    planted = made.events[made.events["query"] == "planted"]
    assert planted["position"].tolist() == [-7]
    assert (made.items["price"] == -1).all()
    assert made.truth["faults"]["kind"].tolist() == ["position"]
    assert (seen["seed"], seen["users"], seen["count"]) == (4, len(made.users), seen["events"] // 100)
    assert seen["events"] <= 1_000 < len(made.events)
    clean = shop(tmp_path, events=3_000, seed=4)
    same = made.events[made.events["query"] != "planted"].sort_values("event_id")
    rest = clean.events[~clean.events["event_id"].isin(planted["event_id"])].sort_values("event_id")
    pd.testing.assert_frame_equal(same.reset_index(drop=True), rest.reset_index(drop=True))


def test_a_shop_that_cannot_be_finished_leaves_nothing(tmp_path, monkeypatch):
    def fail(tables, seed, count):
        raise ValueError("too small")

    monkeypatch.setattr(storefront, "faults", SimpleNamespace(plant=fail), raising=False)
    with pytest.raises(SourceError, match="no faults can be planted: too small; or set `faults: false`"):
        sources.find("storefront", str(tmp_path), {"events": 1_000}).files()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"events": 10}, "events is 10: give 1,000 to 1,000,000,000"),
        ({"language": "fr"}, "language is 'fr': give one of en, zh"),
        ({"click_model": "dcm"}, "click_model is 'dcm': give one of position, cascade"),
        ({"weeks": 0}, "weeks is 0: give 2 or more"),
        ({"products": 3}, "50 to 100,000 products"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_options_that_make_no_shop_are_refused(tmp_path, options, message):
    with pytest.raises(SourceError, match=message):
        sources.find("storefront", str(tmp_path), {"faults": False, **options}).files()


def test_truth_is_kept_apart(english, tmp_path):
    assert set(english.source.collect(engine.connect("500MB", threads=1), english.files).tables) == {
        "items", "users", "events",
    }  # fmt: skip
    assert len(english.truth["robots"]) == 0
    assert storefront.truth(english.files["events"].parent).keys() == english.truth.keys()
    with pytest.raises(SourceError, match="no truth of a storefront"):
        storefront.truth(tmp_path)


def test_shops_lie_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert sources.find("storefront").folder == str(tmp_path / "workbench" / "storefront")
