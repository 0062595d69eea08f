"""Whether what follows a cue is a person, not a thing, a town, a brand or a shop: a judge for each kind of cue."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from workbench.governance.privacy.pii.english_cues import AWAY, CLOSED, SPOKEN
from workbench.governance.privacy.pii.person_names import given_names
from workbench.governance.privacy.pii.words import words

NOT_NAMES, COMMON, TOWNS, TOWN_BEGINS = words("not_names"), words("common"), words("towns"), words("towns_begin")
TITLED_BRANDS, ORGANISATIONS, BRANDS = words("titled_brands"), words("organisations"), words("persons_brands")
WARES, SURNAMES = words("wares"), words("surnames_common")
GREETED = re.compile(
    r"(?:^|\b(?:hi|hello|hey|good \w+)(?: (?:there|all|team|folks|everyone|support))?[,!.]?|[\n.!?,:]) ?$",
    re.IGNORECASE,
)
LONGEST_STREET = 60
TURN = re.compile(
    r"(?:customer|client|guest|user|buyer|caller|visitor|member|driver|patient|seller|vendor|owner|person|parent|party|"
    r"shipper|author|reviewer|employee|student|traveller|traveler|participant|attendee|who|signed|signature|winner|"
    r"sold by|"
    r"shipped to|send to|sent to|order for|parcel for|package for|gift for|present for)\s?[:=]",
    re.IGNORECASE,
)
"""Before a colon, what introduces a turn of a dialogue, a shop or a place as often as a person's name."""
STREET_BEFORE = re.compile(r"(?<![A-Za-z0-9])\d+[A-Za-z]?[ ](?:[A-Za-z.']+[ ]){1,4}$")
NEXT_WORD = re.compile(r"[ \t]+([A-Za-z]+)")
LOOSE_WORD = re.compile(r"[ \t]+([A-Za-z'’\-]+)")
LINE_END = re.compile(r"[\"“”'’)\]>*_»}]{0,2}[ \t]*[.!]*\s*(?:$|\n)")
PARTNER = re.compile(r"[ ](?:&|and)[ ][A-Za-z]+['’]s\b", re.IGNORECASE)  # Ben & Jerry's
AMOUNT = re.compile(r"\s*\d{1,4}\b(?! [A-Za-z])")


@dataclass(frozen=True)
class Found:
    """What has the shape of a name, from `start` to `end` of the text, after a cue."""

    text: str
    cue: re.Match[str]
    start: int
    end: int

    @cached_property
    def name(self) -> str:
        """As it is written."""
        return self.text[self.start : self.end]

    @cached_property
    def words(self) -> list[str]:
        """The name's, written small."""
        return self.name.lower().split()

    @cached_property
    def follows(self) -> str:
        """The next word, written small; empty where there is none."""
        after = NEXT_WORD.match(self.text, self.end)
        return after[1].lower() if after else ""

    @cached_property
    def whose(self) -> bool:
        """Whether something is said to be the name's: Levi's."""
        return self.text.startswith(("'s", "’s"), self.end)

    @cached_property
    def small(self) -> bool:
        """Whether it is written small."""
        return self.text[self.start].islower()

    @cached_property
    def several(self) -> bool:
        """Whether it has several words."""
        return " " in self.name

    @cached_property
    def closed(self) -> bool:
        """Whether a sign ends it."""
        return bool(CLOSED.match(self.text, self.end))

    @cached_property
    def stopped(self) -> bool:
        """Whether it ends here, if it is written small: at a sign, or before a word that is none of a name."""
        return stopped(self.text, self.end)

    @cached_property
    def known(self) -> bool:
        """Whether a word of it is a common one."""
        return self.words[0] in COMMON or bool(set(self.words) & (COMMON if self.small else COMMON - SURNAMES))

    @cached_property
    def given(self) -> bool:
        """Whether it begins with a known given name, written large."""
        return not self.small and self.words[0] in given_names()

    @cached_property
    def place(self) -> bool:
        """Whether it is a town, or a street before its number."""
        return (
            (self.words[0] in TOWNS and not self.several)
            or self.words[0] in TOWN_BEGINS
            or bool(re.match(r"\s*\d", self.text[self.end :]) and not self.several)
        )

    @cached_property
    def ends_line(self) -> bool:
        """Whether nothing else stands in its line."""
        return bool(LINE_END.match(self.text, self.end))

    @cached_property
    def of_ware(self) -> bool:
        """Whether a ware follows within two words: Kallax-style Ivar oak shelf."""
        return any(word.lower() in WARES for word in self.text[self.end : self.end + 30].split()[:2])


def believed(found: Found, titled: bool) -> bool:
    """Whether it is a person; `titled`: a title stands before it."""
    if titled:
        return _titled(found)
    kind = found.cue.lastgroup
    if kind == "strong":
        return found.words[0] not in COMMON | WARES
    if found.whose or {found.follows, *found.words} & ORGANISATIONS or "".join(found.words) in BRANDS:
        return False
    judge = JUDGES.get(kind or "")
    return judge(found) if judge else found.words[0] not in COMMON


def stopped(text: str, at: int) -> bool:
    """Whether a name that is written small ends here: at a sign, or before a word that is none."""
    following = LOOSE_WORD.match(text, at)
    return bool(CLOSED.match(text, at)) or (following is not None and following[1].lower() in NOT_NAMES | COMMON)


def _titled(found: Found) -> bool:
    first = found.words[0]
    return (
        not {first, first + "'s" * found.whose} & TITLED_BRANDS
        and not {found.follows, first} & WARES
        and (found.cue.lastgroup != "title" or _title_written(found.text, found.cue))
    )


def _title_written(text: str, cue: re.Match[str]) -> bool:
    """Whether a title is written as one: MS in capitals and "miss" written small are other words."""
    word = cue[0].rstrip(".")
    if word.lower() == "dr" and STREET_BEFORE.search(text, max(0, cue.start() - LONGEST_STREET), cue.start()):
        return False
    if word in ("MS", "MX", "DR", "miss", "Miss", "MISS"):
        return text.isupper() or word == "Miss"
    return True


def _bye(found: Found) -> bool:
    alone = found.text.islower() and "\n" in found.text[found.cue.end() : found.start] and not found.known
    return (not found.small or alone) and found.ends_line


def _dear(found: Found) -> bool:
    """Who begins with it writes to a person; who says it amid a text writes to a company as often."""
    begins = found.text[: found.cue.start()].rpartition("\n")[2].strip() == ""
    return _signed(found) and (begins or found.several or found.words[0] in given_names())


def _signed(found: Found) -> bool:
    return (not found.small or found.closed) and not found.known


def _to(found: Found) -> bool:
    """After "for" and "to" stand things and places as often as persons."""
    place = found.place or (not found.several and AWAY.match(found.cue[0]) is not None)
    large = found.follows and found.text[found.end :].lstrip()[0].isupper() and not found.text.isupper()
    goes_on = not found.follows or large or found.follows in (NOT_NAMES | COMMON) - WARES
    small = found.small and not (found.closed or found.follows in NOT_NAMES)
    brand = PARTNER.match(found.text, found.end)
    said = bool(goes_on) or (found.several and not found.of_ware)
    return not place and not found.known and not small and not brand and said


def _by(found: Found) -> bool:
    sure = found.words[0] in given_names() and found.closed
    enough = found.several or sure or not (found.small or found.cue[0].lower().startswith("who"))
    ends = not found.small or sure or (found.text.islower() and found.stopped)
    person = not found.place and not found.known and found.follows not in WARES
    return enough and ends and person and not found.name.isupper()


def _speaking(found: Found) -> bool:
    """Who says "this is" and a name, then goes on after a sign, or says that it is them who speak."""
    person = (found.several and not found.small) or found.words[0] in given_names()
    opens = found.cue[0].lower() == "this is" and GREETED.search(found.text, 0, found.cue.start()) is not None
    return bool(SPOKEN.match(found.text, found.end)) or (
        opens
        and person
        and (found.closed or (found.given and found.stopped))
        and not found.place
        and not found.known
        and found.follows not in WARES
    )


def _label(found: Found) -> bool:
    large = not found.small or (found.closed and found.several)
    person = not found.known and not found.place and found.follows not in WARES
    return person and (large or "name" in found.cue[0].lower() or found.words[0] in given_names())


def _field(found: Found) -> bool:
    to = re.search(r"to\b", found.cue[0]) is not None and found.place
    sure = found.words[0] in given_names() or (found.several and not found.small and found.closed)
    turn = TURN.fullmatch(found.cue[0]) and not sure
    return not turn and not to and not found.known and not AMOUNT.match(found.text[found.end :])


JUDGES: dict[str, Callable[[Found], bool]] = {
    "speaking": _speaking,
    "bye": _bye,
    "dash": lambda found: not found.small and not found.known and found.several and found.ends_line,
    "dear": _dear,
    "signed": _signed,
    "to": _to,
    "by": _by,
    "am": lambda found: (found.several or found.given) and not found.place and not found.known and found.stopped,
    "slot": lambda found: not found.place and not found.known and found.follows not in WARES,
    "label": _label,
    "asked": lambda found: not found.known and found.ends_line,
    "field": _field,
}
"""By the group of the cue's pattern, see `english_cues`; after others, what begins with no common word is believed."""
