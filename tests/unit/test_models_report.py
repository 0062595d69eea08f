from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workbench.display import finetuning as show
from workbench.display import training as show_training
from workbench.models.baseline import constant
from workbench.models.comparison import (
    calibrated,
    calibration_report,
    classification_report,
    compare,
    describe,
    precision_recall_curves,
    reliability_table,
)
from workbench.models.pretraining import BLIND, Pretrained
from workbench.models.slices import by_slice, overall
from workbench.models.training import TrainResult

COSTS = pd.DataFrame(
    {
        "pretraining": [135.0, 0, 0],
        "training": [90.0, 90, 2],
        "milliseconds": [900.0, 900, 9],
        "megabytes": [90.0, 90, 1],
    },
    index=["good", "base", "bad"],
)


@pytest.fixture(scope="module")
def results():
    rng = np.random.default_rng(0)
    rows = 1200
    pairs = pd.DataFrame({"user_id": np.arange(rows) // 6, "label": (rng.random(rows) < 0.3).astype(int)})
    pairs["weight"] = np.where(pairs["label"] == 1, 1.0, 9.0)
    noise = {name: rng.normal(size=rows) for name in ("good", "base", "bad")}
    scorers = {
        "good": lambda table: (table["label"] * 2 + noise["good"][table.index]).to_numpy(),
        "base": lambda table: (table["label"] * 2 + noise["base"][table.index]).to_numpy(),
        "bad": lambda table: noise["bad"][table.index],
        "constant": constant,
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


def told(results, **changed) -> str:
    splits, calibrations, probabilities, table = results
    report = classification_report(splits["test"], probabilities["good"], calibrations["good"], draws=50)
    error = calibration_report(splits["test"], probabilities["good"], draws=50)
    given = {"table": table, "report": report, "error": error, "costs": COSTS} | changed
    return show.learned_finetuning(**given)


def line(words: str, start: str) -> str:
    return next(line for line in words.splitlines() if line.startswith(f"- {start}"))


def test_the_words_say_what_is_higher_and_when_nothing_is(results):
    words = told(results)
    assert line(words, "Against bad, good").count(" higher (+") == 3
    assert line(words, "Against constant, good").count(" higher (+") == 3
    assert line(words, "Against base, good").count(" no difference shown (") == 3
    assert "on the pairs of 100 test users" in words
    assert "Fewer than" not in words
    assert "Too few" not in words
    splits, _, probabilities, _ = results
    swapped = {name: probabilities[name] for name in ("bad", "base", "good", "constant")}
    worse = told(results, table=compare(splits["test"], swapped, draws=200))
    assert line(worse, "Against good, bad").count(" lower (-") == 3
    assert line(worse, "Against constant, bad").count(" no difference shown (") >= 2


def test_pretraining_is_held_against_its_seconds(results):
    table = results[3]
    own = (table["subject"] == "good - base") & (table["metric"] == "roc_auc")
    for value, low, high, said in (
        (-0.01, -0.03, 0.02, "-0.010 [-0.030, +0.020]: not shown to be worth its 135 s."),
        (0.02, 0.01, 0.03, "+0.020 [+0.010, +0.030]: that is what its 135 s bought."),
        (-0.02, -0.03, -0.01, "-0.020 [-0.030, -0.010]: its 135 s did harm here."),
    ):
        changed = table.copy()
        changed.loc[own, ["value", "low", "high"]] = value, low, high
        assert line(told(results, table=changed), "Pretraining").endswith(said)


def test_of_few_users_no_difference_is_judged(results):
    for users, judged in ((29, False), (30, True)):
        words = told(results, table=results[3].assign(n=users))
        assert ("**Fewer than 30 users**" in words) != judged
        assert any(verdict in words for verdict in ("higher", "lower", "no difference shown", "worth")) == judged


def test_too_few_predicted_pairs_are_said_to_be_too_few(results):
    splits, calibrations, probabilities, _ = results
    highest = np.sort(probabilities["good"])
    for predicted, said in ((9, True), (10, False)):
        strict = replace(calibrations["good"], threshold=highest[-predicted])
        report = classification_report(splits["test"], probabilities["good"], strict, draws=20)
        assert ("**Too few to rely on.**" in told(results, report=report)) == said


def test_what_is_found_never_or_always_is_no_certainty(results):
    splits, calibrations, probabilities, _ = results
    test, p = splits["test"], probabilities["good"]
    wrong = test["label"].to_numpy() == 0
    strict = replace(calibrations["good"], threshold=np.sort(p[wrong])[-4])
    none = classification_report(test[wrong | (p < strict.threshold)], p[wrong | (p < strict.threshold)], strict)
    rows = none[none["class"] == "positive"].set_index("metric")
    assert (rows["predicted"].iloc[0], rows["hits"].iloc[0]) == (4, 0)
    assert rows[["low", "high"]].isna().all(axis=None)
    words = line(told(results, report=none), "At the threshold")
    assert "0.0% (no interval) of what it predicts is positive (precision, 0 of 4 predicted pairs)" in words
    every = classification_report(test, p, replace(strict, threshold=0.0), draws=20).set_index(["class", "metric"])
    assert every.loc[("positive", "recall"), "value"] == 1
    assert np.isnan(every.loc[("positive", "recall"), "low"])
    assert every.loc[("positive", "precision"), "low"] > 0
    nothing = classification_report(test, p, replace(strict, threshold=1.1), draws=20)
    assert "nothing is predicted" in told(results, report=nothing)


def test_the_error_is_set_beside_the_rate(results):
    rate = describe(results[0]).loc["test", "natural rate"]
    words = line(told(results, error={"value": rate / 4, "low": 0.0, "high": rate}), "Its calibrated")
    assert f"where {rate:.3%} of the pairs are positive: by 25% of that rate" in words


def test_a_constant_is_worth_nothing(results):
    splits, calibrations, probabilities, table = results
    valid_rate = probabilities["constant"]
    assert np.ptp(valid_rate) == 0
    assert calibrations["constant"].a == 0
    rows = table.set_index(["subject", "metric"])["value"]
    assert rows["constant", "roc_auc"] == 0.5
    assert rows["constant", "pr_auc"] == pytest.approx(describe(splits).loc["test", "natural rate"])
    assert rows["constant", "brier_skill"] == 0
    assert rows["good", "brier_skill"] == pytest.approx(1 - rows["good", "brier"] / rows["constant", "brier"])


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


def pretrained(before: float, after: float, fresh: str = "") -> Pretrained:
    table = pd.DataFrame({"loss": [5.0, before, after], "perplexity": np.exp([5.0, before, after])})
    table["masked_accuracy"] = [0.1, 0.4, 0.3]
    table.index = pd.Index([BLIND, "before", "after"])
    result = TrainResult(pd.DataFrame(), 10, 1000, after, 10, 3.0, 1)
    return Pretrained(None, result, table, None, "loss", 5.0, fresh, 120)


def test_batches_that_were_cut_are_said():
    assert show_training.in_parts(1) == ""
    assert show_training.in_parts(4).startswith(
        "Batches were computed in up to 4 parts, for the memory did not hold them whole"
    )


def test_pretraining_is_held_against_before_and_against_a_blind_guess():
    said = show_training.learned_pretraining({"mlm": pretrained(3.0, 4.0)})
    assert "1,000 tokens in 3 s" in said
    assert "its loss is better than that of a blind guess, and **no** better than before" in said
    assert "perplexity 55 (before 20, blind guess 148)" in said
    assert "masked tokens guessed 30.0% (before 40.0%, blind guess 10.0%)" in said
    assert "fresh" not in said
    poor = show_training.learned_pretraining({"mlm": pretrained(11.0, 6.0, "head")})
    assert "its loss is **no** better than that of a blind guess, and better than before" in poor
    assert "comes without the head of `mlm`, so *before* is the random guess of a fresh head" in poor
    random = show_training.learned_pretraining({"mlm": pretrained(11.0, 6.0, "weights")})
    assert "began with random weights" in random


def test_what_pretraining_came_to_is_recorded():
    rows = pretrained(3.0, 4.0).metrics("mlm")
    assert set(rows["subject"]) == {"base", "adapted", BLIND}
    assert set(rows["metric"]) == {"loss", "perplexity", "masked_accuracy"}
    assert set(rows["slice"]) == {"mlm"}
    assert set(rows["n"]) == {120}
    assert rows.set_index(["subject", "metric"])["value"]["adapted", "loss"] == 4.0


def labels(axis) -> list[str]:
    return [text.get_text() for text in axis.get_legend().get_texts()]


def test_figures_show_every_model_and_the_constant(results):
    splits, calibrations, probabilities, table = results
    figure = show.comparison_figure(table)
    figure.canvas.draw()
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["good", "base", "bad"]
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["ROC-AUC", "PR-AUC", "Brier skill"]
    rate = table.set_index(["subject", "metric"]).loc[("constant", "pr_auc"), "value"]
    assert rate in [at.get_xdata()[0] for at in figure.axes[1].lines]
    report = classification_report(splits["test"], probabilities["good"], calibrations["good"], draws=20)
    curves = precision_recall_curves(splits["test"], probabilities)
    axis = show.precision_recall_figure(curves, report).axes[0]
    assert labels(axis) == ["good", "base", "bad", "constant: the natural rate", "chosen threshold of good"]
    axes = show.cost_figure(COSTS, table).axes
    assert labels(axes[1]) == ["good", "base", "bad", "constant"]
    shown = show.comparison_table(table)
    assert list(shown.index) == ["good", "base", "bad", "constant", "good - base", "good - bad", "good - constant"]
    assert "ROC-AUC" in show.cost_table(COSTS, table).to_html()


def test_a_bin_without_a_positive_is_shown(results):
    splits, _, probabilities, _ = results
    table = reliability_table(splits["test"], {"calibrated": probabilities["good"]}, draws=50)
    assert ((table["low"] <= table["observed"]) & (table["observed"] <= table["high"])).sum() == 7
    empty = table["observed"] == 0
    assert empty.any()
    assert table.loc[empty, ["low", "high"]].isna().all(axis=None)
    axis = show.reliability_figure(table).axes[0]
    assert labels(axis) == ["calibrated", "a bin without a positive", "predicted = observed"]
    triangles = next(line for line in axis.lines if line.get_marker() == "v")
    assert len(triangles.get_xdata()) == empty.sum()
    assert labels(show.reliability_figure(table[~empty]).axes[0]) == ["calibrated", "predicted = observed"]


def test_the_mean_precision_of_a_curve_is_the_area_under_it(results):
    splits, _, probabilities, table = results
    test = splits["test"]
    curves = precision_recall_curves(test, probabilities)
    areas = table[table["metric"] == "pr_auc"].set_index("subject")["value"]
    for name, rows in curves.groupby("subject"):
        added = np.diff(rows["recall"], prepend=0)
        assert (rows["precision"] * added).sum() == pytest.approx(areas[name])
        assert rows["recall"].iloc[-1] == pytest.approx(1)


def test_slices_are_shown_against_all_pairs(results):
    test, p = results[0]["test"], results[2]["good"]
    halves = {"first": np.arange(len(test)) < 300, "few": np.arange(len(test)) < 6}
    rows = by_slice(test, p, halves, subject="good", draws=20)
    figure = show.slices_figure(rows, overall(test, p))
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["first (50 users)"]
    assert [axis.lines[-1].get_xdata()[0] for axis in figure.axes] == list(overall(test, p).values())
    assert show.slices_figure(rows[rows["slice"] == "few"], overall(test, p)).axes


def test_curves_are_whole_and_named_and_have_a_line_for_what_knows_nothing():
    curve = pd.DataFrame(
        {"tokens": [0, 1, 2, 2], "loss": [np.nan, 2.0, 1.0, np.nan], "eval_loss": [9, np.nan, np.nan, 1]}
    )
    figure = show_training.training_curves({"a": curve, "b": curve}, reference=("nothing", 5.0))
    left, right = figure.axes
    assert all(np.isfinite(line.get_ydata()).all() for line in (*left.lines, *right.lines))
    assert labels(left) == ["a", "b"]
    assert labels(right) == ["a", "b", "nothing"]
    assert len(show_training.training_curves({"a": curve}).axes[1].lines) == 1


def test_before_and_after_stand_beside_the_blind_guess():
    axes = show_training.before_after(pretrained(3.0, 4.0).table).axes
    assert len(axes) == 2
    assert len(axes[0].patches) == 3
