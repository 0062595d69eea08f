"""Doubted labels are the wrong ones, in English and in Chinese."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.label_noise import measure, summary
from workbench.data import engine
from workbench.governance.labels import label_noise, reviews
from workbench.governance.labels.label_noise import LabelNoiseError

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
    texts = reviews.from_reviews(con.create_table("events", frame)).execute().sort_values("text_id")
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
