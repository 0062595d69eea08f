"""How people write: no capitals or nothing but, short forms and slips, quotes, blanks and full-width signs.

Only the words around values are misspelt; values change as a whole and stay what they are.
"""

import re
from dataclasses import dataclass, replace
from random import Random

SLIPS = {
    "address": "adress", "received": "recieved", "delivery": "delivary", "please": "pls", "Please": "Pls", "you": "u",
    "definitely": "definately", "number": "nubmer", "because": "becuase", "because of": "cuz of", "parcel": "parcell",
    "tomorrow": "tommorow", "their": "thier", "which": "wich", "again": "agian", "wrong": "worng",
    "I'm": "im", "doesn't": "doesnt", "can't": "cant", "don't": "dont", "account": "acount",
    "email": "e-mail", "and": "&", "refund": "refnd", "waiting": "wating", "with": "w/", "never": "nver",
}  # fmt: skip
CHINESE_SLIPS = {
    "快递": "快弟", "怎么": "肿么", "什么": "啥", "订单": "定单", "没有": "木有", "请问": "请文", "这个": "介个",
    "一直": "一只", "收到": "收倒", "退款": "退宽", "不行": "8行", "客服": "客伏", "已经": "以经", "谢谢": "蟹蟹",
    "再也": "在也",
}  # fmt: skip
HALF_WIDTH = {"，": ",", "：": ":", "。": ".", "？": "?", "！": "!", "（": "(", "）": ")"}
FULL_WIDTH = {ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"}
QUOTES = {
    "en": ['"{}"', "({})", "'{}'", "[{}]", "<{}>", "“{}”", "*{}*"],
    "zh": ["“{}”", "「{}」", "（{}）", "【{}】", '"{}"'],
}
QUOTED = {"EMAIL", "PHONE", "CARD", "IBAN", "IP", "ID", "PLATE", "ADDRESS", "NAME"}
SHOP = {
    "", "brand", "street_product", "item", "shop", "color", "size", "dims", "date", "time", "pack", "price", "version",
}  # fmt: skip
SMALL, LARGE = SHOP | {"NAME", "ADDRESS"}, SHOP | {"NAME", "ADDRESS", "EMAIL", "codeword"}
WIDENED = {"", "PHONE", "CARD", "ID", "ADDRESS", "price", "date", "order"}
TOUCHING = {("NAME", "PHONE"), ("PHONE", "ADDRESS")}
PARTED = {*TOUCHING, ("NAME", "ADDRESS")}


@dataclass(frozen=True)
class Piece:
    """Words of a template, or the value of a slot."""

    text: str
    slot: str


def rewritten(rng: Random, language: str, genre: str, pieces: list[Piece]) -> list[Piece]:
    """The pieces of one text as somebody in a hurry might leave them."""
    pieces = (_english if language == "en" else _chinese)(rng, genre, pieces)
    pieces = _quoted(rng, language, pieces) if genre != "query" and rng.random() < 0.1 else pieces
    if rng.random() < 0.25 and not pieces[-1].slot:
        pieces = [
            *pieces[:-1],
            replace(pieces[-1], text=re.sub(r"[.。]$", rng.choice(["", "!", "...", "!!"]), pieces[-1].text)),
        ]
    pieces = [_words(pieces[0], pieces[0].text.lstrip()), *pieces[1:]]
    pieces = [*pieces[:-1], _words(pieces[-1], pieces[-1].text.rstrip())]
    return [piece for piece in pieces if piece.text]


def _english(rng: Random, genre: str, pieces: list[Piece]) -> list[Piece]:
    if rng.random() < 0.15:
        pieces = _misspelt(rng, pieces, r"\b{}\b", SLIPS)
    drawn = rng.random()
    if drawn < (0.8 if genre == "query" else 0.13):
        small = SMALL | {"PLATE"} if rng.random() < 0.4 else SMALL
        return [replace(piece, text=piece.text.lower()) if piece.slot in small else piece for piece in pieces]
    if drawn > 0.97 and genre != "query":
        return [replace(piece, text=piece.text.upper()) if piece.slot in LARGE else piece for piece in pieces]
    return pieces


def _chinese(rng: Random, genre: str, pieces: list[Piece]) -> list[Piece]:
    if rng.random() < 0.12:
        pieces = _misspelt(rng, pieces, "{}", CHINESE_SLIPS)
    if rng.random() < 0.25:
        pieces = _joined(pieces, "", TOUCHING)
    if rng.random() < 0.12:
        pieces = _joined(pieces, " ", PARTED)
        pieces = [_words(piece, re.sub(r"(?<=.)，|，(?=.)", " ", piece.text)) for piece in pieces]
    elif rng.random() < 0.2:
        signs = str.maketrans(HALF_WIDTH)
        pieces = [_words(piece, piece.text.translate(signs)) for piece in pieces]
    if rng.random() < 0.05:
        return [
            replace(piece, text=piece.text.translate(FULL_WIDTH)) if piece.slot in WIDENED else piece
            for piece in pieces
        ]
    if rng.random() < 0.12 and genre != "query":
        return _spaced(pieces)
    return pieces


def _words(piece: Piece, text: str) -> Piece:
    """The piece with this text, unless it is a value."""
    return piece if piece.slot else replace(piece, text=text)


def _misspelt(rng: Random, pieces: list[Piece], form: str, slips: dict[str, str]) -> list[Piece]:
    """One or two of the slips, wherever their words stand."""
    said = "".join(piece.text for piece in pieces if not piece.slot)
    possible = [word for word in slips if re.search(form.format(re.escape(word)), said)]
    for word in rng.sample(possible, min(len(possible), rng.choice([1, 1, 2]))):
        pattern, slip = form.format(re.escape(word)), slips[word]
        pieces = [_words(piece, re.sub(pattern, slip, piece.text, count=1)) for piece in pieces]
    return pieces


def _joined(pieces: list[Piece], sign: str, pairs: set[tuple[str, str]]) -> list[Piece]:
    """A comma that alone parts two values becomes the sign, between these kinds."""
    slots = [piece.slot for piece in pieces]
    return [
        replace(piece, text=sign)
        if piece.text == "，" and 0 < place < len(pieces) - 1 and (slots[place - 1], slots[place + 1]) in pairs
        else piece
        for place, piece in enumerate(pieces)
    ]


def _spaced(pieces: list[Piece]) -> list[Piece]:
    """Blanks between personal data and the words around it."""
    values = [False, *(piece.slot.isupper() for piece in pieces), False]
    return [
        piece if piece.slot else replace(piece, text=f"{' ' * before}{piece.text}{' ' * after}".replace(" \n", "\n"))
        for piece, before, after in zip(pieces, values, values[2:], strict=False)
    ]


def _quoted(rng: Random, language: str, pieces: list[Piece]) -> list[Piece]:
    """One value in quotes or brackets."""
    places = [place for place, piece in enumerate(pieces) if piece.slot in QUOTED and not piece.text.startswith("(")]
    if not places:
        return pieces
    chosen = rng.choice(places)
    before, after = rng.choice(QUOTES[language]).split("{}")
    return [*pieces[:chosen], Piece(before, ""), pieces[chosen], Piece(after, ""), *pieces[chosen + 1 :]]
