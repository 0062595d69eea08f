from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workbench.display import training as show
from workbench.models.comparison import (
    calibrated,
    calibration_report,
    classification_report,
    compare,
    describe,
    reliability_table,
)


@pytest.fixture(scope="module")
def results():
    rng = np.random.default_rng(0)
    rows = 1200
    pairs = pd.DataFrame({"user_id": np.arange(rows) // 6, "label": (rng.random(rows) < 0.3).astype(int)})
    pairs["weight"] = np.where(pairs["label"] == 1, 1.0, 9.0)
    noise = {name: rng.normal(size=rows) for name in ("good", "twin", "bad")}
    scorers = {
        "good": lambda table: (table["label"] * 2 + noise["good"][table.index]).to_numpy(),
        "twin": lambda table: (table["label"] * 2 + noise["twin"][table.index]).to_numpy(),
        "bad": lambda table: noise["bad"][table.index],
    }
    valid, test = pairs[:600], pairs[600:]
    calibrations, probabilities = calibrated(scorers, valid, test)
    table = compare(test, probabilities, draws=200)
    return {"test": test}, calibrations, probabilities, table


def test_the_splits_are_described_at_their_natural_rate(results):
    row = describe(results[0]).loc["test"]
    bought = results[0]["test"]["label"].sum()
    assert row["users"] == 100
    assert row["natural rate"] == pytest.approx(bought / (bought + 9 * (600 - bought)))


def test_the_splits_are_described_with_their_days_where_pairs_have_a_moment(results):
    test = results[0]["test"]
    moments = pd.date_range("2024-03-01 12:00", periods=len(test), freq="h", tz="UTC")
    dated, bare = describe({"dated": test.assign(event_time=moments), "bare": test.assign(event_time=pd.NaT)}).iloc
    assert (dated["first day"], dated["last day"]) == ("2024-03-01", "2024-03-26")
    assert bare[["first day", "last day"]].isna().all()


def test_calibration_from_valid_brings_the_natural_rate_to_test(results):
    splits, _, probabilities, _ = results
    weighted = np.average(probabilities["good"], weights=splits["test"]["weight"])
    assert weighted == pytest.approx(describe(splits).loc["test", "natural rate"], abs=0.01)


def test_the_words_say_who_wins_and_when_nobody_does(results):
    splits, calibrations, probabilities, table = results
    report = classification_report(splits["test"], probabilities["good"], calibrations["good"], draws=50)
    error = calibration_report(splits["test"], probabilities["good"], draws=50)
    words = show.learned_finetuning(table, report, error)
    assert line(words, "Against bad, good").count("**wins** by") == 3  # Brier too, where lower is better
    assert line(words, "Against twin, good").count("cannot be told apart by") == 3
    assert "on the pairs of 100 test users" in words
    assert "Too few" not in words
    swapped = compare(splits["test"], dict(reversed(probabilities.items())), draws=200)
    worse = show.learned_finetuning(swapped, report, error)
    assert line(worse, "Against good, bad").count("**loses** by") == 3


def line(words: str, start: str) -> str:
    return next(line for line in words.splitlines() if line.startswith(f"- {start}"))


def test_too_few_predicted_pairs_are_said_to_be_too_few(results):
    splits, calibrations, probabilities, table = results
    highest = np.sort(probabilities["good"])
    for predicted, said in ((9, True), (10, False)):
        strict = replace(calibrations["good"], threshold=highest[-predicted])
        report = classification_report(splits["test"], probabilities["good"], strict, draws=20)
        words = show.learned_finetuning(table, report, {"value": 0.01, "low": 0.0, "high": 0.02})
        assert ("**Too few to rely on**: only 9 test pairs" in words) == said


def test_every_number_counts_households_and_the_calibration_error_has_an_interval(results):
    splits, calibrations, probabilities, table = results
    test = splits["test"]
    report = classification_report(test, probabilities["good"], calibrations["good"], draws=20)
    errors = {
        name: calibration_report(test, p, draws=200)
        for name, p in (("good", probabilities["good"]), ("off", probabilities["good"] ** 0.2))
    }
    assert {*table["n"], *report["n"], *(error["n"] for error in errors.values())} == {100}
    assert all(error["low"] < error["high"] for error in errors.values())
    assert errors["off"]["low"] > errors["good"]["high"]


def test_pretraining_that_did_not_help_is_said_plainly():
    table = pd.DataFrame({"loss": [3.0, 4.0], "perplexity": [20.0, 55.0], "masked_accuracy": [0.4, 0.3]})
    table.index = pd.Index(["before", "after"])
    said = show.learned_pretraining({"mlm": table}, 1000, 3.0)
    assert "does **no** better: perplexity went from 20 to 55; masked words guessed went from 40.0% to 30.0%" in said
    assert "**no**" not in show.learned_pretraining({"mlm": table.set_axis(["after", "before"])}, 1000, 3.0)
    assert len(show.before_after(table).axes) == 2


def test_batches_that_were_cut_are_said():
    assert show.in_parts(1) == ""
    assert show.in_parts(4).startswith("Batches were computed in up to 4 parts, for the memory did not hold them whole")


def test_figures_show_every_model(results):
    splits, _, probabilities, table = results
    figure = show.comparison_figure(table)
    figure.canvas.draw()
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["good", "twin", "bad"]
    legend = show.reliability_figure(reliability_table(splits["test"], probabilities)).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["good", "twin", "bad"]
    curve = pd.DataFrame({"tokens": [1, 2], "loss": [2.0, 1.0], "eval_loss": [np.nan, 1.5]})
    assert len(show.training_curves({"a": curve, "b": curve}).axes[1].lines) == 2
