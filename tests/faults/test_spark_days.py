"""Tables by day: one day is written again, and no other is touched."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.data import engine
from workbench.keeping import Plain, encrypted

days = pytest.importorskip("workbench.data.spark.days")

DAY, OTHER = "2024-03-02", "2024-03-03"


def events(scale: float = 1.0) -> pd.DataFrame:
    """A hundred events an hour apart, the last of them without a time."""
    times = pd.date_range("2024-03-01", periods=100, freq="h", tz="UTC").as_unit("us").to_series(index=range(100))
    frame = pd.DataFrame({"event_id": [f"e{i:03}" for i in range(100)], "timestamp": times})
    frame.loc[99, "timestamp"] = pd.NaT
    return frame.assign(value=np.arange(100) * scale)


def state(folder: Path) -> dict[str, tuple[int, str]]:
    """Time of writing and content of each file."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*.parquet"))
    }


def rows(con: Any, folder: Path) -> pd.DataFrame:
    return days.read(con, folder).order_by("event_id").execute()


def write(con: Any, frame: pd.DataFrame, folder: Path, only_day: str = "") -> None:
    days.write(con, con.create_table("days_to_write", frame, overwrite=True), folder, "timestamp", "event_id", only_day)


@pytest.fixture
def written(spark: Any, tmp_path: Path) -> Path:
    write(spark, events(), tmp_path / "events")
    return tmp_path / "events"


def test_each_day_has_one_sorted_file_and_no_row_is_lost(spark: Any, written: Path) -> None:
    names = sorted(path.name for path in written.iterdir() if not path.name.startswith("."))
    assert names == [f"day=2024-03-0{i}" for i in range(1, 6)] + ["day=__HIVE_DEFAULT_PARTITION__"]
    assert len(state(written)) == len(names)
    pd.testing.assert_frame_equal(rows(spark, written), events())
    for path in written.rglob("*.parquet"):
        assert pd.read_parquet(path)["event_id"].is_monotonic_increasing


def test_one_day_is_written_again_and_no_other_is_touched(spark: Any, written: Path, tmp_path: Path) -> None:
    before = state(written)
    shutil.rmtree(written / f"day={OTHER}")  # and what another day has lost does not come back by the way
    write(spark, events(scale=2), written, DAY)
    after = state(written)
    kept = {name: found for name, found in before.items() if not name.startswith((f"day={DAY}/", f"day={OTHER}/"))}
    assert {name: after[name] for name in kept} == kept
    assert {name.split("/")[0] for name in after} == {name.split("/")[0] for name in kept} | {f"day={DAY}"}
    assert len([name for name in after if name.startswith(f"day={DAY}/")]) == 1
    write(spark, events(scale=2), tmp_path / "full")
    day, full = (pd.read_parquet(folder / f"day={DAY}") for folder in (written, tmp_path / "full"))
    pd.testing.assert_frame_equal(day, full)
    assert day["value"].tolist() == (2.0 * np.arange(24, 48)).tolist()


def test_a_day_without_rows_any_more_is_gone(spark: Any, written: Path) -> None:
    frame = events()
    write(spark, frame[frame["timestamp"].dt.strftime("%Y-%m-%d") != DAY], written, DAY)
    assert len(rows(spark, written)) == 76


def test_all_days_anew_leave_no_day_of_before(spark: Any, written: Path) -> None:
    write(spark, events().head(24), written)
    assert len(rows(spark, written)) == 24
    assert len(state(written)) == 1


def test_a_day_is_a_date_and_needs_other_days(spark: Any, written: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only_day '3 March' is no date: write it as 2024-03-05"):
        write(spark, events(), written, "3 March")
    with pytest.raises(ValueError, match="has no days: leave only_day empty once"):
        write(spark, events(), tmp_path / "nothing", DAY)


def test_a_later_stage_reads_the_days_without_spark(spark: Any, tmp_path: Path) -> None:
    table = spark.create_table("days_to_write", events(), overwrite=True)
    assert engine.spread(table, tmp_path / "events.parquet")
    assert not encrypted(tmp_path / "events.parquet")
    read = Plain().read(tmp_path, "events.parquet").to_pandas()
    pd.testing.assert_frame_equal(read, events(), check_dtype=False)
    assert Plain().batches(tmp_path, "events.parquet").read_all().num_rows == len(read)
    kept = engine.connect("500MB").create_table("own", events())
    assert not engine.spread(kept, tmp_path / "own.parquet")
    assert Plain().read(tmp_path, "events.parquet", ["value"]).num_columns == 1
