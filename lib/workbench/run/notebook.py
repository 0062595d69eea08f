"""How a notebook opens its stage: in a run, by plain Papermill, or by hand in JupyterLab."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workbench.artifacts import HashCache, Stage, StageError, check_unaltered
from workbench.run.parameters import Notebook
from workbench.run.profile import Profile, load_profile
from workbench.run.project import Project
from workbench.run.status import LAB, RUNNING, StageFolder, find_run, me, newest_stage, now


def open_stage(name: str, namespace: dict[str, Any], needs: Iterable[str] = ()) -> Stage:
    """Open the folder of the stage `name`, after checking the stages that it needs.

    In a run, the runner has injected `run_dir` and every parameter. By hand, the profile named by the parameter
    `profile` (or, where that is at its default, by the environment's WORKBENCH_PROFILE) sets the parameters that are
    still at their defaults, and the newest ok upstream stages of that profile are read, or those of `upstream_run`.

    Args:
        name: the stage's name, which is the notebook's.
        namespace: the notebook's `globals()`; by hand its parameters are changed here.
        needs: names of the stages whose files it reads.

    Raises:
        StageError: a needed stage is missing, not ok, or altered.
        InputError: by hand, the profile is not right.

    """
    project = Project.find()
    if namespace["run_dir"]:
        stage = Stage(Path(namespace["run_dir"]) / name, root=project.root)
        upstream = {need: stage.folder.parent / need for need in needs}
    else:
        profile = _apply_profile(project, name, namespace)
        upstream = {need: _upstream(project, profile, need, namespace["upstream_run"]) for need in needs}
        stage = Stage(
            _lab_folder(project, name, profile, namespace), by_hand=True, upstream=upstream, root=project.root
        )
    cache = HashCache(stage.folder.parents[1])
    for folder in upstream.values():
        check_unaltered(folder, cache)
    return stage


def _apply_profile(project: Project, name: str, namespace: dict[str, Any]) -> Profile:
    """Set what the profile sets and the user did not, and say so."""
    defaults = Notebook(project.notebook(name)).defaults
    chosen = namespace["profile"]
    if chosen == defaults["profile"]:
        chosen = os.environ.get("WORKBENCH_PROFILE") or chosen
    profile = load_profile(project, chosen, also=name)
    wanted = profile.parameters(name)
    yours = {key for key, default in defaults.items() if namespace[key] != default and key in wanted}
    changed = {key: value for key, value in wanted.items() if key not in yours and value != defaults[key]}
    namespace.update(changed)
    listed = [f"{key} = {value!r} (default {defaults[key]!r})" for key, value in changed.items() if key != "profile"]
    kept = [f"{key} = {namespace[key]!r}" for key in sorted(yours - {"profile"})]
    print(f"profile {profile.name}: {', '.join(listed) or 'every parameter at its default'}")
    if kept:
        print(f"kept as set in this notebook: {', '.join(kept)}")
    return profile


def _upstream(project: Project, profile: Profile, need: str, run: str) -> Path:
    """Folder of a needed stage: in the run one named, else where it last ended ok."""
    if run:
        return find_run(project.outputs, run).stage(need).folder
    found = newest_stage(project.outputs, profile.name, need, lab=True)
    if found is None:
        raise StageError(
            f"{need} has not ended ok with profile {profile.name}: run `workbench run {profile.name}`, "
            f"or open and run {need}.ipynb, first"
        )
    print(f"{need} is read from {os.path.relpath(found.folder, project.root)}")
    return found.folder


def _lab_folder(project: Project, name: str, profile: Profile, namespace: dict[str, Any]) -> Path:
    """The stage's emptied folder in outputs/lab, marked as running; the lib reloads itself if one asked for it."""
    project.check_outputs()
    folder = StageFolder(project.outputs / LAB / name)
    folder.clear({key: namespace[key] for key in profile.parameters(name)} | {"profile": profile.name})
    folder.write(status=RUNNING, started=now(), profile=profile.name, **me())
    shell = namespace["get_ipython"]() if "get_ipython" in namespace else None
    if shell and os.environ.get("WORKBENCH_AUTORELOAD") == "1":
        shell.run_line_magic("load_ext", "autoreload")
        shell.run_line_magic("autoreload", "2")
    return folder.folder
