"""What goes wrong with judged search results."""

import ibis
import pandas as pd
from ibis import _
from ibis.expr.types import Table

from workbench.data import contract, engine
from workbench.governance.quality import Rule, Tables
from workbench.governance.rules.strings import ADDRESS, CODE, id_rules, text_rules
from workbench.governance.rules.tables.catalogue_ids import item_ids
from workbench.governance.rules.vocabulary import counts

GRADES = 12  # distinct grades up to which they are a scale and not measurements
LONG_QUERY = 150  # characters
ONE = 0.98  # share of one value from which another is suspect


def seen(con: ibis.BaseBackend, tables: Tables, name: str) -> dict[str, Table]:
    """The judgments with what the others of their query say, whether the product is known, and grades off the scale.

    Args:
        con: the engine, which keeps what several rules read.
        tables: judgments, and items for which products are known.
        name: a word of its own for each call.

    """
    judged, known = contract.conform(tables["judgments"], "judgments"), item_ids(tables)
    clear = judged.filter(judged.grade.notnull())
    pairs = clear.group_by("query_id", "item_id").agg(n=_.count(), low=_.grade.min(), high=_.grade.max())
    pairs = engine.keep(con, f"{name}_judged_twice", pairs.filter(_.n > 1))
    names = judged.filter(_.query.notnull()).group_by("query_id").agg(low=_.query.min(), high=_.query.max())
    names = engine.keep(con, f"{name}_query_names", names.filter(_.low != _.high).select("query_id"))
    grades = counts(con, judged.grade)
    seldom = _off_scale(grades)
    judged = judged.left_join(pairs, ["query_id", "item_id"]).drop("query_id_right", "item_id_right")
    names = names.select(named_id=names.query_id)
    judged = judged.left_join(names, judged.query_id == names.named_id)
    judged = judged.mutate(renamed=judged.named_id.notnull(), off_scale=judged.grade.isin(seldom) if seldom else False)
    return {"judgments": _known(judged.drop("named_id"), known)}


def _known(table: Table, known: Table | None) -> Table:
    if known is None:
        return table.mutate(item_known=True)
    joined = table.left_join(known, table.item_id == known.known_item)
    return joined.mutate(item_known=joined.known_item.notnull()).drop("known_item")


def _off_scale(grades: pd.DataFrame) -> list[float]:
    """Grades beyond those that nearly all judgments use, where these are a scale of few steps."""
    total = grades["n"].sum()
    common = grades[grades["n"] >= max(3, 0.002 * total)]
    if not 0 < len(common) <= GRADES or common["n"].sum() < ONE * total:
        return []
    low, high = common["value"].min(), common["value"].max()
    off = (grades["value"] < low) | (grades["value"] > high)
    if (common["value"] % 1 == 0).all():
        off |= grades["value"] % 1 != 0
    return [float(value) for value in grades.loc[off, "value"]]


RULES: tuple[Rule, ...] = (
    *id_rules("judgments", "query_id", required=True),
    *id_rules("judgments", "item_id", required=True),
    *text_rules("judgments", "query", "judged query", required=True, typed=True),
    Rule("judgment without query", "completeness", "judgments", lambda t, _: t["query"].isnull(), action="quarantine",
         severity="high", columns=("query",)),
    Rule("judgment without grade", "completeness", "judgments", lambda t, _: t.grade.isnull() | t.grade.isnan(),
         action="quarantine", severity="high", columns=("grade",)),
    Rule("grade off the scale", "accuracy", "judgments", lambda t, _: t.off_scale, action="quarantine",
         severity="high", columns=("grade",)),
    Rule("judgment of an unknown product", "consistency", "judgments", lambda t, _: ~t.item_known & t.item_id.notnull(),
         severity="high", columns=("item_id",), needs=("items",)),
    Rule("one product judged twice for a query, alike", "uniqueness", "judgments",
         lambda t, _: (t.n > 1) & (t.low == t.high), severity="low", columns=("query_id", "item_id")),
    Rule("one product judged twice for a query, differently", "consistency", "judgments",
         lambda t, _: (t.n > 1) & (t.low != t.high), severity="medium", columns=("grade",)),
    Rule("one query id for two queries", "consistency", "judgments", lambda t, _: t.renamed, severity="medium",
         columns=("query_id", "query")),
    Rule("judged query is an address, code or far too long", "usability", "judgments",
         lambda t, _: t["query"].re_search(ADDRESS) | t["query"].re_search(CODE) | (t["query"].length() > LONG_QUERY),
         severity="low", columns=("query",)),
)  # fmt: skip
