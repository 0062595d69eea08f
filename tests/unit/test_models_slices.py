"""A model on parts of the test pairs."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from workbench.models.slices import FEW, by_slice, overall, standard_slices

USERS, EACH = 40, 6


@pytest.fixture
def judged() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(USERS), EACH)
    return pd.DataFrame({
        "user_id": np.char.add("u", user.astype(str)),
        "context": [f"context {'long ' * (u % 2)}{u}" for u in user],
        "candidate_id": np.char.add("c", (np.arange(len(user)) % 8).astype(str)),
        "candidate": np.char.add("candidate ", (np.arange(len(user)) % 8).astype(str)),
        "origin": np.where(np.arange(len(user)) % 3 == 0, "observed", "sampled"),
        "label": (rng.random(len(user)) < 0.4).astype(int),
        "weight": rng.uniform(1, 5, len(user)),
    })  # fmt: skip


def test_slices_say_what_training_met(judged):
    train = judged[judged["user_id"].isin(["u0", "u2"])].assign(candidate="candidate 3")
    slices = standard_slices(judged, train)
    assert slices["returning users"].sum() == slices["contexts read in training"].sum() == 2 * EACH
    assert set(judged["candidate"][slices["candidates read in training"]]) == {"candidate 3"}
    assert not judged["context"][slices["short contexts"]].str.contains("long").any()
    for one, other in (("returning users", "new users"), ("short contexts", "long contexts")):
        assert (slices[one] != slices[other]).all()
    assert not [name for name in slices if name.startswith("language")]


def test_no_slice_is_chosen_by_what_goes_with_the_label(judged):
    """Where pairs come from: only negatives are ever sampled."""
    assert not [name for name in standard_slices(judged, judged) if "sampled" in name or "observed" in name]


def test_what_holds_for_all_pairs_is_no_slice(judged):
    names = standard_slices(judged, judged, languages=pd.Series(dtype=str)).keys()
    assert {"returning users", "new users", "language: nan"}.isdisjoint(names)


def test_languages_are_the_candidates(judged):
    languages = pd.Series({f"c{n}": "zh" if n < 2 else "en" for n in range(8)})
    slices = standard_slices(judged, judged, languages=languages)
    assert set(judged["candidate_id"][slices["language: zh"]]) == {"c0", "c1"}


def test_a_rare_trait_is_not_named(judged):
    age = ["18-24"] * 20 + ["25-34"] * (FEW - 1) + ["65+"] * 1 + [None] * 10
    traits = pd.DataFrame({"user_id": [f"u{n}" for n in range(USERS)], "age": age})
    slices = standard_slices(judged, judged, traits.sample(frac=1, random_state=0))
    assert {name for name in slices if "age" in name} == {"age: 18-24", "age: any other", "age: not known"}
    assert slices["age: any other"].sum() == FEW * EACH
    assert set(judged["user_id"][slices["age: 18-24"]]) == {f"u{n}" for n in range(20)}


def test_each_slice_is_measured_by_itself_with_an_interval(judged):
    p = np.random.default_rng(1).random(len(judged))
    inside = (judged["origin"] == "sampled").to_numpy()
    rows = by_slice(judged, p, {"sampled": inside}, subject="adapted", draws=200).set_index("metric")
    part, q = judged[inside], p[inside]
    auc = roc_auc_score(part["label"], q, sample_weight=part["weight"])
    gap = np.average(q, weights=part["weight"]) - np.average(part["label"], weights=part["weight"])
    assert rows["value"]["roc_auc"] == pytest.approx(auc)
    assert rows["value"]["calibration_gap"] == pytest.approx(gap)
    assert ((rows["low"] < rows["value"]) & (rows["value"] < rows["high"])).all()
    assert set(rows["n"]) == {part["user_id"].nunique()}
    assert set(rows["subject"]) == {"adapted"}
    assert overall(part, q) == pytest.approx(rows["value"].to_dict())


def test_an_unfair_model_shows(judged):
    """For one half of the users the score is the label, for the other it is noise, and too high."""
    half = np.arange(len(judged)) < len(judged) // 2
    p = np.where(half, judged["label"], 0.9)
    rows = by_slice(judged, p, {"one": half, "other": ~half}, subject="m").set_index(["slice", "metric"])
    assert rows["value"]["one", "roc_auc"] == 1
    assert rows["value"]["other", "roc_auc"] == 0.5
    assert rows["low"]["other", "calibration_gap"] > 0.2 > rows["high"]["one", "calibration_gap"] == 0


def test_few_users_or_one_class_are_not_measured(judged):
    p = np.full(len(judged), 0.5)
    few = judged["user_id"].isin([f"u{n}" for n in range(FEW - 1)]).to_numpy()
    enough = judged["user_id"].isin([f"u{n}" for n in range(FEW)]).to_numpy()
    positive = (judged["label"] == 1).to_numpy()
    slices = {"few": few, "enough": enough, "one class": positive}
    rows = by_slice(judged, p, slices, subject="m", draws=20).set_index("slice")
    assert rows["value"].loc[["few", "one class"]].isna().all()
    assert rows["value"].loc["enough"].notna().all()
    assert set(rows["n"]["few"]) == {FEW - 1}
