"""What goes wrong with what people write: opinions that are none, of another product or at odds with their stars,
texts that give away or swallow what is not theirs, and queries that are still parts of an address.

Set phrases are known in English and Chinese; a text in another language is not judged by them.
"""

from functools import reduce
from operator import add

import ibis
from ibis import _
from ibis.expr.types import BooleanValue, IntegerValue, StringValue, Table

from workbench.data import contract, engine
from workbench.governance.quality import Rule, Tables
from workbench.governance.rules.strings import PARAMETERS, PLUSES
from workbench.governance.rules.suspects import folded
from workbench.governance.rules.tables.log import TYPES
from workbench.governance.signals.characters import HAN

WRITTEN = ("review", "comment")
KEY = 6  # characters of a title by which it is sought in a text
NAMED, NAMED_HAN = 16, 7  # characters from which a title names one product, and no kind or brand
WORDS = 3  # words of such a title
COPIED = 20  # characters (Han: half of them) from which an opinion that says what a description says is a copy
ENDS = 0.25  # of the scale from its bottom or top: one star of five, and at most two

CELL = r"[\w.:#-]*\d[\w.:#-]*"  # an id or a number
SWALLOWED = (
    rf"\x22[,;|\t]\x22?{CELL}\x22?[,;|\t]\x22?{CELL}|"
    r"[,;|\t\n]\s?\x22?(?:19|20)\d\d-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d|"
    rf"[,;|\t]\x22?{CELL}\x22?[,;|\t]\x22?(?:{'|'.join(TYPES)})\x22?[,;|\t]|"
    rf"[,;|\t]\x22?(?:{'|'.join(TYPES)})\x22?[,;|\t]\x22?{CELL}"
)
"""A quote that was not closed: cells of another record without space between, its time, its type."""
PERSONAL = (
    r"(?i)[\w.+-]+@[\w-]+\.[a-z]{2,}|"
    r"(?:^|[^\w.,-])[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{2,7}(?:$|[^\d.,]|[.,](?:\D|$))|"
    r"(?:^|[^\w.,-])3\d{3}[ -]?\d{6}[ -]?\d{5}(?:$|[^\d.,]|[.,](?:\D|$))|"
    r"(?:^|\D)[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3,4}[\dx]|"
    r"\b[a-z]{2}\d{2}(?: [a-z0-9]{4}){3,7}\b|\b[a-z]{2}\d{2}[a-z]{4}\d{10,18}\b|"
    r"(?:^|[^\w.,])(?:\+\d{1,3}[ .-]?\(?\d|\(?0[1-9])\d{1,3}\)?[ .-]?\d{3,4}[ .-]?\d{3,4}(?:$|\D)|"
    r"(?:^|\D)1[3-9]\d(?:[ -]?\d{4}){2}(?:$|\D)"
)
"""E-mail, card and account numbers, Chinese identity numbers, IBAN (ISO 13616), telephone numbers."""
DEFAULTS = (
    r"(?i)\b(?:this|the) (?:customer|user|buyer|shopper|reviewer)(?: has| did)?(?: not|n't)? "
    r"(?:left|leave|gave|given?|entere?d?|writt?en?|provided?) (?:\w+ ){0,3}"
    r"(?:without (?:a |any )?(?:comments?|text|words)|comments?|feedback|review)\b|"
    r"\bno (?:comments?|feedback|review|text) (?:was|were|has been) (?:entered|given|left|written|provided)\b|"
    r"\b(?:rated|(?:rating|review|feedback)(?: \w+)?) by default\b|"
    r"\bdefault (?:positive )?(?:review|rating|feedback)\b|"
    r"\b(?:review|rating|comment|feedback) (?:was )?(?:generated|created|given) "
    r"(?:automatically|by (?:the|our) system)\b|"
    r"^\W*[\[(【](?:automatic|auto|system)\w*(?: \w+)?[\])】]|"
    "(?:此|该|本)(?:用户|买家|顾客|会员|客户).{0,4}(?:没有|未|没)(?:及时)?(?:填写|留下|发表|给出|做出|作出|评价)|"
    "评价方未|系统(?:默认|自动)(?:给出|生成)?.{0,3}(?:好评|评价|评论|生成)|默认(?:好评|评价|五星)|自动(?:好评|评价)"
)
"""What a system writes where a customer wrote nothing."""
ANSWERS = (
    r"(?i)^\W*dear (?:valued )?(?:customer|buyer|shopper|client)\b|"
    r"^\W*(?:(?:seller|shop|store|merchant|vendor|owner|manufacturer)(?:['’]?s)? (?:reply|response|answer)|"
    r"(?:reply|response|answer) (?:from|by|of) (?:the )?(?:seller|shop|store|merchant|vendor|owner|manufacturer))"
    r"\s*(?:[:\])–—-]|$)|"
    r"\bthank you for your (?:order|purchase|feedback|review|enquiry|inquiry)\b|"
    r"\b(?:this is|i am from|we are from) (?:the )?customer (?:care|service|support)\b|"
    r"^\W*(?:商家|店家|卖家|客服|掌柜|店铺|店主|品牌方?|官方)(?:的)?(?:回复|回应|答复|解释)\s*(?:[:：\]】)，,]|$)|"
    "(?:亲爱的|尊敬的)(?:顾客|客户|买家|用户|会员)"
)
"""How a shop begins its answer."""
ANSWER_SIGNS = (
    r"(?i)\bwe(?: are|['’]re)? (?:very |so |truly )?(?:sorry|apologi[sz]e)\b|we have (?:\w+ ){0,2}"
    r"(?:refunded|forwarded|passed|replaced|issued)\b|非常抱歉|(?:深表|表示)歉意|给您带来",
    r"(?i)\b(?:please|kindly) (?:contact|write to|e-?mail|call|send) us\b|联系(?:我们|在线客服|店铺客服|客服)",
    r"(?i)\b(?:(?:kind|best|warm) regards|sincerely)\b|"
    r"\b(?:your|the|our) (?:\w+ )?(?:service|support|store|shop) team\b|祝您",
    r"(?i)\byour (?:order number|satisfaction|patience|understanding|support)\b|感谢您|谢谢您的",
    "(?:已|会|将)(?:经)?为您|您的(?:反馈|支持|理解|订单|建议)|^亲[，,~～!！ ]",
)
"""Turns of phrase of an answer, any of which a customer may use too; two of them are a shop's."""
PRAISE = (
    r"(?i)\b(?:five|5)[ -]?stars?\b|(?:五|5)颗?星|五星",
    r"(?i)\b(?:perfect(?:ly)?|excellent|wonderful|amazing|fantastic|superb|outstanding)\b|完美|太棒|非常棒|超级棒",
    r"(?i)\b(?:love|adore)(?: \w+)? (?:it|them|this|these)\b|(?:太|非常|很|超级?)喜欢|爱不释手",
    r"(?i)\b(?:highly|strongly) recommend|强烈推荐|值得(?:购买|推荐)|物超所值",
    r"(?i)\b(?:very|so|really) (?:happy|pleased|satisfied)\b|(?:非常|很|十分)满意|好评",
    r"(?i)\b(?:would|will) (?:definitely )?buy (?:\w+ )?again\b|(?:会|再次?)回购",
)
BLAME = (
    r"(?i)\b(?:one|1)[ -]star\b|(?:一|1)颗?星(?:[^期级]|$)",
    r"(?i)\b(?:terrible|awful|horrible|dreadful|useless|unwearable|garbage|rubbish|junk)\b|垃圾|糟糕|太差|很差|极差",
    r"(?i)\b(?:waste of (?:\w+ )?money|money back|refund)\b|退款|退货|白花钱|浪费钱",
    r"(?i)\b(?:never again|never buy|do(?: not|n['’]t) buy|stay away|avoid)\b|再也不|千万别|别买|避雷",
    r"(?i)\b(?:fell apart|falling apart|broke|broken|came apart|defective)\b|(?:坏|断|裂|破)了|开线|掉色",
    r"(?i)\b(?:very|so|really|extremely) (?:disappointed|disappointing|bad|poor)\b|\bworst\b|失望|差评|后悔|上当",
)
HEDGE = (
    r"(?i)\b(?:not|no|n['’]t|isnt|dont|but|however|although|though|unfortunately|if|until|would have|wanted|hoped|"
    r"expected|except|instead|wish|wrong|return(?:ed|ing)?|too)\b|n['’]t\b|不|没|但|可惜|如果|除了|本来|原以为|差"
)
"""What turns praise into something else."""
HEDGE_BLAME = (
    r"(?i)\b(?:not|no|n['’]t|isnt|dont|but|however|although|though|if|until|would have|feared|worried|expected|"
    r"instead|others?|another|last|previous|old|first|some|compared|than)\b|n['’]t\b|不会|不是|没有|但|如果|以前|之前|其他|别家|"
    "上次|担心|还好|不错|满意|喜欢"
)


def seen(con: ibis.BaseBackend, events: Table, tables: Tables, name: str) -> Table:
    """The events with copied (the words of a product's description) and of_other (names another product's title).

    Args:
        con: the engine, which keeps what the rules read.
        events: as `log.seen` gives them.
        tables: items; without them both are false.
        name: a word of its own for each call.

    """
    if "items" not in tables:
        return events.mutate(copied=ibis.literal(False), of_other=ibis.literal(False))
    items = contract.conform(tables["items"], "items")
    raw = contract.conform(tables["events"], "events")
    texts = raw.filter(raw.text.notnull() & raw.event_type.isin(WRITTEN)).select("text", "item_id", "event_type")
    said = engine.keep(con, f"{name}_written", texts.distinct().mutate(said=folded(_.text)))
    described = items.filter(_.description.notnull()).select(told=folded(items.description)).distinct()
    copied = said.filter(_long(said.said, COPIED, COPIED // 2)).join(described, _.said == described.told)
    copied = engine.keep(con, f"{name}_copied_texts", copied.select(copied_text="text").distinct())
    others = _of_others(con, said.filter(_.event_type == "review"), items, name)
    joined = events.left_join(copied, events.text == copied.copied_text)
    joined = joined.mutate(copied=joined.copied_text.notnull()).drop("copied_text")
    joined = joined.left_join(others, [joined.text == others.other_text, joined.item_id == others.other_id])
    joined = joined.mutate(of_other=joined.other_text.notnull()).drop("other_text", "other_id")
    return con.create_view(f"{name}_seen_opinions", joined, overwrite=True)


def _of_others(con: ibis.BaseBackend, said: Table, items: Table, name: str) -> Table:
    """Reviews that name the title of another product, and not their own's: other_text, other_id (the product's own).

    Titles are sought by their first characters, at the begin of each word of a text or, in Chinese, anywhere.
    """
    named = items.filter(items.item_id.notnull() & items.title.notnull()).select("item_id", title=folded(items.title))
    own = named.group_by("item_id").agg(low=_.title.min(), high=_.title.max())
    words = named.title.split(" ").length() >= WORDS
    telling = named.filter(_long(named.title, NAMED, NAMED_HAN) & (words | named.title.re_search(HAN)))
    titles = engine.keep(con, f"{name}_titles", telling.select("title", key=telling.title.left(KEY)).distinct())
    texts = said.filter(said.item_id.notnull() & (said.said.length() >= KEY))
    starts = ibis.range(0, texts.said.length() - KEY + 1)
    han = texts.said.re_search(HAN)
    begins = starts.filter(lambda at: han | (at == 0) | (texts.said.substr(ibis.greatest(at - 1, 0), 1) == " "))
    keys = texts.select("text", "item_id", "said", key=begins.map(lambda at: texts.said.substr(at, KEY)).unnest())
    both = keys.distinct().join(titles, "key")
    both = both.filter(both.said.contains(both.title)).select("text", "item_id", "said").distinct()
    judged = both.join(own, "item_id")
    theirs = ~(judged.said.contains(judged.low) | judged.said.contains(judged.high))
    found = judged.filter(theirs).select(other_text="text", other_id="item_id").distinct()
    return engine.keep(con, f"{name}_others_texts", found)


def _long(text: StringValue, letters: int, han: int) -> BooleanValue:
    return text.length() >= text.re_search(HAN).ifelse(han, letters)


def _signs(text: StringValue, patterns: tuple[str, ...]) -> IntegerValue:
    """How many of these patterns a text has."""
    return reduce(add, [text.re_search(pattern).cast("int64") for pattern in patterns])


def _answer(text: StringValue) -> BooleanValue:
    return text.re_search(ANSWERS) | (_signs(text, ANSWER_SIGNS) >= 2)


def _contradicts(t: Table) -> BooleanValue:
    """Two signs of praise at the bottom of the scale, or of blame at its top, and nothing that takes them back."""
    reach = ENDS * (t.rating_top - t.rating_bottom)
    low, high = t.value <= t.rating_bottom + reach, t.value >= t.rating_top - reach
    glad = (_signs(t.text, PRAISE) >= 2) & (_signs(t.text, BLAME) == 0) & ~t.text.re_search(HEDGE)
    angry = (_signs(t.text, BLAME) >= 2) & (_signs(t.text, PRAISE) == 0) & ~t.text.re_search(HEDGE_BLAME)
    rated = (t.event_type == "review") & (low | high)
    return rated.ifelse((low & glad) | (high & angry), False)


def _rule(name: str, dimension: str, failing, columns: str = "text", **more) -> Rule:  # type: ignore[no-untyped-def]
    judged = tuple(columns.split())
    needs = more.pop("needs", tuple(f"events.{column}" for column in judged))
    return Rule(name, dimension, "events", failing, columns=judged, needs=needs, **more)  # type: ignore[arg-type]


RULES: tuple[Rule, ...] = (
    _rule("personal data in a review or comment", "usability", lambda t, _: t.text.re_search(PERSONAL)),
    _rule("review or comment goes on with another record", "consistency", lambda t, _: t.text.re_search(SWALLOWED)),
    _rule("review that the system wrote", "usability", lambda t, _: t.text.re_search(DEFAULTS)),
    _rule("review is the shop's answer", "accuracy", lambda t, _: _answer(t.text)),
    _rule("review is a product's description", "usability", lambda t, _: t.copied,
          needs=("events.text", "items.description")),
    _rule("review names another product", "accuracy", lambda t, _: t.of_other, "text item_id",
          needs=("events.text", "items"), severity="low"),
    _rule("review contradicts its stars", "consistency", lambda t, _: _contradicts(t), "text value", severity="low"),
    _rule("query is still part of an address", "usability",
          lambda t, _: t.query_odd.fill_null(False).ifelse(
              t.query.re_search(PARAMETERS) | t.query.re_search(PLUSES), False), "query", severity="low"),
)  # fmt: skip
