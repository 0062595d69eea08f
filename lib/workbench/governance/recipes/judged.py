"""Judged search results: a query, a product, and how well the one serves the other."""

from functools import cached_property

import ibis
import numpy as np
import pandas as pd
from ibis import _
from ibis.expr.types import Table
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from workbench.data import engine
from workbench.governance.labels import splits
from workbench.governance.recipes.base import NO_PRODUCT, Pairing, as_pairs
from workbench.governance.recipes.documents import HELD_OUT, catalogue_documents, documents, folded

NO_BEHAVIOUR = "the source has judgments, no behaviour"
TWICE = "the same query and product were judged before: the higher grade counts"
FEW = "of {queries} judged queries with known products none is left for {splits}"


class JudgedRecipe(Pairing):
    """One group is one query; its pairs are the products judged for it."""

    group = "query"
    unit = "judgments"
    splits_by = ("time", "query")  # a judgment has no time: a query is in one split whatever is asked

    @cached_property
    def omitted(self) -> dict[str, str]:  # type: ignore[override]
        """Steps that need behaviour; and pairs, where there are queries, but too few for every split."""
        missing = dict.fromkeys(("exposure", "positions", "relevance", "aggregates", "timetable"), NO_BEHAVIOUR)
        kept = self._sorted.filter(_.reason.isnull()).group_by("split").agg(queries=_.query_id.nunique()).execute()
        lacking = [split for split in self.wishes.pair_targets if split not in set(kept["split"])]
        if lacking and len(kept):
            missing["pairs"] = FEW.format(queries=kept["queries"].sum(), splits=" and ".join(lacking))
        return missing

    def given(self) -> int:
        """All judgments."""
        return int(self.tables["judgments"].count().execute())

    def _pairs(self) -> Table:
        """Every judged pair with its grade (the higher one where it was judged twice); a query is in one split only.

        Raises:
            ValueError: a grade is no whole number.

        """
        judged = self._sorted.filter(_.reason.isnull())
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
        return self._sorted.select("reason", group_id=_.query_id)

    @cached_property
    def _sorted(self) -> Table:
        """Judgments with their split and why they make no pair; kept in the engine."""
        given = self.tables["judgments"]
        cut = splits.completed(given.mutate(asked=given.query.strip().lower()), "asked")
        known = self.items.select("item_id", known=ibis.literal(True))
        one = cut.drop("split").join(self._splits(cut), "query_id").left_join(known, "item_id")
        line = ibis.window(group_by=["query_id", "item_id"], order_by=[one.grade.desc(), one.query])
        ranked = one.mutate(place=ibis.row_number().over(line))
        reason = ibis.cases((ranked.place > 0, TWICE), (ranked.known.isnull(), NO_PRODUCT), else_=None)
        return engine.keep(self.con, "sorted_judgments", ranked.mutate(reason=reason))

    def _splits(self, cut: Table) -> Table:
        """The split of each query_id: one for all that share an id or a text, however it is written.

        Of the splits that such queries have, the one that is held out most strictly.
        """
        rows = cut.filter(_.query_id.notnull()).select("query_id", "split", text=folded(cut.query)).distinct().execute()
        (ids, _names), (texts, _words) = pd.factorize(rows["query_id"]), pd.factorize(rows["text"])
        first = ids.max(initial=-1) + 1
        nodes, said = first + texts.max(initial=-1) + 1, texts >= 0
        links = sparse.csr_array((np.ones(said.sum()), (ids[said], first + texts[said])), shape=(nodes, nodes))
        together = connected_components(links, directed=False)[1][ids]
        turn = rows["split"].map({split: turn for turn, split in enumerate(HELD_OUT)})
        split = turn.groupby(together).transform("min").map(dict(enumerate(HELD_OUT)))
        whole = rows.assign(split=split)[["query_id", "split"]].drop_duplicates().sort_values("query_id")
        found = ibis.memtable(whole, schema={"query_id": "string", "split": "string"})
        return engine.keep(self.con, "query_splits", found)

    def _documents(self) -> Table:
        """The catalogue and the queries."""
        queries = self._sorted.group_by("query_id").agg(text=_.query.min(), split=_.split.min())
        return catalogue_documents(self.items).union(documents(queries, "query", "query_id", "text", self._language()))
