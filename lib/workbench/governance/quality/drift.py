"""How far tables have moved from an earlier run: summaries small enough to save, and two distances between them.

The population stability index (N. Siddiqi, Credit Risk Scorecards, Wiley 2006) sums (p - q) ln(p / q) over bins; below
0.1 it is commonly read as stable, up to 0.25 as a moderate shift, above as a large one. The Jensen-Shannon distance
(D. M. Endres and J. E. Schindelin, IEEE Trans. Inf. Theory 49(7), 2003) is the root of the divergence of J. Lin (1991)
in base 2, from 0 for equal to 1 for disjoint distributions.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

import ibis
import numpy as np
import pandas as pd
from ibis.expr.types import Table

from workbench.data.contract import COLUMNS
from workbench.governance.quality import Tables

SUMMARY = ["table", "column", "kind", "bin", "label", "low", "high", "count", "rows"]
DRIFT = ["table", "column", "psi", "jensen_shannon", "reading"]
READINGS = ("stable", "look", "moved", "new", "gone", "other type")
"""What is to be said of a column: by the PSI, or because one of the two runs has nothing to compare."""
MISSING, OTHER = "(missing)", "(other)"
TOP = 20  # categories that a summary tells apart
FLOOR = 1e-4  # share that an empty bin counts with in the PSI, which is infinite otherwise
LOOK, MOVED = 0.1, 0.25  # PSI from which a shift is worth a look, and beyond which the column has moved


def summarise(
    tables: Tables,
    columns: Mapping[str, Iterable[str]] | None = None,
    bins: int = 10,
    like: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The distribution of each column: one row a bin, plain enough for Parquet or JSON.

    Numbers go into bins of about equal counts (low < value <= high, the outermost open), text and truth values into
    their most frequent values and the rest; nulls are a bin of their own. All counts are exact; the engine sorts and
    groups, which it can do on disk.

    Args:
        tables: the tables by name.
        columns: the columns of each table to look at; if not given, all but ids, times and lists.
        bins: quantile bins of a number.
        like: an earlier summary, whose columns, bins and categories are used instead; columns that it lacks, in its
            tables or in further tables of the contract, get bins of their own, and so do those of another kind by now.

    Returns:
        table, column, kind (number or text), bin (0 for nulls), label, low, high, count, rows (of the table).

    """
    if like is not None:
        return _again(tables, like)
    parts = []
    for name, wanted in (
        {n: _comparable(table) for n, table in tables.items()} if columns is None else columns
    ).items():
        table = tables[name]
        edges = {column: _edges(table, column, bins) for column in wanted if table[column].type().is_numeric()}
        texts = {column: _top(table, column) for column in wanted if column not in edges}
        parts.append(_counts(name, table, edges, texts))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=SUMMARY)


def drift(reference: pd.DataFrame, current: Tables | pd.DataFrame) -> pd.DataFrame:
    """How far each column has moved: table, column, psi, jensen_shannon, reading; the farthest first.

    Args:
        reference: the summary of the earlier run.
        current: the tables of this run, which are binned as the reference was; or their summary, made with
            `like=reference`.

    Returns:
        One row a column of either run. `reading` is one of `READINGS`: by the PSI "stable", "look" or "moved"; "new"
        and "gone" where one run lacks the column, its table or any row of it; "other type" where numbers became text
        or text numbers. The two distances are missing where nothing can be compared, and such rows come last.

    Raises:
        ValueError: the summaries have different bins.

    """
    now = current if isinstance(current, pd.DataFrame) else summarise(current, like=reference)
    earlier, latest = (dict(list(each.sort_values("bin").groupby(["table", "column"]))) for each in (reference, now))
    found = []
    for key in dict.fromkeys([*earlier, *latest]):
        before, after = (_filled(each.get(key)) for each in (earlier, latest))
        if before is None or after is None:
            lacking = "stable" if before is after else "new" if before is None else "gone"
            found.append([*key, np.nan, np.nan, lacking])
        elif before["kind"].iloc[0] != after["kind"].iloc[0]:
            found.append([*key, np.nan, np.nan, "other type"])
        elif list(before["label"]) != list(after["label"]):
            raise ValueError(f"column '{key[1]}' of '{key[0]}' has other bins: summarise it with like=reference")
        else:
            p, q = before["count"].to_numpy(float), after["count"].to_numpy(float)
            psi = population_stability(p, q)
            reading = "stable" if psi < LOOK else "look" if psi <= MOVED else "moved"
            found.append([*key, psi, jensen_shannon(p, q), reading])
    frame = pd.DataFrame(found, columns=DRIFT)
    return frame.sort_values(["psi", "table", "column"], ascending=[False, True, True], ignore_index=True)


def population_stability(expected: np.ndarray, actual: np.ndarray) -> float:
    """PSI of two vectors of counts over the same bins; a bin that is empty counts with the share 0.0001."""
    p, q = (np.maximum(counts / counts.sum(), FLOOR) for counts in (expected, actual))
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon(expected: np.ndarray, actual: np.ndarray) -> float:
    """Jensen-Shannon distance, base 2, of two vectors of counts over the same bins."""
    p, q = expected / expected.sum(), actual / actual.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(part > 0, part * np.log2(part / middle), 0.0).sum() for part in (p, q)]
    return float(np.sqrt(max(sum(parts) / 2, 0.0)))


def _filled(bins: pd.DataFrame | None) -> pd.DataFrame | None:
    """The bins of a column, if they hold any row."""
    return bins if bins is not None and bins["count"].sum() else None


def _again(tables: Tables, like: pd.DataFrame) -> pd.DataFrame:
    """Count what an earlier summary counted, in its bins, and what it did not know, in bins of its own."""
    parts, fresh = [], {}
    known = dict(list(like.groupby("table", sort=False)))
    for name, table in tables.items():
        if name not in known and name not in COLUMNS:
            continue
        mine = known.get(name, like.head(0))
        edges, texts, named = {}, {}, set(mine["column"])
        fresh[name] = [column for column in _comparable(table) if column not in named]
        for column, part in mine.groupby("column", sort=False):
            if column not in table.columns:
                continue
            if table[column].type().is_numeric() != (part["kind"].iloc[0] == "number"):
                fresh[name].append(str(column))
            elif part["kind"].iloc[0] == "number":
                edges[str(column)] = sorted(part["high"].dropna())
            else:
                texts[str(column)] = list(part.loc[part["bin"].between(1, part["bin"].max() - 1), "label"])
        parts.append(_counts(name, table, edges, texts))
    parts.append(summarise(tables, {name: columns for name, columns in fresh.items() if columns}))
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=SUMMARY)


def _comparable(table: Table) -> list[str]:
    return [
        column
        for column, kind in table.schema().items()
        if (kind.is_numeric() or kind.is_string() or kind.is_boolean()) and not column.endswith("_id")
    ]


def _edges(table: Table, column: str, bins: int) -> list[float]:
    """Upper ends of all bins but the last: the least values at which 1/bins, 2/bins, … of the rows are reached."""
    values = table.filter(table[column].notnull()).select(value=table[column].cast("float64"))
    counts = values.filter(~values.value.isnan()).group_by("value").agg(n=lambda t: t.count())
    upto = counts.n.sum().over(ibis.window(order_by="value", rows=(None, 0)))
    running = counts.mutate(upto=upto, all=counts.n.sum().over(ibis.window()))
    part = (running.upto * bins / running.all).floor()  # how many quantiles lie at or below this value
    first = running.mutate(part=part).filter(lambda t: t.part >= 1, lambda t: t.part < bins)
    return sorted(first.group_by("part").agg(low=first.value.min()).execute()["low"].tolist())


def _top(table: Table, column: str) -> list[str]:
    text = table.filter(table[column].notnull()).group_by(value=table[column].cast("string")).agg(n=lambda t: t.count())
    return text.order_by(ibis.desc("n"), "value").limit(TOP).execute()["value"].tolist()


def _counts(name: str, table: Table, edges: Mapping[str, list[float]], texts: Mapping[str, list[str]]) -> pd.DataFrame:
    """Count the bins of numbers and nulls in one pass, and categories by grouping."""
    wanted = {"rows": table.count()}
    for i, (column, ends) in enumerate(edges.items()):
        wanted |= {f"upto{i}_{j}": (table[column] <= end).sum() for j, end in enumerate(ends)}
    present = {column: table[column].count() for column in (*edges, *texts)}
    row = table.aggregate(**wanted, **{f"present_{c}": n for c, n in present.items()}).execute().iloc[0]
    row = row.fillna(0).astype("int64")
    parts = []
    for i, (column, ends) in enumerate(edges.items()):
        upto = [0, *(row[f"upto{i}_{j}"] for j in range(len(ends))), row[f"present_{column}"]]
        outer = [None, *ends, None]
        labels = [f"{_number(low)}..{_number(high)}" for low, high in pairwise(outer)]
        counts = np.diff(upto)
        parts.append(_bins(name, column, "number", labels, counts, row, outer))
    for column, values in texts.items():
        value = table[column].cast("string")
        told = table.filter(value.isin(values)).group_by(value=value).agg(n=lambda t: t.count()).execute()
        each = told.set_index("value")["n"].reindex(values).fillna(0).astype("int64").to_numpy()
        counts = np.append(each, row[f"present_{column}"] - each.sum())
        parts.append(_bins(name, column, "text", [*values, OTHER], counts, row, None))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=SUMMARY)


def _bins(
    name: str, column: str, kind: str, labels: list[str], counts: np.ndarray, row: "pd.Series[int]", outer: list | None
) -> pd.DataFrame:
    """The rows of one column, nulls first."""
    frame = pd.DataFrame({"label": [MISSING, *labels], "bin": range(len(labels) + 1)})
    frame["count"] = [int(row["rows"] - row[f"present_{column}"]), *map(int, counts)]
    ends = outer or [None] * (len(labels) + 1)
    frame["low"], frame["high"] = (pd.array([None, *part], "Float64") for part in (ends[:-1], ends[1:]))
    return frame.assign(table=name, column=column, kind=kind, rows=int(row["rows"]))[SUMMARY]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
