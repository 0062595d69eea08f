"""Groups of a behaviour log: shown lists, or what each user took in a week, none of which looks past its split.

Every group belongs to one split, and every split has a last week, `until`: the end of its window where behaviour is
split in time, else the end of all weeks that are learned from. What a group says (which of its products were taken,
which were bought later, what the user took besides) comes from events up to that week and from no other, so the pairs
of a split are the same whether or not the log goes on after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import IntegerValue, StringValue, Table

from workbench.data import engine
from workbench.governance.labels import grades as graded
from workbench.governance.labels import splits
from workbench.governance.labels.contexts import MEMORY, contexts
from workbench.governance.recipes import negatives
from workbench.governance.recipes.base import BOUGHT, NO_PRODUCT, OUTSIDE, Wishes
from workbench.governance.recipes.documents import folded

TAKEN = ("click", "cart", "purchase")
COLUMNS = ("group_id", "candidate_id", "label", "weight", "origin", "evidence")
UNLISTED = "names no shown list"
REPEATED = "the same product is in its group already"
UNTOLD = f"no query, and nothing that the user took in the {MEMORY} weeks before: there is no context"


@dataclass
class Lists:
    """The groups of a log and their pairs.

    Args:
        con: the engine, in which tables are kept.
        events: the contract's events with their week, carts and purchases with their list.
        items: the contract's items with type_text.
        kinds: kinds of event by which a product is taken.
        listed: whether groups are shown lists; else they are users' weeks.
        wishes: seed, negatives and split_by are looked at.
        windows: first and last week of each split in time; empty where behaviour is split otherwise.
        last: last week of all splits where `windows` is empty.

    """

    con: ibis.BaseBackend
    events: Table
    items: Table
    kinds: tuple[str, ...]
    listed: bool
    wishes: Wishes
    windows: Mapping[str, tuple[int, int]]
    last: int

    @cached_property
    def moments(self) -> Table:
        """Of each group that has a split: group_id, user_id, week, event_time, until, split, query, context or null."""
        within = self._within
        begins = within.event_type == "impression" if self.listed else ibis.literal(True)
        query = within.query.min(where=begins if self.listed else ibis.literal(False))
        asked = within.group_by("group_id", "until").agg(
            user_id=within.user_id.min(where=begins), week=within.week.min(where=begins),
            event_time=within.timestamp.min(where=begins), query=query,
        )  # fmt: skip
        asked = engine.keep(self.con, "groups", asked.mutate(split=self._split(asked.week, asked.user_id, asked.query)))
        took = self.events.filter(_.event_type.isin(self.kinds)).select("user_id", "item_id", "week")
        known = engine.keep(self.con, "contexts", contexts(took, self.items, asked))
        told = asked.left_join(known, ["user_id", "week"]).select(*asked.columns, lately=known.context)
        told = told.mutate(context=ibis.coalesce(told.query, told.lately)).drop("lately")
        return engine.keep(self.con, "moments", told)

    def train_events(self) -> Table:
        """Events of the lists of train, up to the end of its weeks."""
        learned = self.moments.filter(_.split == "train").select("group_id")
        return self._within.semi_join(learned, "group_id")

    def pairs(self, examined: pd.DataFrame | None) -> Table:
        """`COLUMNS` of every product of every group, but what is not taken and bought later.

        `evidence` is that of a shown list, see `grades.grades`; null where groups are users' weeks.

        Args:
            examined: position, examination; None for equal weights.

        """
        return self._shown(examined) if self.listed else self._drawn()

    def rows(self) -> Table:
        """Each impression, or each event that took a product: group_id, and the reason why no pair stands for it."""
        kinds = ("impression",) if self.listed else self.kinds
        all_of_them = self.events.mutate(group_id=self._key()).filter(_.event_type.isin(kinds))
        order = [_.week, (_.position >= 1).fill_null(False).desc(), _.position, _.timestamp, _.event_id]
        line = ibis.window(group_by=["group_id", "item_id"], order_by=order)
        ranked = all_of_them.select("group_id", "item_id", "week", place=ibis.row_number().over(line))
        told = ranked.left_join(self.moments.select("group_id", "until", "context"), "group_id")
        told = told.select(*ranked.columns, "until", "context")
        told = told.left_join(self.items.select("item_id", known=True), "item_id").select(*told.columns, "known")
        late = self._bought_later().select("group_id", item_id=_.candidate_id, late=True)
        told = told.left_join(late, ["group_id", "item_id"]).select(*told.columns, "late")
        reason = ibis.cases(
            (told.group_id.isnull(), UNLISTED),
            (told.until.isnull() | (told.week > told.until), OUTSIDE),
            (told.place > 0, REPEATED),
            (told.known.isnull(), NO_PRODUCT),
            (told.context.isnull(), UNTOLD),
            (told.late.notnull(), BOUGHT),
            else_=None,
        )
        return told.select("group_id", reason=reason)

    def dated(self) -> Table:
        """Events with the split that their words belong to; without those that belong to none.

        In time that is the split of the event's own week, whatever list it names: nothing is read before it was said.
        Otherwise it is the split of the user or query of the event's list, or where it names none, of its own.
        """
        events = self.events
        if self.windows:
            split: StringValue = splits.by_week(events.week, self.windows)
            return events.mutate(split=split).filter(_.split.notnull())
        asked = self.moments.select(request_id=_.group_id, asked=_.query, asker=_.user_id)
        told = events.left_join(asked, "request_id").select(*events.columns, "asked", "asker")
        user, query = ibis.coalesce(told.asker, told.user_id), ibis.coalesce(told.asked, told.query)
        split = self._split(told.week, user, query)
        return told.mutate(split=split).filter(_.split.notnull()).select(*events.columns, "split")

    def _key(self) -> StringValue:
        events = self.events
        return events.request_id if self.listed else events.user_id + "-" + events.week.cast("string")

    @cached_property
    def _within(self) -> Table:
        """The events of groups, with group_id and until, as far as the group's split may look; kept in the engine."""
        kinds = ("impression", *self.kinds) if self.listed else self.kinds
        keyed = self.events.mutate(group_id=self._key()).filter(_.group_id.notnull(), _.event_type.isin(kinds))
        begins = keyed.event_type == "impression" if self.listed else ibis.literal(True)
        began = keyed.week.min(where=begins).over(ibis.window(group_by="group_id"))
        bounded = keyed.mutate(until=self._until(began))
        columns = ("user_id", "request_id", "item_id", "event_type", "timestamp", "query", "position", "propensity")
        kept = bounded.filter(_.week <= _.until).select("group_id", "until", "week", *columns)
        return engine.keep(self.con, "group_events", kept)

    def _until(self, week: IntegerValue) -> IntegerValue:
        """Last week that a group of this week may look at; null outside the splits."""
        ends = self.windows.values() or [(1, self.last)]
        return ibis.cases(*((week.between(*end), end[1]) for end in ends), else_=None)

    def _split(self, week: IntegerValue, user: StringValue, query: StringValue) -> StringValue:
        """By time, or by user or query (what has no query by its user) inside the weeks before the final test."""
        if self.windows:
            return splits.by_week(week, self.windows)
        key = user if self.wishes.split_by == "user" else ibis.coalesce(folded(query), user)
        return (week <= self.last).ifelse(splits.by_digest(key), ibis.null("string"))

    @cached_property
    def graded(self) -> Table:
        """What was observed of each product of each shown list, see `grades.grades`."""
        return engine.keep(self.con, "graded_lists", graded.grades(self._within))

    def _shown(self, examined: pd.DataFrame | None) -> Table:
        if examined is None:
            weighed = self.graded.mutate(weight=ibis.literal(1.0))
        else:
            weighed = graded.weigh(self.graded, ibis.memtable(examined[["position", "examination"]]))
        rows = weighed.select(
            group_id=_.request_id, candidate_id=_.item_id, label=_.grade, weight=_.weight,
            origin=ibis.literal("observed"), evidence=_.evidence,
        )  # fmt: skip
        return rows.anti_join(self._bought_later(), ["group_id", "candidate_id"])

    def _bought_later(self) -> Table:
        """group_id, candidate_id of what was shown and not taken, and bought by the same user up to `until`."""
        if not self.listed:
            return self.moments.select("group_id", candidate_id="group_id").limit(0)
        shown = self._within.filter(_.event_type == "impression")
        bought = self.events.filter(_.event_type == "purchase")
        bought = bought.select("user_id", "item_id", when=_.timestamp, bought=_.week)
        both = shown.join(bought, ["user_id", "item_id", bought.when > shown.timestamp, bought.bought <= shown.until])
        passed = self.graded.filter(_.grade == 0).select(group_id=_.request_id, candidate_id=_.item_id)
        later = both.select("group_id", candidate_id=_.item_id).distinct()
        return later.semi_join(passed, ["group_id", "candidate_id"])

    def _drawn(self) -> Table:
        within = self._within
        strength = ibis.cases(*((within.event_type == kind, graded.GRADES.get(kind, 1)) for kind in self.kinds))
        own = within.mutate(label=strength).group_by("group_id", candidate_id=_.item_id)
        right = own.agg(label=_.label.max().cast("int64"))
        taken = self.events.filter(_.event_type.isin(self.kinds))
        taken = taken.select("user_id", candidate_id=_.item_id, moment=_.week).distinct()
        groups = self.moments.select("group_id", "user_id", "until")
        wrong = negatives.draw(groups, self.items, taken, self.wishes.negatives, self.wishes.seed)
        unseen = ibis.null("string")
        right = right.mutate(weight=ibis.literal(1.0), origin=ibis.literal("observed"), evidence=unseen)
        wrong = wrong.mutate(label=ibis.literal(0, "int64"), origin=ibis.literal("sampled"), evidence=unseen)
        return right.select(*COLUMNS).union(wrong.select(*COLUMNS))
