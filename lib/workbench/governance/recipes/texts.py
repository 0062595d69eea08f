"""Labelled texts: each is paired with its own label and, as negatives, with labels that it does not have."""

from functools import cached_property

import ibis
from ibis import _
from ibis.expr.types import Table

from workbench.data import contract, engine
from workbench.governance.labels import splits
from workbench.governance.recipes.base import UNKNOWN, Pairing, as_pairs
from workbench.governance.recipes.documents import HELD_OUT, catalogue_documents, first_split, folded

NO_BEHAVIOUR = "the source has texts, no behaviour"
HELD = "its text is also in a split that is held out (test, then valid)"


class TextsRecipe(Pairing):
    """One group is one text; its pairs are the text with label 1 for its own class and 0 for others."""

    group = "text"
    unit = "texts"
    omitted = dict.fromkeys(("exposure", "positions", "relevance", "aggregates", "timetable"), NO_BEHAVIOUR)
    drawing = "texts"

    @cached_property
    def items(self) -> Table:
        """The classes as items, so that a pair's candidate can be looked up as everywhere, and the texts' products.

        Products are in if the texts name them by `item_id`; the classes' ids then begin with "class-", because a shop
        may number both.
        """
        rows = contract.conform(self._classes, "items").drop("label")
        if self._of_products:
            rows = rows.union(contract.conform(self._described(), "items").select(rows.columns))
        return engine.keep(self.con, "final_items", rows)

    def given(self) -> int:
        """All texts."""
        return int(self.tables["texts"].count().execute())

    def _pairs(self) -> Table:
        """The text's class, and up to `negatives` others drawn by digest, which weigh the inverse of their rate."""
        texts, classes = self._texts.filter(_.reason.isnull()), self._classes
        others = classes.count().execute() - 1
        kept = min(self.wishes.negatives, others)
        named = classes.select(candidate_id=_.item_id, candidate=_.title, named=_.label)
        crossed = texts.cross_join(named)
        right = crossed.label == crossed.named
        salt = f"class{self.wishes.seed}"
        order = [right.desc(), engine.digest(crossed.text_id, crossed.named, salt=salt), crossed.named]
        line = ibis.window(group_by="text_id", order_by=order)
        ranked = crossed.mutate(right=right, place=ibis.row_number().over(line))
        near = ranked.filter(_.place <= kept)
        sampled = (~near.right) & (kept < others)
        return as_pairs(
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

    def _rows(self) -> Table:
        return self._texts.select("reason", group_id=_.text_id)

    @property
    def _of_products(self) -> bool:
        return "items" in self.tables and "item_id" in self.tables["texts"].columns

    @cached_property
    def _classes(self) -> Table:
        """item_id, title, type_text, language, label: a class has the language of most of its texts, ties by name."""
        texts = self.tables["texts"]
        spoken = texts.group_by("label", "language").agg(texts=_.count())
        order = [spoken.language.isnull(), spoken.texts.desc(), spoken.language]
        ranked = spoken.mutate(place=ibis.row_number().over(ibis.window(group_by="label", order_by=order)))
        named = ranked.filter(_.place == 0)
        title = named.label.re_replace("[_]+", " ")
        key = (ibis.literal("class-") + named.label) if self._of_products else named.label
        rows = named.select(
            "label", item_id=key, title=title, type_text=title, language=named.language.fill_null(UNKNOWN)
        )
        return engine.keep(self.con, "classes", rows)

    @cached_property
    def _texts(self) -> Table:
        """Texts with their split, and why they are not learned from: a split that is held out has the text too."""
        cut = splits.completed(self.tables["texts"], "text")
        held = cut.split != first_split(cut.split, folded(cut.text), HELD_OUT)
        return engine.keep(self.con, "split_texts", cut.mutate(reason=held.ifelse(HELD, None)))

    def _documents(self) -> Table:
        """The texts, and the catalogue where they are about products."""
        texts = self._texts
        rows = texts.select("text", "split", doc_id="text-" + texts.text_id, language=texts.language.fill_null(UNKNOWN))
        rows = rows.select("doc_id", "text", "language", "split")
        if not self._of_products:
            return rows
        return rows.union(catalogue_documents(self.items.anti_join(self._classes, "item_id")))
