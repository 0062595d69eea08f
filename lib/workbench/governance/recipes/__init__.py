"""Recipes: how the clean tables of each shape become what a model learns from.

Each step of the governance notebook calls the same method whatever the shop has; a recipe says which steps do not apply
and why.
"""

from collections.abc import Mapping

import ibis
from ibis.expr.types import Table

from workbench.governance.recipes.base import Exposed, Recipe, Wishes, balance
from workbench.governance.recipes.behaviour import BehaviourRecipe
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
}

__all__ = ["RECIPES", "Exposed", "Recipe", "Wishes", "balance", "find"]


def find(shape: str, con: ibis.BaseBackend, tables: Mapping[str, Table], wishes: Wishes) -> Recipe:
    """The recipe for tables of a shape.

    Raises:
        ValueError: nothing can be learned from this shape.

    """
    if shape not in RECIPES:
        raise ValueError(f"tables of the shape '{shape}' make no training pairs: known are {', '.join(RECIPES)}")
    return RECIPES[shape](con, tables, wishes)
