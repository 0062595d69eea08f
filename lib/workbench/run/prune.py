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
    fresh = kept
    while fresh:  # what a kept run reuses is kept, and what that reuses
        fresh = {origin(stage.folder).parent for folder in fresh for stage in Run(folder).stages()} - kept
        fresh = {folder for folder in fresh if Run(folder).begun}
        kept |= fresh
    doomed = [run for run in every if run.folder not in kept]
    for run in doomed:
        shutil.rmtree(run.folder)
    return [run.name for run in doomed]
