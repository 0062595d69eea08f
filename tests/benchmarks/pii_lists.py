"""The templates and values of the labelled texts, read from `pii_words/`: two halves and later sets.

The rule of the halves, which knows nothing of any recogniser: within each section of a file, even places are visible
and odd ones held out. The later sets, each written by an author of its own when those before had been looked at, have
files of their own and are used whole; they share no templates, streets, brands or wares. A line in brackets begins a
section; templates stand one a line, values are parted by semicolons or lines.
"""

import re
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["en", "zh"]
Half = Literal["visible", "held-out", "fresh", "closing", "last", "final", "sixth", "seventh", "eighth"]
FOLDER = Path(__file__).parent / "pii_words"
LATER: tuple[Half, ...] = ("fresh", "closing", "last", "final", "sixth", "seventh", "eighth")
LANGUAGES: tuple[Language, ...] = ("en", "zh")
HALVES: tuple[Half, ...] = ("visible", "held-out", *LATER)


@cache
def words(language: Language, half: Half) -> dict[str, list[str]]:
    """Values by the name of their section."""
    sections = _sections("words", language, half)
    listed = {name: [value.strip() for value in re.split("[;\n]", body)] for name, body in sections.items()}
    return {name: _half([value for value in values if value], half) for name, values in listed.items()}


@cache
def templates(language: Language, half: Half) -> dict[str, list[str]]:
    """Templates by the name of their section: genre, then `pii` or `none`."""
    sections = _sections("templates", language, half)
    return {name: _half(body.strip().split("\n"), half) for name, body in sections.items()}


def _sections(stem: str, language: Language, half: Half) -> dict[str, str]:
    whose = f"{half}_" if half in LATER else ""
    text = (FOLDER / f"{whose}{stem}_{language}.txt").read_text(encoding="utf-8")
    _, *parts = re.split(r"^\[(.+)\]$", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _half(values: list[str], half: Half) -> list[str]:
    return values if half in LATER else values[HALVES.index(half) :: 2]
