"""Judged search results: a query, a product, and how well the one serves the other."""

import ibis
from ibis import _
from ibis.expr.types import Table

from workbench.governance import splits
from workbench.governance.recipes.base import NO_PRODUCT, Pairing, as_pairs
from workbench.governance.recipes.documents import HELD_OUT, catalogue_documents, documents, first_split, folded

NO_BEHAVIOUR = "the source has judgments, no behaviour"
TWICE = "the same query and product were judged before: the higher grade counts"


class JudgedRecipe(Pairing):
    """One group is one query; its pairs are the products judged for it."""

    group = "query"
    unit = "judgments"
    omitted = dict.fromkeys(("exposure", "positions", "aggregates", "timetable"), NO_BEHAVIOUR)
    splits_by = ("time", "query")  # a judgment has no time: a query is in one split whatever is asked

    def given(self) -> int:
        """All judgments."""
        return int(self.tables["judgments"].count().execute())

    def _pairs(self) -> Table:
        """Every judged pair with its grade (the higher one where it was judged twice); a query is in one split only.

        Raises:
            ValueError: a grade is no whole number.

        """
        judged = self._sorted().filter(_.reason.isnull())
        if judged.filter(_.grade != _.grade.round()).count().execute():
            raise ValueError("grades are not whole numbers: give the judgments' grade a `scale` in the parameters file")
        told = judged.join(self.items.select("item_id", "title"), "item_id")
        return as_pairs(
            told.mutate(
                pair_id=told.query_id + "-" + told.item_id,
                group_id=told.query_id,
                context=told.query,
                candidate_id=told.item_id,
                candidate=told.title,
                label=told.grade.cast("int64"),
                weight=ibis.literal(1.0),
                origin=ibis.literal("judged"),
                user_id=told.query_id,
            )
        )

    def _rows(self) -> Table:
        return self._sorted().select("reason", group_id=_.query_id)

    def _sorted(self) -> Table:
        """Judgments with their split, one for each query however it is written, and why they make no pair."""
        given = self.tables["judgments"]
        cut = splits.completed(given.mutate(asked=given.query.strip().lower()), "asked")
        known = self.items.select("item_id", known=ibis.literal(True))
        one = cut.mutate(split=first_split(cut.split, folded(cut.query), HELD_OUT)).left_join(known, "item_id")
        line = ibis.window(group_by=["query_id", "item_id"], order_by=[one.grade.desc(), one.query])
        ranked = one.mutate(place=ibis.row_number().over(line))
        return ranked.mutate(reason=ibis.cases((_.place > 0, TWICE), (_.known.isnull(), NO_PRODUCT), else_=None))

    def _documents(self) -> Table:
        """The catalogue and the queries."""
        queries = self._sorted().group_by("query_id").agg(text=_.query.min(), split=_.split.min())
        return catalogue_documents(self.items).union(documents(queries, "query", "query_id", "text", self._language()))
