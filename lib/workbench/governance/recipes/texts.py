"""Labelled texts: each is paired with its own label and, as negatives, with labels that it does not have."""

from functools import cached_property

import ibis
from ibis import _
from ibis.expr.types import Table

from workbench.data import contract, engine
from workbench.governance import splits
from workbench.governance.recipes.base import Recipe, as_pairs

NO_BEHAVIOUR = "the source has texts, no behaviour"


class TextsRecipe(Recipe):
    """One group is one text; its pairs are the text with label 1 for its own class and 0 for others."""

    group = "text"
    omitted = dict.fromkeys(("exposure", "positions", "aggregates", "timetable"), NO_BEHAVIOUR)

    @cached_property
    def items(self) -> Table:
        """The classes as items, so that a pair's candidate can be looked up as everywhere."""
        named = self.tables["texts"].select(item_id=_.label).distinct()
        title = named.item_id.re_replace("[_]+", " ")
        rows = named.mutate(title=title, type_text=title, language=ibis.literal("en"))
        return engine.keep(self.con, "final_items", contract.conform(rows, "items"))

    def pairs(self) -> Table:
        """The text's class, and up to `negatives` others drawn by digest, which weigh the inverse of their rate."""
        texts, classes = self._texts(), self.items
        others = classes.count().execute() - 1
        kept = min(self.wishes.negatives, others)
        crossed = texts.cross_join(classes.select(candidate_id=_.item_id, candidate=_.title))
        right = crossed.label == crossed.candidate_id
        salt = f"class{self.wishes.seed}"
        order = [right.desc(), engine.digest(crossed.text_id, crossed.candidate_id, salt=salt), crossed.candidate_id]
        line = ibis.window(group_by="text_id", order_by=order)
        ranked = crossed.mutate(right=right, place=ibis.row_number().over(line))
        near = ranked.filter(_.place <= kept)
        sampled = (~near.right) & (kept < others)
        return self._targeted(
            as_pairs(
                near.mutate(
                    pair_id=near.text_id + "-" + near.candidate_id,
                    group_id=near.text_id,
                    context=near.text,
                    label=near.right.cast("int64"),
                    weight=near.right.ifelse(1.0, others / max(kept, 1)),
                    origin=sampled.ifelse("sampled", "judged"),
                    event_time=near.timestamp,
                    user_id=near.text_id,
                )
            )
        )

    def _texts(self) -> Table:
        """Texts and their split; a text that test has too is not learned from."""
        table = engine.keep(self.con, "split_texts", splits.completed(self.tables["texts"], "text"))
        held_out = table.filter(_.split == "test").select("text").distinct()
        valid = table.filter(_.split == "valid").select("text").distinct()
        train = table.filter(_.split == "train").anti_join(held_out, "text").anti_join(valid, "text")
        chosen = table.filter(_.split == "valid").anti_join(held_out, "text")
        return train.union(chosen).union(table.filter(_.split == "test"))

    def _documents(self) -> Table:
        texts = self._texts().filter(_.split != "test")
        return texts.select("text", "language", "split", doc_id="text-" + texts.text_id)
