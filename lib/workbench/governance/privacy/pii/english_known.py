"""English names of persons by what they are: a known given name before a family name, written large.

The words around decide as well whether it is a person, and the names of persons that are brands count for nothing.
"""

import re
from collections.abc import Iterator

from workbench.governance.privacy.pii.english_cues import LETTER, WRAPPED
from workbench.governance.privacy.pii.english_persons import (
    ENDS,
    MOST_WORDS,
    NO_NAME,
    NO_PART,
    PARTICLES,
    THINGS,
    TOWNS,
    WARES,
    is_brand,
    parts_of,
)
from workbench.governance.privacy.pii.person_names import given_names, is_family
from workbench.governance.privacy.pii.spans import Span

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
    """Two to four words written large that begin with a known given name, or words that are said to be a name."""

    kind = "NAME"
    languages: tuple[str, ...] = ("en",)
    hint = (
        r"(?:^|[^0-9A-Za-z])[A-ZÀ-Þ][\pL'’-]*\.? (?:[a-z]{1,3} ){0,3}[A-ZÀ-Þ]|"
        r"(?i:(?:is|was) (?:my|his|her|their|our|the|whose) | (?:will|shall) (?:collect|pick|sign|receive|be)|"
        r"is (?:going|coming) to|has my permission|(?:may|can) collect| speaking)"
    )

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for run in RUN.finditer(text):
            if span := _known(text, run):
                yield Span(*span, self.kind)
        for stated in STATED.finditer(text):
            parts = parts_of(stated["name"])
            likely = stated["name"][0].isupper() or len(parts) > 1 or parts[0] in given_names()
            if likely and not {*parts} & NO_NAME and not {*parts} & TOWNS and not is_brand(parts):
                yield Span(*stated.span("name"), self.kind)


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
    parts = parts_of(text[start:end])
    before = text[max(0, start - 30) : start]
    if is_brand(parts) or {*parts} & TOWNS or THINGS.search(before) or text[start:end].isupper():
        return None
    opened = OPENS.search(before) is not None
    ends = text.startswith(("'s", "’s"), end) or ENDS.match(text, end) is not None
    if is_family(parts[-1]):
        return (start, end) if opened or ends else None
    return (start, end) if ends and (opened or LINKS.search(before)) else None
