"""What a shop's own files may have wrong: each ends repaired, recorded, or refused with one sentence."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench.data import engine, sources
from workbench.data.collected import Collected, SourceError

ITEMS = {"item_id": "id", "title": "title", "price": "price"}
TEXTS = {"text": "text", "label": "label"}


CON = engine.connect("500MB", threads=1)


def collected(folder: Path, texts: dict[str, Any], **more: Any) -> Collected:
    """Collect texts (and more tables) from files in the folder."""
    source = sources.find("tables", str(folder), {"shape": "texts", "texts": texts, **more})
    return source.collect(CON, source.files())


def of_items(folder: Path, content: str | bytes, **entries: Any) -> Collected:
    """Items from one CSV file, beside texts that are never wrong."""
    raw = content.encode() if isinstance(content, str) else content
    (folder / "items.csv").write_bytes(raw)
    (folder / "texts.csv").write_text("text,label\nfine,ok\n")
    items = {"files": "items.csv", "columns": ITEMS, **entries}
    return collected(folder, {"files": "texts.csv", "columns": TEXTS}, items=items)


def frame(found: Collected, table: str = "items") -> pd.DataFrame:
    made = found.tables[table].execute()
    return made.sort_values(made.columns[0]).reset_index(drop=True)


def rejected(found: Collected) -> pd.DataFrame:
    assert found.rejected is not None
    return found.rejected.order_by("key").execute()


def unparsed(found: Collected) -> list[tuple[str, str, str]]:
    rows = found.tables["unparsed"].order_by("key", "column").execute()
    return list(rows[["key", "column", "value"]].itertuples(index=False, name=None))


def refused(folder: Path, content: str | bytes, **entries: Any) -> str:
    with pytest.raises(SourceError) as error:
        of_items(folder, content, **entries)
    said = str(error.value)
    assert "\n" not in said
    assert said.startswith("items: ")
    return said


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert "items.csv is empty" in refused(tmp_path, "")
    assert "items.csv is empty" in refused(tmp_path, "\n\n  \n")


def test_a_header_without_rows_is_refused(tmp_path: Path) -> None:
    assert "has a header and no rows" in refused(tmp_path, "id,title,price\n")


def test_a_wrong_delimiter_is_refused_and_the_likely_one_named(tmp_path: Path) -> None:
    content = "id;title;price\n1;shoe;2\n"
    assert "its delimiter is rather ';'" in refused(tmp_path, content, delimiter=",")
    assert frame(of_items(tmp_path, content))["price"].tolist() == [2.0]
    assert "longer than one character" in refused(tmp_path, content, delimiter=";;")


def test_ragged_rows_are_rejected_whole_and_all_others_kept(tmp_path: Path) -> None:
    rows = ["1,shoe,2", "2,boot", "3,a,sandal,4", "4,clog,5,", "", '5,"two\nlines",6']
    found = of_items(tmp_path, "id,title,price\n" + "\n".join(rows) + "\n")
    assert frame(found)["item_id"].tolist() == ["1", "4", "5"]
    assert frame(found)["title"].tolist() == ["shoe", "clog", "two\nlines"]
    bad = rejected(found)
    assert bad["key"].tolist() == ["items.csv:3", "items.csv:4"]
    assert bad["row"].tolist() == ["2,boot", "3,a,sandal,4"]
    assert "2 values where the header has 3" in bad["reasons"][0]
    assert set(bad["table"]) == {"items"}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quote_that_is_never_closed_costs_its_own_row_only(tmp_path: Path, end: str) -> None:
    rows = ["id,title,price", '1,"open,2', "2,boot,3", '3,5" heel,4', '4,"wrong" here,5', "5,clog,6"]
    found = of_items(tmp_path, end.join(rows) + end)
    assert frame(found)["title"].tolist() == ["boot", '5" heel', "clog"]
    assert rejected(found)["row"].tolist() == ['1,"open,2', '4,"wrong" here,5']


def test_every_row_is_parsed_or_rejected(tmp_path: Path) -> None:
    rows = [f"{i},{'shoe' if i % 7 else 'a,b'},{i}" for i in range(5_000)]
    found = of_items(tmp_path, "id,title,price\n" + "\n".join(rows))
    ragged = sum(i % 7 == 0 for i in range(5_000))
    assert (len(frame(found)), len(rejected(found))) == (5_000 - ragged, ragged)
    assert any(f"{ragged} of 5,000 rows" in note for note in found.notes)


def test_a_file_of_which_no_row_parses_is_refused(tmp_path: Path) -> None:
    assert "no row of items.csv can be read" in refused(tmp_path, "id,title,price\n1\n2,3\n")


@pytest.mark.parametrize("blank", ["\n", "   \n"])
def test_blank_lines_are_no_rows_and_no_header(tmp_path: Path, blank: str) -> None:
    found = of_items(tmp_path, f"{blank}{blank}id,title,price\n1,shoe,2\n{blank}2,boot,3\n{blank}")
    assert frame(found)["title"].tolist() == ["shoe", "boot"]
    assert rejected(found).empty


def test_mixed_line_ends_are_read(tmp_path: Path) -> None:
    found = of_items(tmp_path, b"id,title,price\r\n1,shoe,2\n2,boot,3\r\n3,clog,4\r")
    assert frame(found)["title"].tolist() == ["shoe", "boot", "clog"]


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    found = of_items(tmp_path, b"\xef\xbb\xbfid,title,price\n1,shoe,2\n")
    assert frame(found)["item_id"].tolist() == ["1"]
    found = of_items(tmp_path, "id\ttitle\tprice\n1\tSchöner Schuh 鞋\t2\n".encode("utf-16"))
    assert frame(found)["title"].tolist() == ["Schöner Schuh 鞋"]


def test_nul_bytes_are_taken_out_and_their_lines_recorded(tmp_path: Path) -> None:
    found = of_items(tmp_path, b"id,title,price\n1,sh\x00oe,2\n2,boot,3\n")
    assert frame(found)["title"].tolist() == ["shoe", "boot"]
    assert unparsed(found) == [("items.csv:2", "(line)", "1,sh\\x00oe,2")]


def test_nul_characters_of_utf16_are_taken_out_and_their_lines_recorded(tmp_path: Path) -> None:
    found = of_items(tmp_path, "id,title,price\r\n1,sh\0oe,2\r\n2,boot,3\r\n".encode("utf-16"))
    assert frame(found)["title"].tolist() == ["shoe", "boot"]
    assert unparsed(found) == [("items.csv:2", "(line)", "1,sh\\x00oe,2")]
    assert "items: 1 lines of items.csv were repaired: see the table unparsed" in found.notes


def test_lines_in_another_encoding_are_decoded_and_recorded(tmp_path: Path) -> None:
    lines = [f"{i},Größe {i},2".encode() for i in range(5)] + ["5,Schnürschuh,3".encode("cp1252")]
    found = of_items(tmp_path, b"id,title,price\n" + b"\n".join(lines))
    assert frame(found)["title"].tolist() == [*(f"Größe {i}" for i in range(5)), "Schnürschuh"]
    assert unparsed(found) == [("items.csv:7", "(line)", "5,Schn\\xfcrschuh,3")]
    assert any("read as utf-8 (detected)" in note for note in found.notes)


def test_utf8_lines_in_a_western_and_in_a_chinese_file_are_found(tmp_path: Path) -> None:
    for encoding, title in (("cp1252", "Größe, schöner Schuh für Mädchen"), ("gb18030", "红色运动鞋,非常舒服")):
        lines = [f'{i},"{title}",2'.encode(encoding) for i in range(5)] + [f'5,"{title}",3'.encode()]
        found = of_items(tmp_path, b"id,title,price\n" + b"\n".join(lines))
        assert set(frame(found)["title"]) == {title}
        assert [key for key, *_ in unparsed(found)] == ["items.csv:7"]
        assert any(f"read as {encoding} (detected)" in note for note in found.notes)


def of_titles(titles: list[str], encoding: str) -> bytes:
    return b"id,title,price\n" + b"".join(f"{i},{title},2\n".encode(encoding) for i, title in enumerate(titles))


RUSSIAN = ["Кроссовки мужские красные", "Платье летнее", "Куртка зимняя тёплая с капюшоном"]
TRADITIONAL = ["紅色運動鞋 非常舒服", "黑色皮鞋 男款", "夏季連衣裙 新款上市"]
SIMPLIFIED = ["红色运动鞋 非常舒服", "黑色皮鞋 男款", "夏季连衣裙 新款上市"]
CZECH = ["Červené boty pro muže", "Dámské šaty letní žluté", "Zimní bunda s kapucí"]


@pytest.mark.parametrize(
    ("titles", "real", "given", "said"),
    [
        (SIMPLIFIED, "gb18030", "utf-8", "is not utf-8: 3 of 3 lines"),
        (RUSSIAN, "cp1251", "utf-8", "is not utf-8: 3 of 3 lines"),
        (SIMPLIFIED, "utf-8", "cp1252", "is not cp1252: 3 of 3 lines"),  # it decodes, as 红
        (CZECH, "utf-8", "latin-1", "is not iso8859-1: 3 of 3 lines"),
        (SIMPLIFIED, "utf-8", "gb18030", "is not gb18030: 3 of 3 lines"),
    ],
)
def test_a_given_encoding_that_most_lines_contradict_is_refused(
    tmp_path: Path, titles: list[str], real: str, given: str, said: str
) -> None:
    message = refused(tmp_path, of_titles(["plain", *titles], real), encoding=given)
    assert f"items.csv {said}" in message
    assert f"they look like {real}: set `encoding: {real}`, or leave it out" in message
    assert frame(of_items(tmp_path, of_titles(titles, real), encoding=real))["title"].tolist() == titles


def test_a_line_that_does_not_have_the_given_encoding_is_decoded_and_recorded(tmp_path: Path) -> None:
    content = of_titles(["Größe", "Füße", "grün"], "utf-8") + "3,Schnürschuh,2\n".encode("cp1252")
    found = of_items(tmp_path, content, encoding="utf-8")
    assert frame(found)["title"].tolist() == ["Größe", "Füße", "grün", "Schnürschuh"]
    assert unparsed(found) == [("items.csv:5", "(line)", "3,Schn\\xfcrschuh,2")]
    assert "items: items.csv read as utf-8, delimiter ','" in found.notes


@pytest.mark.parametrize(("titles", "encoding"), [(RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (TRADITIONAL, "big5")])
def test_other_alphabets_and_scripts_are_detected(tmp_path: Path, titles: list[str], encoding: str) -> None:
    found = of_items(tmp_path, of_titles(titles, encoding))
    assert frame(found)["title"].tolist() == titles
    assert f"items: items.csv read as {encoding} (detected), delimiter ','" in found.notes


@pytest.mark.parametrize(("titles", "real"), [(CZECH, "cp1250"), (["café"], "cp1252"), (["5 €"], "cp1252")])
def test_an_encoding_that_nothing_shows_is_called_a_guess(tmp_path: Path, titles: list[str], real: str) -> None:
    notes = of_items(tmp_path, of_titles(titles, real)).notes
    guess = "cp1252 (a guess: if characters look wrong, set `encoding`)"
    assert f"items: items.csv read as {guess}, delimiter ','" in notes


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    assert "there is no encoding 'utf-9'" in refused(tmp_path, "id,title,price\n1,a,2\n", encoding="utf-9")
    assert "there is no encoding 'rot13'" in refused(tmp_path, "id,title,price\n1,a,2\n", encoding="rot13")


def test_a_column_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    assert "has the column 'title' 2 times" in refused(tmp_path, "id,title,title\n1,a,2\n")


@pytest.mark.parametrize("row", ["2,{},3", '2,"{}",3\n3,ragged'])
def test_a_cell_of_ten_megabytes_is_read(tmp_path: Path, row: str) -> None:
    cell = "x" * 10_000_000
    found = of_items(tmp_path, f"id,title,price\n1,shoe,2\n{row.format(cell)}\n")
    assert frame(found)["title"].map(len).tolist() == [4, 10_000_000]


def test_a_json_line_of_ten_megabytes_is_read(tmp_path: Path) -> None:
    lines = [json.dumps({"text": text, "label": "a"}) for text in ("short", "x" * 10_000_000)]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines))
    found = collected(tmp_path, {"files": "texts.jsonl", "columns": TEXTS})
    assert sorted(frame(found, "texts")["text"].map(len)) == [5, 10_000_000]


def test_numbers_with_separators_are_read_and_the_conversion_recorded(tmp_path: Path) -> None:
    prices = ['"12,50"', '"1.234,5"', "1.234", "1 234", "7", "abc", "€ 9", "nan"]
    found = of_items(tmp_path, "id,title,price\n" + "\n".join(f"{i},t,{price}" for i, price in enumerate(prices)))
    assert frame(found)["price"].fillna(-1).tolist() == [12.5, 1234.5, 1234, 1234, 7, -1, -1, -1]
    assert unparsed(found) == [("5", "price", "abc"), ("6", "price", "€ 9"), ("7", "price", "nan")]
    changes = [change for change in found.conversions if change[1] == "price"]
    assert changes == [("items", "price", "4 numbers as text with separators", "number, decimal sign ','")]


def of_prices(folder: Path, prices: list[str], **entries: Any) -> tuple[Collected, list[float], str]:
    """Items of these prices, the prices as read (-1 for null), and the notes on them."""
    found = of_items(folder, "id,title,price\n" + "".join(f'{i},t,"{p}"\n' for i, p in enumerate(prices)), **entries)
    notes = [note for note in found.notes if note.startswith("items: price: ")]
    return found, frame(found)["price"].fillna(-1).tolist(), "; ".join(notes)


@pytest.mark.parametrize(
    ("prices", "read", "said"),
    [
        (["1.234,50", "1.234"], [1234.5, 1234], "read with the decimal sign ',', as 1 numbers show"),
        (["12,50", "1,234", "1e2"], [12.5, 1.234, 100], "read with the decimal sign ',', as 1 numbers show"),
        (["1.234.567", "1.234"], [1234567, 1234], "read with the decimal sign ',', as 1 numbers show"),
        (["0,125", "1,234"], [0.125, 1.234], "read with the decimal sign ',', as 1 numbers show"),  # no group is 0
        (["1,234,567", "1,234"], [1234567, 1234], "read with the decimal sign '.', as 1 numbers show"),
        (["12.5", "1,234", "1 000"], [12.5, 1234, 1000], "read with the decimal sign '.', as 1 numbers show"),
        (["1,234", "1.234", "5"], [1234, 1.234, 5], "2 numbers such as 1,234 or 1.234 may have thousands"),
        (["12.5", "1.234", "5", "1e3"], [12.5, 1.234, 5, 1000], ""),
        (["7", "1 234", "1'234"], [7, 1234, 1234], ""),
    ],
)
def test_all_values_of_a_column_decide_its_decimal_sign(
    tmp_path: Path, prices: list[str], read: list[float], said: str
) -> None:
    found, numbers, notes = of_prices(tmp_path, prices)
    assert numbers == read
    assert unparsed(found) == []
    assert said in notes
    assert bool(said) == bool(notes)


def test_a_number_written_otherwise_than_its_column_is_null_and_recorded(tmp_path: Path) -> None:
    found, numbers, notes = of_prices(tmp_path, ["12,50", "1.234,5", "1,234.5", "1,234", "2.5", "0,5"])
    assert numbers == [12.5, 1234.5, -1, 1.234, -1, 0.5]
    assert unparsed(found) == [("2", "price", "1,234.5"), ("4", "price", "2.5")]
    assert "the decimal sign is ',' in 3 numbers and '.' in 2, which are null" in notes
    assert of_prices(tmp_path, ["12,50", "2.5"])[1] == [-1, 2.5]  # as many: the point


def test_a_sign_that_is_given_needs_no_note(tmp_path: Path) -> None:
    for entries, read in (({"decimal": "."}, [1234, 1.234]), ({"thousands": "."}, [1.234, 1234])):
        assert of_prices(tmp_path, ["1,234", "1.234"], **entries)[1:] == (read, "")


def test_a_number_in_groups_begins_with_no_zero(tmp_path: Path) -> None:
    found, numbers, _ = of_prices(tmp_path, ["0,500", "1,500"], decimal=".")
    assert (numbers, unparsed(found)) == ([-1, 1500], [("0", "price", "0,500")])


def test_a_given_decimal_sign_decides(tmp_path: Path) -> None:
    found = of_items(tmp_path, 'id,title,price\n1,t,"1,234"\n2,t,1.234\n3,t,12.5\n', decimal=",")
    assert frame(found)["price"].fillna(-1).tolist() == [1.234, 1234, -1]
    assert unparsed(found) == [("3", "price", "12.5")]
    assert "they must differ" in refused(tmp_path, "id\n", decimal=",", thousands=",")


def test_dates_in_three_formats_are_tried_in_turn(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label,day\na,x,2024-07-01\nb,x,31.12.2024\nc,x,12/31/2024\nd,x,soon\n")
    texts = {"files": "t.csv", "columns": {**TEXTS, "timestamp": "day"}, "timezone": "Europe/Berlin"}
    found = collected(tmp_path, {**texts, "times": {"timestamp": ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"]}})
    times = frame(found, "texts")["timestamp"].astype(str).tolist()
    assert times[:3] == ["2024-06-30 22:00:00+00:00", *["2024-12-30 23:00:00+00:00"] * 2]
    assert unparsed(found) == [("1-4", "timestamp", "soon")]


def test_ids_that_look_like_decimal_numbers_become_whole(tmp_path: Path) -> None:
    found = of_items(tmp_path, "id,title,price\n123.0,a,1\n124,b,1\n00125,c,1\nA1.0,d,1\n")
    assert sorted(frame(found)["item_id"]) == ["00125", "123", "124", "A1.0"]
    assert ("items", "item_id", "1 ids with a decimal point, such as 123.0", "whole numbers as text, such as 123") in (
        found.conversions
    )


def test_a_number_that_overflows_is_recorded_and_its_row_kept(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(
        f"user,item,what,at,place\nu,i,click,1700000000,{10**30}\nu,i,click,{10**30},2\nu,i,click,1700000000,1e999\n"
    )
    columns = {"user_id": "user", "item_id": "item", "event_type": "what", "timestamp": "at", "position": "place"}
    events = {"files": "events.csv", "columns": columns, "times": {"timestamp": "seconds"}}
    (tmp_path / "texts.csv").write_text("text,label\nfine,ok\n")
    found = collected(tmp_path, {"files": "texts.csv", "columns": TEXTS}, events=events)
    assert frame(found, "events")["position"].fillna(-1).tolist() == [-1, 2, -1]
    assert frame(found, "events")["timestamp"].isna().tolist() == [False, True, False]
    recorded = unparsed(found)
    assert recorded == [
        ("1-1", "position", str(10**30)), ("1-2", "timestamp", str(10**30)), ("1-3", "position", "1e999")
    ]  # fmt: skip


def test_emoji_and_right_to_left_text_survive_byte_for_byte(tmp_path: Path) -> None:
    titles = [
        "👟👩🏽‍🦰",
        "حذاء أحمر",
        "נעל \u200fאדומה",
        "e\u0301 ﬁ ｆｕｌｌ",
        "a\u00a0b\u200b",
        "x\u2028y\x85z",
        "\ufeffx",
    ]
    found = of_items(tmp_path, "id,title,price\n" + "\n".join(f"{i},{title},1" for i, title in enumerate(titles)))
    assert frame(found)["title"].tolist() == titles
    ragged = of_items(tmp_path, "id,title,price\nx\n" + "\n".join(f"{i},{title},1" for i, title in enumerate(titles)))
    assert frame(ragged)["title"].tolist() == titles


def zipped(folder: Path, **members: str) -> None:
    with zipfile.ZipFile(folder / "texts.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_a_zip_of_two_files_is_refused_until_one_is_named(tmp_path: Path) -> None:
    zipped(tmp_path, **{"a.csv": "text,label\nfine,ok\n", "b.csv": "text,label\nfine,ok\nfine,ok\n"})
    with pytest.raises(SourceError, match=r"texts: texts.zip holds 2 files \('a.csv', 'b.csv'\): name one as `member`"):
        collected(tmp_path, {"files": "texts.zip", "columns": TEXTS})
    with pytest.raises(SourceError, match=r"none that match 'c.csv'"):
        collected(tmp_path, {"files": "texts.zip", "columns": TEXTS, "member": "c.csv"})
    found = collected(tmp_path, {"files": "texts.zip", "columns": TEXTS, "member": "b*"})
    assert len(frame(found, "texts")) == 2


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "..\\evil.csv", "C:\\evil.csv"])
def test_a_zip_whose_names_lead_out_of_it_is_refused(tmp_path: Path, name: str) -> None:
    zipped(tmp_path, **{name: "text,label\nfine,ok\n"})
    with pytest.raises(SourceError, match="leads out of the archive"):
        collected(tmp_path, {"files": "texts.zip", "columns": TEXTS})


def test_what_macos_adds_to_a_zip_is_passed_over(tmp_path: Path) -> None:
    added = {"__MACOSX/._a.csv": "\0\5\x16\7", "__MACOSX/shop/b": "x", "shop/._a.csv": "x", "shop/.DS_Store": "x"}
    zipped(tmp_path, **{"shop/a.csv": "text,label\nfine,ok\n"}, **added)
    for more in ({}, {"member": "*.csv"}):
        found = collected(tmp_path, {"files": "texts.zip", "columns": TEXTS, **more})
        assert frame(found, "texts")["text"].tolist() == ["fine"]


@pytest.mark.parametrize("members", [{}, {"folder/": ""}, {"__MACOSX/._a.csv": "x"}])
def test_an_empty_zip_is_refused(tmp_path: Path, members: dict[str, str]) -> None:
    zipped(tmp_path, **members)
    with pytest.raises(SourceError, match=r"texts: texts\.zip is a zip without a file in it: pack it again"):
        collected(tmp_path, {"files": "texts.zip", "columns": TEXTS})


def test_damaged_archives_and_spreadsheets_are_refused(tmp_path: Path) -> None:
    packed = gzip.compress(b"text,label\n" + b"fine,ok\n" * 10_000)
    (tmp_path / "cut.csv.gz").write_bytes(packed[:-20])
    zipped(tmp_path, a="text,label\nfine,ok\n")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "texts.zip").read_bytes()[:-20])
    (tmp_path / "texts.zip").rename(tmp_path / "book.xlsx")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 is how it begins")
    (tmp_path / "texts.pdf").write_bytes(b"%PDF")
    said = {"cut.csv.gz": "damaged", "cut.zip": "damaged", "book.xlsx": "save it as CSV", "bad.parquet": "no Parquet"}
    for name, words in {**said, "texts.pdf": "files that end in '.pdf' are not read"}.items():
        with pytest.raises(SourceError, match=words) as error:
            collected(tmp_path, {"files": name, "columns": TEXTS})
        assert "\n" not in str(error.value)


def test_a_glob_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no file in .* matches 'log-\*.csv'"):
        collected(tmp_path, {"files": "log-*.csv", "columns": TEXTS})


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text("text,label\nfine,ok\n")
    with pytest.raises(SourceError, match=r"text.csv does not exist, did you mean 'texts.csv'\?"):
        collected(tmp_path, {"files": "text.csv", "columns": TEXTS})
    with pytest.raises(SourceError, match=r"the folder .* does not exist"):
        collected(tmp_path / "nowhere", {"files": "text.csv", "columns": TEXTS})


def test_a_column_mapped_twice_is_refused(tmp_path: Path) -> None:
    columns = {"item_id": "id", "title": "name", "description": "name"}
    said = refused(tmp_path, "id,name\n1,a\n", columns=columns)
    assert "'name' is mapped to 'title' and 'description': map it once" in said
    said = refused(tmp_path, "id,name\n1,a\n", columns={"item_id": "id", "title": "name"}, constants={"title": "x"})
    assert "'title' is given in two of columns, constants and join" in said


def test_a_missing_column_is_refused_and_the_nearest_named(tmp_path: Path) -> None:
    assert "has no column 'price', did you mean 'Price'?; it has id, title, Price" in refused(
        tmp_path, "id,title,Price\n1,a,2\n"
    )


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"colums": {}}, "there is no entry 'colums', did you mean 'columns'?"),
        ({"columns": {"item_id": "id"}}, "nothing is mapped to 'title'"),
        ({"columns": []}, "columns is []: give it as dict"),
        ({"times": {"price": "day first"}}, "is no format"),
        ({"times": {"prise": "%d"}}, "'prise' is not among the columns, did you mean 'price'?"),
        ({"timezone": "Europe/Berln"}, "there is no timezone"),
        ({"constants": {"in_stock": "perhaps"}}, "constants: in_stock: 'perhaps' is no boolean"),
        ({"constants": {"language": False}}, "language is false: put what you mean in quotes"),
        ({"join": {"description": "text"}}, "write it with columns in braces"),
        ({"scale": {"price": 0}}, "is no factor"),
        ({"files": {"train": "items.csv"}}, "files by split are for judgments, histories, texts"),
        ({"files": []}, "give `files`"),
        ({"columns": {**ITEMS, "Brand": "b"}}, "is a column's name but for its capitals"),
        ({"columns": {**ITEMS, "brand": 7}}, "7 is no name of a column"),
        ({"header": ["id", "title"]}, "has 3 columns and `header` names 2"),
    ],
)
def test_a_wrong_mapping_is_refused(tmp_path: Path, entries: dict[str, Any], words: str) -> None:
    assert words in refused(tmp_path, "id,title,price\n1,a,2\n", **entries)


def test_json_that_does_not_parse_is_rejected_or_refused(tmp_path: Path) -> None:
    lines = ['{"text": "a", "label": "x"}', "", '{"text": "b", "label"', "[1, 2]", '{"text": "c"}', "7"]
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + "\n")
    found = collected(tmp_path, {"files": "t.jsonl", "columns": TEXTS})
    assert frame(found, "texts")["text"].tolist() == ["a", "c"]
    bad = rejected(found)
    assert bad["key"].tolist() == ["t.jsonl:3", "t.jsonl:4", "t.jsonl:6"]
    assert bad["row"].tolist() == ['{"text": "b", "label"', "[1, 2]", "7"]
    for content in ("[]", "{}", '[{"text": "a"', '{"a": {"text": ', '{"text":\n"a"}', "nothing"):
        (tmp_path / "t.json").write_text(content)
        with pytest.raises(SourceError) as error:
            collected(tmp_path, {"files": "t.json", "columns": TEXTS})
        assert "\n" not in str(error.value)


def test_a_broken_object_costs_no_other_row_of_an_array(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('[{"text": "a", "label": "x"}, 7, {"text": "b" "label": 1}, {"text": "c"}')
    found = collected(tmp_path, {"files": "t.json", "columns": TEXTS})
    assert frame(found, "texts")["text_id"].tolist() == ["1-1", "1-4"]
    assert frame(found, "texts")["text"].tolist() == ["a", "c"]
    bad = rejected(found)
    assert bad["key"].tolist() == ["t.json:2", "t.json:3"]
    assert bad["row"].str.startswith(("7", '{"text": "b"')).all()


def test_lists_that_do_not_parse_are_recorded(tmp_path: Path) -> None:
    lists = ["['a', \"b's\"]", "[1, 2.0]", "[", "__import__('os')", "[" * 5000]
    rows = [{"past": text, "next": "z"} for text in lists]
    (tmp_path / "h.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "texts.csv").write_text("text,label\nfine,ok\n")
    histories = {"files": "h.jsonl", "columns": {"item_ids": "past", "next_item_id": "next"}}
    found = collected(tmp_path, {"files": "texts.csv", "columns": TEXTS}, histories=histories)
    made = frame(found, "histories")["item_ids"].tolist()
    assert [list(one) if one is not None else None for one in made] == [["a", "b's"], ["1", "2"], None, None, None]
    assert [(key, value) for key, _, value in unparsed(found)] == [(f"1-{i}", lists[i - 1]) for i in (3, 4, 5)]
