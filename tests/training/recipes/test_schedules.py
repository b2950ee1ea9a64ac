"""Learning-rate schedules: factors on every optimiser's own rate, as a function of the step alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from training.recipes import RECIPES, find_recipe
from training.recipes.schedules import SCHEDULES, constant, cosine

TINY = replace(find_recipe("derain"), steps=100, warm_up=10)


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth() -> None:
    rates = [cosine(TINY, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.01, abs=0.001)


def test_a_constant_rate_only_warms_up() -> None:
    rates = [constant(TINY, step) for step in range(100)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert set(rates[10:]) == {1.0}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_stays_above_zero_and_at_most_one(name: str) -> None:
    factors = [SCHEDULES[name](TINY, step) for step in range(TINY.steps)]
    assert all(0 < factor <= 1 for factor in factors)


def test_every_recipe_names_a_schedule_that_exists() -> None:
    assert {recipe.schedule for recipe in RECIPES.values()} <= SCHEDULES.keys()
