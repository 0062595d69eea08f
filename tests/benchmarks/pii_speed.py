"""How fast personal data is found and replaced in search queries, on one core; Presidio beside it where installed.

The queries are made here: what people type into a shop's search, 25 characters on average, with sizes, prices, model
codes and other digits; one in a hundred holds personal data.
"""

import argparse
import random
import time
from collections.abc import Callable
from statistics import median

import pyarrow as pa

from workbench.governance.privacy.pii import redact
from workbench.governance.privacy.pii.presidio import Presidio, PresidioError

from .record import record

TARGET = 50_000
SHARE = 0.01
PRESIDIO_QUERIES = 300
COLOURS = ["red", "blue", "black", "white", "navy", "olive", "cream", "charcoal"]
MADE_OF = ["leather", "waterproof", "vegan", "cotton", "linen", "wireless", "stainless", "foldable", "organic"]
THINGS = [
    "running shoes", "ankle boots", "rain jacket", "coffee grinder", "desk lamp", "usb c cable", "dinner plate set",
    "phone case", "yoga mat", "court shoes", "road bike tyre", "place mats", "street style hoodie", "name necklace",
]  # fmt: skip
FOR = ["for men", "for women", "for kids", "on sale", "with lid", "like new"]
COLOURS_ZH = ["红色", "蓝色", "黑色", "白色", "藏青", "米色"]
THINGS_ZH = [
    "跑步鞋", "冲锋衣", "咖啡机", "台灯", "数据线", "手机壳", "瑜伽垫", "行李箱", "女士羽绒服", "花园水管", "路由器",
    "保温杯", "童车", "号码牌", "李宁篮球鞋",
]  # fmt: skip
FOR_ZH = ["送给妈妈的礼物", "学生宿舍用", "男士夏季薄款", "加厚保暖", "官方正品", "大容量便携"]


def main() -> None:
    """Measure both languages, and record the queries a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=20270101)
    given = parser.parse_args()
    pa.set_cpu_count(1)
    for language in ("en", "zh"):
        texts = queries(language, given.queries, given.seed)
        print(f"{language}: {len(texts)} queries, {sum(map(len, texts)) / len(texts):.1f} characters on average")
        redact(texts[:1000], language=language)
        seconds = [_seconds(lambda texts=texts, language=language: redact(texts, language=language))
                   for _ in range(given.repeats)]  # fmt: skip
        rival = _presidio(texts[:PRESIDIO_QUERIES], language)
        record(
            f"pii_speed_{language}",
            len(texts) / median(seconds),
            "queries a second",
            target=TARGET,
            higher_is_better=True,
            rival=rival,
        )


def queries(language: str, count: int, seed: int) -> list[str]:
    """Made-up search queries, of which `SHARE` hold personal data."""
    draw = random.Random(seed)
    plain, private = (_english, _private_english) if language == "en" else (_chinese, _private_chinese)
    return [private(draw) if draw.random() < SHARE else plain(draw) for _ in range(count)]


def _english(draw: random.Random) -> str:
    words = [draw.choice(COLOURS), draw.choice(MADE_OF), draw.choice(THINGS)][draw.randint(1, 2) :]
    more = (
        lambda: f"size {draw.randint(34, 48)}",
        lambda: f"under {draw.randint(5, 300)}.99",
        lambda: f"wh-{draw.randint(100, 9999)}xm{draw.randint(1, 9)}",
        lambda: f"{draw.randint(20, 60)}x{draw.randint(20, 60)} cm",
        lambda: str(draw.randint(10**11, 10**13)),
        lambda: draw.choice(FOR),
        lambda: draw.choice(FOR),
    )
    return " ".join([*words, draw.choices(more, (3, 2, 2, 2, 1, 4, 4))[0]()])


def _chinese(draw: random.Random) -> str:
    more = (
        lambda: f"{draw.randint(34, 48)}码",
        lambda: f"{draw.randint(5, 300)}-{draw.randint(301, 999)}元",
        lambda: f"rmx{draw.randint(1000, 9999)} {draw.choice((128, 256))}gb",
        lambda: f"{draw.randint(20, 60)}x{draw.randint(20, 60)}cm",
        lambda: f"货号{draw.randint(10**11, 10**12)}",
        lambda: draw.choice(FOR_ZH),
    )
    some = [draw.choice(COLOURS_ZH), draw.choice(THINGS_ZH), draw.choice(FOR_ZH)]
    return " ".join([*some, *(each() for each in draw.choices(more, (3, 2, 2, 2, 1, 4), k=draw.randint(1, 2)))])


def _private_english(draw: random.Random) -> str:
    number = f"{draw.randint(1000, 9999)}"
    return draw.choice(
        (f"order of bob{number}@example.com", f"call me on 020 7946 {number}", f"my name is anna smith {number}",
         f"ship to {number} elm street dayton oh 45402", "card 4111 1111 1111 1111 refused")
    )  # fmt: skip


def _private_chinese(draw: random.Random) -> str:
    number = f"{draw.randint(1000, 9999)}"
    return draw.choice(
        (f"wang{number}@163.com的订单", f"手机1380013{number}", "我叫王小明 订单", f"送到建国路{number}号",
         "身份证11010519491231002X")
    )  # fmt: skip


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _presidio(texts: list[str], language: str) -> str:
    """What Presidio does with a blank model, in words."""
    try:
        rival = Presidio(language=language)
    except PresidioError as reason:
        return f"Presidio, which was not measured: {reason}"
    seconds = _seconds(lambda: [list(rival.find(text)) for text in texts])
    return f"Presidio with a blank model, {len(texts) / seconds:.0f} a second"


if __name__ == "__main__":
    main()
