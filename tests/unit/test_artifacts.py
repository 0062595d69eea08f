"""A stage's folder: hashes, hand-over, what it records."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from workbench.artifacts import (
    HashCache,
    Stage,
    StageError,
    check_unaltered,
    locate,
    origin,
    read_json,
    sha256,
    write_json,
)


def finished(folder: Path, status: str = "ok", text: str = "one") -> Stage:
    stage = Stage(folder)
    stage.path("data/x.txt").write_text(text)
    stage.complete()
    write_json(folder / "status.json", {"status": status})
    return stage


def test_json_is_strict_and_takes_numpy(tmp_path: Path) -> None:
    value = {"a": np.float32(0.5), "b": np.arange(2), "c": float("nan"), "d": (1, Path("x")), 3: np.bool_(True)}
    file = write_json(tmp_path / "x.json", value)
    assert json.loads(file.read_text()) == {"a": 0.5, "b": [0, 1], "c": None, "d": [1, "x"], "3": True}


def test_writing_leaves_no_part_behind(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": object()})
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    assert read_json(tmp_path / "x.json") == 1


def test_hash_cache_sees_a_change(tmp_path: Path) -> None:
    file = tmp_path / "raw.csv"
    file.write_text("a")
    assert HashCache(tmp_path).sha256(file) == sha256(file)
    file.write_text("bb")
    assert HashCache(tmp_path).sha256(file) == sha256(file)


def test_hash_cache_does_not_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "raw.csv"
    file.write_text("a")
    first = HashCache(tmp_path).sha256(file)
    monkeypatch.setattr("workbench.artifacts.sha256", lambda path: pytest.fail("read again"))
    assert HashCache(tmp_path).sha256(file) == first


@pytest.mark.parametrize("content", ['{"/raw.csv": [1, 2', "[1]", '{"PATH": 3, "x": ["y"]}', "\xff"])
def test_a_broken_or_foreign_hash_cache_is_forgotten(tmp_path: Path, content: str) -> None:
    file = tmp_path / "raw.csv"
    file.write_text("a")
    (tmp_path / ".hashes.json").write_text(content.replace("PATH", str(file)), encoding="latin-1")
    assert HashCache(tmp_path).sha256(file) == sha256(file)
    assert list(read_json(tmp_path / ".hashes.json")) == [str(file)]


def test_two_hash_caches_at_once_lose_nothing_but_time(tmp_path: Path) -> None:
    one, two = HashCache(tmp_path), HashCache(tmp_path)
    for cache, name in ((one, "a"), (two, "b")):
        (tmp_path / name).write_text(name)
        cache.sha256(tmp_path / name)
    assert [HashCache(tmp_path).sha256(tmp_path / name) for name in "ab"] == [sha256(tmp_path / name) for name in "ab"]


def test_unreadable_json_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text("{")
    with pytest.raises(StageError, match=r"status.json is not readable as JSON .*: restore or delete it"):
        read_json(tmp_path / "status.json")


def test_manifest_lists_outputs_with_hash_and_shape(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run" / "01_a")
    stage.save_table("data/x.parquet", pd.DataFrame({"a": [1, 2, 3], "b": [1, 2, 3]}))
    stage.path("checkpoint/step.bin").write_bytes(b"1")
    stage.path("tracking/events").write_bytes(b"1")
    stage.path("log.txt").write_text("not an output")
    stage.complete()
    outputs = read_json(stage.folder / "manifest.json")["outputs"]
    file = stage.folder / "data/x.parquet"
    assert outputs == [{"path": "data/x.parquet", "sha256": sha256(file), "rows": 3, "columns": 2}]


@pytest.mark.parametrize("table", [pd.DataFrame({"a": [1, 2]}), pa.table({"a": [1, 2]}), "ibis"])
def test_tables_of_all_kinds_are_saved(tmp_path: Path, table: object) -> None:
    if isinstance(table, str):
        import ibis

        table = ibis.memtable({"a": [1, 2]})
    path = Stage(tmp_path / "run" / "01_a").save_table("data/x.parquet", table)
    assert pd.read_parquet(path).to_dict("list") == {"a": [1, 2]}


def test_named_index_is_kept(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="id"))
    path = Stage(tmp_path / "run" / "01_a").save_table("x.parquet", table)
    assert list(pd.read_parquet(path).reset_index().columns) == ["id", "a"]


def test_input_is_found_and_recorded(tmp_path: Path) -> None:
    finished(tmp_path / "run" / "01_a")
    stage = Stage(tmp_path / "run" / "02_b")
    assert stage.input("01_a", "data/x.txt").read_text() == "one"
    assert stage.input("01_a", "data") == tmp_path / "run" / "01_a" / "data"
    stage.complete()
    manifest = read_json(stage.folder / "manifest.json")
    assert manifest["upstream"] == ["01_a"]
    assert [(entry["stage"], entry["path"]) for entry in manifest["inputs"]] == [("01_a", "data/x.txt")]


def test_input_follows_reuse(tmp_path: Path) -> None:
    finished(tmp_path / "old" / "01_a")
    write_json(tmp_path / "new" / "01_a" / "status.json", {"status": "ok", "reused_from": "../../old/01_a"})
    assert Stage(tmp_path / "new" / "02_b").input("01_a", "data/x.txt") == tmp_path / "old" / "01_a" / "data" / "x.txt"
    assert origin(tmp_path / "new" / "01_a") == tmp_path / "old" / "01_a"


def test_missing_failed_and_altered_inputs_are_refused(tmp_path: Path) -> None:
    reader = Stage(tmp_path / "run" / "02_b")
    with pytest.raises(StageError, match="has not run"):
        reader.input("01_a", "data/x.txt")
    folder = finished(tmp_path / "run" / "01_a", status="gate_failed").folder
    with pytest.raises(StageError, match="'gate_failed', not ok"):
        reader.input("01_a", "data/x.txt")
    write_json(folder / "status.json", {"status": "ok"})
    with pytest.raises(StageError, match=r"no 'data/y.txt', only data/x.txt"):
        reader.input("01_a", "data/y.txt")
    (folder / "data/x.txt").write_text("two")
    for refused in (lambda: reader.input("01_a", "data/x.txt"), lambda: check_unaltered(folder, HashCache(tmp_path))):
        with pytest.raises(StageError, match="altered"):
            refused()
    (folder / "data/x.txt").unlink()
    with pytest.raises(StageError, match="missing"):
        check_unaltered(folder, HashCache(tmp_path))


def test_source_is_relative_to_the_root_and_must_exist(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("a")
    stage = Stage(tmp_path / "run" / "01_a", root=tmp_path)
    assert stage.source("raw.csv") == tmp_path / "raw.csv"
    with pytest.raises(StageError, match="correct the path"):
        stage.source("absent.csv")
    stage.complete()
    [entry] = read_json(stage.folder / "manifest.json")["inputs"]
    assert entry == {"path": str(tmp_path / "raw.csv"), "sha256": sha256(tmp_path / "raw.csv")}


def test_metric_rows_replace_their_like(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run" / "01_a")
    stage.metric("fusion", "ndcg", 0.4, k=10)
    stage.metric("fusion", "ndcg", np.float64(0.5), k=10, low=0.4, high=0.6, n=7)
    stage.metric("fusion", "ndcg", 0.3, k=10, slice="cold")
    stage.complete()
    rows = read_json(stage.folder / "metrics.json")
    row = {
        "subject": "fusion",
        "metric": "ndcg",
        "k": 10,
        "slice": "all",
        "value": 0.5,
        "low": 0.4,
        "high": 0.6,
        "n": 7,
    }
    assert rows[0] == row
    assert [row["slice"] for row in rows] == ["all", "cold"]


def test_a_frame_of_metrics_keeps_whole_numbers_and_missing_ones(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run" / "01_a")
    rows = [{"subject": "a", "metric": "ndcg", "k": 10, "value": 0.5}, {"subject": "b", "metric": "auc", "value": None}]
    stage.metrics(pd.DataFrame(rows))
    stage.complete()
    blank = {"slice": "all", "low": None, "high": None, "n": None}
    assert read_json(stage.folder / "metrics.json") == [
        {"subject": "a", "metric": "ndcg", "k": 10, "value": 0.5} | blank,
        {"subject": "b", "metric": "auc", "k": None, "value": None} | blank,
    ]
    assert '"k": 10,' in (stage.folder / "metrics.json").read_text()


def test_resolved_values_stand_beside_the_given_and_outlive_an_attempt(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run" / "01_a")
    file = stage.path("parameters.yaml")
    file.write_text(yaml.safe_dump({"precision": "auto"}))
    stage.resolve(precision="bf16", threads=np.int64(2))
    assert yaml.safe_load(file.read_text()) == {"precision": "auto", "resolved": {"precision": "bf16", "threads": 2}}
    assert Stage(stage.folder).resolved["precision"] == "bf16"


def test_by_hand_the_stage_marks_itself_ok(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "lab" / "01_a", by_hand=True)
    write_json(stage.path("status.json"), {"status": "running", "profile": "toy"})
    stage.complete()
    status = read_json(stage.folder / "status.json")
    assert (status["status"], status["profile"]) == ("ok", "toy")
    assert status["ended"]


def test_a_stage_reads_what_an_earlier_run_of_it_left(tmp_path):
    outputs = tmp_path / "outputs"
    first = Stage(outputs / "first/01_a")
    first.save_table("data/x.parquet", pa.table({"told": ["old"]}))
    first.complete()
    write_json(first.folder / "status.json", {"status": "ok"})
    stage = Stage(outputs / "second/01_a", root=tmp_path)
    stage.path("parameters.yaml").write_text("profile: shop", encoding="utf-8")
    assert stage.earlier("", "data/x.parquet") is None
    assert stage.earlier("previous", "data/x.parquet") is None
    assert stage.earlier("first", "data/x.parquet")["told"].to_pylist() == ["old"]
    (outputs / "latest-ok").mkdir()
    (outputs / "latest-ok/shop").symlink_to("../first")
    assert stage.earlier("previous", "data/x.parquet")["told"].to_pylist() == ["old"]
    with pytest.raises(StageError, match=r"handed on no 'data/y\.txt'"):
        stage.earlier("first", "data/y.txt")
    with pytest.raises(StageError, match="has not run"):
        stage.earlier("third", "data/x.parquet")
    stage.complete()
    inputs = read_json(stage.folder / "manifest.json")["inputs"]
    assert [entry["path"] for entry in inputs] == [str(outputs / "first/01_a/data/x.parquet")]


def test_places_start_from_the_project_unless_they_are_addresses(tmp_path):
    assert locate("data/shop", tmp_path) == str(tmp_path / "data/shop")
    assert locate("/srv/shop", tmp_path) == "/srv/shop"
    assert locate("s3://bucket/shop", tmp_path) == "s3://bucket/shop"
    assert locate("", tmp_path) == ""
