"""Labelled texts as people write them to a shop: search queries, reviews and customer service, in English and Chinese.

Personal data of ten kinds, each span exactly the value, and among it what only resembles it: order numbers, versions,
codes with a wrong check digit, brands that are a person's name. Templates and lists stand in `pii_words/`, in two
halves and later sets that share neither: recognisers may be looked at on the visible half and are judged on
what nobody has looked at yet. That was the held-out half, then each later set.
`python -m tests.benchmarks.pii_texts --language en --half visible --show 30` prints examples.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random

from .pii_lists import HALVES, LANGUAGES, Half, Language, templates
from .pii_rewriting import Piece, rewritten
from .pii_values import Values
from .pii_values_en import English
from .pii_values_zh import Chinese

KINDS = ("EMAIL", "PHONE", "CARD", "IBAN", "IP", "URL", "ID", "PLATE", "ADDRESS", "NAME")
EACH, CLEAN = 3, 20  # of 50 texts: so many led by each kind, so many without personal data
GREETED = ("Dear", "Hello", "Agent", "Customer", "Customs", "客服", "买家", "海关", "尊敬")
VALUES: dict[Language, type[Values]] = {"en": English, "zh": Chinese}


@dataclass(frozen=True)
class Span:
    """From `start` up to `end`, in characters."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Labelled:
    """A text, what is personal in it by place, and the template that it was made from."""

    text: str
    spans: tuple[Span, ...]
    template: str


def generate(language: Language, count: int, seed: int, half: Half) -> list[Labelled]:
    """So many texts, the same for the same arguments; three in five with personal data, hardly any twice."""
    rng = Random(f"{language} {half} {seed}")
    values, led = VALUES[language](rng, language, half), _by_kind(language, half)
    seen: set[str] = set()
    made: list[Labelled] = []
    for kind in _kinds(rng, count):
        for _ in range(20):
            section, template = rng.choice(led[kind])
            text = _text(rng, values, section.split()[0], template)
            if text.text not in seen:
                break
        seen.add(text.text)
        made.append(text)
    return made


def shown(labelled: Labelled) -> str:
    """The text with its spans marked."""
    text = labelled.text
    for span in reversed(labelled.spans):
        text = f"{text[: span.start]}⟦{span.kind} {text[span.start : span.end]}⟧{text[span.end :]}"
    return text


def _kinds(rng: Random, count: int) -> Iterator[str]:
    """The kind that leads each text, none for two in five: in every 50 texts the same number of each."""
    for _ in range(0, count, 50):
        block = [*KINDS] * EACH + [""] * CLEAN
        rng.shuffle(block)
        yield from block[: count - _]


@cache
def _by_kind(language: Language, half: Half) -> dict[str, list[tuple[str, str]]]:
    """Section and template of those that hold a kind; under no kind, those that hold none."""
    pairs = [(section, template) for section, lines in templates(language, half).items() for template in lines]
    held = {kind: [pair for pair in pairs if re.search(rf"\{{{kind}\b", pair[1])] for kind in KINDS}
    return held | {"": [pair for pair in pairs if pair[0].endswith("none")]}


def _text(rng: Random, values: Values, genre: str, template: str) -> Labelled:
    """One text: the template within what people write around it, its slots filled, then spoilt as people do."""
    whole = _framed(rng, values, genre, template.replace("¶", "\n"))
    pieces = [
        Piece(values.draw(part[1:-1], lines=genre == "service"), part[1:-1].partition(".")[0])
        if part.startswith("{")
        else Piece(part, "")
        for part in re.split(r"(\{[A-Za-z_.]+\})", whole)
        if part
    ]
    text, spans = "", []
    for piece in rewritten(rng, values.language, genre, pieces):
        if piece.slot.isupper():
            spans.append(Span(len(text), len(text) + len(piece.text), piece.slot))
        text += piece.text
    return Labelled(text, tuple(spans), template)


def _framed(rng: Random, values: Values, genre: str, template: str) -> str:
    """A template with a greeting, a remark or thanks, now and then; none where a value would touch the next."""
    gap = " " if values.language == "en" else ""
    if genre == "query":
        extra = values.listed("query_rider") if rng.random() < 0.25 else ""
        if extra and not template.endswith("}"):
            return f"{template} {extra}"
        return f"{extra} {template}" if extra and not template.startswith("{") else template
    talk = "\n" in template
    if not talk and rng.random() < 0.35:
        rider, stop = values.listed("rider"), "." if values.language == "en" else "。"
        if template.endswith("}"):  # a signature, or a value that ends the text
            template = f"{rider}{gap if rider[-1] in '.。' else stop + gap}{template}"
        else:
            ended = template if template[-1] in ".!?。！？" else template + stop
            template = f"{ended}{gap}{rider}"
    if not talk and genre == "service" and not template.startswith(GREETED) and rng.random() < 0.3:
        template = f"{values.listed('opener')}{gap}{template}"
    if not talk and genre == "service" and rng.random() < 0.25:
        stop = "" if template[-1] in ".!?。！？" else "." if values.language == "en" else "，"
        template = f"{template}{stop}{gap}{values.listed('closer')}"
    return template


def main() -> None:
    """Print examples."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--language", choices=LANGUAGES, default="en")
    parser.add_argument("--half", choices=HALVES, default="visible")
    parser.add_argument("--show", type=int, default=30, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for labelled in generate(given.language, given.show, given.seed, given.half):
        print(shown(labelled), end="\n--\n")


if __name__ == "__main__":
    main()
