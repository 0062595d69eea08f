"""The companion on privacy: executed on a generated shop and on a sample of real households."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml

import kept
from workbench.governance.privacy import releases

ROOT = Path(__file__).parents[2]
SMALL = {
    "common": {"precision": "fp32", "threads": 1},
    "01a_privacy": {
        "base_model": "tiny", "epsilons": [1.0, 10.0], "repeats": 1, "trees": 5, "resamples": 50,
        "candidates": {"popular": 30, "proposals": 5, "text_candidates": 5},
        "grid": {"half_life": [8], "neighbours": [10], "factors": [8], "alpha": [1.0], "profile_half_life": [4]},
    },
}  # fmt: skip
SHOPS: dict[str, dict[str, dict]] = {
    "generated": {
        "01_governance": {
            "source": "storefront", "source_options": {"events": 20000, "faults": False},
            "pair_targets": {"train": 1000, "valid": 300, "test": 300}, "corpus_docs": {"train": 300, "valid": 100},
            "timetable": {"text_train": 12, "text_valid": 14, "fusion_fit": 14, "fusion_label": 17, "test_fit": 17,
                          "test_label": 20},
        },
        "01a_privacy": {"min_users": 1, "excluded": [], "anonymous": {"ks": [5, 10000], "l": 2, "t": 0.6}},
    },
    "real": {
        "01_governance": {
            "source_options": {"households": 120, "promoted_share": 0.05},
            "pair_targets": {"train": 1000, "valid": 300, "test": 300}, "corpus_docs": {"train": 300, "valid": 100},
        },
        "01a_privacy": {"min_users": 3, "anonymous": {"ks": [5], "l": 2, "t": 0.6}},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("privacy") / "project"
    for name in ("notebooks", "parameters"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for name, settings in SHOPS.items():
        merged = {key: SMALL.get(key, {}) | settings.get(key, {}) for key in SMALL | settings}
        profile = {"notebooks": ["01_governance", "01a_privacy"], **merged}
        (folder / f"parameters/{name}.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    return folder


def execute(project: Path, name: str, *more: str) -> Path:
    """The stage's folder after a run of a profile."""
    command = [sys.executable, "-m", "workbench.cli", "run", name, *more]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return (project / "outputs/latest-ok" / name).resolve() / "01a_privacy"


@pytest.fixture(scope="module", params=SHOPS)
def stage(request: pytest.FixtureRequest, project: Path) -> tuple[str, Path]:
    return request.param, execute(project, request.param)


def shown(stage: Path) -> str:
    """All that the executed notebook shows as text."""
    book = nbformat.read(stage / "notebook.ipynb", as_version=4)
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    texts = [output.get("text", "") or output.get("data", {}).get("text/markdown", "") for output in outputs]
    return "\n".join(texts + [output.get("data", {}).get("text/plain", "") for output in outputs])


def metrics(stage: Path) -> pd.DataFrame:
    return pd.DataFrame(json.loads((stage / "metrics.json").read_text(encoding="utf-8")))


def ledger() -> list[dict]:
    files = sorted(releases.home().glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def test_the_handed_on_users_stand_with_four_others(stage: tuple[str, Path]) -> None:
    _, folder = stage
    users = kept.table(folder, "users_k5")
    declared = json.loads((folder.parent / "01_governance/data/source.json").read_text(encoding="utf-8"))
    assert users.groupby(declared["quasi_identifiers"], dropna=False).size().min() >= 5
    rows = metrics(folder).query("subject == 'users'").set_index(["slice", "metric"])["value"]
    assert rows["k = 5", "k"] >= 5
    assert rows["k = 5", "prosecutor"] <= 0.2 < rows["as collected", "prosecutor"]
    assert rows["k = 5", "suppressed"] == 0
    assert 0 < rows["k = 5", "loss"] < 1


def test_the_price_is_told_for_each_epsilon_and_k(stage: tuple[str, Path]) -> None:
    _, folder = stage
    rows = metrics(folder).query("metric == 'ndcg'").set_index("subject")
    names = {"ε = ∞", "bounds alone", "ε = 10", "ε = 1", "without traits", "as collected", "k = 5"}
    differences = {f"{name} - ε = ∞" for name in ("bounds alone", "ε = 10", "ε = 1")}
    assert names | differences <= set(rows.index)
    assert (rows.low <= rows.high).all()
    assert rows.loc["ε = ∞", "value"] > 0
    assert metrics(folder).query("subject == 'test weeks'")["value"].item() >= 1


def test_what_it_shows_a_person_can_sign_for(stage: tuple[str, Path]) -> None:
    name, folder = stage
    said = shown(folder)
    assert "One account that holds all key files holds all roles" in said
    assert "Refused: release 'buyers by category' asks for" in said
    assert "k-anonymity of the traits does not cover the log" in said
    assert ("cut off by bounds" in said) == (name == "generated"), "real people's errors are nobody's to see"
    assert ("people cannot be 10000-anonymous" in said) == (name == "generated")
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert html.count("data:image/png;base64") == 3
    assert "Traceback" not in html


def test_nothing_noisy_of_the_study_is_handed_on(stage: tuple[str, Path]) -> None:
    _, folder = stage
    tables = {file.stem: kept.table(folder, file.stem) for file in (folder / "data").glob("*.parquet")}
    assert set(tables) == {"users_k5", "anonymity", "releases", "price"}
    assert set(tables["price"]["metric"]) == {"ndcg"}


@pytest.mark.parametrize("stage", ["generated"], indirect=True)
def test_a_second_execution_releases_the_same_and_pays_nothing(stage: tuple[str, Path], project: Path) -> None:
    name, folder = stage
    before = ledger()
    again = execute(project, name, "--set", "01a_privacy.resamples=51")
    assert again != folder
    assert ledger() == before
    assert "no, reused" in shown(again)
    one, other = (kept.table(each, "releases") for each in (folder, again))
    pd.testing.assert_frame_equal(one, other)
