"""The benchmark of banking77 on made-up questions: what judges is never learned from, and what was measured is kept."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import banking77
from benchmarks.banking77 import Recipe, Run, choose, drawn, held_out, measured
from workbench.models.device import choose_device
from workbench.models.tasks import task_for

DEVICE = choose_device("fp32", threads=1)


@pytest.fixture
def questions() -> pd.DataFrame:
    said = {"lost_card": "my card is lost", "top_up": "how do I add money", "rate": "which rate is used"}
    return pd.DataFrame([(f"{text} {at}", name) for name, text in said.items() for at in range(20)],
                        columns=["context", "label"])  # fmt: skip


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banking77.base, "find_base_model", lambda _: "tiny")


def test_labels_are_drawn_by_class_and_the_rest_is_unlabelled(questions: pd.DataFrame) -> None:
    labelled, others = drawn(questions, 5, seed=1)
    assert labelled["label"].value_counts().tolist() == [5, 5, 5]
    assert {*labelled["context"], *others["context"]} == {*questions["context"]}
    assert set(labelled["context"]).isdisjoint(others["context"])
    assert set(labelled["context"]) != set(drawn(questions, 5, seed=2)[0]["context"])
    everything, none = drawn(questions, 0, seed=1)
    assert (len(everything), len(none)) == (60, 0)


def test_what_judges_the_recipes_is_a_tenth_of_each_class(questions: pd.DataFrame) -> None:
    pool, judging = held_out(questions)
    assert judging["label"].value_counts().tolist() == [2, 2, 2]
    assert set(pool["context"]).isdisjoint(judging["context"])


def test_a_run_is_kept_and_tells_what_it_was_taught(
    questions: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(1e-3, 5, sure=0.5, batch_tokens=128)
    pool, judging = held_out(questions)
    found = measured(recipe, 5, 1, pool, judging, DEVICE, tmp_path)
    assert sum(found["last"]) == len(judging) == len(found["first"])
    monkeypatch.setattr(banking77, "Run", lambda *_: pytest.fail("it was measured again"))
    assert measured(recipe, 5, 1, pool, judging, DEVICE, tmp_path) == found


def test_a_logistic_regression_has_its_share_in_the_vote(questions: pd.DataFrame) -> None:
    pool, judging = held_out(questions)
    run = Run(Recipe(1e-3, 5, batch_tokens=128, vote=0.9), task_for(pool["label"], "classes"), 1, DEVICE)
    alone = run.of_frozen(pool, judging)
    assert (alone.argmax(1) == run.task.targets(judging["label"])).all()
    run.of_frozen = lambda *_: np.roll(alone, 1, axis=1)  # type: ignore[method-assign]  # it tells the wrong class
    found = run.right(pool, pool.iloc[:0], judging)
    assert found["first"].all()
    assert not found["last"].any()


def test_the_recipe_that_tells_most_is_chosen(
    questions: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor, good = Recipe(1e-4, 1), Recipe(1e-3, 8)
    monkeypatch.setitem(banking77.RECIPES, "five", [poor, good])
    monkeypatch.setattr(
        banking77, "measured", lambda recipe, *_: {"last": [recipe == good], "first": [0], "seconds": 1.0}
    )
    assert choose("five", questions, DEVICE, tmp_path) == good
