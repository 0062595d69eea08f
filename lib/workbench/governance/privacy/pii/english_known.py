"""English names of persons by what they are: a known given name before a family name, where a person fits.

Lists of given and family names are evidence, no proof: brands and works are called after persons. So the words around
decide as well, and the names of persons that are brands count for nothing.
"""

import re
from collections.abc import Iterator

from workbench.governance.privacy.pii.english_cues import LETTER, WRAPPED
from workbench.governance.privacy.pii.spans import Span
from workbench.governance.privacy.pii.words import words

GIVEN, SURNAMES, PARTICLES = words("given_names"), words("surnames"), words("particles")
NO_PART = words("not_names") | words("wares") | words("organisations") | words("street_ends")
COMMON, TOWNS, WARES, BRANDS = words("common"), words("towns"), words("wares"), words("persons_brands")
MOST_WORDS = 3
LARGE = rf"[A-ZÀ-Þ][{LETTER}]*(?:['’\-][{LETTER}]+)*"
RUN = re.compile(
    rf"(?<![{LETTER}\d@._/'’&#\-]){LARGE}(?:[ ](?:(?:{'|'.join(sorted(PARTICLES))})[ ])*(?:[A-Z]\.|{LARGE}))+"
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
THINGS = re.compile(
    r"(?i:\b(?:my|your|our|the|an?|this|that|these|those|new|old|another|any|some|few|his|her|their|its|size|brands?|"
    r"make|wear(?:ing)?|love|like|bought|buy|got|of|pairs?|ordered|order|original|genuine|fake|real|vintage|used))[ ]$"
)
ENDS = re.compile(
    r"[\"“”')\]*_>}]*\s*(?:$|[\n,;|)\].!?(:<\[–—/]|-\s|\+?\(?\d|\S+@|(?:and|or|who|has|have|had|is|was|will|would|"
    r"can|could|"
    r"did|didn't|does|doesn't|at|on|in|not|wants?|wanted|said|says|told|asked|lives?|lived|signed|ordered|paid|picked|"
    r"collected|called|wrote|writes|speaking|here|instead|as|with|by|please|pls|but|because|from|to|for|if|so|when|"
    r"took|gave|promised|helped|answered|refused|accepted|received|sent|should|must|may|never|again|today|tomorrow)\b)"
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
        r"(?:^|[^0-9A-Za-z])[A-ZÀ-Þ][\pL'’-]*\.? (?:[a-z]{1,3} ){0,3}[A-ZÀ-Þ]|@|[+(]\d|\d\d[ .\-/()]{1,2}\d{3}|"
        r"(?:^|[^0-9])\d{10,11}(?:[^0-9]|$)|"
        r"(?i:(?:is|was) (?:my|his|her|their|our|the|whose) | (?:will|shall) (?:collect|pick|sign|receive|be)|"
        r"is (?:going|coming) to|has my permission|(?:may|can) collect| speaking)"
    )

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for run in RUN.finditer(text):
            if span := _known(text, run):
                yield Span(*span, self.kind)
        for card in CARD.finditer(text):
            parts = _parts(card["name"])
            if parts[0] in GIVEN and not {*parts} & NO_PART and not _brand(parts):
                yield Span(*card.span("name"), self.kind)
        for stated in STATED.finditer(text):
            parts = _parts(stated["name"])
            likely = stated["name"][0].isupper() or len(parts) > 1 or parts[0] in GIVEN
            if likely and not {*parts} & (NO_PART | (COMMON - SURNAMES) | TOWNS) and not _brand(parts):
                yield Span(*stated.span("name"), self.kind)


def _parts(name: str) -> list[str]:
    return [part.strip(".").lower() for part in name.split()]


def _brand(parts: list[str]) -> bool:
    """Whether these words, or the first of them, are a brand that is called like a person."""
    bare = [re.sub(r"['’]s?|&", "", part) for part in parts]
    return any("".join(bare[:n]) in BRANDS for n in range(1, len(bare) + 1))


def _known(text: str, run: re.Match[str]) -> tuple[int, int] | None:
    """Where the name starts and ends that stands among words written large, unless it is a brand or a thing."""
    tokens = list(re.finditer(r"\S+", run[0]))
    first = next((n for n, token in enumerate(tokens) if token[0].lower() in GIVEN), None)
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
    if parts[-1] in SURNAMES:
        return (start, end) if opened or ends else None
    return (start, end) if ends and (opened or LINKS.search(before)) else None
