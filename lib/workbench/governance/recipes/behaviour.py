"""Behaviour logs: what was shown for a query or to a user, and what became of it.

Everything that the clean log still holds is learned from. Cleaning sets the acts of robots aside. What is only
suspicious (click farms, bursts on one product, one user and one product again and again) it counts and leaves, for
nobody knows which of these acts a customer made; so it enters examination, relevance and pairs. A list bounds what it
does there: however often a product of it is clicked, it was taken once. Where fraud is certain, an own rule that
quarantines its events keeps it from every label.
"""

from functools import cached_property

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import Table

from workbench.data import contract, engine
from workbench.data.timetable import SHORTEST, Timetable
from workbench.governance import aggregates
from workbench.governance.labels import grades as graded
from workbench.governance.labels import positions as ranks
from workbench.governance.recipes import log_texts
from workbench.governance.recipes.base import Exposed, Pairing, as_pairs
from workbench.governance.recipes.documents import EARLIEST, HELD_OUT, drawn
from workbench.governance.recipes.lists import TAKEN, Lists

WEEK = 7  # days
RATED = ("rating", "review")  # where nothing else was logged, who writes about a product has taken it
WORDLESS = ("und", "zxx")  # ISO 639-2: undetermined, and no linguistic content
NO_RANKS = "the log does not say what was shown at which position"
NOT_ASKED = "no list was shown for a query"
NOTHING_SHOWN = "the log has no shown lists, only what was taken"
NO_PRODUCTS = "the source has no table of products, so that nothing shown or taken has a title"
NO_CONTEXT = "no list was shown for a query, and no user took anything in a week before: a pair would have no context"
NO_WORDS = "the log has no queries and no reviews, and the catalogue no words"


class BehaviourRecipe(Pairing):
    """One group is one shown list; its pairs are the products on it, graded by what the user did with them.

    Where the log has no shown lists, a group is a user's week: what was taken, and items drawn from the catalogue.
    """

    splits_by = ("time", "user", "query")
    drawing = "behaviour without shown lists"

    @property
    def group(self) -> str:  # type: ignore[override]
        """What one group of pairs is."""
        return "shown list" if self._listed else "user's week"

    @property
    def unit(self) -> str:  # type: ignore[override]
        """What is counted as left out."""
        return "impressions" if self._listed else "products taken"

    def keeps_apart(self, by: str) -> bool:
        """By query only where lists were shown for queries."""
        return super().keeps_apart(by) and (by != "query" or self._asked)

    @property
    def draws(self) -> bool:
        """What was shown and not taken needs no sampling."""
        return not self._listed

    @cached_property
    def omitted(self) -> dict[str, str]:  # type: ignore[override]
        """Steps for which the log, or the catalogue, lacks something."""
        words = self.events.aggregate(words=_.query.count() + _.text.count()).execute()["words"].iloc[0]
        named = self.items.filter(~_.language.isin(WORDLESS)).count().execute()
        short = f"the log spans {self._weeks} weeks, cuts in time need {SHORTEST}"
        unread = NO_WORDS if not words else short if self._unpaired and self._undated else ""
        unranked = self._examination[1]
        missing = {
            "exposure": "" if self._listed else NOTHING_SHOWN,
            "positions": unranked,
            "relevance": unranked or ("" if self._asked else NOT_ASKED),
            "pairs": self._unpaired,
            "corpus": "" if named else unread,
            "timetable": "" if self.timetable else short,
        }
        return {step: why for step, why in missing.items() if why}

    @cached_property
    def timetable(self) -> Timetable | None:
        """The cuts, in weeks from the Monday of the first event; None for a log of too few weeks."""
        return self._cuts(self._weeks)

    @cached_property
    def events(self) -> Table:
        """The contract's events with their week from 1, and carts and purchases with their list; kept in the engine."""
        events = graded.attribute(contract.conform(self.tables["events"], "events"))
        first = self.tables["events"].timestamp.min().execute()
        monday = (first - pd.Timedelta(days=first.weekday())).date()
        days = events.timestamp.date().delta(ibis.date(monday.isoformat()), unit="day")
        return engine.keep(self.con, "week_events", events.mutate(week=(days // WEEK + 1).cast("int32")))

    def exposure(self) -> Exposed:
        """What was shown by search and by browsing, the share of it that was taken, and how much of it has a rank."""
        asked = self.events.query.notnull().ifelse("search", "browsing")
        counts = self.events.mutate(channel=asked).group_by("channel").agg(
            **{f"{kind}s": (_.event_type == kind).sum() for kind in ("impression", *TAKEN)}
        )  # fmt: skip
        coverage = counts.order_by("channel").execute()
        coverage["share"] = coverage["impressions"] / max(coverage["impressions"].sum(), 1)
        events = self.events.order_by("user_id", "timestamp", "event_id")
        if not self._listed:
            return Exposed(events, coverage, {}, (self.why("exposure"),))
        usable = ranks.usable(self.events)
        shown, clicks = usable["impressions"], usable["clicks"]
        placed = shown - usable["impressions_without_list_or_position"]
        facts = {"impressions": shown, "clicks": clicks, "click_rate": clicks / shown, "positions": placed / shown}
        findings = (
            f"Of {shown:,} products shown, {clicks:,} were clicked ({clicks / shown:.1%}).",
            f"{placed:,} of them ({placed / shown:.1%}) have a usable position."
            + (" Without one they are taken as examined: weight 1." if placed < shown else ""),
        )
        return Exposed(events, coverage, facts, findings)

    def positions(self) -> pd.DataFrame | None:
        """Examination by position relative to the first, as the lists of train tell it."""
        return self._examination[0]

    def relevance(self) -> Table | None:
        """How well each product serves each query, as the lists of train tell it, see `grades.relevance`."""
        examined = self.positions()
        if examined is None or "relevance" in self.omitted:
            return None
        known = ibis.memtable(examined[["position", "examination"]])
        return graded.relevance(self.con, ranks.impressions(self._learned), known)

    def given(self) -> int:
        """All impressions, or where no lists were shown, all that was taken."""
        kinds = ("impression",) if self._listed else self._taken
        return int(self.tables["events"].filter(_.event_type.isin(kinds)).count().execute())

    def aggregates(self) -> dict[str, Table]:
        """Sums of behaviour, as of the weeks that the rankers are fitted until; of the whole log if it is short."""
        weeks = self.timetable
        cuts = (weeks.fusion_fit, weeks.test_fit) if weeks else (self._weeks,)
        return aggregates.aggregates(self.events, self.items, cuts)

    @property
    def _undated(self) -> bool:
        """Whether a split in time is asked for, and the log too short for it."""
        return self.timetable is None and self.wishes.split_by == "time"

    @cached_property
    def _weeks(self) -> int:
        return int(self.events.week.max().execute())

    @cached_property
    def _listed(self) -> bool:
        shown = self.events.filter(_.event_type == "impression", _.request_id.notnull())
        return bool(shown.count().execute())

    @cached_property
    def _asked(self) -> bool:
        """Whether any list was shown for a query."""
        shown = self.events.filter(_.event_type == "impression", _.request_id.notnull(), _.query.notnull())
        return bool(shown.count().execute())

    @cached_property
    def _taken(self) -> tuple[str, ...]:
        """The kinds of event by which a user takes a product."""
        return TAKEN if self.events.filter(_.event_type.isin(TAKEN)).count().execute() else RATED

    @cached_property
    def _lists(self) -> Lists:
        if self._undated:
            raise ValueError(
                f"the log spans {self._weeks} weeks, and cuts in time need {SHORTEST}: set split_by to user or query, "
                "or collect more"
            )
        last = self.timetable.test_fit if self.timetable else self._weeks
        windows = self.timetable.splits() if self.timetable and self.wishes.split_by == "time" else {}
        return Lists(self.con, self.events, self.items, self._taken, self._listed, self.wishes, windows, last)

    @cached_property
    def _unpaired(self) -> str:
        """Why there can be no pairs; empty where there can."""
        if "items" not in self.tables:
            return NO_PRODUCTS
        return "" if self._has_contexts() else NO_CONTEXT

    @property
    def _learned(self) -> Table:
        """The events of train; all of them where there is nothing to learn from, so nothing to hold out."""
        return self.events if self._unpaired and self._undated else self._lists.train_events()

    @cached_property
    def _examination(self) -> tuple[pd.DataFrame | None, str]:
        """Examination by position; or None, and why the log cannot tell it."""
        placed = (_.event_type == "impression") & _.request_id.notnull() & (_.position >= 1)
        if not self.events.filter(placed).count().execute():
            return None, NO_RANKS
        try:
            return ranks.estimate(ranks.impressions(self._learned)), ""
        except ranks.PositionError as error:
            return None, str(error)

    def _pairs(self) -> Table:
        """Each product of a list with its grade: 3 bought, 2 put into the cart, 1 clicked, 0 none of these.

        `evidence` tells the skipped from the unexamined, see `grades.grades`. The context is the query, or where there
        is none the kinds of product that the user took lately. Weights correct for position, see `grades.weigh`. A
        product that the user buys later in the weeks of the list's split is no negative; what comes after them is not
        looked at.
        """
        rows = self._lists.pairs(self._examination[0])
        titled = self.items.select(candidate_id=_.item_id, candidate=_.title)
        named = rows.join(self._lists.moments.filter(_.context.notnull()), "group_id").join(titled, "candidate_id")
        return as_pairs(
            named.mutate(pair_id=named.group_id + "-" + named.candidate_id), week=named.week, evidence=named.evidence
        )

    def _rows(self) -> Table:
        return self._lists.rows()

    def _has_contexts(self) -> bool:
        """Whether any group of pairs could have a context: a query, or what its user took in a week before."""
        events = self.events
        group = (events.event_type == "impression") if self._listed else events.event_type.isin(self._taken)
        weeks = events.group_by("user_id").agg(
            first=events.week.min(where=events.event_type.isin(self._taken)), last=events.week.max(where=group)
        )
        return self._asked or bool(weeks.filter(_.last > _.first).count().execute())

    def _corpus(self) -> Table:
        """The catalogue, queries, reviews, and what one session took, split as the pairs are.

        The catalogue alone, where there are no pairs and the log is too short for a split in time.
        """
        if self._undated and "pairs" in self.omitted:
            return super()._corpus()
        order = EARLIEST if self.wishes.split_by == "time" else HELD_OUT
        behaved = log_texts.documents_of(self._lists.dated(), self.items, self._taken, order, self._language())
        return drawn(self._documents().union(behaved), self.wishes.corpus_docs, order)
