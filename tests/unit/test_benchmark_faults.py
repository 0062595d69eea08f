"""The benchmarks of planted faults and of scale: how flags are judged, what the rival refuses, what is recorded."""

import time
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import fault_schemas, governance_scale
from benchmarks.governance_faults import KEYS, NO_KEY, Spoilt, Verdict, by_kind, by_rules, chosen, judge, keep, spoil
from benchmarks.record import recorded
from workbench.data import engine
from workbench.data.sources.storefront.faults import HELD_OUT, KINDS

EASY = ("event_type_unknown", "item_price_missing", "position_impossible")


def case(truth: list[tuple[str, str, str, str | None]]) -> Spoilt:
    """Twelve events of three users, two products, and a truth of (plant_id, kind, table, key)."""
    tables = {
        "items": pd.DataFrame({"item_id": ["p0", "p1"]}),
        "users": pd.DataFrame({"user_id": [f"u{number}" for number in range(3)]}),
        "events": pd.DataFrame({
            "event_id": [f"e{number}" for number in range(11)] + [None],
            "user_id": [f"u{number // 4}" for number in range(12)],
        }),
    }  # fmt: skip
    planted = pd.DataFrame(truth, columns=["plant_id", "kind", "table", "key"], dtype="str").assign(column="")
    return Spoilt(tables, tables, planted)


def flagged(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["rule", "table", "key"])


def found(verdict: Verdict) -> dict[str, bool]:
    return dict(zip(verdict.plants["plant_id"], verdict.plants["found"], strict=True))


def test_half_of_a_plants_rows_must_be_flagged_and_others_are_accused() -> None:
    spoilt = case([("a", "x", "events", key) for key in ("e0", "e4", "e8")] + [("b", "y", "items", "p0")])
    verdict = judge(spoilt, flagged(("r", "events", "e0"), ("s", "events", "e0"), ("r", "items", "p1")))
    assert found(verdict) == {"a": False, "b": False}  # one of three, though by two rules; another product
    assert verdict.silent == ["x", "y"]
    assert (verdict.accused, verdict.clean) == (1, 2 + 3 + 12 - 4)
    verdict = judge(spoilt, flagged(("r", "events", "e0"), ("s", "events", "e8"), ("r", "events", "p0")))
    assert found(verdict) == {"a": True, "b": False}  # a key counts for its own table
    assert verdict.plants["rules"].tolist() == [["r", "s"], []]
    assert verdict.found == 0.5


def test_a_row_without_key_is_known_by_that() -> None:
    verdict = judge(case([("a", "x", "events", None)]), flagged(("r", "events", None)))
    assert found(verdict) == {"a": True}
    assert verdict.accused == 0
    assert NO_KEY not in {"p0", "u0", "e0"}


def test_events_of_a_user_who_is_a_plant_are_found_by_the_user() -> None:
    robot = case([("a", "x", "events", f"e{number}") for number in (0, 1)])  # two of the four events of u0
    verdict = judge(robot, flagged(("robot", "users", "u0")))
    assert found(verdict) == {"a": True}
    assert (verdict.accused, verdict.clean) == (0, 2 + 2 + 10)
    single = judge(case([("a", "x", "events", "e0")]), flagged(("robot", "users", "u0")))
    assert found(single) == {"a": False}
    assert single.accused == 1


def test_a_row_flagged_by_two_rules_is_one_accused_row() -> None:
    verdict = judge(case([("a", "x", "items", "p0")]), flagged(("r", "users", "u1"), ("s", "users", "u1")))
    assert verdict.accused == 1
    assert verdict.accused_share == pytest.approx(1 / 16)
    assert verdict.by_rule["accused"].tolist() == [1, 1]


def test_the_kinds_to_plant() -> None:
    assert sorted(chosen("visible") + chosen("held-out")) == chosen("all") == sorted(KINDS)
    assert set(chosen("held-out")) == HELD_OUT
    assert set(EASY) <= set(chosen("visible"))


@cache
def small(folder: Path, language: str, count: int) -> Spoilt:
    return spoil(folder, 3000, language, 3, count, EASY)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_schemas_refuse_no_sound_row_and_what_is_plainly_wrong(
    tmp_path_factory: pytest.TempPathFactory, language: str
) -> None:
    spoilt = small(tmp_path_factory.getbasetemp() / "shop", language, 6)
    assert fault_schemas.flags(spoilt.sound, spoilt.sound, KEYS).empty
    verdict = judge(spoilt, fault_schemas.flags(spoilt.sound, spoilt.tables, KEYS))
    assert verdict.found == 1
    assert verdict.accused == 0


def test_the_rules_on_a_small_shop(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    spoilt = small(tmp_path_factory.getbasetemp() / "shop", "en", 6)
    verdict = judge(spoilt, by_rules(engine.connect("500MB", threads=1), spoilt, tmp_path))
    assert verdict.found == 1
    assert verdict.accused_share < 0.05
    table = by_kind({"rules": verdict, "schemas": judge(spoilt, flagged())})
    assert table["kind"].tolist() == sorted(EASY)
    assert table["rules"].sum() == table["planted"].sum() == 6
    assert table["schemas"].sum() == 0
    assert "unknown event type" in table.set_index("kind").loc["event_type_unknown", "found by"]
    keep(verdict, judge(spoilt, flagged()), "_small", tmp_path / "bench")
    rows = {row["name"]: row for row in recorded(tmp_path / "bench")}
    assert rows["governance_faults_found_small"]["met"]
    assert rows["governance_faults_silent_small"]["value"] == 0


def cost(events: int, seconds: float) -> dict:
    steps = [{"step": step, "seconds": seconds / 2, "memory_gb": 1.0, "spill_gb": 0.0} for step in ("rules", "clean")]
    return {"events": events, "memory_gb": 5.0, "spill_gb": 2.0, "steps": steps, "balance": []}


def test_the_largest_log_is_held_against_the_one_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, folder, bench = [], tmp_path / "scale", tmp_path / "bench"
    costs = {10.0: cost(10_000_000, 60), 100.0: cost(100_000_000, 720)}
    monkeypatch.setattr(
        governance_scale, "_in_a_process", lambda child, size, *_: calls.append((child, size)) or costs[size]
    )
    (folder / "logs").mkdir(parents=True)
    (folder / "own.txt").write_text("of the user")
    for keep_files in (True, False):
        governance_scale.measure([100.0, 10.0], "en", folder, keep_files, bench)
    assert calls == [(child, size) for size in (10.0, 100.0) for child in ("generate", "govern")]  # once, though twice
    assert [path.name for path in folder.iterdir()] == ["own.txt"]
    row = next(row for row in recorded(bench) if row["name"] == "governance_scale")
    assert (row["value"], row["met"]) == (12.0, False)
    assert governance_scale.table(costs).loc["100 M", "microseconds an event"] == 7.2


def test_no_row_without_both_sizes(tmp_path: Path) -> None:
    governance_scale.keep_rows({0.1: cost(100_000, 1)}, tmp_path)
    assert not recorded(tmp_path)


def test_the_spill_is_watched(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "block.tmp").write_bytes(b"x" * 1_000_000)
    with governance_scale.Watch(tmp_path) as watch, watch.step("rules"):
        time.sleep(3 * governance_scale.POLL)
    assert watch.steps[0]["spill_gb"] == pytest.approx(0.001)
    assert watch.steps[0]["seconds"] >= 3 * governance_scale.POLL
