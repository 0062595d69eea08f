"""Judged search results: a query, a product, and how well the one serves the other."""

import ibis
from ibis import _
from ibis.expr.types import Table

from workbench.governance import splits
from workbench.governance.recipes.base import Recipe, as_pairs, catalogue_documents, documents

NO_BEHAVIOUR = "the source has judgments, no behaviour"


class JudgedRecipe(Recipe):
    """One group is one query; its pairs are the products judged for it."""

    group = "query"
    omitted = dict.fromkeys(("exposure", "positions", "aggregates", "timetable"), NO_BEHAVIOUR)

    def pairs(self) -> Table:
        """Every judged pair with its grade (the higher one where it was judged twice); a query is in one split only.

        Raises:
            ValueError: a grade is no whole number.

        """
        judged = self._judged()
        if judged.filter(_.grade != _.grade.round()).count().execute():
            raise ValueError("grades are not whole numbers: give the judgments' grade a `scale` in the parameters file")
        told = judged.join(self.items.select("item_id", "title"), "item_id")
        return self._targeted(
            as_pairs(
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
        )

    def _judged(self) -> Table:
        """Judgments and their split: one for each query, however it is written; test wins, then valid."""
        given = self.tables["judgments"]
        folded = given.mutate(asked=given.query.strip().lower())
        split = splits.completed(folded, "asked")
        order = ibis.cases((split.split == "test", 0), (split.split == "valid", 1), else_=2)
        place = order.min().over(ibis.window(group_by="asked"))
        one = split.mutate(split=ibis.cases((place == 0, "test"), (place == 1, "valid"), else_="train"))
        return one.group_by("query_id", "item_id", "split").agg(query=_.query.min(), grade=_.grade.max())

    def _documents(self) -> Table:
        """The catalogue, and the queries of train and valid."""
        judged = self._judged().filter(_.split != "test")
        queries = judged.group_by("query_id").agg(text=_.query.min(), split=_.split.min())
        return catalogue_documents(self.items).union(documents(queries, "query", "query_id", "text", self._language()))
