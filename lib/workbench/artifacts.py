"""A stage's folder: what it read, what it hands on, and the hashes that prove both.

Stages hand over files, never memory. A stage writes its manifest and marks itself complete in its last cell;
until then nothing that it wrote is trusted by the stages after it.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from workbench.keeping import Keeper, Plain, shape
from workbench.versions import versions

if TYPE_CHECKING:
    import pyarrow as pa

RUN_FILES = {
    "notebook.ipynb", "report.html", "parameters.yaml", "metrics.json", "manifest.json", "status.json", "log.txt",
    "keys.json",  # wrapped keys of what is encrypted: they are wrapped anew when a master key changes
}  # fmt: skip
CHECKPOINT = "checkpoint"  # kept when a failed stage is tried again, so never part of the hand-over
TRACKING = "tracking"  # curves of trainings: what shows them may write beside them, so no part of it either


class GateFailed(RuntimeError):  # noqa: N818  (it names what happened, and is a status)
    """Data or model missed a gate that the notebook sets; the run stops with the status `gate_failed`."""


class StageError(RuntimeError):
    """A stage's input is missing, altered or failed, or its folder is not as a stage leaves it."""


def read_json(path: Path) -> Any:
    """What the JSON file holds; StageError if that is no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StageError(f"{path} is not readable as JSON ({error}): restore or delete it") from error


def write_json(path: Path, value: Any) -> Path:
    """Write `value` as strict JSON (NaN becomes null), at once: a reader sees the old file or the new one."""
    text = json.dumps(_plain(value), indent=1, ensure_ascii=False, allow_nan=False)
    return write_text(path, text + "\n")


def write_text(path: Path, text: str) -> Path:
    """Write `text` so that a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path


def sha256(path: Path) -> str:
    """Hex digest of the file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class HashCache:
    """File hashes remembered by path, size and modification time in `<outputs>/.hashes.json`.

    What cannot be read there is forgotten, and of two runs that write at once the last one wins: a hash that is
    missing is computed again.
    """

    def __init__(self, outputs: Path):
        self.file = outputs / ".hashes.json"
        self.known: dict[str, list] = {}
        with suppress(FileNotFoundError, StageError):
            known = read_json(self.file)
            if isinstance(known, dict):
                self.known = {key: kept for key, kept in known.items() if isinstance(kept, list) and len(kept) == 3}

    def sha256(self, path: Path) -> str:
        """Hex digest of the file, computed only when its size or time changed since the last call."""
        stat, key = path.stat(), str(path.resolve())
        mark = [stat.st_size, stat.st_mtime_ns]
        if self.known.get(key, [])[:2] != mark:
            self.known[key] = [*mark, sha256(path)]
            write_json(self.file, self.known)
        return self.known[key][2]


def locate(place: str, root: Path) -> str:
    """A place that parameters name: a relative path starts from the project's root; a URL and "" stay as they are."""
    return place if not place or "://" in place else str(root / Path(place).expanduser())


def origin(folder: Path) -> Path:
    """The stage folder that holds the files: `folder` itself, or the one that its status reuses."""
    status = folder / "status.json"
    reused = read_json(status).get("reused_from") if status.exists() else None
    return Path(os.path.normpath(folder.resolve() / reused)) if reused else folder  # resolved: it may be by latest-ok


def verified(folder: Path) -> dict[str, dict]:
    """Outputs of a finished stage by relative path, as its manifest lists them.

    Raises:
        StageError: the stage is missing, did not end ok, or handed on no manifest.

    """
    if not (folder / "status.json").exists():
        raise StageError(f"stage {folder.name} has not run in {folder.parent}: run it first")
    state = read_json(folder / "status.json")["status"]
    if state != "ok":
        raise StageError(f"stage {folder.name} in {folder.parent} is '{state}', not ok: run it again first")
    manifest = origin(folder) / "manifest.json"
    if not manifest.exists():
        raise StageError(f"{manifest} is missing: run stage {folder.name} again")
    return {entry["path"]: entry for entry in read_json(manifest)["outputs"]}


def check_unaltered(folder: Path, cache: HashCache) -> None:
    """Raise StageError unless every file that the stage handed on is still as its manifest says."""
    for relative, entry in verified(folder).items():
        path = origin(folder) / relative
        if not path.exists():
            raise StageError(f"{path} is missing: run stage {folder.name} again")
        if cache.sha256(path) != entry["sha256"]:
            raise StageError(f"{path} was altered after stage {folder.name} ended: run that stage again")


class Stage:
    """A stage's folder, `outputs/<run>/<stage>/` in a run or `outputs/lab/<stage>/` by hand.

    Args:
        folder: where the stage writes; its name is the stage's name.
        by_hand: opened in JupyterLab, so that the stage keeps its own status.
        upstream: folders of the stages it reads, by name; the folder's neighbours where not given.
        root: what relative paths given to `source` start from.

    """

    def __init__(
        self,
        folder: Path,
        *,
        by_hand: bool = False,
        upstream: Mapping[str, Path] | None = None,
        root: Path | None = None,
    ):
        self.folder = Path(folder)
        self.name = self.folder.name
        self.by_hand = by_hand
        self._upstream = dict(upstream or {})
        self._root = root or Path.cwd()
        self._cache = HashCache(self.folder.parents[1])
        self._inputs: dict[tuple, dict] = {}
        self._metrics: list[dict] = []
        self._written: dict[str, dict] = {}  # what the keeper said of each table
        self._checked: set[Path] = set()
        self._keeper: Keeper = Plain()

    def protect(self, keeper: Keeper) -> None:
        """Have all tables from here on written, and those of earlier stages read, by this keeper."""
        self._keeper = keeper

    def source(self, path: str | Path) -> Path:
        """Record a raw input file, and return its absolute path."""
        found = self._root / path
        if not found.is_file():
            raise StageError(f"input file {found} does not exist: correct the path in the profile")
        entry = {"path": str(found.resolve()), "sha256": self._cache.sha256(found), **shape(found)}
        self._inputs["", entry["path"]] = entry
        return found

    def locate(self, place: str) -> str:
        """A place that parameters name, see `locate`."""
        return locate(place, self._root)

    def earlier(self, run: str, relative: str) -> "pa.Table | None":
        """A table that this stage handed on in an earlier run.

        Args:
            run: the run's name, or "previous" for the profile's last one that ended ok; empty for none.
            relative: path of the file in the stage's folder.

        Returns:
            The table, whose file is recorded as an input; None if no run is named, or there is no previous one.

        """
        folder = self._earlier(run)
        if folder is None:
            return None
        if relative not in verified(folder):
            raise StageError(f"{folder} handed on no '{relative}': name a later run")
        self.source(origin(folder) / relative)
        return self._read(folder, relative)

    def carry(self, run: str, tables: Iterable[str]) -> None:
        """Have tables that an earlier run handed on in folders stand here too, as links to their files."""
        folder = origin(self._earlier(run) or self.folder)
        found = [path for path in verified(folder) if path.startswith(tuple(f"{table}/" for table in tables))]
        if not found:
            raise StageError(f"{folder} handed on no table by days: run all days once, with engine: spark")
        for relative in found:
            os.link(folder / relative, self.path(relative))

    def input(self, stage_name: str, relative: str) -> Path:
        """Path of a file (or of a folder of files) that an upstream stage handed on, after checking its hash."""
        folder = self._upstream.get(stage_name, self.folder.parent / stage_name)
        outputs = verified(folder)
        wanted = [entry for path, entry in outputs.items() if path == relative or path.startswith(f"{relative}/")]
        if not wanted:
            raise StageError(f"stage {stage_name} handed on no '{relative}', only {', '.join(sorted(outputs))}")
        for entry in wanted:
            path = origin(folder) / entry["path"]
            if not path.exists() or sha256(path) != entry["sha256"]:
                raise StageError(f"{path} is missing or was altered after {stage_name} ended: run that stage again")
            self._inputs[stage_name, entry["path"]] = {"stage": stage_name, **entry}
        return origin(folder) / relative

    def _earlier(self, run: str) -> Path | None:
        """This stage's folder in a run that is named, or in the last one that ended ok."""
        if run != "previous":
            return self.outputs / run / self.name if run else None
        folder = self.outputs / "latest-ok" / str(self._parameters().get("profile", "")) / self.name
        return folder if folder.exists() else None

    def table(self, stage_name: str, relative: str, columns: Iterable[str] | None = None) -> "pa.Table":
        """A table that an upstream stage handed on, or these columns of it, after checking its file's hash."""
        self.input(stage_name, relative)
        return self._read(self._upstream.get(stage_name, self.folder.parent / stage_name), relative, columns)

    def _read(self, folder: Path, relative: str, columns: Iterable[str] | None = None) -> "pa.Table":
        """A table of a stage whose manifest is vouched for, as far as this stage's keeper asks for it."""
        found = origin(folder)
        if found not in self._checked:
            self._keeper.check(read_json(found / "manifest.json"), f"{found.parent.name}/{found.name}")
            self._checked.add(found)
        return self._keeper.read(found, relative, None if columns is None else list(columns))

    def path(self, relative: str) -> Path:
        """Where to write an output; its parent folders are made. Checkpoints and tracking are not handed on."""
        path = self.folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def save_table(self, relative: str, table: Any) -> Path:
        """Write a pandas, pyarrow or Ibis table as Parquet. A pandas index is kept only if it has a name."""
        path = self.path(relative)
        self._written[relative] = self._keeper.write(self.folder, relative, table)
        return path

    def saved(self, relative: str) -> "pa.RecordBatchReader":
        """A table that this stage has saved, batch by batch."""
        return self._keeper.batches(self.folder, relative)

    def save_json(self, relative: str, obj: Any) -> Path:
        """Write a JSON file; numpy values become plain ones and NaN becomes null."""
        return write_json(self.path(relative), obj)

    @property
    def outputs(self) -> Path:
        """The folder that holds all runs: what counts across runs is kept there."""
        return self.folder.parents[1]

    @property
    def resolved(self) -> dict[str, Any]:
        """What `resolve` recorded, in this attempt or in the one that it resumes."""
        return self._parameters().get("resolved", {})

    def resolve(self, **values: Any) -> None:
        """Record values measured or chosen at run time under `resolved` in parameters.yaml."""
        parameters = self._parameters()
        parameters["resolved"] = parameters.get("resolved", {}) | _plain(values)
        text = yaml.safe_dump(parameters, sort_keys=False, allow_unicode=True)
        write_text(self.folder / "parameters.yaml", text)

    def metric(
        self,
        subject: str,
        metric: str,
        value: float,
        *,
        k: int | None = None,
        slice: str = "all",
        low: float | None = None,
        high: float | None = None,
        n: int | None = None,
    ) -> None:
        """Record one number: who (`subject`) reached what, on which slice, with its interval and sample size."""
        row = {"subject": subject, "metric": metric, "k": None if k is None else int(k), "slice": slice}
        self._metrics = [kept for kept in self._metrics if any(kept[key] != row[key] for key in row)]
        self._metrics.append(row | {"value": value, "low": low, "high": high, "n": None if n is None else int(n)})

    def metrics(self, rows: Any) -> None:
        """Record a tidy frame whose columns are named like the arguments of `metric`; what is missing becomes null."""
        for row in rows.to_dict("records"):
            known: dict[str, Any] = {name: value for name, value in row.items() if value is not None and value == value}
            self.metric(**{"value": float("nan")} | known)

    def complete(self) -> None:
        """Write metrics and manifest, which marks the stage complete; belongs in the notebook's last cell."""
        write_json(self.folder / "metrics.json", self._metrics)
        outputs = [
            {"path": name, "sha256": self._cache.sha256(path), **(self._written.get(name) or shape(path))}
            for path in self._files()
            for name in [path.relative_to(self.folder).as_posix()]
        ]
        manifest = {
            "stage": self.name,
            "inputs": list(self._inputs.values()),
            "outputs": outputs,
            "upstream": sorted({entry["stage"] for entry in self._inputs.values() if "stage" in entry}),
            "versions": versions(),
        }
        write_json(self.folder / "manifest.json", manifest | self._keeper.endorse(manifest))
        if self.by_hand:
            status = self.folder / "status.json"
            ended = datetime.now(UTC).isoformat(timespec="seconds")
            write_json(status, read_json(status) | {"status": "ok", "ended": ended})

    def _files(self) -> Iterator[Path]:
        for path in sorted(self.folder.rglob("*")):
            top = path.relative_to(self.folder).parts[0]
            if path.is_file() and top not in RUN_FILES | {CHECKPOINT, TRACKING} and not path.name.startswith("."):
                yield path

    def _parameters(self) -> dict[str, Any]:
        file = self.folder / "parameters.yaml"
        return yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else {}


def _plain(value: Any) -> Any:
    """The value in JSON's own types: numpy scalars and arrays, tuples, paths and NaN translated."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value
