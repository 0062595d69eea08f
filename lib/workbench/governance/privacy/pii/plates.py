"""Number plates: Chinese ones by their form, others after a word that announces them.

Source: GA 36 (plates of China); forms of the United Kingdom, the United States and Germany.
"""

import re

from workbench.governance.privacy.pii.spans import Pattern, Recogniser

PROVINCE = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
LETTER = "A-HJ-NP-Za-hj-np-z"
CHINESE = Pattern(
    "PLATE", PROVINCE + r"[ ]?[A-Za-z]",
    re.compile(
        rf"{PROVINCE}[ ]?[A-Za-z][·•・.\- ]?(?=[{LETTER}]*\d)"
        rf"(?:[A-Ka-k][{LETTER}0-9]\d{{4}}|\d{{5}}[A-Ka-k]|[{LETTER}0-9]{{4}}[{LETTER}0-9挂学警港澳])(?![A-Za-z0-9])"
    ),
)  # fmt: skip
ENGLISH = Pattern(
    "PLATE",(
        r"(?is)\bplates?:.*\d|\b(?:reg|registration|plates? (?:number|no|is|was|reads?)|(?:licen[cs]e|number|"
        r"registration|car|vehicle|reg)[ -]?plates?)\b.*\d"
    ),
    re.compile(
        r"(?i:\b(?:(?:licen[cs]e|number|registration|car|vehicle|reg)[ -]?plates?|plates?(?= (?:number|no|is|was|"
        r"reads?)\b|:)|"
        r"(?:vehicle |car |van )?reg(?:istration)?)(?:\s+(?:number|no|nr|num|mark|plate))?\b\.?"
        r"(?:\s+(?:of (?:my|the) (?:car|van|vehicle)|on (?:my|the) (?:car|van)))?\s*(?:is|was|reads?|:|=|#|,|"
        r"-)?\s*[\"“'‘(]?)"
        r"(?P<value>(?i:[A-Z]{2}[ ]?\d{2}[ -]?[A-Z]{3}|[A-Z]\d{1,3}[ -]?[A-Z]{3}|[A-Z]{3}[ -]?\d{1,3}[A-Z]|"
        r"\d[A-Z]{3}[ -]?\d{3}|"
        r"[A-Z]{3}-\d{3,4})|[A-Z]{3} ?\d{3,4}|\d{3,4}[ -]?[A-Z]{3}|[A-Z]{1,3}[ -][A-Z]{1,2}[ -]?\d{1,4}|"
        r"[A-Z]{1,2}[ -]?\d{2}[ -]?[A-Z]{2}[ -]?\d{4}|(?=[A-Z0-9 -]*[A-Z])(?=[A-Z0-9 -]*\d)"
        r"(?:[A-Z0-9]{5,8}|[A-Z0-9]{2,4}[ -][A-Z0-9]{2,4}))(?![A-Za-z0-9-])",
    ),
)  # fmt: skip

PLATES: tuple[Recogniser, ...] = (CHINESE, ENGLISH)
