"""Runs on disk: statuses, finding them, comparing, listing and pruning them, and the estimate of what is left."""

import io
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from toy import ToyProject
from workbench.artifacts import Stage, read_json, write_json
from workbench.run import compare, index
from workbench.run.progress import Progress, clock
from workbench.run.project import InputError
from workbench.run.prune import prune
from workbench.run.status import (
    Run,
    StageFolder,
    alive,
    find_run,
    me,
    new_run,
    newest_stage,
    newest_with,
    profile_lock,
)


def runs(toy: ToyProject, *names: str) -> list[Run]:
    for name in names:
        toy.fake_stage(name, "01_a", x=name)
    return [Run(toy.outputs / name) for name in names]


def test_a_running_status_whose_process_is_gone_is_interrupted(tmp_path: Path) -> None:
    stage = StageFolder(tmp_path / "01_a")
    assert stage.status == {}
    stage.write(status="running", **me())
    assert stage.status["status"] == "running"
    stage.write(pid_started=0.0)  # the pid now belongs to another process
    assert stage.status["status"] == "interrupted"
    assert not alive({})


def test_new_runs_of_the_same_second_get_a_number(tmp_path: Path) -> None:
    names = {new_run(tmp_path, "toy").name for _ in range(3)}
    assert len(names) == 3


def test_find_run_by_name_or_path(toy: ToyProject) -> None:
    [run] = runs(toy, "20260101T000000Z-toy")
    assert find_run(toy.outputs, run.name) == find_run(toy.outputs, str(run.folder)) == run
    with pytest.raises(InputError, match="holds no run 'x'"):
        find_run(toy.outputs, "x")


def test_newest_stage_and_run_of_a_profile(toy: ToyProject) -> None:
    old, new = runs(toy, "20260101T000000Z-toy", "20260102T000000Z-toy")
    toy.fake_stage("20260103T000000Z-toy", "01_a", status="failed")
    toy.fake_stage("20260104T000000Z-x", "01_a", profile="x")
    assert newest_stage(toy.outputs, "toy", "01_a") == new.stage("01_a")
    toy.fake_stage(old.name, "02_b")
    assert newest_with(toy.outputs, "toy", ["01_a", "02_b"]) == old
    assert newest_with(toy.outputs, "toy", ["03_c"]) is None
    write_json(toy.outputs / "lab/01_a/status.json", {"status": "running", "profile": "toy"})
    Stage(toy.outputs / "lab/01_a", by_hand=True).complete()
    assert newest_stage(toy.outputs, "toy", "01_a", lab=True) == StageFolder(toy.outputs / "lab/01_a")
    assert newest_stage(toy.outputs, "toy", "01_a") == new.stage("01_a")


def test_a_stage_whose_origin_is_gone_is_not_ok(toy: ToyProject) -> None:
    old, middle, new = runs(toy, *[f"2026010{day}T000000Z-toy" for day in range(1, 4)])
    new.stage("01_a").reuse(middle.stage("01_a"))
    assert newest_with(toy.outputs, "toy", ["01_a"]) == new
    shutil.rmtree(middle.folder)
    assert not new.stage("01_a").ok
    assert newest_with(toy.outputs, "toy", ["01_a"]) == old
    assert newest_stage(toy.outputs, "toy", "01_a") == old.stage("01_a")


def test_lock_is_one_a_profile(tmp_path: Path) -> None:
    with ExitStack() as held:
        for name in ("toy", "other"):
            held.enter_context(profile_lock(tmp_path, name))
        with pytest.raises(InputError, match="another run of profile 'toy'"):
            held.enter_context(profile_lock(tmp_path, "toy"))
    with profile_lock(tmp_path, "toy"):
        pass


def with_metrics(toy: ToyProject, run: str, value: float, seed: int) -> Run:
    folder = toy.fake_stage(run, "01_a")
    stage = Stage(folder)
    stage.metric("fusion", "ndcg", value, k=10, low=value - 0.1, high=value + 0.1)
    stage.metric("fusion", "ndcg", value / 2, k=10, slice="cold")
    stage.metric("text", "auc", float("nan"))
    stage.complete()
    headline = ["fusion/ndcg@10", "fusion/ndcg@10[cold]", "text/auc", "gone/ndcg@10"]
    Run(folder.parent).write(headline=headline, parameters={"01_a": {"seed": seed, "size": 3}})
    return Run(folder.parent)


def test_a_grid_is_told_over_its_seeds(toy: ToyProject) -> None:
    made = [(day, seed, size) for day, (seed, size) in enumerate([(1, 3), (2, 3), (3, 3), (1, 9), (1, 3)], start=1)]
    runs = []
    for day, seed, size in made:
        runs.append(with_metrics(toy, f"2026010{day}T000000Z-toy", day / 10, seed))
        runs[-1].write(combination={"common.seed": seed, "01_a.size": size})
    rows = {(row.of, row.metric): row for row in compare.over_seeds(reversed(runs))}
    three = rows["01_a.size=3", "fusion/ndcg@10"]
    mean, error = np.mean([0.2, 0.3, 0.5]), np.std([0.2, 0.3, 0.5], ddof=1) / 3**0.5  # the newest with seed 1 counts
    assert (three.stage, three.seeds, three.difference) == ("01_a", 3, None)
    assert three.value == pytest.approx((mean, mean - 4.302653 * error, mean + 4.302653 * error))
    assert rows["01_a.size=3", "fusion/ndcg@10[cold]"].value[0] == pytest.approx(mean / 2)
    one = rows["01_a.size=9", "fusion/ndcg@10"]
    assert (one.seeds, one.value[0]) == (1, 0.4)
    assert np.isnan(one.value[1:]).all()
    assert one.difference is not None
    assert one.difference[0] == pytest.approx(0.4 - 0.5), "seed by seed: that of the other size has 0.5 with this one"
    assert not any(metric == "text/auc" for _, metric in rows)  # it was never measured


def test_seeds_are_shown_by_name(toy: ToyProject, workbench: Callable[..., int], capsys) -> None:
    for seed in (1, 2):
        run = with_metrics(toy, f"2026010{seed}T000000Z-toy", seed / 10, seed)
        run.write(combination={"common.seed": seed})
    assert workbench("seeds", "toy", "cold") == 0
    shown = capsys.readouterr().out
    assert "fusion/ndcg@10[cold]" in shown
    assert "0.075" in shown
    assert "fusion/ndcg@10 " not in shown
    assert workbench("seeds", "toy", "warm") == 2
    assert "no ok run of profile 'toy' has such a metric" in capsys.readouterr().err


def test_headline_and_index(toy: ToyProject) -> None:
    run = with_metrics(toy, "20260101T000000Z-toy", 0.5, seed=1)
    shown = [(name, index.value(row)) for name, row in index.headline(run)]
    assert shown == [
        ("fusion/ndcg@10", "0.5000 [0.4000, 0.6000]"),
        ("fusion/ndcg@10[cold]", "0.2500"),
        ("text/auc", "–"),
        ("gone/ndcg@10", "–"),
    ]
    (run.folder / "01_a" / "report.html").touch()
    run.write(combination={"01_a.note": "<script>"})
    index.write(toy.outputs)
    page = (toy.outputs / "index.html").read_text()
    assert "0.5000 [0.4000, 0.6000]" in page
    assert 'href="20260101T000000Z-toy/01_a/report.html"' in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.03562, 0.03071, 0.0406, "0.0356 [0.0307, 0.0406]"),
        (-0.0005784, -0.00213, 0.00101, "-0.0006 [-0.0021, 0.0010]"),
        (-0.00001, -0.002, 0.002, "0.0000 [-0.0020, 0.0020]"),
        (1.0, None, None, "1.0000"),
        (12.3456, 9.8, 14.0, "12.35 [9.80, 14.00]"),
        (20940529, None, None, "20940529"),
        (0.0, None, None, "0.0000"),
        (0.0000123, None, None, "0.000012"),
    ],
)
def test_value_and_interval_have_the_same_decimals(
    value: float, low: float | None, high: float | None, text: str
) -> None:
    assert index.value({"value": value, "low": low, "high": high}) == text


def test_compare_shows_what_differs(toy: ToyProject) -> None:
    one = with_metrics(toy, "20260101T000000Z-toy", 0.5, seed=1)
    two = with_metrics(toy, "20260102T000000Z-toy", 0.6, seed=2)
    assert compare.parameters(one, two) == [("01_a", "seed", "1", "2")]
    assert compare.metrics(one, two) == [
        ("01_a", "fusion/ndcg@10", "0.5", "0.6", "+0.1"),
        ("01_a", "fusion/ndcg@10[cold]", "0.25", "0.3", "+0.05"),
        ("01_a", "text/auc", "–", "–", ""),
    ]


def test_prune_keeps_what_kept_runs_reuse(toy: ToyProject) -> None:
    days = [f"2026010{day}T000000Z-toy" for day in range(1, 6)]
    first, second, third, fourth, last = runs(toy, *days)
    last.stage("01_a").reuse(second.stage("01_a"))
    toy.fake_stage("20250101T000000Z-x", "01_a", profile="x")
    (toy.outputs / "latest-ok").mkdir()
    (toy.outputs / "latest-ok" / "toy").symlink_to(Path("..") / third.name)
    assert prune(toy.outputs, keep=1) == [fourth.name, first.name]
    assert second.stage("01_a").file("data/x.txt").exists()
    assert {run.name for run in toy.runs()} == {last.name, third.name, second.name, "20250101T000000Z-x"}


def test_prune_keeps_what_is_reused_by_what_is_reused(toy: ToyProject) -> None:
    first, second, third, last = runs(toy, *[f"2026010{day}T000000Z-toy" for day in range(1, 5)])
    for run in (first, second, last):
        toy.fake_stage(run.name, "02_b", y=run.name)
    second.stage("02_b").reuse(first.stage("02_b"))
    last.stage("01_a").reuse(second.stage("01_a"))
    assert prune(toy.outputs, keep=1) == [third.name]
    assert all(stage.ok for run in toy.runs() for stage in run.stages())
    shutil.rmtree(first.folder)  # by hand: pruning does not stumble over it
    assert prune(toy.outputs, keep=1) == []


def test_prune_keeps_a_run_in_progress(toy: ToyProject) -> None:
    first, _ = runs(toy, "20260101T000000Z-toy", "20260102T000000Z-toy")
    first.write(status="running", **me())
    assert prune(toy.outputs, keep=1) == []


def test_reuse_of_a_reused_stage_points_to_the_origin(toy: ToyProject) -> None:
    first, second, third = runs(toy, *[f"2026010{day}T000000Z-toy" for day in range(1, 4)])
    second.stage("01_a").reuse(first.stage("01_a"))
    third.stage("01_a").reuse(second.stage("01_a"))
    status = read_json(third.folder / "01_a" / "status.json")
    assert status["reused_from"] == f"../../{first.name}/01_a"
    assert [path.name for path in (third.folder / "01_a").iterdir()] == ["status.json"]


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_estimate_of_what_is_left() -> None:
    progress = Progress(Console(file=io.StringIO()))
    earlier = {"seconds": 100.0, "cell_seconds": {"2": 10.0, "3": 50.0, "5": 30.0}}
    progress.stage_began("1/2 01_a", 3, [earlier, {"seconds": 40.0}])
    assert progress.left() == pytest.approx(140, abs=1)
    progress.cells_ended(1)
    assert progress.left() == pytest.approx(120, abs=1)
    progress._cell_began -= 20  # twenty seconds into the second cell
    assert progress.left() == pytest.approx(100, abs=1)
    progress._cell_began -= 1000  # it takes longer than before: the rest is still to come
    assert progress.left() == pytest.approx(70, abs=1)
    progress.stage_began("2/2 02_b", 3, [{"seconds": None}])
    assert progress.left() is None


def test_plain_progress_is_modest(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, width=200))
    progress.stage_began("1/1 01_[a]", 20, [{"seconds": 30.0}])
    for count in range(20):
        progress.cells_ended(count)
    assert len(out.getvalue().splitlines()) == 1
    began = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: began + 16)
    progress.cells_ended(19)
    assert "1/1 01_[a]: cell 20/20, 16 s elapsed, about 14 s left" in out.getvalue()
    progress.stage_ended("1/1 01_[a]", {"status": "timeout", "cell": 3, "error": "too [bold]long"})
    assert "timeout in cell 3: too [bold]long" in out.getvalue()


def test_a_terminal_gets_a_live_line_that_leaves_one_result() -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, width=200, force_terminal=True))
    progress.stage_began("1/1 01_[a]", 2, [{"seconds": 30.0}])
    progress.stage_ended("1/1 01_[a]", {"status": "ok", "seconds": 3, "peak_mb": 100})
    assert "01_[a]: cell 1/2" in out.getvalue()
    assert "ok in 3 s" in out.getvalue()
