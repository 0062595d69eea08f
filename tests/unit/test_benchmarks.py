"""The benchmarks' common parts, and the runner's overhead on a toy."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import ibis
import pandas as pd
import pytest

from benchmarks import anonymity, encryption, governance_speed, training_memory
from benchmarks.__main__ import main
from benchmarks.record import line, record, recorded
from benchmarks.runner_overhead import check_nothing_ran, measure, script_of
from toy import ToyProject
from workbench.data.sources.complete_journey import QUASI_IDENTIFIERS
from workbench.run.parameters import Notebook
from workbench.run.project import Project
from workbench.run.status import StageFolder

KEYED = {"key": "string", "after": "string"}


@pytest.mark.parametrize(
    ("value", "target", "higher", "met"),
    [(3.0, 5.0, False, True), (6.0, 5.0, False, False), (6.0, 5.0, True, True), (5.0, None, True, None)],
)
def test_a_row_is_kept_and_judged(
    tmp_path: Path, value: float, target: float | None, higher: bool, met: bool | None
) -> None:
    row = record("x", value, "s", target=target, higher_is_better=higher, rival="y", folder=tmp_path)
    assert row["met"] is met
    assert recorded(tmp_path) == [row]
    assert ("NOT MET" in line(row)) == (met is False)
    keys = "name value unit target higher_is_better met rival machine versions date"
    assert list(row) == keys.split()


def test_a_notebook_as_a_script(toy: ToyProject) -> None:
    notebook = Notebook(toy.notebook("01_a", "%matplotlib inline\ndisplay(size)", parameters="size = 1\n"))
    script = script_of(notebook, {"size": 2, "name": "a'b"})
    assert script.startswith("from IPython.display import display\n")
    assert script.index("size = 1") < script.index("size = 2") < script.index("open_stage(")
    assert "%" not in script
    compile(script, "script", "exec")


@pytest.mark.parametrize(
    ("arguments", "passed_on"),
    [
        (["--only", "runner_overhead", "quickstart", "--repeats", "1"], ["quickstart", "--repeats", "1"]),
        (["--only", "runner_overhead"], []),
        ([], []),
    ],
)
def test_what_follows_a_benchmarks_name_is_passed_on_to_it(
    toy: ToyProject, monkeypatch: pytest.MonkeyPatch, arguments: list[str], passed_on: list[str]
) -> None:
    calls = []
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    monkeypatch.setattr(
        subprocess, "run", lambda command, check: calls.append(command) or SimpleNamespace(returncode=0)
    )
    assert main() == 0
    assert [sys.executable, "-m", "benchmarks.runner_overhead", *passed_on] in calls


def test_arguments_want_the_name_of_a_benchmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "quickstart"])
    with pytest.raises(SystemExit):
        main()
    assert "name the benchmark that takes this by --only" in capsys.readouterr().err


def test_an_unchanged_run_that_ran_is_no_measurement(toy: ToyProject) -> None:
    folder = toy.fake_stage("20260101T000000Z-toy", "01_a")
    StageFolder(folder).write(reused_from=None)
    with pytest.raises(RuntimeError, match="01_a ran again"):
        check_nothing_ran(toy.outputs)


def test_overhead_of_a_toy(toy: ToyProject) -> None:
    toy.notebook("01_a", "stage.path('data/x.txt').write_text('x')")
    toy.notebook("02_b", "display(stage.input('01_a', 'data/x.txt').read_text())", needs=("01_a",))
    toy.profile()
    measure(Project.find(), "toy", repeats=1, bench=toy.outputs / "bench")
    overhead, unchanged = recorded(toy.outputs / "bench")
    assert 0 < overhead["value"] < 60
    assert unchanged["value"] < 20
    assert not (toy.outputs / "bench" / "runner_overhead").exists()


def test_the_memory_of_trainings_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {"imports": 0.5, "texts": 1.0, "02_pretraining": 1.2, "03_finetuning": 3.1}
    monkeypatch.setattr(training_memory, "_in_a_process", lambda step, _folder, _differing: taken[step])
    training_memory.measure({}, tmp_path)
    rows = {row["name"]: (row["value"], row["met"], row["rival"]) for row in recorded(tmp_path)}
    rival = "the same imports and no training, 0.50 GB"
    assert rows == {
        "training_memory_02_pretraining": (1.2, True, rival), "training_memory_03_finetuning": (3.1, False, rival),
    }  # fmt: skip


def test_the_trainings_whose_memory_is_measured(tmp_path: Path) -> None:
    """The notebooks' parameters fit to what the steps ask for, and each step trains."""
    small = {"base_model": "tiny", "max_tokens": 1000, "precision": "fp32", "threads": 1}
    small |= {"users": {"valid": 5}, "valid_docs": 20, "method": {"full": {"frozen_layers": 1}}}
    for step, train in training_memory.STEPS.items():
        train(tmp_path, training_memory._parameters(step) | small)
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert pairs["split"].value_counts().to_dict() == training_memory.ROWS
    assert 0.15 < pairs["label"].mean() < 0.25
    assert pairs["context"].str.count(";").eq(training_memory.KINDS - 1).all()
    for name in ("checkpoint", "adapted-*", "base-*"):
        assert list(tmp_path.glob(f"{name}/checkpoint-*/trainer_state.json"))


@pytest.fixture
def groceries(tmp_path: Path) -> Path:
    """The publisher's files in small, with a fault for every rule that acts on them."""
    folder = tmp_path / "groceries"
    folder.mkdir()
    products = pd.DataFrame({
        "product_id": range(100, 112), "manufacturer_id": [5, 6] * 6, "brand": "National",
        "department": "GROCERY", "product_category": ["CHEESE", "SOUP", None] * 4,
        "product_type": ["SHREDDED CHEESE", "MISC SOUP", None] * 4, "package_size": ["8 OZ", "1/2 GAL", None] * 4,
    })  # fmt: skip
    products.loc[0, ["product_type", "product_category"]] = ["GASOLINE-REG UNLEADED", "FUEL"]
    products.loc[1, "package_size"] = "*AB    8 OZ "
    bought = pd.DataFrame({"basket_id": [b for b in range(60) for _ in range(3)]})
    bought = bought.assign(
        household_id=bought["basket_id"] % 7, store_id=10 + bought["basket_id"] % 3, week=1 + bought["basket_id"] % 50,
        product_id=[101 + i * 5 % 11 for i in bought.index], quantity=[1 + i % 3 for i in bought.index],
        sales_value=[1.0 + i % 5 for i in bought.index], retail_disc=0.0, coupon_disc=0.0, coupon_match_disc=0.0,
    )  # fmt: skip
    start = pd.Timestamp("2016-12-28 12:00").as_unit("us")
    bought["transaction_timestamp"] = start + pd.to_timedelta(bought["week"] - 1, unit="W")
    bought.loc[0, ["quantity", "sales_value"]] = [0, 0.0]
    bought.loc[1, ["quantity", "sales_value"]] = [0, 2.5]
    bought.loc[2, ["product_id", "quantity", "sales_value"]] = [100, 10_007, 24.0]
    bought.loc[3:4, "product_id"] = [7777, 6666]
    bought.loc[5, "transaction_timestamp"] += pd.Timedelta(weeks=3)
    bought.loc[6, "quantity"] = -1
    bought.loc[[8, 11], ["quantity", "sales_value"]] = [[0, 0.0], [1, 4000.0]]
    bought.loc[8, "transaction_timestamp"] += pd.Timedelta(weeks=3)
    bought.loc[13, "sales_value"] = 0.0
    bought.loc[14, "week"] = 60
    bought = pd.concat([bought, bought.loc[[20, 20, 0]].assign(sales_value=[9.0, 0.5, 0.0])], ignore_index=True)
    shown = pd.DataFrame({"product_id": [101, 101, 102, 103, 999], "store_id": [10, 10, 10, 11, 11]})
    shown = shown.assign(display_location=list("0900A"), mailer_location=list("A0H00"), week=1)
    campaigns = pd.DataFrame({"campaign_id": [26], "household_id": [1]})
    described = campaigns[["campaign_id"]].assign(
        campaign_type="Type B", start_date=pd.Timestamp("2017-11-05"), end_date=pd.Timestamp("2018-02-19")
    )
    people = pd.DataFrame({"household_id": [1, 2, 99], **dict.fromkeys(QUASI_IDENTIFIERS, "x")})
    people.loc[1, "home_ownership"] = None
    coupons = pd.DataFrame({"coupon_upc": [900], "product_id": [101], "campaign_id": [26]})
    frames = {"transactions": bought, "products": products, "promotions": shown, "coupons": coupons}
    frames |= {"campaigns": campaigns, "campaign_descriptions": described, "demographics": people}
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet")
    return folder


def test_governance_in_pandas_is_the_same_governance(groceries: Path, tmp_path: Path) -> None:
    for side in ("ours", "pandas"):
        measured = governance_speed.run(side, str(groceries), tmp_path / side, "500MB", 1)
        assert measured["seconds"] > 0
        assert measured["gb"] > 0
    rows = governance_speed.compare(tmp_path / "ours", tmp_path / "pandas")
    assert rows["repairs"] > 4
    assert rows["quarantine"] > 6
    assert rows["merges"] == 1
    counts = pd.read_parquet(tmp_path / "pandas" / "counts.parquet").set_index("rule")
    assert counts.index[counts["failing_before"] == 0].tolist() == ["one product id twice"]
    other = pd.read_parquet(tmp_path / "pandas" / "events.parquet")
    other.assign(value=other["value"].where(other.index != 5, 0.123)).to_parquet(tmp_path / "pandas" / "events.parquet")
    with pytest.raises(RuntimeError, match="events: 2 different rows"):
        governance_speed.compare(tmp_path / "ours", tmp_path / "pandas")


@pytest.mark.parametrize(
    ("here", "there", "differing"),
    [("1.0", "1", 0), ("10.007", "10.007000", 0), ("8 OZ", "8 OZ", 0), ("1", "2", 2), ("8 OZ", "9 OZ", 2),
     (None, "", 2), (None, None, 0)],
)  # fmt: skip
def test_repairs_are_compared_as_numbers_where_they_are_numbers(
    here: str | None, there: str | None, differing: int
) -> None:
    tables = [ibis.memtable({"key": ["x"], "after": [text]}, schema=KEYED) for text in (here, there)]
    assert governance_speed.differing(*tables).count().execute() == differing


def test_a_row_that_one_side_has_twice_differs() -> None:
    twice, once = (ibis.memtable({"key": ["x"] * n, "after": ["1"] * n}, schema=KEYED) for n in (2, 1))
    assert governance_speed.differing(twice, once).execute()["more"].tolist() == [1]


def test_anonymity_of_a_small_crowd(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    anonymity.measure(1500, 1, repeats=1, bench=tmp_path)
    rows = {row["name"]: row for row in recorded(tmp_path)}
    assert rows["anonymity_suppressed"]["met"]
    assert rows["anonymity_801_seconds"]["value"] > 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("Complete Journey: 801", "Storefront: 1,500", "In detail: 1,500"))


def test_a_release_that_is_not_what_was_asked_for_ends_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anonymity.risks, "k_of", lambda *_: 4)
    with pytest.raises(RuntimeError, match=r"Complete Journey: asked for .*k=5.*'k seen': 4"):
        anonymity.show(anonymity.groceries(), 1)


ATTACKS = [
    encryption.Attack("flip", "data/users.parquet", encryption.Flip(-5, 1)),
    encryption.Attack("flip", encryption.SEALED, encryption.Flip(-5, 1)),
    encryption.Attack("cut", "data/pairs.parquet", encryption.Cut(0, 100)),
]


def test_attacks_are_refused_and_the_files_stay(tmp_path: Path) -> None:
    folder = encryption.made(tmp_path / "small", encryption.keys.make(), 20, 10, 1)
    assert encryption.attacked(folder, ATTACKS) == {("flip", encryption.REFUSED): 2, ("cut", encryption.REFUSED): 1}
    assert folder.read(encryption.kms.MATERIAL)


@pytest.mark.parametrize(
    ("reader", "outcome"),
    [
        (lambda *_: False, "CHANGED DATA"),
        (lambda *_: True, encryption.REJECTED),
        (lambda *_: {}["x"], "KeyError in data/users.parquet: 'x'"),
    ],
)
def test_what_an_unsafe_reader_does_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: Callable[..., bool], outcome: str
) -> None:
    folder = encryption.made(tmp_path / "small", encryption.keys.make(), 20, 10, 1)
    signed = {file: encryption.sha256(folder.path / file) for file in folder.files}
    monkeypatch.setattr(encryption.Folder, "read", reader)
    assert encryption.outcome(folder, ATTACKS[0], signed) == outcome


def _dies_at_the_second(folder: encryption.Folder, attacks: list[encryption.Attack], pipe: Connection) -> None:
    pipe.send(encryption.REFUSED)
    if len(attacks) > 1:
        os.kill(os.getpid(), signal.SIGSEGV)


def test_a_reader_that_ends_its_process_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "try_all", _dies_at_the_second)
    found = encryption.watched(encryption.Folder(tmp_path, encryption.keys.make(), {}, {}), ATTACKS)
    assert found == {("flip", encryption.REFUSED): 1, ("flip", "ends the process"): 1, ("cut", encryption.REFUSED): 1}
