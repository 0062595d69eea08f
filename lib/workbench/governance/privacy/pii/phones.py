"""Phone numbers: what is written like one, and is valid by the numbering plans that `phonenumbers` knows.

Source: ITU-T E.164 and the national plans as Google's libphonenumber keeps them.
"""

import re
from collections.abc import Iterator

import phonenumbers

from workbench.governance.privacy.pii.spans import Recogniser, Span

RUN = re.compile(
    r"(?:(?<![A-Za-z0-9])|(?<=tel)|(?<=Tel)|(?<=TEL)|(?<=phone))[+(]{0,2}\d(?:[ .\-/()]{0,3}\d)*(?![A-Za-z0-9])"
)
BEGIN = r"(?:^|[^0-9A-Za-z]|[Tt]el|TEL|phone)"
CHINESE_HINT = r"(?:[+(]|0\d\d|00|(?:86[ -]?)?1[3-9]\d)(?:[ .\-/()]{0,3}\d){5}"
ENGLISH_HINT = (
    r"(?:(?:[+(]|0)(?:[ .\-/()]{0,3}\d){6}|(?:1[ .-]?)?\d{3}[ .-]\d{3}[ .-]\d{4}|\d{10}(?:$|[^0-9A-Za-z])|"
    r"\d{4}[ -]\d{4}(?:$|[^0-9A-Za-z])|\d{5}[ -]\d{5}(?:$|[^0-9A-Za-z]))"
)
GROUP = re.compile(r"\(?\+?\(?\d+\)?")
LONGEST, SHORTEST = 17, 7  # digits, country code included
MOST_GROUPS = 7

FORMS = {
    "US": r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}",
    "GB": r"\(?0\d{2,4}\)?[ .-]?\d{3,4}[ .-]?\d{3,4}|0\d{4} ?\d{5,6}|0\d{3}[ -]\d{2}[ -]\d{2}[ -]\d{3}",
    "IE": r"\(?0\d{1,2}\)?[ .-]?\d{3}[ .-]?\d{4}",
    "AU": r"\(?0\d\)?[ .-]?\d{4}[ .-]?\d{4}|04\d{2}[ .-]?\d{3}[ .-]?\d{3}",
    "NZ": r"\(?0\d{1,2}\)?[ .-]?\d{3}[ .-]?\d{3,4}",
    "ZA": r"\(?0\d{2}\)?[ .-]?\d{3}[ .-]?\d{4}",
    "IN": r"0?[6-9]\d{4}[ -]\d{5}|0[6-9]\d{9}|\(?0\d{2,4}\)?[ -]\d{6,8}|\(?0\d{2,3}\)?[ -]\d{3,4}[ -]\d{4}",
    "CN": r"(?:86[ -]?)?1[3-9]\d(?:[ -]?\d{4}[ -]?\d{4}|[ -]?\d{3}[ -]?\d{5}|[ -]?\d{2}[ -]\d{3}[ -]\d{3})|"
    r"\(?0\d{2,3}\)?[ -]?\d{3,4}[ -]?\d{4}|\(?0\d{2,3}\)?[ -]?\d{7,8}",
}
"""How numbers are written at home, by country."""
ANNOUNCED = {"US": r"\d{10}", "IN": r"[6-9]\d{9}", "SG": r"[3689]\d{3}[ -]\d{4}", "HK": r"[2-9]\d{3}[ -]\d{4}"}
"""What is a phone number only where the words say so."""
HOMES = {"zh": ("CN",), "en": ("US", "GB", "IE", "AU", "NZ", "ZA", "IN", "SG", "HK")}
NOBODYS = {
    phonenumbers.PhoneNumberType.TOLL_FREE, phonenumbers.PhoneNumberType.PREMIUM_RATE,
    phonenumbers.PhoneNumberType.SHARED_COST, phonenumbers.PhoneNumberType.UAN,
}  # fmt: skip
"""Numbers of hotlines, which are no person's."""
FREE = re.compile(r"\(?080[08]")  # a hotline in many countries, though not in each of those that are asked
CARD_LIKE = re.compile(r"(?<![\d+])(?!00)\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}(?!\d)")
JOINED = re.compile(r"\d-$")  # the middle of a longer number
EXTENSION = re.compile(
    r"(?i:[ ]?(?:转|分机)(?:分机)?[ :]?|,?[ ]?(?:extension|extn|ext|x)\.?[ :]?)\d{1,6}(?![A-Za-z0-9])"
)

OTHER_NUMBER = re.compile(
    r"(?:(?<![A-Za-z])(?:confirmation|reservation|claim|policy|member(?:ship)?|quote|shipment|consignment|waybill|"
    r"rma|return|pin|card|tax|licen[cs]e|registration|job|delivery note|order|invoice|tracking|track|parcel|ref|"
    r"reference|sku|ean|upc|gtin|isbn|barcode|model|item|article|product|"
    r"part|serial|ticket|case|batch|lot|style|id|account|transaction|receipt|booking|customer(?!\s*:)|voucher|coupon|"
    r"code|"
    r"po)(?![A-Za-z])"
    r"(?:\s*(?:number|no\.?|nr\.?|id|code|is|was|#))*|#|№|订单号?|单号|编号|快递|运单号?|条码|条形码|货号|型号|"
    r"款号|发票号?|流水号?|"
    r"批号|序列号|工单号?|保单号?|合同号?|税号|工号|学号|邀请码|兑换码|商品|会员号?|卡号|账号|券码|QQ号?|"
    r"qq号?)[\s:是为#.\-]*$",
    re.IGNORECASE,
)
PHONE_BEFORE = re.compile(
    r"(?:phone|call|tel|telephone|mobile|mob|cell|cellphone|landline|text|ring|whatsapp|contact|reach|sms|fax|dial|"
    r"number|helpline|hotline|get (?:me|us|him|her|hold of \w+) (?:on|at)|(?:code|sms|pin|otp)[^.\n]{0,25} (?:on|to))\b"
    r"\W*(?:\w+\W+){0,3}$|(?:^|\n)(?:customer|client|me|user|buyer|shopper|guest|caller): ?\W?$",
    re.IGNORECASE,
)
PHONE_AFTER = re.compile(
    r"\W*(?:\w+\W+){0,2}?(?:call|phone|tel|text(?:s|ed|ing)?|sms|whatsapp|mobile|cell|otp|verification|voicemail|"
    r"account|log ?in|sign ?in|locked|unsubscribe)\b",
    re.IGNORECASE,
)

CALLED = re.compile(
    r"(?i)\b(?:phon(?:e|ed|ing)|calls?|call(?:ed|er|ing)|rang|ring(?:ing)?|dial(?:led|ed|ling)?|mobile|cell(?:phone)?|"
    r"landline|voicemail|answer(?:s|ed|ing)? (?:the|it|my|his)|picks? up|picking up|"
    r"text(?:s|ed|ing)? (?:me|us|him|her)|"
    r"sms|whatsapp|telegram|hung up|hangs up|area code|imessage|facetime|telephones?|handset|sim card)\b"
)
"""Words of telephoning anywhere near."""


class _Phones:
    """Numbers in the writing of some countries, or in international form from any."""

    kind = "PHONE"

    def __init__(self, chinese: bool):
        self.hint = BEGIN + (CHINESE_HINT if chinese else ENGLISH_HINT)
        self.languages: tuple[str, ...] = ("zh",) if chinese else ("en",)
        self.homes = HOMES[self.languages[0]]

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        card_like = [match.span() for match in CARD_LIKE.finditer(text)]
        for run in RUN.finditer(text):
            groups = [(run.start() + g.start(), run.start() + g.end()) for g in GROUP.finditer(run[0])]
            taken = run.start()
            for first, (begin, _) in enumerate(groups):
                if begin < taken or any(start <= begin < end for start, end in card_like):
                    continue
                for _, end in reversed(groups[first : first + MOST_GROUPS]):
                    start, stop = _unbracketed(text, begin, end)
                    if self._is_phone(text, start, stop):
                        extension = EXTENSION.match(text, stop)
                        yield Span(start, extension.end() if extension else stop, self.kind, True)
                        taken = stop
                        break

    def _is_phone(self, text: str, start: int, end: int) -> bool:
        written = text[start:end]
        if not SHORTEST <= sum(map(str.isdigit, written)) <= LONGEST:
            return False
        if JOINED.search(text, max(0, start - 2), start) or re.match(r"-\d", text[end : end + 2]):
            return False
        if re.match(r"\(?(?:\+|00)", written):
            return any(_valid(written, home) for home in self.homes)  # 00 means abroad in some of them alone
        if OTHER_NUMBER.search(text, max(0, start - 40), start):
            return False
        homes = [
            home
            for home in self.homes
            if _written(FORMS.get(home), written)
            or (_written(ANNOUNCED.get(home), written) and _announced(text, start, end))
        ]
        return any(_valid(written, home) for home in homes) and not FREE.match(written)


def _written(form: str | None, written: str) -> bool:
    return form is not None and re.fullmatch(form, written) is not None


def _announced(text: str, start: int, end: int) -> bool:
    """Whether the words before or after a number say that it is a phone's."""
    before = PHONE_BEFORE.search(text, max(0, start - 40), start)
    if before is not None or PHONE_AFTER.match(text, end, end + 40) is not None:
        return True
    line = text[text.rfind("\n", 0, start) + 1 :].split("\n", 1)[0].strip(' .,*_"()[]<>')
    spoken = CALLED.search(text[max(0, start - 60) : start]) or CALLED.search(text[end : end + 60])
    return (
        "\n" in text and line.startswith(text[start:end]) and not re.search(r"[a-wyz]{4}", line)
    ) or spoken is not None


def _unbracketed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without a bracket whose other half it lacks."""
    while end > start and text[start:end].count("(") > text[start:end].count(")") and text[start] == "(":
        start += 1
    while end > start and text[start:end].count(")") > text[start:end].count("("):
        end -= 1
    whole = text[start] == "(" and text[end - 1] == ")" and text[start + 1 : end].find(")") == end - start - 2
    return (start + 1, end - 1) if whole else (start, end)


def _valid(written: str, region: str) -> bool:
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return False
    owned = phonenumbers.number_type(number) not in NOBODYS
    return owned and phonenumbers.is_valid_number(number) and number.extension is None


PHONES: tuple[Recogniser, ...] = (_Phones(chinese=False), _Phones(chinese=True))
