"""Number plates: Chinese ones by their form, others by their form and words that speak of a vehicle or its plate.

What no country's form fits is a plate only right after a word that announces it. Source: GA 36 (plates of China);
forms of the United Kingdom, the United States, Germany, India and Ireland.
"""

import re
from collections.abc import Iterator

from workbench.governance.privacy.pii.spans import Pattern, Recogniser, Span
from workbench.governance.privacy.pii.words import words

PROVINCE = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
LETTER = "A-HJ-NP-Za-hj-np-z"
CHINESE = Pattern(
    "PLATE", PROVINCE + r"[ ]?[A-Za-z]",
    re.compile(
        rf"{PROVINCE}[ ]?[A-Za-z][·•・.\- ]?(?=[{LETTER}]*\d)"
        rf"(?:[A-Ka-k][{LETTER}0-9]\d{{4}}|\d{{5}}[A-Ka-k]|[{LETTER}0-9]{{4}}[{LETTER}0-9挂学警港澳])(?![A-Za-z0-9])"
    ),
)  # fmt: skip

WRAPPED = r"[\"“'‘(\[<*_{]*"
CUE = (
    r"(?:(?:licen[cs]e|licen[a-z]{1,3}e|number|nu[a-z]{2,4}r|registration|car|vehicle|reg|"
    r"van|truck|rear|front)[ -]?(?:plates?|tags?)|"
    r"licen[cs]e (?:no|number|nr)\b\.?|\btag(?=,? [A-Z]{3}[ -]?\d{3,4}\b|s? (?:number|no|is|was|reads?)\b|"
    r"\s?:)|vrn|vrm|"
    r"plates?(?= (?:number|no|is|was|"
    r"reads?)\b|\s?[:?]|,? [\"“'<(*]{0,2}(?:[A-Z]{3}[ -]?\d{3,4}\b|(?-i:[A-Z]{2,3}[ -]?\d|\d[A-Z]{3})))|"
    r"(?:vehicle |car |van )?(?:reg(?:istration)?|rego))"
)
LINK = (
    r"(?:\s+(?:number|no|nr|num|mark|plate|nu[a-z]{2,4}r))?\b\.?"
    r"(?:\s+(?:of|on) (?:my|the|his|her|their|our) (?:car|van|vehicle|truck|lorry))?\s*"
    r"(?:is|was|reads?|says|:|=|#|,|-)?\s*"
)
NEXT_TURN = r"[^\n:]*(?:\n+|[?!.]\s+)[A-Za-z][A-Za-z ]{0,15}:\s*"
FORM = (
    r"(?i:[A-Z]{2}[ ]?\d{2}[ -]?[A-Z]{3}|[A-Z]\d{1,3}[ -]?[A-Z]{3}|[A-Z]{3}[ -]?\d{1,3}[A-Z]|\d[A-Z]{3}[ -]?\d{3}|"
    r"[A-Z]{3}-\d{3,4}|[A-Z]{2}[ -]?\d{2}[ -]?[A-Z]{1,2}[ -]?\d{4}|\d{2,3}-[A-Z]{1,2}-\d{1,6}|"
    r"(?P<short>[A-Z]{3} ?\d{3,4}))"
)
LOOSE = (
    r"\d{3,4}[ -]?[A-Z]{3}|[A-Z]{1,3}[ -][A-Z]{1,2}[ -]?\d{1,4}|"
    r"[A-Z]{1,2}[ -]?\d{2}[ -]?[A-Z]{2}[ -]?\d{4}|(?=[A-Z0-9 -]*[A-Z])(?=[A-Z0-9 -]*\d)"
    r"(?:[A-Z0-9]{5,8}|[A-Z0-9]{2,4}[ -][A-Z0-9]{2,4})"
)
VEHICLE = re.compile(
    r"(?<![A-Za-z])(?:"
    + "|".join(sorted(words("vehicles")))
    + r"|roof (?:rack|bars?|box)|boot liner|touch[ -]?up paint|tow[ -]?bar|floor mats|number ?plates?|"
    + r"windscreen|my reg|click (?:and|&) collect bay|bay \d+"
    + r"|plates?|reg|rego|registration|registered)(?:s|'s)?(?![A-Za-z_])",
    re.IGNORECASE,
)
PART = re.compile(
    r"[ ](?:battery|filter|mats?|pads|discs|bulbs?|seat covers?|roof (?:bars?|rack|box)|key|mirror)\b", re.IGNORECASE
)
"""What is looked for to fit a vehicle whose plate begins the query."""
ISSUED = re.compile(
    r"[A-HJ-PR-Y][A-HJ-PR-Y](?:0[2-9]|1\d|2[0-7]|5[1-9]|6\d|7[0-7]) ?[A-HJ-PR-Z]{3}|[A-HJ-NPR-Y]\d{1,3} [A-HJ-PR-Y]{3}"
)
"""British plates since 2001 and, with their blank, since 1983: no I, Q, Z in the memory tag, the ages given out."""
OWN = re.compile(
    r"(?i:licen[cs]e plates?|number plates?)[^:\n]{0,12}[ :(\[\"“'‘<*_]+[A-Za-z]{3}(?:-|[ ]?(?!19\d\d|20\d\d))\d{4}$"
)
"""Letters that are also a word, and the number, right behind the very word for a plate."""
MODELS_END = words("models_end")
NO_LETTERS = words("common") | words("no_street") | words("not_names") | words("wares") | MODELS_END


class _Plates:
    """A plate right after the word for it, or in the form of one where a vehicle is spoken of."""

    kind = "PLATE"
    languages: tuple[str, ...] = ()
    hint = (
        r"(?is)\bplates?(?: (?:number|no|is|was|reads?)\b|\s?[:?]|,? [^A-Za-z0-9]{0,2}[A-Z]{2,3}[ -]?\d|"
        r",? \d[A-Z]{3}).*\d|\b(?:reg|rego|"
        r"registration)\b.*\d|"
        r"\b(?:licen[cs]e|number|registration|car|vehicle|reg)[ -]?(?:plates?|tags?)\b.*\d|"
        r"(?i:\b[A-Z]{2}[ ]?\d{2}[ ]?[A-Z]{3}\b)|\b[A-Z]\d{2,3}[ ]?[A-Z]{3}\b|\b\d[A-Z]{3}\d{3}\b"
    )
    announced = re.compile(
        rf"(?i:\b{CUE}(?:{LINK}|{NEXT_TURN}){WRAPPED})(?P<value>{FORM}|{LOOSE})(?![A-Za-z0-9-])",
    )
    formed = re.compile(
        r"(?<![A-Za-z0-9\-/#])(?:(?i:[A-Z]{2}(?:0[1-9]|[1-7]\d)[ ]?[A-Z]{3})|(?i:[A-Z]\d{2,3}[ ]?[A-Z]{3})|"
        r"(?i:\d[A-Z]{3}\d{3}))"
        r"(?![A-Za-z0-9\-/])"
    )

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for plate in self.announced.finditer(text):
            if not (plate["short"] and plate["short"][:3].lower() in NO_LETTERS) or OWN.match(plate[0]):
                yield Span(*plate.span("value"), self.kind)
        for plate in self.formed.finditer(text):
            letters = re.sub("[^A-Za-z]", "", plate[0])
            end = letters[-3:].lower()
            other = end in (MODELS_END if letters.isupper() else NO_LETTERS) or not (
                letters.isupper() or letters.islower()
            )
            fits = not plate.start() and PART.match(text, plate.end())
            british = letters.isupper() and not text.isupper() and ISSUED.fullmatch(plate[0])
            if not other and (british or fits or VEHICLE.search(text)):
                yield Span(*plate.span(), self.kind)


PLATES: tuple[Recogniser, ...] = (CHINESE, _Plates())
