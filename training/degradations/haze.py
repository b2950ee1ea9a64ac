"""Owns haze: I = J·t + A·(1 − t) with t = exp(−β·depth); knows nothing else.

Depth is that of a road scene seen from a car, near at the bottom and far at a horizon, with slow unevenness on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.degradations.degradation import Degraded, Light, Range, draw


@dataclass(frozen=True)
class Haze:
    density: Range = (0.2, 2.0)
    airlight: Range = (0.6, 1.0)
    unevenness: float = 0.15

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        height, width = clean.shape[:2]
        density, airlight = draw(rng, self.density), draw(rng, self.airlight)
        depth = _road_depth(height, width, horizon=draw(rng, (0.2, 0.6)))
        coarse = rng.standard_normal((4, 4)).astype(np.float32)
        depth = depth * (1 + np.float32(self.unevenness) * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
        transmission = np.exp(-np.float32(density) * np.clip(depth, 0, None)).astype(np.float32)
        picture = clean * transmission[..., None] + np.float32(airlight) * (1 - transmission[..., None])
        return Degraded(picture, clean, {"transmission": transmission}, {"density": density, "airlight": airlight})


def _road_depth(height: int, width: int, horizon: float) -> Light:
    """1 at and above the horizon; below it the distance of a flat road, which falls as 1 / (rows below the horizon)."""
    below = np.clip((np.arange(height, dtype=np.float32) + 0.5) / height - horizon, 0, None)
    return np.repeat((0.08 / (below + 0.08))[:, None], width, axis=1).astype(np.float32)
