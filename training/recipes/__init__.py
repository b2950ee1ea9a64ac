"""Owns the table of recipes; knows nothing of the loop. Adding a system is adding a file beside this one and a line here."""

from __future__ import annotations

from runtime.errors import UsageError
from training.networks import PRESETS
from training.recipes.derain import TRIALS, road_rain
from training.recipes.fdrnet import FDRNetMethod
from training.recipes.physicsgan_recipes import RECIPES as PHYSICSGAN
from training.recipes.recipe import Recipe

_DERAIN_WEAKNESSES = (
    "large drops on the windscreen and splashes on the lens stay",
    "a dense veil of far rain is thinned, not removed",
    "fine bright lines along the fall (wires, railings) can be softened",
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="derain",
            network=PRESETS["fdrnet-edge"],
            task="derain",
            summary="Removes rain streaks from road and street pictures in real time on a CPU",
            weaknesses=_DERAIN_WEAKNESSES,
            degradation=road_rain,
            trials=TRIALS,
            method=FDRNetMethod(),
            learn_pairs=False,
        ),
        Recipe(
            name="derain-paper",
            network=PRESETS["fdrnet"],
            task="derain",
            summary="Removes rain streaks with FDR-Net in its published size",
            weaknesses=_DERAIN_WEAKNESSES,
            degradation=road_rain,
            trials=TRIALS,
            method=FDRNetMethod(),
            learn_pairs=False,
            batch=28,
            learning_rate=1e-3,
        ),
        *PHYSICSGAN,
    )
}


def find_recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise UsageError(f"no recipe is called {name!r}; there are: {', '.join(RECIPES)}")
    return RECIPES[name]
