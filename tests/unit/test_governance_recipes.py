"""Each shape's tables become pairs, corpus and aggregates; groups stay whole, and splits do not leak."""

import json
from dataclasses import replace
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
import small_shop

from workbench.data import contract, engine
from workbench.governance import recipes
from workbench.governance.labels import splits
from workbench.governance.labels.grades import GRADES
from workbench.governance.recipes import lists

WISHES = recipes.Wishes(1, {}, 3, {"train": 10_000, "valid": 10_000, "test": 10_000}, {"train": 500, "valid": 100})


LISTED = replace(WISHES, negatives=recipes.NEGATIVES)


def connect():
    """An engine of its own for each recipe, because a recipe keeps tables there."""
    return engine.connect("500MB", threads=1)


@pytest.fixture
def con():
    return connect()


def table(con, name: str, frame: pd.DataFrame):
    return contract.conform(con.create_table(f"given_{name}", frame, overwrite=True), name)


def catalogue(con, count: int = 40):
    number = range(count)
    return table(con, "items", pd.DataFrame({
        "item_id": [f"i{n}" for n in number], "title": [f"shoe number {n}" for n in number], "language": "en",
        "category": [f"Shoes > Kind {n % 4}" for n in number], "description": "walks",
    }))  # fmt: skip


def made(recipe) -> pd.DataFrame:
    pairs = contract.check(engine.keep(recipe.con, "pairs", recipe.pairs()), "pairs").execute()
    assert pairs["pair_id"].is_unique
    assert pairs["pair_id"].is_monotonic_increasing
    assert pairs.groupby("group_id")["split"].nunique().eq(1).all()
    return pairs


def documents(recipe) -> pd.DataFrame:
    corpus = contract.check(engine.keep(recipe.con, "corpus", recipe.corpus()), "corpus").execute()
    assert not corpus.duplicated(["text"]).any()
    assert set(corpus["split"]) == {"train", "valid"}
    return corpus


def steps(recipe) -> set[str]:
    plan = recipe.plan()
    assert plan.loc[~plan["applies"], "because"].str.len().gt(10).all()
    return set(plan.loc[plan["applies"], "step"])


@pytest.fixture(scope="module")
def judged():
    con = connect()
    rows = [(f"q{q}", f"query {q}", f"i{(q + i) % 40}", float(i % 4)) for q in range(60) for i in range(6)]
    judgments = table(con, "judgments", pd.DataFrame(rows, columns=["query_id", "query", "item_id", "grade"]))
    return recipes.find("judged", con, {"items": catalogue(con), "judgments": judgments}, LISTED)


def test_judged_pairs_are_all_judgments_with_their_grades(judged):
    pairs = made(judged)
    assert len(pairs) == 360
    assert set(pairs["origin"]) == {"judged"}
    assert pairs["label"].value_counts().to_dict() == {0: 120, 1: 120, 2: 60, 3: 60}
    row = pairs.set_index("pair_id").loc["q7-i9"]
    assert (row["context"], row["candidate"], row["label"]) == ("query 7", "shoe number 9", 2)
    assert steps(judged) == {"pairs", "corpus"}
    assert pairs.groupby("split")["group_id"].nunique()["train"] > 30


def test_no_query_of_test_is_read_in_pretraining(judged):
    pairs, corpus = made(judged), documents(judged)
    asked = set(corpus.loc[corpus["doc_id"].str.startswith("query-"), "text"])
    assert asked == set(pairs.loc[pairs["split"] != "test", "context"])


def test_grades_that_are_no_whole_numbers_are_refused(con):
    asked = [f"q{n}" for n in range(60)]
    judgments = pd.DataFrame({"query_id": asked, "query": asked, "item_id": "i1", "grade": 0.5})
    tables = {"items": catalogue(con), "judgments": table(con, "judgments", judgments)}
    with pytest.raises(ValueError, match="give the judgments' grade a `scale`"):
        recipes.find("judged", con, tables, LISTED).pairs()


def text_rows() -> pd.DataFrame:
    return pd.DataFrame({
        "text_id": [f"t{n}" for n in range(300)], "text": [f"where is my card {n % 280}" for n in range(300)],
        "label": [f"class_{n % 10}" for n in range(300)], "language": "en",
        "split": ["test" if n < 60 else "train" for n in range(300)],
    })  # fmt: skip


def labelled(frame: pd.DataFrame, wishes=WISHES, **tables):
    con = connect()
    return recipes.find(
        "texts", con, {"texts": table(con, "texts", frame), **{n: t(con) for n, t in tables.items()}}, wishes
    )


@pytest.fixture(scope="module")
def texts():
    return labelled(text_rows())


def test_a_text_is_paired_with_its_class_and_drawn_others(texts):
    pairs = made(texts)
    group = pairs.groupby("group_id")
    assert group["label"].sum().eq(1).all()
    assert group.size().eq(4).all()
    assert pairs.loc[pairs["label"] == 1, "weight"].eq(1).all()
    assert pairs.loc[pairs["label"] == 0, "weight"].eq(9 / 3).all()
    assert set(pairs.loc[pairs["label"] == 0, "origin"]) == {"sampled"}
    assert pairs.loc[pairs["group_id"] == "t77", "candidate"].isin([f"class {n}" for n in range(10)]).all()
    assert group["candidate_id"].nunique().eq(4).all()


def test_a_text_of_test_is_in_no_other_split(texts):
    pairs = made(texts)
    assert set(pairs.loc[pairs["split"] == "test", "group_id"]) == {f"t{n}" for n in range(60)}
    by_split = pairs.groupby("split")["context"].agg(set)
    assert not by_split["test"] & (by_split["train"] | by_split["valid"])
    assert not by_split["train"] & by_split["valid"]
    assert set(documents(texts)["text"]) <= by_split["train"] | by_split["valid"]


@pytest.fixture(scope="module")
def histories():
    con = connect()
    rows = [(f"h{n}", f"u{n // 2}", [f"i{(n + k) % 40}" for k in range(7)], f"i{(n + 9) % 40}") for n in range(120)]
    frame = pd.DataFrame(rows, columns=["history_id", "user_id", "item_ids", "next_item_id"])
    frame["split"] = ["valid" if n < 60 else "test" for n in range(120)]
    return recipes.find(
        "histories", con, {"items": catalogue(con), "histories": table(con, "histories", frame)}, WISHES
    )


def test_a_history_is_paired_with_what_came_next_and_with_nothing_else_the_user_took(histories):
    pairs = made(histories)
    right = pairs[pairs["label"] == 1].set_index("group_id")
    assert len(right) == 120
    assert right.loc["h5", "candidate_id"] == "i14"
    assert right.loc["h5", "context"] == "; ".join(f"shoe number {n}" for n in (11, 10, 9, 8, 7))
    for row in pairs[pairs["label"] == 0].itertuples():
        first = int(row.user_id[1:]) * 2
        owned = {f"i{(n + k) % 40}" for n in (first, first + 1) for k in (*range(7), 9)}
        assert row.candidate_id not in owned
        assert row.origin == "sampled"
    drawn = pairs[pairs["label"] == 0].groupby("group_id")["weight"].sum()
    assert drawn.between(25, 40).all()  # together they stand for the catalogue without what the user took


def test_a_split_that_the_publisher_lacks_is_cut_from_the_rest(histories):
    pairs = made(histories)
    assert set(pairs["split"]) == {"train", "valid", "test"}
    assert set(pairs.loc[pairs["split"] == "test", "group_id"]) == {f"h{n}" for n in range(60, 120)}
    users = pairs[pairs["split"] != "test"].groupby("user_id")["split"].nunique()
    assert users.eq(1).all()


def test_targets_bound_the_pairs_by_whole_groups():
    small = recipes.Wishes(1, {}, 3, {"train": 50, "valid": 20, "test": 10}, {"train": 20, "valid": 5})
    pairs = made(labelled(text_rows(), small))
    assert pairs.groupby("split").size().to_dict() == {"test": 8, "train": 48, "valid": 20}
    assert pairs.groupby("group_id").size().eq(4).all()
    none = replace(small, pair_targets={"train": 50, "valid": 2, "test": 10})
    with pytest.raises(ValueError, match="no pairs for valid: raise pair_targets"):
        labelled(text_rows(), none).pairs()


def test_an_unknown_shape_is_refused(con):
    with pytest.raises(ValueError, match="no recipe for tables of the shape 'images': known are behaviour"):
        recipes.find("images", con, {}, WISHES)


def test_a_split_of_another_name_is_refused(con):
    frame = pd.DataFrame({"text_id": ["a"], "text": ["b"], "label": ["c"], "split": ["dev"]})
    with pytest.raises(ValueError, match="unknown split 'dev': call them train, valid, test"):
        splits.completed(table(con, "texts", frame), "text_id")


def log(lists: int = 400, length: int = 5, weeks: int = 10, seed: int = 3) -> pd.DataFrame:
    """Lists of five products, half of them for a query; what stands higher is clicked more."""
    rng = np.random.default_rng(seed)
    start, rows = pd.Timestamp("2024-01-01 10:00", tz="UTC"), []
    for number in range(lists):
        user, when = f"u{number % 23}", start + pd.Timedelta(minutes=number * (weeks * 7 - 1) * 24 * 60 // lists)
        query = f"shoe {number % 7}" if number % 2 else None
        shared = {"user_id": user, "session_id": f"s{number}", "request_id": f"r{number}", "query": query}
        for place, item in enumerate(rng.permutation(40)[:length], 1):
            event = {**shared, "item_id": f"i{item}", "position": place, "timestamp": when}
            rows.append({**event, "event_type": "impression"})
            later = {**event, "query": None, "timestamp": when + pd.Timedelta(minutes=place)}
            if rng.random() < 0.6 / place:
                rows.append({**later, "event_type": "click"})
                if rng.random() < 0.4:
                    rows.append(
                        {**later, "event_type": "purchase", "order_id": f"o{number}", "quantity": 1, "value": 5}
                    )
    return pd.DataFrame(rows).assign(event_id=lambda frame: "e" + frame.index.astype(str), currency="EUR")


def behaviour(frame: pd.DataFrame, **changes):
    con = connect()
    tables = {"items": catalogue(con), "events": table(con, "events", frame)}
    return recipes.find("behaviour", con, tables, replace(LISTED, **changes))


@pytest.fixture(scope="module")
def shown():
    return behaviour(log())


def test_a_shown_list_becomes_pairs_graded_by_what_was_done(shown):
    pairs, frame = made(shown), log()
    assert steps(shown) == set(recipes.base.STEPS)
    done = frame[frame["request_id"] == "r41"].groupby("item_id")["event_type"].agg(set)
    grades = pairs[pairs["group_id"] == "r41"].set_index("candidate_id")["label"]
    strength = {"purchase": 3, "click": 1, "impression": 0}
    wanted = done.map(lambda kinds: max(strength[kind] for kind in kinds))
    pd.testing.assert_series_equal(grades.sort_index(), wanted[grades.index].sort_index(), check_names=False)
    assert pairs.loc[pairs["group_id"] == "r41", "context"].eq("shoe 6").all()
    assert set(pairs["origin"]) == {"observed"}


def test_browsing_is_told_by_what_the_user_took_in_weeks_before(shown):
    pairs, frame = made(shown), log()
    browsed = pairs[pairs["group_id"].str[1:].astype(int) % 2 == 0]
    assert len(browsed) > 50
    assert browsed["context"].str.startswith("kind ").all()
    assert browsed["week"].min() > 1
    kinds = dict(zip(catalogue(shown.con).execute()["item_id"], shown.items.execute()["type_text"], strict=True))
    row = browsed.iloc[-1]
    earlier = frame[(frame["user_id"] == row["user_id"]) & (frame["event_type"] != "impression")]
    monday = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(weeks=row["week"] - 1)
    took = earlier.loc[earlier["timestamp"] < monday, "item_id"].map(kinds)
    assert set(row["context"].split("; ")) == set(took)


def test_what_may_never_have_been_looked_at_weighs_less_the_lower_it_stood(shown):
    examined = shown.positions().set_index("position")["examination"]
    pairs = made(shown)
    places = log().drop_duplicates(["request_id", "item_id"]).set_index(["request_id", "item_id"])["position"]
    place = places.reindex(pd.MultiIndex.from_frame(pairs[["group_id", "candidate_id"]])).to_numpy()
    took = pd.Series(place).where(pairs["label"].gt(0).to_numpy())
    last = took.groupby(pairs["group_id"].to_numpy()).transform("max")
    seen = pairs["label"].gt(0).to_numpy() | (place < last.fillna(0).to_numpy())
    assert pairs["weight"][seen].eq(1).all()
    assert np.allclose(pairs["weight"][~seen], examined[place[~seen]].clip(0.05, 1))
    assert pairs["weight"][~seen & (place == 5)].mean() < 0.5
    passed = pairs["label"].eq(0) & seen
    assert pairs["evidence"].eq("skipped").equals(passed)
    assert pairs["evidence"].eq("unexamined").equals(pd.Series(~seen))
    assert pairs["evidence"].map(GRADES).equals(pairs["label"])
    assert list(GRADES) == ["purchase", "cart", "click", "skipped", "unexamined"]  # strongest first
    assert passed.sum() > 100


def test_what_is_bought_later_in_the_weeks_of_the_split_is_no_negative():
    frame = log()
    row = frame[(frame["event_type"] == "impression") & (frame["request_id"] == "r140")].iloc[2]
    frame = frame[
        ~(
            (frame["request_id"] == "r140")
            & (frame["item_id"] == row["item_id"])
            & (frame["event_type"] != "impression")
        )
    ]
    kept = made(behaviour(frame))
    bought = {**row, "event_type": "purchase", "request_id": None, "session_id": "later", "event_id": "extra"}
    pair, when = f"r140-{row['item_id']}", row["timestamp"]
    assert pair in set(kept["pair_id"])
    for weeks, gone in ((3, True), (6, False)):  # train ends with week 7, three and a half weeks after the list
        bought["timestamp"] = when + pd.Timedelta(weeks=weeks)
        pairs = made(behaviour(pd.concat([frame, pd.DataFrame([bought])], ignore_index=True)))
        assert (pair not in set(pairs["pair_id"])) == gone


@pytest.mark.parametrize(("by", "key"), [("user", "user_id"), ("query", "context")])
def test_splits_by_user_or_query_keep_theirs_together(by, key):
    pairs = made(behaviour(log(), split_by=by))
    asked = pairs[pairs["group_id"].str[1:].astype(int) % 2 == 1] if by == "query" else pairs
    assert asked.groupby(key)["split"].nunique().eq(1).all()
    assert pairs["split"].nunique() == 3


def test_another_split_is_refused():
    with pytest.raises(ValueError, match="split by time, user or query"):
        behaviour(log(), split_by="product")


def test_splits_by_time_follow_the_timetable_and_a_short_log_is_refused(shown):
    pairs, weeks = made(shown), shown.timetable
    assert weeks.to_dict() == {
        "text_train": 7, "text_valid": 8, "fusion_fit": 8, "fusion_label": 9, "test_fit": 9, "test_label": 10,
    }  # fmt: skip
    assert pairs.groupby("split")["week"].agg(["min", "max"]).loc["test"].tolist() == [9, 9]
    with pytest.raises(ValueError, match="spans 2 weeks, and cuts in time need 4"):
        behaviour(log(weeks=2)).pairs()


def test_nothing_of_later_weeks_is_in_train_whatever_comes_later(shown):
    frame = log()
    cut = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(weeks=shown.timetable.text_train)
    rng, late = np.random.default_rng(1), frame["timestamp"] >= cut
    changed = frame.copy()
    changed.loc[late, "item_id"] = rng.permutation(frame.loc[late, "item_id"])
    changed.loc[late, "query"] = "something else"
    columns = ["pair_id", "context", "candidate", "label"]
    before, after = (made(recipe) for recipe in (shown, behaviour(changed)))
    before, after = (pairs.loc[pairs["split"] == "train", columns].set_index("pair_id") for pairs in (before, after))
    pd.testing.assert_frame_equal(before, after)
    docs = [documents(recipe) for recipe in (shown, behaviour(changed))]
    train = [corpus[corpus["split"] == "train"].reset_index(drop=True) for corpus in docs]
    pd.testing.assert_frame_equal(*train)


def test_a_log_of_purchases_alone_gets_drawn_negatives():
    frame = log()
    bought = frame[frame["event_type"] == "purchase"]
    recipe = behaviour(bought.drop(columns=["request_id", "position"]), negatives=3)
    assert {"exposure", "positions"} <= set(recipe.omitted)
    assert recipe.group == "user's week"
    pairs = made(recipe)
    assert set(pairs.loc[pairs["label"] == 0, "origin"]) == {"sampled"}
    assert pairs["evidence"].isna().all()
    week = (bought["timestamp"] - pd.Timestamp("2024-01-01", tz="UTC")).dt.days // 7 + 1
    wrong = pairs[pairs["label"] == 0]
    for split, (_, last) in recipe.timetable.splits().items():
        known = bought[week <= last]
        taken = set(zip(known["user_id"], known["item_id"], strict=True))
        mine = wrong[wrong["split"] == split]
        assert len(mine) > 5
        assert not taken & set(zip(mine["user_id"], mine["candidate_id"], strict=True))


def test_sums_cover_every_dimension(shown):
    sums = {name: table.execute() for name, table in shown.aggregates().items()}
    frame = log()
    assert set(sums) == {"user", "item", "category", "query", "session", "day", "week"}
    last = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(weeks=shown.timetable.test_fit)
    past = frame[frame["timestamp"] < last]
    for name in ("session", "day", "week"):
        assert sums[name]["impressions"].sum() == (past["event_type"] == "impression").sum()
    users = sums["user"][sums["user"]["until"] == shown.timetable.test_fit].set_index("user_id")
    assert users.loc["u3", "clicks"] == ((past["user_id"] == "u3") & (past["event_type"] == "click")).sum()
    assert set(sums["query"]["query"]) == {f"shoe {n}" for n in range(7)}


GIVEN = [(), ("train",), ("valid",), ("test",), ("train", "test"), ("valid", "test"), ("train", "valid")]


@pytest.mark.parametrize("given", GIVEN)
def test_every_split_is_there_whichever_the_publisher_gave(given):
    ids = [f"t{n}" for n in range(600)]
    frame = pd.DataFrame({"text_id": ids, "text": ids, "label": "a"})
    if given:
        frame["split"] = [given[n % len(given)] for n in range(600)]
    texts = table(engine.connect("500MB", threads=1), "texts", frame)
    made_of = splits.completed(texts, "text_id").execute()
    assert made_of["split"].value_counts().reindex(["train", "valid", "test"]).ge(40).all()
    kept = made_of.merge(frame.rename(columns={"split": "publisher"}), on="text_id")
    if "test" in given and "train" in given:
        assert kept.loc[kept["publisher"] == "test", "split"].eq("test").all()


def test_a_query_however_written_is_in_one_split_and_a_pair_once(con):
    rows = [(f"{q}-{way}", f"Query {q}" if way else f"query {q} ", f"i{i}", float(way + i), "test" if way else "train")
            for q in range(30) for way in (0, 1) for i in range(3)]  # fmt: skip
    rows += [("9-1", "Query 9", "i0", 3.0, "train")]
    frame = pd.DataFrame(rows, columns=["query_id", "query", "item_id", "grade", "split"])
    frame = pd.concat(
        [
            frame,
            frame.assign(query=lambda t: t["query"] + " new", query_id=lambda t: t["query_id"] + "n", split="train"),
        ]
    )
    tables = {"items": catalogue(con), "judgments": table(con, "judgments", frame)}
    pairs = made(recipes.find("judged", con, tables, LISTED))
    asked = pairs.assign(asked=pairs["context"].str.strip().str.lower())
    assert asked.groupby("asked")["split"].nunique().eq(1).all()
    assert pairs.set_index("pair_id").loc["9-1-i0", "label"] == 3


def test_a_history_whose_next_item_is_unknown_teaches_nothing(con):
    rows = [(f"h{n}", f"u{n}", [f"i{n % 40}"], "gone" if n % 2 else f"i{(n + 9) % 40}") for n in range(200)]
    frame = pd.DataFrame(rows, columns=["history_id", "user_id", "item_ids", "next_item_id"])
    tables = {"items": catalogue(con), "histories": table(con, "histories", frame)}
    pairs = made(recipes.find("histories", con, tables, WISHES))
    assert pairs.groupby("group_id")["label"].sum().eq(1).all()
    assert pairs["group_id"].nunique() == 100


# what is left out: kept + left out = given


SMALL = {"train": 60, "valid": 30, "test": 30}


def accounts(recipe, stands_for) -> pd.Series:
    """Reason → rows, once the sum is right; `stands_for` counts the raw rows behind pairs."""
    kept, left = stands_for(made(recipe)), recipe.left_out()
    assert list(left.columns) == ["reason", "rows", "unit"]
    assert left["rows"].gt(0).all()
    assert left["reason"].is_unique
    assert left["unit"].eq(recipe.unit).all()
    assert kept > 0
    assert recipe.given() == kept + left["rows"].sum()
    return left.set_index("reason")["rows"]


def test_judgments_kept_and_left_out_are_all(con):
    rows = [(f"q{q}", f"query {q}", f"i{(q + i) % 44}", float(i % 4)) for q in range(60) for i in range(6)]
    rows += [("q7", "query 7", "i9", 1.0), ("q7", "query 7", "i9", 3.0)]
    frame = pd.DataFrame(rows, columns=["query_id", "query", "item_id", "grade"])
    tables = {"items": catalogue(con), "judgments": table(con, "judgments", frame)}
    left = accounts(recipes.find("judged", con, tables, replace(LISTED, pair_targets=SMALL)), len)
    assert left[recipes.judged.TWICE] == 2
    assert left[recipes.base.NO_PRODUCT] == frame["item_id"].isin([f"i{n}" for n in range(40, 44)]).sum()
    assert left[recipes.base.BEYOND] > 100


def tied(count: int = 90) -> pd.DataFrame:
    """Judgments of ids that each name two queries, and of queries that two ids share: chains of three texts."""
    rows = [(f"q{n}", f"query {n - n % 3 + (n + step) % 3}", f"i{(n + step) % 40}", 1.0)
            for n in range(count) if n % 3 < 2 for step in (0, 1)]  # fmt: skip
    return pd.DataFrame(rows, columns=["query_id", "query", "item_id", "grade"])


def test_queries_that_share_an_id_or_a_text_are_in_one_split_and_counted_once(con):
    frame = tied().sample(frac=1, random_state=2)
    recipe = recipes.find("judged", con, {"items": catalogue(con), "judgments": table(con, "judgments", frame)}, LISTED)
    left, pairs = recipe.left_out(), made(recipe)
    assert len(pairs) + left["rows"].sum() == recipe.given() == len(frame)
    chain = pairs["group_id"].str[1:].astype(int) // 3
    assert pairs.groupby(chain)["split"].nunique().eq(1).all()
    assert pairs.groupby("context")["split"].nunique().eq(1).all()
    assert set(pairs["split"]) == {"train", "valid", "test"}


def test_too_few_queries_for_every_split_make_no_pairs_and_say_so(con):
    frame = pd.DataFrame({"query_id": "q", "query": "boots", "item_id": [f"i{n}" for n in range(16)], "grade": 1.0})
    recipe = recipes.find("judged", con, {"items": catalogue(con), "judgments": table(con, "judgments", frame)}, LISTED)
    assert steps(recipe) == {"corpus"}
    assert recipe.pairs() is None
    assert recipe.omitted["pairs"].startswith("of 1 judged queries with known products none is left for ")
    assert recipe.left_out()["rows"].tolist() == [16]
    lost = frame.assign(item_id="gone")
    recipe = recipes.find("judged", con, {"items": catalogue(con), "judgments": table(con, "judgments", lost)}, LISTED)
    with pytest.raises(ValueError, match="no pairs for"):  # a table of other products is no small one
        recipe.pairs()


def groups(pairs: pd.DataFrame) -> int:
    return pairs["group_id"].nunique()


def test_texts_kept_and_left_out_are_all():
    left = accounts(labelled(text_rows(), replace(WISHES, pair_targets=SMALL)), groups)
    assert left[recipes.texts.HELD] >= 20  # texts 280 … 299 are texts 0 … 19 of test again
    assert left[recipes.base.BEYOND] > 100


def test_histories_kept_and_left_out_are_all(con):
    rows = [(f"h{n}", f"u{n}", ["lost" if n % 7 == 0 else f"i{n % 40}"], "gone" if n % 3 == 0 else f"i{(n + 9) % 40}")
            for n in range(210)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["history_id", "user_id", "item_ids", "next_item_id"])
    tables = {"items": catalogue(con), "histories": table(con, "histories", frame)}
    left = accounts(recipes.find("histories", con, tables, replace(WISHES, pair_targets=SMALL)), groups)
    assert (left[recipes.histories.NO_NEXT], left[recipes.histories.NO_PAST]) == (70, 20)


def positives(pairs: pd.DataFrame) -> int:
    return int((pairs["label"] > 0).sum())


def holed(frame: pd.DataFrame) -> pd.DataFrame:
    """A log with impressions of no list, with repeated ones and with unknown products."""
    shown = frame["event_type"] == "impression"
    extra = frame[shown].iloc[5:15].assign(event_id=lambda t: t["event_id"] + "again")
    holed = frame.assign(item_id=frame["item_id"].replace({"i3": "gone"}))
    holed.loc[shown & (frame.index % 50 == 0), "request_id"] = None
    return pd.concat([holed, extra], ignore_index=True)


@pytest.mark.parametrize("by", ["time", "query"])
def test_impressions_kept_and_left_out_are_all(by):
    recipe = behaviour(holed(log()), split_by=by, pair_targets={"train": 400, "valid": 60, "test": 60})
    left = accounts(recipe, len)
    assert recipe.given() == 400 * 5 + 10
    wanted = {lists.UNLISTED, lists.REPEATED, lists.UNTOLD, recipes.base.OUTSIDE, recipes.base.BOUGHT}
    assert wanted | {recipes.base.NO_PRODUCT, recipes.base.BEYOND} == set(left.index)


def test_what_was_taken_is_kept_or_left_out():
    frame = holed(log())
    frame = frame[frame["event_type"] != "impression"].drop(columns=["request_id", "position"])
    recipe = behaviour(frame, negatives=3, pair_targets={"train": 400, "valid": 60, "test": 60})
    left = accounts(recipe, positives)
    assert recipe.given() == len(frame)
    assert {recipes.base.NO_PRODUCT, recipes.base.BEYOND} < set(left.index)


def test_exposed_products_are_kept_or_left_out():
    con = connect()
    weeks = {"text_train": 6, "text_valid": 8, "fusion_fit": 8, "fusion_label": 10, "test_fit": 10, "test_label": 12}
    wishes = replace(WISHES, timetable=weeks, negatives=4, pair_targets={"train": 200, "valid": 60, "test": 60})
    tables = small_shop.tables(con, items=small_shop.items(55))
    recipe = recipes.find("promotions", con, tables, wishes)
    left = accounts(recipe, len)
    wanted = {recipes.base.NO_PRODUCT, recipes.base.OUTSIDE, recipes.base.BEYOND, recipes.base.BOUGHT}
    assert wanted | {recipes.promoted.NO_PAST} == set(left.index)


# shapes and logs that make no pairs


def test_experiments_have_a_recipe_of_which_no_step_applies(con):
    frame = pd.DataFrame({"experiment_id": ["a", "b"], "control_count": [1.0, 2.0]})
    recipe = recipes.find("experiments", con, {"experiments": con.create_table("experiments", frame)}, LISTED)
    assert steps(recipe) == set()
    assert recipe.why("pairs").startswith("Does not apply here: the source has counts of A/B tests")
    assert (recipe.pairs(), recipe.corpus(), recipe.positions(), recipe.exposure(), recipe.timetable) == (None,) * 5
    assert recipe.aggregates() == {}
    assert len(contract.check(recipe.items, "items").execute()) == 0
    assert recipe.left_out()[["rows", "unit"]].to_numpy().tolist() == [[2, "counts"]]


def bandit(days: float = 6.0, seed: int = 2) -> pd.DataFrame:
    """A week of impressions at three positions: each a list and a user of its own, no query."""
    rng, rows = np.random.default_rng(seed), []
    for n in range(900):
        when = pd.Timestamp("2019-11-24", tz="UTC") + pd.Timedelta(days=days * n / 900)  # a Sunday
        event = {"event_id": f"e{n}", "user_id": f"u{n}", "session_id": f"s{n}", "request_id": f"r{n}",
                 "item_id": f"i{rng.integers(8)}", "timestamp": when, "position": n % 3 + 1}  # fmt: skip
        rows.append({**event, "event_type": "impression"})
        if rng.random() < 0.4 / (n % 3 + 1):
            rows.append({**event, "event_id": f"c{n}", "event_type": "click"})
    return pd.DataFrame(rows).assign(timestamp=lambda frame: frame["timestamp"].dt.floor("s"))


def test_a_week_of_impressions_without_words_still_tells_positions_and_sums():
    con = connect()
    items = catalogue(con, 8).mutate(language=ibis.literal("und"))
    recipe = recipes.find("behaviour", con, {"items": items, "events": table(con, "events", bandit())}, LISTED)
    assert steps(recipe) == {"exposure", "positions", "aggregates"}
    assert recipe.omitted["relevance"] == "no list was shown for a query"
    assert recipe.pairs() is None
    assert recipe.corpus() is None
    assert recipe.timetable is None
    assert recipe.positions()["examination"].is_monotonic_decreasing
    sums = recipe.aggregates()
    assert sums["day"].impressions.sum().execute() == 900
    assert sums["item"].count().execute() == 8
    assert recipe.left_out()[["rows", "unit"]].to_numpy().tolist() == [[900, "impressions"]]
    assert "no list was shown for a query" in recipe.why("pairs")


def test_a_short_log_without_pairs_leaves_the_catalogue_to_read(con):
    tables = {"items": catalogue(con), "events": table(con, "events", bandit().assign(text="as it is"))}
    recipe = recipes.find("behaviour", con, tables, LISTED)
    assert steps(recipe) == {"exposure", "positions", "corpus", "aggregates"}
    assert documents(recipe)["doc_id"].str.startswith("item-").all()
    alone = recipes.find("behaviour", con, {"events": tables["events"]}, LISTED)
    assert alone.omitted["corpus"] == "the log spans 2 weeks, cuts in time need 4"


def test_a_short_log_with_queries_can_be_split_by_user():
    recipe = behaviour(log(weeks=1), split_by="user")
    assert accounts(recipe, len).index.tolist() == [lists.UNTOLD, recipes.base.BOUGHT]
    assert made(recipe).groupby("user_id")["split"].nunique().eq(1).all()
    assert len(documents(recipe)) > 40
    assert recipe.aggregates()["week"].count().execute() == 1


def reviews() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    start = pd.Timestamp("2024-01-01", tz="UTC")
    return pd.DataFrame([
        {"event_id": f"e{n}", "user_id": f"u{rng.integers(20)}", "item_id": f"i{rng.integers(40)}", "value": 4.0,
         "event_type": "review", "timestamp": start + pd.Timedelta(hours=4 * n), "text": f"it is fine, the {n}th"}
        for n in range(500)
    ])  # fmt: skip


def test_reviews_alone_say_what_was_taken():
    recipe = behaviour(reviews(), negatives=3)
    assert steps(recipe) == {"pairs", "corpus", "aggregates", "timetable"}
    pairs = made(recipe)
    assert pairs.loc[pairs["label"] == 1, "origin"].eq("observed").all()
    assert pairs.loc[pairs["label"] == 0, "origin"].eq("sampled").all()
    assert pairs["context"].str.startswith("kind ").all()
    assert documents(recipe)["doc_id"].str.startswith("review-").any()


def test_reviews_without_products_make_no_pairs_and_say_so(con):
    recipe = recipes.find("behaviour", con, {"events": table(con, "events", reviews())}, WISHES)
    assert steps(recipe) == {"corpus", "aggregates", "timetable"}
    assert recipe.pairs() is None
    assert "no table of products" in recipe.why("pairs")
    assert documents(recipe)["doc_id"].str.startswith("review-").all()
    assert recipe.left_out()["rows"].tolist() == [500]


# wishes that tables could only ignore


@pytest.mark.parametrize(
    ("shape", "able"), [("judged", ("query",)), ("texts", ()), ("histories", ()), ("promotions", ())]
)
def test_a_split_that_a_shape_cannot_follow_is_refused(con, shape, able):
    for by in ("user", "query"):
        if by in able:
            recipes.find(shape, con, {}, replace(LISTED, split_by=by))
        else:
            wanted = f"split_by is '{by}', which these tables of shape '{shape}' cannot follow .only behaviour"
            with pytest.raises(ValueError, match=wanted):
                recipes.find(shape, con, {}, replace(LISTED, split_by=by))
    recipes.find(shape, con, {}, LISTED)


def test_splits_by_query_need_lists_for_queries():
    with pytest.raises(ValueError, match="only behaviour with lists shown for queries and judged can"):
        behaviour(reviews(), split_by="query")


@pytest.mark.parametrize("shape", ["judged", "experiments"])
def test_negatives_that_nobody_draws_are_refused(con, shape):
    wanted = (
        "negatives is 3, but none are drawn .* only from behaviour without shown lists, promotions, histories, texts"
    )
    with pytest.raises(ValueError, match=wanted.replace("* only", "*.only")):
        recipes.find(shape, con, {}, WISHES)
    recipes.find(shape, con, {}, LISTED)
    with pytest.raises(ValueError, match="negatives is 3, but none are drawn"):
        behaviour(log(), negatives=3)


def test_the_default_wishes_are_those_of_the_notebook():
    notebook = Path(__file__).parents[2] / "notebooks/01_governance.ipynb"
    sources = ["".join(cell["source"]) for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]]
    parameters = next(source for source in sources if source.startswith("profile = "))
    assert f"\nnegatives = {recipes.NEGATIVES}  #" in parameters
    assert f'\nsplit_by = "{recipes.SPLIT_BY[0]}"  #' in parameters


# lists without positions


def test_lists_without_positions_make_pairs_of_weight_1():
    frame = log()
    recipe = behaviour(frame.drop(columns="position"))
    assert "positions" in recipe.omitted
    pairs = made(recipe)
    assert pairs["weight"].eq(1).all()
    assert set(pairs["label"]) == {0, 1, 3}
    placed = made(behaviour(frame))
    assert set(placed["pair_id"]) == set(pairs["pair_id"])
    assert (
        "0 of them (0.0%) have a usable position. Without one they are taken as examined"
        in recipe.exposure().findings[1]
    )


def test_a_list_without_positions_among_others_weighs_1_and_is_counted():
    frame = log()
    bare = frame["request_id"].isin([f"r{n}" for n in range(1, 400, 4)])
    frame["position"] = frame["position"].mask(bare, 0).mask(bare & (frame.index % 2 == 0)).astype("Int64")
    recipe = behaviour(frame)
    pairs = made(recipe).set_index("group_id")
    mine = pairs.index.str[1:].astype(int) % 4 == 1
    assert mine.sum() > 200
    assert pairs.loc[mine, "weight"].eq(1).all()
    assert pairs.loc[~mine, "weight"].lt(1).any()
    shown = recipe.exposure()
    assert "1,500 of them (75.0%) have a usable position. Without one they are taken as examined" in shown.findings[1]
    assert shown.facts["positions"] == 0.75
    assert "Without one" not in behaviour(log()).exposure().findings[1]


def test_a_log_that_cannot_tell_how_positions_are_examined_says_so_and_weighs_1():
    frame = log()
    taken = frame[frame["event_type"] != "impression"]
    first = taken.merge(frame.loc[(frame["event_type"] == "impression") & (frame["position"] == 1),
                                  ["request_id", "item_id"]])["event_id"]  # fmt: skip
    recipe = behaviour(frame[~frame["event_id"].isin(first)])
    assert "position 1 was never clicked" in recipe.why("positions")
    assert (recipe.positions(), recipe.relevance()) == (None, None)
    assert steps(recipe) == set(recipes.base.STEPS) - {"positions", "relevance"}
    assert made(recipe)["weight"].eq(1).all()


def test_relevance_is_told_by_the_lists_of_train(shown):
    found, pairs = shown.relevance().execute(), made(shown)
    assert list(found.columns) == [
        "query", "item_id", "impressions", "clicks", "click_rate", "expected_rate", "posterior_rate",
    ]  # fmt: skip
    frame = log()
    mine = frame[frame["request_id"].isin(pairs.loc[pairs["split"] == "train", "group_id"])]
    told = mine[mine["event_type"] == "impression"].groupby(["query", "item_id"]).size()
    known = found.set_index(["query", "item_id"])
    assert known.loc[told.index, "impressions"].ge(told).all()  # what is bought later makes no pair, and was shown
    train = frame[(frame["event_type"] == "impression") & frame["query"].notna() & (week_of(frame) <= 7)]
    assert found["impressions"].sum() == len(train)
    assert np.allclose(found["click_rate"], found["clicks"] / found["impressions"])
    low = found[found["clicks"] == 0]
    assert low["posterior_rate"].gt(0).all()
    assert (found.loc[found["clicks"] > 0, "expected_rate"] >= found.loc[found["clicks"] > 0, "click_rate"]).all()


def week_of(frame: pd.DataFrame) -> pd.Series:
    return (frame["timestamp"] - pd.Timestamp("2024-01-01", tz="UTC")).dt.days // 7 + 1


# classes and the user's own products


def test_classes_have_the_language_of_most_of_their_texts_and_products_are_kept():
    frame = text_rows().assign(item_id=lambda t: "i" + (t.index % 40).astype(str))
    spoken = {"class_1": ["de", "de", "en"], "class_2": ["fr", "de", "fr", "de"], "class_3": [None]}
    for label, languages in spoken.items():
        mine = frame["label"] == label
        frame.loc[mine, "language"] = [languages[n % len(languages)] for n in range(mine.sum())]
    alone = labelled(frame)
    language = alone.items.execute().set_index("item_id")["language"]
    assert language[["class_0", "class_1", "class_2", "class_3"]].tolist() == ["en", "de", "de", "und"]
    assert len(language) == 10
    documents(alone)  # the contract holds where a text has no language

    recipe = labelled(frame, items=catalogue)
    items = contract.check(recipe.items, "items").execute().set_index("item_id")
    assert len(items) == 50
    assert items.loc["i3", ["title", "type_text"]].tolist() == ["shoe number 3", "kind 3"]
    pairs = made(recipe)
    assert set(pairs["candidate_id"]) == {f"class-class_{n}" for n in range(10)}
    assert pairs["candidate"].map(items.reset_index().set_index("title")["item_id"]).eq(pairs["candidate_id"]).all()
    assert documents(recipe)["text"].str.startswith("shoes kind 3 : shoe number").any()
    columns = ["context", "candidate", "label", "weight", "split"]
    pd.testing.assert_frame_equal(
        *(one[columns].sort_values(columns, ignore_index=True) for one in (pairs, made(alone)))
    )
