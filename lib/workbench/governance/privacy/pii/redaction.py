"""Finding personal data in many texts, and putting placeholders in its place.

Most texts of a shop hold none. One pass of RE2 over the whole column picks those that could; only these are looked at.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.governance.privacy.pii.beside import NamesBeside
from workbench.governance.privacy.pii.chinese_addresses import ChineseAddresses
from workbench.governance.privacy.pii.chinese_names import ChineseNames
from workbench.governance.privacy.pii.codes import CODES
from workbench.governance.privacy.pii.english_addresses import EnglishAddresses
from workbench.governance.privacy.pii.english_given import GivenEnglishNames
from workbench.governance.privacy.pii.english_known import KnownEnglishNames
from workbench.governance.privacy.pii.english_names import EnglishNames
from workbench.governance.privacy.pii.phones import PHONES
from workbench.governance.privacy.pii.plates import PLATES
from workbench.governance.privacy.pii.spans import Recogniser, Span, folded, resolved

RECOGNISERS: tuple[Recogniser, ...] = (
    *CODES, *PHONES, *PLATES, EnglishNames(), KnownEnglishNames(), GivenEnglishNames(),
    ChineseNames(), EnglishAddresses(), ChineseAddresses(), NamesBeside(),
)  # fmt: skip
STRANGE = r"[ıİſK]|[^\P{Nd}0-9]|[^\P{Z} ]|[\x{1C}-\x{1F}\x{85}\x{FF01}-\x{FF5E}]"
"""Characters that get folded, or that Python's patterns take for ASCII letters, digits or blanks and RE2's do not."""
NUMBERS = {"PHONE", "CARD", "IBAN", "CN_ID", "PLATE"}
MACHINES = {"IP", "URL_CREDENTIALS"}
PLACEHOLDER = re.compile(r"\[([A-Z_]+)_(\d+)\]")


class PiiError(ValueError):
    """The texts cannot be searched as asked."""


@dataclass(frozen=True)
class Redacted:
    """Texts without personal data.

    Args:
        texts: as given, with placeholders; null stays null.
        found: what was replaced: row (place in `texts`), kind, start, end (in the text as given). Never the value.

    """

    texts: list[str | None]
    found: pd.DataFrame


def find(text: str, language: str = "", recognisers: Sequence[Recogniser] = RECOGNISERS) -> list[Span]:
    """Personal data in a text.

    Args:
        text: any length.
        language: "en" or "zh"; empty for texts of either. Mail addresses, cards and the like are found in all.
        recognisers: those of this package, or others of the same interface too.

    Returns:
        Spans in order that do not overlap.

    Raises:
        PiiError: no recogniser reads the language.

    """
    asked = _of(language, tuple(recognisers))
    return _found(folded(text), asked, asked)


def _found(plain: str, asked: Sequence[Recogniser], all_: Sequence[Recogniser]) -> list[Span]:
    """What is found in a folded text by those asked, and by all where placeholders then stand; old ones stay."""
    placed = [match.span() for match in PLACEHOLDER.finditer(plain)] if "[" in plain else []
    kept: list[Span] = []
    while new := resolved(
        span
        for each in asked
        for span in each.find(plain)
        if not any(start < span.end and span.start < end for start, end in placed)
    ):
        kept, asked = kept + new, all_
        for span in new:  # what gave way to a span may leave another beside it, once a placeholder stands there
            placed.append((span.start, span.end))
            plain = plain[: span.start] + _blank(span) + plain[span.end :]
    return sorted(kept)


def _blank(span: Span) -> str:
    """As long as the span; what reaches or belongs to a person looks other than a machine's address."""
    sign = "=" if span.kind in MACHINES else "_"
    return f"[{sign * (span.end - span.start)}"[: span.end - span.start - 1] + "]"


def suspects(
    texts: Sequence[str | None], language: str = "", recognisers: Sequence[Recogniser] = RECOGNISERS
) -> list[int]:
    """Places of the texts that could hold personal data; all others hold none."""
    return list(_suspected(texts, language, recognisers))


def _suspected(
    texts: Sequence[str | None], language: str, recognisers: Sequence[Recogniser]
) -> dict[int, tuple[str, list[Recogniser]]]:
    """The suspects by place: the folded text, and the recognisers that could find something in it."""
    column = pa.array(texts, pa.string(), from_pandas=True)
    asked = _of(language, tuple(recognisers))
    strange = pc.match_substring_regex(column, STRANGE)
    chosen = pc.or_(pc.match_substring_regex(column, "|".join(f"(?:{each.hint})" for each in asked)), strange)
    rows = pc.indices_nonzero(chosen.fill_null(False))
    few = pa.array([folded(text) for text in column.take(rows).to_pylist()], pa.string())
    hits = [pc.or_(pc.match_substring_regex(few, each.hint), strange.take(rows)).to_pylist() for each in asked]
    return {
        row: (text, [each for each, hit in zip(asked, hit_by, strict=True) if hit])
        for row, text, *hit_by in zip(rows.to_pylist(), few.to_pylist(), *hits, strict=True)
    }


def redact(
    texts: Sequence[str | None],
    owners: Sequence[str | None] | None = None,
    language: str = "",
    recognisers: Sequence[Recogniser] = RECOGNISERS,
) -> Redacted:
    """Put typed placeholders, such as [EMAIL_1], in the place of personal data.

    A value gets the same placeholder wherever it stands in the texts of one owner, and owners are numbered by
    themselves, so placeholders tell nothing about two people.

    Args:
        texts: of any language, or null.
        owners: whose each text is; without them all belong to one. A null owner's text stands alone.
        language: see `find`.
        recognisers: see `find`.

    Raises:
        PiiError: texts and owners differ in number, or no recogniser reads the language.

    """
    given = pa.array(texts, pa.string(), from_pandas=True).to_pylist()
    whose = [""] * len(given) if owners is None else list(owners)
    if len(whose) != len(given):
        raise PiiError(f"{len(given)} texts have {len(whose)} owners: give each text one, or null")
    known: dict[tuple, dict[tuple[str, str], int]] = {}
    taken: dict[tuple, dict[str, int]] = {}
    for row, text in enumerate(given):  # a placeholder that is there already keeps its number
        if text and "[" in text:
            for kind, number in PLACEHOLDER.findall(text):
                last = taken.setdefault(_owner(whose, row), {})
                last[kind] = max(last.get(kind, 0), int(number))
    found, every = [], _of(language, tuple(recognisers))
    for row, (plain, asked) in _suspected(given, language, recognisers).items():
        text, owner = str(given[row]), _owner(whose, row)
        values, last = known.setdefault(owner, {}), taken.setdefault(owner, {})
        parts, at = [], 0
        for span in _found(plain, asked, every):
            value = span.kind, _normal(text[span.start : span.end], span.kind)
            if value not in values:
                values[value] = last[span.kind] = last.get(span.kind, 0) + 1
            parts += [text[at : span.start], f"[{span.kind}_{values[value]}]"]
            at = span.end
            found.append((row, span.kind, span.start, span.end))
        given[row] = "".join([*parts, text[at:]])
    return Redacted(given, pd.DataFrame(found, columns=["row", "kind", "start", "end"]))


def _owner(owners: Sequence[str | None], row: int) -> tuple:
    return (None, row) if owners[row] is None else (owners[row],)


def _normal(value: str, kind: str) -> str:
    """The value without what only its writing adds: separators of numbers, and case; a URL's case counts."""
    plain = folded(value)
    if kind in NUMBERS:
        return re.sub(r"\W", "", plain).lower()
    return plain if kind == "URL_CREDENTIALS" else " ".join(plain.lower().split())


@cache
def _of(language: str, recognisers: tuple[Recogniser, ...]) -> tuple[Recogniser, ...]:
    known = sorted({each for recogniser in recognisers for each in recogniser.languages})
    if language and known and language not in known:
        raise PiiError(f"language '{language}' has no recognisers: give one of {', '.join(known)}, or none for all")
    return tuple(each for each in recognisers if not (language and each.languages) or language in each.languages)
