"""Behaviour logs: what was shown for a query or to a user, and what became of it."""

from functools import cached_property

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import Table

from workbench.data import contract, engine
from workbench.data.timetable import Timetable
from workbench.governance import aggregates, labels, splits
from workbench.governance import grades as graded
from workbench.governance import positions as ranks
from workbench.governance.recipes import negatives
from workbench.governance.recipes.base import Exposed, Recipe, as_pairs, catalogue_documents, documents

WEEK = 7  # days
LATER_WEEKS = 4  # an item that the user buys within this time is no negative of an earlier list
TAKEN = ("click", "cart", "purchase")
NO_RANKS = "the log does not say what was shown at which position"
NOTHING_SHOWN = "the log has no impressions, only what was taken"


class BehaviourRecipe(Recipe):
    """One group is one shown list; its pairs are the products on it, graded by what the user did with them.

    Where the log has no shown lists, a group is a user's week: what was taken, and items drawn from the catalogue.
    """

    group = "shown list"

    @cached_property
    def omitted(self) -> dict[str, str]:  # type: ignore[override]
        """Steps that need impressions, or their positions."""
        shown = self.events.filter(_.event_type == "impression", _.request_id.notnull())
        counts = shown.aggregate(lists=_.count(), ranks=_.position.count()).execute().iloc[0]
        missing = {} if counts["lists"] else {"exposure": NOTHING_SHOWN}
        return missing if counts["ranks"] else {**missing, "positions": NO_RANKS}

    @cached_property
    def timetable(self) -> Timetable:
        """The cuts, in weeks from the Monday of the first event."""
        return self._cuts(int(self.events.week.max().execute()))

    @cached_property
    def events(self) -> Table:
        """The contract's events with their week from 1, and carts and purchases with their list; kept in the engine."""
        events = graded.attribute(contract.conform(self.tables["events"], "events"))
        first = self.tables["events"].timestamp.min().execute()
        monday = (first - pd.Timedelta(days=first.weekday())).date()
        days = events.timestamp.date().delta(ibis.date(monday.isoformat()), unit="day")
        return engine.keep(self.con, "week_events", events.mutate(week=(days // WEEK + 1).cast("int32")))

    def exposure(self) -> Exposed:
        """What was shown by search and by browsing, and the share of it that was taken."""
        asked = self.events.query.notnull().ifelse("search", "browsing")
        counts = self.events.mutate(channel=asked).group_by("channel").agg(
            **{f"{kind}s": (_.event_type == kind).sum() for kind in ("impression", *TAKEN)}
        )  # fmt: skip
        coverage = counts.order_by("channel").execute()
        coverage["share"] = coverage["impressions"] / max(coverage["impressions"].sum(), 1)
        shown, clicks = int(coverage["impressions"].sum()), int(coverage["clicks"].sum())
        facts = {"impressions": shown, "clicks": clicks, "click_rate": clicks / max(shown, 1)}
        findings = (f"Of {shown:,} products shown, {clicks:,} were clicked ({clicks / max(shown, 1):.1%}).",)
        return Exposed(self.events.order_by("user_id", "timestamp", "event_id"), coverage, facts, findings)

    @cached_property
    def _positions(self) -> pd.DataFrame | None:
        return None if "positions" in self.omitted else ranks.estimate(ranks.impressions(self.events))

    def positions(self) -> pd.DataFrame | None:
        """Examination by position relative to the first."""
        return self._positions

    def pairs(self) -> Table:
        """Each product of a list with its grade: 3 bought, 2 put into the cart, 1 clicked, 0 none of these.

        The context is the query, or where there is none the kinds of product that the user took lately. Weights correct
        for position, see `grades.weigh`. A product that the user buys within `LATER_WEEKS` is no negative.
        """
        made = self._drawn_lists() if "exposure" in self.omitted else self._shown_lists()
        moments = self._moments(made)
        titled = self.items.select(candidate_id=_.item_id, candidate=_.title)
        told = made.join(moments, "group_id").join(titled, "candidate_id")
        return self._targeted(as_pairs(told.mutate(pair_id=told.group_id + "-" + told.candidate_id), week=told.week))

    def aggregates(self) -> dict[str, Table]:
        """Sums of behaviour, as of the weeks that the rankers are fitted until."""
        return aggregates.aggregates(self.events, self.items, (self.timetable.fusion_fit, self.timetable.test_fit))

    def _shown_lists(self) -> Table:
        """group_id, candidate_id, label, weight, origin."""
        judged, found = graded.grades(self.events), self._positions
        if found is None:
            weighed = judged.mutate(weight=ibis.literal(1.0))
        else:
            weighed = graded.weigh(judged, ibis.memtable(found[["position", "examination"]]))
        rows = weighed.select(
            group_id=_.request_id, candidate_id=_.item_id, label=_.grade, weight=_.weight,
            origin=ibis.literal("observed"),
        )  # fmt: skip
        wrong = rows.filter(_.label == 0).anti_join(self._bought_later(), ["group_id", "candidate_id"])
        return rows.filter(_.label > 0).union(wrong)

    def _bought_later(self) -> Table:
        """group_id, candidate_id of what was shown and not taken, and bought by the same user soon after."""
        shown = self.events.filter(_.event_type == "impression", _.request_id.notnull())
        bought = self.events.filter(_.event_type == "purchase").select("user_id", "item_id", when=_.timestamp)
        late = shown.timestamp + ibis.interval(weeks=LATER_WEEKS)
        both = shown.join(bought, ["user_id", "item_id", bought.when > shown.timestamp, bought.when <= late])
        return both.select(group_id=_.request_id, candidate_id=_.item_id).distinct()

    def _drawn_lists(self) -> Table:
        taken = self.events.filter(_.event_type.isin(TAKEN))
        strength = ibis.cases(*((taken.event_type == kind, graded.GRADES[kind]) for kind in TAKEN))
        group = taken.user_id + "-" + taken.week.cast("string")
        own = taken.mutate(group_id=group, label=strength).group_by("group_id", "user_id", candidate_id=_.item_id)
        right = own.agg(label=_.label.max().cast("int64"))
        ever = taken.select("user_id", candidate_id=_.item_id).distinct()
        groups = right.select("group_id", "user_id").distinct()
        wrong = negatives.draw(groups, self.items, ever, self.wishes.negatives, self.wishes.seed)
        columns = ("group_id", "candidate_id", "label", "weight", "origin")
        right = right.mutate(weight=ibis.literal(1.0), origin=ibis.literal("observed"))
        wrong = wrong.mutate(label=ibis.literal(0, "int64"), origin=ibis.literal("sampled"))
        return right.select(*columns).union(wrong.select(*columns))

    def _moments(self, rows: Table) -> Table:
        """Of each group: user_id, week, event_time, context, split; none for a group without a context or a split."""
        events, drawn = self.events, "exposure" in self.omitted
        key = events.user_id + "-" + events.week.cast("string") if drawn else events.request_id
        kinds = TAKEN if drawn else ("impression",)
        keyed = events.mutate(group_id=key).filter(_.group_id.notnull(), _.event_type.isin(kinds))
        groups = keyed.group_by("group_id").agg(
            user_id=_.user_id.min(), week=_.week.min(), event_time=_.timestamp.min(), query=_.query.min()
        )
        asked = engine.keep(self.con, "moments", groups)
        took = events.filter(_.event_type.isin(TAKEN)).select("user_id", "item_id", "week")
        known = engine.keep(self.con, "contexts", labels.contexts(took, self.items, asked))
        told = asked.left_join(known, ["user_id", "week"]).select(*asked.columns, context=_.context)
        told = told.mutate(context=told.context if drawn else ibis.coalesce(told.query, told.context))
        return told.mutate(split=self._split(told)).filter(_.context.notnull(), _.split.notnull()).drop("query")

    def _split(self, groups: Table) -> ibis.expr.types.StringValue:
        """By time, or by user or query (a list without a query by its user) inside the weeks before the final test.

        Raises:
            ValueError: another way is asked for.

        """
        by, windows = self.wishes.split_by, self.timetable.splits()
        if by == "time":
            return splits.by_week(groups.week, windows)
        if by not in ("user", "query"):
            raise ValueError(f"split_by is '{by}': split by time, user or query")
        key = groups.user_id if by == "user" else ibis.coalesce(groups.query.strip().lower(), groups.user_id)
        return (groups.week <= self.timetable.test_fit).ifelse(splits.by_digest(key), ibis.null("string"))

    def _documents(self) -> Table:
        """The catalogue; queries, reviews, and what one session took, of train's and of valid's weeks."""
        weeks, events = self.timetable, self.events
        split = splits.by_week(events.week, {"train": (1, weeks.text_train), "valid": weeks.splits()["valid"]})
        dated = events.mutate(split=split).filter(_.split.notnull())
        queries = dated.filter(_.query.notnull()).group_by("query").agg(split=_.split.min())  # train before valid
        took = dated.filter(_.event_type.isin(TAKEN), _.session_id.notnull())
        named = took.join(self.items.select("item_id", "title"), "item_id")
        sessions = named.select("session_id", "split", "title").distinct().group_by("session_id", "split")
        visits = sessions.agg(text=_.title.group_concat("; ", order_by=_.title), titles=_.count()).filter(_.titles > 1)
        language = self._language()
        behaved = documents(queries, "query", "query", "query", language)
        behaved = behaved.union(documents(dated.filter(_.text.notnull()), "review", "event_id", "text", language))
        behaved = behaved.union(documents(visits, "session", "session_id", "text", language))
        return catalogue_documents(self.items).union(behaved)
