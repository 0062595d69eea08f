"""Names of persons by what stands right behind them: personal data that was found before.

Who writes a phone, an address or the number of a card behind two words means a person by them. The other recognisers
come first; this one reads the placeholders that they leave.
"""

import re
from collections.abc import Iterator

from workbench.governance.privacy.pii.chinese_names import DOTTED, GIVEN, is_name
from workbench.governance.privacy.pii.english_cues import LETTER
from workbench.governance.privacy.pii.english_persons import is_person
from workbench.governance.privacy.pii.spans import Span

PLACED = r"\[(?:_+|(?:PHONE|EMAIL|ADDRESS|CARD|IBAN|CN_ID|PLATE)_\d+)\]"
WORD = rf"[{LETTER}]+(?:['’\-][{LETTER}]+)*"
ENGLISH = re.compile(
    rf"(?:^|(?<=[\n:;|>(\[,.–—])[ ]?|\b(?i:for|to|from|by|is|name|mrs?|ms|customer|recipient|contact|"
    rf"holder|buyer|and|or|of|order|delivery|pick-?up|collection|booking|account|registry|list|person)[:,]?[ ])"
    rf"(?=[\"“'*_(<]{{0,2}}(?P<name>{WORD}(?:[ ][{LETTER}]\.?)?(?:[ ][Ss]te?\.)?(?:[ ]{WORD}){{0,3}})[\"”'*_)>]{{0,2}}"
    rf"(?:[ ]?[,;|:/(\n–—\-]\s*(?:[{LETTER}']+[.:]?[ ]){{0,7}}|[ ](?:(?i:at|on|tel|phone|mobile|cell|mob|"
    rf"e-?mail|mail|ph|id|iban|card|"
    rf"account|acct|number|no|address|lives|living|of|reg|plate)[.:]?[ ]){{0,3}})[\"“'*_(<]{{0,2}}{PLACED})"
)
CHINESE = re.compile(
    rf"(?=(?P<name>[\u4e00-\u9fff]{{2,4}}|(?!姓名|名字|"
    rf"..?人){DOTTED.pattern})[\"”』】」)>*_]{{0,2}}[ ,:;、/\n]*(?:(?:的|联系|收货|收件|家庭|银行)?"
    rf"(?:电话|手机|地址|身份证|邮箱|卡|车牌|账|住|tel|微信)号?码?(?:是|"
    rf"为)?[ ,:]*){{0,2}}[\"“『【「(<*_]{{0,2}}{PLACED})"
)
BEFORE = re.compile(r"(?:^|[^\u4e00-\u9fff]|[人给是为叫写找送寄])$")


class NamesBeside:
    """One to four words, or two to four Chinese characters, right before a placeholder."""

    kind = "NAME"
    languages: tuple[str, ...] = ()
    hint = r"\[[A-Z_]+_\d*\]"

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for found in ENGLISH.finditer(text):
            if is_person(found["name"]):
                yield Span(*found.span("name"), self.kind)
        for found in CHINESE.finditer(text):
            name = found["name"]
            person = not name.isalpha() or (is_name(name, sure=True) and name[-1] in GIVEN)
            if person and BEFORE.search(text[: found.start()][-1:]):
                yield Span(*found.span("name"), self.kind)
