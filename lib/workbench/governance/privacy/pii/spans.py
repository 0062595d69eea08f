"""What a recogniser is, and how their finds become spans that do not overlap."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

# Full-width letters, digits and signs have half-width forms at a fixed distance: one character for one, so that what is
# found in the folded text stands at the same place in the original.
_FOLDED = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xA0: 0x20}


@dataclass(frozen=True, order=True)
class Span:
    """Personal data in a text.

    Args:
        start: first character, counted in Unicode code points from 0.
        end: the character after the last one.
        kind: EMAIL, PHONE, …
        certain: a check digit, a checksum or a register bears it out; what only looks like personal data gives way.

    """

    start: int
    end: int
    kind: str
    certain: bool = False


class Recogniser(Protocol):
    """Finds personal data of one kind in folded texts.

    `hint` is a regular expression in RE2's syntax that matches, at any place, every text in which something is found;
    it may match others. `languages` are those of the texts that it reads; empty for any.
    """

    @property
    def kind(self) -> str:
        """Of all its spans."""

    @property
    def hint(self) -> str:
        """See above."""

    @property
    def languages(self) -> tuple[str, ...]:
        """See above."""

    def find(self, text: str) -> Iterable[Span]:
        """What is found in a folded text; spans may overlap those of others."""


@dataclass(frozen=True)
class Pattern:
    """A recogniser by a regular expression, and perhaps a check of what it matches.

    Args:
        kind: of the spans.
        hint: see `Recogniser`.
        pattern: what is looked for; its group `value`, where it has one, is the span.
        check: whether a match's text is what it looks like.
        languages: see `Recogniser`.
        certain: see `Span`.

    """

    kind: str
    hint: str
    pattern: re.Pattern[str]
    check: "Check | None" = None
    languages: tuple[str, ...] = ()
    certain: bool = False

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        group = "value" if "value" in self.pattern.groupindex else 0
        for match in self.pattern.finditer(text):
            if self.check is None or self.check(match[group]):
                yield Span(*match.span(group), self.kind, self.certain)


class Check(Protocol):
    """Whether a text is what it looks like."""

    def __call__(self, text: str, /) -> bool:
        """True where it is."""


def folded(text: str) -> str:
    """The text with full-width letters, digits and signs as half-width ones, character for character."""
    return text if text.isascii() else text.translate(_FOLDED)


def resolved(spans: Iterable[Span]) -> list[Span]:
    """Spans that do not overlap, in order: what is certain before what is not, and the longer before the shorter."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (not s.certain, s.start - s.end, s.start, s.kind)):
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return sorted(kept)
