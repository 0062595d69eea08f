"""Runs and their stages on disk: folders, statuses, and which of them is the newest that ended ok."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import yaml

from workbench.artifacts import CHECKPOINT, origin, read_json, write_json, write_text
from workbench.run.project import InputError
from workbench.spelling import nearest

OK, RUNNING, FAILED, INTERRUPTED = "ok", "running", "failed", "interrupted"
LAB = "lab"
STATUS = ("status", "started", "ended", "seconds", "error", "cell", "reused_from")  # what every status.json has


def now() -> str:
    """The time in UTC, to the second, as ISO 8601 writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class StageFolder:
    """A stage's folder within a run."""

    folder: Path

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.folder.name

    @property
    def status(self) -> dict[str, Any]:
        """Content of status.json, empty before the stage began; a process that is gone counts as interrupted."""
        file = self.folder / "status.json"
        status = read_json(file) if file.exists() else {}
        if status.get("status") == RUNNING and not alive(status):
            status |= {"status": INTERRUPTED, "error": "the process is gone"}
        return status

    @property
    def ok(self) -> bool:
        """Whether the stage ended ok and what it handed on is still there, here or in the run that it reuses."""
        return self.status.get("status") == OK and self.file("manifest.json").exists()

    def file(self, name: str) -> Path:
        """A file of the stage, wherever it lies."""
        return origin(self.folder) / name

    def write(self, **values: Any) -> None:
        """Change values of status.json."""
        file = self.folder / "status.json"
        write_json(file, (read_json(file) if file.exists() else dict.fromkeys(STATUS)) | values)

    def clear(self, parameters: dict[str, Any]) -> None:
        """Make the folder ready for an attempt: empty but for a checkpoint and what was resolved."""
        file = self.folder / "parameters.yaml"
        resolved = yaml.safe_load(file.read_text(encoding="utf-8")).get("resolved") if file.exists() else None
        self._empty(keep=CHECKPOINT)
        known = parameters | ({"resolved": resolved} if resolved else {})
        write_text(file, yaml.safe_dump(known, sort_keys=False, allow_unicode=True))

    def reuse(self, found: "StageFolder") -> None:
        """Let this stage stand for what `found` left, without a copy."""
        self._empty()
        source = StageFolder(origin(found.folder))
        reused = os.path.relpath(source.folder, self.folder)
        key = source.status.get("key")
        self.write(status=OK, started=now(), ended=now(), seconds=0.0, key=key, reused_from=reused)

    def _empty(self, keep: str = "") -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if not path.is_dir():
                path.unlink()
            elif path.name != keep:
                shutil.rmtree(path)

    def read(self, name: str, default: Any) -> Any:
        """Content of one of the stage's JSON files, `default` where it is missing."""
        return read_json(self.file(name)) if self.file(name).exists() else default


@dataclass(frozen=True)
class Run:
    """A run's folder."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name: UTC time and profile."""
        return self.folder.name

    @property
    def record(self) -> dict[str, Any]:
        """Content of run.json; a process that is gone counts as interrupted."""
        record = read_json(self.folder / "run.json")
        if record["status"] == RUNNING and not alive(record):
            record["status"] = INTERRUPTED
        return record

    @property
    def begun(self) -> bool:
        """Whether the run has left a record."""
        return (self.folder / "run.json").is_file()

    def write(self, **values: Any) -> None:
        """Change values of run.json."""
        file = self.folder / "run.json"
        write_json(file, (read_json(file) if file.exists() else {}) | values)

    def stage(self, name: str) -> StageFolder:
        """One stage of the run, begun or not."""
        return StageFolder(self.folder / name)

    def stages(self) -> list[StageFolder]:
        """All stages of the run's profile, in order, begun or not."""
        return [self.stage(name) for name in self.record["parameters"]]

    def metrics(self) -> list[dict[str, Any]]:
        """Rows of all stages' metrics, with the stage's name added."""
        finished = [stage for stage in self.stages() if stage.ok]
        return [{"stage": stage.name} | row for stage in finished for row in stage.read("metrics.json", [])]


def me() -> dict[str, Any]:
    """What identifies this process in a record, so that a later one can tell whether it still lives."""
    return {"pid": os.getpid(), "pid_started": psutil.Process().create_time()}


def alive(record: dict[str, Any]) -> bool:
    """Whether the process that wrote the record still lives."""
    try:
        return abs(psutil.Process(record["pid"]).create_time() - record["pid_started"]) < 1
    except (psutil.NoSuchProcess, KeyError):
        return False


def new_run(outputs: Path, profile: str) -> Run:
    """Make the folder of a new run; a second one in the same second gets a number."""
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{profile}"
    for number in range(1, 1000):
        folder = outputs / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return Run(folder)
    raise InputError(f"{outputs} already holds a thousand runs named {stem}: wait a second")


def all_runs(outputs: Path) -> list[Run]:
    """Every run, the newest first."""
    runs = [Run(file.parent) for file in outputs.glob("*/run.json")]
    return sorted(runs, key=lambda run: (run.record["started"], run.folder.stat().st_ctime_ns), reverse=True)


def find_run(outputs: Path, name: str) -> Run:
    """The run named by its folder's name or path."""
    for folder in (outputs / name, Path(name)):
        if Run(folder).begun:
            return Run(folder.resolve())
    names = [run.name for run in all_runs(outputs)]
    raise InputError(f"{outputs} holds no run '{name}'{nearest(name, names)} (`workbench runs` lists them)")


def runs_of(outputs: Path, profile: str) -> Iterator[Run]:
    """Runs of a profile, the newest first."""
    return (run for run in all_runs(outputs) if run.record["profile"] == profile)


def newest_with(outputs: Path, profile: str, stages: list[str]) -> Run | None:
    """The newest run of the profile in which all these stages are ok."""
    return next((run for run in runs_of(outputs, profile) if all(run.stage(name).ok for name in stages)), None)


def newest_stage(outputs: Path, profile: str, name: str, *, lab: bool = False) -> StageFolder | None:
    """The stage of this name that last ended ok in a run of the profile, or by hand if `lab`."""
    found = [stage for run in runs_of(outputs, profile) if (stage := run.stage(name)).ok]
    by_hand = StageFolder(outputs / LAB / name)
    if lab and by_hand.ok and by_hand.status["profile"] == profile:
        found.append(by_hand)
    return max(found, key=lambda stage: stage.status["ended"], default=None)


@contextmanager
def profile_lock(outputs: Path, profile: str) -> Iterator[None]:
    """Hold the profile's lock; the system lets go of it when the process ends, however it ends.

    Raises:
        InputError: another run of the profile holds it.

    """
    folder = outputs / ".locks"
    folder.mkdir(exist_ok=True)
    with (folder / profile).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another run of profile '{profile}' is in progress: wait until it has ended") from None
        yield
