"""What a run leaves behind holds no raw user id, no personal data and no key: canaries are planted and searched for."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml

import kept
from workbench.artifacts import read_json
from workbench.data import sources
from workbench.governance.access import custody, keys

ROOT = Path(__file__).parents[2]
MAIL, CARD, PHONE, NAME = "canary.mail@birdcage.org", "4111 1111 1111 1111", "+44 20 7946 0958", "Canarina Featherstone"
USER = "canaryuser"  # every raw user id begins with it
CANARIES = (MAIL, CARD, PHONE, NAME, USER, "unreadable-bird")
SMALL = {
    "common": {"base_model": "tiny", "precision": "fp32", "threads": 1, "max_tokens": 10000},
    "02_pretraining": {"valid_docs": 50, "optimizer": {"evaluations": 1}, "processes": 2},
    "03_finetuning": {
        "method": {"full": {"frozen_layers": 1}}, "optimizer": {"evaluations": 1}, "resamples": 50,
        "gradient_checkpointing": True, "users": {"valid": 20, "test": 20},
    },
}  # fmt: skip


def plant(folder: Path) -> None:
    """A generated shop's files, in which people have left what must not be seen."""
    made = sources.find("storefront", "", {"events": 6000, "weeks": 20, "faults": False}).files()
    folder.mkdir(parents=True)
    tables = {name: pd.read_parquet(made[name]) for name in ("items", "users", "events")}
    for table in (tables["users"], tables["events"]):
        table["user_id"] = USER + table["user_id"]
    events, users = tables["events"], tables["users"]
    events["session_id"] = events["user_id"] + "-" + events["session_id"]
    asked = events.index[events["query"].notna()]
    events.loc[asked[::40], "query"] = f"order of {MAIL}"
    events.loc[asked[5::40], "query"] = f"call me {PHONE}"
    told = events.index[events["text"].notna()]
    events.loc[told[::3], "text"] = f"My name is {NAME}, I paid with {CARD}. Fine shoes, good fit, and they are light."
    events.loc[events.index[50], "user_id"] += "  "  # repaired: before and after are shown
    events = pd.concat([events, events.iloc[[70]]])  # merged
    pd.concat([users, users.iloc[[3]]]).to_csv(folder / "users.csv", index=False)
    tables["items"].to_csv(folder / "items.csv", index=False)
    events.to_csv(folder / "events.csv", index=False)
    with (folder / "events.csv").open("a", encoding="utf-8") as file:  # rejected: too many fields
        file.write(f"unreadable-bird,{USER}77," + ",".join(["x"] * 40) + f",{MAIL}\n")


def profile(name: str, project: Path, **governance: object) -> None:
    options: dict[str, object] = {"shape": "behaviour"}
    for table in ("items", "users", "events"):
        columns = pd.read_csv(project / f"data/birds/{table}.csv", nrows=1).columns
        options[table] = {"files": f"{table}.csv", "columns": {column: column for column in columns}}
    governed = {
        "source": "tables", "folder": "data/birds", "source_options": options, "threads": 1,
        "pair_targets": {"train": 800, "valid": 200, "test": 200}, "corpus_docs": {"train": 300, "valid": 50},
        "min_quality": dict.fromkeys(
            ("accuracy", "completeness", "consistency", "usability", "uniqueness", "timeliness"), 0.0
        ),
    }  # fmt: skip
    settings = {"notebooks": ["01_governance"], "01_governance": governed | governance}
    if not governance:
        settings = SMALL | {"notebooks": ["01_governance", "02_pretraining", "03_finetuning"]} | settings
        settings["notebooks"] = ["01_governance", "02_pretraining", "03_finetuning"]
    (project / f"parameters/{name}.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


RUNS: dict[str, tuple[int, dict[str, object]]] = {
    "ok": (0, {}),
    "gate": (1, {"min_quality": {"rule: shown": 0.9}, "own_rules": [
        {"name": "shown", "dimension": "usability", "table": "events", "failing": "event_type = 'impression'"}
    ]}),
    "crash": (1, {"own_rules": [
        {"name": "an id that is no number", "dimension": "accuracy", "table": "events",
         "failing": "CAST(user_id AS INTEGER) < 1"}
    ]}),
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("private") / "project"
    for name in ("notebooks", "parameters"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    plant(folder / "data/birds")
    return folder


@pytest.fixture(scope="module", params=RUNS)
def left(request: pytest.FixtureRequest, project: Path) -> tuple[str, Path, str, Path]:
    """Name of a run, its folder, what it printed, and its key file."""
    code, governance = RUNS[request.param]
    profile(request.param, project, **governance)
    command = [sys.executable, "-m", "workbench.cli", "run", request.param]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == code, ended.stdout[-3000:] + ended.stderr[-3000:]
    [run] = (project / "outputs").glob(f"2*-{request.param}")
    return request.param, run, ended.stdout + ended.stderr, keys.place()


def leavings(run: Path, home: Path) -> list[Path]:
    """Every file that a run leaves, its encrypted data too, what all runs share, and what is kept outside the runs."""
    files = [file for file in run.rglob("*") if file.is_file()]
    files += [file for file in run.parent.iterdir() if file.is_file()]
    return files + [file for file in home.rglob("*") if file.is_file() and file.name != "keys.json"]


def test_nothing_private_is_left(left: tuple[str, Path, str, Path]) -> None:
    name, run, printed, key_file = left
    secrets = [key.secret.hex() for kept in keys.open_keys(key_file).versions.values() for key in kept]
    assert len(secrets) >= 4
    sought = [canary.encode() for canary in (*CANARIES, *secrets)]
    files = leavings(run, key_file.parents[2])
    kinds = {file.name for file in files}
    assert {"notebook.ipynb", "report.html", "log.txt", "parameters.yaml", "status.json", "index.html"} <= kinds
    if name == "ok":
        assert any("tfevents" in kind for kind in kinds)
        assert "Training in 2 processes." in (run / "02_pretraining/log.txt").read_text()
    texts = {str(file): file.read_bytes() for file in files} | {"output": printed.encode()}
    found = {(place, canary.decode()) for place, text in texts.items() for canary in sought if canary in text}
    assert not found


@pytest.mark.parametrize("left", ["ok"], indirect=True)
def test_what_the_stages_hand_on_names_nobody(left: tuple[str, Path, str, Path]) -> None:
    """Decrypted: the record of cleaning is kept raw, for it has to replay, and who each is; nothing else is."""
    _, run, _, _ = left
    raw = {"repairs", "merges", "quarantine", "unparsed", "identities"}
    names = [str(file.relative_to(run)) for file in run.rglob("data/**/*.parquet") if file.stem not in raw]
    assert {"events", "users", "pairs", "corpus", "user", "session"} <= {Path(name).stem for name in names}
    for name in names:
        stage, _, file = name.partition("/data/")
        text = kept.table(run / stage, file.removesuffix(".parquet")).to_csv()
        assert not [canary for canary in CANARIES if canary in text], name
    events, users = (kept.table(run / "01_governance", name) for name in ("events", "users"))
    assert set(events["user_id"].dropna()) <= set(users["user_id"])
    assert events["query"].str.contains("EMAIL_1", regex=False).any()
    assert events["user_id"].dropna().str.fullmatch("[0-9a-f]{32}").all()
    known = custody.here("a person's request", "reidentification").reidentify(run / "01_governance", users["user_id"])
    assert all(raw and raw.startswith(USER) for raw in known.values())
    assert custody.examine(run.parent, keys.open_keys()) == []
    assert read_json(run / "03_finetuning/manifest.json")["audit"]["count"] >= 2


def test_the_report_shows_what_was_done_to_people(left: tuple[str, Path, str, Path]) -> None:
    """The canaries were where a report would have shown them: without masks the search would find some."""
    name, run, _, _ = left
    book = nbformat.read(run / "01_governance/notebook.ipynb", as_version=4)
    shown = "".join(str(cell.get("outputs", "")) for cell in book.cells)
    if name == "crash":
        assert "Could not convert" in shown or "Conversion Error" in shown
    else:
        assert "[EMAIL_" in shown or "EMAIL" in shown
        assert "it is kept in the quarantine" in shown
