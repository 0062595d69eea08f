"""The templates and values of the labelled texts, read from `pii_words/` and split in two halves without overlap.

The rule, which knows nothing of any recogniser: within each section of a file, even places are visible and odd ones
held out. A line in brackets begins a section; templates stand one a line, values are parted by semicolons or lines.
"""

import re
from functools import cache
from pathlib import Path
from typing import Literal

Language = Literal["en", "zh"]
Half = Literal["visible", "held-out"]
FOLDER = Path(__file__).parent / "pii_words"
LANGUAGES: tuple[Language, ...] = ("en", "zh")
HALVES: tuple[Half, ...] = ("visible", "held-out")


@cache
def words(language: Language, half: Half) -> dict[str, list[str]]:
    """Values by the name of their section."""
    sections = _sections(FOLDER / f"words_{language}.txt")
    listed = {name: [value.strip() for value in re.split("[;\n]", body)] for name, body in sections.items()}
    return {name: _half([value for value in values if value], half) for name, values in listed.items()}


@cache
def templates(language: Language, half: Half) -> dict[str, list[str]]:
    """Templates by the name of their section: genre, then `pii` or `none`."""
    sections = _sections(FOLDER / f"templates_{language}.txt")
    return {name: _half(body.strip().split("\n"), half) for name, body in sections.items()}


def _sections(path: Path) -> dict[str, str]:
    _, *parts = re.split(r"^\[(.+)\]$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _half(values: list[str], half: Half) -> list[str]:
    return values[HALVES.index(half) :: 2]
