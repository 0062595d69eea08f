"""What the report on privacy says, whichever way the results turn out."""

import pandas as pd
import pytest
from matplotlib import pyplot as plt

from workbench.display import privacy as show
from workbench.governance.privacy.releases import Budget, Query
from workbench.governance.privacy.releases.questions import Outcome, Question

BASE = "ε = ∞"
NO_ROWS = pd.DataFrame({"user_id": [], "key": []})


def rows(**differences: tuple[float, float, float]) -> pd.DataFrame:
    found = [{"subject": BASE, "value": 0.4, "low": 0.3, "high": 0.5, "n": 9, "repeats": 3, "spread": 0.01}]
    for name, (value, low, high) in differences.items():
        common = {"n": 9, "repeats": 3, "spread": 0.002}
        found.append({"subject": name, "value": 0.4 + value, "low": 0.3, "high": 0.5, **common})
        found.append({"subject": f"{name} - {BASE}", "value": value, "low": low, "high": high, **common})
    return pd.DataFrame(found)


def outcome(name: str, keys: tuple[str, ...] | None, values: list[float] | None, paid: float) -> Outcome:
    question = Question(Query(name, "count", 3, keys=keys), NO_ROWS, Budget(0.5, 0 if keys else 1e-6))
    if values is None:
        return Outcome(question, None, Budget(0), "too dear")
    made = [f"2024-01-{n + 1:02d}" for n in range(len(values))]
    return Outcome(question, pd.DataFrame({"key": made, "value": values, "expected_error": 2.0}), Budget(paid))


OUTCOMES = [
    outcome("users by day", ("a",), [5.0, -1.0, 9.0], 0.5), outcome("users by query", None, [], 0.0),
    outcome("buyers by category", ("a",), None, 0.0),
]  # fmt: skip


def test_a_flat_line_is_an_answer():
    said = " ".join(show.price_finding(rows(one=(-0.001, -0.003, 0.002)), BASE))
    assert "one: -0.0010 [-0.0030, +0.0020]" in said
    assert "Every interval includes 0" in said
    assert "the worst that an interval allows is -0.0030" in said


def test_costs_and_gains_are_named():
    said = " ".join(show.price_finding(rows(dear=(-0.01, -0.02, -0.001), good=(0.01, 0.005, 0.02)), BASE))
    assert "worse with dear" in said
    assert "better with good" in said
    assert "Every interval" not in said


def test_the_table_of_prices_has_a_row_each_and_no_difference_for_the_baseline():
    table = show.price_table(rows(one=(-0.001, -0.003, 0.002)), BASE)
    assert list(table.index) == [BASE, "one"]
    assert table.loc[BASE, f"difference from {BASE}"] == "–"
    assert table.loc["one", "spread of one release"] == "0.0020"


def test_releases_say_whether_they_were_paid_reused_or_refused():
    table = show.release_table(OUTCOMES).set_index("release")
    assert table["paid now"].tolist() == ["yes", "no, reused", "refused"]
    assert table["shown"].tolist() == ["3", "0", "–"]
    assert table.loc["users by query", "keys"] == "those of many users"


@pytest.mark.parametrize("outcomes", [OUTCOMES, OUTCOMES[1:]])
def test_figures_show_what_there_is(outcomes):
    figure = show.release_figure(outcomes)
    drawn = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in drawn] == ["users by day"] * (outcomes is OUTCOMES)
    prices = show.price_figure({"ε": (rows(one=(0, -1, 1)), BASE), "k": (rows().head(0), BASE)})
    assert len(prices.axes) == 1
    plt.close("all")


def test_what_is_left_is_computed():
    measured = pd.DataFrame({"prosecutor": [1.0, 0.2], "mean_risk": [0.5, 0.1]})
    said = " ".join(show.left_over(measured, 7, Budget(3.0, 1e-5), Budget(2.0, 1e-6), OUTCOMES))
    assert "up to 100% (mean 50%), in the one handed on with at most 20% (mean 10%); of 7 users" in said
    assert "2 of 3 releases are out" in said
    assert "e^2 = 7.4" in said
    assert "ε = 1 is left" in said
    assert show.NO_PEOPLE in " ".join(show.left_over(None, 7, Budget(3.0), Budget(0), []))


def test_the_budget_adds_up():
    table = show.budget_table(Budget(3.0, 1e-5), Budget(1.0), Budget(1.5, 1e-6))
    assert table.loc["left"].tolist() == [1.5, pytest.approx(9e-6)]
    assert table.loc["by this run", "ε"] == 0.5
