"""Whether English words are a person's name: what every recogniser of such names asks.

Lists of given and family names are evidence, no proof: brands and works are called after persons.
"""

import re

from workbench.governance.privacy.pii.person_names import NO_PERSON, given_names, is_family
from workbench.governance.privacy.pii.words import words

PARTICLES = words("particles")
NO_PART = words("not_names") | words("wares") | words("organisations") | words("street_ends")
SURNAMES = words("surnames_common")
FAMILIES = SURNAMES | {"park", "hill", "lane", "banks", "heath", "grove", "woods", "rhodes", "court", "glen", "ridge"}
COMMON, TOWNS, WARES, BRANDS = words("common"), words("towns"), words("wares"), words("persons_brands")
NO_NAME = NO_PART | (COMMON - SURNAMES)
WORDS_TOO = words("given_words")
"""Given names that are words when they are written small."""
MOST_WORDS = 3
VERBS = (
    r"has|have|had|is|was|will|would|can|could|did|didn't|does|doesn't|wants?|wanted|said|says|told|asked|lives?|lived|"
    r"signed|ordered|paid|picked|collected|called|wrote|writes|speaking|took|gave|promised|helped|answered|refused|"
    r"accepted|received|sent|should|must|may|found|came|went|left|brought|knew|made|[a-z]{3,}ed"
)
JOINS = (
    r"and|or|who|at|on|in|not|here|instead|as|with|by|please|pls|but|because|from|to|for|if|so|when|never|again|today|"
    r"tomorrow|what|how|which|until|since|before|after|while|where|it|he|she|they|we|i|i['’]m|you|no|nobody|his|her|their|"
    r"now|still|just|even|also"
)
ENDS = re.compile(
    rf"[\"“”')\]*_>}}]*\s*(?:$|[\n,;|)\].!?(:<\[–—/&]|-\s|\+?\(?\d|\S+@|(?:{VERBS}|{JOINS})\b)", re.IGNORECASE
)
"""What follows a name, and seldom a thing that is called after a person: a sign, or a word that goes on."""
THINGS = re.compile(
    r"(?i:\b(?:my|your|our|the|an?|this|that|these|those|new|old|another|any|some|few|his|her|their|its|size|brands?|"
    r"make|wear(?:ing)?|love|like|bought|buy|got|of|pairs?|ordered|order|original|genuine|fake|real|vintage|used))[ ]$"
)


def is_given(word: str) -> bool:
    """Whether it is a given name, and no other word nor a brand."""
    low = word.lower()
    if low in NO_PERSON or low in BRANDS or low in PARTICLES or (word == low and low in WORDS_TOO):
        return False
    return low in given_names()


def is_person(name: str) -> bool:
    """Whether these words, written anyhow, are a given name and perhaps family names, and no brand."""
    written = name.split()
    parts = [part for part in parts_of(name) if len(part) > 1]
    parts = [part for part in parts[:-1] if part not in PARTICLES] + parts[-1:]
    initial = len(written[0]) == 1 or (len(parts) > 1 and is_brand(parts))
    if initial or not 0 < len(parts) <= MOST_WORDS or {*parts} & NO_NAME:
        return False
    first, last = parts[0], parts[-1]
    if len(parts) == 1 and (last in PARTICLES or name in WORDS_TOO):
        return False
    if first in given_names():
        return len(parts) < MOST_WORDS or last in given_names() or is_family(last) or written[-1][0].isupper()
    return len(parts) > 1 and is_family(last) and first not in TOWNS and written[-1][0].isupper()


def parts_of(name: str) -> list[str]:
    """Its words, written small and without dots."""
    return [part.strip(".").lower() for part in name.split()]


def is_brand(parts: list[str]) -> bool:
    """Whether these words, or the first of them, are a brand that is called like a person."""
    bare = [re.sub(r"['’]s?|&", "", part) for part in parts]
    return any("".join(bare[:n]) in BRANDS for n in range(1, len(bare) + 1))
