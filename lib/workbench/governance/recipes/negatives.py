"""Negatives that nobody was shown: drawn from the catalogue, and marked as drawn."""

import ibis
from ibis import _
from ibis.expr.types import Table

from workbench.data import engine


def draw(groups: Table, items: Table, taken: Table, count: int, seed: int) -> Table:
    """Items at places of the catalogue that the group's digest names; a place named twice counts once.

    Args:
        groups: group_id, user_id, until, one row a group.
        items: item_id.
        taken: user_id, candidate_id, moment: what the user took up to a group's `until` is no negative of it, before
            or later; what came after that is not looked at.
        count: draws of a group.
        seed: another one draws others.

    Returns:
        group_id, candidate_id, weight: the inverse sampling rate, so that a group's negatives together weigh as many
        items as the user did not take.

    """
    size = int(items.count().execute())
    order = [engine.digest(items.item_id, salt=f"item{seed}"), items.item_id]
    placed = items.select(candidate_id=_.item_id, slot=ibis.row_number().over(order_by=order))
    owner, known = ["user_id", "until"], taken.semi_join(placed, "candidate_id")
    asked = groups.select(*owner).distinct()
    owned = asked.join(known, ["user_id", known.moment <= asked.until]).select(*owner, "candidate_id").distinct()
    draws = groups.select("group_id", *owner).mutate(draw=ibis.range(count)).unnest("draw")
    key = engine.digest(draws.group_id, draws.draw.cast("string"), salt=f"negative{seed}")
    named = draws.mutate(slot=engine.digits(key, 0, 8) % size).join(placed, "slot")
    kept = named.select("group_id", *owner, "candidate_id").distinct().anti_join(owned, [*owner, "candidate_id"])
    counts = kept.group_by("group_id").agg(kept=_.count())
    weighed = kept.join(counts, "group_id").left_join(owned.group_by(owner).agg(owned=_.count()), owner)
    weight = (size - weighed.owned.fill_null(0)) / weighed.kept
    return weighed.select("group_id", "candidate_id", weight=weight)
