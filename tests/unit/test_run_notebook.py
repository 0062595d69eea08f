"""Opening a stage by hand: the profile's values, the upstream stage, the lab folder."""

from typing import Any

import pytest
import yaml

from toy import ToyProject
from workbench.artifacts import StageError, read_json, write_json
from workbench.run.notebook import open_stage
from workbench.run.project import InputError


@pytest.fixture
def two(toy: ToyProject) -> ToyProject:
    toy.notebook("01_a", parameters="size = 3\n")
    toy.notebook("02_b", parameters="size = 4\nrate = 0.5\n", needs=("01_a",))
    toy.profile(**{"02_b": {"size": 9, "rate": 1}})
    toy.profile("my_shop", **{"02_b": {"size": 70}})
    return toy


def namespace(**values: Any) -> dict[str, Any]:
    defaults = {"profile": "toy", "run_dir": "", "upstream_run": "", "seed": 1, "size": 4, "rate": 0.5}
    return defaults | values


def test_the_profile_sets_what_the_user_did_not(two: ToyProject, capsys: pytest.CaptureFixture) -> None:
    two.fake_stage("20260101T000000Z-toy", "01_a", x="one")
    cells = namespace(rate=0.7)
    stage = open_stage("02_b", cells, needs=["01_a"])
    assert (cells["size"], cells["rate"]) == (9, 0.7)
    out = capsys.readouterr().out
    assert "profile toy: size = 9 (default 4)" in out
    assert "kept as set in this notebook: rate = 0.7" in out
    assert "01_a is read from outputs/20260101T000000Z-toy/01_a" in out
    assert stage.folder == two.outputs / "lab" / "02_b"
    assert stage.input("01_a", "data/x.txt").read_text() == "one"
    parameters = yaml.safe_load((stage.folder / "parameters.yaml").read_text())
    assert parameters == {"profile": "toy", "seed": 1, "size": 9, "rate": 0.7}
    assert read_json(stage.folder / "status.json")["status"] == "running"
    stage.complete()
    assert read_json(stage.folder / "status.json")["status"] == "ok"


def test_a_second_opening_clears_all_but_the_checkpoint(two: ToyProject) -> None:
    stage = open_stage("01_a", namespace(size=3))
    stage.path("data/stale.txt").touch()
    stage.path("checkpoint/step").touch()
    stage.complete()
    folder = open_stage("01_a", namespace(size=3)).folder
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint", "parameters.yaml", "status.json"]


def test_the_newest_ok_upstream_is_read(two: ToyProject, capsys: pytest.CaptureFixture) -> None:
    two.fake_stage("20260101T000000Z-toy", "01_a")
    two.fake_stage("20260102T000000Z-toy", "01_a")
    two.fake_stage("20260103T000000Z-toy", "01_a", status="failed")
    two.fake_stage("20260104T000000Z-my_shop", "01_a", profile="my_shop")
    open_stage("02_b", namespace(), needs=["01_a"])
    assert "20260102T000000Z-toy" in capsys.readouterr().out
    by_hand = open_stage("01_a", namespace(size=3))
    by_hand.complete()
    open_stage("02_b", namespace(), needs=["01_a"])
    assert "01_a is read from outputs/lab/01_a" in capsys.readouterr().out


def test_one_may_name_the_upstream_run(two: ToyProject) -> None:
    two.fake_stage("20260101T000000Z-toy", "01_a", x="old")
    two.fake_stage("20260102T000000Z-toy", "01_a", x="new")
    stage = open_stage("02_b", namespace(upstream_run="20260101T000000Z-toy"), needs=["01_a"])
    assert stage.input("01_a", "data/x.txt").read_text() == "old"
    with pytest.raises(InputError, match="holds no run 'x'"):
        open_stage("02_b", namespace(upstream_run="x"), needs=["01_a"])


def test_missing_failed_and_altered_upstream_is_said_before_any_work(two: ToyProject) -> None:
    with pytest.raises(StageError, match="01_a has not ended ok with profile toy: run `workbench run toy`"):
        open_stage("02_b", namespace(), needs=["01_a"])
    folder = two.fake_stage("20260101T000000Z-toy", "01_a", status="failed", x="one")
    with pytest.raises(StageError, match="is 'failed', not ok"):
        open_stage("02_b", namespace(upstream_run="20260101T000000Z-toy"), needs=["01_a"])
    write_json(folder / "status.json", read_json(folder / "status.json") | {"status": "ok"})
    (folder / "data/x.txt").write_text("two")
    with pytest.raises(StageError, match="was altered"):
        open_stage("02_b", namespace(), needs=["01_a"])


def test_the_launcher_may_choose_the_profile(two: ToyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_PROFILE", "my_shop")
    cells = namespace()
    two.fake_stage("20260104T000000Z-my_shop", "01_a", profile="my_shop")
    open_stage("02_b", cells, needs=["01_a"])
    assert (cells["profile"], cells["size"]) == ("my_shop", 70)


def test_autoreload_is_loaded_where_one_asked_for_it(two: ToyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    class Shell:
        magics: list[tuple[str, str]] = []  # noqa: RUF012

        def run_line_magic(self, name: str, line: str) -> None:
            self.magics.append((name, line))

    shell = Shell()
    open_stage("01_a", namespace(size=3, get_ipython=lambda: shell))
    assert shell.magics == []
    monkeypatch.setenv("WORKBENCH_AUTORELOAD", "1")
    open_stage("01_a", namespace(size=3, get_ipython=lambda: shell))
    assert shell.magics == [("load_ext", "autoreload"), ("autoreload", "2")]


def test_a_notebook_outside_the_profile_can_be_opened(two: ToyProject) -> None:
    two.notebook("04a_weak_points", parameters="size = 5\n")
    two.profile(notebooks=["01_a", "02_b"], common={"size": 8})
    cells = namespace(size=5)
    open_stage("04a_weak_points", cells)
    assert cells["size"] == 8


def test_in_a_run_the_folder_is_given(two: ToyProject) -> None:
    two.fake_stage("20260101T000000Z-toy", "01_a")
    run = two.outputs / "20260101T000000Z-toy"
    stage = open_stage("02_b", namespace(run_dir=str(run), size=1), needs=["01_a"])
    assert stage.folder == run / "02_b"
    assert not stage.by_hand
    with pytest.raises(StageError, match="03_x has not run"):
        open_stage("02_b", namespace(run_dir=str(run)), needs=["03_x"])
