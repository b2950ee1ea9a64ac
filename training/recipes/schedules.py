"""The learning-rate schedules by name. Does not know optimisers, which the loop scales."""

from __future__ import annotations

import math
from collections.abc import Callable

from runtime.errors import UsageError
from training.recipes.recipe import Recipe

Schedule = Callable[[Recipe, int], float]


def cosine(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    share = (step - recipe.warm_up) / max(recipe.steps - recipe.warm_up, 1)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))


def constant(recipe: Recipe, step: int) -> float:
    """The recipe's rate throughout, after a linear warm-up."""
    return min(1.0, (step + 1) / max(recipe.warm_up, 1))


def constant_then_linear(recipe: Recipe, step: int) -> float:
    """The recipe's rate for the first half, then straight down to zero, as CycleGAN has it."""
    return min(1.0, (step + 1) / max(recipe.warm_up, 1), 2 * (1 - step / recipe.steps))


def fdrnet_steps(recipe: Recipe, step: int) -> float:
    """A fifth less every 9,000 steps (FDR-Net, section 4.3)."""
    return float(0.8 ** (step // 9_000))


def plnlin_steps(recipe: Recipe, step: int) -> float:
    """A tenth after three fifths, a hundredth after four (PLNLIN, section 4.1: 300 and 400 of 500 epochs)."""
    return 0.1 ** ((step >= 0.6 * recipe.steps) + (step >= 0.8 * recipe.steps))


def find_schedule(name: str) -> Schedule:
    if name not in SCHEDULES:
        raise UsageError(f"no schedule is called {name!r}; there are: {', '.join(SCHEDULES)}")
    return SCHEDULES[name]


# (recipe, step) → what every optimiser's own rate is multiplied by
SCHEDULES: dict[str, Schedule] = {
    "cosine": cosine,
    "constant": constant,
    "constant-then-linear": constant_then_linear,
    "fdrnet-steps": fdrnet_steps,
    "plnlin-steps": plnlin_steps,
}
