"""Languages as codes, and whether a text is written in its language's script."""

import ibis
from ibis.expr.types import Table, Value

from workbench.governance.signals.characters import HAN, KANA_HANGUL

LANGUAGE = r"^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$"  # BCP 47
OTHER_SCRIPT = r"[\x{0370}-\x{05FF}\x{0600}-\x{06FF}\x{0E00}-\x{0E7F}\x{3040}-\x{30FF}\x{AC00}-\x{D7AF}]"
SCRIPT_OF = {"zh": HAN, "ja": rf"{HAN}|{KANA_HANGUL}", "ko": r"[\x{AC00}-\x{D7AF}]", "ru": r"[\x{0400}-\x{04FF}]",
             "uk": r"[\x{0400}-\x{04FF}]", "bg": r"[\x{0400}-\x{04FF}]", "el": r"[\x{0370}-\x{03FF}]",
             "ar": r"[\x{0600}-\x{06FF}]", "he": r"[\x{0590}-\x{05FF}]", "th": r"[\x{0E00}-\x{0E7F}]"}  # fmt: skip
"""Script of the languages that are not written in Latin letters."""


def wrong_script(t: Table) -> Value:
    """Whether a product's text is written in another script than its language's."""
    text = ibis.coalesce(t.title, "") + " " + ibis.coalesce(t.description, "")
    return other_script(text, t.language)


def other_script(text: Value, language: Value) -> Value:
    """Whether text lacks the script of its language, or has letters of a script foreign to it; names pass."""
    base = language.lower().re_extract("^[a-z]+", 0)
    lacking = ibis.literal(False)
    for code, script in SCRIPT_OF.items():
        lacking = lacking | ((base == code) & ~text.re_search(script) & text.re_search("[A-Za-z]{3}"))
    latin = base.isin(["en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "fi", "nb", "no", "cs", "tr"])
    foreign = text.re_search(rf"(?:{HAN}|{OTHER_SCRIPT}|[\x{{0400}}-\x{{04FF}}]){{2}}")
    return lacking | (latin & foreign) | ((base == "zh") & text.re_search(rf"{OTHER_SCRIPT}{{3}}"))
