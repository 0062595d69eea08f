"""Figures of the governance notebook: what does not apply is said, and what a log lacks is not drawn."""

import ibis
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from workbench.display import failing, findings
from workbench.display import governance as figures
from workbench.governance.recipes import base


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """What is displayed, as text."""
    texts: list[str] = []
    monkeypatch.setattr(figures, "display", lambda *shown: texts.extend(getattr(one, "data", one) for one in shown))
    return texts


@pytest.mark.parametrize("name", ["coverage", "positive_share", "examination", "quality_by_day", "drift_by_column"])
def test_a_figure_that_does_not_apply_is_a_sentence(name: str, said: list[str]) -> None:
    assert getattr(figures, name)(None, why="nothing was shown") is None
    assert said == ["*Does not apply here: nothing was shown.*"]
    assert not plt.get_fignums()


def test_what_is_drawn_is_what_the_log_counts() -> None:
    counts = pd.DataFrame({"week": [1], "purchases": [0], "carts": [0], "clicks": [3], "reviews": [1], "users": [2]})
    counts["impressions"] = 9
    assert figures._kind(counts) == "clicks"
    assert figures._kind(counts.assign(purchases=1)) == "purchases"


def test_lessons_name_the_steps_left_out_once_for_each_reason() -> None:
    balance = pd.DataFrame(
        {"table": ["texts"], "collected": [1200], "clean": [1100], "quarantined": [100], "merged": [0]}
    )
    dimensions = pd.DataFrame({"before": [0.9, 1.0], "after": [0.95, 1.0]}, index=["accuracy", "usability"])
    pairs = pd.DataFrame({"share": [0.1], "natural_rate": [0.01]}, index=["train"])
    omitted = {"exposure": "no events", "positions": "no events", "corpus": "no words"}
    assert findings.lessons("texts", balance, dimensions, pairs, omitted) == [
        "Of 1,200 texts 1,100 are clean; 100 are set aside for a reason.",
        "Quality rose most in accuracy; accuracy is lowest at 95.0% of rows that pass.",
        "Of the train pairs 10.0% are positive, 1.00% by their weights.",
        "No record of what was shown, examination by position: no events.",
        "No corpus: no words.",
    ]
    nothing = pd.DataFrame()
    assert len(findings.lessons("texts", balance, nothing, nothing, {})) == 1


def test_every_step_of_a_recipe_has_words() -> None:
    assert set(findings.STEPS) >= set(base.STEPS)


def test_the_decision_says_what_the_data_are_fit_for() -> None:
    weeks = {"week": ibis.memtable({"purchases": [0, 2]})}
    assert findings.decision({"positions": "no ranks"}, weeks) == (
        "The gate is passed. These data are fit for pretraining, fine-tuning and ranking the purchases of later weeks; "
        "not for correcting clicks for their position."
    )
    bare = {"week": ibis.memtable({"purchases": [0, 0]})}
    assert "not for ranking the purchases" in findings.decision({}, bare)
    assert "not for ranking the purchases" in findings.decision({"timetable": "two weeks"}, weeks)
    assert "fit for reading and counting; not for pretraining" in findings.decision(dict.fromkeys(base.STEPS, "x"), {})


def test_the_gate_is_shown_with_its_bars() -> None:
    quality = pd.DataFrame({"rule": ["a", "a", "b"], "after": [1.0, 0.75, 1.0]})
    dimensions = pd.DataFrame({"after": [0.998, 0.9]}, index=["accuracy", "usability"])
    bars = {"accuracy": 0.99, "timeliness": 0.9, "rule: a": 0.5}
    assert findings.above_bars(quality, dimensions, bars) == (
        "accuracy 0.998 (at least 0.990), usability 0.900, rule: a 0.750 (at least 0.500)"
    )
    assert findings.above_bars(quality.head(0), dimensions.head(0), {"accuracy": 0.99}) == ""


def test_rules_that_do_not_apply_are_counted_by_their_reason() -> None:
    skipped = pd.DataFrame({"rule": ["a", "b", "c"], "table": "t", "reason": ["no x", "no y", "no y and no y.z"]})
    assert findings.by_reason(skipped).to_dict("list") == {"reason": ["no y", "no x"], "rules": [2, 1]}
    assert list(findings.by_reason(skipped.head(0))) == ["reason", "rules"]


def test_columns_that_rules_add_are_not_among_the_worst() -> None:
    columns = pd.DataFrame(
        {"table": "items", "column": ["brand", "odd"], "null_share": [0.5, 1.0], "failing_share": 0.0}
    )
    figure = figures.worst_columns(columns, {"items": pd.DataFrame(columns=["item_id", "brand"])})
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["items.brand"]
    plt.close("all")


def test_drift_names_the_columns_that_cannot_be_compared() -> None:
    moved = pd.DataFrame({"table": "items", "column": ["a", "b", "c"], "psi": [0.3, None, None]})
    moved = moved.assign(jensen_shannon=[0.2, None, None], reading=["moved", "gone", "stable"])
    figure = figures.drift_by_column(moved)
    assert (
        figure.axes[0].get_title(loc="left") + figure.axes[0].get_title()
        == "Drift against the earlier run\nitems.b (gone)"
    )
    plt.close("all")


def test_a_record_is_shown_without_what_only_its_replay_needs() -> None:
    repairs = pd.DataFrame(
        {"rule": ["r"], "before": [None], "after": ['{"a":"1","b":"2"}'], "step": [3], "copy": [0.0]}
    )
    page = failing.failing_page({"repairs": repairs}, title="<i>")
    assert "step" not in page
    assert "nan" not in page
    assert "&lt;i&gt;" in page
    assert failing.failing_page({}, nothing="Nothing.") == "<p>Nothing.</p>"
