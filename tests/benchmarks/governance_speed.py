"""Governance of the whole Complete Journey, against the same rules written straightforwardly in pandas.

Both sides read the raw files, bring them into the contract, judge every rule before and after cleaning, and end with
clean tables and a record of repairs, merges and rejected rows. They alternate, each in a process of its own, and must
agree row for row; then only does the time count. Imports and the writing of results are not timed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import ibis
import pandas as pd
from ibis.expr.types import Table

from workbench.data import engine, sources
from workbench.governance import cleaning, quality
from workbench.governance.cleaning import record as changes
from workbench.governance.quality.copies import Repeats
from workbench.governance.rules import grocery

from . import governance_pandas
from .record import record

FASTER, MOST_GB = 3.0, 4.0
COMPARED: dict[str, tuple[str, ...]] = {
    "events": (),
    "items": (),
    "promotions": (),
    "repairs": ("rule", "table", "key", "column", "before", "after"),
    "quarantine": ("table", "key", "reasons"),
    "merges": ("rule", *governance_pandas.PROMOTED),
    "counts": ("rule", "failing_before", "failing_after"),
}
"""The columns that must agree, by result; all where none are named."""
AS_VALUES = ("before", "after")  # text that is compared as a number where it is one


def main() -> None:
    """Alternate the two sides, compare their results, and record time and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", default="", help="folder of the raw files; else those of the installed package")
    parser.add_argument("--side", choices=["ours", "pandas"], help="used by this benchmark itself")
    parser.add_argument("--folder", type=Path, help="used by this benchmark itself")
    given = parser.parse_args()
    if given.side:
        print(json.dumps(run(given.side, given.data, given.folder)))
    else:
        measure(given.repeats, given.data)


def measure(repeats: int, data: str) -> None:
    """Seconds and memory of both sides, which agree in every repeat."""
    seconds: dict[str, list[float]] = {"ours": [], "pandas": []}
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(repeats):
            for side in seconds:
                result = _in_a_process(side, data, folder / side)
                seconds[side].append(result["seconds"])
                memory[side] = max(memory.get(side, 0), result["gb"])
                print(
                    f"{side}: {result['seconds']:.1f} s ({result['cpu']:.1f} s of CPU), {result['gb']:.2f} GB",
                    flush=True,
                )
            print(f"equal row for row: {compare(folder / 'ours', folder / 'pandas')}", flush=True)
    ratio = median(seconds["pandas"]) / median(seconds["ours"])
    rival = "the same rules in pandas, {:.1f} s and {:.1f} GB".format(median(seconds["pandas"]), memory["pandas"])
    record("governance_speed", ratio, "times as fast", target=FASTER, higher_is_better=True, rival=rival)
    record("governance_memory", memory["ours"], "GB", target=MOST_GB, higher_is_better=False, rival=rival)


def run(side: str, data: str, folder: Path, memory_limit: str = "2500MB", threads: int = 2) -> dict[str, float]:
    """One side in this process: seconds, those of CPU, and peak memory in GB. Results go into the folder, not timed."""
    folder.mkdir(parents=True, exist_ok=True)
    source = sources.find("complete_journey", data)
    began, began_cpu = time.perf_counter(), time.process_time()
    results = ours(source, memory_limit, threads) if side == "ours" else governance_pandas.run(source.files())
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    measured = {"seconds": seconds, "cpu": cpu, "gb": engine.peak_memory_gb()}
    for name in COMPARED:
        results[name].to_parquet(folder / f"{name}.parquet")
    return measured


def ours(source: sources.Source, memory_limit: str, threads: int) -> Mapping[str, Table | pd.DataFrame]:
    """Clean tables, record and counts of the lib, all computed; the keys that were merged as columns."""
    con = engine.connect(memory_limit, threads)
    raw = source.collect(con, source.files())
    seen = grocery.seen(con, raw.tables)
    repeats = Repeats(con)
    before = quality.measure(seen, grocery.RULES, repeats, raw.tables)
    done = cleaning.clean(con, raw.tables, seen, grocery.RULES, grocery.CLEANING_ORDER, before, repeats=repeats)
    after = quality.measure(grocery.seen(con, done.tables, "clean"), grocery.RULES, repeats, done.tables)
    kinds = {column: raw.tables["promotions"][column].type() for column in governance_pandas.PROMOTED}
    merges = changes.from_json(done.merges, "key", kinds).mutate(rule=ibis.literal(governance_pandas.MERGED))
    return {
        **done.tables,
        "repairs": done.repairs,
        "quarantine": done.quarantine,
        "merges": merges,
        "counts": quality.compare(before, after),
    }


def compare(one: Path, other: Path) -> dict[str, int]:
    """Rows of each result, in whatever order they stand; values are compared exactly.

    Raises:
        RuntimeError: the two sides differ.

    """
    con, rows = engine.connect(), {}
    for name, columns in COMPARED.items():
        first, second = (con.read_parquet(str(folder / f"{name}.parquet")) for folder in (one, other))
        if not columns and set(first.columns) != set(second.columns):
            raise RuntimeError(f"{name} has the columns {first.columns} here, {second.columns} in pandas")
        columns = columns or first.columns
        found = engine.keep(con, "differing", differing(first.select(*columns), second.select(*columns)))
        if count := int(found.count().execute()):
            example = found.order_by(found.columns).limit(6).execute().to_string()
            raise RuntimeError(f"{name}: {count:,} different rows are in one side more often, such as\n{example}")
        rows[name] = int(first.count().execute())
    return rows


def differing(first: Table, second: Table) -> Table:
    """Rows that one of two tables of the same columns has more often, and `more`: how much more often the first."""
    first, second = _by_value(first), _by_value(second)
    both = first.mutate(side=1).union(second.cast(first.schema()).mutate(side=-1))
    return both.group_by(first.columns).agg(more=both.side.sum()).filter(lambda t: t.more != 0)


def _by_value(table: Table) -> Table:
    """Numbers that are written as text apart from other text."""
    for column in AS_VALUES:
        if column in table.columns:
            number = table[column].try_cast("float64")
            text = number.isnull().ifelse(table[column], ibis.null("string"))
            table = table.mutate(**{column: text, f"{column}_number": number})
    return table


def _in_a_process(side: str, data: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", __spec__.name, "--side", side, "--folder", str(folder), "--data", data]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{side} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
