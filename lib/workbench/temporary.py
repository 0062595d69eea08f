"""Temporary folders that do not outlive their process: what a kill leaves is swept by the next one that passes.

A folder bears its owner's pid and start in its name, and the owner holds a lock on it, which the system lets go of when
the process ends, however it ends. Only what fails both tests is swept: so a reused pid keeps a folder a little longer,
and neither a clock that was set nor another container's processes make a living owner's folder look abandoned.
"""

import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

PREFIX = "workbench-"
_NAME = re.compile(PREFIX + r"([0-9a-f]+)-([0-9a-f]+)-\w+")
TRIES = 20  # to remove a folder into which a process that was just ended may still write
PAUSE = 0.1  # seconds between them


class Folder:
    """A new folder that this process alone may read.

    Args:
        parent: where it is made; the system's temporary folder if not given.

    """

    def __init__(self, parent: Path | None = None):
        # the name is short, for it may become part of a socket's path, which has at most 107 bytes
        prefix = f"{PREFIX}{os.getpid():x}-{_hundredths(psutil.Process()):x}-"
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        self._lock = os.open(self.path, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        wipe(self.path)
        os.close(self._lock)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()


def sweep(parent: Path | None = None) -> list[Path]:
    """Remove this user's folders in `parent` whose owners are gone, and end what such an owner left running in them.

    Args:
        parent: the system's temporary folder if not given.

    Returns:
        The folders that were removed.

    """
    found = [path for path in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*") if _abandoned(path)]
    for folder in found:
        end_users(folder)
        wipe(folder)
    return found


def end_users(folder: Path) -> None:
    """Kill the processes whose temporary folder this is, but for the one that asks, and wait until they are gone."""
    users = [process for process in psutil.process_iter() if process.pid != os.getpid() and _uses(process, folder)]
    for process in users:
        with suppress(psutil.NoSuchProcess):  # it ended by itself
            process.kill()
    psutil.wait_procs(users, timeout=TRIES * PAUSE)


def wipe(folder: Path) -> None:
    """Remove a folder, also one whose parts were made read-only or are just being written to.

    Raises:
        OSError: it is still there.

    """
    for left in reversed(range(TRIES)):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:  # another sweeps it too, or a last writer removed a part of it
            if not folder.exists():
                return
        except OSError:
            if not left:
                raise
            _open_up(folder)
        else:
            return
        time.sleep(PAUSE)


def _open_up(folder: Path) -> None:
    for at, _, _ in os.walk(folder):
        with suppress(OSError):  # what cannot be helped is told by the next try
            Path(at).chmod(stat.S_IRWXU)


def _abandoned(path: Path) -> bool:
    """Whether it is a folder of this user's whose owner is gone."""
    named = _NAME.fullmatch(path.name)
    if not named or _lives(*(int(part, 16) for part in named.groups())):
        return False
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # no folder, another user's, or swept meanwhile
        return False
    try:
        if os.fstat(folder).st_uid != os.getuid():
            return False
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(folder)
    return True


def _lives(pid: int, hundredths: int) -> bool:
    """Whether the process that started then, in hundredths of a second since 1970, lives."""
    try:
        return abs(_hundredths(psutil.Process(pid)) - hundredths) < 100
    except psutil.NoSuchProcess:
        return False


def _hundredths(process: psutil.Process) -> int:
    return round(process.create_time() * 100)


def _uses(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.environ().get("TMPDIR") == str(folder)
    except psutil.Error:  # another user's, or it is gone
        return False
