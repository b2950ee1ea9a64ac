"""Mixtures: degradations one after the other, each with its chance. Does not know physics."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from runtime.errors import UsageError
from runtime.picture import Picture
from training.degradations.degradation import Degradation, Degraded, KnowsDepth, Light, to_light, to_picture


@dataclass(frozen=True)
class Mixture:
    """`parts` in order, (name, chance, degradation). With chance `untouched` the picture stays as it is: a network that never
    saw a clean picture removes weather that is not there."""

    parts: tuple[tuple[str, float, Degradation], ...]
    untouched: float = 0.0

    def __post_init__(self) -> None:
        names = [name for name, _, _ in self.parts]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(f"expected a different name for each part of a mixture, got {twice[0]!r} twice; its layers are called by it")
        for name, chance in (*((name, chance) for name, chance, _ in self.parts), ("untouched", self.untouched)):
            if not 0 <= chance <= 1:
                raise UsageError(f"{name}: expected a chance between 0 and 1, got {chance}")

    def with_depth(self, depth: Light) -> Mixture:
        """The same mixture over a scene whose depth [H, W] is known: every part that asks for depth gets it."""
        parts = ((name, chance, part.with_depth(depth) if isinstance(part, KnowsDepth) else part) for name, chance, part in self.parts)
        return replace(self, parts=tuple(parts))

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        picture, target = clean, clean
        layers: dict[str, Light] = {}
        parameters: dict[str, float] = {}
        if rng.random() >= self.untouched:
            for name, chance, degradation in self.parts:
                if rng.random() >= chance:
                    continue
                degraded = degradation(picture, rng)
                target = target if degraded.clean is picture else degraded.clean
                picture = degraded.picture
                layers |= {f"{name}.{key}": layer for key, layer in degraded.layers.items()}
                parameters |= {f"{name}.{key}": value for key, value in degraded.parameters.items()}
        return Degraded(picture, target, layers, parameters)


def degrade_picture(degradation: Degradation, clean: Picture, rng: np.random.Generator) -> Picture:
    """8 bits in, 8 bits out: what a camera would have delivered."""
    return to_picture(degradation(to_light(clean), rng).picture)
