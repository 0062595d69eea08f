"""Bad input: exit code 2, one line that says what to do, nothing started and nothing left behind."""

import errno
import os
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

from toy import ToyProject


@pytest.fixture
def two(toy: ToyProject) -> ToyProject:
    toy.notebook("01_a", parameters="size = 3\nrate = 0.5\n")
    toy.notebook("02_b", needs=("01_a",))
    toy.profile()
    return toy


def refused(workbench, capsys: pytest.CaptureFixture, *arguments: object) -> str:
    """The one line on stderr of a command that exits with 2."""
    assert workbench(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def nothing_started(toy: ToyProject) -> bool:
    return toy.runs() == [] and not list(toy.outputs.glob("2*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"01_a": {"sise": 1}}, "did you mean 'size'"),
        ({"01_a": {"size": "1"}}, "not int"),
        ({"01_a": {"rate": "1e-4"}}, "write 1.0e-4"),
        ({"03_c": {"size": 1}}, "no notebook of this profile"),
        ({"grid": {"01_a.size": [1, "x"]}}, "not int"),
        ({"notebooks": ["01_x"]}, "no notebook '01_x'"),
    ],
)
def test_wrong_content(two: ToyProject, workbench, capsys, content: dict, message: str) -> None:
    two.profile(**content)
    for command in ("run", "check"):
        line = refused(workbench, capsys, command, "toy")
        assert message in line
    assert nothing_started(two)


def test_yaml_that_does_not_parse_gives_the_line(two: ToyProject, workbench, capsys) -> None:
    two.profile().write_text("notebooks:\n  - 01_a\n common: {\n")
    assert "line 3" in refused(workbench, capsys, "run", "toy")
    assert nothing_started(two)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent"], "there is no profile 'absent'; "),
        (["toy", "--only", "02_c"], "--only 02_c: profile 'toy' has no such stage, did you mean '02_b'?"),
        (["toy", "--from", "zzz"], "--from zzz: profile 'toy' has no such stage"),
        (["toy", "--only", "02_b"], "no run of 'toy' has 01_a ok: run `workbench run toy` first"),
        (["toy", "--only", "02_b", "--from", "01_a"], "exclude each other"),
        (["toy", "--continue", "20260101T000000Z-toy"], "holds no run"),
        (["toy", "--set", "01_a.sise=3"], "did you mean 'size'"),
        (["toy", "--set", "01_a.rate=1e-4"], "write 1.0e-4"),
    ],
)
def test_wrong_arguments(two: ToyProject, workbench, capsys, arguments: list[str], message: str) -> None:
    assert message in refused(workbench, capsys, "run", *arguments)
    assert nothing_started(two)


def test_continue_wants_the_runs_own_profile_and_parameters(two: ToyProject, workbench, capsys) -> None:
    two.fake_stage("20260101T000000Z-toy", "01_a", status="failed")
    two.profile("other")
    name = "20260101T000000Z-toy"
    assert "it is a run of profile 'toy'" in refused(workbench, capsys, "run", "other", "--continue", name)
    assert "leave out --set" in refused(workbench, capsys, "run", "toy", "--continue", name, "--set", "01_a.size=1")
    assert "did you mean '20260101T000000Z-toy'" in refused(workbench, capsys, "run", "toy", "--continue", name[:-1])


def test_continue_refuses_a_parameter_that_is_no_more(two: ToyProject, workbench, capsys) -> None:
    two.fake_stage("20260101T000000Z-toy", "01_a", status="failed")
    path = two.root / "notebooks" / "01_a.ipynb"
    path.write_text(path.read_text().replace("seed", "sead"))
    line = refused(workbench, capsys, "run", "toy", "--continue", "20260101T000000Z-toy")
    assert "01_a now has no parameter 'seed', did you mean 'sead'?" in line


def test_outputs_that_take_no_files(two: ToyProject, workbench, capsys) -> None:
    (two.root / "file").write_text("in the way")
    for folder in (two.root / "file", two.root / "file" / "below", Path("/proc/workbench")):
        for command in ("run", "check"):
            line = refused(workbench, capsys, command, "toy", "--outputs", folder)
            assert "cannot write to" in line
            assert "another --outputs folder" in line


def test_a_read_only_outputs_folder(two: ToyProject, workbench, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    two.outputs.mkdir(mode=0o555)
    if os.access(two.outputs, os.W_OK):  # root may write everywhere

        def denied(dir: Path) -> None:
            raise PermissionError(errno.EACCES, "Permission denied", str(dir))

        monkeypatch.setattr(tempfile, "TemporaryFile", denied)
    for command in ("run", "check"):
        line = refused(workbench, capsys, command, "toy")
        assert f"cannot write to {two.outputs} (Permission denied): give another --outputs folder" in line
    assert list(two.outputs.iterdir()) == []


def test_outputs_without_space(two: ToyProject, workbench, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 9 * 10**8))
    line = refused(workbench, capsys, "run", "toy")
    assert "only 0.9 GB are free" in line
    assert "prune" in line
    assert nothing_started(two)


def test_outside_of_a_project(two: ToyProject, workbench, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two.root.parent)
    assert "lies in no project" in refused(workbench, capsys, "run", "toy")


def test_check_shows_what_a_profile_sets(two: ToyProject, workbench, capsys) -> None:
    two.profile(notebooks={"01_a": 30, "02_b": 5}, **{"01_a": {"size": 9}})
    assert workbench("check", "toy") == 0
    out = capsys.readouterr().out
    assert "size = 9" in out
    assert "30" in out
    assert nothing_started(two)
