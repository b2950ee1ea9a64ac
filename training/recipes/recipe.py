"""Owns what a recipe is: the seam between the loop and a system; knows no particular network, loss or degradation.

The loop asks a recipe for pictures to learn from and for a `System`: its networks and optimisers, set up for the devices at
hand, and one training step. A GAN has more networks and a longer step, and the loop is none the wiser.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from training.data import Batch, Pair
from training.degradations.degradation import Degradation


def cosine(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    share = (step - recipe.warm_up) / max(recipe.steps - recipe.warm_up, 1)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))


class System(Protocol):
    """Networks and optimisers by name. The network called "generator" is the one that is averaged, validated and shipped."""

    networks: Mapping[str, nn.Module]
    optimisers: Mapping[str, Optimizer]
    memory: Mapping[str, Tensor]  # whatever else the next step depends on (a pool of pictures); saved, and restored in place

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Updates everything once; the losses by name, detached, for the log."""


@dataclass(frozen=True)
class Recipe:
    """How one model is trained. The fields are what `clearway train` lets you set."""

    name: str
    preset: str
    task: str
    summary: str
    weaknesses: tuple[str, ...]
    degradation: Callable[[int, Sequence[Pair]], Degradation]  # (seed, training pairs) → clean pictures to learn from
    trials: tuple[tuple[str, Callable[[int], Degradation]], ...]  # what held-out pictures are scored on: (name, seed → degradation)
    system: Callable[[Fabric, nn.Module, float], System]  # (devices, generator, learning rate)
    steps: int = 40_000
    batch: int = 16
    patch: int = 96
    learning_rate: float = 1.5e-3
    warm_up: int = 500
    ema: float = 0.999
    schedule: Callable[[Recipe, int], float] = cosine  # step → what every optimiser's own rate is multiplied by
    seed: int = 1
