"""Characters: what was broken comes back exactly, and what is right is left alone."""

import ibis
import pandas as pd
import pytest

from workbench.data import engine
from workbench.governance.signals import characters as c

TEXTS = ("café naïve – “très bien”", "红色跑步鞋，轻便", "中文鞋子红色运动", "Größe 42 für 50 €", "😀 good")
RIGHT = (*TEXTS, "«ÉTÉ»", "„ÄÖÜ“", "茅台酒", "淡紫色蕾丝连衣裙", "T恤", "Ö²", "À «", "plain", "2 < 3 & 4 > 1",
         "می\u200cخواهم", "क्\u200dष", "👩\u200d👧 shoes")  # fmt: skip


@pytest.fixture(scope="module")
def con():
    return engine.connect("500MB", threads=1)


def run(con, expression, texts) -> list:
    table = con.create_table("texts", ibis.memtable(pd.DataFrame({"text": list(texts)})), overwrite=True)
    return con.to_pandas(table.select(got=expression(table.text)))["got"].tolist()


def cp1252(text: str) -> str:
    """UTF-8 read as Windows-1252, the five bytes it lacks as latin-1 reads them."""
    return "".join(
        chr(b) if b in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes([b]).decode("cp1252") for b in text.encode()
    )


@pytest.mark.parametrize("broken", [lambda t: t.encode().decode("latin-1"), cp1252, lambda t: cp1252(cp1252(t))],
                         ids=["latin-1", "cp1252", "twice"])  # fmt: skip
def test_utf8_read_as_a_western_encoding_is_undone(con, broken):
    wrong = [broken(text) for text in TEXTS]
    assert run(con, c.mojibake, wrong) == [True] * len(TEXTS)
    assert run(con, c.decoded_again, wrong) == list(TEXTS)


def test_utf8_read_as_gb18030_and_chinese_read_as_latin1_are_undone(con):
    whole = ["中文鞋子红色运动", "红色运动 Nike 鞋子", "caf\u00e9"]
    wrong = [text.encode().decode("gb18030") for text in whole]
    assert run(con, c.mojibake, wrong) == [True] * 3
    assert run(con, c.decoded_again, wrong) == whole
    gb = ["中文鞋子".encode("gb2312").decode("latin-1")]
    assert run(con, c.decoded_again, gb) == ["中文鞋子"]


def test_what_cannot_be_undone_is_said_to_be_lost(con):
    lost = ["红色跑步鞋".encode().decode("gb18030", "ignore"), "caf\ufffd", "锟斤拷锟斤拷"]
    assert run(con, c.undecodable, lost) == [True] * 3


@pytest.mark.parametrize(
    "check", [c.mojibake, c.markup, c.invisible, c.wide, c.decomposed, c.untidy, c.undecodable, c.escaped]
)
def test_right_texts_are_not_accused(con, check):
    assert run(con, check, RIGHT) == [False] * len(RIGHT)


@pytest.mark.parametrize(
    ("find", "mend", "before", "after"),
    [
        (c.markup, c.plain, "<b>Red</b> shoe<br/>new", "Red shoe new"),
        (c.markup, c.plain, "salt &amp;amp; pepper", "salt & pepper"),
        (c.markup, c.plain, "ok <script>alert(1)</script>", "ok"),
        (c.escaped, c.unescaped, "caf\\u00e9%20noir", "café noir"),
        (c.invisible, c.visible, "sh\u200boe\x07s\ufeff", "shoes"),
        (c.invisible, c.visible, "s\u200dhoes 鞋\u200c子", "shoes 鞋子"),
        (c.wide, c.narrow, "ＮＩＫＥ ９０！", "NIKE 90!"),
        (c.wide, c.narrow, "Ｔ恤，红色！", "T恤，红色！"),
        (c.decomposed, c.composed, "cafe\u0301", "café"),
        (c.untidy, c.tidy, " \u3000red \u00a0 shoe\t", "red shoe"),
    ],
)
def test_broken_texts_are_found_and_mended(con, find, mend, before, after):
    assert run(con, find, [before]) == [True]
    assert run(con, mend, [before]) == [after]
    assert run(con, find, [after]) == [False]


def test_percent_codes_that_are_no_text_stay():
    assert c._unescape("a%20b") == "a b"
    assert c._unescape("Save 10%20%30% off") == "Save 10%20%30% off"
    assert c._unescape("red%2520boots") == "red boots"
    assert c._unescape("%FF%FE") == "%FF%FE"
