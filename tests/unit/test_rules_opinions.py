"""What people write, each rule with texts that fail it and texts like them that pass, in English and Chinese."""

import pandas as pd
import pyarrow as pa
import pytest

from workbench.data import contract, engine
from workbench.governance import quality
from workbench.governance.rules import shop
from workbench.governance.rules.tables import opinions

TITLES = {
    "a": ("Selwick Bemond kids' sandals, olive canvas", "The Bemond returns in olive, with a sole that does not slip."),
    "b": ("Marwick Ralo rain boots, blue rubber", "High boots of rubber for puddles and for mud, easy to rinse."),
    "c": ("拾棠舟 儿童凉鞋 风浪 帆布 橄榄绿", "去年首次亮相的风浪，今年带着防滑大底和橄榄绿回归。"),
    "d": ("云步 女士雨靴 蓝色 橡胶 高筒", "高筒橡胶雨靴，适合雨天和泥地，冲洗方便。"),
    "e": ("Boots", "Plain boots."),
}
SAID = {
    "personal data in a review or comment": (
        [
            "Call me on 07700 900123.",
            "My card 4111 1111 1111 1111 was charged twice.",
            "mail jane.doe@example.org please",
            "Refund to IBAN GB29 NWBK 6016 1331 9268 19.",
            "I am on +44 7700 900123, call",
            "身份证号110101199003071234，麻烦核实。",
            "我的手机号13800138000，请回电。",
            "卡号6222 0212 3456 7890 123",
            "客服电话：138 0013 8000",
        ],
        [
            "Bought on 2026-05-14 for 129.95, size 42.",
            "Order 1234567 came after 14 days.",
            "I paid 1,299.00 of 2,000.00.",
            "EAN 5901234123457 is on the box",
            "尺码175/92A，买了2件，129.00元",
            "Worn 10 000 steps a day",
            "2027-01-05 12:30 it came",
        ],
    ),
    "review or comment goes on with another record": (
        [
            'Nice boots"|e00017|u0042|p0003|click|2027-01-05T10:00:00+00:00',
            'Fine","e17","u42","p3"',
            '好看";e17;u42;p3;cart;',
            "Good\n17,2027-01-05 10:00:00,u9",
            'ok"\te17\tu42\tp3',
        ],
        [
            'He called them "great", and they are.',
            '真有"你好",很好的,感觉不错,下次再来',
            "red,blue,green",
            "came 2027-01-05, all good",
            'The "7", "8" and "9" all fit',
            'size "7",not "8"',
        ],
    ),
    "review that the system wrote": (
        [
            "This customer left a rating without a comment.",
            "No comment was entered by the buyer.",
            "The buyer did not leave any feedback.",
            "[System] rated positive by default",
            "此用户没有填写评价。",
            "系统默认好评！",
            "评价方未及时做出评价",
            "该买家未及时评价",
        ],
        [
            "No comment.",
            "My system works fine with it by default.",
            "Automatic watch, runs well.",
            "This user is happy.",
            "默认发的圆通，很快",
            "系统很流畅，好评",
            "这个用户体验很好",
            "The review I read was right",
        ],
    ),
    "review is the shop's answer": (
        [
            "Dear customer, please send us your order number.",
            "Seller's reply: we passed it on.",
            "We are sorry to hear this, please contact us. Your service team",
            "Thank you for your feedback!",
            "亲爱的顾客，您的反馈我们已转交仓库",
            "【商家回复】您好",
            "亲，感谢您的支持！",
            "非常抱歉，已为您安排退款。",
        ],
        [
            "The seller's reply came at once.",
            "Seller's reply was quick.",
            "Customer service was sorry and refunded me.",
            "Thank you, Selwick!",
            "Kind regards from Leeds",
            "商家回复很快",
            "亲们可以放心买",
            "客服态度很好，给您点赞",
        ],
    ),
}
STARS = (
    ("Perfect, I love them and would give 5 stars.", 1.0, True),
    ("Highly recommended, excellent quality.", 1.0, True),
    ("Terrible, fell apart after a day. One star.", 5.0, True),
    ("五星好评，非常满意，强烈推荐！", 1.0, True),
    ("一星差评，质量太差，再也不买了。", 5.0, True),
    ("Perfect, I love them and would give 5 stars.", 5.0, False),
    ("Terrible, fell apart after a day. One star.", 1.0, False),
    ("Excellent in the pictures, but not what I got; I wanted to give five stars.", 1.0, False),
    ("Not one of them broke, and I never had to ask for a refund: no other is so good.", 5.0, False),
    ("我本来要给五星，非常喜欢，可惜坏了。", 1.0, False),
    ("Perfect.", 1.0, False),
    ("Perfect, I love them and would give 5 stars.", 3.0, False),
)


def arrow(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)


@pytest.fixture(scope="module")
def judged():
    """Gives what the rules say about rows of a small log of five products: by event, the names of the rules."""
    con = engine.connect("500MB", threads=1)
    items = [{"item_id": item, "title": title, "description": text} for item, (title, text) in TITLES.items()]
    tables = {"items": contract.conform(con.create_table("raw_items", arrow(items)), "items")}

    def judge(rows: list[dict]) -> list[set[str]]:
        usual = {
            "user_id": "u",
            "event_type": "review",
            "value": 4.0,
            "timestamp": pd.Timestamp("2027-01-01", tz="UTC"),
        }
        events = [{"event_id": f"e{i}", "item_id": "abcde"[i % 5]} | usual | row for i, row in enumerate(rows)]
        made = contract.conform(con.create_table("raw_events", arrow(events), overwrite=True), "events")
        known = made.mutate(rating_bottom=1.0, rating_top=5.0, query_odd=True)
        given = {**tables, "events": made}
        table = opinions.seen(con, known, given, "test")
        flags = {f"r{i}": rule.condition(table, given) for i, rule in enumerate(opinions.RULES)}
        found = con.to_pandas(table.select("event_id", **flags)).set_index("event_id")
        assert len(found) == len(events)
        return [
            {rule.name for i, rule in enumerate(opinions.RULES) if found.loc[f"e{n}", f"r{i}"]}
            for n in range(len(events))
        ]

    return judge


def test_texts_that_are_no_opinion_and_texts_that_only_look_so(judged):
    texts = [(name, text, wrong) for name, (bad, good) in SAID.items() for wrong, said in ((True, bad), (False, good))
             for text in said]  # fmt: skip
    found = judged([{"text": text} for _, text, _ in texts])
    unlike = [(name, text) for (name, text, wrong), rules in zip(texts, found, strict=True) if (name in rules) != wrong]
    assert unlike == []


def test_words_against_stars(judged):
    others = [{"text": f"It is okay, number {i}.", "value": float(1 + i % 5)} for i in range(40)]
    found = judged([*({"text": text, "value": value} for text, value, _ in STARS), *others])
    said = ["review contradicts its stars" in rules for rules in found]
    assert said[: len(STARS)] == [wrong for *_, wrong in STARS]
    assert not any(said[len(STARS) :])


@pytest.mark.parametrize(("own", "other"), [("a", "b"), ("c", "d")])
def test_a_review_of_another_product(judged, own, other):
    name, (title, text) = "review names another product", TITLES[own]
    theirs = TITLES[other][0]
    said = [
        f"{theirs}: fits well",
        f"买的是{theirs}，很满意",
        f"{title} beats the {theirs}",
        f"My {title}",
        text,
        "Boots",
    ]
    found = judged([{"item_id": own, "text": t} for t in said])
    assert [name in rules for rules in found] == [True, True, False, False, False, False]
    asked = judged([{"item_id": own, "text": f"Or the {theirs}?", "event_type": "comment"}])
    assert name not in asked[0]


def test_a_description_as_a_review(judged):
    name = "review is a product's description"
    said = [TITLES["a"][1].upper(), TITLES["c"][1], f"They write: {TITLES['a'][1]}", "Plain boots."]
    assert [name in rules for rules in judged([{"text": text} for text in said])] == [True, True, False, False]


def test_queries_from_an_address(judged):
    wrong = ["red+boots", "red+rain+boots", "q=boots&sort=price&page=2", "?query=雨靴", "boots&page=2", "女鞋+雨靴"]
    right = ["red boots", "c++", "boots + socks", "a&b", "h&m boots", "5+1", "size=42 boots", "black & white"]
    rows = [{"query": query, "event_type": "impression", "value": None} for query in wrong + right]
    found = ["query is still part of an address" in rules for rules in judged([*rows, {"text": "fine"}])]
    assert found == [True] * len(wrong) + [False] * (len(right) + 1)


def test_without_products_opinions_are_judged_by_themselves():
    con = engine.connect("500MB", threads=1)
    rows = [{"event_id": "e", "user_id": "u", "item_id": "a", "event_type": "review", "text": TITLES["a"][1],
             "timestamp": pd.Timestamp("2027-01-01", tz="UTC")}]  # fmt: skip
    tables = {"events": contract.conform(con.create_table("raw", arrow(rows)), "events")}
    seen = shop.seen(con, tables)["events"]
    assert con.to_pandas(seen.select("copied", "of_other")).values.tolist() == [[False, False]]
    applied = {rule.name for rule in quality.applicable(shop.RULES, tables)[0]}
    assert "review is the shop's answer" in applied
    assert "review is a product's description" not in applied
