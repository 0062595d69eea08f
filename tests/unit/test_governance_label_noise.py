"""Doubted labels are the wrong ones, in English and in Chinese; corrections are applied and nothing is lost."""

import json
import os
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

from benchmarks.label_noise import measure, summary
from workbench.data import engine
from workbench.governance import corrections, label_noise
from workbench.governance.corrections import CorrectionsError
from workbench.governance.label_noise import LabelNoiseError

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("WORKBENCH_TEST_DATA", ROOT.parent / "shared" / "data"))
WORDS = {
    "delivery": "parcel courier late tracking arrive door shipped where",
    "refund": "money return refund back charge paid credit wrong",
    "size": "small large fit tight length waist shoe narrow",
}
CHINESE = {
    "快递": "包裹快递太慢物流没有送到门口签收",
    "退款": "退款退货钱没有到账多扣费用",
    "尺码": "尺码偏小太紧腰围不合适鞋子挤脚",
}


def made(rows: int, words: dict[str, str], joint: str, seed: int = 3) -> pd.DataFrame:
    """Texts of words of their class and some of all classes."""
    rng = np.random.default_rng(seed)
    own = {label: text.split() if joint else list(text) for label, text in words.items()}
    everything = [word for text in own.values() for word in text]
    labels = rng.choice(list(words), rows)
    texts = [joint.join([*rng.choice(own[label], 6), *rng.choice(everything, 3)]) for label in labels]
    return pd.DataFrame({"text_id": [f"t{i}" for i in range(rows)], "text": texts, "label": labels})


def right_and_found(found: pd.DataFrame, moved: np.ndarray) -> tuple[float, float]:
    return moved[found["flagged"]].mean(), found["flagged"].to_numpy()[moved].mean()


@pytest.mark.parametrize(("words", "joint"), [(WORDS, " "), (CHINESE, "")])
def test_what_is_flagged_was_flipped(words: dict[str, str], joint: str) -> None:
    clean = made(400, words, joint)
    texts, moved = label_noise.plant(clean, 0.1, seed=4)
    found = label_noise.find(texts, seed=0)
    assert list(found) == list(label_noise.COLUMNS)
    precision, recall = right_and_found(found, moved)
    assert precision >= 0.8
    assert recall >= 0.8
    hit = found["flagged"].to_numpy() & moved
    assert (found["suggested"].to_numpy() == clean["label"].to_numpy())[hit].mean() > 0.9
    assert found.loc[hit, "quality"].mean() < 0.2 < 0.9 < found.loc[~moved, "quality"].mean()


def test_clean_labels_are_left_alone() -> None:
    assert label_noise.find(made(400, WORDS, " "))["flagged"].mean() <= 0.01


def test_same_seed_same_result_in_any_order_of_rows() -> None:
    texts, _ = label_noise.plant(made(150, WORDS, " "), 0.1, seed=4)
    shuffled = texts.sample(frac=1, random_state=1)
    first, second = label_noise.find(texts, folds=3), label_noise.find(shuffled, folds=3)
    assert second["text_id"].tolist() == shuffled["text_id"].tolist()
    pd.testing.assert_frame_equal(first, second.set_index("text_id").loc[first["text_id"]].reset_index())


def test_cleanlab_can_decide() -> None:
    texts, _ = label_noise.plant(made(150, WORDS, " "), 0.2, seed=4)
    found = label_noise.find(texts, method="both")
    assert found["flagged"].equals(found["confident"])
    assert found["flagged"].any()


def test_a_model_sees_few_rows_where_asked_and_every_class() -> None:
    texts = made(300, WORDS, " ")
    rare = pd.concat([texts, texts.head(6).assign(text_id=[f"r{i}" for i in range(6)], label="rare")])
    codes = pd.factorize(rare["label"], sort=True)[0]
    probabilities = label_noise.out_of_sample(rare["text"], codes, folds=3, train_rows=60)
    assert probabilities.shape == (306, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == codes)[:300].mean() > 0.7
    assert (probabilities[:, codes[-1]] > label_noise.SMALLEST).all()


def test_temperature_and_noise_are_found_by_likelihood() -> None:
    """Probabilities that are true but for their temperature: share and temperature come back."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 5)) * 3
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (true.cumsum(1) > rng.random((20_000, 1))).argmax(1)
    moved = rng.random(20_000) < 0.15
    labels = np.where(moved, np.where(labels == 0, 1, (labels + rng.integers(1, 5, 20_000)) % 5), labels)
    flat = np.exp(logits / 2) / np.exp(logits / 2).sum(1, keepdims=True)
    noise = label_noise.fit_noise(flat, labels)
    assert noise.share == pytest.approx(0.15, abs=0.01)
    assert noise.temperature == pytest.approx(0.5, rel=0.1)
    assert noise.matrix[0] == pytest.approx([0.85, 0.15, 0, 0, 0], abs=0.02)  # one class had a noise of its own
    assert noise.matrix[2] == pytest.approx([0.0375, 0.0375, 0.85, 0.0375, 0.0375], abs=0.02)
    flipped = 1 - noise.true[np.arange(20_000), labels]
    likely = flipped > 0.8  # what is called likely happens as often as said
    assert moved[likely].mean() == pytest.approx(flipped[likely].mean(), abs=0.03)


def test_a_class_of_few_rows_cannot_be_judged() -> None:
    texts = made(90, WORDS, " ")
    texts.loc[[0, 1], "label"] = "rare"
    found = label_noise.find(texts, folds=3)
    assert found.loc[[0, 1], ["suggested", "quality"]].isna().all(axis=None)
    assert not found.loc[[0, 1], "flagged"].any()
    assert found.loc[2:, "quality"].notna().all()


@pytest.mark.parametrize(
    ("change", "settings", "says"),
    [
        (lambda t: t.drop(columns="label"), {}, "lack the column label"),
        (lambda t: t.assign(text=None), {}, "text or label is missing"),
        (lambda t: t.assign(text_id="same"), {}, "a text_id repeats"),
        (lambda t: t.assign(label="one"), {}, "needs two classes"),
        (lambda t: t.assign(text=t["text_id"]), {}, "share no words"),
        (lambda t: t.assign(text=""), {}, "share no words"),
        (lambda t: t, {"method": "bothh"}, "did you mean 'both'"),
        (lambda t: t, {"folds": 1}, "folds must be 2 or more"),
    ],
)
def test_texts_that_cannot_be_judged_get_one_sentence(change, settings: dict, says: str) -> None:
    with pytest.raises(LabelNoiseError, match=says) as error:
        label_noise.find(change(made(40, WORDS, " ")), **settings)
    assert "\n" not in str(error.value)


def test_doubts_by_class() -> None:
    found = pd.DataFrame(
        {"label": ["a", "a", "b", "b", "c"], "suggested": ["c", "a", "a", "a", "c"], "flagged": [1, 0, 1, 1, 0]}
    ).astype({"flagged": bool})
    table = label_noise.by_class(found)
    assert table.to_dict("list") == {
        "label": ["b", "a", "c"],
        "rows": [2, 2, 1],
        "flagged": [2, 1, 0],
        "share": [1.0, 0.5, 0.0],
        "suggested": ["a", "c", None],
    }


def test_reviews_are_texts_labelled_by_their_stars() -> None:
    rows = [("review", v, "words") for v in (1.0, 2.0, 3.0, 4.0, 5.0)]
    rows += [("rating", 1.0, "words"), ("review", None, "words"), ("review", 5.0, "  "), ("review", 5.0, None)]
    frame = pd.DataFrame(rows, columns=["event_type", "value", "text"]).assign(event_id=[f"e{i}" for i in range(9)])
    con = engine.connect("500MB", threads=1)
    texts = label_noise.from_reviews(con.create_table("events", frame)).execute().sort_values("text_id")
    assert texts["text_id"].tolist() == ["e0", "e1", "e2", "e3", "e4"]
    assert texts["label"].tolist() == ["bad", "bad", "neutral", "good", "good"]


def test_flips_in_real_questions_are_found(require) -> None:
    path = DATA / "banking77" / "train.csv"
    require(path.is_file(), f"the data of banking77 is not in {DATA}")
    raw = pd.read_csv(path).rename(columns={"category": "label"})
    chosen = sorted(raw["label"].unique())[::8]
    clean = raw[raw["label"].isin(chosen)].reset_index(drop=True)
    texts, moved = label_noise.plant(clean.assign(text_id=[f"{i:05d}" for i in clean.index]), 0.1, seed=4)
    precision, recall = right_and_found(label_noise.find(texts), moved)
    assert precision >= 0.8
    assert recall >= 0.7


def test_the_benchmark_counts_what_moved() -> None:
    runs = pd.concat([measure(made(150, WORDS, " "), seed) for seed in (0, 1)])
    first = runs[(runs["method"] == "ours") & (runs["seed"] == 0)].iloc[0]
    noisy, moved = label_noise.plant(made(150, WORDS, " "), 0.1, seed=0)
    assert moved.sum() == 15
    assert (noisy["label"] != made(150, WORDS, " ")["label"]).equals(pd.Series(moved))
    precision, recall = right_and_found(label_noise.find(noisy, seed=0), moved)
    assert precision == pytest.approx(first["precision"], abs=0.15)  # the rows come in another order there
    assert recall == pytest.approx(first["recall"], abs=0.15)
    table = summary(runs)
    assert list(table.index) == ["ours", "cleanlab", "cleanlab_both", "lowest_confidence"]
    assert (table["recall_low"] <= table["recall"]).all()
    assert (table["recall"] <= table["recall_high"]).all()


# corrections


def decided(*rows: tuple[str, str, str, str, str]) -> pd.DataFrame:
    """Corrections of text_id, text, label, decision, new_label."""
    frame = pd.DataFrame(rows, columns=["text_id", "text", "label", "decision", "new_label"])
    return frame.assign(suggested="b", who="me", when="2026-01-01T00:00:00+00:00")[list(corrections.COLUMNS)]


@pytest.fixture
def texts() -> ibis.Table:
    frame = pd.DataFrame(
        {
            "text_id": ["1", "2", "3", "4", "5"],
            "text": ["one", "two", 'drei, "三"\n🙂', "four", "five"],
            "label": ["a", "a", "b", "b", "c"],
            "language": "en",
        }
    )
    return engine.connect("500MB", threads=1).create_table("texts", frame)


def test_corrections_change_what_they_say_and_nothing_is_lost(texts: ibis.Table, tmp_path: Path) -> None:
    given = decided(
        ("1", "one", "a", "fix", "b"),
        ("2", "two", "a", "keep", ""),
        ("3", 'drei, "三"\n🙂', "b", "drop", ""),
        ("4", "four, then", "b", "fix", "a"),
        ("5", "five", "b", "drop", ""),
        ("6", "six", "a", "keep", ""),
    )
    path = corrections.write(tmp_path / "labels" / "corrections.csv", given)
    read = corrections.read(path, classes=["a", "b", "c"])
    pd.testing.assert_frame_equal(read, given.astype("str"))
    done = corrections.apply(texts, read)
    after = done.texts.execute().sort_values("text_id")
    assert list(after) == list(texts.columns)
    assert dict(zip(after["text_id"], after["label"], strict=True)) == {"1": "b", "2": "a", "4": "b", "5": "c"}
    assert done.repairs.to_numpy().tolist() == [[corrections.RULE, "texts", "1", "label", "a", "b"]]
    assert list(done.dropped) == ["table", "key", "reasons", "row"]
    assert json.loads(done.dropped["row"].item()) == {
        "text_id": "3", "text": 'drei, "三"\n🙂', "label": "b", "language": "en",
    }  # fmt: skip
    assert len(after) + len(done.dropped) == texts.count().execute()
    assert dict(zip(done.outdated["text_id"], done.outdated["problem"], strict=True)) == {
        "4": "the text has changed since",
        "5": "the label has changed since",
        "6": "the row is gone",
    }


def test_no_corrections_change_nothing(texts: ibis.Table) -> None:
    done = corrections.apply(texts, corrections.empty())
    pd.testing.assert_frame_equal(done.texts.order_by("text_id").execute(), texts.order_by("text_id").execute())
    assert (len(done.repairs), len(done.dropped), len(done.outdated)) == (0, 0, 0)
    assert list(done.repairs) == list(corrections.REPAIRS)


def test_another_key_and_keys_that_repeat(texts: ibis.Table) -> None:
    pairs = texts.rename(pair_id="text_id")
    done = corrections.apply(pairs, decided(("1", "one", "a", "fix", "b")), name="pairs", key="pair_id")
    assert done.repairs[["table", "key"]].to_numpy().tolist() == [["pairs", "1"]]
    with pytest.raises(CorrectionsError, match="'pair_id' repeats"):
        corrections.apply(pairs.union(pairs), decided(("1", "one", "a", "fix", "b")), key="pair_id")
    with pytest.raises(CorrectionsError, match="lacks the column text_id"):
        corrections.apply(pairs, corrections.empty())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.rename(columns={"new_label": "newlabel"}), "unknown column 'newlabel', did you mean 'new_label'"),
        (lambda c: c.drop(columns="who"), "the column who is missing"),
        (lambda c: c.assign(decision="fixx"), "unknown decision 'fixx', did you mean 'fix'"),
        (lambda c: c.assign(new_label="bb"), "text '1': unknown label 'bb'"),
        (lambda c: c.assign(new_label="a"), "differs from the label 'a'"),
        (lambda c: c.assign(decision="keep"), "only a fix has a new_label"),
        (lambda c: pd.concat([c, c]), "text '1' comes twice"),
    ],
)
def test_a_file_that_is_wrong_gets_one_sentence(tmp_path: Path, change, says: str) -> None:
    path = tmp_path / "c.csv"
    change(decided(("1", "one", "a", "fix", "b"))).to_csv(path, index=False)
    with pytest.raises(CorrectionsError, match=says) as error:
        corrections.read(path, classes=["a", "b"])
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "not a CSV file"), (b"text_id,text\n\xff\xfe,x\n", "not a CSV file in UTF-8"), (None, "does not exist")],
)
def test_a_file_that_is_none_gets_one_sentence(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "c.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CorrectionsError, match=says):
        corrections.read(path)


@pytest.mark.parametrize(
    "text", ["line\r\nbreak", "lone\rreturn", " spaces ", "NA", '"quoted", comma', "=1+1", "红鞋 🙂"]
)
def test_texts_survive_the_file_as_they_are(tmp_path: Path, text: str) -> None:
    given = decided(("007", text, "a", "keep", ""))
    back = corrections.read(corrections.write(tmp_path / "c.csv", given))
    assert back.loc[0, ["text_id", "text"]].tolist() == ["007", text]


def test_a_file_that_a_spreadsheet_saved_is_read(tmp_path: Path) -> None:
    given = decided(("007", "one, two", "a", "fix", "b"), ("008", "red", "a", "keep", ""))
    path = tmp_path / "c.csv"
    path.write_bytes(given.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig"))
    pd.testing.assert_frame_equal(corrections.read(path, ["a", "b"]), given.astype("str"))
