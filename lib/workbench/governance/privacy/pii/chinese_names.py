"""Chinese names of persons: a common surname and one or two characters, after a cue or before a form of address."""

import re
from collections.abc import Iterator

from workbench.governance.privacy.pii.chinese_addresses import CITIES
from workbench.governance.privacy.pii.spans import Span
from workbench.governance.privacy.pii.words import words

SURNAMES, NO_NAMES, FOLLOWS = map(words, ("chinese_surnames", "chinese_not_names", "chinese_after_names"))
LONGEST_FOLLOWING = max(map(len, FOLLOWS))
CUES = re.compile(
    r"(?:(?P<strong>我(?:的名字)?叫做?|我名叫|我的?(?:名字|姓名|全名|大名)(?:叫做?|是|为)?|"
    r"(?<![品牌件])姓\s*名|(?:收件|收货|寄件|发件|取件|取货|签收|联系|付款|购买|订购|下单|持卡|紧急联系|收款|代收|"
    r"提货|预订|投保|申请|被保险)人"
    r"(?:的?(?:姓名|名字|全名))?|署名|落款|签名|开户名|户名|名字(?:是|叫|写)|名叫|全名|真名|抬头)|"
    r"(?P<weak>本人(?:姓名|名叫|叫|是)?|寄给|送给|转交给?|交给|转给|发给|寄到|快递给|麻烦找|请找|联系|转告|此致))"
    r"(?P<gap>[ \t]*(?:请?(?:改成|改为|换成|写成|填成|写|填)|[:=\-]|是|为|叫)?[ \t]*[\"“「【(]?[ \t]*)"
)
HONORIFIC = re.compile(r"先生|女士|小姐(?!姐)|太太")
GOES_ON = "您你收的在要说电手签请已是想订下购买让会来把帮和与也有反投申咨于今昨刚打退换家亲地联代到前吗呢吧啊本处催写"
AFTER_HONORIFIC = re.compile(rf"$|[^\u4e00-\u9fff]|[{GOES_ON}]")
BEFORE_HONORIFIC = re.compile(r"(?:^|[^\u4e00-\u9fff]|[给请找叫的是系谢告和与由向让跟同到为对交人敬爱址员户您你好])$")
HAN = re.compile(r"[\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Z][a-z]+(?:[ ·][A-Z][a-z]+){0,2}(?![A-Za-z0-9])")
NO_GIVEN_CHARACTER = frozenset(
    "的了吗呢吧是不没有个们这那你我他她它就都还很也与给把被从再又太最更请会能得着么什怎呀啊哦嗯说问收寄送买卖退换款件单要该"
)
NO_GIVEN = re.compile(
    r"^(?:师傅|经理|老师|客服|先生|女士|小姐|太太|医生|老板|阿姨|大妈|大爷|叔叔|总|工|哥|姐|某|家|府|氏|姓)"
)


class ChineseNames:
    """Two to four characters, or a name in Latin letters after a cue."""

    kind = "NAME"
    languages: tuple[str, ...] = ("zh",)
    hint = (
        r"我叫|名叫|我名|名字|姓\s*名|全名|大名|真名|抬头|[件货系款买订单卡收保请]人|署名|落款|签名|户名|本人|"
        r"[寄送交转发递]给|寄到|转交|请找|烦找|联系|转告|此致|"
        rf"[一-鿿]{{2}}(?:先生|女士|小姐|太太)(?:$|[^一-鿿]|[{GOES_ON}])"
    )

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for cue in CUES.finditer(text):
            if end := _end(text, cue.end(), weak=bool(cue["weak"]) and not cue["gap"].strip(" \t")):
                yield Span(cue.end(), end, self.kind)
            elif cue["strong"] and (latin := LATIN.match(text, cue.end())):
                yield Span(*latin.span(), self.kind)
        for form in HONORIFIC.finditer(text):
            if not AFTER_HONORIFIC.match(text, form.end()):
                continue
            for length in (4, 3, 2):
                start = form.start() - length
                if start >= 0 and _is_name(text[start : form.start()]) and BEFORE_HONORIFIC.search(text[:start]):
                    yield Span(start, form.start(), self.kind)
                    break


def _end(text: str, start: int, weak: bool) -> int | None:
    """Where the name that begins here ends: at the end of the characters, or before a word that goes on."""
    fitting = [n for n in (4, 3, 2) if start + n <= len(text) and _is_name(text[start : start + n])]
    if text[start : start + 2] in CITIES or text[start : start + 3] in CITIES:
        return None
    for n in fitting:
        if not HAN.match(text, start + n):
            return start + n
    following = max(fitting, key=lambda n: (_following(text, start + n), n), default=None)
    if following and _following(text, start + following):
        return start + following
    return start + fitting[0] if fitting and not weak else None


def _following(text: str, at: int) -> int:
    """Characters of the longest word at this place that goes on after a name; 0 if there is none."""
    return next((n for n in range(LONGEST_FOLLOWING, 0, -1) if text[at : at + n] in FOLLOWS), 0)


def _is_name(text: str) -> bool:
    if not all(HAN.match(sign) for sign in text) or text[:2] in NO_NAMES:
        return False
    for family in (2, 1):
        given = text[family:]
        if text[:family] in SURNAMES and 1 <= len(given) <= 2:
            return not NO_GIVEN.match(given) and not NO_GIVEN_CHARACTER & set(given)
    return False
