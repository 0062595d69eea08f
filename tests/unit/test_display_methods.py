"""The study of methods says what its numbers say, and its figures show every subject."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from workbench.display import methods as show
from workbench.models.chooser import Choice

COSTS = pd.DataFrame(
    {
        "trained": [100, 1, 10], "share": [1.0, 0.001, 0.01], "step": [0.3, 0.1, 0.2], "step_times": [1.0, 0.3, 0.7],
        "megabytes": [90.0, 0.1, 0.9], "held_megabytes": [900.0, 100.0, 500.0],
    },
    index=pd.Index(["full", "head", "lora"], name="method"),
)  # fmt: skip
TRIALS = pd.DataFrame({
    "trial": range(4), "learning_rate": [1e-3, 2e-3, 4e-3, 5e-3], "rank": [4, 8, 4, 16],
    "value": [0.1, 0.2, 0.3, np.nan], "cut short": [False, False, False, True],
})  # fmt: skip


def judged(*rows: tuple[str, float, float, float], users: int = 150) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["subject", "value", "low", "high"])
    return table.assign(metric="pr_auc", n=users)


def at_equal_tokens(users: int = 150) -> dict[str, pd.DataFrame]:
    table = judged(
        ("full", 0.30, 0.2, 0.4), ("head", 0.10, 0.05, 0.2), ("lora", 0.31, 0.2, 0.4),
        ("full - head", 0.20, 0.1, 0.3), ("full - lora", -0.01, -0.1, 0.1), users=users,
    )  # fmt: skip
    return {"equal tokens": table}


PRIVATE = judged(
    ("without noise", 0.20, 0.1, 0.3), ("ε = 1", 0.15, 0.1, 0.2), ("ε = 8", 0.19, 0.1, 0.3),
    ("without noise - ε = 1", 0.05, 0.02, 0.08), ("without noise - ε = 8", 0.01, -0.02, 0.03),
)  # fmt: skip


@pytest.fixture
def choice() -> Choice:
    table = pd.DataFrame(
        {"megabytes": [0.1, 90.0, 8.0, 400.0], "milliseconds": [3.0, 20.0, 5.0, 90.0], "out": ["", "", "", "too large"],
         "seconds": [1.0, 2.0, 3.0, 0.0], "loss_100": [0.2, 0.3, 0.4, np.nan], "loss_200": [0.1, 0.2, np.nan, np.nan]},
        index=pd.Index(["tfidf", "minilm", "tiny", "large"], name="candidate"),
    )  # fmt: skip
    return Choice("tfidf", table)


@pytest.fixture
def told(choice: Choice) -> Any:
    def told(users: int = 150, seeds: int = 1, private: pd.DataFrame = PRIVATE) -> str:
        mattered = pd.Series({"learning_rate": 0.8, "rank": 0.2})
        return show.learned(choice, at_equal_tokens(users), COSTS, 0.001, seeds, TRIALS, mattered, private)

    return told


def test_every_question_is_answered(told: Any) -> None:
    words = told()
    assert "Base model: **tfidf** recommended (log-loss 0.1000 on valid, 3.0 ms a request, 0.1 MB)." in words
    assert "lower than **full**: head; no difference shown from **full**: lora." in words
    assert "The highest is 0.3100 [0.2000, 0.4000] (lora)." in words
    assert "Guessing reaches a PR-AUC of 0.0010." in words
    assert "3 completed trials" in words
    assert "`learning_rate` (80%), `rank` (20%): too few to rely on" in words
    assert "At ε = 1, PR-AUC differs by -0.05000 [-0.08000, -0.02000] from the training without noise." in words
    assert "At ε = 8, PR-AUC differs by -0.01000 [-0.03000, +0.02000] from" in words


def test_a_handful_of_users_gives_no_verdict(told: Any) -> None:
    words = told(users=29)
    assert "29 users are too few for a verdict." in words
    assert "lower than" not in words
    assert "lower than" in told(users=30)


def test_what_the_intervals_cover_is_said(told: Any) -> None:
    assert "One training each: intervals are over users alone" in told()
    assert "Intervals are over users and 3 seeds of each training." in told(seeds=3)


def test_nothing_private_says_nothing_of_it(told: Any) -> None:
    assert "ε" not in told(private=PRIVATE[:0])


def test_figures_show_every_subject(choice: Choice) -> None:
    figures = [
        show.choice_figure(choice), show.cost_figure(COSTS), show.quality_figure(at_equal_tokens(), 0.001),
        show.weights_figure(at_equal_tokens(), COSTS), show.trials_figure(TRIALS),
        show.importance_figure(pd.Series({"learning_rate": 0.8, "rank": 0.2}), TRIALS), show.private_figure(PRIVATE),
    ]  # fmt: skip
    assert not plt.get_fignums(), "a figure is left to pyplot, which would show it twice"
    models, costs, quality, weights, trials, importance, private = figures
    assert [line.get_label() for line in models.axes[0].lines] == ["tfidf", "minilm", "tiny"]
    hollow = {text.get_text(): line.get_markerfacecolor() for text, line in
              zip(models.axes[1].texts, models.axes[1].lines, strict=True)}  # fmt: skip
    assert hollow["tiny"] == "white", "tiny was out before the last round"
    assert "white" not in (hollow["tfidf"], hollow["minilm"])
    assert len(costs.axes) == 3
    assert [label.get_text() for label in quality.axes[0].get_yticklabels()] == list(COSTS.index)
    assert {text.get_text() for text in weights.axes[0].texts} == set(COSTS.index)
    assert trials.axes[0].get_xscale() == "log"
    assert importance.axes[0].get_title(loc="left") == "What mattered in 3 completed trials"
    assert [label.get_text() for label in private.axes[1].get_xticklabels()] == ["1", "8"]
    assert private.axes[1].lines[-1].get_ydata().tolist() == [-0.05, -0.01]


def test_a_search_over_one_parameter_has_a_figure() -> None:
    figure = show.trials_figure(TRIALS[["trial", "rank", "value", "cut short"]])
    assert figure.axes[0].get_xlabel() == "rank"


def test_tables_are_told_in_words(choice: Choice) -> None:
    told = show.choice_table(choice).to_html()
    assert "Recommended within these limits: tfidf" in told
    assert "log-loss after 200 tokens" in told
    summary = pd.DataFrame(
        {"rate": [1e-4, 2e-3], "loss": [0.1, 0.2], "spread": [np.nan, np.nan], "tokens": [1000.0, 2000.0],
         "seconds": [1.0, 2.0], "diverged": ["", "0.5, 1"], "apart": [np.nan, 1e-6]},
        index=pd.MultiIndex.from_tuples([("equal tokens", "full"), ("equal tokens", "lora")]),
    )  # fmt: skip
    assert "rates too high" in show.trained_table(summary).to_html()
    assert "1.0e-06" in show.merged_table(summary).to_html()
    assert "MB held in training" in show.cost_table(COSTS).to_html()
    swept = pd.DataFrame(
        {"ε spent": [7.98], "δ": [1e-5], "clipped at": [1.0], "noise": [3.0], "pairs": [9], "steps": [2]}
    )
    assert "1e-05" in show.private_table(swept).to_html()
