import hashlib

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
