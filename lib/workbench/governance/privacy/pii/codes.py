"""Personal data that a standard describes: addresses of mail and machines, cards, accounts, identity numbers.

Sources: RFC 5322 (e-mail, its common part), ISO/IEC 7812 (cards, Luhn), ISO 13616 (IBAN, mod 97), RFC 4291 (IPv6),
RFC 3986 (URL), GB 11643 with ISO 7064 mod 11-2 (resident identity numbers of China).
"""

import re
from collections.abc import Iterator
from datetime import date
from ipaddress import AddressValueError, IPv6Address

from workbench.governance.privacy.pii.spans import Pattern, Recogniser, Span

NO_WORD_BEFORE, NO_WORD_AFTER = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
"""Characters of an account number by country, as SWIFT's IBAN registry has them."""

ISSUERS = (
    (r"4", (13, 16, 19)), (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)), (r"3[47]", (15,)),
    (r"6011|64[4-9]|65", (16, 17, 18, 19)), (r"35(?:2[89]|[3-8])", (16, 17, 18, 19)), (r"30[0-5]|3[689]", (14, 15, 16)),
    (r"62|60|9558|9559|81", (16, 17, 18, 19)),
)  # fmt: skip
"""First digits of card numbers and how long these are: Visa, Mastercard, American Express, Discover, JCB, Diners,
UnionPay with older Chinese bank cards."""

FIRST_GROUPS = {4, 6, 8}

PROVINCES = {
    *range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83,
}  # fmt: skip
"""First two digits of a Chinese region code (GB/T 2260)."""

SECRET = (
    r"\w*token|pass(?:word|wd|phrase|code)?|pwd|pw|(?:api|access|secret|auth|private)[_-]?key|(?:client_)?secret|"
    r"(?:j|php)?sess(?:ion)?(?:_?id)?|sid|auth(?:orization|code)?|jwt|otp|sig(?:nature)?|credentials?"
)
SERVER_BEFORE = re.compile(
    r"(?:(?<![A-Za-z])(?:api from|from api|ips?|ipv4|ip[ -]?addr(?:ess)?|servers?|hosts?|proxy|gateway|dns|"
    r"ping|subnet)(?![A-Za-z])|"
    r"地址|服务器|主机|网关|代理)"
    r"(?:\s*(?:is|was|at|are|from|是|为|在))?[\s:=#(\[<\"“'*「【]*$",
    re.IGNORECASE,
)
VERSION_BEFORE = re.compile(
    r"(?:(?<![A-Za-z])(?:[a-z]*os|beta|alpha|version|ver|v|firmware|kernel|php|java|python|node|plugin|patch|sdk|api|client|package|"
    r"windows|linux|macos|opera|samsung internet|webview|brave|vivaldi|carplay|android auto|alexa|one ui|"
    r"site|chrome|firefox|safari|"
    r"edge|browser|engine|library|module|extension|add-?on|installer|"
    r"openssl|mysql|docker|ubuntu|debian|chipset|revision|rev|hotfix|dlc|"
    r"router os|miui|emui|coloros|nginx|harmonyos|fw|release|build|software|bios|driver|update|"
    r"android|app|section|chapter|"
    r"clause|article|paragraph)(?![A-Za-z])\.?|版本|固件|系统|版|鸿蒙|安卓|更新|升级|驱动(?:程序)?|程序|软件|应用|客户端|后台|车机|管家|音乐|视频|输入法|内核|补丁|插件|"
    r"浏览器|控件|组件|引擎|主板|显卡|微信|淘宝|支付宝|京东|小程序|构建|安装包|升级包|章节?|第)"
    r"(?:\s*(?:number|no\.?|is|to|from|at|号|是|为|到|至|从))?[\s:=#(\[<\"“'*「【]*$",
    re.IGNORECASE,
)
VERSION_AFTER = re.compile(
    r"\s*(?:version|firmware|driver|update|release|build|beta|patch|版本|固件|驱动|版|更新|补丁)"
    r"(?!\s*(?:[A-Za-z]+\s+){0,3}v?\d)",  # what comes after may have a version of its own
    re.IGNORECASE,
)


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def is_card(digits: str) -> bool:
    """Whether these digits are a payment card's: an issuer's prefix, its length, and the check digit."""
    known = any(len(digits) in lengths and re.match(prefix, digits) for prefix, lengths in ISSUERS)
    return known and luhn(digits) and len(set(digits)) > 1


def is_iban(text: str) -> bool:
    """Whether the text, without blanks, is an account number: its country's length, and the remainder 1 of 97."""
    if len(text) != IBAN_LENGTHS.get(text[:2], 0):
        return False
    moved = text[4:] + text[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def is_resident_id(text: str) -> bool:
    """Whether the 18 characters are a resident identity number: region, date of birth, check character."""
    if int(text[:2]) not in PROVINCES:
        return False
    try:
        born = date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    if not date(1900, 1, 1) <= born <= date.today():
        return False
    weighted = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(text[:17]))
    return "10X98765432"[weighted % 11] == text[17].upper()


class _Cards:
    """Card numbers: groups of digits that blanks or hyphens part, any run of which may be the card.

    Cards are printed in groups that begin with four, six or eight digits; 123-1234567-1234567 is an order.
    """

    kind, hint = "CARD", r"(?:^|[^0-9A-Za-z])(?:4(?:[ -]?\d){12}|[235689](?:[ -]?\d){13})"
    languages: tuple[str, ...] = ()
    run = re.compile(NO_WORD_BEFORE + r"\d+(?:([ -])\d+(?:\1\d+)*)?" + NO_WORD_AFTER)

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for match in self.run.finditer(text):
            groups = [group.span() for group in re.finditer(r"\d+", match[0])]
            for first in range(len(groups)):
                for last in range(len(groups), first, -1):
                    start, end = match.start() + groups[first][0], match.start() + groups[last - 1][1]
                    written = text[start:end]
                    digits = re.sub(r"\D", "", written)
                    sizes = [b - a for a, b in groups[first:last]]
                    shaped = len(sizes) == 1 or (sizes[0] in FIRST_GROUPS and min(sizes[:-1]) >= 3)
                    resident = len(digits) == len(written) == 18 and is_resident_id(digits)  # a tenth pass Luhn
                    if 13 <= len(digits) <= 19 and shaped and is_card(digits) and not resident:
                        yield Span(start, end, self.kind, True)


class _Accounts:
    """IBANs, grouped in fours or not; the country says where the number ends, for capitals may follow."""

    kind, hint = "IBAN", r"[A-Z]{2}\d{2} ?[A-Z0-9]{4}"
    languages: tuple[str, ...] = ()
    begin = re.compile(NO_WORD_BEFORE + r"[A-Z]{2}\d{2}(?= ?[A-Z0-9])")

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for match in self.begin.finditer(text):
            length = IBAN_LENGTHS.get(match[0][:2])
            if not length:
                continue
            for apart in ("", " "):
                pattern = apart.join("[A-Z0-9]" * 4 if n + 4 <= length else "[A-Z0-9]" * (length - n)
                                     for n in range(0, length, 4)).replace("[A-Z0-9]" * 4, "[A-Z0-9]{4}")  # fmt: skip
                whole = re.compile(pattern + NO_WORD_AFTER).match(text, match.start())
                if whole and is_iban(whole[0].replace(" ", "")):
                    yield Span(*whole.span(), self.kind, True)


class _Machines:
    """IP addresses of both versions; four numbers after a word for a version are none."""

    kind, hint = "IP", r"\d\.\d{1,3}\.\d{1,3}\.\d|:[0-9A-Fa-f]*:"
    languages: tuple[str, ...] = ()
    byte = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
    four = re.compile(
        rf"(?:(?<![A-Za-z0-9.])|(?<![A-Za-z][iI][pP])(?<=[iI][pP]))(?:{byte}\.){{3}}{byte}(?![A-Za-z0-9]|\.\d)"
    )
    six = re.compile(
        r"(?:(?<![A-Za-z0-9:.])|(?<=[G-Zg-z]:)|(?<=[\u4e00-\u9fff]:)|(?<![A-Za-z][iI][pP])(?<=[iI][pP]))(?!:[^:])"
        r"(?:[0-9A-Fa-f:]{2,38}[0-9A-Fa-f]|[0-9A-Fa-f:]{1,36}::)(?:(?<=:)\d+\.\d+\.\d+\.\d+)?(?![A-Za-z0-9]|:\S)"
    )

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for match in self.four.finditer(text):
            before = text[max(0, match.start() - 30) : match.start()]
            if SERVER_BEFORE.search(before) or not (
                VERSION_BEFORE.search(before) or VERSION_AFTER.match(text, match.end())
            ):
                yield Span(*match.span(), self.kind, True)
        for match in self.six.finditer(text):
            if self._is_six(match[0]):
                yield Span(*match.span(), self.kind, True)

    @staticmethod
    def _is_six(text: str) -> bool:
        try:
            IPv6Address(text)
        except AddressValueError:
            return False
        return text == "::1" or len(re.findall(r"[0-9A-Fa-f]+", text)) >= 3  # "a::b" is an address by its form alone


_OPENS = {")": "(", "]": "["}


class _SecretLinks:
    """URLs that carry a password or a token, with their scheme or, as people copy them, from the host on."""

    kind, hint = "URL_CREDENTIALS", rf"[A-Za-z]://|[?&#;](?i:{SECRET})="
    languages: tuple[str, ...] = ()
    sign = r"[^\s<>\"'`\\^{|}\u0080-\U0010ffff]"
    link = re.compile(
        rf"{NO_WORD_BEFORE}(?:[A-Za-z][A-Za-z0-9+.-]*://{sign}+|(?<![@._-])"
        rf"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{{2,24}}(?::\d{{2,5}})?[/?#]{sign}*)"
    )
    owner = re.compile(r"[^:]+://[^/?#@]*:[^/?#@]+@")
    secret = re.compile(rf"[?&#;](?:{SECRET})=[^&#;]+", re.IGNORECASE)

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for match in self.link.finditer(text):
            link = match[0]
            while link and (
                link[-1] in ".,;:!?'*_~" or (link[-1] in ")]" and link.count(_OPENS[link[-1]]) < link.count(link[-1]))
            ):
                link = link[:-1]
            if self.owner.match(link) or self.secret.search(link):
                yield Span(match.start(), match.start() + len(link), self.kind, True)


MAIL = Pattern(
    "EMAIL", r"[A-Za-z0-9_'+-]@[A-Za-z0-9]",
    re.compile(
        r"(?<![A-Za-z0-9._%+-])(?<![A-Za-z0-9_]')(?<!://)[A-Za-z0-9_](?:[A-Za-z0-9_%+'-]|\.(?=[A-Za-z0-9_%+-]))*@"
        r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![A-Za-z0-9])"
    ),
    certain=True,
)  # fmt: skip
RESIDENTS = Pattern(
    "CN_ID", r"\d{17}[0-9Xx]",
    re.compile(NO_WORD_BEFORE + r"[1-9]\d{5}(?:19|20)\d{9}[0-9Xx]" + NO_WORD_AFTER), is_resident_id, certain=True,
)  # fmt: skip

CODES: tuple[Recogniser, ...] = (MAIL, _SecretLinks(), _Cards(), _Accounts(), _Machines(), RESIDENTS)
