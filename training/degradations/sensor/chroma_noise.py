"""Chroma noise: the coloured blotches that are left when a camera has smoothed the grain away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from training.degradations.degradation import Bounds, Degraded, Levels, Light, Range, check, draw

# Blue-difference and red-difference to BGR by BT.601: neither changes the luma.
_TO_COLOUR = np.array([[1.772, -0.344, 0.0], [0.0, -0.714, 1.402]], np.float32)
_ROOM = 3  # coarse cells around the picture, for the cubic


@dataclass(frozen=True)
class ChromaNoise:
    strength: Levels = (2.0, 12.0)  # σ of both colour differences
    size: Annotated[Range, Bounds(1, 64)] = (2.0, 10.0)  # of a blotch, in pixels

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        height, width = clean.shape[:2]
        strength, size = draw(rng, self.strength), draw(rng, self.size)
        rows, columns = int(height / size) + _ROOM, int(width / size) + _ROOM
        coarse = rng.standard_normal((rows, columns, 2), np.float32)
        inverse = np.array([[1 / size, 0, 1], [0, 1 / size, 1]])  # a pixel's place among the cells
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        blotches = cv2.warpAffine(coarse, inverse, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        noise = np.asarray(blotches @ (_TO_COLOUR * np.float32(strength / 255 / _kept(size))), np.float32)
        return Degraded(clean + noise, clean, {"noise": noise}, {"strength": strength, "size": size})


def _kept(size: float) -> float:
    """The share of its deviation that noise keeps when it is interpolated (OpenCV's cubic) at steps of 1/size."""
    at = np.arange(0, 64) / size % 1
    a = -0.75
    taps = np.stack([at + 1, at, 1 - at, 2 - at])
    near, far = ((a + 2) * taps - (a + 3)) * taps**2 + 1, ((taps - 5) * taps + 8) * a * taps - 4 * a
    weights = np.where(taps <= 1, near, far)
    return float((weights**2).sum(axis=0).mean())
