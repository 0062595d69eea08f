"""Tables by day: one day is written again, and no other is touched."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.artifacts import Stage, StageError, write_json
from workbench.data import engine
from workbench.governance.access import custody
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


def governed(con: Any, run: Path, frame: pd.DataFrame, only_day: str = "") -> Stage:
    """A stage that saved its events by the engine, as notebook 01 does."""
    stage = Stage(run / "01_governance")
    stage.path("parameters.yaml").write_text("profile: lake", encoding="utf-8")
    custody.guard(stage, "governance", only_day=only_day)
    stage.save_table("data/events.parquet", con.create_table("to_hand_on", frame, overwrite=True))
    stage.save_table("data/sums.parquet", pd.DataFrame({"user_id": ["u"], "n": [1]}))
    stage.complete()
    write_json(stage.folder / "status.json", {"status": "ok"})
    latest = run.parent / "latest-ok/lake"
    latest.parent.mkdir(exist_ok=True)
    latest.unlink(missing_ok=True)
    latest.symlink_to(run)
    return stage


def test_a_stage_writes_one_day_anew_beside_the_last_runs_other_days(spark: Any, tmp_path: Path) -> None:
    runs = [tmp_path / "outputs" / name for name in ("first", "second")]
    first = governed(spark, runs[0], events())
    before = state(first.folder / "data/events.parquet")
    second = governed(spark, runs[1], events(scale=2), DAY)
    after = state(second.folder / "data/events.parquet")
    assert {name for name in before if name.split("/")[0] != f"day={DAY}"} == before.keys() & after.keys()
    assert all(after[name] == before[name] for name in before.keys() & after.keys())
    assert state(first.folder / "data/events.parquet") == before
    reader = Stage(runs[1] / "02_pretraining")
    custody.guard(reader, "training")
    told = reader.table("01_governance", "data/events.parquet", ["event_id", "value"]).to_pandas()
    told = told.sort_values("event_id", ignore_index=True)
    assert told["value"][24:48].tolist() == (2.0 * np.arange(24, 48)).tolist()
    assert told["value"][:24].tolist() == list(range(24))
    assert reader.table("01_governance", "data/sums.parquet")["n"].to_pylist() == [1]
    [log] = [line for line in custody.log().read_text().splitlines() if '"table":"events"' in line][-2:-1]
    assert '"decision":"granted"' in log


def test_one_day_alone_needs_a_run_of_all_days(spark: Any, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="has not run"):
        governed(spark, tmp_path / "outputs/first", events(), DAY)


def test_a_day_cannot_be_taken_over_from_a_run_that_has_no_days(spark: Any, tmp_path: Path) -> None:
    plain = Stage(tmp_path / "outputs/first/01_governance")
    custody.guard(plain, "governance")
    plain.save_table("data/events.parquet", events())
    plain.complete()
    write_json(plain.folder / "status.json", {"status": "ok"})
    (tmp_path / "outputs/latest-ok").mkdir()
    (tmp_path / "outputs/latest-ok/lake").symlink_to(tmp_path / "outputs/first")
    with pytest.raises(StageError, match="handed on no table by days: run all days once, with engine: spark"):
        governed(spark, tmp_path / "outputs/second", events(), DAY)


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
