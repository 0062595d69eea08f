"""The same governance on DuckDB and on Spark: every rule, label and aggregate gives the same rows.

A storefront with every kind of fault planted, before pseudonyms, noise and encryption. Order means nothing, and floats
are the same to 1e-9 of their size.
"""

from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from ibis.expr.types import Table

from workbench.data import engine, sources
from workbench.data.sources.storefront import columns, faults
from workbench.governance import cleaning, quality, recipes
from workbench.governance.privacy import texts
from workbench.governance.quality import Repeats, failures
from workbench.governance.rules import shop

OPTIONS = {"events": 3000, "faults": False}
WISHES = recipes.Wishes(
    7, {}, recipes.NEGATIVES, {"train": 2000, "valid": 400, "test": 400}, {"train": 2000, "valid": 200}
)
KEYS = {name: shop.CLEANING_ORDER[name] for name in ("items", "users", "events")}
TOLERANCE = 1e-9
SHOWN = 20

Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """A shop with all kinds of faults, as files, and the truth about them."""
    folder = tmp_path_factory.mktemp("shop")
    files = sources.find("storefront", str(folder), OPTIONS).files()
    sound = {name: pd.read_parquet(path) for name, path in files.items()}
    tables, truth = faults.plant(sound, 20240101, len(faults.KINDS))
    for name, frame in tables.items():
        given = columns.from_pandas(frame) if name == "events" else None
        pq.write_table(given, folder / f"{name}.parquet") if given else frame.to_parquet(folder / f"{name}.parquet")
    return folder, truth


@pytest.fixture(scope="module")
def both(spark: Any, spoilt: tuple[Path, pd.DataFrame]) -> tuple[Frames, Frames]:
    return govern(engine.connect("1GB", threads=2), spoilt[0]), govern(spark, spoilt[0])


def govern(con: ibis.BaseBackend, folder: Path) -> Frames:
    """All that governance makes of the shop, in the order of the notebook."""
    source = sources.find("storefront", str(folder))
    raw = source.collect(con, {name: folder / f"{name}.parquet" for name in KEYS})
    rules, _omitted = quality.applicable(shop.RULES, raw.tables)
    seen, repeats = shop.seen(con, raw.tables), Repeats(con)
    measured = quality.measure(seen, rules, repeats, raw.tables)
    found: dict[str, Any] = {f"collected {name}": table for name, table in raw.tables.items()}
    found |= {"measured": measured, "flags": failures.flags(con, seen, rules, KEYS)}
    order = shop.CLEANING_ORDER
    cleaned = cleaning.clean(con, raw.tables, seen, rules, order, measured, raw.conversions, raw.rejected, repeats)
    private, personal = texts.redact_tables(con, cleaned.tables, source.module.PII)
    found |= {f"clean {name}": table for name, table in private.items()}
    found |= {name: getattr(cleaned, name) for name in ("repairs", "merges", "quarantine", "balance")}
    recipe = recipes.find(raw.shape, con, private, WISHES)
    found |= {"personal": personal, "exposure": recipe.exposure().events, "positions": recipe.positions()}
    found |= {"relevance": recipe.relevance(), "pairs": recipe.pairs(), "corpus": recipe.corpus()}
    found |= {f"sums by {name}": table for name, table in recipe.aggregates().items()}
    return {name: table.execute() if isinstance(table, Table) else table for name, table in found.items()}


def differences(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Rows of either frame that the other lacks, with the engine they are of; `number` counts equal rows."""
    sides = []
    for name, frame in (("duckdb", one), ("spark", other)):
        text = pd.DataFrame({column: frame[column].map(written) for column in frame.columns}, dtype="object")
        text = text.sort_values(list(text.columns), ignore_index=True)
        sides.append(text.assign(number=text.groupby(list(text.columns)).cumcount(), engine=name))
    shared = [column for column in sides[0].columns if column != "engine"]
    both = sides[0].merge(sides[1], on=shared, how="outer", indicator="side", suffixes=("", "_other"))
    odd = both[both["side"] != "both"].assign(
        engine=lambda t: t["side"].map({"left_only": "duckdb", "right_only": "spark"})
    )
    return odd.drop(columns=["side", "engine_other"])


def written(value: Any) -> str:
    """A value as text that is the same for numbers within the tolerance."""
    if isinstance(value, list | tuple | np.ndarray):
        return str([written(each) for each in value])
    if value is None or value is pd.NaT or value != value:
        return "(null)"
    return f"{value:.9e}" if isinstance(value, float | np.floating) else str(value)


@pytest.mark.parametrize(
    "part",
    ["collected", "measured", "flags", "clean", "repairs", "merges", "quarantine", "balance", "personal", "exposure",
     "positions", "relevance", "pairs", "corpus", "sums"],
)  # fmt: skip
def test_both_engines_give_the_same_rows(both: tuple[Frames, Frames], part: str) -> None:
    one, other = ({name: frame for name, frame in side.items() if name.split(" ")[0] == part} for side in both)
    assert one.keys() == other.keys()
    assert one
    odd = {name: differences(frame, other[name]) for name, frame in one.items()}
    told = [
        f"{name}: {len(rows)} rows differ\n{rows.head(SHOWN).to_string()}" for name, rows in odd.items() if len(rows)
    ]
    assert not told, "\n\n".join(told)
    assert {name: list(map(str, frame.dtypes)) for name, frame in one.items()} == {
        name: list(map(str, frame.dtypes)) for name, frame in other.items()
    }


def test_the_shop_has_every_kind_of_fault_and_rules_find_most(both: tuple[Frames, Frames], spoilt) -> None:
    assert set(spoilt[1]["kind"]) == set(faults.KINDS)
    measured, flags = both[1]["measured"], both[1]["flags"]
    assert len(measured) > 250
    assert (measured["failing"] > 0).mean() > 0.5
    assert flags["rule"].nunique() > 120
    for name in ("repairs", "merges", "quarantine", "pairs", "corpus", "sums by user", "sums by query"):
        assert len(both[1][name]), name


def test_a_difference_is_seen() -> None:
    one = pd.DataFrame({"key": ["a", "b", "b"], "value": [1.0, 2.0, 2.0], "list": [["x"], [], None]})
    assert differences(one, one.sample(frac=1, random_state=1)).empty
    close = one.assign(value=one["value"] * (1 + TOLERANCE / 100))
    assert differences(one, close).empty
    off = differences(one, one.assign(value=[1.0, 2.0, 2.0 + 1e-7]))
    assert off["engine"].tolist() == ["duckdb", "spark"]
    assert len(differences(one, one.iloc[:2])) == 1
