"""What the notebooks show: nothing from data becomes markup, figures hold what they should, Chinese is drawn."""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from workbench.display import cases as case_figures
from workbench.display import evaluation as figures
from workbench.display import governance as quality_figures
from workbench.display.browser import browser, user_page
from workbench.display.failing import failing_browser, failing_page
from workbench.display.style import apply_style
from workbench.evaluation.cases import Case

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def case() -> Case:
    purchases = pd.DataFrame({"user_id": [HOSTILE, "v"], "item_id": "i", "order_id": ["1", "2"], "week": [1, 2]})
    lists = pd.DataFrame(
        {
            "user_id": [HOSTILE, "v"],
            "item_id": "i",
            "rank": 1,
            "repeat": [True, False],
            "bought": [1, 0],
            "reason": HOSTILE,
        }
    )
    offers = pd.DataFrame(
        {
            "user_id": [HOSTILE],
            "item_id": ["i"],
            "rank": [1],
            "offer_id": [HOSTILE],
            "valid_to": pd.to_datetime(["2017-12-01"]),
        }
    )
    return Case(purchases, lists, offers, pd.Series({"i": HOSTILE}))


def test_a_page_escapes_everything_that_comes_from_data(case: Case) -> None:
    page = user_page(case, HOSTILE)
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 4
    assert "2017-12-01" in page
    assert "No coupon fits" in user_page(case, "v")


def test_the_browser_shows_the_household_that_is_chosen(case: Case) -> None:
    box = browser(case.chosen(2), lambda user: user_page(case, user))
    choice, page = box.children
    before = page.value
    choice.value = "v"
    assert page.value != before
    assert page.value == user_page(case, "v")


def failing(rule: str) -> dict[str, pd.DataFrame]:
    rows = pd.DataFrame({"item_id": [HOSTILE] * 60, HOSTILE: [rule] * 60, "text": ["x" * 10**6] * 60})
    return {"failing": rows, "repairs": rows.head(2), "quarantine": rows.head(0)}


def test_failing_rows_are_escaped_and_cut() -> None:
    page = failing_page(failing(HOSTILE))
    assert "<img" not in page
    assert page.count("<tr>") == 51 + 3
    assert "(1,000,000 characters)" in page
    assert len(page) < 100_000
    assert "No row fails" in failing_page({})


def test_the_browser_shows_the_rows_of_the_rule_that_is_chosen() -> None:
    box = failing_browser(["first", HOSTILE], failing)
    choice, page = box.children
    assert page.value == failing_page(failing("first"))
    choice.value = HOSTILE
    assert page.value == failing_page(failing(HOSTILE))
    assert "<img" not in page.value
    assert "No rule" in failing_browser([], failing).value


def test_figures_of_quality_show_what_fails_most() -> None:
    apply_style()
    days = pd.DataFrame({"day": pd.to_datetime(["2024-01-01", "2024-01-02", None] * 2), "rows": 10, "failing": 0})
    days["rule"] = ["坏数据"] * 3 + ["never"] * 3
    days.loc[0, "failing"] = 5
    lines = quality_figures.quality_by_day(days).axes[0].lines
    assert [(line.get_label(), list(line.get_ydata())) for line in lines] == [("坏数据", [0.5, 0.0])]
    columns = pd.DataFrame({"table": "items", "column": ["a", "b"], "null_share": [0.5, 0], "failing_share": [0.1, 0]})
    assert [t.get_text() for t in quality_figures.worst_columns(columns).axes[0].get_yticklabels()] == ["items.a"]
    drift = pd.DataFrame({"table": "items", "column": ["a", "b"], "psi": [0.3, None], "jensen_shannon": [0.2, None]})
    figure = quality_figures.drift_by_column(drift.assign(reading=["large", "absent"]))
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.300, JS 0.20"]
    for empty in (
        quality_figures.quality_by_day(days.head(0)),
        quality_figures.drift_by_column(drift.tail(1).assign(reading="absent")),
    ):
        empty.canvas.draw()
    assert quality_figures.worst_columns(columns.tail(1)) is None
    plt.close("all")


def results() -> pd.DataFrame:
    subjects = [
        "fusion",
        "frequency",
        "fusion - frequency",
        "fusion - recency",
        "fusion - fusion_without_text",
        "fusion - popularity",
    ]
    rows = [
        {"subject": s, "metric": "ndcg", "k": 10, "slice": part, "value": 0.03, "low": 0.01, "high": 0.05, "n": 9}
        for s in subjects
        for part in ("all", "novel products")
    ]
    return pd.DataFrame(rows)


def test_the_finding_says_what_the_numbers_say() -> None:
    rows = results()
    text = figures.finding(rows, target=0.02, ceiling=0.5)
    assert "excludes 0, and the gain reaches the target" in text
    assert "earns its cost" in text
    rows[["value", "low"]] = [0.01, -0.01]
    text = figures.finding(rows, target=0.02, ceiling=0.5)
    assert "includes 0" in text
    assert "misses the target" in text
    assert "not shown to earn its cost" in text


def test_figures_show_every_subject() -> None:
    apply_style()
    rows = results()
    assert len(figures.ranker_figure(rows).axes[0].patches) == 2
    assert len(figures.gain_figure(rows, target=0.02).axes[0].get_yticklabels()) == 4
    breadth = pd.DataFrame({"coverage": [0.1, 0.2], "diversity": [0.9, 0.8]}, index=["fusion", "popularity"])
    assert len(case_figures.breadth_figure(breadth).axes[0].texts) == 2
    plt.close("all")


def test_chinese_is_drawn() -> None:
    apply_style()
    figure, axes = plt.subplots()
    axes.set_title("红鞋")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        figure.canvas.draw()
    plt.close(figure)
    assert not [str(warning.message) for warning in told if "Glyph" in str(warning.message)]


def test_signs_that_a_browser_hides_are_shown() -> None:
    page = failing_page({"repairs": pd.DataFrame({"before": [" a  b\u200b\n"], "after": ["a b"]})})
    assert "␣a␣␣b⟨U+200B⟩⟨U+000A⟩<" in page
    assert ">a b<" in page
