"""English names of persons after words that announce them.

A name by itself is not looked for here: too many are brands (`english_known` does, where words around it tell of a
person). A cue, the capitals and lists of words that are none say where it ends, `english_belief` whether it is one.
"""

import re
from collections.abc import Iterator
from itertools import chain

from workbench.governance.privacy.pii.english_belief import Found, believed, stopped
from workbench.governance.privacy.pii.english_cues import (
    ASKED,
    BECOMES,
    CUES,
    GAP,
    HERE,
    HINT,
    LETTER,
    WRAPPED,
)
from workbench.governance.privacy.pii.person_names import given_names
from workbench.governance.privacy.pii.spans import Span
from workbench.governance.privacy.pii.words import words

NOT_NAMES, COMMON, TOWNS = words("not_names"), words("common"), words("towns")
PARTICLES, ORGANISATIONS = words("particles"), words("organisations")
NAMED_THINGS = words("named_things")
MOST_WORDS = 3
TOKEN = re.compile(
    rf"(?i:st|ste)\.(?=[ ][{LETTER}])|(?:[A-Z]\.){{1,3}}(?=[ ]?[{LETTER}])|[a-z]\.(?=[ ][a-zà-ɏ]{{2}})|"
    rf"[{LETTER}]+(?:['’‘\-][{LETTER}]+)*(?![{LETTER}\d@_])"
)
TITLE = re.compile(r"(?:mr|mrs|ms|miss|mx|dr|prof|sir|madam|professor|doctor)\b\.?[ \t]+", re.IGNORECASE)
VERBAL = re.compile(r".{2,}(?:ing|ed|ly|n't|'re|'ll|'ve)$")
VERBAL_NAMES = words("verbal_names")

MONTH = re.compile(r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*\.?[ ]\d")


class EnglishNames:
    """One to three words of a name after a cue."""

    kind = "NAME"
    languages: tuple[str, ...] = ()
    hint = HINT

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for cue in chain(CUES.finditer(text), ASKED.finditer(text)):
            start = cue.end()
            if cue.lastgroup in ("field", "strong", "label") and _other_thing(text, cue):
                continue
            if gap := GAP.match(text, start):
                start = gap.end()
            titled = cue.lastgroup == "title"
            while title := TITLE.match(text, start):
                start, titled = title.end(), True
            if titled and (wrapped := re.compile(WRAPPED).match(text, start)):
                start = wrapped.end()
            span = _name(text, start)
            if span and believed(Found(text, cue, *span), titled):
                yield Span(*span, self.kind)
                becomes = BECOMES.match(text, span[1]) if cue[0].lower().endswith("from") else None
                if becomes and (other := _name(text, becomes.end())):
                    yield Span(*other, self.kind)
        for here in HERE.finditer(text):
            if not {*here[0].lower().split()} & (NOT_NAMES | COMMON | TOWNS | ORGANISATIONS):
                yield Span(*here.span(), self.kind)


def _other_thing(text: str, cue: re.Match[str]) -> bool:
    """Whether this is the name of a thing: product name, file_name."""
    if not cue[0].lower().startswith("name"):
        return False
    before = re.search(r"(?<![A-Za-z0-9\-])([A-Za-z]+)(?:'s|’s)?[ _\-]$", text[max(0, cue.start() - 20) : cue.start()])
    return before is not None and before[1].lower() in NAMED_THINGS


def _name(text: str, start: int) -> tuple[int, int] | None:
    """Where the words of a name that begins here start and end."""
    taken: list[re.Match[str]] = []
    small = shouted = False
    at = start
    while len(taken) < MOST_WORDS + 2 and (token := TOKEN.match(text, at)):
        word = token[0]
        if not taken or all(_particle(token[0]) for token in taken):
            small, shouted = word.islower(), word.isupper() and len(word) > 1 and text.isupper()
        after_given = bool(taken) and taken[-1][0].lower() in given_names()
        if not _goes_on(word, small or shouted, not taken, after_given) or (taken and word.islower() != small
                                                                     and not _particle(word)):  # fmt: skip
            break
        if taken and MONTH.match(text, at):
            break
        taken.append(token)
        blank = re.compile(r"[ \t]*").match(text, token.end())
        at = blank.end() if blank else token.end()
        if (at == token.end() and not word.endswith(".")) or word.endswith(("'s", "’s")):
            break
    if taken and _particle(taken[0][0]):
        small = False
    while taken and _particle(taken[-1][0]) and not _family_too(taken):
        taken.pop()
    proper = [each for n, each in enumerate(taken, 1) if not _particle(each[0]) or _family_too(taken[:n])][:MOST_WORDS]
    full = [token for token in proper if not token[0].endswith(".")]
    if (small or shouted) and len(full) == MOST_WORDS and not stopped(text, proper[-1].end()):
        proper = proper[:2]
    if not proper or re.fullmatch(r"(?:[A-Z]\.)+|(?i:ste?\.)", proper[-1][0]):
        return None
    whose = re.compile(r"['’]s$").search(proper[-1][0])
    return taken[0].start(), proper[-1].end() - (2 if whose else 0)


def _particle(word: str) -> bool:
    return word.lower().rstrip(".") in PARTICLES


def _family_too(taken: list[re.Match[str]]) -> bool:
    """Whether the last word, though a particle elsewhere, is a family name: Grace Le."""
    return len(taken) == 2 and taken[1][0].lower() == "le" and taken[0][0].lower() in given_names()


def _goes_on(word: str, small: bool, first: bool, after_given: bool) -> bool:
    low = re.sub(r"'s$", "", word.lower().replace("’", "'").replace("‘", "'"))
    if _particle(low):
        return True
    if low in NOT_NAMES or TITLE.fullmatch(low + " "):
        return False
    if small:
        verbal = VERBAL.match(low) and low.split("-")[-1] not in VERBAL_NAMES
        return len(low) > 1 and low not in COMMON and (after_given or not verbal)
    return not (first and len(word) == 1)
