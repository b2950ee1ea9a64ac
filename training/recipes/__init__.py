"""The table of recipes. Does not know the loop. Adding a system is adding a file beside this one and a line here."""

from __future__ import annotations

from runtime.errors import UsageError
from training.recipes import aigan_recipes, fdrnet_recipes, physicsgan_recipes, plnlin_recipes
from training.recipes.recipe import Recipe

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        *aigan_recipes.RECIPES,
        *fdrnet_recipes.RECIPES,
        *physicsgan_recipes.RECIPES,
        *plnlin_recipes.RECIPES,
    )
}  # fmt: skip


def find_recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise UsageError(f"expected a recipe, got {name!r}; there are: {', '.join(RECIPES)}")
    return RECIPES[name]
