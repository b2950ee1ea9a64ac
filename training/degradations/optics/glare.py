"""The glare of oncoming headlights: cores, halos, rays and a veil of scattered light.

    picture = clean + glare

Light scattered in lens and windscreen falls with the square of the distance beyond the core; the rays are those of the aperture's
blades, and one long one stands across the wiper's path. Lights come in pairs, as wide apart as they are near.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from training.degradations.degradation import Amount, Bounds, Degraded, Light, Range, Share, check, draw, draw_whole

_FLAT = 0.06  # of the picture's longer side: where a halo of average width has fallen to half
_THIN = 0.006  # of it: how wide a ray is


@dataclass(frozen=True)
class Glare:
    cars: Annotated[Range, Bounds(1, 10, whole=True)] = (1, 3)  # whole numbers
    strength: Amount = (0.2, 1.2)
    rays: Share = (0.0, 0.6)
    veil: Share = (0.0, 0.1)  # evenly over the picture, at full strength
    horizon: Share = (0.3, 0.7)  # of the height, around which the lights lie

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        height, width = clean.shape[:2]
        strength, rays, veil, horizon = draw(rng, self.strength), draw(rng, self.rays), draw(rng, self.veil), draw(rng, self.horizon)
        blades, turn = int(rng.choice([4, 6, 8])), draw(rng, (0, np.pi))
        smear = draw(rng, (0.25, 0.75)) * np.pi  # the wiper's ray, steep
        glare = np.full((height, width, 3), veil * strength, np.float32)
        cars = draw_whole(rng, self.cars)
        for _ in range(cars):
            middle = np.array([rng.uniform(0, width), height * (horizon + 0.1 * rng.standard_normal())])
            apart = max(width, height) * rng.uniform(0.02, 0.12)
            warm = draw(rng, (0, 1))  # halogen to LED
            colour = np.array([1 - 0.4 * warm, 1 - 0.12 * warm, 1 - 0.1 * (1 - warm)], np.float32)
            one = np.zeros((height, width), np.float32)
            for side in (-0.5, 0.5):
                one += _lamp(height, width, middle + np.array([side * apart, 0]), 0.3 * apart, rays, (blades, turn, smear))
            glare += np.float32(strength) * one[..., None] * colour
        parameters = {"strength": strength, "rays": rays, "veil": veil, "cars": float(cars)}
        return Degraded(clean + glare, clean, {"glare": glare}, parameters)


def _lamp(height: int, width: int, place: Light, core: float, rays: float, star: tuple[int, float, float]) -> Light:
    long = np.float32(max(height, width))
    x = np.arange(width, dtype=np.float32) - np.float32(place[0])
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(place[1])
    square = x * x + y * y
    light = np.exp(-square / np.float32(core**2)) + np.float32(0.35) / (1 + square / (np.float32(_FLAT) * long) ** 2)
    blades, turn, smear = star
    far = 1 / (1 + square / (np.float32(0.15) * long) ** 2)
    thin = 1 / (np.float32(_THIN) * long + np.float32(0.5)) ** 2
    for angle, share in (*((turn + i * np.pi / (blades // 2), 0.5) for i in range(blades // 2)), (smear, 1.0)):
        off = x * np.float32(np.sin(angle)) - y * np.float32(np.cos(angle))
        light += np.float32(rays * share) * far / (1 + off * off * thin)
    return np.asarray(light, np.float32)
