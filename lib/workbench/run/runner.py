"""A run: the stages of a profile one after the other, each in its process, with an honest status for each."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench import temporary
from workbench.artifacts import HashCache, StageError, read_json
from workbench.run import index, report, reuse
from workbench.run.parameters import Notebook, check_name, completed, typed
from workbench.run.process import StageProcess
from workbench.run.profile import Profile, load_profile
from workbench.run.progress import Progress
from workbench.run.project import InputError, Project
from workbench.run.status import (
    FAILED,
    INTERRUPTED,
    OK,
    RUNNING,
    Run,
    StageFolder,
    find_run,
    me,
    new_run,
    newest_stage,
    newest_with,
    now,
    profile_lock,
)
from workbench.spelling import nearest


@dataclass(frozen=True)
class Options:
    """What the command line adds to a profile."""

    only: str = ""
    start: str = ""  # --from
    resume: str = ""  # --continue
    force: bool = False
    settings: tuple[str, ...] = ()
    on_failure: str = ""
    timeout: int = 3600  # seconds for one cell


@dataclass
class Plan:
    """One run to make: which stages are taken from an earlier run and which are to do."""

    profile: Profile
    todo: list[str]
    taken: dict[str, StageFolder] = field(default_factory=dict)
    run: Run | None = None  # an interrupted run that is continued


def run_profile(project: Project, name: str, options: Options, progress: Progress) -> dict[Run, str]:
    """Check everything, then make the profile's runs (more than one if it has a grid).

    Returns:
        The runs, each with its status.

    Raises:
        InputError: bad input; nothing was started.

    """
    project.check_outputs()
    temporary.sweep()  # what runs that were killed left
    profile = load_profile(project, name, options.settings)
    with profile_lock(project.outputs, profile.name):
        if options.resume:
            plans = [_resumed(project, profile, options)]
        else:
            plans = [_plan(project, each, options) for each in profile.combinations()]
        runs: dict[Run, str] = {}
        with _interruptible() as stop:
            for plan in plans:
                runner = Runner(project, plan, options, progress, stop)
                runs[runner.run] = runner.execute()
                if runs[runner.run] == INTERRUPTED:
                    break
        return runs


def _plan(project: Project, profile: Profile, options: Options) -> Plan:
    stages = list(profile.notebooks)
    chosen = options.only or options.start
    if not chosen:
        return Plan(profile, stages)
    if chosen not in stages:
        flag = "--only" if options.only else "--from"
        raise InputError(f"{flag} {chosen}: profile '{profile.name}' has no such stage{nearest(chosen, stages)}")
    at = stages.index(chosen)
    todo = [chosen] if options.only else stages[at:]
    for setting in options.settings:
        if setting.partition(".")[0] not in {"common", *todo}:
            raise InputError(f"--set {setting}: that stage is not run, leave it out")
    needed = [name for name in stages[:at] if any(name in profile.notebooks[stage].needs for stage in todo)]
    source = newest_with(project.outputs, profile.name, needed)
    if needed and source is None:
        missing = ", ".join(needed)
        raise InputError(f"no run of '{profile.name}' has {missing} ok: run `workbench run {profile.name}` first")
    earlier = [source.stage(name) for name in stages[:at]] if source else []
    return Plan(profile, todo, {stage.name: stage for stage in earlier if stage.ok})


def _resumed(project: Project, profile: Profile, options: Options) -> Plan:
    run = find_run(project.outputs, options.resume)
    record = run.record
    if record["profile"] != profile.name:
        raise InputError(f"--continue {run.name}: it is a run of profile '{record['profile']}', name that one")
    if options.settings or options.only or options.start:
        raise InputError("--continue takes the run's own parameters: leave out --set, --only and --from")
    values: dict[str, dict[str, Any]] = {}
    notebooks = {stage: Notebook(project.notebook(stage)) for stage in record["parameters"]}
    for stage, recorded in record["parameters"].items():
        where, defaults = f"--continue {run.name}: {stage}", notebooks[stage].defaults
        for name, value in recorded.items():
            if name != "profile":
                check_name(name, defaults, where, f"{stage} now has no")
                default = defaults[name]  # it may have gained a key since
                checked = typed(value, default, f"{where}: {name}")
                values.setdefault(stage, {})[name] = completed(checked, default, default)
    todo, hashes = list(record["todo"]), HashCache(project.outputs)
    while todo and reuse.intact(run.stage(todo[0]), hashes):
        todo.pop(0)
    if not todo and record["status"] == OK:
        raise InputError(f"--continue {run.name}: every stage of it is ok, there is nothing to continue")
    return Plan(replace(profile, notebooks=notebooks, values=values, grid={}), todo, run=run)


class Runner:
    """Makes one run."""

    def __init__(self, project: Project, plan: Plan, options: Options, progress: Progress, stop: threading.Event):
        self.project, self.options, self.progress, self.stop = project, options, progress, stop
        self.plan, self.profile, self.todo = plan, plan.profile, plan.todo
        self.run = plan.run or new_run(project.outputs, plan.profile.name)
        self._stage_at_work: StageFolder | None = None

    def execute(self) -> str:
        """Make the run and record how it ended, which is the status returned."""
        try:
            status = self._make()
        except Exception as error:  # the runner's own: a full disk, a record that cannot be read
            self._record_breakdown(error)
            status = FAILED
        if status != OK:
            self._call_on_failure(status)
        return status

    def _make(self) -> str:
        if self.plan.run is None:
            self._begin(self.plan)
        self.run.write(status=RUNNING, error=None, ended=None, **me())
        index.write(self.project.outputs)
        status = self._stages()
        self.run.write(status=status, ended=now())
        report.refresh_links(self.run)
        if status == OK and all(stage.ok for stage in self.run.stages()):
            self._point_latest()
        index.write(self.project.outputs)
        return status

    def _record_breakdown(self, error: Exception) -> None:
        """Record why the runner could not go on, as far as the disk still lets it, and say it."""
        reason = f"the runner could not go on ({type(error).__name__}: {error})"
        advice = "then run the profile again"
        self.progress.stop()
        with suppress(OSError, StageError):  # of the same cause, which is said below
            if self.run.begun:
                advice = f"then --continue {self.run.name}"
                self._record_failure(reason)
        self.progress.say(f"{reason}: remove the cause, {advice}", "bold red")

    def _record_failure(self, reason: str) -> None:
        self.run.write(status=FAILED, error=reason, ended=now())
        stage = self._stage_at_work
        if stage and stage.status.get("status") == RUNNING:
            stage.write(status=FAILED, error=reason, ended=now())
            report.write(self.run, stage)
        index.write(self.project.outputs)

    def _begin(self, plan: Plan) -> None:
        self.run.write(
            profile=self.profile.name,
            started=now(),
            status=RUNNING,
            seconds=0.0,
            peak_mb=0,
            todo=plan.todo,
            combination=self.profile.combination,
            headline=list(self.profile.headline),
            parameters={name: self._parameters(name, plan.taken) for name in self.profile.notebooks},
            **me(),
        )
        for name, stage in plan.taken.items():
            self.run.stage(name).reuse(stage)

    def _parameters(self, name: str, taken: dict[str, StageFolder]) -> dict[str, Any]:
        """Parameters of a stage; one that is taken from an earlier run has those that it had there."""
        if name in taken:
            return Run(taken[name].folder.parent).record["parameters"][name]
        return self.profile.parameters(name)

    def _stages(self) -> str:
        """Make the stages until one is not ok; the status of the run."""
        expected = {name: self._expected(name) for name in self.todo}
        record, began = self.run.record, time.monotonic()
        before, peak = record.get("seconds") or 0.0, record.get("peak_mb") or 0  # of the legs before --continue
        for number, name in enumerate(self.todo, 1):
            if self.stop.is_set():
                return INTERRUPTED
            notebook = self.profile.notebooks[name]
            title = f"{number}/{len(self.todo)} {name}"
            self.progress.stage_began(title, notebook.n_code, [expected[later] for later in self.todo[number - 1 :]])
            self._stage_at_work = self.run.stage(name)
            status = self._stage(notebook, self._stage_at_work)
            recorded = self._stage_at_work.status
            peak = max(peak, recorded.get("peak_mb") or 0)
            self.run.write(seconds=round(before + time.monotonic() - began, 1), peak_mb=peak)
            self.progress.stage_ended(title, recorded)
            if status != OK:
                return status
            self._stage_at_work = None
        return OK

    def _expected(self, name: str) -> dict[str, Any]:
        """Status of the newest stage of this profile that ended ok, else what the profile says."""
        last = newest_stage(self.project.outputs, self.profile.name, name)
        if last is None:
            return {"seconds": self.profile.expected.get(name)}
        return read_json(last.file("status.json"))

    def _stage(self, notebook: Notebook, stage: StageFolder) -> str:
        parameters = self.profile.parameters(notebook.name)
        key = reuse.key(notebook, parameters)
        if not self.options.force and (found := reuse.candidate(self.project.outputs, self.run, stage.name, key)):
            stage.reuse(found)
            return OK
        stage.clear(parameters)
        stage.write(status=RUNNING, started=now(), profile=self.profile.name, key=key, **me())
        began = time.monotonic()
        process = StageProcess(notebook.path, stage.folder, self.options.timeout)
        outcome = process.follow(self.stop.is_set, self.progress.cells_ended)
        stage.write(
            **outcome.result,
            ended=now(),
            seconds=round(time.monotonic() - began, 1),
            peak_mb=round(outcome.peak_bytes / 2**20),
            cell_seconds=outcome.cell_seconds,
        )
        report.write(self.run, stage)
        return outcome.result["status"]

    def _call_on_failure(self, status: str) -> None:
        if not self.options.on_failure:
            return
        stage = self._stage_at_work
        facts = {
            "WORKBENCH_RUN": str(self.run.folder),
            "WORKBENCH_STAGE": stage.name if stage else "",
            "WORKBENCH_STATUS": status,
            "WORKBENCH_REPORT": str(stage.folder / "report.html") if stage else "",
        }
        code = subprocess.run(self.options.on_failure, shell=True, env=os.environ | facts, check=False).returncode
        if code:
            self.progress.say(f"the command of --on-failure ended with exit code {code}")

    def _point_latest(self) -> None:
        link = self.project.outputs / "latest-ok" / self.profile.name
        link.parent.mkdir(exist_ok=True)
        part = link.with_name(f".{link.name}.{os.getpid()}")
        part.symlink_to(Path("..") / self.run.name)
        part.replace(link)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, in place of what they did before."""
    stop = threading.Event()
    before = {each: signal.signal(each, lambda *_: stop.set()) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
