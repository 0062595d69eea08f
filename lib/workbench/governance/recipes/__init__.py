"""Recipes: how the clean tables of each shape become what a model learns from.

Each step of the governance notebook calls the same method whatever the shop has; a recipe says which steps do not apply
and why. A recipe decides what one group of pairs is, what its context and candidates are, what is left out for which
reason, and which texts are read. What behaviour says about relevance, examination, noise and splits is worked out in
`labels`, which knows nothing of recipes.
"""

from collections.abc import Mapping

import ibis
from ibis.expr.types import Table

from workbench.governance.recipes.base import NEGATIVES, SPLIT_BY, Exposed, Recipe, Wishes, balance
from workbench.governance.recipes.behaviour import BehaviourRecipe
from workbench.governance.recipes.experiments import ExperimentsRecipe
from workbench.governance.recipes.histories import HistoriesRecipe
from workbench.governance.recipes.judged import JudgedRecipe
from workbench.governance.recipes.promotions import PromotionsRecipe
from workbench.governance.recipes.texts import TextsRecipe

RECIPES: dict[str, type[Recipe]] = {
    "behaviour": BehaviourRecipe,
    "promotions": PromotionsRecipe,
    "judged": JudgedRecipe,
    "histories": HistoriesRecipe,
    "texts": TextsRecipe,
    "experiments": ExperimentsRecipe,
}

QUERIED = {("behaviour", "query"): "behaviour with lists shown for queries"}

__all__ = ["RECIPES", "Exposed", "Recipe", "Wishes", "balance", "find"]


def find(shape: str, con: ibis.BaseBackend, tables: Mapping[str, Table], wishes: Wishes) -> Recipe:
    """The recipe for tables of a shape.

    Raises:
        ValueError: no such shape is known, or it cannot do what is wished.

    """
    if shape not in RECIPES:
        raise ValueError(f"there is no recipe for tables of the shape '{shape}': known are {', '.join(RECIPES)}")
    recipe = RECIPES[shape](con, tables, wishes)
    _check(shape, recipe)
    return recipe


def _check(shape: str, recipe: Recipe) -> None:
    """Raise ValueError for a wish that these tables could only ignore."""
    by, count = recipe.wishes.split_by, recipe.wishes.negatives
    if by not in SPLIT_BY:
        raise ValueError(f"split_by is '{by}': split by {', '.join(SPLIT_BY[:-1])} or {SPLIT_BY[-1]}")
    if not recipe.keeps_apart(by):
        able = " and ".join(QUERIED.get((name, by), name) for name, made in RECIPES.items() if by in made.splits_by)
        raise ValueError(
            f"split_by is '{by}', which these tables of shape '{shape}' cannot follow (only {able} can): "
            f"leave it at '{SPLIT_BY[0]}'"
        )
    if count != NEGATIVES and not recipe.draws:
        able = ", ".join(made.drawing for made in RECIPES.values() if made.drawing)
        raise ValueError(
            f"negatives is {count}, but none are drawn from these tables of shape '{shape}' (only from {able}): "
            f"leave it at {NEGATIVES}"
        )
