"""Commands of who keeps the keys: key files of roles, rotation, reidentification, the audit, tables in the clear."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from workbench.artifacts import HashCache, check_unaltered, origin, read_json, verified
from workbench.run.project import InputError, Project
from workbench.run.status import RUNNING, Run, alive, all_runs, find_run

if TYPE_CHECKING:  # casbin and cryptography are of no use to other commands
    from workbench.governance.access.custody import Custody

app = typer.Typer()
console = Console(markup=False, highlight=False)

Outputs = Annotated[Path | None, typer.Option("--outputs", help="Folder of the runs; default: outputs/.")]
RunName = Annotated[str, typer.Argument(help="A run's name or folder.")]
Purpose = Annotated[str, typer.Option(help="What for, as the policy knows it; it stands in the audit log.")]
ForgetOld = Annotated[
    bool, typer.Option("--forget-old", help="Drop the old versions; what lies in other output folders is lost.")
]


@app.command()
def keys() -> None:
    """Show which keys this account's key file holds, and so which roles; it is made if there is none."""
    from workbench.governance.access import custody
    from workbench.governance.access.keys import open_keys, place
    from workbench.governance.privacy.pseudonyms import key_id

    with _refused():
        held = open_keys()
        table = Table("key", "versions", title=str(place()))
        for name, versions in held.versions.items():
            table.add_row(name, ", ".join(str(key.version) for key in versions))
        console.print(table)
        if held.holds("pseudonyms"):
            console.print(f"Pseudonyms are made by the key {key_id(held.newest('pseudonyms').secret)}.")
        console.print(custody.here("workbench keys", "governance").statement, soft_wrap=True)


@app.command("key-file")
def key_file(
    role: Annotated[str, typer.Argument(help="A role of the policy, such as data_scientist.")],
    file: Annotated[Path, typer.Argument(help="Where to write it; its user sets WORKBENCH_KEYS to it.")],
) -> None:
    """Make the key file of a role: the keys of the column groups that the policy lets it read."""
    from workbench.governance.access import custody
    from workbench.governance.access.keys import IDENTITIES, PSEUDONYMS, RELEASES, open_keys
    from workbench.governance.access.policy import GROUPS

    with _refused():
        policy, owned = custody.rules(), open_keys()
        if role not in policy.roles:
            raise InputError(f"the policy has no role '{role}'; it has {', '.join(policy.roles)}")
        if file.exists():
            raise InputError(f"{file} is there already: delete it first, or give another name")
        groups = policy.groups(role)
        officers = (IDENTITIES, PSEUDONYMS, RELEASES) if groups == set(GROUPS) else ()
        made = owned.subset(role, [*groups, *officers])
        custody.note("a key file was made", role=role)
        made.save(file)
    console.print(f"{file} holds {', '.join(made.versions)}; give it to who acts as {role}.", soft_wrap=True)


@app.command("rotate-keys")
def rotate_keys(
    names: Annotated[list[str] | None, typer.Argument(help="Keys; default: all that change no result.")] = None,
    forget_old: ForgetOld = False,
    outputs: Outputs = None,
) -> None:
    """Replace master keys and wrap the keys of data anew; `rotate-keys pseudonyms` gives new runs new pseudonyms."""
    from workbench.governance.access import custody, rotation
    from workbench.governance.access.keys import PSEUDONYMS, open_keys, place

    folder = Project.find(outputs=outputs).outputs
    if busy := [run.name for run in all_runs(folder) if run.record["status"] == RUNNING and alive(run.record)]:
        raise InputError(f"{busy[0]} is at work: rotate when it has ended")
    with _refused():
        custody.note("keys are rotated", keys=" ".join(names or ["all"]))
        done = rotation.rotate(open_keys(), place(), rotation.folders_of_keys(folder), names or (), forget_old)
        if PSEUDONYMS in done.names:
            _make_anew(folder)
    console.print(f"new versions of {', '.join(done.names)}; {done.wrapped:,} keys of data wrapped anew")
    console.print("The key files of roles hold the old versions: make them again by `workbench key-file`.")


@app.command()
def reidentify(
    run: RunName,
    pseudonyms: Annotated[list[str], typer.Argument(help="Pseudonyms as the tables of the run have them.")],
    outputs: Outputs = None,
) -> None:
    """Say whose pseudonyms these are; needs the privacy officer's keys, and stands in the audit log."""
    from workbench.governance.access import custody

    governed = _stage(Project.find(outputs=outputs).outputs, run, "01_governance")
    with _refused():
        keeper = custody.here(f"workbench reidentify {Path(run).name}", "reidentification")
        found = _whole(governed, keeper).reidentify(governed, pseudonyms)
    for pseudonym, user_id in found.items():
        console.print(f"{pseudonym}  {user_id if user_id is not None else 'not in this run'}")


@app.command()
def audit(outputs: Outputs = None) -> None:
    """Check the audit log against itself and every run's manifest; exit code 1 if something is wrong."""
    from workbench.governance.access import audit as chain
    from workbench.governance.access import custody
    from workbench.governance.access.keys import open_keys

    with _refused():
        problems = custody.examine(Project.find(outputs=outputs).outputs, open_keys())
        count = chain.head(custody.log()).count if not problems else 0
    for problem in problems:
        console.print(problem, soft_wrap=True)
    if problems:
        raise typer.Exit(1)
    console.print(f"{custody.log()}: {count:,} entries, whole; every manifest is as it was signed", soft_wrap=True)


@app.command("table")
def show_table(
    run: RunName,
    stage: Annotated[str, typer.Argument(help="A stage of the run, such as 01_governance.")],
    name: Annotated[str, typer.Argument(help="A table of it, such as events or aggregates/day.")],
    columns: Annotated[str, typer.Option(help="Columns, by commas; default: all.")] = "",
    purpose: Purpose = "evaluation",
    to: Annotated[
        Path | None, typer.Option(help="Write all rows, in the clear, to this .csv or .parquet file.")
    ] = None,
    outputs: Outputs = None,
) -> None:
    """Show the first rows of a table of a run, or write it decrypted; what the policy denies is refused."""
    from workbench.governance.access import custody

    if to and to.suffix not in (".csv", ".parquet"):
        raise InputError(f"--to {to}: give a name that ends in .csv or .parquet")
    folder = _stage(Project.find(outputs=outputs).outputs, run, stage)
    file = f"data/{name}.parquet"
    if not (folder / file).exists():
        files = [path for path in verified(folder) if path.startswith("data/") and path.endswith(".parquet")]
        known = sorted({path.removeprefix("data/").partition(".parquet")[0] for path in files})
        raise InputError(f"{stage} has no table '{name}'; it has {', '.join(map(str, known))}")
    chosen = [each.strip() for each in columns.split(",")] if columns else None
    with _refused():
        keeper = _whole(folder, custody.here(f"workbench table {Path(run).name}", purpose))
        found = keeper.read(folder, file, chosen).to_pandas()
    if to is None:
        console.print(found.head(10).to_string(), soft_wrap=True)
        console.print(f"{len(found):,} rows")
        return
    to.touch(mode=0o600)
    found.to_csv(to, index=False) if to.suffix == ".csv" else found.to_parquet(to)
    console.print(f"{to}: {len(found):,} rows, in the clear", soft_wrap=True)


def _stage(outputs: Path, run: str, stage: str) -> Path:
    """The folder of a stage's files."""
    found: Run = find_run(outputs, run)
    if not found.stage(stage).folder.is_dir():
        names = ", ".join(each.name for each in found.stages())
        raise InputError(f"{found.name} has no stage '{stage}'; it has {names}")
    return origin(found.stage(stage).folder)


def _whole(folder: Path, keeper: "Custody") -> "Custody":
    """The keeper, once the stage's manifest is as it was signed and its files as the manifest says."""
    keeper.check(read_json(folder / "manifest.json"), f"{folder.parent.name}/{folder.name}")
    check_unaltered(folder, HashCache(folder.parents[1]))
    return keeper


def _make_anew(outputs: Path) -> None:
    """Have no stage reused: what was made with the old pseudonyms does not join what is made with the new ones."""
    for stage in (stage for run in all_runs(outputs) for stage in run.stages()):
        if stage.status.get("key"):
            stage.write(key=None)


@contextmanager
def _refused() -> Iterator[None]:
    """What keys, policy or log do not allow ends the command as bad input does."""
    from workbench.governance.access import audit as chain
    from workbench.governance.access import keys, kms, policy, roles

    try:
        yield
    except (
        keys.KeyFileError, keys.Denied, kms.Tampered, policy.PolicyError, roles.AccessDeniedError, chain.AuditError,
    ) as error:  # fmt: skip
        raise InputError(str(error)) from error
