"""Haze: I = J·t + A·(1 − t) with t = exp(−β·depth).

Where no depth is known it is that of a road scene seen from a car, near at the bottom and far at a horizon. Slow unevenness lies
on either: haze drifts in banks.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated

import cv2
import numpy as np

from training.degradations.degradation import Amount, Bounds, Degraded, Light, Share, check, check_depth, draw


@dataclass(frozen=True)
class Haze:
    density: Amount = (0.2, 2.0)  # β: light falls to exp(−β) at depth 1, which is the horizon where no depth is known
    airlight: Share = (0.6, 1.0)
    unevenness: Annotated[float, Bounds(0, 1)] = 0.15  # of the depth
    tint: Annotated[float, Bounds(0, 0.5)] = 0.0  # how far the airlight's colour strays from grey
    glow: Annotated[float, Bounds(0, 1)] = 0.0  # how much brighter or darker the airlight may be at one side: the sun behind haze
    depth: Light | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        check(self)

    def with_depth(self, depth: Light) -> Haze:
        """The same haze over a scene of that depth, [H, W]; in whichever unit, its density is per that unit."""
        return dataclasses.replace(self, depth=depth)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        height, width = clean.shape[:2]
        check_depth(self.depth, height, width)
        density, light = draw(rng, self.density), draw(rng, self.airlight)
        made_up = road_depth(height, width, horizon=draw(rng, (0.2, 0.6)))  # drawn in any case: the rest must not depend on it
        depth = made_up if self.depth is None else self.depth
        coarse = rng.standard_normal((4, 4)).astype(np.float32)
        depth = depth * (1 + np.float32(self.unevenness) * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
        transmission = np.exp(-np.float32(density) * np.clip(depth, 0, None)).astype(np.float32)
        airlight = self._airlight(light, height, width, rng)
        through = transmission[..., None]
        picture = clean * through + airlight * (1 - through)
        layers = {"transmission": transmission, "airlight": airlight}
        return Degraded(np.asarray(picture, np.float32), clean, layers, {"density": density, "airlight": light})

    def _airlight(self, light: float, height: int, width: int, rng: np.random.Generator) -> Light:
        """[H, W, 3]; nothing is drawn for what is off, so that plain haze stays what it was."""
        airlight = np.full((height, width, 3), light, np.float32)
        if self.tint:
            airlight *= (1 + self.tint * rng.uniform(-1, 1, 3)).astype(np.float32)
        if self.glow:
            across, down = draw(rng, (-1, 1)), draw(rng, (-0.5, 0.5))
            slope = across * np.linspace(-1, 1, width, dtype=np.float32) + down * np.linspace(-1, 1, height, dtype=np.float32)[:, None]
            airlight *= (1 + np.float32(self.glow) * slope / 1.5)[..., None].astype(np.float32)
        return np.clip(airlight, 0, 1, out=airlight)


def road_depth(height: int, width: int, horizon: float) -> Light:
    """1 at and above the horizon; below it the distance of a flat road, which falls as 1 / (rows below the horizon)."""
    below = np.clip((np.arange(height, dtype=np.float32) + 0.5) / height - horizon, 0, None)
    return np.repeat((0.08 / (below + 0.08))[:, None], width, axis=1).astype(np.float32)
