"""Splashes: drops that burst on the road, small crowns of light.

    picture = clean + splash

They lie below a horizon and grow towards the camera. A crown is a fan of short strokes that leave one point upwards, over the
ring that runs over the wet road; half of them are caught late, with the fan apart and the ring wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from training.degradations.degradation import Amount, Bounds, Degraded, Light, Range, Share, check, draw
from training.degradations.weather.rain import strokes

_FAN = 7  # strokes a crown
_SUBPIXEL = 4


@dataclass(frozen=True)
class Splash:
    strength: Amount = (0.15, 0.6)
    density: Annotated[Range, Bounds(0, 100)] = (5.0, 40.0)  # crowns on 100×100 pixels of road
    size: Annotated[Range, Bounds(0.5, 40)] = (3.0, 10.0)  # pixels from the point to a tip, at the lower edge of the picture
    horizon: Share = (0.2, 0.6)  # of the height; 0 is the upper edge

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        height, width = clean.shape[:2]
        strength, horizon = draw(rng, self.strength), draw(rng, self.horizon)
        layer = np.float32(strength) * self._crowns(height, width, horizon, rng)
        light = np.repeat(layer[..., None], 3, axis=2)
        return Degraded(clean + light, clean, {"splash": light}, {"strength": strength, "horizon": horizon})

    def _crowns(self, height: int, width: int, horizon: float, rng: np.random.Generator) -> Light:
        layer = np.zeros((height, width), np.float32)
        count = int(rng.poisson(draw(rng, self.density) * height * (1 - horizon) * width / 1e4))
        near = np.sqrt(rng.random(count))  # 0 at the horizon, 1 at the lower edge; more of them are seen where the road is wider
        place = np.stack([rng.uniform(0, width, count), height * (horizon + (1 - horizon) * near)], axis=1)
        size = draw(rng, self.size) * (0.3 + 0.7 * near) * rng.uniform(0.6, 1.2, count)
        light, age = rng.uniform(0.3, 1.0, count), rng.uniform(0.3, 1.0, count)
        for at, across, faint in zip(place, size, light * (1.1 - age), strict=True):
            axes = np.rint(np.array([across, 0.35 * across]) * (1 << _SUBPIXEL)).astype(int)
            centre = np.rint(at * (1 << _SUBPIXEL)).astype(int)
            ring = float(0.5 * faint)
            cv2.ellipse(layer, tuple(centre.tolist()), tuple(axes.tolist()), 0, 0, 360, ring, 1, cv2.LINE_8, _SUBPIXEL)
        self._fans(layer, np.repeat(place, _FAN, axis=0), np.repeat(size * age, _FAN), np.repeat(light, _FAN), rng)
        return np.asarray(cv2.GaussianBlur(layer, (0, 0), 0.6), np.float32)

    @staticmethod
    def _fans(layer: Light, place: Light, reach: Light, light: Light, rng: np.random.Generator) -> None:
        """Strokes from half of the reach to all of it, flatter at the sides, as thrown water is."""
        count = len(reach)
        side = rng.uniform(-1.2, 1.2, count)
        away = np.stack([np.sin(side), -np.cos(side)], axis=1)
        half = away * (0.25 * reach * rng.uniform(0.5, 1.0, count))[:, None]
        wide = away[:, ::-1] * [1, -1] * np.maximum(0.12 * reach, 0.4)[:, None]
        strokes(layer, place + away * (0.75 * reach)[:, None], half, wide, light * rng.uniform(0.5, 1.0, count))
