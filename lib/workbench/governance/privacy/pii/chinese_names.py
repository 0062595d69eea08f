"""Chinese names of persons: a common surname and one or two characters, after a cue or before a form of address."""

import re
from collections.abc import Iterator

from workbench.governance.privacy.pii.chinese_addresses import CITIES
from workbench.governance.privacy.pii.spans import Span
from workbench.governance.privacy.pii.words import words

GIVEN, BRANDS = words("chinese_given"), words("chinese_brands")
SURNAMES, NO_NAMES, FOLLOWS = map(words, ("chinese_surnames", "chinese_not_names", "chinese_after_names"))
NAMES_TOO = {"于春", "金枝"}
"""Words of that list which a name of three characters begins with as well."""
LONGEST_FOLLOWING = max(map(len, FOLLOWS))
DOUBTFUL = words("chinese_doubtful")
FAMILIES = "".join(sorted({name[0] for name in SURNAMES | DOUBTFUL}))
LONGEST_DOTTED, LONGEST_PART = 24, 4
ACTS = (
    r"收件|收货|寄件|发件|取件|取货|签收|联系|付款|购买|订购|下单|持卡|收款|代收|提货|预订|投保|申请|被保险|经办|开票|"
    r"开户|"
    r"委托|负责|办理|登记|预约|报名|入住|乘车|乘机|投诉|当事|受益|监护|法定代表|代表|汇款|转账|签约|承租|收票|接收|"
    r"领取|领奖|"
    r"获奖|退货|退款|自提|接货|验货|订货|订餐|就诊|参会|使用|赠送|受赠|介绍|推荐|证明|担保|署名|签字|经手|报案|报修|反馈|反映|举报|咨询|求助|评价|验收|保管|管理|对接|接头|预定|订票|订房|"
    r"租车|提车|送车|取餐|取票|取货|运输|承运|托运|押运|转让|受让|出租|出借|借款|还款|继承|扫码|支付|打款|退款|充值|"
    r"法定|注册|持有|所有|持证|驾驶|乘坐|同行|陪同|紧急联系|第二联系|备用联系|家属联系|收信|寄信|来信|写信|留言|订阅|团购|拼单|"
    r"帮买|代买|代付|代拍|代寄|代签|实际收货|实际使用|新收件|原收件|新收货|原收货|发票|发信|通知|邀请|受邀|推荐|报销|领用|保证"
)
OWNERS = (
    r"旅客|乘客|患者|会员|业主|住户|车主|机主|户主|房东|学员|学生|客户|顾客|买家|卖家|用户|法人|住客|本人|卖家|商家|掌柜|顾问|护士|教练|律师|中介|家长|监护人|寄主|"
    r"孩子|宝宝|账户|账号|顾客"
)
ROLES = (
    r"司机|师傅|快递员|快递小哥|配送员|送货员|骑手|店员|导购|销售|业务员|店长|经理|客服|主管|营业员|老板|车主|机主|"
    r"业主|邻居|同事|"
    r"朋友|同学|室友|老公|老婆|丈夫|妻子|爱人|对象|女友|男友|女朋友|男朋友|儿子|女儿|弟弟|妹妹|哥哥|姐姐|闺蜜|房东|旅客|"
    r"乘客|会员|爸爸|妈妈|父亲|母亲|爷爷|奶奶|外公|外婆|姥姥|姥爷|叔叔|婶婶|舅舅|舅妈|姑姑|姑妈|姨妈|伯伯|岳父|岳母|公公|"
    r"婆婆|侄子|侄女|外甥女?|孙子|孙女|表[哥姐弟妹]|堂[哥姐弟妹]|嫂子|姐夫|妹夫|女婿|儿媳|徒弟|助理|秘书|保安|门卫|管家|物业|"
    r"前台|技师|安装工|维修工|老师|医生|护士|班主任|队长|领导|老乡|对门|同桌|闺女|老大|老二|老三|小孩|楼下|楼上|隔壁|战友|技术支持|租客|客伏|专员"
)
KIN = "我[弟妹哥姐爸妈嫂叔舅姑姨]"
TWO = re.compile(
    r"(?=(?P<one>[\u4e00-\u9fff]{2,3})[\"”」』】]?[和与跟、][\"“「『【]?(?P<other>[\u4e00-\u9fff]{2,3})[\"”」』】]?[两二俩])"
)
"""Two persons in one breath."""
OPENS = r"[\"“'「『【《(<\[*_]{0,2}"
CUES = re.compile(
    r"(?:(?P<strong>(?:[件货系]人|名字|姓名|户名)[从由]?[^,。;\n:]{0,8}?[改换变更]+[成为]|"
    r"(?:名字|姓名)[^,。;\n]{0,4}[写打印填改弄]错?成|我(?:的名字)?叫做?|我名叫|我的?(?:名字|姓名|全名|大名)(?:叫做?|是|"
    r"为)?|"
    rf"(?<![品牌件])姓\s*名|(?:{ACTS})人(?:的?(?:姓名|名字|全名))?|(?:{OWNERS})的?(?:姓名|名字|全名|名)|"
    r"署名|落款|签名(?![单册字墙])|开户名|户名|名字(?:是|叫|写|(?=[ ]?:))|名叫|全名|真名|抬头|自称|称呼(?=[ ]?[:是]))|"
    r"(?P<weak>(?:顾客|买家|卖家|用户|客户|买方|卖方|甲方|乙方)(?=[ ]?[:叫])|"
    r"本人(?:姓名|名叫|叫|是)?|寄给|登记到|挂到|电话里|送给|转交给?|交给|转给|发给|寄到|快递给|麻烦找|请找|联系|转告|此致|亲爱的|尊敬的|"
    r"(?:问题|有事|直接|就|可以|到店|记得|一定|认准|指定|都|还|门口|前台|那边|这边|里面|柜台|楼下|仓库|门卫|保安|去|来|并|再|先|您|你)找|(?:写|填|印|打|标|登记|署|签|"
    r"落)的?(?:是|着|成|了|为)|"
    r"(?:写|填|印|打|标|登记|签)(?:错)?成|(?<![a-z])(?:卖家|买家|商家|对方|客服|老板|人)叫|是一[位个]叫|改成|改为|换成|转给|留给|带给|捎给|退给|赔给|还给|"
    r"交给|打给|汇给|付给|借给|赠予?给?|送予|祝|感谢|谢谢|表扬|投诉|举报)|"
    r"(?P<any>(?<![让令叫使给别老男女古大他])[\u4e00-\u9fff]人|给|(?<![喊取点])叫|写|老板娘|我是(?:[^,。;\n]{1,8}?的)?|(?:售后|客服|前台|店里|门店|公司|仓库|快递)的|[次天时]是)|"
    rf"(?P<role>(?:{ROLES}|{KIN}(?![弟妹哥姐爸妈子父夫]))(?:名?叫|是)?|我是|(?:[一这那]|有)[个位名][^,。;\n]{{0,6}}叫))"
    rf"(?P<gap>[ \t]*(?:请?(?:改成|改为|换成|写成|填成|写的?是?|填的?是?|写着|显示[为是]?)|"
    rf"名?叫|[栏处上](?!官)[写填]?着?的?是?:?|"
    rf"[从由]|[:=\-]|是|为|叫)?[ \t]*{OPENS}[ \t]*)"
)
ASKED = re.compile(
    r"(?:姓名|名字|贵姓|大名|称呼|尊姓|叫什么|收[件货]人|联系人|户名|哪位|是谁)"
    r"[^\n:]*[\n ?。!]\s*[^\s:,。]{1,6}:"
    rf"[ \t]*{OPENS}[ \t]*"
)
"""What is asked for in one turn of a dialogue stands in the next."""
HONORIFIC = re.compile(r"先生|女士|小姐(?!姐)|太太|本人|经理|主任|老师|师傅|店长")
GOES_ON = "您你收的在要说电手签请已是想订下购买让会来把帮和与也有反投申咨于今昨刚打退换家亲地联代到前吗呢吧啊本处催写"
BRACKETS = " \"”'」』】》)>]*_"
AFTER_HONORIFIC = re.compile(rf"$|[^\u4e00-\u9fff]|[{GOES_ON}]")
BEFORE_HONORIFIC = re.compile(r"(?:^|[^\u4e00-\u9fff]|[着给请找叫的是系谢告和与由向让跟同到为对交人敬爱址员户您你好])$")
HAN = re.compile(r"[\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Z][a-z]+(?:[ ·][A-Z][a-z]+){0,2}(?![A-Za-z0-9])")
NO_GIVEN_CHARACTER = frozenset(
    "的了吗呢吧是不没个们这那你我他她它就都还很也与给把被从再又太最更请会能得着么什怎呀啊哦嗯说问收寄送买卖退换款件单要该色码号"
)
NO_GIVEN = re.compile(
    r"^(?:教授|博士|同学|主任|院长|校长|导师|老$|有(?![才为志德财福良亮根成强文发余])|师傅|经理|老师|客服|先生|女士|小姐|太太|医生|老板|阿姨|大妈|大爷|叔叔|总|工|哥|姐|某|氏|姓|[家府]$)"
)
DOTTED = re.compile(r"[\u4e00-\u9fff]{2,6}(?:[·•・‧∙⋅][\u4e00-\u9fff]{1,8}){1,2}")  # of Uyghurs, Kazakhs and others
SIGNED = re.compile(
    r"(?:—{1,2}|-{2})[ ]?(?P<name>[\u4e00-\u9fff]{2,4})\s*$|"
    r"(?:^|[^\u4e00-\u9fff])(?P<own>[\u4e00-\u9fff]{2,4})[\"”」』】)]{0,2} ?收(?![\u4e00-\u9fff])|"
    r"是\W{0,3}(?P<taken>[\u4e00-\u9fff]{2,4})\W{0,3}(?:代?[签收接取拿领])的|"
    r"(?P<before>[\u4e00-\u9fff]{2,4})(?:敬上|谨上|谨启|亲启|亲收|[(]收[)])|"
    r"写\W{0,3}(?P<written>[\u4e00-\u9fff]{2,4})\W{0,3}收|"
    r"[被由]\W{0,3}(?P<taker>[\u4e00-\u9fff]{2,4}?)\W{0,3}(?:代?签收|代收|代领|代取|取走|拿走|领走|冒领|收走|签走)"
)
CLOSES = " \"”'」』】)>*_.。!~"
ALONE = re.compile(
    rf"(?:(?<=[\n,。!?:;(（“\"'【「『—\-])[ ]?{OPENS}[ ]?|"
    rf"^{OPENS}(?=[\u4e00-\u9fff]{{2,4}}[{CLOSES}]*(?:您好|你好|\n|是谁|的快递|的包裹|的订单)))"
    rf"(?=(?P<name>[\u4e00-\u9fff]{{2,4}})[ \"”'」』】)>*_]*(?:[\n,。!?;(（]|$|您好|你好|是谁|的快递|的包裹|的订单))"
)
"""What stands by itself between two signs, or is greeted."""


ENDS_NONE = "家和跟与对把在冲同"
"""What goes on behind a name of two characters more often than it ends one of three."""


class ChineseNames:
    """Two to four characters, or a name in Latin letters after a cue."""

    kind = "NAME"
    languages: tuple[str, ...] = ("zh",)
    hint = (
        r"我叫|名叫|我名|名字|姓\s*名|全名|大名|真名|抬头|自称|(?:"
        + ACTS
        + r")人|(?:"
        + OWNERS
        + r")的?名|署名|落款|签名|户名|贵姓|称呼|叫什么|哪位|是谁|"
        rf"(?:[寄送交转发递留带捎退赔还打汇付借]给|[写填印打标记署签落]的?[是着成了为]|[写填印打标记签]错?成|[卖买商用顾][家户客]|客户|[买卖甲乙]方|对方叫|老板叫|人叫|叫|改成|改为|换成|"
        rf"\p{{Han}}人|给|写|老板娘|我是[^,。;\n]{{1,8}}的|(?:售后|客服|前台|店里|门店|公司|仓库|快递)的|[次天时]是|送予|赠予|登记到|挂到|电话里|赠|祝|感谢|谢谢|"
        rf"表扬|投诉|举报|寄到|转交|找|联系|转告|此致|亲爱的|尊敬的|本人|{ROLES}|{KIN}|我是)(?:名?叫|是|为|姓名)?[^\p{{Han}}]*"
        rf"(?:请?[改换写填][成为]?)?[^\p{{Han}}]*(?:[{FAMILIES}]|\p{{Han}}{{2,6}}[·•・‧∙⋅])|"
        r"[个位名][^,。;\n]{0,6}叫|—\s*\p{Han}|--|敬上|谨上|谨启|亲启|亲收|[(]收[)]|[被由][^\p{Han}]{0,3}\p{Han}{2,4}[^\p{Han}]{0,3}[代签取拿领冒收]|"
        r"写[^\p{Han}]{0,3}\p{Han}{2,4}[^\p{Han}]{0,3}收|"
        rf"(?:^|[\n,。!?:;(“\"'【「『—\-][ ]?)[^\p{{Han}}\n]{{0,2}}[{FAMILIES}]\p{{Han}}{{1,3}}[^\p{{Han}}\n]{{0,2}}"
        r"(?:[\n,。!?;(]|$|您好|你好|是谁|的快递|的包裹|的订单)|"
        r"[和与跟、][^\p{Han}]{0,2}\p{Han}{2,3}[^\p{Han}]{0,2}[两二俩]|"
        r"\p{Han}{2}[^\p{Han}]{0,3}收(?:$|\P{Han})|是[^\p{Han}]{0,3}\p{Han}{2,4}[^\p{Han}]{0,3}代?[签收接取拿领]的|"
        rf"[一-鿿]{{2}}[^\p{{Han}}]{{0,3}}(?:先生|女士|小姐|太太|本人|经理|主任|老师|师傅|店长)(?:$|[^一-鿿]|[{GOES_ON}])"
    )

    def find(self, text: str) -> Iterator[Span]:
        """See `Recogniser`."""
        for cue in CUES.finditer(text):
            at, weak = cue.end(), bool(cue["weak"]) and not cue["gap"].strip(" \t")
            if dotted := DOTTED.match(text, at):
                yield Span(at, _dotted_end(text, *dotted.span()), self.kind)
            elif cue["any"] or cue["role"]:
                if end := _after_role(text, at) if cue["role"] else _after_any(text, at):
                    yield Span(at, end, self.kind)
            elif end := _end(text, at, weak, bool(cue["strong"]) or bool(cue["gap"].strip(" \t"))):
                yield Span(at, end, self.kind)
            elif cue["strong"] and (latin := LATIN.match(text, at)):
                yield Span(*latin.span(), self.kind)
        for found in ALONE.finditer(text):
            if _alone(text, found):
                yield Span(*found.span("name"), self.kind)
        for asked in ASKED.finditer(text):
            at = asked.end()
            dotted = DOTTED.match(text, at)
            if (end := dotted.end() if dotted else _end(text, at, weak=True)) and not HAN.match(text, end):
                yield Span(at, end, self.kind)
        for form in HONORIFIC.finditer(text):
            if AFTER_HONORIFIC.match(text, form.end()) and (span := _honoured(text, form.start())):
                yield Span(*span, self.kind)
        for two in TWO.finditer(text):
            if all(is_name(two[group]) and _usual(two[group]) for group in ("one", "other")):
                yield from (Span(*two.span(group), self.kind) for group in ("one", "other"))
        for signed in SIGNED.finditer(text):
            for group in ("name", "own", "taken", "before", "written", "taker"):
                if signed[group] and is_name(signed[group], sure=len(signed[group]) > 2):
                    yield Span(*signed.span(group), self.kind)


def _after_any(text: str, at: int) -> int | None:
    """Where a name of usual characters ends behind a word that announces one now and then: at a sign, or what goes on.

    Before a word that goes on it has three characters.
    """
    end = _end(text, at, weak=True)
    if end is None or not _usual(text[at:end]):
        return None
    return end if not HAN.match(text, end) or (end - at > 2 and _following(text, end)) else None


def _after_role(text: str, at: int) -> int | None:
    """Where a name of usual characters ends behind a role: three of them, or two before a sign or what goes on."""
    end = _end(text, at, weak=True)
    if end is None and is_name(text[at : at + 3]) and text[at + 2] not in ENDS_NONE:
        end = at + 3
    if end is None or not _usual(text[at:end]):
        return None
    return end if end - at > 2 or not HAN.match(text, end) or _following(text, end) > 1 else None


def _usual(name: str) -> bool:
    """Whether all characters behind the surname are such as given names are made of."""
    return {*name[2 if name[:2] in SURNAMES and len(name) > 2 else 1 :]} <= GIVEN


def _alone(text: str, found: re.Match[str]) -> bool:
    """Whether nothing but a name stands between two signs: three usual characters, or two in a line at the end."""
    name = found["name"]
    signed = found.end("name") == len(text.rstrip(CLOSES)) and "\n" in text[: found.start("name")][-4:]
    line = text[found.start("name") - 1 : found.start("name")] + text[found.end("name") : found.end("name") + 1]
    return is_name(name, sure=line == "\n\n") and _usual(name) and (len(name) > 2 or signed)


def _honoured(text: str, end: int) -> tuple[int, int] | None:
    """Where the name before a form of address starts and ends, perhaps in brackets."""
    bare = len(text[:end].rstrip(BRACKETS))
    if dotted := re.search(DOTTED.pattern + "$", text[max(0, bare - LONGEST_DOTTED) : bare]):
        name = re.sub("^(?:(?:尊敬|敬爱|亲爱)的|[我他她]是|[^·]?(?:的|给|请|找|叫|联系|感谢|谢谢))", "", dotted[0])
        return bare - len(name), bare
    for length in (4, 3, 2):
        start = bare - length
        before = text[:start].rstrip(BRACKETS + "“「『【《(<[") if bare < end else text[:start]
        if start >= 0 and is_name(text[start:bare]) and BEFORE_HONORIFIC.search(before):
            return start, bare
    return None


def _dotted_end(text: str, start: int, end: int) -> int:
    """Where a name in several parts ends: before the first word that goes on, or where its characters do."""
    last = max(text.rfind(dot, start, end) for dot in "·•・‧∙⋅") + 1
    closed = end - last <= LONGEST_PART and not HAN.match(text, end)
    words_ = (
        at for least in ((2,) if closed else (2, 1)) for at in range(last + 2, end) if _following(text, at) >= least
    )
    return next(words_, end)


def _end(text: str, start: int, weak: bool, sure: bool = False) -> int | None:
    """Where the name that begins here ends: at the end of the characters, or before a word that goes on."""
    fitting = [
        n for n in (4, 3, 2)
        if start + n <= len(text)
        and not (n == 3 and text[start + 2] in ENDS_NONE and text[start : start + 2] not in SURNAMES)
        and is_name(text[start : start + n], sure and (n > 2 or not HAN.match(text, start + n)))
    ]  # fmt: skip
    if text[start : start + 2] in CITIES or text[start : start + 3] in CITIES:
        alone = 3 in fitting and not HAN.match(text, start + 3) and text[start + 2] in GIVEN
        return start + 3 if alone and not weak and text[start : start + 3] not in CITIES else None
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


def _brand(text: str) -> bool:
    """Whether this is, or begins, the name of a brand that is called like a person."""
    return any(
        text[:n] in BRANDS or (n == len(text) and n > 2 and text[:-1] in BRANDS) for n in range(2, len(text) + 1)
    )


def is_name(text: str, sure: bool = False) -> bool:
    """Whether these characters are a surname and a given name.

    Args:
        text: two to four characters.
        sure: what stands around says that it is a person; then three usual characters are a name though they begin
            another word, or a brand is called like it.

    """
    if not all(HAN.match(sign) for sign in text):
        return False
    usual = len(text) == 3 and {*text[1:]} <= GIVEN
    if not (usual and (sure or text[:2] in NAMES_TOO)) and (text[:2] in NO_NAMES or _brand(text)):
        return False
    for family in (2, 1):
        given = text[family:]
        rare = sure and text[:family] in DOUBTFUL and {*given} <= GIVEN
        if (rare or text[:family] in SURNAMES) and 1 <= len(given) <= 2:
            return not NO_GIVEN.match(given) and not NO_GIVEN_CHARACTER & set(given)
    return False
