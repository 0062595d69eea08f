"""Counts of A/B tests: there is nothing in them that a text model could learn from."""

from workbench.governance.recipes.base import STEPS, Recipe

COUNTS_ONLY = "the source has counts of A/B tests: no products, no texts and no single user's behaviour"


class ExperimentsRecipe(Recipe):
    """Every step is omitted; the table is cleaned and handed on as it is."""

    group = "experiment"
    unit = "counts"
    omitted = dict.fromkeys(STEPS, COUNTS_ONLY)

    def given(self) -> int:
        """Rows of the table of experiments."""
        return int(self.tables["experiments"].count().execute())
