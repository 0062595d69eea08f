"""Broken characters found and mended: wrong encodings, markup, invisible characters, width and Unicode form.

Conditions are regular expressions that every engine runs. What an expression cannot say (decode again, unescape,
normalise) is a vectorised function, which sees only the texts that a regular expression has picked.
"""

import html
import re
import unicodedata
from urllib.parse import unquote

import ibis
import pyarrow as pa
from ibis.expr.types import BooleanValue, StringValue

HAN = r"[\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}]"
KANA_HANGUL = r"[\x{3040}-\x{30FF}\x{AC00}-\x{D7AF}]"
INVISIBLE = (
    r"[\x{00}-\x{08}\x{0B}\x{0C}\x{0E}-\x{1F}\x{7F}-\x{9F}\x{AD}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}"
    r"\x{2060}-\x{2064}\x{2066}-\x{2069}\x{FEFF}\x{FFF9}-\x{FFFB}\x{E000}-\x{F8FF}]"
)  # not U+200C and U+200D, which Persian, Indic scripts and emoji need
JOINERS = r"[\x{200C}\x{200D}]"
JOINING = r"[\x{0590}-\x{0DFF}\x{0F00}-\x{109F}\x{1780}-\x{18AF}\x{2190}-\x{2BFF}\x{FE0F}\x{1F000}-\x{1FAFF}]"
MARKS_OF_DIRECTION = r"[\x{0590}-\x{08FF}]"  # Hebrew and Arabic, where marks of direction belong to the text
SPACE = r"[\s\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]"
UNTIDY = (  # two spaces after a sentence are a habit, and no fault
    rf"^{SPACE}|{SPACE}$|[^.!?:;\s][ \x{{A0}}\x{{3000}}]{{2,}}|[ ]{{3,}}|"
    r"[\t\x{A0}\x{3000}\x{2000}-\x{200A}]"
)
INLINE = "a|abbr|b|big|code|em|font|i|label|mark|s|small|span|strike|strong|sub|sup|tt|u"
BLOCK = (
    "article|blockquote|body|br|button|center|dd|div|dl|dt|footer|form|h[1-6]|head|header|hr|html|iframe|img|input|"
    "li|link|meta|object|ol|p|pre|section|svg|table|tbody|td|th|thead|tr|ul|video"
)
MARKUP = (
    rf"(?i)</?(?:{INLINE}|{BLOCK}|script|style)(?:\s[^<>]*)?/?>|<!--|<!\[CDATA\[|<!doctype|"
    r"&(?:amp|lt|gt|quot|apos|nbsp|copy|reg|trade|hellip|mdash|ndash|euro|pound|deg|times|[lr][sd]quo|"
    r"[aeiouyn](?:acute|grave|circ|uml|tilde|ring)|szlig|[cs]cedil|#\d{1,6}|#x[0-9a-f]{1,6});"
)
ESCAPED = (
    r"\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[nrt](?:\b|\\|$)|(?:%[0-9A-Fa-f]{2}){2,}(?:[^%]|$)|"
    r"%20(?:[^%]|$)|%25(?:[0-9A-F]{2}|[0-9a-f]{2})"
)
REPLACED = r"\x{FFFD}|ï¿½|锟斤拷|烫烫|屯屯"
WIDE = "".join(chr(code) for code in range(0xFF01, 0xFF5F))
NARROW = "".join(chr(code) for code in range(0x21, 0x7F))
WIDE_LETTERS = r"[\x{FF10}-\x{FF19}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}]"
WIDE_ANY = r"[\x{FF01}-\x{FF5E}]"
HALF_KANA = r"[\x{FF66}-\x{FF9F}]"

_BYTES = {chr(byte): byte for byte in range(0x80, 0x100)}
for _byte in range(0x80, 0xA0):
    try:
        _BYTES[bytes([_byte]).decode("cp1252")] = _byte
    except UnicodeDecodeError:  # five bytes that Windows-1252 leaves undefined stay the controls of latin-1
        continue
_TAIL = "[" + re.escape("".join(char for char, byte in _BYTES.items() if byte < 0xC0)) + "]"
TWICE = f"(?:[Â-ß]{_TAIL}|[à-ï]{_TAIL}{{2}}|[ð-ô]{_TAIL}{{3}})+"
"""UTF-8 read as latin-1 or Windows-1252: each lead byte with its tail, seen as characters."""
GB_AS_LATIN = r"[¡-þ]{4,}"
_TWICE, _GB_AS_LATIN, _WIDER = re.compile(TWICE), re.compile(GB_AS_LATIN), re.compile(r"[^\x00-\x7f]+")
_LETTER_AS_GB = re.compile(r"(?<=[A-Za-z])[\u4e00-\u9fff](?=[a-z]|[^\w]|$)")
_PLAUSIBLE = (
    (0xA0, 0x17F), (0x218, 0x21B), (0x2C6, 0x2DC), (0x370, 0x4FF), (0x1E00, 0x1EFF), (0x200B, 0x206F),
    (0x20A0, 0x20BF), (0x2100, 0x27BF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0xFE0F, 0xFE0F),
    (0xFF00, 0xFFEF), (0x1F300, 0x1FAFF),
)  # fmt: skip
"""Code points that a shop's texts hold; accidental decodings land mostly elsewhere."""


def mojibake(text: StringValue) -> BooleanValue:
    """Whether a text was read in another encoding than its own, in a way that can be undone exactly."""
    suspect = text.re_search(f"{TWICE}|{GB_AS_LATIN}|{HAN}")
    return suspect.ifelse(decoded_again(only(text, suspect)) != text, False)


def undecodable(text: StringValue) -> BooleanValue:
    """Whether characters were lost to an encoding for good: replacement characters, or half of a wrong decoding."""
    han = text.re_search(HAN)
    return text.re_search(REPLACED) | han.ifelse(half_lost(only(text, han)), False)


def markup(text: StringValue) -> BooleanValue:
    """Whether a text holds HTML tags, comments or entities."""
    return text.re_search(MARKUP)


def invisible(text: StringValue) -> BooleanValue:
    """Whether a text holds control, zero-width or private-use characters, or joiners or marks of direction in vain."""
    needless = text.re_search(JOINERS) & ~text.re_search(JOINING)
    return (text.re_search(INVISIBLE) & ~text.re_search(MARKS_OF_DIRECTION)) | needless


def visible(text: StringValue) -> StringValue:
    """The text without what `invisible` finds."""
    shown = text.re_replace(INVISIBLE, "")
    return shown.re_search(JOINING).ifelse(shown, shown.re_replace(JOINERS, ""))


def wide(text: StringValue) -> BooleanValue:
    """Whether a text holds full-width letters or digits, or full-width signs where no Chinese or Japanese stands."""
    east = text.re_search(HAN) | text.re_search(KANA_HANGUL)
    return text.re_search(WIDE_LETTERS) | text.re_search(HALF_KANA) | (text.re_search(WIDE_ANY) & ~east)


def narrow(text: StringValue) -> StringValue:
    """Full-width letters and digits as half-width ones, half-width kana as full; signs too where no Han stands.

    In Chinese and Japanese text the full-width comma, colon or bracket is the right one and stays.
    """
    east = text.re_search(HAN) | text.re_search(KANA_HANGUL)
    pairs = [(w, n) for w, n in zip(WIDE, NARROW, strict=True) if n.isalnum()]
    letters = text.translate("".join(w for w, _ in pairs), "".join(n for _, n in pairs))
    kana = text.re_search(HALF_KANA)
    return kana.ifelse(compatible(only(text, kana)), east.ifelse(letters, text.translate(WIDE, NARROW)))


def decomposed(text: StringValue) -> BooleanValue:
    """Whether a text is not in Unicode's Normalization Form C (UAX #15)."""
    suspect = text.re_search(r"\p{M}|[\x{1100}-\x{11FF}\x{212A}\x{212B}\x{F900}-\x{FAFF}]")
    return suspect.ifelse(composed(only(text, suspect)) != text, False)


def untidy(text: StringValue) -> BooleanValue:
    """Whether a text has white space at an end, twice in a row, or of an unusual kind."""
    return text.re_search(UNTIDY)


def tidy(text: StringValue) -> StringValue:
    """The text with single plain spaces inside and none at the ends; line breaks inside stay."""
    single = text.re_replace(r"[ \t\x{A0}\x{1680}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}]+", " ")
    return single.re_replace(rf"^{SPACE}+|{SPACE}+$", "")


def escaped(text: StringValue) -> BooleanValue:
    """Whether escapes of a program or an address were left in the text: backslash codes, percent codes."""
    return text.re_search(ESCAPED)


def only(text: StringValue, suspect: BooleanValue) -> StringValue:
    """The text where it is suspect, else null: some engines call a function for all rows, whatever is done with it."""
    return suspect.ifelse(text, ibis.null("string"))


@ibis.udf.scalar.pyarrow
def decoded_again(text: str) -> str:
    """Texts with wrong decodings undone, exactly or not at all."""
    return pa.array([_decode(value) for value in text.to_pylist()], pa.string())  # type: ignore[attr-defined]


@ibis.udf.scalar.pyarrow
def half_lost(text: str) -> bool:
    """Whether UTF-8 was read as GB 18030 and lost bytes on the way."""
    return pa.array([_half_lost(value) for value in text.to_pylist()], pa.bool_())  # type: ignore[attr-defined]


@ibis.udf.scalar.pyarrow
def plain(text: str) -> str:
    """Texts without HTML: tags taken out (block tags leave a space), entities resolved."""
    return pa.array([_plain(value) for value in text.to_pylist()], pa.string())  # type: ignore[attr-defined]


@ibis.udf.scalar.pyarrow
def unescaped(text: str) -> str:
    """Texts with backslash and percent codes resolved."""
    return pa.array([_unescape(value) for value in text.to_pylist()], pa.string())  # type: ignore[attr-defined]


@ibis.udf.scalar.pyarrow
def composed(text: str) -> str:
    """Texts in Normalization Form C."""
    return pa.array([_form(value, "NFC") for value in text.to_pylist()], pa.string())  # type: ignore[attr-defined]


@ibis.udf.scalar.pyarrow
def compatible(text: str) -> str:
    """Texts in Normalization Form KC."""
    return pa.array([_form(value, "NFKC") for value in text.to_pylist()], pa.string())  # type: ignore[attr-defined]


def _form(text: str | None, form: str) -> str | None:
    return None if text is None else unicodedata.normalize(form, text)  # type: ignore[arg-type]


def _decode(text: str | None) -> str | None:
    for _ in range(3):  # what went wrong twice is undone twice
        if text is None or text.isascii():
            return text
        again = _GB_AS_LATIN.sub(lambda run: _gb_as_latin(run.group()), text)
        again = _TWICE.sub(lambda run: _latin(run.group()), again)
        again = _LETTER_AS_GB.sub(lambda run: _letter(run.group()), again)
        again = _WIDER.sub(lambda run: _utf8_as_gb(run.group()), again)
        if again == text:
            return text
        text = again
    return text


def _latin(run: str) -> str:
    try:
        back = bytes(_BYTES[char] for char in run).decode("utf-8")
    except UnicodeDecodeError:
        return run
    return back if all(_plausible(char) or char < "\xa0" for char in back) else run


def _utf8_as_gb(run: str) -> str:
    """UTF-8 that was read as GB 18030: its bytes decode, and to commoner characters than it shows."""
    try:
        back = run.encode("gb18030").decode("utf-8")
    except UnicodeError:
        return run
    sound = all(char.isascii() or _plausible(char) for char in back)
    return back if sound and _common(back) > max(_common(run), 0.5) else run


def _half_lost(text: str | None) -> bool:
    for run in _WIDER.findall(text or ""):
        raw = run.encode("gb18030", "ignore")
        kept = raw.decode("utf-8", "ignore")
        if len(kept) > 1 and len(kept.encode()) >= 0.6 * len(raw) and _common(kept) > max(_common(run), 0.5):
            return kept.encode() != raw
    return False


def _letter(char: str) -> str:
    """A letter with an accent, or a fixed space, whose two bytes were read as one Chinese character: 'caf茅'."""
    try:
        back = char.encode("gb18030").decode("utf-8")
    except UnicodeError:
        return char
    return back if back == "\xa0" or (len(back) == 1 and "\xc0" <= back <= "\u017f") else char


def _gb_as_latin(run: str) -> str:
    """Chinese in GB 2312 that was read as latin-1; only common characters are believed."""
    if _TWICE.fullmatch(run) or 4 * sum(char in "ÂÃ" for char in run) >= len(run):  # UTF-8, perhaps twice
        return run
    try:
        back = run.encode("latin-1").decode("gb2312")
    except UnicodeError:
        return run
    return back if _common(back) > 0.75 else run  # of four characters at most none, of five one may be rare


def _common(text: str) -> float:
    """Share of emoji and of GB 2312's first level (its 3,755 commonest Han) among the non-ASCII characters."""
    other = [char for char in text if not char.isascii()]
    return sum(_first_level(char) for char in other) / max(len(other), 1)


def _first_level(char: str) -> bool:
    code = char.encode("gb18030", "replace")
    return ord(char) >= 0x1F300 or (len(code) == 2 and 0xB0 <= code[0] <= 0xD7 and code[1] >= 0xA1)


def _plausible(char: str) -> bool:
    return any(low <= ord(char) <= high for low, high in _PLAUSIBLE)


_HIDDEN = re.compile(r"(?is)<(script|style)\b.*?</\1\s*>|<!--.*?-->|<!\[CDATA\[|\]\]>|<!doctype[^>]*>")
_INLINE = re.compile(rf"(?i)</?(?:{INLINE})(?:\s[^<>]*)?/?>")
_BLOCK = re.compile(rf"(?i)</?(?:{BLOCK}|script|style)(?:\s[^<>]*)?/?>")


def _plain(text: str | None) -> str | None:
    if text is None:
        return None
    for _ in range(3):  # entities may hide entities or tags
        bare = html.unescape(_BLOCK.sub(" ", _INLINE.sub("", _HIDDEN.sub(" ", text))))
        if bare == text:
            break
        text = bare
    return re.sub(r"[ \t\xa0]+", " ", text).strip()


def _unescape(text: str | None) -> str | None:
    if text is None:
        return None
    text = re.sub(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})", lambda m: chr(int(m[1] or m[2], 16)), text)
    text = re.sub(r"\\[nrt](?=\W|$)", " ", text)
    for _ in range(3):  # what was escaped twice is resolved twice
        again = re.sub(r"(?:%[0-9A-Fa-f]{2})+(?!%)", lambda m: _percent(m[0]), text)
        if again == text:
            break
        text = again
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _percent(run: str) -> str:
    """Percent codes resolved; left as they are where they are no UTF-8."""
    try:
        return unquote(run, errors="strict")
    except UnicodeDecodeError:
        return run
