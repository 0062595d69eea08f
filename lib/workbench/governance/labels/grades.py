"""Graded relevance from behaviour, and labels corrected for position.

The order is of what was observed of an item in a shown list: purchase > cart > click > skipped > unexamined. An item
above a click was very probably looked at and passed over, so it is the surest negative there is (Joachims 2002,
"Optimizing Search Engines using Clickthrough Data": a click is preferred over what was skipped above it). Of an item
below the last click, or in a list without any, nobody knows whether it was seen. Neither is any evidence *for* the
item, so both have the grade 0. A grade between them would reward an item for having been rejected, or be taken for a
gain by whatever sums grades. The order is kept beside the grade instead: `evidence` (the keys of `GRADES`, strongest
first) goes on into the pairs, and by `weigh` a skipped item is a negative of weight 1, an unexamined one of the
probability that it was seen at all.

A click deep in a list is rarer than the same interest at its top. Weighted by the inverse of examination, clicks
estimate relevance without that bias (Joachims, Swaminathan & Schnabel 2017, "Unbiased Learning-to-Rank with Biased
Feedback"; Wang et al. 2016). Examination is known relative to position 1 only, so corrected rates are what the item
would get at position 1. An examination below `FLOOR` counts as `FLOOR`, so a click weighs at most 1 / `FLOOR`: some
bias at the bottom of long lists, for a variance that stays bounded.

Unbiased is not yet better ranked: a raw rate is low where the shop ranked low, and the shop mostly had its reasons, so
raw rates can follow true relevance more closely than inverse-propensity ones, which are noisier besides. `smooth` adds
that knowledge back as a prior, and its posterior is the label to use; `agreement` measures all of them.
"""

from collections.abc import Sequence

import ibis
import numpy as np
import pandas as pd
from ibis import _
from ibis.expr.types import NumericValue, Table
from scipy import stats

from workbench.data import engine
from workbench.governance.labels.positions import KEY, TAKEN, impressions
from workbench.metrics.intervals import interval

GRADES = {"purchase": 3, "cart": 2, "click": 1, "skipped": 0, "unexamined": 0}
FLOOR = 0.05
UNPLACED = 2**40  # stands for no position: an item that is logged twice in a list has the one that is known
COEFFICIENTS = ("spearman", "kendall", "somers_d")


def attribute(events: Table) -> Table:
    """Give carts and purchases that name no list the last list in which the same session showed the item before.

    Args:
        events: the contract's `events`, event_id unique.

    Returns:
        The events with `request_id` filled where such a list was found, all else as it was.

    """
    late = events.filter(_.request_id.isnull(), _.event_type.isin(["cart", "purchase"]))
    late = late.select("event_id", "user_id", "session_id", "item_id", when=_.timestamp)
    shown = events.filter(_.event_type == "impression", _.request_id.notnull())
    shown = shown.select("user_id", "session_id", "item_id", found=_.request_id, seen=_.timestamp)
    lists = late.join(shown, ["user_id", "session_id", "item_id", late.when >= shown.seen])
    order = ibis.window(group_by="event_id", order_by=[lists.seen.desc(), lists.found.desc()])
    last = lists.mutate(rank=ibis.row_number().over(order)).filter(_.rank == 0).select("event_id", "found")
    filled = events.left_join(last, "event_id").mutate(request_id=ibis.coalesce(_.request_id, _.found))
    return filled.select(*events.columns)


def grades(events: Table) -> Table:
    """What was observed of every item of every shown list, and its grade.

    A list need not say at which positions its items stood: then nothing is known to have been skipped, and the position
    is null.

    Args:
        events: the contract's `events`; what names no list is not seen here, see `attribute`.

    Returns:
        request_id, item_id, context (the query), position, evidence (a key of `GRADES`), grade (whole number),
        propensity.

    """
    strength = ibis.cases(*((_.event_type == name, GRADES[name]) for name in TAKEN), else_=0)
    taken = events.filter(_.event_type.isin(TAKEN), _.request_id.notnull()).group_by(*KEY).agg(best=strength.max())
    placed = (events.position >= 1).fill_null(False).ifelse(events.position, UNPLACED)
    shown = impressions(events.mutate(position=placed)).left_join(taken, KEY)
    position = shown.position.nullif(UNPLACED)
    shown = shown.select(*KEY, "context", "propensity", position=position, best=_.best.fill_null(0))
    lists = ibis.window(group_by="request_id")
    last = shown.position.max(where=shown.best > 0).over(lists).fill_null(0)
    evidence = ibis.cases(
        *((shown.best == GRADES[name], name) for name in TAKEN),
        (shown.position < last, "skipped"),
        else_="unexamined",
    )
    graded = shown.mutate(evidence=evidence)
    return graded.select(*KEY, "context", "position", "evidence", grade=_.best.cast("int64"), propensity=_.propensity)


def weigh(graded: Table, positions: Table, floor: float = FLOOR) -> Table:
    """Add `weight`: inverse propensities, stabilised by how much the position is looked at.

    By inverse propensity alone a click weighs 1 / examination and what was not clicked 1. Both times the examination of
    the position (a stabilised weight: Robins, Hernán & Brumback 2000, "Marginal Structural Models"), a click weighs 1
    and what may never have been looked at weighs the probability that it was: within a position the ratio is the same,
    a position counts as much as it is looked at, and no weight is large. What was skipped above a click weighs 1: it
    was looked at. Without a position nothing is known of how it was looked at, and all weigh 1.

    Args:
        graded: as `grades` gives it.
        positions: position, examination; a position that it lacks counts as examined with probability `floor`.
        floor: least examination.

    """
    known = _examined(graded, positions, floor)
    unseen = (known.evidence == "unexamined") & known.position.notnull()
    weight = unseen.ifelse(ibis.least(known.examination, 1.0), 1.0)
    return known.mutate(weight=weight).select(*graded.columns, "weight")


def corrected(impressions: Table, positions: Table, floor: float = FLOOR) -> Table:
    """Label of each (context, item): its click rate, raw and corrected for where it was shown.

    Lists of unknown context are left out: they say nothing about a known one.

    Args:
        impressions: request_id, item_id, context, position, clicked.
        positions: position, examination; a position that it lacks counts as examined with probability `floor`.
        floor: least examination.

    Returns:
        context, item_id, impressions, clicks, and

        - click_rate: clicks ÷ impressions, raw;
        - ips_rate: Σ clicks / examination ÷ impressions; unbiased but for the floor, may exceed 1;
        - expected_rate: clicks ÷ `expected`, clicks over expected clicks (Zhang & Jones 2007); the self-normalised one,
          less variance, as an impression that was hardly seen hardly counts;
        - expected, squared: Σ examination, Σ examination²;
        - placed: mean corrected rate of all that ever stood where this pair stood;
        - share: of the context's lists that showed the item.

    """
    impressions = impressions.filter(_.context.notnull())
    known = _examined(impressions, positions, floor)
    known = known.mutate(clicked=_.clicked.cast("float64"))
    place = ibis.window(group_by="position")
    known = known.mutate(there=known.clicked.sum().over(place) / known.examination.sum().over(place))
    counts = known.group_by("context", "item_id").agg(
        impressions=_.count(),
        clicks=_.clicked.sum(),
        weighed=(_.clicked / _.examination).sum(),
        expected=_.examination.sum(),
        squared=(_.examination**2).sum(),
        placed=_.there.mean(),
    )
    lists = impressions.group_by("context").agg(lists=_.request_id.nunique())
    return counts.join(lists, "context").select(
        "context", "item_id", "impressions",
        clicks=_.clicks.cast("int64"),
        click_rate=_.clicks / _.impressions,
        ips_rate=_.weighed / _.impressions,
        expected_rate=_.clicks / _.expected,
        expected=_.expected,
        squared=_.squared,
        placed=_.placed,
        share=_.impressions / _.lists,
    )  # fmt: skip


def smooth(labels: pd.DataFrame, exposure: str = "expected", name: str = "posterior_rate") -> pd.DataFrame:
    """Add the corrected rate of a pair as a Bayesian would hold it: its clicks, and what the shop knew of it before.

    Corrected rates of rarely seen pairs are mostly noise, and raw ones profit from a ranking that already knows what
    is relevant. So what is known of a pair besides its own clicks is made the prior, openly: a gamma distribution whose
    mean is a Poisson regression of clicks on where the pair was placed, how often it was chosen, and how the item fared
    in other contexts, with exposure as offset, and whose shape is fitted by moments. The posterior mean is
    (clicks + shape) ÷ (exposure + shape / mean): the more examinations, the more the clicks speak for themselves
    (gamma-Poisson empirical Bayes; DuMouchel 1999).

    Args:
        labels: as `corrected` gives it, executed; one row a pair.
        exposure: 'expected', or 'impressions' for the same without correction for position, as a rival.
        name: of the column added.

    """
    clicks, exposed = labels["clicks"].to_numpy(float), labels[exposure].to_numpy(float)
    overall = clicks.sum() / max(exposed.sum(), 1e-12)
    if overall == 0:
        return labels.assign(**{name: 0.0})
    counts = pd.DataFrame({"clicks": clicks, "exposed": exposed})
    others = counts.groupby(labels["item_id"].to_numpy()).transform("sum") - counts
    elsewhere = (others["clicks"] + 1) / (others["exposed"] + 1 / overall)
    known = (labels["placed"], labels["share"], elsewhere)
    features = [np.log(each.to_numpy(float).clip(1e-3 * overall)) for each in known]
    mean = _poisson(clicks, exposed, np.column_stack([each - each.mean() for each in features]))
    # a click is 0 or 1, so it varies less than a Poisson count: by the sum of the squared probabilities
    squared = mean**2 * (exposed if exposure == "impressions" else labels["squared"].to_numpy(float))
    spread = ((clicks - mean * exposed) ** 2 - mean * exposed + squared).sum()
    shape = np.clip((mean * exposed) @ (mean * exposed) / max(spread, 1e-12), 0.01, 1e6)
    return labels.assign(**{name: (clicks + shape) / (exposed + shape / mean)})


def relevance(con: ibis.BaseBackend, impressions: Table, positions: Table) -> Table:
    """How well each item serves each query, raw and corrected; the label to use is `posterior_rate`.

    The prior is fitted on numbers alone: names of millions of pairs would not fit in memory.

    Args:
        con: the engine, which keeps the result.
        impressions: as `corrected` takes them, the context being the query.
        positions: as `corrected` takes them.

    Returns:
        query (in small letters), item_id, impressions, clicks, click_rate (raw), expected_rate and posterior_rate (see
        `corrected` and `smooth`).

    """
    rates = corrected(impressions, positions)
    row = ibis.row_number().over(order_by=[rates.context, rates.item_id])
    numbered = rates.mutate(row=row, item=ibis.dense_rank().over(order_by=rates.item_id))
    numbered = engine.keep(con, "relevance_rates", numbered)
    numbers = numbered.select("row", "clicks", "expected", "squared", "placed", "share", item_id="item")
    smoothed = smooth(numbers.order_by("row").execute())[["row", "posterior_rate"]]
    known = ibis.memtable(smoothed, schema={"row": "int64", "posterior_rate": "float64"})
    columns = ("item_id", "impressions", "clicks", "click_rate", "expected_rate", "posterior_rate")
    found = numbered.join(known, "row").select(*columns, query="context").relocate("query")
    return engine.keep(con, "relevance", found)


def _poisson(clicks: np.ndarray, exposed: np.ndarray, features: np.ndarray, steps: int = 200) -> np.ndarray:
    """[pairs] rate by a Poisson regression with a unit ridge on the slopes, Newton's method."""
    design = np.column_stack([np.ones(len(clicks)), features])
    ridge = np.r_[0.0, np.ones(features.shape[1])]
    weights = np.r_[np.log(clicks.sum() / exposed.sum()), np.zeros(features.shape[1])]
    for _step in range(steps):
        expected = exposed * np.exp(design @ weights)
        slope = design.T @ (clicks - expected) - ridge * weights
        step = np.linalg.solve(design.T @ (design * expected[:, None]) + np.diag(ridge), slope)
        weights += step * min(1.0, 1.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-8:
            return np.exp(design @ weights)
    raise ValueError(f"the prior of the labels did not converge in {steps} steps: are clicks and exposure counts?")


def agreement(
    labels: pd.DataFrame,
    truth: str = "relevance",
    subjects: Sequence[str] = ("click_rate", "ips_rate", "expected_rate", "posterior_rate"),
    resamples: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """How well labels rank (context, item) pairs as the truth does: Spearman's ρ, Kendall's τ-b and Somers' D.

    Most raw rates are 0. τ-b leaves out what a label ties; D, the share of pairs in the true order less the share in
    the wrong one, counts a tie as no help, which is what it is to whoever has to rank (Somers 1962).

    Args:
        labels: a row a pair: context, the truth and the labels; no missing values.
        truth: column of the true relevance.
        subjects: columns of labels; the others are compared with the first.
        resamples: bootstrap samples; whole contexts are drawn, and all labels share the draws.
        seed: of the draws.
        level: coverage of the percentile intervals.

    Returns:
        subject, metric, value, low, high, n: a row a label and coefficient, and one a difference from the first label.

    Raises:
        ValueError: fewer than two pairs or contexts, or a value is missing.

    """
    values = labels[[truth, *subjects]].to_numpy(float)
    codes, names = pd.factorize(labels["context"], sort=True)
    if len(values) < 2 or len(names) < 2 or not np.isfinite(values).all():
        raise ValueError("agreement needs two (context, item) pairs of two contexts and no missing value")
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    rng = np.random.default_rng(seed)
    draws = [
        np.concatenate([members[i] for i in rng.integers(0, len(names), len(names))]) for _draw in range(resamples)
    ]
    found, drawn = _coefficients(values), np.stack([_coefficients(values[rows]) for rows in draws])
    base, rest = subjects[0], subjects[1:]
    titles = [*subjects, *(f"{one} - {base}" for one in rest)]
    found = np.vstack([found, found[1:] - found[:1]])
    drawn = np.concatenate([drawn, drawn[:, 1:] - drawn[:, :1]], axis=1)
    low, high = interval(drawn, level)
    return pd.DataFrame(
        {
            "subject": title,
            "metric": metric,
            "value": found[i, j],
            "low": low[i, j],
            "high": high[i, j],
            "n": len(values),
        }
        for i, title in enumerate(titles)
        for j, metric in enumerate(COEFFICIENTS)
    )


def _coefficients(values: np.ndarray) -> np.ndarray:
    """[labels, 3] the coefficients of the later columns with the first."""
    truth = values[:, 0]
    rows = []
    for label in values[:, 1:].T:
        tau = stats.kendalltau(truth, label)[0]
        rows.append((stats.spearmanr(truth, label)[0], tau, tau * np.sqrt(_untied(label) / _untied(truth))))
    return np.array(rows)


def _untied(values: np.ndarray) -> float:
    """How many pairs of values differ."""
    counts = np.unique(values, return_counts=True)[1].astype(float)
    return float((len(values) ** 2 - (counts**2).sum()) / 2)


def _examined(table: Table, positions: Table, floor: float) -> Table:
    """The table with `examination`, at least `floor`."""
    if not 0 < floor <= 1:
        raise ValueError(f"floor is {floor}: the least examination is above 0 and at most 1")
    known = positions.select("position", found=_.examination)
    joined = table.left_join(known, "position")
    return joined.select(*table.columns, examination=_at_least(joined.found, floor))


def _at_least(value: NumericValue, floor: float) -> NumericValue:
    # a missing value may come as NaN from a frame, and greatest() takes NaN for the largest
    known = value.cast("float64").fill_null(floor)
    return (known.isnan() | (known < floor)).ifelse(floor, known)
