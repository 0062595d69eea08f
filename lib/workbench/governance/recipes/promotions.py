"""Purchases and promotion records: who could have seen what is worked out, never computed in full."""

from functools import cached_property
from types import MappingProxyType

import pandas as pd
from ibis.expr.types import Table

from workbench.data import engine
from workbench.data.timetable import SHORTEST, Timetable
from workbench.governance import aggregates
from workbench.governance.labels import exposure
from workbench.governance.labels.exposure import Size
from workbench.governance.recipes import baskets, grocery_words, promoted
from workbench.governance.recipes.base import Exposed, Recipe


class PromotionsRecipe(Recipe):
    """One group is one household in one week; its pairs are the products that promotions exposed it to."""

    group = "household and week"
    unit = "exposed products, the purchases and the sample"
    omitted = MappingProxyType(dict.fromkeys(("positions", "relevance"), "a leaflet or a shelf has no ranks"))
    drawing = "promotions"

    @cached_property
    def timetable(self) -> Timetable:
        """The cuts in the shop's own weeks.

        Raises:
            ValueError: the log is too short for them.

        """
        weeks = int(self.tables["calendar"].week.max().execute())
        if (cuts := self._cuts(weeks)) is None:
            raise ValueError(f"the log spans {weeks} weeks, and cuts in time need {SHORTEST}: collect more")
        return cuts

    def exposure(self) -> Exposed:
        """Every exposed purchase, a sample of what was exposed and not bought, and the size of the view behind it."""
        size, rate, estimate = self._size, exposure.positive_rate(self._bought, self._sampled), self._estimate
        events = promoted.events(self.tables["events"], self._bought, self._sampled)
        events = engine.keep(self.con, "all_events", events)
        coverage = exposure.coverage(events)
        never = coverage.set_index("channel")["share"].get("never promoted", 0.0)
        findings = (
            f"Visits joined with all promotions of their store and week would be {size.joined:,} rows; the view of "
            f"what reached a household has {size.rows:,}, by display {size.display:,} and by mailer {size.mailer:,}. "
            "Neither was computed.",
            f"Its size as the sample estimates it is {estimate:,.0f} ({estimate / size.rows - 1:+.2%} off the count).",
            f"One exposed product in {1 / rate:,.0f} is bought that week.",
            f"{never:.1%} of the purchases were never promoted: promotions alone cannot explain them.",
        )
        facts = {**vars(size), "positive_rate": rate, "estimated_rows": estimate, "never_promoted": never}
        return Exposed(events.order_by("user_id", "timestamp", "event_id"), coverage, facts, findings)

    def pairs(self) -> Table:
        """All exposed purchases of the household-weeks drawn, and their sampled non-purchases."""
        windows, targets = self.timetable.splits(), self.wishes.pair_targets
        return promoted.pairs(self.con, self.tables["events"], self.items, self._exposed, windows, targets)

    def given(self) -> int:
        """All exposed purchases, and the sampled non-purchases."""
        return sum(int(part.count().execute()) for part in (self._bought, self._sampled))

    def left_out(self) -> pd.DataFrame:
        """Exposed products that no pair stands for: reason, rows, unit."""
        windows, targets = self.timetable.splits(), self.wishes.pair_targets
        return self._counted(promoted.left_out(self.tables["events"], self.items, self._exposed, windows, targets))

    def _corpus(self) -> Table:
        """Products and baskets in words: train what was sold until the text model's cut, valid what came after it."""
        last, docs = (self.timetable.text_train, self.timetable.text_valid), self.wishes.corpus_docs
        return baskets.corpus(self.items, self.tables["events"], *last, docs["train"], docs["valid"])

    def aggregates(self) -> dict[str, Table]:
        """Sums of purchases, as of the weeks that the rankers are fitted until."""
        cuts = (self.timetable.fusion_fit, self.timetable.test_fit)
        return aggregates.aggregates(self.tables["events"], self.items, cuts)

    def _described(self) -> Table:
        return grocery_words.finish(self.tables["items"])

    @property
    def _exposed(self) -> Table:
        return promoted.exposures(self._bought, self._sampled)

    @cached_property
    def _places(self) -> Table:
        return engine.keep(self.con, "places", exposure.places(self.tables["events"], self.tables["promotions"]))

    @cached_property
    def _reach(self) -> Table:
        return engine.keep(self.con, "reach", exposure.reach(self._places, self.tables["promotions"]))

    @cached_property
    def _size(self) -> Size:
        return exposure.size(self._reach)

    @cached_property
    def _bought(self) -> Table:
        found = exposure.bought(self.tables["events"], self._places, self.tables["promotions"])
        return engine.keep(self.con, "bought", found)

    @cached_property
    def _sampled(self) -> Table:
        events, promotions, wishes = self.tables["events"], self.tables["promotions"], self.wishes
        drawn = exposure.sample(events, self._places, promotions, self._reach, wishes.negatives, salt=str(wishes.seed))
        return engine.keep(self.con, "sampled", drawn)

    @property
    def _estimate(self) -> float:
        return exposure.estimated_rows(self._bought, self._sampled)
