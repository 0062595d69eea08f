"""Where a project's notebooks, parameters and outputs lie, and the one error for a user's bad input."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from workbench.spelling import nearest

LEAST_FREE_BYTES = 10**9


class InputError(ValueError):
    """Something that the user gave is wrong; the message is one sentence that says what to do (exit code 2)."""


@dataclass(frozen=True)
class Project:
    """The folders of a project."""

    root: Path
    outputs: Path

    @classmethod
    def find(cls, start: Path | None = None, outputs: Path | None = None) -> "Project":
        """The project that `start` (default: the current folder) lies in.

        Raises:
            InputError: no folder from `start` upwards holds both notebooks/ and parameters/.

        """
        start = (start or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / "notebooks").is_dir() and (folder / "parameters").is_dir():
                return cls(folder, (outputs or folder / "outputs").resolve())
        raise InputError(f"{start} lies in no project: go to the folder that holds notebooks/ and parameters/")

    def notebook(self, name: str) -> Path:
        """Path of the notebook `name` (without .ipynb); an error names the nearest that exists."""
        path = self.root / "notebooks" / f"{name}.ipynb"
        if not path.is_file():
            names = [file.stem for file in path.parent.glob("*.ipynb")]
            raise InputError(f"there is no notebook '{name}' in {path.parent}{nearest(name, names)}")
        return path

    def profile(self, name: str) -> Path:
        """Path of the profile, given as a name in parameters/ or as a path to a YAML file."""
        folder = self.root / "parameters"
        for path in (Path(name), folder / f"{name}.yaml"):
            if path.suffix in {".yaml", ".yml"} and path.is_file():
                return path.resolve()
        names = sorted(file.stem for file in folder.glob("*.yaml"))
        listed = f"; {folder} holds {', '.join(names)}" if names else f"; {folder} holds none yet"
        raise InputError(f"there is no profile '{name}'{nearest(name, names)}{listed}")

    def check_outputs(self) -> None:
        """Raise InputError unless the outputs folder takes files and has a gigabyte free."""
        try:
            self.outputs.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.outputs) as file:
                file.write(b"0")
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"cannot write to {self.outputs} ({reason}): give another --outputs folder") from error
        free = shutil.disk_usage(self.outputs).free
        if free < LEAST_FREE_BYTES:
            raise InputError(
                f"only {free / 1e9:.1f} GB are free for {self.outputs} and a run wants 1 GB: "
                "free some, run `workbench prune --keep N`, or give another --outputs folder"
            )
