"""Histories and the next item: what came before, in words, and what came next against what did not."""

import ibis
from ibis import _
from ibis.expr.types import Table

from workbench.data import engine
from workbench.governance import splits
from workbench.governance.labels import LENGTH
from workbench.governance.recipes import negatives
from workbench.governance.recipes.base import Recipe, as_pairs, catalogue_documents, documents

NO_EVENTS = "the source has histories, no events with a time"


class HistoriesRecipe(Recipe):
    """One group is one history; its pairs are its next item and items drawn from the catalogue."""

    group = "history"
    omitted = dict.fromkeys(("exposure", "positions", "aggregates", "timetable"), NO_EVENTS)

    def pairs(self) -> Table:
        """The next item, and up to `negatives` others drawn by digest, none of which the user took before or later.

        The context is the titles of the last items, the latest first. A negative weighs the inverse of its rate.
        """
        split = engine.keep(self.con, "split_histories", self._histories())
        known = split.join(self._contexts(split), "history_id")
        titled = self.items.select(candidate_id=_.item_id, candidate=_.title)
        first = {"label": ibis.literal(1), "weight": ibis.literal(1.0), "origin": ibis.literal("observed")}
        known = known.semi_join(titled, known.next_item_id == titled.candidate_id)  # else there is nothing to find
        right = known.mutate(candidate_id=known.next_item_id, **first)
        both = _columns(right).union(_columns(self._negatives(known))).join(titled, "candidate_id")
        return self._targeted(
            as_pairs(both.mutate(pair_id=both.history_id + "-" + both.candidate_id, group_id=both.history_id))
        )

    def _histories(self) -> Table:
        table = self.tables["histories"]
        user = ibis.coalesce(table.user_id, table.history_id)
        return splits.completed(table.mutate(user_id=user), "user_id")

    def _steps(self, histories: Table) -> Table:
        """history_id, place (from 0), item_id."""
        steps = histories.select("history_id", item_id=_.item_ids).unnest("item_id", offset="place")
        return steps.select("history_id", "place", "item_id")

    def _contexts(self, histories: Table) -> Table:
        steps = self._steps(histories).join(self.items.select("item_id", "title"), "item_id")
        order = ibis.window(group_by="history_id", order_by=[steps.place.desc()])
        ranked = steps.mutate(rank=ibis.row_number().over(order)).filter(_.rank < LENGTH)
        slots = {f"slot{i}": ranked.title.max(where=ranked["rank"] == i) for i in range(LENGTH)}
        filled = ranked.group_by("history_id").agg(**slots)
        return filled.select("history_id", context=ibis.literal("; ").join([filled[slot] for slot in slots]))

    def _negatives(self, histories: Table) -> Table:
        taken = self._steps(histories).join(histories.select("history_id", "user_id"), "history_id")
        later = histories.select("user_id", candidate_id=_.next_item_id)
        mine = taken.select("user_id", candidate_id=_.item_id).union(later, distinct=True)
        groups = histories.select("user_id", group_id=_.history_id)
        drawn = negatives.draw(groups, self.items, mine, self.wishes.negatives, self.wishes.seed)
        told = drawn.drop("user_id").join(histories, drawn.group_id == histories.history_id)
        return told.mutate(label=ibis.literal(0), origin=ibis.literal("sampled"))

    def _documents(self) -> Table:
        """The catalogue, and the histories of train and valid as titles in a row."""
        split = self._histories().filter(_.split != "test")
        told = split.join(self._contexts(split), "history_id")
        rows = documents(told, "history", "history_id", "context", self._language())
        return catalogue_documents(self.items).union(rows)


def _columns(table: Table) -> Table:
    label, weight = table.label.cast("int64"), table.weight.cast("float64")
    return table.select(
        "history_id", "user_id", "split", "context", "candidate_id", "origin", label=label, weight=weight
    )
