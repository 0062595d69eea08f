"""Is position bias estimated rightly, and does correcting for it help: on storefronts whose truth is known.

Examination relative to position 1 from 200,000 impressions, against the ratio of click rates as logged, over seeds;
the same under cascade clicks, where the position-based model is wrong. And how well the labels of (query, product)
pairs rank them as true relevance does, against raw click rates.
"""

import argparse
import tempfile
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
from ibis import _
from ibis.expr.types import Table

from workbench.data import engine
from workbench.data.sources import find
from workbench.data.sources.storefront import truth
from workbench.governance.labels import grades, positions

from .record import FOLDER, record

FIRST = 10  # positions that the target is about
ERROR = 0.10
EVENTS_AN_IMPRESSION = 1.2  # enough events to hold the impressions
LEAST = 5  # impressions of a pair whose label is judged: a rate of fewer says next to nothing
SUBJECTS = ("click_rate", "ips_rate", "expected_rate", "shrunk_rate", "posterior_rate")


def main() -> None:
    """Measure both click models over the seeds, and record the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--impressions", type=int, default=200_000)
    given = parser.parse_args()
    measure(given.seeds, given.impressions)


def measure(seeds: int, impressions: int, bench: Path = FOLDER) -> None:
    """Print the errors by position and of the labels, and record their summaries."""
    for model in ("position", "cascade"):
        found = [one_seed(model, seed, impressions) for seed in range(seeds)]
        errors = by_position(pd.concat([one for one, _labels in found], keys=range(seeds), names=["seed"]))
        labels = by_label(pd.concat([labels for _one, labels in found]))
        print(f"\n{model} clicks, {impressions:,} impressions, {seeds} seeds")
        print(errors.round(3).to_string(), "\n")
        print(labels.round(3).to_string(), "\n", flush=True)
        summarise(model, errors, labels, bench)


def summarise(model: str, errors: pd.DataFrame, labels: pd.DataFrame, bench: Path) -> None:
    """Record the worst position and the gain of the corrected label; under cascade clicks without a target."""
    name, barred = ("position_bias", True) if model == "position" else ("position_bias_cascade", False)
    naive = errors["naive_error"].max()
    record(
        name,
        float(errors["error"].max()),
        "relative error",
        target=ERROR if barred else None,
        higher_is_better=False,
        rival=f"click rates as logged: {naive:.2f}",
        folder=bench,
    )
    for coefficient in grades.COEFFICIENTS:
        raw = labels.loc["click_rate", coefficient]
        record(
            f"{name}_labels_{coefficient}",
            float(labels.loc["posterior_rate - click_rate", coefficient]),
            f"gain in {coefficient}",
            target=0.0 if barred else None,
            higher_is_better=True,
            rival=f"raw click rates: {raw:.3f}",
            folder=bench,
        )


def one_seed(model: str, seed: int, impressions: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimates by position with the truth, and the agreement of labels with true relevance, of one shop."""
    options = {"events": int(impressions * EVENTS_AN_IMPRESSION), "seed": seed, "click_model": model, "faults": False}
    with tempfile.TemporaryDirectory() as folder:
        con = engine.connect("2GB", temp_directory=folder)
        source = find("storefront", folder, options)
        files = source.files()
        events = source.collect(con, files).tables["events"]
        known = truth(files)
        shown = engine.keep(con, "shown", first_lists(positions.impressions(events), impressions))
        estimated = positions.estimate(shown)
        examined = con.create_table("positions", estimated[["position", "examination"]])
        labels = grades.smooth(grades.corrected(shown, examined).order_by("context", "item_id").execute())
        labels = grades.smooth(labels, exposure="impressions", name="shrunk_rate")
        labels = labels.merge(relevance(con, shown, known["impressions"]), on=["context", "item_id"])
        often = labels[labels["impressions"] >= LEAST]
        agreement = grades.agreement(often, subjects=SUBJECTS, resamples=50, seed=seed)
        con.disconnect()
    exact = known["positions"].set_index("position")["examination"]
    estimated = estimated.set_index("position").head(FIRST)
    return estimated.assign(truth=(exact / exact[1]).reindex(estimated.index)), agreement


def first_lists(shown: Table, impressions: int) -> Table:
    """Whole lists, in the order of their digests, until they would hold more impressions than asked for."""
    lists = shown.group_by("request_id").agg(shown=_.count())
    line = ibis.cumulative_window(order_by=[engine.digest(lists.request_id, salt="position bias"), lists.request_id])
    kept = lists.mutate(running=_.shown.sum().over(line)).filter(_.running <= impressions)
    chosen = shown.semi_join(kept, "request_id")
    found = int(chosen.count().execute())
    if found < 0.99 * impressions:
        raise RuntimeError(f"the shop holds {found:,} impressions, {impressions:,} are needed: raise its events")
    return chosen


def relevance(con: ibis.BaseBackend, shown: Table, path: Path) -> pd.DataFrame:
    """True relevance of each (context, item): the mean over its impressions of the probability of a click if seen."""
    exact = con.read_parquet(str(path)).select("request_id", "item_id", "relevance")
    joined = shown.filter(_.context.notnull()).join(exact, ["request_id", "item_id"])
    return joined.group_by("context", "item_id").agg(relevance=_.relevance.mean()).execute()


def by_position(runs: pd.DataFrame) -> pd.DataFrame:
    """Over the seeds: truth, mean estimate, median relative errors, and the spread of estimates by their own errors."""
    error = (runs["examination"] / runs["truth"] - 1).abs()
    table = runs.assign(error=error, naive_error=(runs["naive"] / runs["truth"] - 1).abs())
    groups = table.groupby("position")
    return pd.DataFrame({
        "truth": groups["truth"].mean(),
        "estimate": groups["examination"].mean(),
        "error": groups["error"].median(),
        "naive_error": groups["naive_error"].median(),
        "standard_error": groups["standard_error"].mean(),
        "spread": groups["examination"].std(),
        "covered": ((runs["low"] <= runs["truth"]) & (runs["truth"] <= runs["high"])).groupby("position").mean(),
    })  # fmt: skip


def by_label(runs: pd.DataFrame) -> pd.DataFrame:
    """Median over the seeds of each coefficient, and in how many of them the interval lies above 0."""
    table = runs.pivot_table(index="subject", columns="metric", values="value", aggfunc="median", sort=False)
    above = runs.assign(above=runs["low"] > 0).pivot_table(
        index="subject", columns="metric", values="above", aggfunc="mean", sort=False
    )
    return table.join(above.add_suffix("_above_0")).replace({np.nan: None})


if __name__ == "__main__":
    main()
