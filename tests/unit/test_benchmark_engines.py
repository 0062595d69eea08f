import subprocess
import sys
import time

import pytest

from benchmarks import engine_cost


def cell(engine: str, million: float, seconds: float, repeat: int = 0, stopped: bool = False) -> dict:
    steps = [{"step": "collect", "seconds": seconds / 2}, {"step": "clean", "seconds": seconds / 2}]
    measured = {"seconds": seconds, "cpu_seconds": 2 * seconds, "memory_gb": 1.5, "stopped": stopped, "steps": steps}
    return {"engine": engine, "million": million, "repeat": repeat, **measured}


def test_a_curve_is_of_medians_and_of_what_was_finished():
    cells = [cell("spark", 1, seconds, repeat) for repeat, seconds in enumerate((9.0, 7.0, 8.0))]
    cells += [cell("spark", 10, 60.0, stopped=True), cell("duckdb", 10, 30.0)]
    assert engine_cost.curve(cells, "spark") == {1: 8.0}
    assert engine_cost.curve(cells, "duckdb") == {10: 30.0}
    assert engine_cost.table(cells).loc["spark 1 M (2)", ["seconds", "clean"]].tolist() == [7.0, 3.5]


def test_the_switch_pays_where_the_lines_meet_or_never():
    slow_start = engine_cost.switch({1: 10.0, 10: 100.0}, {1: 55.0, 10: 100.0})
    assert slow_start == (
        "The switch pays from 10 million events on: DuckDB 10.0 s, Spark 5.0 s for each further million events."
    )
    far = engine_cost.switch({1: 10.0, 10: 100.0}, {1: 59.0, 10: 140.0})
    assert "from 50 million events on, a forecast beyond the 10 million that were measured" in far
    assert engine_cost.switch({1: 10.0, 10: 100.0}, {1: 90.0, 10: 900.0}).startswith("The switch never pays on this")
    assert "takes two sizes" in engine_cost.switch({1: 10.0}, {1: 90.0, 10: 900.0})


@pytest.mark.parametrize(("seconds", "limit", "stopped"), [(1.5, 60, False), (60, 8, True)])
def test_a_process_is_watched_with_all_that_it_starts(seconds, limit, stopped):
    inner = f"import time; held = b'x' * 200_000_000; time.sleep({seconds})"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    with subprocess.Popen([sys.executable, "-c", code]) as child:
        memory, cpu, was_stopped = engine_cost._watched(child, time.perf_counter() + limit)
    assert was_stopped is stopped
    assert memory > 0.2
    assert cpu > 0
