"""Rain in depth: streaks at several distances, hidden by what is nearer, their accumulation into a veil, and splashes. Knows no files.

Rain fills the space between the camera and the scene. What is far is seen through more of it:

    picture = clean · t + airlight · (1 − t) + streaks + splash,    t = exp(−β · depth)

and a streak at distance z is weakened by exp(−β · z) and is seen only where the scene is farther than z. Distances are shares
of the farthest; where no depth is known, it is that of a road.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated

import cv2
import numpy as np

from training.degradations.degradation import Amount, Bounds, Degraded, Light, Range, Share, check, check_depth, draw, draw_whole
from training.degradations.weather.haze import road_depth
from training.degradations.weather.rain import StreakBank
from training.degradations.weather.splash import Splash

_SMALLEST = 0.6  # of the streaks of the farthest layer, beside the nearest; less, and a patch outgrows the stock
_SOFT = 4.0  # how sharply a distance hides what is behind it; depth is never known to the pixel


@dataclass(frozen=True)
class Downpour:
    bank: StreakBank
    strength: Amount = (0.2, 0.7)
    distances: Annotated[Range, Bounds(1, 6, whole=True)] = (2, 4)  # how many layers, a whole number
    accumulation: Amount = (0.2, 1.5)  # β: light falls to exp(−β) at the farthest
    airlight: Share = (0.4, 0.9)
    splash: Amount = (0.0, 0.6)
    depth: Light | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        check(self)

    def with_depth(self, depth: Light) -> Downpour:
        """Over a scene of that depth, [H, W], in any unit: accumulation is to its farthest point."""
        return dataclasses.replace(self, depth=depth)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        height, width = clean.shape[:2]
        check_depth(self.depth, height, width)
        strength, accumulation, light = draw(rng, self.strength), draw(rng, self.accumulation), draw(rng, self.airlight)
        horizon = draw(rng, (0.2, 0.6))
        depth = road_depth(height, width, horizon) if self.depth is None else self.depth / max(float(self.depth.max()), 1e-6)
        transmission = np.exp(np.float32(-accumulation) * depth)
        streaks = np.float32(strength) * self._streaks(depth, accumulation, rng)
        splash = Splash(strength=self.splash, horizon=(horizon, horizon))(clean, rng).layers["splash"] * transmission[..., None]
        layers = {
            "transmission": transmission,
            "airlight": np.full_like(clean, light),
            "streaks": np.repeat(streaks[..., None], 3, axis=2),
            "splash": splash,
        }
        veil = (1 - transmission) * np.float32(light) + streaks
        picture = clean * transmission[..., None] + veil[..., None] + splash
        return Degraded(picture, clean, layers, {"strength": strength, "accumulation": accumulation, "airlight": light})

    def _streaks(self, depth: Light, accumulation: float, rng: np.random.Generator) -> Light:
        height, width = depth.shape
        total = np.zeros_like(depth)
        count = draw_whole(rng, self.distances)
        for number in range(count):
            distance = ((number + draw(rng, (0.2, 0.8))) / count) ** 2  # most of what is seen is near
            smaller = 1 + (1 / _SMALLEST - 1) * distance
            layer = self.bank.layer(rng, int(height * smaller), int(width * smaller))
            layer = np.asarray(cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA), np.float32)
            seen = np.clip(_SOFT * (depth - np.float32(distance)) + 1, 0, 1)
            total += layer * seen * np.float32(np.exp(-accumulation * distance))
        return total
