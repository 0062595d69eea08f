"""Nothing that is made as of a cut may know what came after it: delete or shuffle the rest, and compare."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import small_shop
from test_governance_recipes import LISTED, behaviour, catalogue, connect, documents, log, table, tied
from test_governance_recipes import made as made_of

from workbench.data import contract, engine
from workbench.governance import aggregates, recipes
from workbench.governance.labels import exposure, splits
from workbench.governance.labels.contexts import contexts
from workbench.governance.recipes import baskets, grocery_words, promoted
from workbench.ranking.inputs import user_contexts

CUT, LAST = 8, 12


def deleted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["week"] <= CUT].reset_index(drop=True)


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    """After the cut every column but the keys is dealt out anew, across households and products."""
    rng, late = np.random.default_rng(7), frame["week"] > CUT
    other = frame.copy()
    for column in set(frame.columns) - {"event_id", "order_id", "session_id", "week", "event_type", "currency"}:
        other.loc[late, column] = rng.permutation(frame.loc[late, column].to_numpy())
    return other


def made(events: pd.DataFrame, promotions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Everything that governance hands on as of the cut."""
    con = engine.connect("500MB", threads=1)
    tables = small_shop.tables(con, events=events, promotions=promotions)
    items = contract.conform(grocery_words.finish(tables["items"]), "items")
    shown = tables["promotions"].distinct(on=["item_id", "store_id", "week"])
    places = exposure.places(tables["events"], shown)
    reach = exposure.reach(places, shown)
    sampled = exposure.sample(tables["events"], places, shown, reach, cap=5, buckets=4)
    exposed = promoted.exposures(exposure.bought(tables["events"], places, shown), sampled)
    splits, targets = {"train": (1, CUT), "valid": (CUT + 1, LAST)}, {"train": 300, "valid": 100}
    pairs = promoted.pairs(con, tables["events"], items, exposed, splits, targets)
    docs = baskets.corpus(items, tables["events"], CUT, LAST, 60, 20)
    sums = aggregates.aggregates(tables["events"], items, [CUT])
    events_table = promoted.events(tables["events"], exposure.bought(tables["events"], places, shown), sampled)
    results = {
        "pairs": pairs.filter(pairs.split == "train"),
        "corpus": docs.filter(docs.split == "train"),
        "events": events_table.filter(events_table.week <= CUT),
        **{name: aggregates.ordered(table, name) for name, table in sums.items()},
    }
    return {name: table.execute() for name, table in results.items()}


@pytest.fixture(scope="module")
def whole() -> dict[str, pd.DataFrame]:
    return made(small_shop.events(last=LAST), small_shop.promotions(last=LAST))


@pytest.mark.parametrize("change", [deleted, shuffled])
def test_nothing_up_to_the_cut_changes_when_the_rest_does(whole, change):
    other = made(change(small_shop.events(last=LAST)), change(small_shop.promotions(last=LAST)))
    for name, before in whole.items():
        keys = [column for column in ("event_id", "pair_id", "doc_id") if column in before]
        first, second = (frame.sort_values(keys) if keys else frame for frame in (before, other[name]))
        pd.testing.assert_frame_equal(first.reset_index(drop=True), second.reset_index(drop=True), obj=name)


def test_the_same_change_before_the_cut_is_noticed(whole):
    """The comparison above can fail: without week 6, pairs, corpus and aggregates are others."""
    events = small_shop.events(last=LAST)
    other = made(events[events["week"] != 6], small_shop.promotions(last=LAST))
    assert [name for name, before in whole.items() if not len(before)] == ["query"]  # a grocer's log has none
    for name, before in whole.items():
        assert not len(before) or not before.equals(other[name]), name


def test_contexts_end_before_their_week(whole):
    con = engine.connect("500MB", threads=1)
    events = small_shop.events(last=LAST)
    tables = small_shop.tables(con, events=events, items=small_shop.items())
    items = contract.conform(grocery_words.finish(tables["items"]), "items")
    moments = tables["events"].filter(tables["events"].week == 6).select("user_id", "week")
    full = contexts(tables["events"], items, moments).execute()
    past = con.create_table("past", events[events["week"] < 6])
    alone = contexts(past, items, moments).execute()
    pd.testing.assert_frame_equal(*(frame.sort_values("user_id", ignore_index=True) for frame in (full, alone)))


@pytest.fixture
def contexts_of():
    """The ranking room's contexts at the beginning of the week after the cut, from tables as handed on."""

    def contexts(events: pd.DataFrame) -> pd.Series:
        con = engine.connect("500MB", threads=1)
        tables = small_shop.tables(con, events=events)
        log = contract.conform(tables["events"], "events").to_pyarrow()
        items = contract.conform(grocery_words.finish(tables["items"]), "items").to_pyarrow()
        return user_contexts(log, items, CUT + 1).sort_index()

    return contexts


@pytest.mark.parametrize("change", [deleted, shuffled])
def test_contexts_for_ranking_know_nothing_of_their_week_or_later(contexts_of, change):
    events = small_shop.events(last=LAST)
    whole = contexts_of(events)
    assert len(whole) == events["user_id"].nunique()
    pd.testing.assert_series_equal(whole, contexts_of(change(events)))
    assert not whole.equals(contexts_of(events[events["week"] != CUT]))  # the comparison can fail


WEEKS = {"text_train": 5, "text_valid": 6, "fusion_fit": 6, "fusion_label": 8, "test_fit": 8, "test_label": 10}
MONDAY = pd.Timestamp("2024-01-01", tz="UTC")
WINDOWS = {"train": (1, 5), "valid": (6, 6), "test": (7, 8)}


def week(frame: pd.DataFrame) -> pd.Series:
    return (frame["timestamp"] - MONDAY).dt.days // 7 + 1


def long_log() -> pd.DataFrame:
    """A log whose sessions go on for weeks: lists are clicked, bought from, repeated and searched anew later on."""
    frame, rng = log(), np.random.default_rng(8)
    shown = frame[(frame["event_type"] == "impression") & (frame["position"] > 1)]
    weeks = pd.to_timedelta(rng.integers(1, 5, len(shown)), unit="W")
    later = shown.assign(timestamp=shown["timestamp"] + weeks)[rng.random(len(shown)) < 0.4].copy()
    kinds = np.array(["purchase", "click", "impression"])[np.arange(len(later)) % 3]
    later = later.assign(event_type=kinds, event_id="late" + later["event_id"])
    later.loc[kinds == "purchase", "request_id"] = None
    later.loc[kinds == "impression", ["position", "query"]] = [1, "a boot"]
    frame = pd.concat([frame, later[week(later) <= 10]], ignore_index=True)
    spoken = frame["event_type"] == "purchase"
    own = "I, " + frame["user_id"] + ", like it since " + frame["timestamp"].astype(str)
    return frame.assign(text=own.where(spoken)).sort_values("timestamp", ignore_index=True)


VARIANTS = {
    "lists": ((), {}),
    "lists without positions": (("position",), {}),
    "no lists": (("request_id", "position"), {"negatives": 6}),
}


def logged(frame: pd.DataFrame, variant: str, **wishes):
    """The recipe of a log in one of its variants."""
    columns, own = VARIANTS[variant]
    kept = frame if variant != "no lists" else frame[frame["event_type"] != "impression"]
    return behaviour(kept.drop(columns=list(columns)), timetable=WEEKS, **own, **wishes)


@cache
def whole_pairs(variant: str) -> pd.DataFrame:
    return made_of(logged(long_log(), variant))


@pytest.mark.parametrize(
    ("split", "variant"), [*(("train", variant) for variant in VARIANTS), ("valid", "lists"), ("valid", "no lists")]
)
def test_pairs_of_a_split_are_the_same_whether_the_log_goes_on_or_not(variant, split):
    frame = long_log()
    pairs = whole_pairs(variant).query(f"split == '{split}'").reset_index(drop=True)
    cut = frame[week(frame) <= WINDOWS[split][1]]
    pd.testing.assert_frame_equal(pairs, made_of(logged(cut, variant, pair_targets={split: 10_000})))
    assert len(pairs) > 80
    assert pairs["label"].nunique() > 1


def test_the_same_cut_a_week_earlier_is_noticed():
    """The comparison above can fail: without its last week, train has other pairs in the weeks before it too."""
    frame = long_log()
    cut = made_of(logged(frame[week(frame) < WEEKS["text_train"]], "lists", pair_targets={"train": 10_000}))
    before = whole_pairs("lists").query(f"week < {WEEKS['text_train']}").reset_index(drop=True)
    assert not before.equals(cut)


def test_relevance_is_the_same_whether_the_log_goes_on_after_train_or_not():
    frame = long_log()
    cut = frame[week(frame) <= WINDOWS["train"][1]]
    found = [logged(part, "lists").relevance().order_by("query", "item_id").execute() for part in (frame, cut)]
    pd.testing.assert_frame_equal(*found)
    earlier = logged(frame[week(frame) < WINDOWS["train"][1]], "lists").relevance().count().execute()
    assert earlier < len(found[0])  # the comparison can fail


def test_no_query_of_test_is_in_train_by_another_id_or_wording():
    con, frame = connect(), tied()
    frame = pd.concat(
        [frame, frame.assign(query=frame["query"].str.upper() + " ", query_id="more" + frame["query_id"])]
    )
    frame["split"] = np.where(np.arange(len(frame)) % 5 == 0, "test", "train")  # the publisher's, which cuts through
    tables = {"items": catalogue(con), "judgments": table(con, "judgments", frame)}
    pairs = made_of(recipes.find("judged", con, tables, LISTED))
    said = pairs.assign(query=pairs["context"].str.strip().str.lower())
    for column in ("query", "group_id"):
        by_split = said.groupby("split")[column].agg(set)
        assert not by_split["test"] & (by_split["train"] | by_split["valid"])
        assert not by_split["train"] & by_split["valid"]


def test_pairs_by_query_know_nothing_of_the_final_test_weeks():
    frame = long_log()
    pairs = [
        made_of(logged(part, "lists", split_by="query")) for part in (frame, frame[week(frame) <= WEEKS["test_fit"]])
    ]
    pd.testing.assert_frame_equal(*pairs)
    assert set(pairs[0]["split"]) == {"train", "valid", "test"}


def promotions_made() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Purchases of a shop with promotions, and its pairs, cut at the same weeks as the log."""
    con = connect()
    tables = small_shop.tables(con)
    wishes = replace(LISTED, timetable=WEEKS, negatives=6)
    return small_shop.events(), made_of(recipes.find("promotions", con, tables, wishes))


@pytest.mark.parametrize("variant", ["lists", "no lists", "promotions"])
def test_no_negative_is_bought_later_in_the_weeks_of_its_split(variant):
    if variant == "promotions":
        bought, pairs = promotions_made()
    else:
        frame, pairs = long_log(), whole_pairs(variant)
        bought = frame[frame["event_type"] == "purchase"].assign(week=week)
    wrong = pairs[pairs["label"] == 0].drop(columns="week")
    bought = bought[["user_id", "item_id", "timestamp"]].assign(bought=bought["week"])
    both = wrong.merge(bought, left_on=["user_id", "candidate_id"], right_on=["user_id", "item_id"])
    last = both["split"].map({split: last for split, (_, last) in WINDOWS.items()})
    assert set(wrong["split"]) == {"train", "valid", "test"}
    assert not ((both["timestamp"] > both["event_time"]) & (both["bought"] <= last)).any()
    assert (both["bought"] > last).any()  # nobody looked there


def test_histories_of_a_split_know_nothing_of_later_ones():
    rng = np.random.default_rng(3)
    rows = [(f"h{u}-{split}", f"u{u}", [f"i{n}" for n in rng.permutation(40)[:6]], f"i{rng.integers(40)}", split)
            for u in range(60) for split in ("train", "valid", "test")]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["history_id", "user_id", "item_ids", "next_item_id", "split"])
    gone = {"train": ["valid", "test"], "valid": ["test"]}
    for split, later in gone.items():
        pairs = []
        for part in (frame, frame.assign(next_item_id=frame["next_item_id"].mask(frame["split"].isin(later), "i0"),
                                         item_ids=frame["item_ids"].mask(frame["split"].isin(later), "i1").map(
                                             lambda ids: [ids] if isinstance(ids, str) else ids))):  # fmt: skip
            con = connect()
            tables = {"items": catalogue(con), "histories": table(con, "histories", part)}
            pairs.append(made_of(recipes.find("histories", con, tables, LISTED)).query(f"split == '{split}'"))
        pd.testing.assert_frame_equal(*(one.reset_index(drop=True) for one in pairs))
        assert len(pairs[0]) > 600


def test_the_corpus_of_a_split_in_time_ends_with_its_weeks():
    frame = long_log()
    whole = documents(logged(frame, "lists"))
    for split, (_, last) in list(WINDOWS.items())[:2]:
        docs = [one.query(f"split == '{split}'") for one in (whole, documents(logged(changed(frame, last), "lists")))]
        pd.testing.assert_frame_equal(*(one.reset_index(drop=True) for one in docs))


def changed(frame: pd.DataFrame, last: int) -> pd.DataFrame:
    late = week(frame) > last
    other = frame.copy()
    other.loc[late, "item_id"] = np.random.default_rng(2).permutation(frame.loc[late, "item_id"])
    other.loc[late, ["query", "text"]] = "something else"
    return other


def split_of(keys: pd.Series) -> pd.Series:
    """The split that each key is drawn for."""
    con = connect()
    named = con.create_table("keys", pd.DataFrame({"key": sorted(set(keys))}))
    drawn = named.mutate(split=splits.by_digest(named.key)).execute().set_index("key")["split"]
    return keys.map(drawn)


@pytest.mark.parametrize(("by", "variant"), [("user", "lists"), ("user", "no lists"), ("query", "lists")])
def test_no_text_of_a_held_out_user_or_query_is_in_the_corpus_of_train(by, variant):
    frame = long_log()
    frame = frame[frame["request_id"].notna()]  # what names no list may be found one, with its query
    frame["query"] = frame["query"].where(frame.index % 3 > 0, frame["query"].str.upper() + " ")
    corpus_of = documents(logged(frame, variant, split_by=by))
    asked = frame["query"].str.strip().str.lower()
    of_list = asked.groupby(frame["request_id"]).transform("min")
    key = frame["user_id"] if by == "user" else of_list.fillna(asked).fillna(frame["user_id"])
    held = split_of(key).map({"test": {"train", "valid"}, "valid": {"train"}, "train": set()})
    known = corpus_of.assign(folded=corpus_of["text"].str.strip().str.lower())
    for name in ("train", "valid"):
        mine, out = known[known["split"] == name], frame[[name in each for each in held]]
        out = out if variant == "lists" else out[out["event_type"] != "impression"]
        out = out[week(out) <= WEEKS["test_fit"]]
        assert len(out) > 100
        said = pd.concat([out["query"], out["text"]]).dropna().str.strip().str.lower()
        assert not set(mine["folded"]) & set(said)
        assert not set(mine["doc_id"]) & {f"session-{one}" for one in out["session_id"]}
        assert not set(mine["doc_id"]) & {f"review-{one}" for one in out["event_id"]}
    kinds = known[known["split"] == "train"]["doc_id"].str.split("-").str[0].value_counts()
    assert {"item", "review", "session"} <= set(kinds.index)
    assert by == "user" or kinds["query"] > 1
