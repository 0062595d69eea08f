"""A shop's own files by a parameters file alone, and the generated shop in both languages: the stages in small."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("WORKBENCH_TEST_DATA", ROOT.parent / "shared" / "data"))
FOLDERS = {
    "banking77": "banking77",
    "icecat_search": "chorus_icecat_search",
    "office_products": "amazon_office_seq",
    "clothing_reviews": "womens_clothing_reviews",
    "storefront": "",
    "storefront_zh": "",
}
SMALL = {
    "common.base_model": "tiny", "common.precision": "fp32", "common.threads": 1, "common.max_tokens": 10000,
    "01_governance.pair_targets": "{train: 3000, valid: 1000, test: 1000}",
    "01_governance.corpus_docs": "{train: 1000, valid: 200}",
    "02_pretraining.valid_docs": 50, "02_pretraining.evaluations": 1,
    "03_finetuning.frozen_layers": 1, "03_finetuning.evaluations": 1, "03_finetuning.resamples": 50,
}  # fmt: skip
STAGES = ("01_governance", "02_pretraining", "03_finetuning")
DOES_NOT_APPLY = dict.fromkeys(("banking77", "icecat_search", "office_products", "clothing_reviews"), 5)


@pytest.fixture(scope="session")
def shop_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shops") / "project"
    for name in ("notebooks", "parameters"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return folder


@pytest.fixture(scope="session", params=FOLDERS)
def shop(request, shop_project: Path, require) -> tuple[str, Path]:
    """Name and folder of one run of a shop's profile."""
    name, settings = request.param, dict(SMALL)
    if FOLDERS[name]:
        folder = DATA / FOLDERS[name]
        require(folder.is_dir(), f"{folder} is missing: set WORKBENCH_TEST_DATA to the folder that holds it")
        settings["01_governance.folder"] = folder
    else:
        settings["01_governance.source_options"] = f"{{events: 20000, language: {'zh' if 'zh' in name else 'en'}}}"
    if name == "banking77":
        settings["01b_labels.folds"] = 2
    given = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "workbench.cli", "run", name, *given]
    environment = os.environ | {"XDG_CACHE_HOME": str(shop_project.parent / "cache")}
    ended = subprocess.run(
        command, cwd=shop_project, capture_output=True, text=True, timeout=600, check=False, env=environment
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return name, (shop_project / "outputs/latest-ok" / name).resolve()


def test_every_stage_ends_ok_by_a_parameters_file_alone(shop: tuple[str, Path]) -> None:
    name, run = shop
    for stage in (*STAGES, "01b_labels") if name == "banking77" else STAGES:
        assert json.loads((run / stage / "status.json").read_text(encoding="utf-8"))["status"] == "ok"
        assert "Traceback" not in (run / stage / "report.html").read_text(encoding="utf-8")


def test_every_row_is_somewhere(shop: tuple[str, Path]) -> None:
    _, run = shop
    rows = pd.DataFrame(json.loads((run / "01_governance/metrics.json").read_text(encoding="utf-8")))
    sums = rows.pivot_table(index="subject", columns="metric", values="value")
    sums = sums.loc[sums["collected"].notna(), ["collected", "added", "clean", "quarantined", "merged"]]
    assert len(sums) >= 1
    assert (sums["collected"] + sums["added"] == sums["clean"] + sums["quarantined"] + sums["merged"]).all()
    assert sums["clean"].gt(0).all()


def test_the_pairs_have_all_splits_and_whole_groups(shop: tuple[str, Path]) -> None:
    _, run = shop
    pairs = pd.read_parquet(run / "01_governance/data/pairs.parquet")
    assert set(pairs["split"]) == {"train", "valid", "test"}
    assert pairs.groupby("group_id")["split"].nunique().eq(1).all()
    assert pairs["label"].nunique() > 1


def test_what_does_not_apply_is_said(shop: tuple[str, Path]) -> None:
    name, run = shop
    html = (run / "01_governance/report.html").read_text(encoding="utf-8")
    wanted, logged = DOES_NOT_APPLY.get(name, 1), name not in DOES_NOT_APPLY  # the one: no run to compare with
    assert html.count("Does not apply here") == wanted
    assert (run / "01_governance/data/events.parquet").exists() == logged
    assert (run / "01_governance/data/positions.parquet").exists() == logged


def test_chinese_stays_chinese(shop: tuple[str, Path]) -> None:
    name, run = shop
    items = pd.read_parquet(run / "01_governance/data/items.parquet")
    chinese = items["title"].str.contains(r"[一-鿿]").mean()
    assert chinese > 0.95 if name == "storefront_zh" else chinese < 0.05
    if name == "storefront_zh":
        assert "Glyph" not in (run / "01_governance/log.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("shop", ["banking77"], indirect=True)
def test_labels_in_doubt_are_listed_and_the_check_finds_what_was_moved(shop: tuple[str, Path]) -> None:
    _, run = shop
    rows = pd.DataFrame(json.loads((run / "01b_labels/metrics.json").read_text(encoding="utf-8")))
    values = rows.set_index("metric")["value"]
    assert 0 < values["flagged"] < 0.1
    assert values["precision on moved labels"] > 0.7
    assert values["recall on moved labels"] > 0.7
