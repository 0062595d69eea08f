"""Nothing that is made as of a cut may know what came after it: delete or shuffle the rest, and compare."""

import numpy as np
import pandas as pd
import pytest
import small_shop

from workbench.data import contract, engine
from workbench.governance import aggregates, corpus, exposure, labels, text
from workbench.ranking.inputs import household_contexts

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
    items = contract.conform(text.finish(tables["items"]), "items")
    shown = tables["promotions"].distinct(on=["item_id", "store_id", "week"])
    places = exposure.places(tables["events"], shown)
    reach = exposure.reach(places, shown)
    sampled = exposure.sample(tables["events"], places, shown, reach, cap=5, buckets=4)
    exposed = labels.exposures(exposure.bought(tables["events"], places, shown), sampled)
    splits, targets = {"train": (1, CUT), "valid": (CUT + 1, LAST)}, {"train": 300, "valid": 100}
    pairs = labels.pairs(con, tables["events"], items, exposed, splits, targets)
    docs = corpus.corpus(items, tables["events"], CUT, LAST, 60, 20)
    sums = aggregates.aggregates(tables["events"], items, [CUT])
    events_table = labels.events(tables["events"], exposure.bought(tables["events"], places, shown), sampled)
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
    items = contract.conform(text.finish(tables["items"]), "items")
    moments = tables["events"].filter(tables["events"].week == 6).select("user_id", "week")
    full = labels.contexts(tables["events"], items, moments).execute()
    past = con.create_table("past", events[events["week"] < 6])
    alone = labels.contexts(past, items, moments).execute()
    pd.testing.assert_frame_equal(*(frame.sort_values("user_id", ignore_index=True) for frame in (full, alone)))


@pytest.fixture
def contexts_of(tmp_path):
    """The ranking room's contexts at the beginning of the week after the cut, from files as governance writes them."""

    def contexts(events: pd.DataFrame) -> pd.Series:
        con = engine.connect("500MB", threads=1)
        tables = small_shop.tables(con, events=events)
        contract.conform(tables["events"], "events").to_parquet(tmp_path / "events.parquet")
        contract.conform(text.finish(tables["items"]), "items").to_parquet(tmp_path / "items.parquet")
        return household_contexts(tmp_path / "events.parquet", tmp_path / "items.parquet", CUT + 1).sort_index()

    return contexts


@pytest.mark.parametrize("change", [deleted, shuffled])
def test_contexts_for_ranking_know_nothing_of_their_week_or_later(contexts_of, change):
    events = small_shop.events(last=LAST)
    whole = contexts_of(events)
    assert len(whole) == events["user_id"].nunique()
    pd.testing.assert_series_equal(whole, contexts_of(change(events)))
    assert not whole.equals(contexts_of(events[events["week"] != CUT]))  # the comparison can fail
