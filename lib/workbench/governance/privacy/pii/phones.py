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
    r"(?:(?:[+(]|0\d\d|00)(?:[ .\-/()]{0,3}\d){5}|(?:1[ .-]?)?\d{3}[ .-]\d{3}[ .-]\d{4}|\d{10}(?:$|[^0-9A-Za-z]))"
)
GROUP = re.compile(r"\(?\+?\(?\d+\)?")
LONGEST, SHORTEST = 17, 7  # digits, country code included
MOST_GROUPS = 7

US = re.compile(r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}")
GB = re.compile(r"\(?0\d{2,4}\)?[ .-]?\d{3,4}[ .-]?\d{3,4}|0\d{4} ?\d{5,6}|0\d{3}[ -]\d{2}[ -]\d{2}[ -]\d{3}")
CN_MOBILE = re.compile(
    r"(?:86[ -]?)?1[3-9]\d(?:[ -]?\d{4}[ -]?\d{4}|[ -]?\d{3}[ -]?\d{5}|[ -]?\d{2}[ -]\d{3}[ -]\d{3})"
)
CN_LANDLINE = re.compile(r"\(?0\d{2,3}\)?[ -]?\d{3,4}[ -]?\d{4}|\(?0\d{2,3}\)?[ -]?\d{7,8}")
BARE = re.compile(r"\d{10}")  # ten digits alone are a phone number of the US only where the words say so

OTHER_NUMBER = re.compile(
    r"(?:(?<![A-Za-z])(?:confirmation|reservation|claim|policy|member(?:ship)?|quote|shipment|consignment|waybill|"
    r"rma|return|pin|card|tax|licen[cs]e|registration|job|delivery note|order|invoice|tracking|track|parcel|ref|"
    r"reference|sku|ean|upc|gtin|isbn|barcode|model|item|article|product|"
    r"part|serial|ticket|case|batch|lot|style|id|account|transaction|receipt|booking|customer|voucher|coupon|code|"
    r"po)(?![A-Za-z])"
    r"(?:\s*(?:number|no\.?|nr\.?|id|code|is|was|#))*|#|№|订单号?|单号|编号|快递|运单号?|条码|条形码|货号|型号|"
    r"款号|发票号?|流水号?|"
    r"批号|序列号|工单号?|保单号?|合同号?|税号|工号|学号|邀请码|兑换码|商品|会员号?|卡号|账号|券码|验证码|QQ号?|"
    r"qq号?)[\s:是为#.\-]*$",
    re.IGNORECASE,
)
PHONE_BEFORE = re.compile(
    r"(?:phone|call|tel|telephone|mobile|cell|cellphone|text|ring|whatsapp|contact|reach|sms|fax|dial|"
    r"number)\b\W*(?:\w+\W+){0,3}$",
    re.IGNORECASE,
)


class _Phones:
    """Numbers in the writing of some countries, or in international form from any."""

    kind = "PHONE"

    def __init__(self, chinese: bool):
        self.hint = BEGIN + (CHINESE_HINT if chinese else ENGLISH_HINT)
        self.chinese = chinese
        self.languages: tuple[str, ...] = ("zh",) if chinese else ("en",)

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for run in RUN.finditer(text):
            groups = [(run.start() + g.start(), run.start() + g.end()) for g in GROUP.finditer(run[0])]
            taken = run.start()
            for first, (begin, _) in enumerate(groups):
                if begin < taken:
                    continue
                for _, end in reversed(groups[first : first + MOST_GROUPS]):
                    start, stop = _unbracketed(text, begin, end)
                    if self._is_phone(text, start, stop):
                        yield Span(start, stop, self.kind, True)
                        taken = stop
                        break

    def _is_phone(self, text: str, start: int, end: int) -> bool:
        written = text[start:end]
        if not SHORTEST <= sum(map(str.isdigit, written)) <= LONGEST:
            return False
        abroad = re.match(r"\(?(?:\+|00)", written) is not None
        if not abroad and (not self._written_so(written) or OTHER_NUMBER.search(text, max(0, start - 40), start)):
            return False
        if not abroad and BARE.fullmatch(written) and not PHONE_BEFORE.search(text, max(0, start - 40), start):
            return False
        return any(_valid(written, region) for region in (("CN",) if self.chinese else ("US", "GB")))

    def _written_so(self, written: str) -> bool:
        forms = (CN_MOBILE, CN_LANDLINE) if self.chinese else (US, GB, BARE)
        return any(form.fullmatch(written) for form in forms)


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
    return phonenumbers.is_valid_number(number) and number.extension is None


PHONES: tuple[Recogniser, ...] = (_Phones(chinese=False), _Phones(chinese=True))
