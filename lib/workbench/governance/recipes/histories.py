"""Histories and the next item: what came before, in words, and what came next against what did not."""

from functools import cached_property

import ibis
from ibis import _
from ibis.expr.types import IntegerValue, StringValue, Table

from workbench.data import engine
from workbench.data.contract import SPLITS
from workbench.governance.labels import splits
from workbench.governance.labels.contexts import LENGTH, in_a_row
from workbench.governance.recipes import negatives
from workbench.governance.recipes.base import Pairing, as_pairs
from workbench.governance.recipes.documents import catalogue_documents, documents

NO_EVENTS = "the source has histories, no events with a time"
NO_NEXT = "its next item is not in the catalogue: there is nothing to find"
NO_PAST = "none of its items is in the catalogue: there is no context"


class HistoriesRecipe(Pairing):
    """One group is one history; its pairs are its next item and items drawn from the catalogue."""

    group = "history"
    unit = "histories"
    omitted = dict.fromkeys(("exposure", "positions", "relevance", "aggregates", "timetable"), NO_EVENTS)
    drawing = "histories"

    def given(self) -> int:
        """All histories."""
        return int(self.tables["histories"].count().execute())

    def _pairs(self) -> Table:
        """The next item, and up to `negatives` others drawn by digest, none of which the user took before or later.

        Later means up to the end of the history's own split, train before valid before test: what test knows of a user
        does not decide what train is told. The context is the titles of the last items, the latest first. A negative
        weighs the inverse of its rate.
        """
        titled = self.items.select(candidate_id=_.item_id, candidate=_.title)
        known = self._histories.join(self._contexts, "history_id")
        known = known.semi_join(titled, known.next_item_id == titled.candidate_id)
        right = known.mutate(candidate_id=known.next_item_id, label=1, weight=1.0, origin=ibis.literal("observed"))
        both = _columns(right).union(_columns(self._negatives(known))).join(titled, "candidate_id")
        return as_pairs(both.mutate(pair_id=both.history_id + "-" + both.candidate_id, group_id=both.history_id))

    def _rows(self) -> Table:
        told = self._histories.left_join(self._contexts, "history_id")
        told = told.left_join(self.items.select(next_item_id=_.item_id, known=ibis.literal(True)), "next_item_id")
        reason = ibis.cases((told.known.isnull(), NO_NEXT), (told.context.isnull(), NO_PAST), else_=None)
        return told.select(group_id=told.history_id, reason=reason)

    @cached_property
    def _histories(self) -> Table:
        table = self.tables["histories"]
        user = ibis.coalesce(table.user_id, table.history_id)
        return engine.keep(self.con, "split_histories", splits.completed(table.mutate(user_id=user), "user_id"))

    def _steps(self, histories: Table) -> Table:
        """history_id, place (from 0), item_id."""
        steps = histories.select("history_id", item_id=_.item_ids).unnest("item_id", offset="place")
        return steps.select("history_id", "place", "item_id")

    @cached_property
    def _contexts(self) -> Table:
        """history_id, context; none where no item has a title."""
        steps = self._steps(self._histories).join(self.items.select("item_id", "title"), "item_id")
        return in_a_row(steps, ["history_id"], "title", [steps.place.desc()], LENGTH)

    def _negatives(self, known: Table) -> Table:
        all_of_them = self._histories.mutate(moment=_turn(self._histories.split))
        steps = self._steps(all_of_them).join(all_of_them.select("history_id", "user_id", "moment"), "history_id")
        later = all_of_them.select("user_id", "moment", candidate_id=_.next_item_id)
        taken = steps.select("user_id", "moment", candidate_id=_.item_id).union(later, distinct=True)
        groups = known.select("user_id", group_id=_.history_id, until=_turn(known.split))
        drawn = negatives.draw(groups, self.items, taken, self.wishes.negatives, self.wishes.seed)
        told = drawn.join(known, drawn.group_id == known.history_id)
        return told.mutate(label=ibis.literal(0), origin=ibis.literal("sampled"))

    def _documents(self) -> Table:
        """The catalogue, and the histories as titles in a row."""
        told = self._histories.join(self._contexts, "history_id")
        rows = documents(told, "history", "history_id", "context", self._language())
        return catalogue_documents(self.items).union(rows)


def _turn(split: StringValue) -> IntegerValue:
    """Place of a split: train is known before valid, and valid before test."""
    return ibis.cases(*((split == name, place) for place, name in enumerate(SPLITS)))


def _columns(table: Table) -> Table:
    label, weight = table.label.cast("int64"), table.weight.cast("float64")
    return table.select(
        "history_id", "user_id", "split", "context", "candidate_id", "origin", label=label, weight=weight
    )
