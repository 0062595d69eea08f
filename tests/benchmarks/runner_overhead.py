"""What the runner costs: a profile by `workbench run`, against the same notebooks' code as plain scripts.

Both sides begin with a fresh Python for every stage, import everything, and write the same files. The scripts show no
figure and render no report: that is part of what the runner adds.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from workbench.run.parameters import Notebook
from workbench.run.profile import Profile, load_profile
from workbench.run.project import Project
from workbench.run.status import Run, StageFolder, all_runs

from .record import FOLDER, record

SHARE, SECONDS_A_STAGE = 0.03, 5.0  # what the runner may add
UNCHANGED_SECONDS = 20.0


def main() -> None:
    """Alternate the two sides, and record the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", nargs="?", default="smoke")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    measure(Project.find(), given.profile, given.repeats)


def measure(project: Project, name: str, repeats: int, bench: Path = FOLDER) -> None:
    """Measure the overhead in seconds a stage beyond the share, and a run in which nothing changed."""
    profile = load_profile(project, name)
    folder = (bench / "runner_overhead").resolve()
    by_runner, by_scripts, unchanged = [], [], []
    for _ in range(repeats):
        shutil.rmtree(folder, ignore_errors=True)
        by_scripts.append(run_scripts(project, profile, folder / "scripts"))
        by_runner.append(run_runner(project, profile, folder / "runs", "--force"))
        unchanged.append(run_runner(project, profile, folder / "runs"))
        check_nothing_ran(folder / "runs")
    shutil.rmtree(folder)
    runner, scripts = median(by_runner), median(by_scripts)
    print(f"{name}: {runner:.1f} s by the runner, {scripts:.1f} s as scripts, {len(profile.notebooks)} stages")
    record(
        f"runner_overhead_{name}",
        (runner - (1 + SHARE) * scripts) / len(profile.notebooks),
        f"s a stage beyond {SHARE:.0%}",
        target=SECONDS_A_STAGE,
        higher_is_better=False,
        rival="the same code as plain scripts",
        folder=bench,
    )
    record(
        f"runner_unchanged_{name}",
        median(unchanged),
        "s",
        target=UNCHANGED_SECONDS,
        higher_is_better=False,
        rival="the first run",
        folder=bench,
    )


def run_runner(project: Project, profile: Profile, outputs: Path, *options: str) -> float:
    """Seconds that `workbench run` takes, its own start included."""
    command = [sys.executable, "-m", "workbench.cli", "run", str(profile.file), "--outputs", str(outputs), *options]
    return _seconds(command, project.root)


def check_nothing_ran(outputs: Path) -> None:
    """Raise RuntimeError unless the newest run reuses every stage: its time would be no unchanged run's."""
    ran = [stage.name for stage in all_runs(outputs)[0].stages() if not stage.status["reused_from"]]
    if ran:
        raise RuntimeError(f"nothing changed, and yet {', '.join(ran)} ran again")


def run_scripts(project: Project, profile: Profile, folder: Path) -> float:
    """Seconds that the profile's notebooks take as scripts, one after the other."""
    run = Run(folder)
    seconds = 0.0
    for name, notebook in profile.notebooks.items():
        stage = run.stage(name)
        stage.clear(profile.parameters(name))
        script = folder / f"{name}.py"
        script.write_text(script_of(notebook, profile.parameters(name) | {"run_dir": str(folder)}), encoding="utf-8")
        seconds += _seconds([sys.executable, str(script)], project.root / "notebooks")
        _end(stage)
    return seconds


def script_of(notebook: Notebook, parameters: dict[str, object]) -> str:
    """The notebook's code with its parameters set; magics are left out."""
    cells = [source for source, tagged in notebook.cells if tagged]
    cells += ["\n".join(f"{name} = {value!r}" for name, value in parameters.items())]
    code = "\n\n".join([*cells, *notebook.code])
    lines = [line for line in code.splitlines() if not line.startswith(("%", "!"))]
    shown = ["from IPython.display import display"] if "display(" in code else []
    return "\n".join([*shown, *lines, ""])


def _end(stage: StageFolder) -> None:
    """What the runner would have written, so that the next script finds its input."""
    stage.write(status="ok")


def _seconds(command: list[str], folder: Path) -> float:
    environment = os.environ | {"MPLBACKEND": "agg"}
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.monotonic() - began


if __name__ == "__main__":
    main()
