"""Toy projects: small notebooks that show what the runner makes of them."""

from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import psutil
import yaml

from workbench.artifacts import read_json
from workbench.run.status import Run, all_runs

PARAMETERS = 'profile = "toy"\nrun_dir = ""\nupstream_run = ""\nseed = 1\n'
OPEN = 'from workbench.run.notebook import open_stage\nstage = open_stage("{name}", globals(), needs={needs!r})'


@dataclass
class ToyProject:
    """A project folder whose notebooks are made of source strings."""

    root: Path
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / "notebooks").mkdir(parents=True)
        (self.root / "parameters").mkdir()

    @property
    def outputs(self) -> Path:
        return self.root / "outputs"

    def notebook(self, name: str, *code: str, parameters: str = "", needs: tuple[str, ...] = ()) -> Path:
        """Write a notebook: title (cell 1), parameters (2), opening (3), `code` (4 …), completion (last)."""
        v4 = nbformat.v4
        tagged = v4.new_code_cell(PARAMETERS + parameters, metadata={"tags": ["parameters"]})
        sources = [OPEN.format(name=name, needs=list(needs)), *code, "stage.complete()"]
        cells = [v4.new_markdown_cell(f"# Toy {name}"), tagged, *(v4.new_code_cell(source) for source in sources)]
        path = self.root / "notebooks" / f"{name}.ipynb"
        nbformat.write(v4.new_notebook(cells=cells), path)
        if name not in self.names:
            self.names.append(name)
        return path

    def profile(self, name: str = "toy", **content: object) -> Path:
        """Write a profile of all notebooks so far, or of what `content` says."""
        path = self.root / "parameters" / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"notebooks": self.names} | content, sort_keys=False))
        return path

    def runs(self) -> list[Run]:
        """The runs made so far, the newest first; each notebook made what `status` says."""
        return all_runs(self.outputs)

    def status(self, stage: str, run: Run | None = None) -> dict:
        """status.json of a stage of the newest run, or of `run`."""
        return read_json((run or self.runs()[0]).folder / stage / "status.json")

    @staticmethod
    def gone(pid: int) -> bool:
        """Whether the process has ended, waiting a few seconds for it; one that nobody reaped has ended too."""
        try:
            psutil.Process(pid).wait(timeout=10)
        except psutil.TimeoutExpired:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
        return True

    def report(self, stage: str) -> str:
        """The report of a stage of the newest run."""
        return (self.runs()[0].folder / stage / "report.html").read_text()

    def fake_stage(self, run: str, stage: str, status: str = "ok", profile: str = "toy", **files: str) -> Path:
        """A run's stage as if it had run, without running it."""
        from workbench.artifacts import Stage, write_json

        folder = self.outputs / run / stage
        made = Stage(folder)
        for name, text in files.items():
            made.path(f"data/{name}.txt").write_text(text)
        made.complete()
        at = f"{run[:4]}-{run[4:6]}-{run[6:8]}T00:00:00+00:00"
        facts = {"status": status, "profile": profile, "started": at, "ended": at, "seconds": 1.0, "peak_mb": 100}
        write_json(folder / "status.json", facts)
        record = self.outputs / run / "run.json"
        stages = (read_json(record)["parameters"] if record.exists() else {}) | {stage: {"seed": 1}}
        common = {"profile": profile, "started": at, "status": status, "headline": [], "combination": {}}
        write_json(record, common | {"parameters": stages, "todo": list(stages), "seconds": 1.0})
        return folder
