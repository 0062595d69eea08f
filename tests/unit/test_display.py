"""What the notebooks show: nothing from data becomes markup, figures hold what they should, Chinese is drawn."""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from workbench.display import cases as case_figures
from workbench.display import evaluation as figures
from workbench.display.browser import browser, household_page
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
    page = household_page(case, HOSTILE)
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 4
    assert "2017-12-01" in page
    assert "No coupon fits" in household_page(case, "v")


def test_the_browser_shows_the_household_that_is_chosen(case: Case) -> None:
    box = browser(case.chosen(2), lambda user: household_page(case, user))
    choice, page = box.children
    before = page.value
    choice.value = "v"
    assert page.value != before
    assert page.value == household_page(case, "v")


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
