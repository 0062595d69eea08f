"""English names of persons after words that announce them.

A name by itself is not looked for: too many are brands. Which words are names is not looked up either; a cue, the
capitals and a list of words that are none decide.
"""

import re
from collections.abc import Iterator
from itertools import chain

from workbench.governance.privacy.pii.english_cues import (
    ASKED,
    AWAY,
    BECOMES,
    CLOSED,
    CUES,
    GAP,
    HERE,
    HINT,
    LETTER,
    SPOKEN,
    WRAPPED,
)
from workbench.governance.privacy.pii.spans import Span
from workbench.governance.privacy.pii.words import words

NOT_NAMES, COMMON, TOWNS = words("not_names"), words("common"), words("towns")
TITLED_BRANDS, PARTICLES, ORGANISATIONS = words("titled_brands"), words("particles"), words("organisations")
WARES, SURNAMES = words("wares"), words("surnames_common")
TOWN_BEGINS = words("towns_begin")
NAMED_THINGS, BRANDS, GIVEN = words("named_things"), words("persons_brands"), words("given_names")
MOST_WORDS = 3
LONGEST_STREET = 60
TOKEN = re.compile(
    rf"(?:[A-Z]\.){{1,3}}(?=[ ]?[{LETTER}])|[a-z]\.(?=[ ][a-z]{{2}})|"
    rf"[{LETTER}]+(?:['’‘\-][{LETTER}]+)*(?![{LETTER}\d@_])"
)
TURN = re.compile(
    r"(?:customer|client|guest|user|buyer|caller|visitor|member|driver|patient|seller|vendor|owner|person|parent|party|"
    r"shipper|author|reviewer|employee|student|traveller|traveler|participant|attendee|who|signed|signature|winner|"
    r"sold by|"
    r"shipped to|send to|sent to|order for|parcel for|package for|gift for|present for)\s?[:=]",
    re.IGNORECASE,
)
"""Before a colon, what introduces a turn of a dialogue, a shop or a place as often as a person's name."""
TITLE = re.compile(r"(?:mr|mrs|ms|miss|mx|dr|prof|sir|madam|professor|doctor)\b\.?[ \t]+", re.IGNORECASE)
VERBAL = re.compile(r".{2,}(?:ing|ed|ly|n't|'re|'ll|'ve)$")
VERBAL_NAMES = words("verbal_names")

STREET_BEFORE = re.compile(r"(?<![A-Za-z0-9])\d+[A-Za-z]?[ ](?:[A-Za-z.']+[ ]){1,4}$")
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
            if span and _believed(text, cue, *span, titled):
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
        if not taken or all(token[0].lower() in PARTICLES for token in taken):
            small, shouted = word.islower(), word.isupper() and len(word) > 1 and text.isupper()
        after_given = bool(taken) and taken[-1][0].lower() in GIVEN
        if not _goes_on(word, small or shouted, not taken, after_given) or (taken and word.islower() != small
                                                                     and word.lower() not in PARTICLES):  # fmt: skip
            break
        if taken and MONTH.match(text, at):
            break
        taken.append(token)
        blank = re.compile(r"[ \t]*").match(text, token.end())
        at = blank.end() if blank else token.end()
        if (at == token.end() and not word.endswith(".")) or word.endswith(("'s", "’s")):
            break
    if taken and taken[0][0].lower() in PARTICLES:
        small = False
    while taken and taken[-1][0].lower() in PARTICLES:
        taken.pop()
    proper = [token for token in taken if token[0].lower() not in PARTICLES][:MOST_WORDS]
    full = [token for token in proper if not token[0].endswith(".")]
    if (small or shouted) and len(full) == MOST_WORDS and not _stopped(text, proper[-1].end()):
        proper = proper[:2]
    if not proper or re.fullmatch(r"(?:[A-Z]\.)+", proper[-1][0]):
        return None
    whose = re.compile(r"['’]s$").search(proper[-1][0])
    return taken[0].start(), proper[-1].end() - (2 if whose else 0)


def _stopped(text: str, at: int) -> bool:
    """Whether a name that is written small ends here: at a sign, or before a word that is none."""
    following = re.compile(r"[ \t]+([A-Za-z'’\-]+)").match(text, at)
    return bool(CLOSED.match(text, at)) or (following is not None and following[1].lower() in NOT_NAMES | COMMON)


def _goes_on(word: str, small: bool, first: bool, after_given: bool) -> bool:
    low = re.sub(r"'s$", "", word.lower().replace("’", "'").replace("‘", "'"))
    if low in PARTICLES:
        return True
    if low in NOT_NAMES or TITLE.fullmatch(low + " "):
        return False
    if small:
        verbal = VERBAL.match(low) and low.split("-")[-1] not in VERBAL_NAMES
        return len(low) > 1 and low not in COMMON and (after_given or not verbal)
    return not (first and len(word) == 1)


def _believed(text: str, cue: re.Match[str], start: int, end: int, titled: bool) -> bool:
    """Whether what follows the cue is a person rather than a thing, a town, a brand or a shop."""
    found = text[start:end].lower().split()
    after = re.compile(r"[ \t]+([A-Za-z]+)").match(text, end)
    follows = after[1].lower() if after else ""
    whose = text.startswith(("'s", "’s"), end)
    if titled:
        return (
            not {found[0], found[0] + "'s" * whose} & TITLED_BRANDS
            and not {follows, found[0]} & WARES
            and (cue.lastgroup != "title" or _title_written(text, cue))
        )
    if cue.lastgroup == "strong":
        return found[0] not in COMMON | WARES
    if whose or {follows, *found} & ORGANISATIONS or "".join(found) in BRANDS:
        return False
    small, several = text[start].islower(), " " in text[start:end]
    closed = bool(CLOSED.match(text, end))
    known = found[0] in COMMON or bool(set(found) & (COMMON if small else COMMON - SURNAMES))
    place = (
        (found[0] in TOWNS and not several)
        or found[0] in TOWN_BEGINS
        or bool(re.match(r"\s*\d", text[end:]) and not several)
    )
    match cue.lastgroup:
        case "speaking":
            return bool(SPOKEN.match(text, end))
        case "bye":
            alone = text.islower() and "\n" in text[cue.end() : start] and not known
            return (not small or alone) and _ends_line(text, end)
        case "dash":
            return not small and not known and several and _ends_line(text, end)
        case "dear" | "signed":
            return (not small or closed) and not known
        case "to":
            place = place or (not several and AWAY.match(cue[0]) is not None)
            large = follows and text[end:].lstrip()[0].isupper() and not text.isupper()
            goes_on = not follows or large or follows in (NOT_NAMES | COMMON) - WARES
            brand = re.match(r"[ ](?:&|and)[ ][A-Za-z]+['’]s\b", text[end:], re.IGNORECASE)  # Ben & Jerry's
            small = small and not (closed or follows in NOT_NAMES)
            return (
                not place and not known and not small and not brand and (goes_on or (several and not _thing(text, end)))
            )
        case "by":
            enough = several or not (small or cue[0].lower().startswith("who"))
            ends = not small or (text.islower() and _stopped(text, end))
            return (
                enough and ends and not place and not known and follows not in WARES and not text[start:end].isupper()
            )
        case "am":
            return several and not place and not known and _stopped(text, end)
        case "slot":
            return not place and not known and follows not in WARES
        case "label":
            return (
                not known
                and not place
                and follows not in WARES
                and (not small or (closed and several) or "name" in cue[0].lower() or found[0] in GIVEN)
            )
        case "asked":
            return not known and _ends_line(text, end)
        case "field":
            to = re.search(r"to\b", cue[0]) is not None and place
            turn = TURN.fullmatch(cue[0]) and found[0] not in GIVEN and not (several and not small and closed)
            return not turn and not to and not known and not re.match(r"\s*\d{1,4}\b(?! [A-Za-z])", text[end:])
        case _:
            return found[0] not in COMMON


def _thing(text: str, end: int) -> bool:
    """Whether a ware follows within two words: Kallax-style Ivar oak shelf."""
    return any(word.lower() in WARES for word in text[end : end + 30].split()[:2])


def _title_written(text: str, cue: re.Match[str]) -> bool:
    """Whether a title is written as one: MS in capitals and "miss" written small are other words."""
    word = cue[0].rstrip(".")
    if word.lower() == "dr" and STREET_BEFORE.search(text, max(0, cue.start() - LONGEST_STREET), cue.start()):
        return False
    if word in ("MS", "MX", "DR", "miss", "Miss", "MISS"):
        return text.isupper() or word == "Miss"
    return True


def _ends_line(text: str, end: int) -> bool:
    return bool(re.compile(r"[\"“”'’)\]>*_»}]{0,2}[ \t]*[.!]*\s*(?:$|\n)").match(text, end))
