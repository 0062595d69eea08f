"""Postal addresses as English writes them: house number, street and type, and what follows without a break.

The street decides whether it is one; then flats, towns, states, postcodes and countries are taken as far as they go.
German streets with the number behind (Hauptstraße 5, 10115 Berlin) and post office boxes are read too.
"""

import re
from collections.abc import Iterator

from workbench.governance.privacy.pii.english_places import (
    CA_CODE,
    CITY,
    CODE,
    COUNTRY,
    DISTRICT_CODE,
    END,
    IE_CODE,
    INNER,
    LETTER,
    PARTS,
    SEP,
    STATE_NAMES,
    UK_CODE,
    US_STATES,
)
from workbench.governance.privacy.pii.spans import Span
from workbench.governance.privacy.pii.words import words

PLAIN = (
    "street|str|st|road|rd|avenue|ave|av|lane|ln|drive|dr|boulevard|blvd|crescent|cres|terrace|parkway|pkwy|highway|hwy"
)
MANIFOLD = (
    "way|court|ct|place|pl|close|ter|terr|square|sq|gardens|gdns|grove|gr|hill|mews|parade|park|circle|cir|row|walk|"
    "wharf|quay|"
    "trail|trl|green|yard|rise|view|vale|alley|esplanade|loop|broadway|turnpike|pike|plaza|embankment|common|hollow|"
    "ridge|"
    "croft|mansions|causeway|chase|mount|wynd|path|cove|bend|landing|manor|crest|expressway|towers|villas|drove|"
    "heights|crossing|circus|bypass|freeway|fwy|strand|mall|gate|"
    "meadows?|fields|orchard|glen|garth|cottages|brook|brae|copse|spinney|promenade|cul-de-sac|dene|lea|leys|oval|"
    "pointe|arcade|estate"
)
TYPES = f"{PLAIN}|{MANIFOLD}"
NAME_WORD = rf"(?:[{LETTER}][{LETTER}'’.\-]*|\d{{1,3}}(?:st|nd|rd|th|ST|ND|RD|TH))"
HOUSE = (
    r"(?:(?i:no\.?|number|nr\.?|#)\s?)?\d{1,5}(?:[A-Za-z](?![A-Za-z]))?(?:\s?[\-–/&]\s?\d{1,5}[A-Za-z]?(?![A-Za-z]))?"
)
STREET = re.compile(
    rf"(?<![A-Za-z0-9.,/\-–$£€#])(?P<house>{HOUSE}),?[ \t]+(?P<name>(?:{NAME_WORD}[ \t]+){{1,4}}?)"
    rf"(?P<type>(?i:(?:{MANIFOLD})[ \t]+(?:{MANIFOLD})\b(?![ \t]+(?:to|by|from)\b)|{TYPES}))\b"
    rf"(?P<more>(?:[ \t]+(?:{NAME_WORD}[ \t]+){{0,1}}(?i:{PLAIN})\b)?)"
    rf"\.?(?P<side>[ \t]+(?:N|S|E|W|NE|NW|SE|SW|North|South|East|West|n|s|e|w|ne|nw|se|"
    rf"sw)\b\.?(?![ \t]+(?i:{TYPES})\b))?"
)
NAMED = re.compile(
    rf"(?<![A-Za-z0-9.,/\-–$£€#])(?:{HOUSE},?[ \t]+|{INNER}[ \t]*(?:,[ \t]*|\n)(?=[{LETTER}]))"
    rf"(?P<name>(?:{NAME_WORD}[ \t]+){{0,4}}{NAME_WORD})(?=[ \t]*[,\n]|[ \t]+{INNER})"
)
"""A house and a name that no type of street ends; with a postcode behind the town it is an address all the same."""
FOREIGN = re.compile(
    rf"(?<![A-Za-z0-9.,/\-–$£€#])\d{{1,4}}(?:\s?(?:bis|ter|[A-Za-z](?![A-Za-z])))?,?[ \t]+(?:(?:[Rr]ue|[Aa]venue|"
    rf"[Bb]oulevard|[Pp]lace|[Cc]hemin|[Qq]uai|[Ii]mpasse)"
    rf"[ \t]+(?:(?:de|des|du|la|le|les|of|the|d['’]|l['’])"
    rf"[ \t]*){{0,2}}[A-ZÀ-Ý][{LETTER}'’\-]*(?:[ \t-][A-ZÀ-Ý][{LETTER}'’\-]+){{0,2}}|Broadway\b|broadway\b)"
)
GERMAN = re.compile(
    rf"(?<![A-Za-z0-9])(?:[A-ZÄÖÜ][{LETTER}\-]*(?:straße|strasse|str\.|weg|platz|allee|gasse|damm|ufer|ring|markt|"
    rf"graben|steig|straat|laan|gracht|plein|kade|dijk|singel|gatan|vägen|veien)|"
    rf"(?:Am|An der|Im|Zum|Zur|Auf dem|Auf der|Unter den)"
    rf"(?:[ ][A-ZÄÖÜ][{LETTER}\-]*){{1,2}}(?=[ ]\d{{1,4}}[ ]?[a-z]?,?\s+(?:D-)?\d{{5}}[ ][A-Z])|"
    rf"(?:[A-ZÄÖÜ][{LETTER}\-]*[ \-]){{1,2}}(?:Straße|Strasse|Str\.|Allee|Platz|Weg|Ring|Damm|Ufer|Gasse))"
    rf"[ \t]*\d{{1,4}}(?:[ ]?[a-z](?![A-Za-z]))?(?:[ ]?[\-–][ ]?\d{{1,4}}[a-z]?)?(?![A-Za-z0-9])"
)
BOX = re.compile(r"(?<![A-Za-z])(?:P\.?[ ]?O\.?|Post Office)[ ]?Box[ ]+\d{1,6}[A-Za-z]?(?![A-Za-z0-9])", re.IGNORECASE)

INNER_NEXT = re.compile(rf"{SEP}{INNER}")
COUNTRY_NEXT = re.compile(rf"{SEP}(?:{COUNTRY})(?![A-Za-z])")
WORDS_AND_CODE = re.compile(
    rf"(?:{SEP}(?:[{LETTER}][{LETTER}'’.\-]*)(?=[ ,\n])){{0,6}}?{SEP}"
    rf"(?:{UK_CODE}|(?:(?i:{US_STATES}|{STATE_NAMES}),?[ \n]+)?\d{{5}}(?:-\d{{4}})?|(?:(?i:{PARTS}|"
    rf"{STATE_NAMES}),?[ \n]+){CA_CODE}|{CA_CODE}|{IE_CODE}|(?i:{PARTS}|{STATE_NAMES}),?[ \n]+\d{{4}}|"
    rf"{DISTRICT_CODE}(?:,?[ \n]+{IE_CODE})?){END}"
)
WORDS_AND_NUMBER = re.compile(rf"(?P<words>(?:{SEP}(?:[{LETTER}][{LETTER}'’.\-]*)(?=[ ,\n])){{1,6}}?){SEP}{CODE}")
STATE_NEXT = re.compile(rf"{SEP}(?:{US_STATES}|{PARTS}|{STATE_NAMES}){END}")
CITY_NEXT = re.compile(rf"(?P<sep>{SEP})(?P<city>{CITY})(?![{LETTER}\d@])")
SMALL_CITY_NEXT = re.compile(
    rf"(?P<sep>{SEP})(?P<city>[a-zà-ÿ][a-zà-ÿ'’\-]*(?:[ ][a-zà-ÿ'’\-]+){{0,2}})(?=[ \t]*(?:$|[.,;:!?)\]\n\"”]))"
)
GERMAN_CITY = re.compile(
    rf"{SEP}(?:D-|A-|CH-|NL-)?(?:\d{{4}}[ ][A-Z]{{2}}|\d{{3}}[ ]\d{{2}}|\d{{4,5}})[ ]+(?:{CITY})(?![{LETTER}\d])"
)
LEAD_INNER = re.compile(
    rf"(?<![A-Za-z0-9])(?:{INNER}[ \t]*(?:,[ \t]*|\n[ \t]*|"
    rf"[ \t]+))+(?:[A-Z][{LETTER}'’.\-]*(?:[ ][A-Z][{LETTER}'’.\-]*){{0,3}}(?:,[ \t]*|\n))?$"
)
LONGEST_LEAD = 100
SHORTENED = re.compile(r"(?i:\b(?:st|rd|ave?|dr|ln|blvd|ct|pl|sq|cres|terr?|hwy|pkwy|cir|trl|gdns|str))$")
DOT_GOES_ON = re.compile(rf"\.(?=[,;:.!?)\]\"'”’*>]|[ ]+[a-z\-–—(\d#]|[ ]*\n[ ]*[{LETTER}\d#]|[ ]+[{LETTER}])")
DOT_OF_WORD = re.compile(r"\.(?=[,;:.!?)\]\"'”’*>}]|[ ]+[a-z\-–—(])")
"""A dot that ends no sentence, so that it is the abbreviation's even where the address ends with it."""
TO_BEFORE = re.compile(
    r"(?i:\b(?:to|at|address|adress|addr|live|lives|living|moved|from|is|location|near|pickup|pick up|"
    r"collect)[ ]?:?[ ]+)$"
)
SIZED = re.compile(
    r"(?i:\b(?:sizes?|uk|eu|us|qty|quantity|x|version|series|model|chapter|level|top|over|under|about|only|order|than)"
    r"[ :]*)$"
)
AFTER_SMALL = re.compile(
    rf"[ \t]*(?:$|[.,;:!?)\]\"'”’\n–—]|-[ ]|(?:{'|'.join(sorted(words('goes_on_after_street')))})\b)", re.IGNORECASE
)
MANIFOLDS = {*MANIFOLD.replace("meadows?", "meadow|meadows").split("|")}
NO_STREET, WARES, TOWNS = words("no_street"), words("wares"), words("towns")
JOINS = {"upon", "on", "of", "the", "le", "de", "la", "am", "in", "by", "under"}
NO_TOWN, COMMON = words("not_names") - words("parts_of_towns"), words("common")
MOBILE = re.compile(r"\bmobile,?\s+(?:al|alabama)\b", re.IGNORECASE)  # a town, where its state follows


class EnglishAddresses:
    """House number, street and what follows without a break."""

    kind = "ADDRESS"
    languages: tuple[str, ...] = ()
    hint = (
        rf"(?i)\d.*[ \t](?:{TYPES})\b|\d[A-Za-z]?,?[ \n][{LETTER}](?s:.*)[,\n](?s:.*)(?:{UK_CODE}|{CA_CODE}|{IE_CODE}|"
        rf"\d{{5}}|"
        rf"{DISTRICT_CODE}|[ ]\d{{4}})|\d.*[ \t](?:rue|chemin|quai|impasse)[ \t]|post office box|(?:^|"
        rf"[^A-Za-z])p\.?[ ]?o\.?[ ]?box|"
        r"(?:str(?:aße|asse|\.)|weg|platz|allee|gasse|damm|ufer|ring|markt|graben|steig|straat|laan|gracht|"
        r"plein|kade|dijk|singel|gatan|vägen|veien)[ \t]*\d"
    )

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        at = 0
        while street := STREET.search(text, at):
            span = _street(text, street)
            at = span.end if span else street.end("house")
            if span:
                yield span
        for named in NAMED.finditer(text):
            if end := _coded(text, named):
                yield Span(_lead(text, named.start()), end, self.kind)
        for pattern in (BOX, FOREIGN, GERMAN):
            for found in pattern.finditer(text):
                start = found.start() if pattern is not FOREIGN else _lead(text, found.start())
                yield Span(start, _tail(text, found.end(), found[0].islower(), german=pattern is not BOX), self.kind)


def _street(text: str, street: re.Match[str]) -> Span | None:
    """The address that begins with this street, unless it is something else that has a number before it."""
    name = street["name"].split()
    small = street["type"].islower()
    initials = {word for word in name if word.isupper() and len(word) < 3 and not text.isupper()}
    if {word.lower().strip(".,") for word in name if word not in initials} & NO_STREET:
        return None
    end = street.end("side") if street["side"] else street.end("more") if street["more"] else street.end("type")
    dotted = SHORTENED.search(text[street.start() : end]) is not None and text[end : end + 1] == "."
    if dotted and DOT_GOES_ON.match(text, end):
        end += 1
    tail = _tail(text, end, small)
    if tail == end:
        if dotted and text[end - 1] == "." and not DOT_OF_WORD.match(text, end - 1):
            tail -= 1
        following = re.compile(r"[ \t]+([A-Za-z]+(?:-[A-Za-z]+)*)").match(text, end)
        if following and following[1].lower() in WARES:
            return None
        led = street["type"].lower() in PLAIN.split("|") and TO_BEFORE.search(text[: street.start()][-20:])
        if small and not led and not AFTER_SMALL.match(text, end):
            return None
        if SIZED.search(text[max(0, street.start() - 12) : street.start()]) or (
            small and set(name) & (NO_TOWN | COMMON) and street["type"].split()[-1] in MANIFOLDS
        ):
            return None
    return Span(_lead(text, street.start()), tail, EnglishAddresses.kind)


def _coded(text: str, named: re.Match[str]) -> int | None:
    """Where the address ends that begins with a house and a name, if it ends with a town's postcode."""
    name, end = {word.lower() for word in named["name"].split()}, named.end()
    if name & (NO_STREET | NO_TOWN) - JOINS:
        return None
    for _ in range(2):
        if inner := INNER_NEXT.match(text, end):
            end = inner.end()
    found = WORDS_AND_CODE.match(text, end)
    if not found or not _contiguous(found[0], small=named["name"].islower()):
        return None
    country = COUNTRY_NEXT.match(text, found.end())
    return country.end() if country else found.end()


def _lead(text: str, start: int) -> int:
    """Where the flat begins that stands before the house."""
    bare = re.search(
        r"(?i:\b(?:unit|flat|apartment|apt|suite|shop|level|lot))\.?[ ]$", text[max(0, start - 12) : start]
    )
    if bare and "/" in text[start : start + 6]:
        start -= len(bare[0])
    before = text[max(0, start - LONGEST_LEAD) : start]
    lead = LEAD_INNER.search(before)
    return start - len(before) + lead.start() if lead else start


def _tail(text: str, end: int, small: bool, german: bool = False) -> int:
    """Where the address that has come as far as `end` stops."""
    for _ in range(2):
        if inner := INNER_NEXT.match(text, end):
            end = inner.end()
    if german and (found := GERMAN_CITY.match(text, end)):
        end = found.end()
        country = COUNTRY_NEXT.match(text, end)
        return country.end() if country else end
    coded, numbered = WORDS_AND_CODE.match(text, end), WORDS_AND_NUMBER.match(text, end)
    if coded and _contiguous(coded[0], small):
        end = coded.end()
    elif numbered and _is_town(numbered["words"], small):
        end = numbered.end()
    else:
        end = _towns(text, end, small)
    country = COUNTRY_NEXT.match(text, end)
    return country.end() if country else end


def _contiguous(words_and_code: str, small: bool) -> bool:
    """Whether the words before a postcode are a town's rather than a sentence's."""
    between = re.findall(rf"[{LETTER}][{LETTER}'’.\-]*", re.sub(r"\S*\d.*", "", words_and_code, flags=re.DOTALL))
    loose = [word for word in between if word.islower() and word not in JOINS]
    barred = NO_TOWN - JOINS - ({"mobile"} if MOBILE.search(words_and_code) else set())
    return not any(word.lower() in barred for word in between) and (small or len(loose) <= 2)


def _is_town(words_: str, small: bool) -> bool:
    """Whether the words before a number are towns: written large, or small behind a comma or a line's end."""
    large = all(word[0].isupper() or word in JOINS for word in re.findall(rf"[{LETTER}]+", words_))
    parted = small and re.match(r"[ \t]*[,\n]", words_) is not None
    return (large or parted) and _contiguous(words_, small)


def _towns(text: str, end: int, small: bool) -> int:
    """Where the towns and states end that follow without a code."""
    for _ in range(3):
        if state := STATE_NEXT.match(text, end):
            return state.end()
        if COUNTRY_NEXT.match(text, end):
            return end
        town = CITY_NEXT.match(text, end)
        if town and (kept := _town_words(town["city"])):
            end = town.start("city") + kept
            if kept < len(town["city"]):
                return end
            continue
        return _small_town(text, end) if small else end
    return end


def _small_town(text: str, end: int) -> int:
    """Where the town written small ends that follows; it is known by name, or stands alone after a comma."""
    town = SMALL_CITY_NEXT.match(text, end)
    if town and not set(town["city"].split()) & (NO_TOWN | COMMON) and town["sep"].strip():
        return town.end("city")
    word = re.compile(r",?[ ]+([a-z]+)\b").match(text, end)
    return word.end() if word and word[1] in TOWNS else end


def _town_words(city: str) -> int:
    """Characters of the town that come before a word which is no town's."""
    for word in re.finditer(r"\S+", city):
        bare = word[0].lower().strip(".")
        if bare in NO_TOWN:
            return max(0, len(city[: word.start()].rstrip()))
    return len(city.rstrip("."))
