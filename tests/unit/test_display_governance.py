"""Figures of the governance notebook: what does not apply is said, and what a log lacks is not drawn."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from workbench.display import failing
from workbench.display import governance as figures


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
    assert figures.lessons("texts", balance, dimensions, pairs, omitted) == [
        "Of 1,200 texts 1,100 are clean; 100 are set aside for a reason.",
        "Quality rose most in accuracy; accuracy is lowest at 95.0% of rows that pass.",
        "Of the train pairs 10.0% are positive, 1.00% by their weights.",
        "No exposure, positions: no events.",
        "No corpus: no words.",
    ]
    nothing = pd.DataFrame()
    assert len(figures.lessons("texts", balance, nothing, nothing, {})) == 1


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
