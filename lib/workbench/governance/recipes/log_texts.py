"""What a behaviour log says in words: queries, reviews, and what one session took."""

from collections.abc import Sequence

from ibis import _
from ibis.expr.types import Table

from workbench.governance.recipes.documents import documents, first_split


def documents_of(dated: Table, items: Table, taken: Sequence[str], order: Sequence[str], language: str) -> Table:
    """Documents of a log: doc_id, text, language, split; equal texts in several splits are still there.

    A session of several splits belongs to the first of them in `order`, and only what it took there is named.

    Args:
        dated: events with the split that each belongs to.
        items: item_id, title.
        taken: kinds of event by which a product is taken.
        order: splits, the one first that has what several share.
        language: of what users write.

    """
    queries = dated.filter(_.query.notnull()).select("query", "split").distinct()
    visits = dated.filter(_.session_id.notnull())
    mine = visits.filter(visits.split == first_split(visits.split, visits.session_id, order))
    named = mine.filter(_.event_type.isin(taken)).join(items.select("item_id", "title"), "item_id")
    titles = named.select("session_id", "split", "title").distinct().group_by("session_id", "split")
    sessions = titles.agg(text=_.title.group_concat("; ", order_by=_.title), titles=_.count()).filter(_.titles > 1)
    parts = (
        documents(queries, "query", "query", "query", language),
        documents(dated.filter(_.text.notnull()), "review", "event_id", "text", language),
        documents(sessions, "session", "session_id", "text", language),
    )
    return parts[0].union(*parts[1:])
