"""A model card: what a model is for, what it learned from and how, how well it does and for whom, what nobody measured.

Markdown with YAML front matter, as Hugging Face reads it from a model's README.md.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from workbench.display.training import in_parts
from workbench.models.device import Device
from workbench.models.loop import TrainSettings
from workbench.models.training import TrainResult

BASES = {"minilm": ("sentence-transformers/all-MiniLM-L6-v2", "Apache-2.0")}  # name on the hub, terms
RANDOM = ("tiny", "scratch")  # base models that begin with random weights
LOSSES = {
    "binary": "binary cross-entropy", "grades": "the cross-entropy of passing each grade", "number": "squared error"
}  # fmt: skip
UNKNOWN = "und"  # a language that was not determined
# what may mean something in Markdown or HTML; a _ within a word does not, nor does a : that begins no address
ACTIVE = re.compile(r"[^\w .,:;()/+=-]|(?<![^\W_])_|_(?![^\W_])|:(?=/)|(?<=[wW]{3})\.")
USE = """```python
from workbench.models.device import choose_device
from workbench.models.text import load_scorer

score = load_scorer("model", choose_device())
logits = score(["context"], ["candidate"])  # probability = 1 / (1 + exp(-(a * logit + b))), a and b below
```"""


@dataclass(frozen=True)
class Card:
    """What the stages found, as far as a card tells it.

    Args:
        source: as governance hands it on: source, licence, citation, generated, quasi_identifiers, sensitive.
        languages: of the shop's texts.
        splits: a row a split, as `models.comparison.describe` gives it.
        base_model: its parameter.
        local: whether it is a folder, and no name on a hub.
        pretraining: steps and tokens, a row an objective; empty where there was none.
        training: setting → value, as `settings_of` gives them, `max_length` and `head` among them.
        metrics: rows of `models.comparison.compare`, the model's own first.
        report: rows of `models.comparison.classification_report`.
        error: of `models.comparison.calibration_report`.
        calibration: a, b, threshold.
        slices: rows of `models.slices.by_slice`; without a value where a slice could not be measured.

    """

    source: Mapping[str, Any]
    languages: Sequence[str]
    splits: pd.DataFrame
    base_model: str
    local: bool
    pretraining: pd.DataFrame
    training: Mapping[str, Any]
    metrics: pd.DataFrame
    report: pd.DataFrame
    error: Mapping[str, float]
    calibration: Mapping[str, float]
    slices: pd.DataFrame


def settings_of(settings: TrainSettings, result: TrainResult, device: Device, **more: Any) -> dict[str, Any]:
    """How a model was trained, as a card tells it: the settings, `more` of them, what they came to, and on what."""
    found = {name: getattr(result, name) for name in ("steps", "best_step", "tokens", "seconds", "parts")}
    where = {"device": device.device.type, "precision": device.precision}
    return {**asdict(settings), **more, **found, **where}


def page(card: Card) -> str:
    """The whole file: front matter and body."""
    return f"---\n{front_matter(card)}---\n\n{body(card)}"


def front_matter(card: Card) -> str:
    """What a hub reads, as YAML."""
    known: dict[str, Any] = {
        "license": "other",
        "license_name": "terms of the data and of the base model, see below",
        "language": [language for language in card.languages if language != UNKNOWN],
        "base_model": _base_model(card)[1],
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["e-commerce", "search", "recommendation", "text-pairs", *card.pretraining.index],
        "metrics": [*card.metrics["metric"].unique(), *card.report["metric"].unique(), "calibration_error"],
    }
    known = {name: value for name, value in known.items() if value}
    return str(yaml.safe_dump(known, sort_keys=False, allow_unicode=True))


def body(card: Card) -> str:
    """The card without its front matter: every value that comes from data is inert in it."""
    sections = {
        "What it does and is meant for": [_purpose(), USE],
        "Data": _data(card),
        "Base model": [_base(card)],
        "Training": _training(card),
        "Metrics on test": _metrics(card),
        "Calibration": [_calibration(card)],
        "Slices": _slices(card),
        "Limits": ["\n".join(f"- {limit}" for limit in _limits(card))],
        "Licence": [_licence(card)],
    }
    parts = [part for name, paragraphs in sections.items() for part in (f"## {name}", *paragraphs)]
    return "\n\n".join(["# A classifier of pairs: does this candidate fit this context?", *parts]) + "\n"


def inert(value: object) -> str:
    """A value as text on one line that Markdown and HTML show as it is: no tag, link, emphasis or cell of a table."""
    return ACTIVE.sub(lambda found: "".join(f"&#{ord(sign)};" for sign in found[0]), " ".join(str(value).split()))


def _purpose() -> str:
    return (
        "It reads a context in words (what somebody bought lately, a query, a question) and a candidate in words (a "
        "product, a class), and gives the probability that the candidate is the right one: f(x, y) = σ(w·h(x, y) + b), "
        "h the mean over the candidate's tokens. It is meant to order candidates within the shop that its pairs come "
        "from, beside other features. It is not meant for decisions about a person, or for another shop unmeasured."
    )


def _data(card: Card) -> list[str]:
    source = card.source
    told = f"Source: **{inert(source['source'])}**. Terms: {inert(source['licence'])}."
    if source["citation"]:
        told += f" To be cited as: {inert(source['citation'])}."
    if source["generated"]:
        told += " The data are generated: nobody in them is real."
    languages = ", ".join(inert(language) for language in card.languages)
    splits = [
        ("split", *map(str, card.splits)),
        *(tuple(map(_shown, row)) for row in card.splits.itertuples(name=None)),
    ]
    return [told, f"Languages of the texts: {languages}.", _table(splits)]


def _base(card: Card) -> str:
    name, _, terms = _base_model(card)
    told = f"It began as **{inert(name)}**, terms: {terms}." if terms else f"It began with {name}."
    steps = [
        f"{inert(objective)} ({row['step']:,.0f} steps, {row['tokens']:,.0f} tokens)"
        for objective, row in card.pretraining.iterrows()
    ]
    return f"{told} Pretrained further on the shop's own texts: {', '.join(steps)}." if steps else told


def _base_model(card: Card) -> tuple[str, str, str]:
    """What the base model is called, its name on a hub if it has one, and its terms; none for random weights."""
    if card.base_model in RANDOM:
        return "random weights", "", ""
    if card.base_model in BASES:
        name, terms = BASES[card.base_model]
        return name, name, terms
    name = Path(card.base_model).name if card.local else card.base_model  # where it lies is nobody's business
    return name, "" if card.local else name, "those of its publisher"


def _training(card: Card) -> list[str]:
    how = card.training
    told = (
        f"{how['steps']:,} steps over {how['tokens']:,} tokens took {how['seconds']:,.0f} s on {inert(how['device'])} "
        f"in {inert(how['precision'])}. Fine-tuned by {LOSSES[how['head']]} with AdamW, linear warm-up and decay; the "
        "weights are those of the best evaluation on valid."
    )
    told = f"{told} {in_parts(how['parts'])}".rstrip()
    return [told, _table([("setting", "value"), *((name, _shown(value)) for name, value in how.items())])]


def _metrics(card: Card) -> list[str]:
    first, n = card.metrics["subject"].iloc[0], card.metrics["n"].iloc[0]
    told = (
        f"At the natural rate, on the pairs of {n:,} test users, with 95 % bootstrap intervals over users. The model "
        f"is *{inert(first)}*; the others are its rivals on the same pairs, and *a - b* is a paired difference. "
        "*constant* says the natural rate of every pair, and the Brier skill is the share of its Brier score that a "
        "model saves. Precision, recall and F1 are those of the positive class at the threshold below; a share of none "
        "or of all has no interval."
    )
    own = card.report[card.report["class"] == "positive"].assign(subject=first)
    return [told, _by_metric(pd.concat([card.metrics, own]), "subject")]


def _calibration(card: Card) -> str:
    a, b, threshold = (_shown(card.calibration[name]) for name in ("a", "b", "threshold"))
    off = _with_interval(*(card.error[name] for name in ("value", "low", "high")))
    return (
        f"Platt's, fitted on valid: a = {a}, b = {b}. A pair counts as positive from a probability of {threshold} on, "
        f"which has the largest F1 on valid. On test the probabilities are off by {off} on average "
        "(expected calibration error)."
    )


def _slices(card: Card) -> list[str]:
    measured = card.slices.dropna(subset="value")
    told = (
        "How it does on parts of the test pairs, with intervals as above. The calibration gap is the predicted minus "
        "the observed rate: above 0 it promises too much."
    )
    return [told, _by_metric(measured.rename(columns={"n": "users"}), "slice", "users")]


def _limits(card: Card) -> Iterable[str]:
    test: Any = card.splits.loc["test"]
    when = f", from {test['first day']} to {test['last day']}" if pd.notna(test.get("first day")) else ""
    yield (
        f"Measured on one source ({inert(card.source['source'])}), on {int(test['users']):,} users{when}: not on other "
        "shops, not on later times, not on languages that are not named above."
    )
    if unmeasured := list(dict.fromkeys(card.slices.loc[card.slices["value"].isna(), "slice"])):
        yield f"Too few users, or only one class, to be measured: {', '.join(map(inert, unmeasured))}."
    traits = [*dict.fromkeys([*card.source["quasi_identifiers"], *card.source["sensitive"]])]
    if not traits:
        yield "Differences between groups of people are not measured: the source declares no traits of people."
    elif not card.slices["slice"].str.startswith(tuple(f"{trait}: " for trait in traits)).any():
        yield (
            f"Differences between groups of people ({', '.join(map(inert, traits))}) are not measured: whoever trained "
            "it may not read these traits, or they are not known of the test users."
        )
    yield "What it was never shown is unknown, not wrong: pairs say what was chosen among what could be seen."
    yield "Whole ranked lists, misspelt texts, other domains, speed and drift are not measured here."
    yield f"A text of more than {card.training['max_length']} tokens loses the end of its context."


def _licence(card: Card) -> str:
    terms = _base_model(card)[2]
    base = f" Base model: {terms}." if terms else ""
    return (
        f"What may be done with the model depends on what it was made of. Data: {inert(card.source['licence'])}.{base}"
    )


def _by_metric(rows: pd.DataFrame, *index: str) -> str:
    """Tidy rows as a table: a row for each value of `index`, a column a metric: value and interval."""
    metrics = list(rows["metric"].unique())
    lines = []
    for key, of in rows.groupby(list(index), sort=False):
        known = {row.metric: _with_interval(row.value, row.low, row.high) for row in of.itertuples()}
        lines.append((*map(_shown, key), *(known.get(metric, "–") for metric in metrics)))
    return _table([(*index, *metrics), *lines])


def _with_interval(value: Any, low: Any, high: Any) -> str:
    return f"{_shown(value)} " + ("(no interval)" if pd.isna(low) else f"[{_shown(low)}, {_shown(high)}]")


def _table(rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown of cells that are inert, the first row its head."""
    head, *lines = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *lines])


def _shown(value: object) -> str:
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:.4g}"
    return inert(value)
