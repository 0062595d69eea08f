"""English given names, alone or before a family name and written anyhow, where a person is spoken of or signs."""

import re
from collections.abc import Iterator

from workbench.governance.privacy.pii.english_cues import KIN, LETTER, STAFF, WRAPPED
from workbench.governance.privacy.pii.english_persons import (
    ENDS,
    FAMILIES,
    PARTICLES,
    SURNAMES,
    THINGS,
    WARES,
    WORDS_TOO,
    is_brand,
    is_given,
    is_person,
)
from workbench.governance.privacy.pii.person_names import NO_PERSON, family_names, given_names, is_family
from workbench.governance.privacy.pii.spans import Span

VERBAL = re.compile(r".{2,}(?:ing|ed|ly)$")
PLACE = (
    rf"(?:registry|wish ?list|gift list|list|pick-?up|collection|subscription|prescription|membership|voucher|ticket|"
    rf"engraved?|engraving|reservation|booking|appointment|account|order|parcel|review|mrs?|ms|miss|by|"
    rf"contact|ask for|tell|told|"
    rf"met|thank|thanks|thanks to|signed by|name on (?:the )?card|by name|wedding of|meet|colleague|"
    rf"instead of|behalf of|name of|care of|c/o|names?|am|i['’]m|called|named|hi|hello|hey|"
    rf"dear|regards|sincerely|cheers|wishes|person|holder|attn|recipient|customer|name is|names? was|{KIN}|{STAFF})"
)
"""Words before a person's place, written anyhow."""
PLACED = re.compile(rf"(?:\b{PLACE}[,:.]?[ ]|(?P<sign>[\n:][ ]?)){WRAPPED}$", re.IGNORECASE)
OF_PERSONS = (
    r"(?:parcel|package|delivery|order|reservation|booking|prescription|present|gift|collecting|pick-?up|wedding)"
)
LONE = re.compile(
    rf"\b(?:(?P<role>(?:my|our|his|her|your|the|an?|by|this) (?:[a-z]+ )?(?:{KIN}|{STAFF}|\w+-(?:year|month|week)-old)"
    rf"(?:,| called| named| is)?)|"
    rf"called|named|by the name of|names? is|who|says|signed (?:for )?by|(?:him|her)self(?: as)?|"
    rf"(?:thanks|shout ?out|kudos|props|credit) to|contact|ask for|connected (?:to|with|w/)|"
    rf"said (?:s?he|they) (?:was|were)|happy birthday|(?:leave|left|leaving)(?: it| them| \w+)? (?:with|w/)|"
    rf"{OF_PERSONS} (?:for|of|under)|(?:hi|hello|hey|dear|thanks|thank you|sorry|morning|afternoon|evening),?) "
    rf"{WRAPPED}(?P<name>[{LETTER}]{{3,}}(?:-[{LETTER}]+)?)(?![ ]\d)|"
    rf"(?:\bi['’]?m|\bi am) (?P<me>[{LETTER}]{{3,}})(?=[,.!\n])",
    re.IGNORECASE,
)
"""A single name in a person's place."""
ACTS = (
    r"(?:knew|carried|helped|promised|told|said|explained|offered|refused|called|rang|phoned|answered|replied|sorted|"
    r"delivered|packed|took|gave|went|came|brought|was)"
)
"""What persons do; things seldom do it."""
ACTOR = re.compile(
    rf"(?:^|(?<=\n))(?P<name>[A-ZÀ-Þ][{LETTER}]+): |"
    rf"(?<![{LETTER}\d@._/'’&#\-]){WRAPPED}(?P<did>[A-ZÀ-Þ][{LETTER}]+)[\"”'’)\]>*_]{{0,2}} (?:who\b|(?!was\b){ACTS}\b|"
    rf"was (?:so|very|really|super|lovely|great|rude|kind|friendly|helpful|amazing)\b)"
)
"""Who is written to speak or to act."""
BARE = re.compile(
    rf"(?<![{LETTER}\d@._/'’&#\-])[A-ZÀ-Þ](?!(?-i:[A-ZÀ-Þ]))[{LETTER}]{{2,}}(?![{LETTER}\d@_/&\-]|"
    rf"['’. ]*[A-ZÀ-Þ\d]| & )"
)
"""A word written large that no other such word follows."""
NAMED_AFTER = re.compile(r"[A-ZÀ-Þ][\w'’]*[.,]? [\"“‘'(]?$|\d $")
OWNED = re.compile(rf"['’]s (?:{'|'.join(sorted(WARES))})\b|[ ](?:&|and)[ ][A-Z][a-z]+['’]s\b", re.IGNORECASE)
SIGNED = re.compile(
    rf"\n[ ]*{WRAPPED}(?P<name>[{LETTER}]+(?:['’\-][{LETTER}]+)*(?:[ ](?:[{LETTER}]\.?|"
    rf"[{LETTER}]+(?:['’\-][{LETTER}]+)*)){{0,3}}?)"
    r"[\"”'*_)>]{0,2}[ .!]*(?:,[ ][^\n,.]{3,30})?(?=\n|$)"
)
"""A line that is a name alone."""
ONE = rf"[{LETTER}]+(?:-[{LETTER}]+)?(?: [{LETTER}]\.?)?(?: [{LETTER}]+(?:['’\-][{LETTER}]+)*)?"
TWO = re.compile(
    rf"(?<![{LETTER}\d@._/'’&#\-])(?=(?P<one>{ONE})[\"”'’)\]>*_]{{0,2}} (?:and|"
    rf"&) {WRAPPED}(?P<other>{ONE})(?![{LETTER}\d@_/'’]))"
)
"""Two persons in one breath."""
PAIR = re.compile(
    rf"(?<![{LETTER}\d@._/'’&#\-])(?=(?P<name>(?P<given>[{LETTER}]{{2,}}(?:-[{LETTER}]+)?)(?:[ ][{LETTER}]\.?)?"
    rf"(?:[ ](?:{'|'.join(sorted(PARTICLES))}|"
    rf"st\.))*[ ](?P<family>[{LETTER}]{{2,}}(?:['’\-][{LETTER}]+)*))(?![{LETTER}\d@_/]))"
)


class GivenEnglishNames:
    """A known given name after what announces a person, before what persons do, or in a line of its own at the end."""

    kind = "NAME"
    languages: tuple[str, ...] = ("en",)
    hint = (
        rf"(?i:\b(?:{PLACE}|{ACTS}|who|morning|afternoon|evening|himself|herself|i['’]?m|says|old|kudos|"
        rf"props|shout ?out|credit|signed for by|connected|birthday|account|and|leave|left|leaving|collecting)\b)"
        r"[^A-Za-z]|\n|: | & |[A-ZÀ-Þ][^A-ZÀ-Þ\s\d]{2}"
    )

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for lone in LONE.finditer(text):
            group = "name" if lone["name"] else "me"
            ends = lone["role"] or ENDS.match(text, lone.end())
            if ends and not OWNED.match(text, lone.end()) and is_given(lone[group]):
                yield Span(*lone.span(group), self.kind)
        for actor in ACTOR.finditer(text):
            group = "name" if actor["name"] else "did"
            if is_given(actor[group]):
                yield Span(*actor.span(group), self.kind)
        yield from (Span(*bare.span(), self.kind) for bare in BARE.finditer(text) if _acts(text, bare))
        for signed in SIGNED.finditer(text):
            if is_person(signed["name"]):
                yield Span(*signed.span("name"), self.kind)
        for two in TWO.finditer(text):
            if all(is_given(two[group].split()[0]) and is_person(two[group]) for group in ("one", "other")):
                yield from (Span(*two.span(group), self.kind) for group in ("one", "other"))
        for pair in PAIR.finditer(text):
            if span := _pair(text, pair):
                yield Span(*span, self.kind)


def _acts(text: str, bare: re.Match[str]) -> bool:
    """Whether a given name written large stands where a person does: no thing, and before a sign or what persons do."""
    before = text[max(0, bare.start() - 30) : bare.start()]
    person = is_given(bare[0]) and bare[0].lower() not in WORDS_TOO
    return person and bool(ENDS.match(text, bare.end())) and not (THINGS.search(before) or NAMED_AFTER.search(before))


def _pair(text: str, pair: re.Match[str]) -> tuple[int, int] | None:
    """Where a known given and a known family name stand that are not written large, in the place of a person."""
    given, family = pair["given"], pair["family"]
    parts = [given.lower(), family.lower()]
    start, end = pair.span("name")
    large = given[0].isupper() and not text.isupper()
    other = parts[0] in NO_PERSON or (parts[1] in NO_PERSON and parts[1] not in FAMILIES) or VERBAL.match(parts[1])
    if large or other or parts[0] not in given_names() or is_brand(parts):
        return None
    before = text[max(0, start - 30) : start]
    placed = PLACED.search(before)
    if not ENDS.match(text, end) or THINGS.search(before):
        return None
    if placed and not placed["sign"]:
        return start, end
    if placed:
        return (start, end) if is_family(parts[1]) or parts[1] in given_names() else None
    sure = parts[1] in family_names() and not {*parts} & (NO_PERSON | SURNAMES | WORDS_TOO)
    return (start, end) if sure else None
