"""Chinese postal addresses: areas from large to small, then a road with its number or an estate with its building.

The core is what makes an address; where it begins is looked for to the left: at a province or city that is known by
name, else after the word that leads to it (送到, 住在).
"""

import re
from collections.abc import Iterator

from workbench.governance.privacy.pii.spans import Span
from workbench.governance.privacy.pii.words import words

CITIES = words("chinese_cities")
HAN = r"\u4e00-\u9fff"
CHINESE_DIGITS = "一二三四五六七八九十百零〇"
NUMBER = rf"(?:[0-9]{{1,5}}[A-Za-z]?|[A-Za-z][0-9]{{0,4}}|[{CHINESE_DIGITS}]{{1,5}})"
NUMBERS = rf"{NUMBER}(?:[-—~之]{NUMBER}){{0,3}}"
HOUSE = (
    rf"(?:附|甲|乙|丙|丁|临|新|老)?{NUMBERS}(?:号院|号大院|号(?!店|线|机(?!关)|柜|色|码|款|字|球|电池|楼|台|风|门店|铺|"
    rf"发货|到货|下单|之前|以前|左右|"
    rf"晚上|上午|下午|早上|中午|的时候|收到|就|链接|套餐|商品|客服)|弄)(?:附{NUMBER}号|之[{CHINESE_DIGITS}]|旁)?(?<!旁)"
)
ROAD = (
    r"(?:大街|大道|公路|胡同|[街路道巷弄村坊屯庄寨坪]|(?<![这那哪家店城屋公海千])里|里弄|条)"
    r"(?:[东南西北中上下][路街段]?)?(?:第?[一二三四五六七八九十]+[段条巷里街路])?"
)
BUILDING = (
    rf"(?:{NUMBERS}(?:号楼(?![下上道梯])|[栋幢座](?:楼(?![下上道梯]))?|单元|号(?:办公|写字|商务|公寓|教学|宿舍)楼|"
    rf"[层楼](?![下上道梯])|室(?![内外])|户(?!型)|房(?!间|子)|门(?!口|店|前|外)|组(?!合)|"
    rf"舍|梯|区(?!域)|期|铺|档|号(?!店|线|机|码|款|色|楼[下上道梯]))|[东南西北中](?:[楼座塔栋区院门]|"
    rf"[一二三四五六七八九十]楼)(?!口)|(?<=[楼栋幢座元层门梯塔])[- ]?\d{{3,4}}(?![0-9A-Za-z个元块件]))"
)
ESTATE_LONG = (
    r"(?:小区|花园|家园|公寓|大厦|广场|新村|中心|大楼|国际|公馆|名邸|豪庭|华庭|花苑|嘉园|佳苑|新城|雅居|山庄|别墅|"
    r"社区|工业园|科技园|产业园|创业园|软件园|大学|学院|医院|宿舍|家属院|大院|商城)"
)
ESTATE_END = (
    rf"(?:{ESTATE_LONG}|[苑城府园庭湾轩阁居里坊邸墅郡岸洲])"
    r"(?:[一二三四五六七八九十\d]+期|[东南西北一二三四五六七八九十A-Za-z]区)?"
)
WORD = rf"[{HAN}A-Za-z0-9·]"
FLAT = r"\d{1,3}[-—]\d{1,4}[-—]\d{2,4}(?![0-9A-Za-z]|-\d)"  # building, entrance, flat: 3-2-501
AT_BUILDING = rf"(?=[ ]?(?:{NUMBERS}(?:号楼|[栋幢座]|单元)|{FLAT}))"
CLAUSE = "(?![跟和离距与我你他她它这那不没是在就也都还请麻送寄收但而可结却])"  # no estate begins so behind a blank
CORE = re.compile(
    rf"(?:(?P<road>[{HAN}0-9][{CHINESE_DIGITS}]?{ROAD})"
    rf"[ ,]?(?:(?:{NUMBER}组[ ]?)?{HOUSE}|(?<=[村屯庄寨]){NUMBER}组(?!合))"
    rf"(?:[ ,]?{HOUSE})?(?:[ ,(]?[{HAN}·A-Z]{{2,10}}\)?{AT_BUILDING}|"
    rf"(?:[ ]{CLAUSE}|[(])?[{HAN}A-Za-z0-9]{{1,12}}(?:{ESTATE_LONG}\)?|{ESTATE_END}(?=\)|$|[^{HAN}])))?|"
    rf"(?P<estate>[{HAN}](?:{ESTATE_END}|(?:[路街巷村]|大道)(?=[ ]?\d+号楼[ ]?\d)))(?=[ ,]?{NUMBERS}(?:号楼|"
    rf"[栋幢座]|单元|室|号(?=\d|{NUMBER}[室单]))|[ ,]?{FLAT})|"
    rf"(?P<block>[{HAN}](?=[ ]?\d{{1,3}}(?:号楼|[栋幢座])(?:楼)?[ ,]?(?:{NUMBER}单元|\d{{3,4}}(?![0-9A-Za-z元个件]))|"
    rf"[ ]?\d{{1,3}}[-—]\d{{1,2}}[-—]\d{{3,4}}(?![0-9A-Za-z]|-\d))))"
    rf"(?:[ ,]?{FLAT})?"
    rf"(?:[ ,]?{BUILDING}|(?<=[栋幢座元楼])[ ,]?\d{{3,4}}(?![0-9A-Za-z]))*"
)
UNIT = re.compile(r"省|(?<![超夜门股])市|自治区|自治州|区|县|旗|镇|乡|街道|开发区|新区|村|州")
NO_ROADS = re.compile(
    r"(?:知道|味道|频道|渠道|赛道|轨道|跑道|管道|地道|厚道|报道|难道|通道|有道|遥道|说道|人行道|报到|线路|电路|"
    r"思路|走路|半路|套路|出路|回路|顺路|带路|"
    r"农村|逛街|上街)$|^(?:唐宁街|网路|马路|铁路|小路|一路|街道|条|\d+条|[一两几三]条街?|街|路|道|村)$"
)
LEADS = re.compile(
    r"(?:地址|住址|家住|现住|现居|居住|坐落|位于|改成|改为|换成|换为|更改为|变更为|更新为|修改为|填成|写成|写的|设成|设为|专门去|特意去|收货|"
    r"收件|发货|邮寄|快递|配送|搬去|搬迁|"
    r"[到寄送住址是在给投叫](?!家港)|(?<![解开])放(?!鹤)|(?<=[搬发])[往去至]|(?<=[寄送])[往去至])"
    r"(?:[了的]|一下)*"
)
OPENERS = re.compile(
    r"(?:我(?!国)|你(?!好)|您|他|她|们|我们|咱们|家(?!园|属|具)|的|老家|新家|新地址|旧地址|公司|单位|门店|麻烦|请|"
    r"帮忙?|直接|就|都|也|还|要|再|先|"
    r"本人|目前|现在|原|旧|详细|这边|这里|那边|从|去|来|往|发|派|改|换|搬|把|和|跟|离|距|让|为|由|至|有|包裹|订单|"
    r"东西|货|快件|快递员?|小哥|师傅|"
    r"收货人|收件人|寄件人|下班|上班|工作|学校|新|老)+"
)
KEPT_OPENERS = re.compile(
    r"(?:和平|新华|新城|来广|来安|去思|为民|和谐|至善|新村|新街|新民|新港|新建|老城|老街|和田|新乡|新余|新竹|新安|"
    r"来宾|有余|换新|由拳|原平|本溪|先锋|先烈|要塞|还珠|货场|货运|学校路|发展|工作|东西湖|从化|从江|都江|都匀|都安|"
    r"都昌|让胡|来凤|和静|和硕|和顺|改则|原阳|离石|老河口|都兰|"
    r"(?:[新和从来去发由有先再要还为至直现原离包改旧老派][^的]?|往[^的])[县旗镇乡](?!城))"
)  # fmt: skip
AREA = re.compile(r"[省区县旗镇乡州]|(?<![超夜门股])市|街道")
LEAD_BEFORE = re.compile(LEADS.pattern + r"[ :,\"“「【(<]*$")
LONGEST_AREA, LONGEST_LEAD = 30, 8


class ChineseAddresses:
    """An address in Chinese characters."""

    kind = "ADDRESS"
    languages: tuple[str, ...] = ("zh",)
    hint = (
        r"[街路道巷弄村同段条里坊屯庄寨坪][东南西北中上下]?[段]?[ ,]?[附甲乙丙丁临新老]?"
        r"[0-9A-Za-z一二三四五六七八九十百零〇][0-9A-Za-z一二三四五六七八九十百零〇~之组 —-]{0,23}[号弄]|"
        r"[区园寓厦场村心楼际馆邸庭苑城居庄墅学院舍府湾轩阁里坊郡岸期洲][ ,]?[0-9A-Za-z一二三四五六七八九十百零〇]|"
        r"\p{Han}[ ]?\d{1,3}(?:(?:号楼|[栋幢座])|[-—]\d{1,4}[-—]\d)"
    )

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        at = 0
        while core := CORE.search(text, at):
            at = core.end()
            named = str(core.lastgroup)
            start = _start(text, core.start(), core.end(named))
            name = text[start : core.end(named)]
            if (
                start >= core.end(named) - 1
                or NO_ROADS.search(name)
                or len(name) < 2
                or (named == "block" and not _placed(text, start, core))
            ):
                at = core.end(named)
                continue
            yield Span(start, core.end(), self.kind)


def _placed(text: str, start: int, block: re.Match[str]) -> bool:
    """Whether a name before a building is a place's: an area or a city leads to it, or a word such as 送到."""
    return (
        AREA.search(text, start, block.end("block")) is not None
        or any(text[start : start + n] in CITIES for n in (2, 3, 4, 5))
        or LEAD_BEFORE.search(text[max(0, start - LONGEST_LEAD) : start]) is not None
    )


def _start(text: str, core: int, end: int) -> int:
    """Where the address whose road or estate begins near `core` and ends at `end` begins."""
    start = _run(text, core)
    for lead in LEADS.finditer(text, start, end - 1):
        if lead.end() <= core + 1 and not _within_name(text, lead):
            start = lead.end()
    known = [at for at in range(start, end - 1) for n in (2, 3, 4, 5) if text[at : at + n] in CITIES and at + n <= end]
    first = min(
        (at for at in known if at - start <= 12 and (at == start or not UNIT.search(text[start:at]))), default=None
    )
    if first is not None and not (re.match(ROAD, text[first + 2 :]) and first > start):
        return first
    start = _opened(text, start, end)
    while start < end and text[start] in " ,-·":
        start += 1
    return start


def _run(text: str, core: int) -> int:
    """Where the characters before `core` begin that an address could be made of."""
    start = core
    while start > max(0, core - LONGEST_AREA) and (
        re.match(WORD, text[start - 1]) or (text[start - 1] in " ,-" and UNIT.fullmatch(text[start - 2 : start - 1]))
    ):
        start -= 1
    numbers = list(re.finditer(r"\d{5,}|\d+(?:号|室|元|件|个|分|点|楼|单元|栋|幢)", text[start:core]))
    return start + numbers[-1].end() if numbers else start


def _opened(text: str, start: int, end: int) -> int:
    """Behind the words of a sentence that stand before an address."""
    while (opener := OPENERS.match(text, start, end - 1)) and not KEPT_OPENERS.match(text, start):
        kept = next((n for n in range(1, opener.end() - start) if KEPT_OPENERS.match(text, start + n)), None)
        if kept:
            return start + kept
        start = opener.end()
    return start


def _within_name(text: str, lead: re.Match[str]) -> bool:
    """Whether the leading word stands in the midst of a city's name, as in 呼和浩特."""
    return any(
        text[at : at + n] in CITIES and at < lead.end() and at + n > lead.start()
        for at in range(max(0, lead.start() - 4), lead.end())
        for n in (2, 3, 4, 5)
    )
