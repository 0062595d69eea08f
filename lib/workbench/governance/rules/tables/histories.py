"""What goes wrong with histories: lists of products in order, and the product that came next."""

import ibis
from ibis import _
from ibis.expr.types import Table

from workbench.data import contract, engine
from workbench.governance.quality import Rule, Tables
from workbench.governance.rules.strings import id_rules
from workbench.governance.rules.tables.catalogue_ids import item_ids

LONGEST = 10_000  # items of one history


def seen(con: ibis.BaseBackend, tables: Tables, name: str) -> dict[str, Table]:
    """The histories with how many products they have, and how many of these no catalogue knows.

    Args:
        con: the engine, which keeps what several rules read.
        tables: histories, and items for which products are known.
        name: a word of its own for each call.

    """
    histories, known = contract.conform(tables["histories"], "histories"), item_ids(tables)
    histories = histories.mutate(n_items=histories.item_ids.length())
    if known is None:
        return {"histories": histories.mutate(strangers=0, next_known=True)}
    said = histories.select("history_id", item=histories.item_ids.unnest())
    strangers = said.anti_join(known, said.item == known.known_item).group_by("history_id").agg(strangers=_.count())
    strangers = engine.keep(con, f"{name}_strangers", strangers)
    joined = histories.left_join(strangers, "history_id").drop("history_id_right")
    joined = joined.left_join(known, joined.next_item_id == known.known_item)
    judged = joined.mutate(next_known=joined.known_item.notnull(), strangers=joined.strangers.fill_null(0))
    return {"histories": judged.drop("known_item")}


RULES: tuple[Rule, ...] = (
    *id_rules("histories", "history_id", required=True),
    *id_rules("histories", "next_item_id", required=True),
    Rule("history without items", "completeness", "histories", lambda t, _: t.n_items.fill_null(0) == 0,
         action="quarantine", severity="high", columns=("item_ids",)),
    Rule("history far too long", "usability", "histories", lambda t, _: t.n_items > LONGEST, columns=("item_ids",)),
    Rule("history names unknown products", "consistency", "histories", lambda t, _: t.strangers > 0, severity="medium",
         columns=("item_ids",), needs=("items",)),
    Rule("history goes on with an unknown product", "consistency", "histories", lambda t, _: ~t.next_known
         & t.next_item_id.notnull(),
         severity="high", columns=("next_item_id",), needs=("items",)),
    Rule("one history id twice", "uniqueness", "histories", key=("history_id",), action="quarantine", severity="high",
         columns=("history_id",)),
)  # fmt: skip
