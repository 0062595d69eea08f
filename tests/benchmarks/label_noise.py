"""Do flagged labels deserve it? 10 % of the labels moved to another class alike; what is flagged, against what moved.

Beside ours, on the same out-of-sample probabilities: cleanlab as it comes and with its stricter filter `both`, and as
many rows as ours flags with the lowest confidence in their label. Labels that were wrong before count against
precision. The method was chosen on flips by other seeds (1000 and more). Intervals are Student's, over the seeds.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from scipy import stats

from workbench.data import engine, sources
from workbench.governance.labels import label_noise, reviews

from .record import record

DATA = Path(os.environ.get("WORKBENCH_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
SHARE, PRECISION, RECALL = 0.1, 0.8, 0.7


def banking77(_: int) -> pd.DataFrame:
    """10,003 customer questions in 77 intents."""
    texts = pd.read_csv(DATA / "banking77" / "train.csv").rename(columns={"category": "label"})
    return texts.assign(text_id=[f"{i:05d}" for i in texts.index])


def storefront(seed: int, language: str = "en") -> pd.DataFrame:
    """Reviews of a generated shop, bad, neutral or good by their stars; another shop for every seed."""
    options = {"events": 200_000, "faults": False, "language": language, "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        source, con = sources.find("storefront", folder, options), engine.connect()
        events = source.collect(con, source.files()).tables["events"]
        return reviews.from_reviews(events).execute().sort_values("text_id", ignore_index=True)


def storefront_chinese(seed: int) -> pd.DataFrame:
    """The same in Chinese."""
    return storefront(seed, "zh")


SETS: dict[str, Callable[[int], pd.DataFrame]] = {
    "banking77": banking77,
    "storefront": storefront,
    "storefront_chinese": storefront_chinese,
}


def measure(texts: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One seed: method, flagged, precision, recall, rows, seconds (of the whole, the same in each row)."""
    noisy, moved = label_noise.plant(texts, SHARE, seed)
    began = time.monotonic()
    codes, _ = pd.factorize(noisy["label"], sort=True)
    probabilities = label_noise.out_of_sample(noisy["text"], codes, seed=seed)
    flags = {"ours": label_noise.judge(noisy, probabilities)["flagged"].to_numpy()}
    seconds = time.monotonic() - began
    flags["cleanlab"] = find_label_issues(codes, probabilities, n_jobs=1)
    flags["cleanlab_both"] = find_label_issues(codes, probabilities, filter_by="both", n_jobs=1)
    lowest = np.argsort(probabilities[np.arange(len(codes)), codes], kind="stable")[: flags["ours"].sum()]
    flags["lowest_confidence"] = np.isin(np.arange(len(codes)), lowest)
    rows = [
        {"method": name, "flagged": int(flag.sum()), "precision": moved[flag].mean() if flag.any() else 0.0,
         "recall": flag[moved].mean()}
        for name, flag in flags.items()
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(seed=seed, rows=len(noisy), seconds=seconds)


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean of precision and recall by method with 95 % intervals of Student's t over seeds."""
    numbers = runs.groupby("method", sort=False)[["precision", "recall"]]
    half = numbers.sem() * stats.t.ppf(0.975, numbers.size().iloc[0] - 1)
    mean = numbers.mean()
    table = {}
    for name in mean:
        low, high = ((mean[name] + sign * half[name]).clip(0, 1) for sign in (-1, 1))
        table |= {name: mean[name], f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(table).assign(flagged=runs.groupby("method", sort=False)["flagged"].mean())


def main() -> None:
    """Measure every set that is there, print all methods, record ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS), metavar="SET", help=", ".join(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    for name in given.sets:
        if name == "banking77" and not (DATA / "banking77").is_dir():
            print(f"{name}: left out, no data in {DATA}")
            continue
        runs = pd.concat([measure(SETS[name](seed), seed) for seed in range(given.seeds)])
        table = summary(runs)
        print(f"\n{name}: {runs['rows'].mean():,.0f} texts, {given.seeds} seeds, {runs['seconds'].median():.1f} s each")
        print(table.round(3).to_string(), flush=True)
        rival = "cleanlab's default {:.3f}, lowest confidence {:.3f}"
        for number, target in (("precision", PRECISION), ("recall", RECALL)):
            others = rival.format(*table.loc[["cleanlab", "lowest_confidence"], number])
            value, question = float(table.loc["ours", number]), f"label_noise_{name}_{number}"
            record(question, value, number, target=target, higher_is_better=True, rival=others)


if __name__ == "__main__":
    main()
