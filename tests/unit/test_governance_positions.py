"""Position bias: both estimators against logs whose examination is known, and the log's odd rows."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from workbench.data import engine
from workbench.data.contract import check, conform
from workbench.display import positions as figures
from workbench.governance.labels import positions

TRUTH = 1 / np.arange(1, 11)


@pytest.fixture(scope="module")
def con():
    return engine.connect("500MB", threads=1)


def log(
    seed: int = 0, lists: int = 10_000, queries: int = 80, items: int = 30, noise: float = 0.5, cascade: bool = False
) -> tuple[pd.DataFrame, np.ndarray]:
    """Impressions of lists of ten, ranked by noisy relevance; and relevance [queries, items]."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-2, 0.8, items) + rng.normal(0, 0.8, (queries, items))  # of the item, and for the query
    relevance, score = 1 / (1 + np.exp(-logit)), logit + rng.normal(0, 1, (queries, items))
    popularity = 1 / np.arange(1, queries + 1)
    query = rng.choice(queries, lists, p=popularity / popularity.sum())
    order = np.argsort(-(score[query] + noise * rng.gumbel(size=(lists, items))), axis=1)[:, :10]
    attracted = rng.random(order.shape) < relevance[query[:, None], order]
    clicked = attracted & (rng.random(order.shape) < TRUTH)
    if cascade:  # examined until the first click
        clicked = attracted & (np.cumsum(attracted, axis=1) == 1)
    shown = {"request_id": np.repeat(np.arange(lists), 10), "item_id": order.ravel(), "context": np.repeat(query, 10)}
    frame = pd.DataFrame({name: pd.Series(value).astype("str") for name, value in shown.items()})
    frame["position"], frame["clicked"], frame["propensity"] = np.tile(np.arange(1, 11), lists), clicked.ravel(), np.nan
    return frame, relevance


def estimates(con, frame: pd.DataFrame, *arguments, **named) -> pd.DataFrame:
    return positions.estimate(con.create_table("log", frame, overwrite=True), *arguments, **named)


def test_harvesting_finds_the_truth_and_its_error_is_the_theoretical_one(con):
    runs = [estimates(con, log(seed)[0]) for seed in range(8)]
    assert {run["method"].iloc[0] for run in runs} == {"harvest"}
    logs = np.log([run["examination"] for run in runs])
    errors = np.array([run["standard_error"] / run["examination"] for run in runs])
    assert np.median(np.abs(np.exp(logs) / TRUTH - 1), axis=0).max() < 0.10
    z = (logs[:, 1:] - np.log(TRUTH[1:])) / errors[:, 1:]
    assert abs(z.mean()) < 0.5
    assert 0.7 < z.std() < 1.3
    naive = np.median(np.abs([run["naive"] / TRUTH - 1 for run in runs]), axis=0)
    assert naive.max() > 0.25  # what stands at the top is what is relevant
    first = runs[0].iloc[0]
    assert (first["examination"], first["standard_error"], first["low"], first["high"]) == (1, 0, 1, 1)


def test_two_positions_by_hand(con):
    """Of pair a 6 of 10 clicks fall on position 1 with as many impressions, of b 3 of 4 with twice as many below."""
    cells = pd.DataFrame(
        [(0, 1, 100, 6), (0, 2, 100, 4), (1, 1, 50, 3), (1, 2, 100, 1)],
        columns=["pair", "position", "impressions", "clicks"],
    )
    theta = positions.harvest(cells)["examination"].loc[2]
    # clicks at position 2 equal what is expected of them, given each pair's clicks
    assert 10 * theta / (1 + theta) + 4 * 2 * theta / (1 + 2 * theta) == pytest.approx(5)


def test_a_pair_that_never_varies_says_nothing_to_harvesting(con):
    frame, _ = log(1, lists=3000)
    fixed = pd.DataFrame(
        {"request_id": "x", "item_id": "fixed", "context": "x", "position": 7, "clicked": True, "propensity": np.nan},
        index=range(5000),
    )
    alone, both = estimates(con, frame, "harvest"), estimates(con, pd.concat([frame, fixed]), "harvest")
    np.testing.assert_allclose(alone["examination"], both["examination"], rtol=1e-6)
    assert both["naive"][6] > 2 * alone["naive"][6]


def test_em_on_a_confounded_log_lies_between_the_click_rates_and_the_truth(con):
    """Ranks follow what is relevant to the query, which the mean of an item over queries does not tell."""
    found = estimates(con, log(2)[0], "em")
    assert (found["naive"] < found["examination"])[1:].all()
    assert (found["examination"] < 1.1 * TRUTH)[1:].all()


def fixed_lists(seed: int) -> pd.DataFrame:
    """One list a context, never reordered: items stand at any rank, but each pair at one only."""
    rng = np.random.default_rng(seed)
    relevance = rng.beta(2, 4, 40)
    order = np.array([rng.permutation(40)[:10] for _ in range(300)])
    lists = np.repeat(np.arange(300), 40)
    shown = order[lists]
    clicked = rng.random(shown.shape) < relevance[shown] * TRUTH
    frame = pd.DataFrame({"context": np.repeat(lists, 10).astype(str), "item_id": shown.ravel().astype(str)})
    return frame.assign(position=np.tile(np.arange(1, 11), len(lists)), clicked=clicked.ravel(), propensity=np.nan)


def test_em_finds_the_truth_where_ranks_are_fixed_and_its_error_is_the_theoretical_one(con):
    runs = [estimates(con, fixed_lists(seed)) for seed in range(6)]
    assert {run["method"].iloc[0] for run in runs} == {"em"}
    logs = np.log([run["examination"] for run in runs])
    assert np.median(np.abs(np.exp(logs) / TRUTH - 1), axis=0).max() < 0.10
    errors = np.array([run["standard_error"] / run["examination"] for run in runs])
    z = (logs[:, 1:] - np.log(TRUTH[1:])) / errors[:, 1:]
    assert abs(z.mean()) < 0.5
    assert 0.6 < z.std() < 1.3
    assert estimates(con, fixed_lists(0), "harvest")["examination"].isna().all()


def test_logged_propensities_repair_a_ranking_that_follows_taste(con):
    """Half of the users love what the others hate, and the shop knows: it puts it first in 9 of 10 lists."""
    rng = np.random.default_rng(4)
    lists, truth = 20_000, np.array([1.0, 0.5])
    lover = rng.random(lists) < 0.5
    usual = rng.random(lists) < 0.9
    first = np.where(lover == usual, 0, 1)  # the item at the top
    order = np.column_stack([first, 1 - first])
    liked = np.where(order == np.where(lover, 0, 1)[:, None], 0.6, 0.2)
    frame = pd.DataFrame({"context": "q", "item_id": order.ravel().astype(str), "position": np.tile([1, 2], lists)})
    frame["clicked"] = (rng.random(order.shape) < liked * truth).ravel()
    frame["propensity"] = np.repeat(np.where(usual, 0.9, 0.1), 2)
    plain, weighted = estimates(con, frame, "harvest"), estimates(con, frame, "harvest", weigh="all")
    assert plain["examination"][1] < 0.3
    assert abs(weighted["examination"][1] - 0.5) < 3 * weighted["standard_error"][1] < 0.1
    unknown = frame.assign(context=pd.Series([None] * len(frame), dtype="str"))
    pd.testing.assert_frame_equal(estimates(con, unknown), weighted)  # of itself
    assert estimates(con, unknown.assign(propensity=np.nan), "harvest")["examination"].isna().all()
    assert plain["impressions"].tolist() == weighted["impressions"].tolist() == [lists, lists]


def test_under_cascade_clicks_the_estimate_still_falls_with_position(con):
    found = estimates(con, log(5, cascade=True)[0])
    assert found["examination"].notna().all()
    assert found["examination"].iloc[-1] < found["examination"].iloc[1] < 1


EVENTS = [
    # event, list, item, type, position, query
    ("1", "r1", "a", "impression", 1, " Red SHOES"),
    ("2", "r1", "b", "impression", 2, " Red SHOES"),
    ("3", "r1", "b", "impression", 4, " Red SHOES"),  # shown twice: counts once, at 2
    ("4", "r1", "b", "click", None, None),  # no position of its own
    ("5", "r1", "b", "click", 2, "red shoes"),  # a second click on the same
    ("6", "r1", "z", "click", 3, "red shoes"),  # never shown
    ("7", None, "a", "impression", 1, "red shoes"),  # in no list
    ("8", "r2", "a", "impression", None, "red shoes"),  # nowhere
    ("9", "r2", "b", "impression", 0, "red shoes"),  # positions count from 1
    ("10", "r2", "c", "impression", 1, None),
    ("11", "r2", "c", "cart", None, None),
    ("12", None, "a", "click", 1, "red shoes"),
    ("13", "r2", "c", "review", None, None),
]


@pytest.fixture
def events(con):
    columns = ["event_id", "request_id", "item_id", "event_type", "position", "query"]
    frame = pd.DataFrame(EVENTS, columns=columns).astype({"position": "Int64"})
    frame["user_id"], frame["timestamp"] = "u", pd.Timestamp("2024-01-01", tz="UTC").as_unit("us")
    return check(conform(con.create_table("events", frame, overwrite=True), "events"), "events")


def test_impressions_of_an_untidy_log(events):
    found = positions.impressions(events).order_by("request_id", "position").execute()
    assert found.fillna({"context": "-"})[
        ["request_id", "item_id", "context", "position", "clicked"]
    ].to_numpy().tolist() == [
        ["r1", "a", "red shoes", 1, False],
        ["r1", "b", "red shoes", 2, True],
        ["r2", "c", "-", 1, True],
    ]
    assert positions.usable(events) == {
        "impressions": 7, "impressions_without_list_or_position": 3, "impressions_repeated": 1, "clicks": 4,
        "clicks_on_nothing_shown": 2,
    }  # fmt: skip
    for context, names in ((["user_id", "query"], {"u|red shoes", None}), (["user_id"], {"u"}), ([], {"all"})):
        found = positions.impressions(events, context).context.execute()
        assert set(found.astype(object).where(found.notna(), None)) == names


def test_shares_of_pairs_that_vary(con):
    rows = [("q", "a", 1), ("q", "a", 2), ("q", "b", 3), ("q", "b", 3), ("q", "c", 1)]
    frame = pd.DataFrame(rows, columns=["context", "item_id", "position"]).assign(clicked=True, propensity=np.nan)
    cells = positions.cells(con.create_table("few", frame, overwrite=True))
    assert positions.varied(cells) == 0.5
    assert positions.varied(cells.filter(cells.item_id == "c")) == 0


def test_a_position_that_no_click_links_is_missing_and_a_log_that_tells_nothing_is_refused(con):
    frame, _ = log(6, lists=2000)
    frame.loc[frame["position"] == 9, "clicked"] = False
    found = estimates(con, frame)
    assert set(found["method"]) == {"harvest"}
    assert found["examination"].isna().tolist() == [p == 9 for p in range(1, 11)]
    assert estimates(con, frame, "em")["examination"].isna().tolist() == [p == 9 for p in range(1, 11)]
    assert len(estimates(con, frame, deepest=5)) == 5
    with pytest.raises(positions.PositionError, match="position 1 was never clicked"):
        estimates(con, frame.assign(clicked=False))
    with pytest.raises(positions.PositionError, match="no impression has a list"):
        estimates(con, frame[:0])
    with pytest.raises(positions.PositionError, match="choose auto, harvest or em"):
        estimates(con, frame, "guess")
    with pytest.raises(positions.PositionError, match="choose unknown, all or none"):
        estimates(con, frame, weigh="some")


def test_a_deep_position_clicked_on_once_does_not_send_all_to_em(con):
    frame, _ = log(8, lists=2000)
    odd = pd.DataFrame({"request_id": "x", "item_id": "odd", "context": "x", "position": [30], "clicked": True})
    found = estimates(con, pd.concat([frame, odd.assign(propensity=np.nan)])).set_index("position")
    assert set(found["method"]) == {"harvest"}
    assert found["examination"].isna().to_dict() == {p: p == 30 for p in [*range(1, 11), 30]}


def test_the_figure_shows_the_estimate_beside_the_click_rates(con):
    found = estimates(con, log(7, lists=2000)[0])
    axes = figures.examination(found, pd.Series(TRUTH, range(1, 11))).axes[0]
    drawn = {handle.get_label(): handle for handle in axes.lines}
    np.testing.assert_allclose(np.array(drawn["click rates, as logged"].get_ydata(), float), found["naive"])
    np.testing.assert_allclose(np.array(drawn["truth"].get_ydata(), float), TRUTH)
    line, caps, _bars = axes.containers[0].lines
    np.testing.assert_allclose(np.array(line.get_ydata(), float), found["examination"])
    np.testing.assert_allclose(np.array(caps[1].get_ydata(), float), found["high"])
    assert "examination: intervention harvesting" in {text.get_text() for text in axes.get_legend().get_texts()}
    plt.close("all")
