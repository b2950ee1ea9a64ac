"""`--set` and ablations: each reaches one field by its name, and a slip of the pen is an error that says what was meant."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from runtime.errors import UsageError
from runtime.model.manifest import ModelCard
from training.degradations.description import MixtureText
from training.networks import PRESETS
from training.recipes import RECIPES, find_recipe
from training.recipes.recipe import Recipe
from training.settings import changed, names_of, recipe_of, with_ablation, with_settings


@pytest.fixture
def recipe() -> Recipe:
    return find_recipe("derain")


def test_a_setting_changes_its_field_and_no_other(recipe: Recipe) -> None:
    assert with_settings(recipe, ["steps=7"]) == replace(recipe, steps=7)
    assert with_settings(recipe, ["learning_rate = 1e-4"]).learning_rate == 1e-4
    assert with_settings(recipe, ["method.beta=0"]) == replace(recipe, method=replace(recipe.method, beta=0.0))  # type: ignore[type-var]
    wider = with_settings(recipe, ["network.channels=48", "network.auxiliary=no"]).network
    assert wider.config == replace(recipe.network.config, channels=48, auxiliary=False)
    assert with_settings(recipe, ["network=fdrnet"]).network is PRESETS["fdrnet"]


def test_a_changed_preset_no_longer_bears_its_plain_name(recipe: Recipe) -> None:
    assert with_settings(recipe, ["network.channels=48"]).network.name == "fdrnet-edge channels=48"
    assert with_settings(recipe, ["network.channels=48", "network.channels=32"]).network == PRESETS["fdrnet-edge"]


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("steps", "NAME=VALUE"),
        ("stepps=3", "did you mean steps"),
        ("network.chanels=3", "did you mean channels"),
        ("network=resnet", "fdrnet-edge"),
        ("method.beta.gamma=3", "none"),
        ("steps=many", "a whole number"),
        ("method.beta=x", "a number"),
        ("network.auxiliary=maybe", "true or false"),
        ("degradation=rain", "expected a field"),
        ("name=mine", "expected a field"),
        ("enlarges=2", "expected a field"),
        ("steps=0", "above zero"),
        ("learning_rate=inf", "above zero"),
        ("ema=2", "below 1"),
        ("seed=-1", "0 or more"),
        ("weaknesses=", "expected a field"),
        ("method=gan", "one by one"),
        ("network.channels=0", "1 or more"),
    ],
)
def test_a_wrong_setting_says_what_was_expected(recipe: Recipe, setting: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        with_settings(recipe, [setting])
    assert "\n" not in str(caught.value)


# In every run one recipe of each small network; the others and PLNLIN, a minute of building, in `make test-all`.
_QUICK = ("fdrnet-hybrid", "aigan-derain", "physicsgan-deblur")


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in _QUICK else pytest.mark.slow) for name in RECIPES])
def test_every_ablation_of_every_recipe_can_be_applied_and_built(name: str) -> None:
    recipe = find_recipe(name)
    for ablation in recipe.ablations:
        with torch.device("meta"):
            with_ablation(recipe, ablation).network.build()


def test_an_unknown_ablation_is_refused(recipe: Recipe) -> None:
    with pytest.raises(UsageError, match="expected an ablation of the recipe derain, got 'without-everything'"):
        with_ablation(recipe, "without-everything")


def test_the_names_that_can_be_set_are_listed(recipe: Recipe) -> None:
    assert {"steps", "network", "network.channels", "method.beta"} <= set(names_of(recipe))
    assert "method" not in names_of(recipe)


def test_a_model_card_tells_the_recipe_that_trained_it() -> None:
    changes = ("ablation without-svdo", "steps=7", "network=fdrnet-edge", "network.channels=16", "degrade noise(read=20)")
    card = ModelCard("fdrnet-hybrid", 1, 7, (), "", (), changes)
    recipe = recipe_of(card)
    assert (recipe.steps, recipe.network.name, recipe.degradation) == (7, "fdrnet-edge channels=16", MixtureText("noise(read=20)"))
    assert [name for name, _ in recipe.trials] == ["noise(read=20)"]  # what it is validated and scored on
    assert with_settings(find_recipe("fdrnet-hybrid"), ["method.beta=0"]).method == recipe.method
    assert recipe_of(ModelCard("derain", 1, 7, (), "", ())) == find_recipe("derain")


def test_an_ablation_also_holds_for_another_preset() -> None:
    recipe = changed(find_recipe("fdrnet-hybrid"), ["ablation without-auxiliary", "network = fdrnet-edge", "steps=7"])
    assert recipe.network.name == "fdrnet-edge auxiliary=False"
