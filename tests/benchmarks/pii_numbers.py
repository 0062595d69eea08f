"""Numbers for the labelled texts: those with a check digit, right or wrong, addresses of the internet, telephones.

Functions named `not_…` make what looks like one and is none. Everything is drawn from the generator handed in.
"""

import ipaddress
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random

DIGITS, LETTERS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CARDS = {  # issuer's prefix: digits in all
    "4539": 16, "4716": 16, "4929": 16, "4485": 16, "5123": 16, "5412": 16, "5589": 16, "2221": 16, "6011": 16,
    "3714": 15, "3782": 15, "3530": 16,
}  # fmt: skip
CHINESE_CARDS = {
    "622202": 19, "621700": 19, "622848": 19, "621661": 19, "622588": 16, "621226": 19, "622155": 16, "621799": 19,
    "625912": 16, "4392": 16, "5187": 16, "622600": 16,
}  # fmt: skip
IBANS = {  # n: digit, a: letter, c: either; the account part alone
    "DE": "n" * 18, "GB": "a" * 4 + "n" * 14, "FR": "n" * 10 + "c" * 11 + "nn", "NL": "a" * 4 + "n" * 10,
    "ES": "n" * 20, "IT": "a" + "n" * 10 + "c" * 12, "BE": "n" * 12, "AT": "n" * 16, "CH": "n" * 17, "PL": "n" * 24,
    "IE": "a" * 4 + "n" * 14, "SE": "n" * 20, "DK": "n" * 14, "PT": "n" * 21, "NO": "n" * 11, "FI": "n" * 14,
    "SA": "nn" + "c" * 18, "AE": "n" * 19,
}  # fmt: skip
TELEPHONES = {  # country code, as written at home, as written abroad; X any digit, N 2 to 9
    "us": [("1", "({a}) N{x}-XXXX", "{a} N{x}-XXXX"), ("1", "{a}-N{x}-XXXX", "{a}-N{x}-XXXX"),
           ("1", "{a}.N{x}.XXXX", "{a}.N{x}.XXXX"), ("1", "{a} N{x} XXXX", "{a} N{x} XXXX"),
           ("1", "1-{a}-N{x}-XXXX", "{a}N{x}XXXX"), ("1", "{a}N{x}XXXX", "{a}N{x}XXXX")],
    "gb": [("44", "0{m} XXXXXX", "{m} XXXXXX"), ("44", "0{m}XXXXXX", "{m} XXX XXX"),
           ("44", "0{m} XXX XXX", "{m}XXXXXX"), ("44", "020 7NXX XXXX", "20 7NXX XXXX"),
           ("44", "0161 4NX XXXX", "161 4NX XXXX"), ("44", "(0131) 5NX XXXX", "(0)131 5NX XXXX")],
    "au": [("61", "0412 XXX XXX", "412 XXX XXX"), ("61", "0422 55X XXX", "42255XXXX")],
    "ie": [("353", "087 NXX XXXX", "87 NXX XXXX"), ("353", "086-NXXXXXX", "86 NXXXXXX")],
    "in": [("91", "98{i}XX XXXXX", "98{i}XX XXXXX"), ("91", "98{i}XXXXXXX", "98{i}XX-XXXXX")],
    "abroad": [("49", "", "151 2NXXXXXX"), ("33", "", "6 12 XX XX XX"), ("34", "", "612 XXX XXX"),
               ("65", "", "9123 XXXX"), ("64", "", "21 4XX XXX"), ("27", "", "82 4XX XXXX"),
               ("86", "", "138 XXXX XXXX"), ("852", "", "61XX XXXX"),
               ("31", "", "6 12XX XXXX"), ("46", "", "70 2XX XX XX")],
}  # fmt: skip
US_AREAS = (
    "212",
    "312",
    "415",
    "503",
    "512",
    "602",
    "617",
    "702",
    "713",
    "786",
    "816",
    "919",
    "416",
    "604",
    "206",
    "303",
)
UK_MOBILES = (
    "7400",
    "7415",
    "7450",
    "7512",
    "7545",
    "7590",
    "7703",
    "7720",
    "7745",
    "7760",
    "7801",
    "7850",
    "7903",
    "7950",
)
CHINESE_MOBILES = (*range(130, 140), *range(150, 154), *range(155, 160), *range(180, 190), 147, 166, 176, 178, 198, 199)
CHINESE_AREAS = {
    "010": 8,
    "021": 8,
    "020": 8,
    "0571": 8,
    "0755": 8,
    "028": 8,
    "025": 8,
    "0532": 8,
    "0731": 8,
    "0592": 7,
}
PUBLIC_V4 = (23, 31, 46, 62, 78, 81, 85, 91, 109, 114, 121, 139, 151, 176, 178, 183, 188, 203, 212, 218, 221)
PUBLIC_V6 = ("2a02:8108", "2001:4860", "2600:1f18", "240e:3b4", "2409:8a55", "2a00:23c7", "2804:14d", "2401:4900")


def digits(rng: Random, count: int) -> str:
    """So many digits, the first no zero."""
    return rng.choice(DIGITS[1:]) + "".join(rng.choices(DIGITS, k=count - 1))


def luhn(number: str) -> bool:
    """The check of payment cards."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def card(rng: Random, prefixes: dict[str, int]) -> str:
    """A payment card's number, in groups or not."""
    prefix = rng.choice(list(prefixes))
    body = prefix + "".join(rng.choices(DIGITS, k=prefixes[prefix] - len(prefix) - 1))
    return grouped(rng, next(body + check for check in DIGITS if luhn(body + check)))


def not_card(rng: Random) -> str:
    """Sixteen digits, grouped like a card's, that fail the check."""
    return grouped(rng, _until(lambda: rng.choice("3456") + digits(rng, 15), lambda number: not luhn(number)))


def grouped(rng: Random, number: str) -> str:
    """A card's number as printed, or typed without blanks."""
    separator = rng.choice(["", " ", " ", "-"])
    sizes = (4, 6, 5) if len(number) == 15 else (4,) * 5
    return separator.join(filter(None, _cut(number, sizes)))


def serial(rng: Random, count: int) -> str:
    """A number that is neither card nor identity, whatever its length."""
    return _until(lambda: digits(rng, count), lambda number: not luhn(number) and not is_resident(number))


def in_parts(rng: Random, sizes: Sequence[int]) -> str:
    """The same with hyphens between parts of these sizes."""
    return "-".join(_cut(serial(rng, sum(sizes)), sizes))


def iban(rng: Random, *, right: bool = True) -> str:
    """An account's number, in groups of four or not; with wrong check digits on demand."""
    country = rng.choice(list(IBANS))
    drawn = {"n": DIGITS, "a": LETTERS, "c": DIGITS + LETTERS}
    account = "".join(rng.choice(drawn[kind]) for kind in IBANS[country])
    check = 98 - mod97(f"{country}00{account}")
    if not right:
        check = (check - 2 + rng.randrange(1, 96)) % 97 + 2
    whole = f"{country}{check:02d}{account}"
    return " ".join(_cut(whole, (4,) * 9)).strip() if rng.random() < 0.55 else whole


def mod97(number: str) -> int:
    """What is left of an account's number, its first four characters moved to the end and letters read as numbers."""
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97


def resident(rng: Random, prefixes: Sequence[str], *, right: bool = True) -> str:
    """A Chinese resident's identity number, its letter small now and then; with a wrong check digit on demand."""
    born = date(1948, 1, 1) + timedelta(days=rng.randrange(22_000))
    body = f"{rng.choice(prefixes)}{born:%Y%m%d}{rng.randrange(1, 1000):03d}"
    check = resident_check(body)
    if not right:
        check = rng.choice([other for other in DIGITS if other != check and not luhn(body + other)])
    return body + (check.lower() if rng.random() < 0.2 else check)


def resident_check(body: str) -> str:
    """The last character that belongs to the first 17."""
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body))
    return "10X98765432"[total % 11]


def is_resident(number: str) -> bool:
    """Whether an 18-digit number passes the check of identity numbers."""
    return len(number) == 18 and resident_check(number[:17]) == number[17]


def ean(rng: Random, prefix: str = "") -> str:
    """A right barcode number that is no card's."""

    def drawn() -> str:
        body = (prefix + digits(rng, 12))[:12]
        total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
        return body + str(-total % 10)

    return _until(drawn, lambda number: not luhn(number))


def isbn(rng: Random, prefixes: Sequence[str] = ("9780", "9781")) -> str:
    """Thirteen digits with hyphens or none."""
    whole = ean(rng, rng.choice(prefixes))
    return "-".join(_cut(whole, (3, 1, 4, 4, 1))) if rng.random() < 0.6 else whole


def ip(rng: Random) -> str:
    """A public address, of version 4 mostly."""
    if rng.random() < 0.75:
        return ".".join(str(part) for part in (rng.choice(PUBLIC_V4), *(rng.randrange(1, 255) for _ in range(3))))
    parts = [f"{rng.randrange(1, 65536):x}" for _ in range(6)]
    if rng.random() < 0.4:
        parts[1:4] = ["0", "0", "0"]
    whole = f"{rng.choice(PUBLIC_V6)}:{':'.join(parts)}"
    return str(ipaddress.ip_address(whole)) if rng.random() < 0.7 else whole


def telephone(rng: Random, *, abroad: bool = False) -> str:
    """A number as English writers give it: of their country, or with its code."""
    country = rng.choices(list(TELEPHONES), [6, 4, 1, 1, 1, 3])[0]
    code, home, foreign = rng.choice(TELEPHONES[country])
    if abroad or not home or rng.random() < 0.3:
        start = rng.choice([f"+{code} ", f"+{code}-", f"(+{code}) ", f"+{code} ", f"00{code} ", f"+{code}"])
        if start.startswith("00") and code == "1":
            start = "+1 "
        text = start + foreign
    else:
        text = home + (f" ext. {rng.randrange(10, 900)}" if country == "us" and rng.random() < 0.08 else "")
    area, mobile = rng.choice(US_AREAS), rng.choice(UK_MOBILES)
    text = text.replace("{a}", area).replace("{m}", mobile)
    text = text.replace("{x}", rng.choice(["34", "60", "72", "85", "97", "48"])).replace("{i}", rng.choice("1234678"))
    return "".join({"X": rng.choice(DIGITS), "N": rng.choice("2346789")}.get(letter, letter) for letter in text)


def chinese_telephone(rng: Random) -> str:
    """A number as Chinese writers give it: a mobile mostly, a landline, or one of Hong Kong or Taiwan."""
    drawn = rng.random()
    if drawn < 0.14:
        area = rng.choice(list(CHINESE_AREAS))
        local = rng.choice("68") + rng.choice("2345678") + "".join(rng.choices(DIGITS, k=CHINESE_AREAS[area] - 2))
        text = rng.choice([f"{area}-{local}", f"({area}){local}", f"{area}{local}", f"{area} {local}"])
        return text + (f"转{rng.randrange(100, 900)}" if rng.random() < 0.15 else "")
    if drawn < 0.19:
        foreign = (f"+852 61{digits(rng, 2)} {digits(rng, 4)}", f"+886 912 {digits(rng, 3)} {digits(rng, 3)}")
        return rng.choice(foreign)
    parts = (str(rng.choice(CHINESE_MOBILES)), "".join(rng.choices(DIGITS, k=4)), "".join(rng.choices(DIGITS, k=4)))
    start = rng.choice(["+86", "+86 ", "(+86)", "86-", "+86-"]) if rng.random() < 0.15 else ""
    return start + rng.choice(["", "", "", "", " ", "-"]).join(parts)


def _until(draw: Callable[[], str], good: Callable[[str], bool]) -> str:
    while not good(value := draw()):
        pass
    return value


def _cut(text: str, sizes: Sequence[int]) -> list[str]:
    ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
    return [text[end - size : end] for end, size in zip(ends, sizes, strict=True)]
