"""Contexts: what somebody took lately, in words."""

from collections.abc import Sequence

import ibis
from ibis import _
from ibis.expr.types import Table, Value

MEMORY = 12  # weeks of purchases that a context looks back on
LENGTH = 5  # kinds of product in a context, in pairs and in ranking alike: short texts train and score faster


def contexts(purchases: Table, items: Table, moments: Table, memory: int = MEMORY, length: int = LENGTH) -> Table:
    """What a user bought lately, in words, as of the beginning of a week: 'bananas; soft drinks can; …'.

    The kinds of product bought in the `memory` weeks before, those first that were bought in more and in later weeks:
    a week counts `memory` for the last one, down to 1 for the earliest; ties by text.

    Args:
        purchases: user_id, item_id, week.
        items: item_id, type_text.
        moments: user_id, week; nothing bought in that week or later is looked at.
        memory: weeks to look back.
        length: kinds of product to name.

    Returns:
        user_id, week, context; no row for a user who bought nothing in that time.

    """
    past = purchases.select("user_id", "item_id", past_week=_.week)
    asked = moments.select("user_id", "week").distinct()
    seen = asked.join(past, ["user_id", asked.week > past.past_week, asked.week <= past.past_week + memory])
    kinds = seen.join(items.select("item_id", "type_text"), "item_id").select(
        "user_id", "week", "past_week", "type_text"
    )
    score = (memory + 1 - (_.week - _.past_week)).sum()
    scored = kinds.distinct().group_by("user_id", "week", "type_text").agg(score=score)
    return in_a_row(scored, ["user_id", "week"], "type_text", [scored.score.desc(), scored.type_text], length)


def in_a_row(rows: Table, by: Sequence[str], text: str, order: Sequence[Value], length: int, least: int = 1) -> Table:
    """The first texts of each group, in this order, as one.

    Args:
        rows: the columns of `by`, and `text`.
        by: columns of a group.
        text: the column to join.
        order: order of a group's rows.
        length: texts to join at most; a null is passed over, but counts.
        least: groups of fewer rows are left out.

    Returns:
        The columns of `by`, context.

    """
    ranked = rows.mutate(rank=ibis.row_number().over(ibis.window(group_by=by, order_by=order))).filter(_.rank < length)
    slots = {f"slot{i}": ranked[text].max(where=ranked["rank"] == i) for i in range(length)}  # Spark orders no collect
    filled = ranked.group_by(by).agg(rows=_.count(), **slots).filter(_.rows >= least)
    return filled.select(*by, context=ibis.literal("; ").join([filled[slot] for slot in slots]))
