"""English names of persons after words that announce them.

A name by itself is not looked for: too many are brands. Which words are names is not looked up either; a cue, the
capitals and a list of words that are none decide.
"""

import re
from collections.abc import Iterator

from workbench.governance.privacy.pii.spans import Span
from workbench.governance.privacy.pii.words import words

NOT_NAMES, COMMON, TOWNS = words("not_names"), words("common"), words("towns")
TITLED_BRANDS, PARTICLES, ORGANISATIONS = words("titled_brands"), words("particles"), words("organisations")
WARES = words("wares")
TOWN_BEGINS = words("towns_begin")
BEFORE_FIELD, BRANDS = words("before_field"), words("persons_brands")
MOST_WORDS = 3
LETTER = "A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ"
TOKEN = re.compile(
    rf"(?:[A-Z]\.){{1,3}}(?=[ ]?[{LETTER}])|[a-z]\.(?=[ ][a-z]{{2}})|"
    rf"[{LETTER}]+(?:['’‘\-][{LETTER}]+)*(?![{LETTER}\d@_])"
)
TITLE = re.compile(r"(?:mr|mrs|ms|miss|mx|dr|prof|sir|madam|professor|doctor)\b\.?[ \t]+", re.IGNORECASE)
VERBAL = re.compile(r".{2,}(?:ing|ed|ly|n't|'re|'ll|'ve)$")
VERBAL_NAMES = words("verbal_names")

LABEL = (
    r"(?:recipient|addressee|consignee|cardholder|card ?holder|account holder|contact|contact person|customer|receiver|"
    r"sender|buyer|purchaser|full|first|last|family|given|contact|billing|shipping|delivery|holder|passenger|"
    r"guest|client|"
    r"your|his|her|their|birth|legal|real)"
)
CUES = re.compile(
    r"(?:(?P<strong>\b(?:my|the|his|her) (?:full |first |last |real )?names?(?:'s|’s| is(?![A-Za-z])|:)|\bi(?: am|'m|"
    r"’m) called|"
    r"\bname on (?:the |my )?(?:order|parcel|card|account|package|label|door ?bell|bell)(?: is|:)|"
    r"\b(?:under|in) the name(?: of)?|\bgoes by the name(?: of)?)"
    rf"|(?P<field>(?<![A-Za-z\-_])(?:{LABEL}[ _-]?)?name[\"']?\s?[:=]|"
    r"\b(?:recipient|addressee|consignee|receiver|cardholder|account holder|contact person|contact name|"
    r"ship(?:ping)? to|"
    r"deliver to|bill to|sender)(?: name| is)?\s?[:=-]|\brecipient(?: name)?(?: is)?|\baddressee(?: is)?)"
    r"|(?P<to>\b(?:re-?)?(?:deliver(?:ed|y)?|ship(?:ped|ment)?|addressed|hand(?:ed)?)(?: (?:it|this|that|them|"
    r"the parcel|my parcel|parcel|"
    r"the package|the order|my order|order|everything|only|directly|personally|over))? to|\bc/o|\bcare of|"
    r"\bask(?:ing|ed)? for|"
    r"\b(?:speak|talk|spoke|speaking|spoken) (?:to|with))"
    r"|(?P<attn>\b(?:attn|att|fao)\b\.?|\battention(?=\s?:)|\bfor the attention of)"
    r"|(?P<dear>\bdear)"
    r"|(?P<signed>\bsigned(?=\s*[,:\-–—\n])|\b(?:(?:kind|best|warm|kindest|warmest|many)\s+)?regards|"
    r"\bsincerely(?: yours)?|"
    r"\byours (?:truly|faithfully|sincerely))"
    r"|(?P<bye>\b(?:thanks|thank you|many thanks|cheers|best wishes|all the best|best|love)(?=\s*[,\n]))"
    r"|(?P<title>(?<![A-Za-z'’.\-])(?:mr|mrs|ms|miss|mx|dr|prof)\b\.?(?=[ \t]+))"
    r"|(?P<speaking>\bthis is|\bit's|\bit is)(?=\s))(?!(?<=[A-Za-z])[A-Za-z0-9])",
    re.IGNORECASE,
)
GAP = re.compile(r"[ \t]*(?:[,:=\-–—]+|\n)?\s*[\"“”'‘(]?")
SPOKEN = re.compile(r",?\s+(?:speaking|calling|on the (?:phone|line)|writing)\b", re.IGNORECASE)
CLOSED = re.compile(r"\s*(?:$|[^\w\s'’])")


class EnglishNames:
    """One to three words of a name after a cue."""

    kind = "NAME"
    languages: tuple[str, ...] = ()
    hint = (
        r"(?i)(?:^|[^A-Za-z])names?(?:['’]s|[\"']?\s?[:=]| is| on)|\bthe names?\b|\bi(?: am|['’]m) called|"
        r"\brecipient|\baddressee|"
        r"\bconsignee|\b(?:receiver|cardholder|account holder|contact person|ship(?:ping)? to|deliver to|bill to|"
        r"sender)(?: is)?\s?[:=-]|"
        r"(?:deliver|ship|address|hand|speak|talk|spoke|speaking|spoken|ment|over|only|directly|personally|it|"
        r"this|that|them|"
        r"parcel|package|order|everything|livery|ed|y) to\b|(?:speak|talk|spoke|speaking|spoken) with\b|\bc/o|"
        r"\bcare of|\bask(?:ing|ed)? for|\batt(?:n|"
        r"ention)?\b|\bfao\b|\bdear|\bsigned|"
        r"\bregards|\bsincerely|\byours|\b(?:thanks|thank you|cheers|best wishes|all the best|best|love)\s*[,\n]|"
        r"\b(?:mr|mrs|ms|miss|mx|dr|prof)\b\.?[ \t]|\b(?:this is|it is|it's)\s.*(?:speaking|calling|writing|on the)"
    )

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for cue in CUES.finditer(text):
            start = cue.end()
            if (cue.lastgroup == "field") and _other_thing(text, cue):
                continue
            if gap := GAP.match(text, start):
                start = gap.end()
            titled = cue.lastgroup == "title"
            while title := TITLE.match(text, start):
                start, titled = title.end(), True
            span = _name(text, start)
            if span and _believed(text, cue, *span, titled):
                yield Span(*span, self.kind)


def _other_thing(text: str, cue: re.Match[str]) -> bool:
    """Whether a field is the name of a thing: product name, file_name."""
    before = re.search(r"([A-Za-z]+)[ _\-]$", text[max(0, cue.start() - 20) : cue.start()])
    word = cue[0].lower()
    return word.startswith("name") and before is not None and before[1].lower() not in BEFORE_FIELD


def _name(text: str, start: int) -> tuple[int, int] | None:
    """Where the words of a name that begins here start and end."""
    taken: list[re.Match[str]] = []
    small = shouted = False
    at = start
    while len(taken) < MOST_WORDS + 2 and (token := TOKEN.match(text, at)):
        word = token[0]
        if not taken or all(token[0].lower() in PARTICLES for token in taken):
            small, shouted = word.islower(), word.isupper() and len(word) > 1 and text.isupper()
        if not _goes_on(word, small or shouted, first=not taken) or (taken and word.islower() != small
                                                                     and word.lower() not in PARTICLES):  # fmt: skip
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
    if (small or shouted) and len(proper) == MOST_WORDS and not CLOSED.match(text, proper[-1].end()):
        proper = proper[:2]
    if not proper or re.fullmatch(r"(?:[A-Z]\.)+", proper[-1][0]):
        return None
    whose = re.compile(r"['’]s$").search(proper[-1][0])
    return taken[0].start(), proper[-1].end() - (2 if whose else 0)


def _goes_on(word: str, small: bool, first: bool) -> bool:
    low = re.sub(r"'s$", "", word.lower().replace("’", "'").replace("‘", "'"))
    if low in PARTICLES:
        return True
    if low in NOT_NAMES or TITLE.fullmatch(low + " "):
        return False
    if small:
        return len(low) > 1 and low not in COMMON and (low in VERBAL_NAMES or not VERBAL.match(low))
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
            and follows not in WARES
            and (cue.lastgroup != "title" or _title_written(text, cue))
        )
    if cue.lastgroup == "strong":
        return found[0] not in COMMON
    if whose or {follows, *found} & ORGANISATIONS or "".join(found) in BRANDS:
        return False
    small = text[start].islower()
    closed = bool(CLOSED.match(text, end))
    match cue.lastgroup:
        case "speaking":
            return bool(SPOKEN.match(text, end))
        case "bye":
            return not small and _ends_line(text, end)
        case "dear" | "signed":
            return (not small or closed) and not set(found) & COMMON
        case "to":
            several = " " in text[start:end]
            place = (
                (found[0] in TOWNS and not several)
                or found[0] in TOWN_BEGINS
                or bool(re.match(r"\s*\d", text[end:]) and not several)
            )
            return not place and not (set(found) & COMMON) and (not small or closed or follows in NOT_NAMES)
        case "field":
            return not set(found) & COMMON and not re.match(r"\s*\d{1,4}\b(?! [A-Za-z])", text[end:])
        case _:
            return found[0] not in COMMON


def _title_written(text: str, cue: re.Match[str]) -> bool:
    """Whether a title is written as one: MS in capitals and "miss" written small are other words."""
    word = cue[0].rstrip(".")
    if word in ("MS", "MX", "DR", "miss", "Miss", "MISS"):
        return text.isupper() or word == "Miss"
    return True


def _ends_line(text: str, end: int) -> bool:
    return bool(re.compile(r"[ \t]*[.!]?\s*(?:$|\n)").match(text, end))
