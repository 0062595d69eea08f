"""Position bias: how probably a position is examined, relative to the first one, estimated from the click log.

The position-based model (Craswell et al. 2008, "An experimental comparison of click position-bias models") says that
an item is clicked if it is examined, which depends on the position only, and attractive, which depends on the context
and the item only: P(click) = examination(position) · attractiveness(context, item). Two estimators:

- **harvest**, where the same item was shown for the same context at several positions: the log holds interventions
  already (Agarwal et al. 2019, "Estimating Position Bias without Intrusive Interventions"). All pairs of positions are
  used at once: given how many clicks a (context, item) got, its attractiveness drops out of how they fall on its
  positions, which is the conditional likelihood of a fixed-effects Poisson model (Hausman, Hall & Griliches 1984). It
  needs only the mean to be right, so it is consistent for clicks that are 0 or 1 too and for any number of pairs
  however rarely shown (Wooldridge 1999). Its standard error is the sandwich, a (context, item) being one cluster.
- **em**, where ranks hardly vary: the model above by expectation-maximisation over attractiveness, which is shrunk to
  the item's over all contexts, and that to the log's (after Wang et al. 2018, "Position Bias Estimation for Unbiased
  Learning to Rank in Personal Search", whose regression is a hierarchy of means here). A ranking that knows what is
  attractive in one context and not in another is taken for examination, in part: the estimate then lies between
  the truth and the naive ratio of click rates. Its standard error, from the Fisher information, knows nothing of that.

Rule: harvest, if at least `VARIED` of the (context, item) pairs that were shown twice or more stood at more than one
position, and if they link the positions of at least `LINKED` of all clicks to the first; else em. A position that
stays unlinked, mostly a deep one with hardly a click, is left without an estimate.

Harvesting asks that, for one (context, item), the position tells nothing about how attractive it is just then. That
fails where the context is unknown (a user browsed, and nobody wrote down for what) and where lists follow the user's
taste. There the logged propensity helps: weighted by its inverse, every position sees the same mix of lists. The price
is variance, so by default only lists of unknown context are weighted, and left out where no propensity was logged.
"""

import functools
from collections.abc import Sequence

import ibis
import numpy as np
import pandas as pd
from ibis import _
from ibis.expr.types import Table
from scipy import sparse, stats
from scipy.sparse.csgraph import connected_components

VARIED = 0.1  # of the pairs shown twice or more: below it, the interventions are few and likely to be odd
TAKEN = ("click", "cart", "purchase")  # who put it into the basket from the list has taken it as a click does
LINKED = 0.9
DEEPEST = 50
CAP = 100.0  # of an inverse propensity: a rarer event would outweigh all others of its pair
KEY = ("request_id", "item_id")
UNCLICKED = "position 1 was never clicked: examination relative to it cannot be estimated"


class PositionError(ValueError):
    """The log cannot tell how positions are examined; the message says what it lacks."""


def impressions(events: Table, context: Sequence[str] = ("query",)) -> Table:
    """What was shown where and whether it was taken, one row for each item of a shown list.

    A click counts by its list and item alone, so it need not carry a position. An item that is logged twice in a list
    stands at the higher of its positions. What has no list or no position is left out, as `usable` counts.

    Args:
        events: the contract's `events`.
        context: columns of `events` that say for what a list was made; text is compared without case and outer space.
            None, if all lists are made for the same.

    Returns:
        request_id, item_id, context (null where one of its columns is), position (from 1), clicked (boolean),
        propensity.

    """
    shown = events.filter(_.event_type == "impression", _.request_id.notnull(), _.position >= 1)
    parts = [shown[column].cast("string").strip().lower().nullif("") for column in context]
    name = functools.reduce(lambda left, right: left + "|" + right, parts) if parts else ibis.literal("all")
    lists = (
        shown.mutate(context=name)
        .group_by(*KEY)
        .agg(context=_.context.max(), position=_.position.min(), propensity=_.propensity.max())
    )
    taken = events.filter(_.event_type.isin(TAKEN), _.request_id.notnull()).select(*KEY).distinct()
    joined = lists.left_join(taken.mutate(taken=ibis.literal(True)), KEY)
    return joined.select(*KEY, "context", "position", clicked=_.taken.fill_null(False), propensity=_.propensity)


def usable(events: Table) -> dict[str, int]:
    """What of the log can tell about positions: counts of impressions and clicks, and of those that cannot and why."""
    shown, clicks = events.event_type == "impression", events.event_type == "click"
    placed = events.request_id.notnull() & (events.position >= 1).fill_null(False)
    lists = events.filter(shown & placed).select(*KEY).distinct()
    clicked = events.filter(clicks)
    given, distinct = (int(table.count().execute()) for table in (events.filter(shown & placed), lists))
    return {
        "impressions": int(events.filter(shown).count().execute()),
        "impressions_without_list_or_position": int(events.filter(shown & ~placed).count().execute()),
        "impressions_repeated": given - distinct,
        "clicks": int(clicked.count().execute()),
        "clicks_on_nothing_shown": int(clicked.anti_join(lists, KEY).count().execute()),
    }


def cells(impressions: Table, deepest: int = DEEPEST, weigh: str = "unknown") -> Table:
    """Counts by (context, item, position), all that the estimators need of a log of any length.

    Args:
        impressions: item_id, context, position, clicked, propensity.
        deepest: positions below it are left out.
        weigh: which impressions count by their inverse logged propensity (at most `CAP`; nothing where it was not
            logged) instead of 1: those of 'unknown' context, 'all', or 'none'. Weights are scaled so that together
            they count as many clicks as their spread leaves them worth (Kish 1965).

    Returns:
        context (null if unknown), item_id, position, impressions, clicks, shown (unweighted impressions).

    """
    if weigh not in ("unknown", "all", "none"):
        raise PositionError(f"weigh is {weigh!r}: choose unknown, all or none")
    inside = impressions.filter(_.position.between(1, deepest)).mutate(clicked=_.clicked.cast("float64"))
    if weigh == "none":
        inside = inside.mutate(weight=ibis.literal(1.0))
    else:
        logged = (inside.propensity > 0) & ~inside.propensity.isnan()
        inverse = logged.fill_null(False).ifelse(ibis.least(1 / inside.propensity, CAP), 0.0)
        chosen = ibis.literal(True) if weigh == "all" else inside.context.isnull()
        inside = inside.mutate(inverse=chosen.ifelse(inverse, 0.0), chosen=chosen)
        worth = inside.aggregate(one=(_.inverse * _.clicked).sum(), two=(_.inverse**2 * _.clicked).sum()).execute()
        one, two = worth.iloc[0].fillna(0.0).astype(float)
        inside = inside.mutate(weight=_.chosen.ifelse(_.inverse * (one / two if two else 0.0), 1.0))
    sums = inside.group_by("context", "item_id", "position")
    counts = sums.agg(impressions=_.weight.sum(), clicks=(_.weight * _.clicked).sum(), shown=_.count())
    return counts.filter(_.impressions > 0)


def varied(cells: Table) -> float:
    """Share of the (context, item) pairs shown at least twice that stood at more than one position; 0 without any."""
    pairs = cells.group_by("context", "item_id").agg(shown=_.shown.sum(), positions=_.count()).filter(_.shown > 1)
    share = (pairs.positions > 1).mean().execute()
    return 0.0 if share is None or np.isnan(share) else float(share)


def estimate(
    impressions: Table, method: str = "auto", deepest: int = DEEPEST, weigh: str = "unknown", level: float = 0.95
) -> pd.DataFrame:
    """Examination by position relative to the first, with theoretical standard errors.

    Args:
        impressions: as `impressions` gives them.
        method: 'harvest', 'em', or 'auto' for the rule that the module states.
        deepest: positions below it are left out.
        weigh: for harvest, see `cells`.
        level: coverage of the interval.

    Returns:
        One row a position in order: position, examination (1 at position 1; missing where no clicks link the position
        to the first), standard_error, low, high (log-normal interval), naive (ratio of click rates, which takes what
        is ranked low for what is seen little), method, impressions, clicks.

    Raises:
        PositionError: no impression or click has a position, the first one was never clicked, or a choice is unknown.

    """
    if method not in ("auto", "harvest", "em"):
        raise PositionError(f"method is {method!r}: choose auto, harvest or em")
    totals = _totals(impressions.filter(_.position.between(1, deepest)))
    if method in ("auto", "harvest"):
        with cells(impressions, deepest, weigh).cache() as counted:
            found = harvest(_coded(_several(counted)))
            share = varied(counted)
        linked = totals["position"].isin(found.index[found["examination"].notna()])
        reach = totals["clicks"][linked].sum() / totals["clicks"].sum()
        if method == "harvest" or (share >= VARIED and reach >= LINKED):
            return _report(totals, found, "harvest", level)
    return _report(totals, em(_coded(cells(impressions, deepest, "none"))), "em", level)


def harvest(cells: pd.DataFrame, tolerance: float = 1e-9, steps: int = 200) -> pd.DataFrame:
    """Intervention harvesting over all pairs of positions, by Newton steps on the logarithm of examination.

    Args:
        cells: pair (whole number), position, impressions, clicks; one row a pair and position.
        tolerance: largest step on the logarithm at which it has converged.
        steps: how many steps it may take.

    Returns:
        examination, standard_error, by position; a position is missing where the likelihood has no finite maximum for
        it: no chain of clicks leads from it to position 1 and back (Ford 1957).

    """
    names = np.unique(cells["position"])
    shown, clicked = _matrix(cells, names, "impressions"), _matrix(cells, names, "clicks")
    kept = _linked(shown, clicked, names)
    result = pd.DataFrame({"examination": np.nan, "standard_error": np.nan}, index=pd.Index(names, name="position"))
    if not kept.any():
        return result
    shown, clicked = shown[:, kept], clicked[:, kept]
    clicks = np.asarray(clicked.sum(1)).ravel()
    logs = np.zeros(kept.sum())
    for _step in range(steps):
        share = _rows(shown @ sparse.diags(np.exp(logs)))
        expected = share.T @ clicks
        score = np.asarray(clicked.sum(0)).ravel() - expected
        information = np.diag(expected) - (share.T @ sparse.diags(clicks) @ share).toarray()
        step = np.linalg.solve(information[1:, 1:], score[1:]) if len(logs) > 1 else np.zeros(0)
        logs[1:] += step * min(1.0, 1.0 / max(np.abs(step).max(initial=0.0), 1e-12))
        if np.abs(step).max(initial=0.0) < tolerance:
            break
    else:
        raise PositionError(f"harvesting did not converge in {steps} steps: leave out deep positions (deepest)")
    scores = (clicked - sparse.diags(clicks) @ share)[:, 1:]
    bread = np.linalg.inv(information[1:, 1:])
    clusters = max(int((clicks > 0).sum()), 2)
    covariance = bread @ (scores.T @ scores).toarray() @ bread * clusters / (clusters - 1)
    errors = np.concatenate([[0.0], np.sqrt(np.diag(covariance))])
    result.loc[names[kept], "examination"] = np.exp(logs)
    result.loc[names[kept], "standard_error"] = np.exp(logs) * errors
    return result


def em(cells: pd.DataFrame, tolerance: float = 1e-7, steps: int = 5000) -> pd.DataFrame:
    """Position-based model by expectation-maximisation, attractiveness shrunk to the item's and to the log's.

    Attractiveness of a pair is gamma-distributed around the item's, and that around the log's. E-step: its posterior
    mean; M-step: examination is clicks ÷ Σ impressions · attractiveness. The shapes are fitted by moments on the way.

    Args:
        cells: pair, item (whole numbers), position, impressions, clicks; one row a pair and position.
        tolerance: largest change of an examination in a step at which it has converged, relative.
        steps: how many steps it may take.

    Returns:
        examination, standard_error, by position; missing where no click was seen.

    """
    totals = cells.groupby("position")["clicks"].sum()
    names = totals.index[totals > 0].to_numpy()
    result = pd.DataFrame({"examination": np.nan, "standard_error": np.nan}, index=totals.index)
    if not len(names) or names[0] != 1:
        raise PositionError(UNCLICKED)
    kept = cells[cells["position"].isin(names)]
    shown, clicks = _matrix(kept, names, "impressions"), totals[names].to_numpy(float)
    pair_clicks = np.asarray(_matrix(kept, names, "clicks").sum(1)).ravel()
    item = np.unique(kept.groupby("pair")["item"].first(), return_inverse=True)[1]
    item_clicks = np.bincount(item, pair_clicks)
    seen = clicks / np.asarray(shown.sum(0)).ravel()
    seen /= seen[0]
    for _step in range(steps):
        exposed, squared = shown @ seen, shown @ seen**2
        item_exposed = np.bincount(item, exposed)
        whole = clicks.sum() / exposed.sum()
        of_item = _shape(item_clicks, whole * item_exposed, whole**2 * np.bincount(item, squared))
        mean = ((item_clicks + of_item) / (item_exposed + of_item / whole))[item]
        of_pair = _shape(pair_clicks, mean * exposed, mean**2 * squared)
        liked = (pair_clicks + of_pair) / (exposed + of_pair / mean)
        new = clicks / (shown.T @ liked)
        new /= new[0]
        change, seen = np.abs(new / seen - 1).max(), new
        if change < tolerance:
            break
    else:
        raise PositionError(f"EM did not converge in {steps} steps: leave out deep positions (deepest)")
    expected = sparse.csr_array(sparse.diags(mean) @ shown @ sparse.diags(seen))
    result.loc[names, "examination"] = seen
    result.loc[names, "standard_error"] = seen * _errors(expected, item, of_pair, of_item)
    return result


def _shape(clicks: np.ndarray, expected: np.ndarray, squared: np.ndarray) -> float:
    """Shape of the gamma whose spread explains what clicks vary beyond 0-or-1 noise, expected - squared, by moments."""
    beyond = ((clicks - expected) ** 2 - expected + squared).sum()
    return float(np.clip((expected @ expected) / max(beyond, 1e-12), 0.05, 1e5))


def _errors(expected: sparse.csr_array, item: np.ndarray, of_pair: float, of_item: float) -> np.ndarray:
    """Standard errors of the logarithms of ratios to the first position, by Fisher information.

    Information on logarithms of examination, item and pair effects, with pairs and then items eliminated (Schur).
    """
    sums = np.asarray(expected.sum(1)).ravel()
    left = of_pair / (of_pair + sums)
    groups = sparse.csr_array((np.ones(len(item)), (item, np.arange(len(item)))))
    cross = (groups @ sparse.diags(left) @ expected).toarray()  # [items, positions]
    items = of_item + groups @ (left * sums)
    own = np.diag(np.asarray(expected.sum(0)).ravel())
    own = own - (expected.T @ sparse.diags(1 / (of_pair + sums)) @ expected).toarray()
    covariance = np.linalg.pinv(own - cross.T @ (cross / items[:, None]), hermitian=True)
    contrast = np.eye(len(covariance))
    contrast[:, 0] -= 1
    return np.sqrt(np.clip(np.diag(contrast @ covariance @ contrast.T), 0, None))


def _several(cells: Table) -> Table:
    """The cells of pairs that were clicked and stood at more than one position: the others say nothing about ratios."""
    pair = ibis.window(group_by=["context", "item_id"])
    marked = cells.mutate(positions=_.count().over(pair), taken=cells.clicks.sum().over(pair))
    return marked.filter(_.positions > 1, _.taken > 0).select(*cells.columns)


def _coded(cells: Table) -> pd.DataFrame:
    """The cells in memory, pair and item as whole numbers: names of millions of pairs would not fit."""
    known = cells.mutate(context=cells.context.fill_null(""))  # no known context is empty
    pair = ibis.dense_rank().over(order_by=[known.context, known.item_id])
    item = ibis.dense_rank().over(order_by=known.item_id)
    coded = known.select("position", "impressions", "clicks", pair=pair, item=item)
    return coded.order_by("pair", "position").execute()


def _totals(impressions: Table) -> pd.DataFrame:
    counts = impressions.group_by("position").agg(impressions=_.count(), clicks=_.clicked.cast("int64").sum())
    totals = counts.order_by("position").execute()
    totals["clicks"] = totals["clicks"].astype("int64")
    if totals.empty:
        raise PositionError("no impression has a list and a position: examination cannot be estimated")
    if totals["position"].iloc[0] != 1 or totals["clicks"].iloc[0] == 0:
        raise PositionError(UNCLICKED)
    return totals


def _report(totals: pd.DataFrame, found: pd.DataFrame, method: str, level: float) -> pd.DataFrame:
    result = totals.merge(found.reset_index(), how="left", on="position")
    rate = result["clicks"] / result["impressions"]
    z = stats.norm.ppf((1 + level) / 2)
    spread = np.exp(z * result["standard_error"] / result["examination"])
    naive = rate / rate.iloc[0]
    low, high = result["examination"] / spread, result["examination"] * spread
    result = result.assign(low=low, high=high, naive=naive, method=method)
    order = ["position", "examination", "standard_error", "low", "high", "naive", "method", "impressions", "clicks"]
    return result[order]


def _matrix(cells: pd.DataFrame, names: np.ndarray, column: str) -> sparse.csr_array:
    pair = np.unique(cells["pair"], return_inverse=True)[1]
    place = np.searchsorted(names, cells["position"])
    shape = (int(pair.max(initial=-1)) + 1, len(names))
    return sparse.csr_array((cells[column].to_numpy(float), (pair, place)), shape=shape)


def _rows(matrix: sparse.csr_array) -> sparse.csr_array:
    """Each row divided by its sum; a row of zeros stays."""
    sums = np.asarray(matrix.sum(1)).ravel()
    return sparse.csr_array(sparse.diags(1 / np.where(sums > 0, sums, 1.0)) @ matrix)


def _linked(shown: sparse.csr_array, clicked: sparse.csr_array, names: np.ndarray) -> np.ndarray:
    """Which positions clicks link with position 1, there and back, so that their ratio has a finite estimate."""
    if not len(names) or names[0] != 1:
        return np.zeros(len(names), bool)
    steps = (clicked > 0).astype(float).T @ (shown > 0).astype(float)
    groups = connected_components(sparse.csr_array(steps), directed=True, connection="strong")[1]
    return groups == groups[0]
