"""Ids in a catalogue: which there are, and which row stands where several have one id."""

import ibis
from ibis.expr.types import Table

from workbench.data import engine
from workbench.governance.quality import Tables
from workbench.governance.quality.copies import later_copies


def item_ids(tables: Tables) -> Table | None:
    """The ids in the catalogue, each once, as `known_item`; None where there is no catalogue."""
    if "items" not in tables:
        return None
    items = tables["items"]
    return items.filter(items.item_id.notnull()).select(known_item=items.item_id).distinct()


def lent(con: ibis.BaseBackend, items: Table, name: str) -> Table:
    """Rows that name another product under an id that a row with a title of its own has as well: item_id, title."""
    titled = items.filter(items.title.notnull()).select("item_id", "title").distinct()
    twice = items.group_by("item_id").agg(n=items.count()).filter(lambda t: t.n > 1)
    shared = engine.keep(con, f"{name}_item_ids_shared", titled.semi_join(twice, "item_id"))
    others = titled.select(other_id=titled.item_id, other_title=titled.title)
    hits = shared.join(others, [shared.title == others.other_title, shared.item_id != others.other_id])
    hits = hits.select("item_id", "title").distinct()
    own = shared.anti_join(hits, ["item_id", "title"])
    return engine.keep(con, f"{name}_items_lent", hits.semi_join(own, "item_id"))


def standing(items: Table, lent: Table) -> Table:
    """One row of each id: the one that cleaning lets stand."""
    sound = items.anti_join(lent, ["item_id", "title"])
    twice = sound.group_by("item_id").agg(n=sound.count()).filter(lambda t: t.n > 1)
    shared = sound.semi_join(twice, "item_id")
    shared = shared.mutate(later=later_copies(shared, ("item_id",)))
    return sound.anti_join(twice, "item_id").union(shared.filter(~shared.later).drop("later"))
