"""Expressions of which Ibis leaves to the engine what they mean: Spark gives what DuckDB gives."""

import gc
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from ibis import _

from workbench.data import contract, engine
from workbench.data.spark import regex
from workbench.governance.quality.copies import repeated
from workbench.governance.rules.strings import placeholder
from workbench.governance.signals import characters

TEXTS = [
    "Red shoes", " padded\t\n", "a\u00a0b  c", "line\nbreak\n", "dots.and[brackets]&", "quote \" and \\ and 'x'",
    "e\u0301", "ÄÖ äö", "红鞋", "Ａ１，ﾊﾝ", "Ã© cafÃ©", "n/a", "{{name}}", "<b>bold</b> &amp;", "zero\u200bwidth",
    "$1 \\1", "", None, "TODO", "x\x0by\x0c",
]  # fmt: skip
NUMBERS = [
    1.0, -0.5, 0.0, 2.675, 1e7, 12345678.91, 1e15, 1e16, 1.5e21, 1e22, 1e-3, 1e-4, 1.25e-5, 3.3e-10, None, 2.5, 3.5,
    -2.5, 1.2345678901234567e-6, 99.99,
]  # fmt: skip
MOMENTS = [
    datetime(2024, 2, 29, 23, 59, 59, 120_000),
    datetime(1969, 12, 31, 23, 59, 59, 500_000),
    datetime(2024, 1, 1),
    None,
]


def frame() -> pd.DataFrame:
    moments = pd.Series([MOMENTS[i % 4] for i in range(20)], dtype="datetime64[us]").dt.tz_localize("UTC")
    groups = [["a", "b", None][i % 3] for i in range(20)]
    return pd.DataFrame({"row": range(20), "text": TEXTS, "number": NUMBERS, "moment": moments, "group": groups})


@pytest.fixture(scope="module")
def tables(spark: Any) -> list[Any]:
    embedded = engine.connect("500MB", threads=1)
    return [con.create_table("given", frame(), overwrite=True) for con in (embedded, spark)]


def same(tables: list[Any], ask: Any, order: list[str]) -> pd.DataFrame:
    one, other = (ask(table).order_by(order).execute() for table in tables)
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)
    return one


def test_texts_are_searched_and_changed_alike(tables: list[Any]) -> None:
    found = same(tables, lambda t: t.select(
        "row", strip=_.text.strip(), left=_.text.lstrip(), right=_.text.rstrip(), size=_.text.length(),
        end=_.text.re_search("k$"), word=_.text.re_search(r"\bx\b"), fold=_.text.re_search("(?i)äö ä"),
        space=_.text.re_search(r"and\s"), own=_.text.re_search(r"[^\s[&]\["), script=_.text.re_search(r"\p{Han}"),
        signs=_.text.re_replace(r"[\s\p{P}\p{C}]+", " "), group=_.text.re_replace(r"(\p{L})(\p{L})", r"\2$\1"),
        part=_.text.re_extract(r"([a-z]+)\.([a-z]+)", 2), cut=_.text.split("and").length(), find=_.text.find("a"),
        some=_.text.substr(2, 3), place=_.text.translate("ÄÖ", "ao"), digest=engine.digest(t.text, t.row, salt="s"),
    ), ["row"])  # fmt: skip
    assert not found["end"].dropna().any()  # the line break behind the last k is part of the text
    for column in ("word", "fold", "space", "own", "script"):
        assert found[column].dropna().nunique() == 2, f"{column}: found in some texts, not in others"
    assert found["digest"].is_unique


def test_broken_characters_are_found_and_mended_alike(tables: list[Any]) -> None:
    found = same(tables, lambda t: t.select(
        "row", mojibake=characters.mojibake(_.text), again=characters.decoded_again(_.text), bad=placeholder(_.text),
        undecodable=characters.undecodable(_.text), markup=characters.markup(_.text), plain=characters.plain(_.text),
        invisible=characters.invisible(_.text), visible=characters.visible(_.text), wide=characters.wide(_.text),
        narrow=characters.narrow(_.text), apart=characters.decomposed(_.text), untidy=characters.untidy(_.text),
        tidy=characters.tidy(_.text), escaped=characters.escaped(_.text),
    ), ["row"])  # fmt: skip
    for column in ("mojibake", "markup", "invisible", "wide", "apart", "untidy", "bad"):
        assert found[column].fillna(False).any(), column


def test_values_are_written_rounded_and_read_alike(tables: list[Any]) -> None:
    def ask(t: Any) -> Any:
        whole = ibis.struct({"number": t.number, "text": t.text, "moment": t.moment, "row": t.row, "yes": t.row > 3})
        return t.select(
            "row", json=whole.cast("json").cast("string"), number=t.number.cast("string"),
            moment=t.moment.cast("string"),
            cents=t.number.round(2), whole=(t.number.abs() < 1e9).ifelse(t.number, 0.0).cast("int64"),
            day=t.moment.date(), hour=t.moment.truncate("h"), week=t.moment.date().truncate("W"),
            micros=t.moment.microsecond(), seconds=t.moment.epoch_seconds().cast("float64"),
            days=t.moment.date().delta(ibis.date("2024-01-01"), unit="day"), missing=(t.number / 0).isnull() & False,
            some_json=("{" + t.text + "}").try_cast("json").isnull(), back=t.moment.cast("string").cast(contract.UTC),
        )  # fmt: skip

    found = same(tables, ask, ["row"])
    assert not found.drop(columns=["row"]).isna().all().any()
    assert found["cents"][3] == 2.68  # 2.675, rounded as it is written
    assert found["some_json"].nunique() == 2


def test_groups_are_summed_and_listed_alike(tables: list[Any]) -> None:
    found = same(tables, lambda t: t.group_by("group").agg(
        n=_.count(), some=_.count(where=_.number > 1e30), middle=_.number.median(),
        upper=_.number.median(where=_.row > 9), high=_.row.quantile(0.9), bits=_.row.bit_or(),
        texts=_.text.group_concat("; ", order_by=_.text), none=_.text.group_concat(where=_.row < 0),
        listed=_.text.collect(order_by=_.row), any=(_.number > 2).any(), share=(_.number > 2).mean(),
    ), ["group"])  # fmt: skip
    assert found["some"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("known", [["a"], ["a", None], []], ids=["all known", "one unknown", "none"])
def test_what_is_not_in_a_query_is_told_alike_without_comparing_all_rows(
    tables: list[Any], spark: Any, known: list[str | None]
) -> None:
    held = ibis.memtable(pd.DataFrame({"key": pd.Series(known, dtype="object")}), schema={"key": "string"})
    for table in tables:
        table.get_backend().create_table("held", held, overwrite=True)

    def ask(table: Any) -> Any:
        return table.select("row", "group", absent=~table.group.isin(table.get_backend().table("held").key))

    found = same(tables, ask, ["row"]).set_index("group")["absent"]
    assert found["b"].isna().all() if None in known else found["b"].all()
    plan = spark.frame(ask(tables[1]))._jdf.queryExecution().executedPlan().toString()
    assert "NestedLoop" not in plan


def test_windows_and_lists_are_numbered_alike(tables: list[Any]) -> None:
    place = ibis.row_number().over(ibis.window(group_by="group", order_by=[_.text, _.row]))

    def ask(t: Any) -> Any:
        return t.mutate(place=place).filter(_.place < 3, _.row.max().over(ibis.window(group_by="group")) > 17)

    assert len(same(tables, ask, ["row"]))
    same(tables, lambda t: t.select("row", part=_.text.split(" ")).unnest("part", offset="at"), ["row", "at"])
    same(tables, lambda t: repeated(t.mutate(small=_.row % 7), ("group", "small")), ["group", "small"])


def test_kept_tables_keep_their_types_and_can_be_made_of_themselves(spark: Any) -> None:
    table = spark.create_table("kept", frame(), overwrite=True)
    assert str(table.schema()["moment"]) == "timestamp('UTC', 6)"
    again = engine.keep(spark, "kept", table.filter(table.row < 3))
    assert engine.keep(spark, "kept", again.mutate(more=again.row + 1)).more.sum().execute() == 6
    spark.drop_table("kept")
    with pytest.raises(ValueError, match="there is no table 'kept' to drop"):
        spark.drop_table("kept")


def test_a_result_comes_batch_by_batch(spark: Any) -> None:
    table = spark.create_table("kept", frame(), overwrite=True).order_by("row")
    before = sorted(path.name for path in Path(spark.folder).iterdir())
    batches = table.to_pyarrow_batches(chunk_size=6)
    assert batches.schema == table.to_pyarrow().schema
    found = list(batches)
    assert [batch.num_rows for batch in found] == [6, 6, 6, 2]
    assert pa.Table.from_batches(found).equals(table.to_pyarrow())
    assert sorted(path.name for path in Path(spark.folder).iterdir()) == before  # what was written aside is gone


def test_a_file_is_one_that_every_reader_reads(spark: Any, tmp_path: Any) -> None:
    table = spark.create_table("kept", frame(), overwrite=True)
    table.order_by(table.row.desc()).to_parquet(tmp_path / "one.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["one.parquet"]
    read = pd.read_parquet(tmp_path / "one.parquet")
    assert read["row"].tolist() == list(range(20))[::-1]
    assert str(read["moment"].dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [("a$", "a\n", False), (r"[a&&b]", "&", True), ("[[]", "[", True), (r"[]x]", "]", True), (r"\p{Han}", "红", True)],
)
def test_patterns_are_written_for_java(spark: Any, pattern: str, text: str, found: bool) -> None:
    assert bool(spark.execute(ibis.literal(text).re_search(pattern))) is found


def test_a_class_by_name_is_refused() -> None:
    with pytest.raises(
        ValueError, match=re.escape("the class [:alpha:] of a regular expression is not known to Spark")
    ):
        regex.java("[[:alpha:]]")


def test_what_needs_one_machine_is_said(spark: Any) -> None:
    assert engine.one_machine(engine.connect("500MB")) == []
    said = " ".join(engine.one_machine(spark))
    assert "driver" in said
    assert "rely on the storage's own encryption" in said


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ValueError, match="engine 'sparc' is not known, did you mean 'spark'"):
        engine.connect(engine="sparc")


def test_the_folder_of_kept_tables_is_made_and_goes_with_the_engine(spark: Any, tmp_path: Path) -> None:
    con = engine.connect(engine="spark", temp_directory=tmp_path / "not" / "there")
    assert con.create_table("kept_there", frame()).count().execute() == 20
    assert [path.name.startswith("kept_there-") for path in Path(con.folder).iterdir()] == [True]
    assert Path(con.folder).parent == tmp_path / "not" / "there"
    con.drop_table("kept_there")
    folder = Path(con.folder)
    del con
    gc.collect()
    assert not folder.exists()
