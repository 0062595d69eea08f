"""Temporary folders of processes that live, and of those that are gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from toy import ToyProject
from workbench import temporary

HOLDS = "from workbench import temporary; import time; print(temporary.Folder().path, flush=True); time.sleep(60)"
NOBODY = 2**22 + 1  # no pid is above 2**22


def holder(parent: Path) -> tuple[subprocess.Popen, Path]:
    """A process that holds a folder in `parent`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(parent)}
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_is_its_owners_alone_and_goes(tmp_path: Path) -> None:
    with temporary.Folder(tmp_path) as path:
        assert path.parent == tmp_path
        assert oct(path.stat().st_mode)[-3:] == "700"
        assert len(path.name) < 45
        (path / "x").write_text("x")
        assert temporary.sweep(tmp_path) == []
    assert not path.exists()


def test_what_a_killed_process_held_is_swept_and_what_a_living_one_holds_stays(tmp_path: Path) -> None:
    process, path = holder(tmp_path)
    (path / "spilled").mkdir()
    (path / "spilled" / "x").write_text("canary")
    assert temporary.sweep(tmp_path) == []
    assert (path / "spilled" / "x").exists()
    process.kill()
    process.wait()
    (path / "spilled").chmod(0o500)
    assert temporary.sweep(tmp_path) == [path]
    assert not list(tmp_path.iterdir())


def test_a_folder_whose_lock_is_held_stays_though_its_name_tells_of_nobody(tmp_path: Path) -> None:
    """As where a clock was set, or where the owner lives in another container."""
    folder = temporary.Folder(tmp_path)
    renamed = folder.path.rename(tmp_path / f"workbench-{NOBODY:x}-1-abcdefgh")
    assert temporary.sweep(tmp_path) == []
    os.close(folder._lock)
    assert temporary.sweep(tmp_path) == [renamed]


def test_a_pid_that_another_process_has_by_now_keeps_nothing(tmp_path: Path) -> None:
    old = tmp_path / f"workbench-{os.getpid():x}-1-abcdefgh"
    old.mkdir()
    assert temporary.sweep(tmp_path) == [old]


@pytest.mark.parametrize("name", ["workbench-abcdefgh", f"other-{NOBODY:x}-1-abcdefgh", f"workbench-{NOBODY:x}-1"])
def test_what_bears_another_name_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert temporary.sweep(tmp_path) == []
    assert (tmp_path / name).is_dir()


def test_files_and_links_stay(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / "x").write_text("x")
    (tmp_path / f"workbench-{NOBODY:x}-1-aaaaaaaa").write_text("x")
    (tmp_path / f"workbench-{NOBODY:x}-1-bbbbbbbb").symlink_to(target)
    assert temporary.sweep(tmp_path) == []
    assert (target / "x").exists()


def test_what_is_left_running_in_an_abandoned_folder_is_ended(tmp_path: Path, toy: ToyProject) -> None:
    folder = tmp_path / f"workbench-{NOBODY:x}-1-abcdefgh"
    folder.mkdir()
    inside = subprocess.Popen(["sleep", "60"], env=os.environ | {"TMPDIR": str(folder)})
    outside = subprocess.Popen(["sleep", "60"])
    assert temporary.sweep(tmp_path) == [folder]
    assert toy.gone(inside.pid)
    assert outside.poll() is None
    outside.kill()
    outside.wait()


def test_a_folder_that_cannot_be_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary, "PAUSE", 0.0)
    folder = temporary.Folder(tmp_path)

    def busy(path: Path) -> None:
        raise OSError(16, "busy")

    with monkeypatch.context() as patched:
        patched.setattr(temporary.shutil, "rmtree", busy)
        with pytest.raises(OSError, match="busy"):
            folder.remove()
    folder.remove()
    assert not folder.path.exists()
