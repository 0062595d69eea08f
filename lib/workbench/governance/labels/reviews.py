"""Reviews as labelled texts: the label that stars stand for, and the stars that a label stands for."""

import ibis
from ibis.expr.types import Table

BAD, GOOD = 2.0, 4.0  # most stars of a bad review, fewest of a good one
STARS = {"bad": BAD, "neutral": (BAD + GOOD) / 2, "good": GOOD}
"""The stars of a review that a person labelled: they move no farther than the label asks."""
NEEDED = ("event_id", "event_type", "value", "text")


def from_reviews(events: Table) -> Table:
    """Reviews as labelled texts: text_id, text, label (bad, neutral, good) by the stars that came with the words.

    Args:
        events: of the contract; a review has its stars in `value`.

    """
    reviews = events.filter(
        events.event_type == "review", events.value.notnull(), events.text.notnull(), events.text.strip() != ""
    )
    label = ibis.cases((reviews.value <= BAD, "bad"), (reviews.value >= GOOD, "good"), else_="neutral")
    return reviews.select(text_id=reviews.event_id, text=reviews.text, label=label)
