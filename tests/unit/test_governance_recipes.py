"""Each shape's tables become pairs, corpus and aggregates; groups stay whole, and splits do not leak."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workbench.data import contract, engine
from workbench.governance import recipes, splits

WISHES = recipes.Wishes(1, {}, 3, {"train": 10_000, "valid": 10_000, "test": 10_000}, {"train": 500, "valid": 100})


@pytest.fixture(scope="module")
def con():
    return engine.connect("500MB", threads=1)


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
def judged(con):
    rows = [(f"q{q}", f"query {q}", f"i{(q + i) % 40}", float(i % 4)) for q in range(60) for i in range(6)]
    judgments = table(con, "judgments", pd.DataFrame(rows, columns=["query_id", "query", "item_id", "grade"]))
    return recipes.find("judged", con, {"items": catalogue(con), "judgments": judgments}, WISHES)


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
    judgments = pd.DataFrame({"query_id": ["q"], "query": ["a"], "item_id": ["i1"], "grade": [0.5]})
    tables = {"items": catalogue(con), "judgments": table(con, "judgments", judgments)}
    with pytest.raises(ValueError, match="give the judgments' grade a `scale`"):
        recipes.find("judged", con, tables, WISHES).pairs()


@pytest.fixture(scope="module")
def texts(con):
    frame = pd.DataFrame({
        "text_id": [f"t{n}" for n in range(300)], "text": [f"where is my card {n % 280}" for n in range(300)],
        "label": [f"class_{n % 10}" for n in range(300)], "language": "en",
        "split": ["test" if n < 60 else "train" for n in range(300)],
    })  # fmt: skip
    return recipes.find("texts", con, {"texts": table(con, "texts", frame)}, WISHES)


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
def histories(con):
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


def test_targets_bound_the_pairs_by_whole_groups(con, texts):
    small = recipes.Wishes(1, {}, 3, {"train": 50, "valid": 20, "test": 10}, {"train": 20, "valid": 5})
    pairs = made(recipes.find("texts", con, texts.tables, small))
    assert pairs.groupby("split").size().to_dict() == {"test": 8, "train": 48, "valid": 20}
    assert pairs.groupby("group_id").size().eq(4).all()
    none = replace(small, pair_targets={"train": 50, "valid": 2, "test": 10})
    with pytest.raises(ValueError, match="no pairs for valid: raise pair_targets"):
        recipes.find("texts", con, texts.tables, none).pairs()


def test_a_shape_from_which_nothing_is_trained_is_refused(con):
    with pytest.raises(ValueError, match="make no training pairs"):
        recipes.find("experiments", con, {}, WISHES)


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
    con = engine.connect("500MB", threads=1)  # its own, because a recipe keeps tables there
    tables = {"items": catalogue(con), "events": table(con, "events", frame)}
    return recipes.find("behaviour", con, tables, replace(WISHES, **changes))


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


def test_what_is_bought_later_is_no_negative():
    frame = log()
    row = frame[(frame["event_type"] == "impression") & (frame["request_id"] == "r300")].iloc[2]
    frame = frame[
        ~(
            (frame["request_id"] == "r300")
            & (frame["item_id"] == row["item_id"])
            & (frame["event_type"] != "impression")
        )
    ]
    kept = made(behaviour(frame))
    bought = {**row, "event_type": "purchase", "request_id": None, "session_id": "later", "event_id": "extra"}
    bought["timestamp"] = row["timestamp"] + pd.Timedelta(weeks=2)
    gone = made(behaviour(pd.concat([frame, pd.DataFrame([bought])], ignore_index=True)))
    pair = f"r300-{row['item_id']}"
    assert pair in set(kept["pair_id"])
    assert pair not in set(gone["pair_id"])


@pytest.mark.parametrize(("by", "key"), [("user", "user_id"), ("query", "context")])
def test_splits_by_user_or_query_keep_theirs_together(by, key):
    pairs = made(behaviour(log(), split_by=by))
    asked = pairs[pairs["group_id"].str[1:].astype(int) % 2 == 1] if by == "query" else pairs
    assert asked.groupby(key)["split"].nunique().eq(1).all()
    assert pairs["split"].nunique() == 3


def test_another_split_is_refused():
    with pytest.raises(ValueError, match="split by time, user or query"):
        behaviour(log(), split_by="product").pairs()


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
    both = before.index.intersection(after.index)  # what is bought later decides which negatives are left out
    assert len(both) > 0.9 * len(before)
    pd.testing.assert_frame_equal(before.loc[both], after.loc[both])
    docs = [documents(recipe) for recipe in (shown, behaviour(changed))]
    train = [corpus[corpus["split"] == "train"].reset_index(drop=True) for corpus in docs]
    pd.testing.assert_frame_equal(*train)


def test_a_log_of_purchases_alone_gets_drawn_negatives():
    frame = log()
    bought = frame[frame["event_type"] == "purchase"]
    recipe = behaviour(bought.drop(columns=["request_id", "position"]))
    assert {"exposure", "positions"} <= set(recipe.omitted)
    pairs = made(recipe)
    assert set(pairs.loc[pairs["label"] == 0, "origin"]) == {"sampled"}
    taken = set(zip(bought["user_id"], bought["item_id"], strict=True))
    wrong = pairs[pairs["label"] == 0]
    assert not taken & set(zip(wrong["user_id"], wrong["candidate_id"], strict=True))


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
    pairs = made(recipes.find("judged", con, tables, WISHES))
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
