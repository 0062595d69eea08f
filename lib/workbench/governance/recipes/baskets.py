"""The corpus of a grocer whose log names baskets: its products and baskets in words."""

import ibis
from ibis import _
from ibis.expr.types import Table

from workbench.data import engine
from workbench.governance.labels.contexts import in_a_row

BASKET = 10  # products named of a basket, under 100 word pieces


def products(items: Table, purchases: Table, first: int, last: int) -> Table:
    """Texts of the products first sold in weeks first … last, category and title: doc_id, text."""
    sold = purchases.group_by("item_id").agg(since=_.week.min()).filter(_.since.between(first, last))
    category = items.category.lower().re_replace("[^a-z0-9%$>]+", " ").strip()
    named = items.mutate(text=category + " : " + items.title).semi_join(sold, "item_id")
    return named.filter(_.text.notnull()).select(doc_id="item-" + named.item_id, text=named.text)


def baskets(items: Table, purchases: Table, first: int, last: int, length: int = BASKET, least: int = 3) -> Table:
    """Texts of baskets bought in weeks first … last: up to `length` of its products, in an order of the basket's own.

    Args:
        items: item_id, title.
        purchases: order_id, item_id, week.
        first: first week.
        last: last week.
        length: products to name.
        least: baskets with fewer different products are left out.

    Returns:
        doc_id, text.

    """
    bought = purchases.filter(_.week.between(first, last)).join(items.select("item_id", "title"), "item_id")
    lines = bought.select("order_id", "title").distinct()
    order = [engine.digest(lines.order_id, lines.title), lines.title]
    told = in_a_row(lines, ["order_id"], "title", order, length, least)
    return told.select(doc_id="basket-" + told.order_id, text=told.context)


def corpus(
    items: Table, purchases: Table, train_until: int, valid_until: int, train_docs: int, valid_docs: int
) -> Table:
    """The contract's `corpus` and its split, ordered by doc_id; equal texts once, none of valid's in train.

    Train holds what was sold in weeks 1 … train_until, valid what came after it up to `valid_until`. Where a split has
    more documents than asked for, those with the smallest digest of their id stay.
    """
    train = _draw(_documents(items, purchases, 1, train_until), train_docs, "train")
    later = _documents(items, purchases, train_until + 1, valid_until)
    valid = _draw(later.anti_join(train, "text"), valid_docs, "valid")
    both = train.union(valid)
    return both.mutate(language=ibis.literal("en")).select("doc_id", "text", "language", "split").order_by("doc_id")


def _documents(items: Table, purchases: Table, first: int, last: int) -> Table:
    both = products(items, purchases, first, last).union(baskets(items, purchases, first, last))
    return both.group_by("text").agg(doc_id=_.doc_id.min()).select("doc_id", "text")


def _draw(documents: Table, count: int, split: str) -> Table:
    drawn = documents.order_by([engine.digest(documents.doc_id, salt="document"), documents.doc_id]).limit(count)
    return drawn.mutate(split=ibis.literal(split))
