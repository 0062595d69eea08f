"""English names of persons by what they are: a known given name before a family name, where a person fits.

Lists of given and family names are evidence, no proof: brands and works are called after persons. So the words around
decide as well, and the names of persons that are brands count for nothing.
"""

import re
from collections.abc import Iterator

from workbench.governance.privacy.pii.english_cues import KIN, LETTER, STAFF, WRAPPED
from workbench.governance.privacy.pii.person_names import given_names, is_family
from workbench.governance.privacy.pii.spans import Span
from workbench.governance.privacy.pii.words import words

PARTICLES = words("particles")
NO_PART = words("not_names") | words("wares") | words("organisations") | words("street_ends")
SURNAMES = words("surnames_common")
FAMILIES = SURNAMES | {"park", "hill", "lane", "banks", "heath", "grove", "woods", "rhodes", "court", "glen", "ridge"}
VERBAL = re.compile(r".{2,}(?:ing|ed|ly)$")
COMMON, TOWNS, WARES, BRANDS = words("common"), words("towns"), words("wares"), words("persons_brands")
OTHER, NO_NAME = NO_PART | COMMON | TOWNS, NO_PART | (COMMON - SURNAMES)
WORDS_TOO = frozenset(
    ["guy", "hope", "joy", "sunny", "sky", "max", "will", "may", "bill", "art", "grant", "chase", "mark", "pat", "rich",
     "jack", "rob", "sue", "drew", "faith", "dean", "frank", "gene", "harry", "lance", "miles", "ray", "rusty", "wade"]
)  # fmt: skip
"""Given names that are words when they are written small."""
MOST_WORDS = 3
LARGE = rf"[A-ZÀ-Þ][{LETTER}]*(?:['’\-][{LETTER}]+)*"
RUN = re.compile(
    rf"(?<![{LETTER}\d@._/'’&#\-]){LARGE}(?:[ ](?:(?:{'|'.join(sorted(PARTICLES))}|[Ss]t\.)[ ])*(?:[A-Z]\.|{LARGE}))+"
    rf"(?![{LETTER}\d@_/])"
)
OPENS = re.compile(
    rf"(?:^|[\n:(|;\[=>]|[-–—]{{1,2}}[ ]|(?i:\b(?:names?|is|was|am|called|named|it['’]s|i['’]m|hi|hello|hey|dear|"
    rf"regards|"
    rf"sincerely|thanks|cheers|wishes|person|holder|attn|recipient|customer|sir|madam))[,.]?)\s*{WRAPPED}$"
)
LINKS = re.compile(
    rf"(?i:\b(?:to|for|by|with|from|and|or|not|via|contact|ask|tell|told|asked|met|call|text|ring|thank|meet|colleague|"
    rf"instead of|behalf of|name of|care of|c/o|as))[ ]{WRAPPED}$"
)
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
LONE = re.compile(
    rf"\b(?:(?P<role>(?:my|our|his|her|your|the|an?|by|this) (?:[a-z]+ )?(?:{KIN}|{STAFF}|\w+-(?:year|month|week)-old)"
    rf"(?:,| called| named| is)?)|"
    rf"called|named|by the name of|names? is|who|says|signed (?:for )?by|(?:him|her)self(?: as)?|"
    rf"(?:thanks|shout ?out|kudos|props|credit) to|contact|ask for|connected (?:to|with|w/)|said (?:s?he|"
    rf"they) (?:was|were)|happy birthday|(?:hi|hello|hey|dear|thanks|thank you|sorry|morning|"
    rf"afternoon|evening),?) {WRAPPED}(?P<name>[{LETTER}]{{3,}}(?:-[{LETTER}]+)?)(?![ ]\d)|"
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
OWNED = re.compile(rf"['’]s (?:{'|'.join(sorted(WARES))})\b|[ ](?:&|and)[ ][A-Z][a-z]+['’]s\b", re.IGNORECASE)
SIGNED = re.compile(
    rf"\n[ ]*{WRAPPED}(?P<name>[{LETTER}]+(?:['’\-][{LETTER}]+)*(?:[ ](?:[{LETTER}]\.?|[{LETTER}'’\-]+)){{0,3}}?)"
    r"[\"”'*_)>]{0,2}[ .!]*(?:,[ ][^\n,.]{3,30})?$"
)
"""A line at the end that is a name alone."""
PAIR = re.compile(
    rf"(?<![{LETTER}\d@._/'’&#\-])(?=(?P<name>(?P<given>[{LETTER}]{{2,}}(?:-[{LETTER}]+)?)(?:[ ][{LETTER}]\.?)?"
    rf"(?:[ ](?:{'|'.join(sorted(PARTICLES))}|"
    rf"st\.))*[ ](?P<family>[{LETTER}]{{2,}}(?:['’\-][{LETTER}]+)*))(?![{LETTER}\d@_/]))"
)
THINGS = re.compile(
    r"(?i:\b(?:my|your|our|the|an?|this|that|these|those|new|old|another|any|some|few|his|her|their|its|size|brands?|"
    r"make|wear(?:ing)?|love|like|bought|buy|got|of|pairs?|ordered|order|original|genuine|fake|real|vintage|used))[ ]$"
)
ENDS = re.compile(
    r"[\"“”')\]*_>}]*\s*(?:$|[\n,;|)\].!?(:<\[–—/&]|-\s|\+?\(?\d|\S+@|(?:and|or|who|has|have|had|is|was|will|would|"
    r"can|could|"
    r"did|didn't|does|doesn't|at|on|in|not|wants?|wanted|said|says|told|asked|lives?|lived|signed|ordered|paid|picked|"
    r"collected|called|wrote|writes|speaking|here|instead|as|with|by|please|pls|but|because|from|to|for|if|so|when|"
    r"took|gave|promised|helped|answered|refused|accepted|received|sent|should|must|may|never|again|today|tomorrow|found|came|went|what|how|which|until|since|before|after|while|where|it|he|she|they|we|i|i['’]m|you|no|nobody|his|her|their|now|still|just|even|also|left|brought|knew|made|[a-z]{3,}ed)\b)",
    re.IGNORECASE,
)
CARD = re.compile(
    rf"(?:(?:^|(?<=[\n,;|:(>/–—]))[ ]?|\b(?i:person|customer|recipient|contact|for|to|name|buyer|holder)[ ])"
    rf"(?P<name>[{LETTER}]+(?:['’\-][{LETTER}]+)*(?:[ ][{LETTER}]\.?)?(?:[ ][{LETTER}]+(?:['’\-][{LETTER}]+)*){{1,2}})"
    r"[ ]?[\"”*_]?(?:[ ]?[,;|:(/\n–—-]|[ ])\s*(?:(?i:tel|phone|mobile|cell|mob|e-?mail|mail|ph|t|m|"
    r"e)\b[.:]?\s*)?[\"“*_(<\[]*"
    r"(?=[+(]{1,2}\d[\d ().\-/]{7}|\d{2,5}[ .\-/()]{1,2}\d{3,5}[ .\-/]?\d\d|\d{10,11}(?!\d)|"
    r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+\.)"
)
"""A name, and right behind it how to reach the person."""
STATED = re.compile(
    rf"(?:^|(?<=[.!?,;:\n(])[ ]?|\b(?i:hi|hello|hey|and|that|because|since|but)[, ]{{1,2}})[\"“'*_(<\[]*"
    rf"(?P<name>[{LETTER}]+(?:['’\-][{LETTER}]+)*\.?(?:[ ][{LETTER}]+(?:['’\-][{LETTER}]+)*\.?){{0,3}}?)"
    r"[\"”'*_)>\]]*[ ]"
    r"(?i:(?:is|was) (?:my|his|her|their|our|the|whose) (?:own |full |real |legal |correct |right |first |last |maiden "
    r"|husband's |wife's )?(?:name|surname|recipient|addressee|cardholder|card ?holder|account ?holder|buyer|contact|"
    r"customer|person|one who (?:ordered|paid|signed|collects)|beneficiary|consignee|payee)\b|"
    r"(?:will|is going to|is coming to|shall) (?:collect|pick (?:it|them|this|up)|sign for|receive it|be (?:there|home|"
    r"collecting|picking))|has my permission|may collect|can collect|speaking\b(?!\s+(?:of|to|with|about)))"
)


class KnownEnglishNames:
    """Two to four words written large that begin with a known given name, or a name beside a phone or an e-mail."""

    kind = "NAME"
    languages: tuple[str, ...] = ("en",)
    hint = (
        rf"(?i:\b(?:{PLACE}|{ACTS}|who|morning|afternoon|evening|himself|herself|i['’]?m|says|old|kudos|"
        rf"props|shout ?out|credit|signed for by|connected|birthday|account)\b)[^A-Za-z]|\n|: |"
        r"(?:^|[^0-9A-Za-z])[A-ZÀ-Þ][\pL'’-]*\.? (?:[a-z]{1,3} ){0,3}[A-ZÀ-Þ]|@|[+(]\d|\d\d[ .\-/()]{1,2}\d{3}|"
        r"(?:^|[^0-9])\d{10,11}(?:[^0-9]|$)|"
        r"(?i:(?:is|was) (?:my|his|her|their|our|the|whose) | (?:will|shall) (?:collect|pick|sign|receive|be)|"
        r"is (?:going|coming) to|has my permission|(?:may|can) collect| speaking)"
    )

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for lone in LONE.finditer(text):
            group = "name" if lone["name"] else "me"
            ends = lone["role"] or ENDS.match(text, lone.end())
            if ends and not OWNED.match(text, lone.end()) and _is_given(lone[group]):
                yield Span(*lone.span(group), self.kind)
        for actor in ACTOR.finditer(text):
            group = "name" if actor["name"] else "did"
            if _is_given(actor[group]):
                yield Span(*actor.span(group), self.kind)
        if (signed := SIGNED.search(text)) and is_person(signed["name"]):
            yield Span(*signed.span("name"), self.kind)
        for pair in PAIR.finditer(text):
            if span := _pair(text, pair):
                yield Span(*span, self.kind)
        for run in RUN.finditer(text):
            if span := _known(text, run):
                yield Span(*span, self.kind)
        for card in CARD.finditer(text):
            parts = _parts(card["name"])
            if parts[0] in given_names() and not {*parts} & NO_PART and not _brand(parts):
                yield Span(*card.span("name"), self.kind)
        for stated in STATED.finditer(text):
            parts = _parts(stated["name"])
            likely = stated["name"][0].isupper() or len(parts) > 1 or parts[0] in given_names()
            if likely and not {*parts} & NO_NAME and not {*parts} & TOWNS and not _brand(parts):
                yield Span(*stated.span("name"), self.kind)


def _is_given(word: str) -> bool:
    """Whether it is a given name, and no other word nor a brand."""
    low = word.lower()
    return low in given_names() and low not in OTHER and low not in BRANDS and not (word == low and low in WORDS_TOO)


def _pair(text: str, pair: re.Match[str]) -> tuple[int, int] | None:
    """Where a known given and a known family name stand that are not written large, in the place of a person."""
    given, family = pair["given"], pair["family"]
    parts = [given.lower(), family.lower()]
    start, end = pair.span("name")
    large = given[0].isupper() and not text.isupper()
    other = parts[0] in OTHER or (parts[1] in OTHER and parts[1] not in FAMILIES) or VERBAL.match(parts[1])
    if large or other or parts[0] not in given_names() or _brand(parts):
        return None
    before = text[max(0, start - 30) : start]
    placed = PLACED.search(before)
    if not placed or not ENDS.match(text, end) or THINGS.search(before):
        return None
    return (start, end) if not placed["sign"] or is_family(parts[1]) or parts[1] in given_names() else None


def is_person(name: str) -> bool:
    """Whether these words, written anyhow, are a given name and perhaps family names, and no brand."""
    written = name.split()
    parts = [part for part in _parts(name) if len(part) > 1]
    parts = [part for part in parts[:-1] if part not in PARTICLES] + parts[-1:]
    initial = len(written[0]) == 1 or (len(parts) > 1 and _brand(parts))
    if initial or not 0 < len(parts) <= MOST_WORDS or {*parts} & NO_NAME:
        return False
    first, last = parts[0], parts[-1]
    if len(parts) == 1 and (last in PARTICLES or name in WORDS_TOO):
        return False
    if first in given_names():
        return len(parts) < MOST_WORDS or last in given_names() or is_family(last) or written[-1][0].isupper()
    return len(parts) > 1 and is_family(last) and first not in TOWNS and written[-1][0].isupper()


def _parts(name: str) -> list[str]:
    return [part.strip(".").lower() for part in name.split()]


def _brand(parts: list[str]) -> bool:
    """Whether these words, or the first of them, are a brand that is called like a person."""
    bare = [re.sub(r"['’]s?|&", "", part) for part in parts]
    return any("".join(bare[:n]) in BRANDS for n in range(1, len(bare) + 1))


def _known(text: str, run: re.Match[str]) -> tuple[int, int] | None:
    """Where the name starts and ends that stands among words written large, unless it is a brand or a thing."""
    tokens = list(re.finditer(r"\S+", run[0]))
    first = next((n for n, token in enumerate(tokens) if token[0].lower() in given_names()), None)
    if first is None or any(token[0].lower() not in NO_PART for token in tokens[:first]):
        return None
    taken: list[re.Match[str]] = []
    for token in tokens[first:]:
        if taken and (token[0].strip(".").lower() in NO_PART):
            break
        taken.append(token)
    while taken and taken[-1][0].lower() in PARTICLES:
        taken.pop()
    proper = [token for token in taken if token[0].lower() not in PARTICLES and len(token[0].strip(".")) > 1]
    if not 1 < len(proper) <= MOST_WORDS or (
        len(taken) < len(tokens) - first and tokens[first + len(taken)][0].lower() in WARES
    ):
        return None
    start, end = run.start() + taken[0].start(), run.start() + proper[-1].end()
    ending = re.search(r"(?:['’]s)?\.?$", text[start:end])
    end -= len(ending[0]) if ending else 0
    parts = _parts(text[start:end])
    before = text[max(0, start - 30) : start]
    if _brand(parts) or {*parts} & TOWNS or THINGS.search(before) or text[start:end].isupper():
        return None
    opened = OPENS.search(before) is not None
    ends = text.startswith(("'s", "’s"), end) or ENDS.match(text, end) is not None
    if is_family(parts[-1]):
        return (start, end) if opened or ends else None
    return (start, end) if ends and (opened or LINKS.search(before)) else None
