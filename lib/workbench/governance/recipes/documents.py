"""What pretraining reads: texts of a catalogue and of what people did, each in one split only."""

from collections.abc import Mapping, Sequence

import ibis
from ibis import _
from ibis.expr.types import StringValue, Table

from workbench.data import engine
from workbench.governance.labels import splits

LATER = 0.1  # share of the catalogue's texts that pretraining is judged by, where nothing has a time
EARLIEST = ("train", "valid", "test")
"""In time, what was known first may be read again later."""
HELD_OUT = ("test", "valid", "train")
"""Where users, queries or texts are kept apart, what is held out is read nowhere else."""


def catalogue_documents(items: Table) -> Table:
    """The catalogue's texts, category, title and description: doc_id, text, language, split (by digest)."""
    parts = [items.category.replace(" > ", " ").lower(), items.title, items.description]
    text = ibis.literal(" : ").join(parts)  # a part that is null is left out
    split = splits.by_digest(items.item_id, {"train": 1 - LATER, "valid": LATER})
    return items.select(doc_id="item-" + items.item_id, text=text, language=items.language, split=split)


def documents(rows: Table, kind: str, key: str, text: str, language: str) -> Table:
    """Rows with a split as documents: doc_id (kind and key), text, language, split."""
    return rows.select(
        doc_id=ibis.literal(f"{kind}-") + rows[key], text=rows[text], language=ibis.literal(language), split=rows.split
    )


def drawn(documents: Table, targets: Mapping[str, int], order: Sequence[str] = HELD_OUT) -> Table:
    """The corpus out of documents (doc_id, text, language, split): no text twice, the smallest digests of each split.

    A text of several splits, compared without case and outer space, belongs to the first of them in `order`. Test's
    documents are left out.
    """
    known = documents.filter(_.text.notnull(), _.text.strip() != "", _.split.notnull())
    mine = known.filter(known.split == first_split(known.split, folded(known.text), order))
    once = mine.group_by("split", "text").agg(doc_id=_.doc_id.min(), language=_.language.min())
    train, valid = (_smallest(once.filter(_.split == name), targets[name]) for name in ("train", "valid"))
    return train.union(valid).select("doc_id", "text", "language", "split").order_by("doc_id")


def first_split(split: StringValue, of: StringValue, order: Sequence[str]) -> StringValue:
    """Of all rows that share a value, the split that comes first in `order`."""
    place = ibis.cases(*((split == name, number) for number, name in enumerate(order)), else_=len(order))
    best = place.min().over(ibis.window(group_by=of))
    return ibis.cases(*((best == number, name) for number, name in enumerate(order)), else_=None)


def folded(text: StringValue) -> StringValue:
    """Text without case and outer space, null if nothing is left."""
    return text.strip().lower().nullif("")


def _smallest(documents: Table, count: int) -> Table:
    return documents.order_by([engine.digest(documents.doc_id, salt="document"), documents.doc_id]).limit(count)
