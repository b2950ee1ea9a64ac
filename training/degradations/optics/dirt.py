"""Dirt on the lens or the windscreen: specks out of focus, smears of the wiper, and a thin film.

    picture = clean · (1 − opacity) + dirt · opacity

Dirt is lit by the same sky as the scene, so its own colour is a share of the scene's mean light.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from training.degradations.degradation import Bounds, Degraded, Light, Pixels, Range, Share, check, draw
from training.degradations.optics.blur import disc_kernel

_SIZES = 3  # of specks
_BROWN = np.array([0.7, 0.85, 1.0], np.float32)  # BGR


@dataclass(frozen=True)
class Dirt:
    specks: Share = (0.1, 0.7)  # the opacity of the densest
    number: Annotated[Range, Bounds(0, 500)] = (5.0, 60.0)  # of specks of each size on 100×100 pixels
    radius: Pixels = (1.0, 4.0)  # of the smallest specks; the largest are four times as wide
    smears: Share = (0.0, 0.3)
    film: Share = (0.0, 0.15)
    light: Annotated[Range, Bounds(0, 2)] = (0.3, 1.0)  # of the dirt beside the scene's mean

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        height, width = clean.shape[:2]
        densest, smears, film, light = draw(rng, self.specks), draw(rng, self.smears), draw(rng, self.film), draw(rng, self.light)
        clear = 1 - self._specks(height, width, densest, rng)
        clear *= 1 - np.float32(smears) * _smears(height, width, rng)
        clear *= 1 - np.float32(film) * _clouds(height, width, rng)
        opacity = 1 - clear
        brown = 1 - draw(rng, (0, 1)) * (1 - _BROWN)
        colour = np.clip(light * clean.mean(axis=(0, 1)) * brown, 0, 1).astype(np.float32)
        dirt = np.broadcast_to(colour, clean.shape)
        picture = clean * clear[..., None] + dirt * opacity[..., None]
        parameters = {"specks": densest, "smears": smears, "film": film, "light": light}
        return Degraded(np.asarray(picture, np.float32), clean, {"opacity": opacity, "dirt": dirt}, parameters)

    def _specks(self, height: int, width: int, densest: float, rng: np.random.Generator) -> Light:
        """Each speck is the disc that the lens makes of it; many large and faint ones over each other make a stain."""
        clear = np.ones((height, width), np.float32)
        radius, number = draw(rng, self.radius), draw(rng, self.number)
        for size in range(_SIZES):
            disc = disc_kernel(radius * 2.0**size)
            count = int(rng.poisson(number * height * width / 1e4 / 4**size))
            thick = np.zeros((height, width), np.float32)
            thick[rng.integers(height, size=count), rng.integers(width, size=count)] = densest * rng.random(count)
            discs = cv2.filter2D(thick, -1, disc / disc.max(), borderType=cv2.BORDER_CONSTANT)
            clear *= np.exp(-cv2.GaussianBlur(discs, (0, 0), 0.3 * radius * 2.0**size + 0.1))
        return 1 - np.maximum(clear, np.float32(1 - densest))


def _smears(height: int, width: int, rng: np.random.Generator) -> Light:
    """Arcs around a wiper's axle below the picture: fine across, long along. 0..1."""
    long = max(height, width)
    axle = np.array([rng.uniform(-0.5, 1.5) * width, height * rng.uniform(1.2, 2.0)])
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius, angle = cv2.cartToPolar(x - np.float32(axle[0]), y - np.float32(axle[1]))
    fine = rng.random((256, 8), np.float32)
    across = (radius / long * rng.uniform(60, 200)) % 252
    streaks = cv2.remap(fine, (angle - angle.min()) * 3, across, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(np.clip(3 * streaks - 1.5, 0, 1), np.float32)


def _clouds(height: int, width: int, rng: np.random.Generator) -> Light:
    coarse = cv2.resize(rng.random((5, 5), np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(coarse, 0, 1), np.float32)
