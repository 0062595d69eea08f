"""Deleting old runs without taking anything from those that stay."""

import shutil
from collections import defaultdict
from pathlib import Path

from workbench.artifacts import origin
from workbench.run.status import RUNNING, Run, all_runs


def prune(outputs: Path, keep: int) -> list[str]:
    """Delete all but the newest `keep` runs of each profile.

    A run also stays if it is in progress, if `latest-ok` points to it, or if a run that stays reuses a stage of it.

    Returns:
        Names of the deleted runs.

    """
    by_profile: dict[str, list[Run]] = defaultdict(list)
    for run in all_runs(outputs):
        by_profile[run.record["profile"]].append(run)
    every = [run for runs in by_profile.values() for run in runs]
    latest = {link.resolve() for link in (outputs / "latest-ok").glob("*")}
    kept = {run.folder for runs in by_profile.values() for run in runs[:keep]}
    kept |= {run.folder for run in every if run.record["status"] == RUNNING or run.folder.resolve() in latest}
    reused = {origin(stage.folder).parent for run in every if run.folder in kept for stage in run.stages()}
    doomed = [run for run in every if run.folder not in kept | reused]
    for run in doomed:
        shutil.rmtree(run.folder)
    return [run.name for run in doomed]
