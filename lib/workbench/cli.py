"""The `workbench` command."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from workbench import officer
from workbench.artifacts import StageError, locate
from workbench.run import compare as comparison
from workbench.run import index, prune, report
from workbench.run.profile import load_profile
from workbench.run.progress import Progress, clock
from workbench.run.project import InputError, Project
from workbench.run.runner import Options, run_profile
from workbench.run.status import INTERRUPTED, OK, Run, all_runs, find_run, runs_of

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(officer.app)
console = Console(markup=False, highlight=False)

Outputs = Annotated[Path | None, typer.Option("--outputs", help="Folder of the runs; default: outputs/.")]
ProfileName = Annotated[str, typer.Argument(help="A name in parameters/, or a path to a YAML file.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="section.name=value, over the profile.")]
RunName = Annotated[str, typer.Argument(help="A run's name or folder.")]


@app.command()
def run(
    profile: ProfileName,
    only: Annotated[str, typer.Option(help="Run just this stage, on the newest ok stages before it.")] = "",
    start: Annotated[str, typer.Option("--from", help="Run this stage and those after it.")] = "",
    resume: Annotated[str, typer.Option("--continue", help="Go on with this run where it stopped.")] = "",
    force: Annotated[bool, typer.Option(help="Run also what did not change.")] = False,
    settings: Settings = None,
    on_failure: Annotated[str, typer.Option(help="Shell command to call when the run does not end ok.")] = "",
    timeout: Annotated[int, typer.Option(min=1, help="Seconds that one cell may take.")] = 3600,
    outputs: Outputs = None,
) -> None:
    """Run a profile's notebooks; the exit code is 0 (ok), 1 (failed), 2 (bad input) or 130 (interrupted)."""
    if only and start:
        raise InputError("--only and --from exclude each other: give one")
    options = Options(only, start, resume, force, tuple(settings or ()), on_failure, timeout)
    runs = run_profile(Project.find(outputs=outputs), profile, options, Progress(console))
    for each, status in runs.items():
        try:
            _show_end(each, status)
        except (OSError, StageError) as error:  # records cannot be read; how the run ended stands all the same
            console.print(f"{status}: {each.folder} ({error})", soft_wrap=True)
    statuses = set(runs.values())
    raise typer.Exit(130 if INTERRUPTED in statuses else int(statuses != {OK}))


@app.command()
def check(profile: ProfileName, settings: Settings = None, outputs: Outputs = None) -> None:
    """Check a profile, show what it sets, and read the files that a run would read; nothing is run."""
    project = Project.find(outputs=outputs)
    project.check_outputs()
    loaded = load_profile(project, profile, tuple(settings or ()))
    table = Table("stage", "needs", "seconds", "differs from the defaults", title=f"profile {loaded.name}: right")
    for name, notebook in loaded.notebooks.items():
        seconds = f"{loaded.expected[name]:.0f}" if name in loaded.expected else ""
        values = "\n".join(f"{key} = {value!r}" for key, value in loaded.values.get(name, {}).items())
        table.add_row(name, ", ".join(notebook.needs), seconds, values)
    console.print(table)
    for name in loaded.notebooks:
        _show_source(project, loaded.parameters(name))


@app.command()
def fetch(
    source: Annotated[str, typer.Argument(help="A published source, such as esci or wands.")],
    folder: Annotated[Path | None, typer.Option(help="Where to put its files; default: data/SOURCE.")] = None,
    choose: Annotated[list[str] | None, typer.Option(help="name=value: which part of the source.")] = None,
    pin: Annotated[list[str] | None, typer.Option(help="file=sha256, for a file whose hash is not known here.")] = None,
) -> None:
    """Download a published source from its publisher; goes on where it broke off, and checks what came."""
    from workbench.data.fetching.fetch import (
        fetch as download,  # here: pooch and the sources are of no use to other commands
    )

    target = folder or Project.find().root / "data" / source
    with _refused("fetch"):
        for file in download(source, target, choices=_pairs(choose, "--choose"), pins=_pairs(pin, "--pin")):
            pinned = "verified" if file.pinned else f"its hash was not known before; sha256 {file.sha256}"
            console.print(f"{file.path}: {file.size:,} bytes, {pinned}", soft_wrap=True)
            if file.kept:
                console.print(f"{file.kept}: the other file that lay there", soft_wrap=True)


@app.command()
def runs(outputs: Outputs = None) -> None:
    """List the runs, the newest first."""
    table = Table("run", "status", "time", "headline")
    for each in all_runs(Project.find(outputs=outputs).outputs):
        record = each.record
        time = clock(record["seconds"]) if record.get("seconds") is not None else ""
        table.add_row(
            each.name, record["status"], time, "\n".join(f"{k} {index.value(v)}" for k, v in index.headline(each))
        )
    console.print(table)


@app.command()
def compare(first: RunName, second: RunName, outputs: Outputs = None) -> None:
    """Show parameters that differ and metrics side by side."""
    folder = Project.find(outputs=outputs).outputs
    one, two = find_run(folder, first), find_run(folder, second)
    table = Table("stage", "parameter", one.name, two.name, title="parameters that differ")
    for differing in comparison.parameters(one, two):
        table.add_row(*differing)
    console.print(table)
    table = Table("stage", "metric", one.name, two.name, "difference", title="metrics")
    for row in comparison.metrics(one, two):
        table.add_row(*row)
    console.print(table)


@app.command()
def seeds(
    profile: Annotated[str, typer.Argument(help="The name of a profile whose grid holds seeds.")],
    metrics: Annotated[list[str] | None, typer.Argument(help="Words: metrics that hold none are left out.")] = None,
    outputs: Outputs = None,
) -> None:
    """Show each metric's mean over a grid's runs that differ in their seeds only, with its 95 % interval.

    And how far it is, seed by seed, from that of the grid's first values.
    """
    ended = [each for each in runs_of(Project.find(outputs=outputs).outputs, profile) if each.record["status"] == OK]
    told = [row for row in comparison.over_seeds(ended) if not metrics or any(word in row.metric for word in metrics)]
    if not told:
        raise InputError(f"no ok run of profile '{profile}' has such a metric (`workbench runs` lists the runs)")
    for values in dict.fromkeys(row.of for row in told):
        table = Table("stage", Column("metric", no_wrap=True), "mean", "against the first", "seeds", title=values)
        for row in (row for row in told if row.of == values):
            each = comparison.interval(row.value), comparison.interval(row.difference, "+")
            table.add_row(row.stage, row.metric, *each, str(row.seeds))
        console.print(table)


@app.command("report")
def render(run: RunName, outputs: Outputs = None) -> None:
    """Render a run's reports again."""
    folder = Project.find(outputs=outputs).outputs
    found = find_run(folder, run)
    for stage in found.stages():
        if (stage.folder / "status.json").exists() and not stage.status.get("reused_from"):
            report.write(found, stage)
            console.print(str(stage.folder / "report.html"), soft_wrap=True)
    index.write(folder)


@app.command("prune")
def delete(
    keep: Annotated[int, typer.Option(min=1, help="How many runs of each profile to keep.")], outputs: Outputs = None
) -> None:
    """Delete old runs, but none that a kept run reuses, that is the profile's latest ok one, or that is in progress."""
    folder = Project.find(outputs=outputs).outputs
    for deleted in prune.prune(folder, keep):
        console.print(f"deleted {deleted}")
    index.write(folder)


def main() -> None:
    """Entry point: bad input is one line and exit code 2, a disk that fails is one line and exit code 1."""
    try:
        app()
    except (InputError, StageError, OSError) as error:
        print(f"workbench: {error}", file=sys.stderr)
        sys.exit(1 if isinstance(error, OSError) else 2)


def _show_end(run: Run, status: str) -> None:
    """Headline results, what the run took, and the report to open."""
    metrics = index.headline(run)
    if metrics:
        table = Table("result", "value", title=run.name)
        for name, row in metrics:
            table.add_row(name, index.value(row))
        console.print(table)
    minutes, gigabytes = (run.record.get("seconds") or 0) / 60, (run.record.get("peak_mb") or 0) / 1024
    console.print(f"{minutes:.1f} minutes in all, {gigabytes:.1f} GB of memory at most")
    written = [report for stage in run.stages() if (report := stage.file("report.html")).exists()]
    if written:
        console.print(f"{status}: open {written[-1]}", soft_wrap=True)


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    """`name=value` texts as a mapping."""
    pairs = [text.partition("=") for text in texts or ()]
    if not all(name and value for name, _, value in pairs):
        raise InputError(f"{option}: write it as name=value")
    return {name: value for name, _, value in pairs}


def _show_source(project: Project, parameters: dict[str, Any]) -> None:
    """What the files of a stage's source hold, wherever a run would find them."""
    if "source" not in parameters:
        return
    from workbench.data import engine, sources  # here: the engine takes a second to load
    from workbench.data.preview import preview

    with _refused(parameters["source"]):
        source = sources.find(
            parameters["source"], locate(parameters["folder"], project.root), parameters["source_options"]
        )
        limit = parameters["engine_options"].get("memory_limit", engine.MEMORY)
        found = preview(source, engine.connect(limit, parameters["threads"]))
    for table in found.tables:
        lines = [_file(file) for file in table.files]
        rejected = f", {table.rejected:,} are rejected" if table.rejected else ""
        console.print(f"\n{table.table}: {table.rows:,} rows parse{rejected}", *lines, sep="\n", soft_wrap=True)
        if table.unparsed:
            bad = ", ".join(f"{column} ({count:,})" for column, count in table.unparsed.items())
            console.print(f"values that do not parse and become empty: {bad}", soft_wrap=True)
        console.print(_rows(table.sample, table.mapped))
    why = (f"{row.reasons}: {row.rows:,} rows of {row.table}, such as {row.key}" for row in found.reasons.itertuples())
    for line in (*found.notes, *why):
        console.print(line, soft_wrap=True)


def _file(read: Any) -> str:
    """What was found in one file."""
    how = [f"{read.rows:,} rows"]
    if read.encoding:
        how.append(read.read_as)
    if read.delimiter:
        how.append(f"delimiter {read.delimiter!r}")
    return f"  {read.file}: {', '.join(how)}"


def _rows(frame: Any, mapped: dict[str, str]) -> Table:
    """Rows of a frame, a line a column because canonical tables are wide; columns without any value are left out."""
    table = Table("column", "made of", *(f"row {number + 1}" for number in range(len(frame))))
    for column in frame.columns[frame.notna().any()]:
        table.add_row(column, mapped.get(column, ""), *(str(value)[:80] for value in frame[column]))
    return table


@contextmanager
def _refused(what: str) -> Iterator[None]:
    """A source that is not right ends the command as other bad input does."""
    from workbench.data.collected import SourceError

    try:
        yield
    except SourceError as error:
        raise InputError(f"{what}: {error}") from error


if __name__ == "__main__":
    main()
