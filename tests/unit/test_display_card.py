"""The model card: its sections, its numbers, its front matter, and that nothing from data does anything in it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from bs4 import BeautifulSoup
from huggingface_hub import ModelCard
from nbconvert.filters import markdown2html

from workbench.display.card import Card, body, front_matter, inert, page, settings_of
from workbench.models import comparison
from workbench.models.device import choose_device
from workbench.models.loop import TrainSettings
from workbench.models.slices import by_slice
from workbench.models.training import TrainResult

SECTIONS = [
    "What it does and is meant for", "Data", "Base model", "Training", "Metrics on test", "Calibration", "Slices",
    "Limits", "Licence",
]  # fmt: skip
HOSTILE = (
    "<img src=x onerror=alert(1)> <script>x</script> [a](javascript:x) ![i](http://e.org/i) http://e.org www.e.org "
    "a@e.org | x | `code` **bold** _em_ ~~s~~ $x$ <!-- --> &lt;b&gt; \\ \n\n# head\n- item\n\n---\nlicense: mit"
)


@pytest.fixture(scope="module")
def card() -> Card:
    rng = np.random.default_rng(0)
    rows = 900
    pairs = pd.DataFrame(
        {"user_id": np.arange(rows) // 6, "label": (rng.random(rows) < 0.3).astype(int), "weight": 2.0}
    )
    pairs["event_time"] = pd.date_range("2024-03-01", periods=rows, freq="h", tz="UTC")
    noise = {name: rng.normal(size=rows) for name in ("adapted", "tfidf")}
    scorers = {
        "adapted": lambda table: (table["label"] + noise["adapted"][table.index]).to_numpy(),
        "tfidf": lambda table: noise["tfidf"][table.index],
    }
    valid, test = pairs[:300], pairs[300:]
    calibrations, probabilities = comparison.calibrated(scorers, valid, test)
    own = probabilities["adapted"]
    halves = {"age: 18-24": np.arange(len(test)) < 300, "origin: sampled": np.arange(len(test)) < 5}
    return Card(
        source={"source": "a_shop", "licence": "CC BY 4.0", "citation": "A shop, 2024", "generated": False,
                "quasi_identifiers": ["age"], "sensitive": []},
        languages=["en", "zh", "und"], splits=comparison.describe({"valid": valid, "test": test}),
        base_model="minilm", local=True,
        pretraining=pd.DataFrame({"step": [45], "tokens": [20001]}, index=["mlm"]),
        training={"head": "grades", "learning_rate": 1e-4, "max_length": 128, "steps": 1234, "tokens": 56789,
                  "seconds": 12.3, "parts": 2, "device": "cpu", "precision": "bf16"},
        metrics=comparison.compare(test, probabilities, draws=50),
        report=comparison.classification_report(test, own, calibrations["adapted"], draws=50),
        error=comparison.calibration_report(test, own, draws=50),
        calibration=calibrations["adapted"].to_dict(),
        slices=by_slice(test, own, halves, subject="adapted", draws=50),
    )  # fmt: skip


def test_every_section_is_there_and_says_what_was_found(card):
    told = body(card)
    assert [line[3:] for line in told.splitlines() if line.startswith("## ")] == SECTIONS
    for said in (
        "Source: **a_shop**. Terms: CC BY 4.0. To be cited as: A shop, 2024.", "Languages of the texts: en, zh, und.",
        "| test | 600 | 100 |", "| 2024-03-13 | 2024-04-07 |",
        "**sentence-transformers/all-MiniLM-L6-v2**, terms: Apache-2.0",
        "mlm (45 steps, 20,001 tokens)", "1,234 steps over 56,789 tokens took 12 s on cpu in bf16",
        "| learning_rate | 0.0001 |", "Fine-tuned by the cross-entropy of passing each grade",
        "on 100 users, from 2024-03-13 to 2024-04-07", "more than 128 tokens",
    ):  # fmt: skip
        assert said in told


def test_every_number_stands_with_its_interval(card):
    told = body(card)
    for row in pd.concat(
        [card.metrics, card.report[card.report["class"] == "positive"], card.slices.dropna()]
    ).itertuples():
        interval = "(no interval)" if np.isnan(row.low) else f"[{row.low:.4g}, {row.high:.4g}]"
        assert f"{row.value:.4g} {interval}" in told
    assert "{value:.4g} [{low:.4g}, {high:.4g}] on average".format(**card.error) in told
    for name in ("a", "b", "threshold"):
        assert f"{card.calibration[name]:.4g}" in told


def test_a_share_of_none_or_of_all_has_no_interval(card):
    report = card.report.assign(value=1.0, low=np.nan, high=np.nan)
    assert "| 1 (no interval) | 1 (no interval) | 1 (no interval) |" in body(replace(card, report=report))


def test_the_settings_are_told_with_what_they_came_to():
    result = TrainResult(pd.DataFrame(), steps=7, tokens=90, best=0.1, best_step=5, seconds=2.0, parts=2)
    told = settings_of(TrainSettings(learning_rate=3e-4), result, choose_device("fp32", 1), max_length=64)
    assert (told["learning_rate"], told["max_length"], told["best_step"], told["precision"]) == (3e-4, 64, 5, "fp32")
    assert told["parts"] == 2


def test_batches_that_were_cut_are_said(card):
    assert "Batches were computed in up to 2 parts" in body(card)
    assert "Batches were" not in body(replace(card, training={**card.training, "parts": 1}))


def test_what_was_not_measured_is_said(card):
    assert "Too few users, or only one class, to be measured: origin: sampled." in body(card)
    assert "| origin: sampled |" not in body(card)
    assert "groups of people" not in body(card)
    unread = replace(card, slices=card.slices[card.slices["slice"] != "age: 18-24"])
    assert "groups of people (age) are not measured: whoever trained it may not read" in body(unread)
    without = replace(unread, source={**card.source, "quasi_identifiers": [], "citation": ""})
    assert "the source declares no traits of people" in body(without)
    assert "To be cited" not in body(without)
    assert "To be measured" not in body(replace(card, slices=card.slices.head(0)))
    assert "nobody in them is real" in body(replace(card, source={**card.source, "generated": True}))


@pytest.mark.parametrize(
    ("base_model", "local", "named", "said"),
    [
        ("minilm", True, "sentence-transformers/all-MiniLM-L6-v2", "Base model: Apache-2.0."),
        ("scratch", False, None, "It began with random weights."),
        ("tiny", False, None, "It began with random weights."),
        ("google/bert_uncased", False, "google/bert_uncased", "It began as **google/bert_uncased**"),
        ("/home/jo/models/our-bert", True, None, "It began as **our-bert**, terms: those of its publisher"),
    ],
)
def test_the_base_model_is_named_where_a_hub_knows_it(card, base_model, local, named, said):
    told = page(replace(card, base_model=base_model, local=local))
    assert yaml.safe_load(told.split("---\n")[1]).get("base_model") == named
    assert said in told
    assert "/home" not in told


def test_the_front_matter_is_what_a_hub_reads(card, tmp_path):
    file = tmp_path / "README.md"
    file.write_text(page(card), encoding="utf-8")
    data = ModelCard.load(file).data
    assert (data.license, data.language, data.library_name) == ("other", ["en", "zh"], "transformers")
    assert data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert {"e-commerce", "mlm"} <= set(data.tags)
    assert {"roc_auc", "pr_auc", "brier", "precision", "recall", "f1", "calibration_error"} == set(data.metrics)


def elements(page: BeautifulSoup) -> list[tuple[str, dict]]:
    return [(each.name, each.attrs) for each in page.find_all(True)]


def test_hostile_values_do_nothing(card):
    tame = BeautifulSoup(markdown2html(body(card)), "html.parser")
    slices = card.slices.assign(slice=HOSTILE + ": " + card.slices["slice"])
    source = {**card.source, "source": HOSTILE, "licence": HOSTILE, "citation": HOSTILE, "quasi_identifiers": [HOSTILE]}
    wild = replace(card, source=source, languages=[HOSTILE], slices=slices, base_model=HOSTILE, local=False)
    shown = BeautifulSoup(markdown2html(body(wild)), "html.parser")
    assert elements(shown) == elements(tame)
    assert shown.get_text().count(" ".join(HOSTILE.split())) >= 6  # to be read as it is
    data = yaml.safe_load(front_matter(wild))
    assert data["license"] == "other"
    assert (data["language"], data["base_model"]) == ([HOSTILE], HOSTILE)


def test_plain_values_stay_readable():
    plain = "complete_journey 1.5 (CC BY 4.0, osf.io/64jsb): 红鞋; R-package"
    assert inert(plain) == plain
