"""Low resolution: bicubic down by a whole number, and up to the old size again or not.

It is linear in each direction, so it is two small matrices, which whoever knows the physics may lay on another picture:
picture = rows @ clean @ columnsᵀ with `resampling(side, scale)` for each side.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from runtime.bicubic import bicubic
from runtime.errors import UsageError
from training.degradations.degradation import Bounds, Degraded, Light, Range, check, draw_whole


@dataclass(frozen=True)
class LowResolution:
    scale: Annotated[Range, Bounds(1, 16, whole=True)] = (2, 4)  # whole numbers out of this range

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        scale = draw_whole(rng, self.scale)
        rows, columns = (resampling(side, scale) for side in clean.shape[:2])
        picture = np.ascontiguousarray((rows @ clean.transpose(2, 0, 1) @ columns.T).transpose(1, 2, 0), np.float32)
        return Degraded(picture, clean, {}, {"scale": float(scale)})


@dataclass(frozen=True)
class Downscaling:
    """Down alone: the small picture, for what enlarges it by itself. In no mixture, whose parts keep the size."""

    times: int

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        height, width = clean.shape[:2]
        if self.times < 1 or height % self.times or width % self.times:
            raise UsageError(f"Downscaling: expected sides that are multiples of {self.times}, got {width}×{height}; cut the picture")
        rows, columns = (bicubic(side, side // self.times).astype(np.float32) for side in (height, width))
        small = np.ascontiguousarray((rows @ clean.transpose(2, 0, 1) @ columns.T).transpose(1, 2, 0), np.float32)
        return Degraded(small, clean, {}, {"scale": float(self.times)})


@functools.lru_cache(maxsize=256)
def resampling(side: int, scale: int) -> Light:
    """[side, side]: what bicubic ×1/scale and ×scale makes of a line of that many pixels. Read-only, since it is shared."""
    small = max(side // scale, 1)
    matrix = (bicubic(small, side) @ bicubic(side, small)).astype(np.float32)
    matrix.flags.writeable = False
    return matrix
