import gc
import hashlib
import subprocess
import sys
from pathlib import Path

import ibis
import pandas as pd
import pytest

from workbench.data import engine


@pytest.fixture(scope="module")
def con():
    return engine.connect("500MB", threads=1)


def test_digest_is_the_first_60_bits_of_sha256(con):
    table = con.create_table("ids", pd.DataFrame({"id": ["42", "红鞋"], "week": [7, 8]}))
    digest = engine.digest(table.id, table.week, salt="s")
    found = table.select("id", "week", digest=digest, high=engine.digits(digest, 0, 4)).execute()
    for row in found.itertuples():
        expected = hashlib.sha256(f"s|{row.id}|{row.week}".encode()).hexdigest()[:15]
        assert row.digest == expected
        assert row.high == int(expected[:4], 16)


def test_times_stay_utc_and_no_progress_widget_is_drawn(con):
    assert con.execute(ibis.timestamp("2017-01-01 03:00:00").cast("timestamp('UTC')")).isoformat().endswith("+00:00")
    assert con.raw_sql("select current_setting('enable_progress_bar')").fetchall() == [(False,)]


def test_kept_tables_are_replaced(con):
    table = con.create_table("numbers", pd.DataFrame({"n": [1, 2]}))
    engine.keep(con, "kept", table)
    assert engine.keep(con, "kept", table.filter(table.n > 1)).execute()["n"].tolist() == [2]


def spill_folder(con) -> Path:
    return Path(con.raw_sql("select current_setting('temp_directory')").fetchone()[0])


def test_each_connection_spills_into_a_folder_of_its_own_that_goes_with_it(tmp_path):
    given = tmp_path / "not" / "there"
    first, second = (engine.connect("500MB", threads=1, temp_directory=given) for _ in range(2))
    folder, other = spill_folder(first), spill_folder(second)
    assert folder != other
    assert folder.parent == other.parent == given
    assert spill_folder(engine.connect("500MB", threads=1)).name.startswith("workbench-")
    first.disconnect()
    del first
    gc.collect()
    assert not folder.exists()
    assert other.is_dir()


def test_a_query_larger_than_memory_spills_there(tmp_path):
    con = engine.connect("60MB", threads=1, temp_directory=tmp_path)
    con.raw_sql("create temp table t as select range as n, hash(range)::varchar as s from range(3000000)")
    assert list(spill_folder(con).iterdir())
    assert con.raw_sql("select count(*) from t").fetchone() == (3_000_000,)


def test_the_folder_is_gone_when_the_process_ends(tmp_path):
    code = "import sys; from workbench.data import engine; con = engine.connect('500MB', 1, sys.argv[1])"
    listed = "; import os; print(len(os.listdir(sys.argv[1])))"
    ended = subprocess.run([sys.executable, "-c", code + listed, tmp_path], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "1"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("size", "files"), [(1_000_000, 0), (4_000_000, 1)])
def test_tables_are_kept_in_a_file_where_the_raw_files_are_large(tmp_path, size, files):
    raw = tmp_path / "raw.csv"
    raw.write_bytes(b"x" * size)
    con = engine.connect("60MB", threads=1, temp_directory=tmp_path / "spill", raw=[raw])
    assert engine.keep(con, "kept", ibis.memtable({"a": [1, 2]})).a.sum().execute() == 3
    assert len([*(tmp_path / "spill").rglob("*.duckdb")]) == files
    con.disconnect()


def test_a_memory_limit_without_a_unit_is_refused():
    with pytest.raises(ValueError, match="memory_limit '4000' is no size: write a number and its unit"):
        engine.connect("4000")
