"""Titles and descriptions that are worded unlike the rest of their catalogue."""

import re
from collections import Counter

import pandas as pd

SELDOM = 0.02  # share below which something is against the catalogue's custom, and not another custom
ENOUGH_TEXTS = 50  # texts below which their lengths have no custom
PROMOTION = (
    r"\b(?:cheap(?:est)?|best|sale|buy|hot|new|free|shipping|discounts?|deals?|offer|guaranteed?|limited|clearance|"
    r"bargain|low(?:est)? price|top quality|20\d\d|\d{1,2} ?% ?off)\b|"
    "包邮|特价|促销|清仓|热卖|爆款|正品|秒杀|折扣|限时|新款|抢购|爆卖|最便宜|甩卖|优惠|免邮|疯抢|网红"
)
PROMOTIONS = 2  # such words in a title, each counted once, where titles are customarily without
REPEATS = 3  # times a title says one word, or a description one sentence twice
DECORATION = (
    r"[\u2190-\u21ff\u2460-\u24ff\u2580-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]|"
    r"[!！]{2}|[?？]{2}|\*{2}|~{2}|[★☆◆]"
)
TRAILING = r"(?:\.\.\.|…)$"
LONG, SHORT = 1.4, 0.6  # times the length below which 99 % stay, and above which 99 % stay
AMOUNT = (
    r"(?:[$€£¥￥₹₩]|\b(?:USD|EUR|GBP|CNY|RMB|JPY)) ?(?P<after>\d[\d,]*(?:\.\d+)?)|"
    r"(?<![\d.,])(?P<before>\d[\d,]*(?:\.\d+)?) ?(?:[€£¥￥₹₩]|\$(?!\w)|"
    r"(?:USD|EUR|GBP|CNY|RMB|JPY)\b|元(?!素|气|件|旦|宵|宝))"
)
PICTURE = r"(?i)\.(?:jpe?g|png|gif|webp|bmp|tiff?|heic)$"
CODE = r"[A-Z]{0,4}\d*[a-z]?(?:[-_/.#][A-Z0-9]+)*|[a-z]{1,3}\d+"
DIGITS = 3  # of a code
SENTENCE = 15  # characters from which a sentence said twice is no formula


def facts(rows: pd.DataFrame) -> pd.DataFrame:
    """Titles and descriptions that break the catalogue's custom of length, case and ending."""
    title, description = (
        rows["title"].fillna("").astype("str"),
        rows["description"].fillna("").astype("str").str.strip(),
    )
    length, given = title.str.len(), description != ""
    middle = length[length > 0].median() if (length > 0).any() else 0
    loud = (title == title.str.upper()) & (title != title.str.lower()) & title.str.contains("[A-Z]{4}", regex=True)
    ended = description.str.contains(r"[.!?。！？…)）\"”'’>;；%:：]$", regex=True)
    sizes = description.str.len().where(given)
    trailing = description.str.contains(TRAILING, regex=True)
    shortest = SHORT * sizes.quantile(0.01) if given.sum() >= ENOUGH_TEXTS else 0
    copied = given & (description.str.len() > 30) & description.duplicated(keep=False)
    return pd.DataFrame({
        "shouted": loud & (loud.mean() < SELDOM),
        "cut_off": (given & ~ended & (ended[given].mean() > 1 - 2 * SELDOM)) | _seldom(trailing)
        | title.str.contains(TRAILING, regex=True),
        "named_price": _seldom(_names_price(title, rows["price"])),
        "is_code": _seldom(title.map(_is_code) | (title == rows["item_id"].astype("str"))),
        "text_twice": copied & (copied.mean() < 2 * SELDOM),
        "too_long": ((length > 4 * middle) & (length > 60)) | _longest(length),
        "stuffed": _seldom(title.map(_stuffed)) | title.map(_chants),
        "decorated": _seldom(title.str.contains(DECORATION, regex=True)),
        "odd_length": _longest(sizes) | (sizes < shortest),
        "says_twice": _seldom(description.map(_says_twice)),
        "too_short": (length > 0) & ((length < min(3, middle)) | (length < middle / 5)),
    })  # fmt: skip


def _longest(sizes: pd.Series) -> pd.Series:
    """Lengths far beyond nearly all others; where a catalogue is small, beyond the typical one too."""
    given = sizes[sizes > 0]
    if len(given) < ENOUGH_TEXTS:
        return pd.Series(False, index=sizes.index)
    return sizes > max(LONG * given.quantile(0.99), 1.6 * given.median())


def _seldom(flags: pd.Series) -> pd.Series:
    """Flags, where they are against the catalogue's custom; none where many products have them."""
    return flags & bool(flags.mean() < SELDOM)


def _stuffed(title: str) -> bool:
    """Whether a title says one word again and again, or several words of advertising."""
    words = Counter(word for word in re.findall(r"[^\W\d_]{3,}", title.casefold()) if word.isascii())
    return any(n >= REPEATS for n in words.values()) or _promotions(title) >= PROMOTIONS


def _chants(title: str) -> bool:
    """Whether a title repeats a whole phrase three times, which no custom excuses."""
    return re.search(r"(\S.{5,}?)(?:\W*\1){2}", title) is not None


def _promotions(title: str) -> int:
    return len(set(re.findall(PROMOTION, title.casefold())))


def _says_twice(text: str) -> bool:
    sentences = Counter(part.strip().casefold() for part in re.split(r"[.!?。！？;；\n]+", text))
    least = SENTENCE if text.isascii() else SENTENCE // 2
    return any(n > 1 and len(sentence) >= least for sentence, n in sentences.items())


def _names_price(titles: pd.Series, prices: pd.Series) -> pd.Series:
    """Whether a title names an amount of money that is not the product's price, as a voucher's title may."""

    def names(title: str, price: float) -> bool:
        found = (match["after"] or match["before"] for match in re.finditer(AMOUNT, title))
        return any(abs(_amount(text) - price) > 0.005 for text in found)  # without a price there is nothing to compare

    given = pd.to_numeric(prices, errors="coerce")
    return pd.Series([names(*row) for row in zip(titles, given, strict=True)], index=titles.index, dtype=bool)


def _amount(text: str) -> float:
    """1,299.00 and 1.299,00: two digits after the last sign are decimals, be it a point or a comma."""
    decimals = re.fullmatch(r"(.*?)[.,](\d{1,2})", text)
    whole, rest = (decimals[1], decimals[2]) if decimals else (text, "0")
    return float(f"{re.sub(r'[.,]', '', whole) or 0}.{rest}")


def _is_code(title: str) -> bool:
    """Whether a title is the name of a picture, or one word of capitals and digits."""
    digits = sum(char.isdigit() for char in title)
    return re.search(PICTURE, title) is not None or (digits >= DIGITS and re.fullmatch(CODE, title) is not None)
