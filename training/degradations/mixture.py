"""Owns mixtures: degradations one after the other, each with its chance; knows no physics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runtime.backend import Picture
from training.degradations.degradation import Degradation, Degraded, Light, to_light, to_picture


@dataclass(frozen=True)
class Mixture:
    """`parts` in order, (name, chance, degradation). With chance `untouched` the picture stays as it is: a network that never
    saw a clean picture removes weather that is not there."""

    parts: tuple[tuple[str, float, Degradation], ...]
    untouched: float = 0.0

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        picture, target = clean, clean
        layers: dict[str, Light] = {}
        parameters: dict[str, float] = {}
        if rng.random() >= self.untouched:
            for name, chance, degradation in self.parts:
                if rng.random() >= chance:
                    continue
                came = degradation(picture, rng)
                target = target if came.clean is picture else came.clean
                picture = came.picture
                layers |= {f"{name}.{key}": layer for key, layer in came.layers.items()}
                parameters |= {f"{name}.{key}": value for key, value in came.parameters.items()}
        return Degraded(picture, target, layers, parameters)


def degrade_picture(degradation: Degradation, clean: Picture, rng: np.random.Generator) -> Picture:
    """8 bits in, 8 bits out: what a camera would have delivered."""
    return to_picture(degradation(to_light(clean), rng).picture)
