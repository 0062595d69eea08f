"""A shop's own files by a parameters file alone, and the generated shop in both languages: the stages in small."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

import kept
from workbench.governance.labels import corrections
from workbench.ranking.inputs import purchases_of
from workbench.ranking.interactions import Interactions

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
    "02_pretraining.valid_docs": 50, "02_pretraining.optimizer": {"evaluations": 1},
    "03_finetuning.method": {"full": {"frozen_layers": 1}}, "03_finetuning.optimizer": {"evaluations": 1},
    "03_finetuning.resamples": 50,
}  # fmt: skip
MORE = {"banking77": ("01b_labels",), "storefront": ("04_evaluation",)}
"""What some profiles run besides, and its settings in small."""
MORE_SMALL = {
    "icecat_search": {"03_finetuning.labels": "{positive_from: 2, head: grades}"},
    "banking77": {"01b_labels.folds": 2},
    "storefront": {
        "04_evaluation.min_users": 1, "04_evaluation.popular": 50, "04_evaluation.proposals": 10,
        "04_evaluation.trees": [20], "04_evaluation.resamples": 50,
        "04_evaluation.grid": "{half_life: [8], neighbours: [10], factors: [8], alpha: [1.0], profile_half_life: [4]}",
    },
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
    name = request.param
    settings: dict[str, object] = SMALL | MORE_SMALL.get(name, {})
    if FOLDERS[name]:
        folder = DATA / FOLDERS[name]
        require(folder.is_dir(), f"{folder} is missing: set WORKBENCH_TEST_DATA to the folder that holds it")
        settings["01_governance.folder"] = folder
    else:
        settings["01_governance.source_options"] = f"{{events: 20000, language: {'zh' if 'zh' in name else 'en'}}}"
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
    for stage in (*STAGES, *MORE.get(name, ())):
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
    pairs = kept.table(run / "01_governance", "pairs")
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
    items = kept.table(run / "01_governance", "items")
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


@pytest.mark.parametrize("shop", ["storefront"], indirect=True)
def test_a_log_of_shown_lists_is_ranked_too(shop: tuple[str, Path]) -> None:
    _, run = shop
    rows = pd.DataFrame(json.loads((run / "04_evaluation/metrics.json").read_text(encoding="utf-8")))
    ndcg = rows[(rows["metric"] == "ndcg") & (rows["slice"] == "all")].set_index("subject")["value"]
    rankers = {"popularity", "frequency", "recency", "item_knn", "als", "tfidf", "bi_encoder", "text_model", "fusion"}
    assert rankers <= set(ndcg.index)
    assert ndcg[list(rankers)].between(0, 1).all()
    assert ndcg["popularity"] > 0
    lists = kept.table(run / "04_evaluation", "lists")
    events = kept.table(run / "01_governance", "events")
    timetable = json.loads((run / "01_governance/data/timetable.json").read_text(encoding="utf-8"))
    later = events[(events["event_type"] == "purchase") & (events["week"] > timetable["test_fit"])]
    assert set(lists["user_id"]) <= set(later["user_id"])
    bought = lists.loc[lists["bought"] == 1, ["user_id", "item_id"]].apply(tuple, axis="columns")
    assert set(bought) <= set(later[["user_id", "item_id"]].apply(tuple, axis="columns"))


INTENTS = {"card": "where is my card", "delay": "why is my transfer late", "limit": "how much can I spend"}
DESK = {
    "source": "tables", "folder": "data/desk", "negatives": 2, "threads": 1,
    "source_options": {
        "shape": "texts",
        "texts": {"files": "texts.csv", "columns": {"text_id": "id", "text": "question", "label": "intent"}},
    },
    "pair_targets": {"train": 600, "valid": 200, "test": 200}, "corpus_docs": {"train": 200, "valid": 50},
}  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the questions that a help desk got: 120, of three intents, three of them asked twice."""
    folder = tmp_path_factory.mktemp("desk") / "project"
    for name in ("notebooks", "parameters", "data/desk"):
        (folder / name).mkdir(parents=True)
    shutil.copy(ROOT / "notebooks/01_governance.ipynb", folder / "notebooks")
    asked = [(f"t{n}", f"{INTENTS[intent]}, case number {n % 117}", intent)
             for n, intent in enumerate([*INTENTS] * 40)]  # fmt: skip
    pd.DataFrame(asked, columns=["id", "question", "intent"]).to_csv(folder / "data/desk/texts.csv", index=False)
    return folder


def governed(project: Path, name: str, **settings: object) -> tuple[int, Path]:
    """Exit code of a run of governance by a profile of this name, and the folder of its stage."""
    profile = {"notebooks": ["01_governance"], "01_governance": DESK | settings}
    (project / f"parameters/{name}.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    command = [sys.executable, "-m", "workbench.cli", "run", name]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300, check=False)
    [run] = (project / "outputs").glob(f"*-{name}")
    return ended.returncode, run / "01_governance"


def test_data_that_miss_the_gate_end_the_run_and_leave_their_report(desk: Path) -> None:
    code, stage = governed(desk, "desk_gate", min_quality={"rule: same text twice": 0.99})
    status = json.loads((stage / "status.json").read_text(encoding="utf-8"))
    assert (code, status["status"]) == (1, "gate_failed")
    assert "rule: same text twice 0.9500 < 0.99" in status["error"]
    html = (stage / "report.html").read_text(encoding="utf-8")
    assert "data quality misses the gate" in html
    assert "clean</th>" in html
    assert html.count("data:image/png;base64") >= 3  # quality before and after, failing rules, worst columns
    assert not (desk / "outputs/latest-ok/desk_gate").exists()
    for name in ("quality", "statistics", "repairs", "quarantine"):
        assert (stage / f"data/{name}.parquet").exists(), name
    assert not (stage / "data/pairs.parquet").exists()


def test_what_a_person_corrected_reaches_the_texts_and_their_pairs(desk: Path) -> None:
    wrong = [
        ("t40", 40, "delay", "fix", "limit"),
        ("t41", 41, "limit", "drop", ""),
        ("t50", 77, "limit", "fix", "card"),
    ]
    rows = [{"text_id": key, "text": f"{INTENTS[label]}, case number {number}", "label": label, "suggested": new,
             "decision": decision, "new_label": new, "who": "me", "when": "2026-01-01T00:00:00+00:00"}
            for key, number, label, decision, new in wrong]  # fmt: skip
    corrections.write(desk / "corrections/desk.csv", pd.DataFrame(rows))
    code, stage = governed(desk, "desk_corrected", corrections_file="corrections/desk.csv")
    assert code == 0
    told = {name: kept.table(stage, name) for name in ("texts", "pairs", "repairs", "quarantine")}
    label = told["texts"].set_index("text_id")["label"]
    assert (len(label), label["t40"], label["t50"]) == (119, "limit", "limit")
    assert "t41" not in label.index
    named = told["pairs"][told["pairs"]["label"] == 1].set_index("group_id")["candidate_id"]
    assert named["t40"] == "limit"
    assert "t41" not in named.index
    fixed = told["repairs"].query("rule == @corrections.RULE")
    assert fixed[["key", "before", "after"]].to_numpy().tolist() == [["t40", "delay", "limit"]]
    assert told["quarantine"][["key", "reasons"]].to_numpy().tolist() == [["t41", corrections.DROP_RULE]]
    html = (stage / "report.html").read_text(encoding="utf-8")
    assert "Corrections that no longer hold (row gone, text or label changed): 1" in html
    assert "the text has changed since" in html


def test_what_names_no_order_is_one_with_its_visit() -> None:
    times = ["2024-01-01T09:00Z", "2024-01-01T10:00Z", "2024-01-02T09:00Z", "2024-01-02T10:00Z", "2024-01-03T10:00Z"]
    events = pd.DataFrame(
        {"user_id": "u", "item_id": "i", "order_id": None, "session_id": ["s", "s", None, None, None],
         "timestamp": pd.to_datetime(times), "event_type": "purchase", "week": 1, "quantity": 1.0, "value": 2.0}
    )  # fmt: skip
    others = events.assign(user_id="v", order_id=["1", "1", "2", "3", None])
    clicks = events.assign(event_type="click")
    purchases = purchases_of(pa.Table.from_pandas(pd.concat([events, others, clicks])))
    items = pd.DataFrame({"item_id": ["i"], "category": ["A > B"]})
    assert Interactions.fit(purchases, items, 1, 1).matrix().toarray().tolist() == [[3.0], [4.0]]
    assert list(purchases["order_id"][5:9]) == ["1", "1", "2", "3"]
    with pytest.raises(ValueError, match="names no order"):
        Interactions.fit(purchases.assign(order_id=np.nan), items, 1, 1)
