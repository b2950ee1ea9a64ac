"""Owns low resolution: bicubic down by a whole number and up to the old size again; knows nothing else.

It is linear in each direction, so it is two small matrices, which whoever knows the physics may lay on another picture:
picture = rows @ clean @ columnsᵀ with `resampling(side, scale)` for each side.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from training.degradations.degradation import Degraded, Light, Range, Within, check, draw_whole

_SHARPNESS = -0.5  # Keys' bicubic, as MATLAB has it; OpenCV's −0.75 rings more


@dataclass(frozen=True)
class LowResolution:
    scale: Annotated[Range, Within(1, 16, whole=True)] = (2, 4)  # whole numbers out of this range

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        scale = draw_whole(rng, self.scale)
        rows, columns = (resampling(side, scale) for side in clean.shape[:2])
        picture = np.ascontiguousarray((rows @ clean.transpose(2, 0, 1) @ columns.T).transpose(1, 2, 0), np.float32)
        return Degraded(picture, clean, {}, {"scale": float(scale)})


@functools.lru_cache(maxsize=256)
def resampling(side: int, scale: int) -> Light:
    """[side, side]: what bicubic ×1/scale and ×scale makes of a line of that many pixels. Read-only, since it is shared."""
    small = max(side // scale, 1)
    matrix = (_bicubic(small, side) @ _bicubic(side, small)).astype(np.float32)
    matrix.flags.writeable = False
    return matrix


def _bicubic(side: int, wanted: int) -> NDArray[np.float64]:
    """[wanted, side]. Widened by the factor where it shrinks, so that nothing aliases, and mirrored at the border: MATLAB's imresize."""
    shrink = max(side / wanted, 1.0)
    centre = (np.arange(wanted) + 0.5) * side / wanted - 0.5
    reach = int(np.ceil(2 * shrink)) + 1
    taps = np.floor(centre)[:, None] + np.arange(-reach, reach + 1)
    weight = _keys(np.abs(taps - centre[:, None]) / shrink)
    weight /= weight.sum(axis=1, keepdims=True)
    there = np.mod(taps.astype(np.int64), 2 * side)
    there = np.where(there < side, there, 2 * side - 1 - there)
    matrix = np.zeros((wanted, side))
    np.add.at(matrix, (np.arange(wanted)[:, None], there), weight)
    return matrix


def _keys(x: NDArray[np.float64]) -> NDArray[np.float64]:
    a = _SHARPNESS
    near, far = ((a + 2) * x - (a + 3)) * x**2 + 1, ((x - 5) * x + 8) * a * x - 4 * a
    return np.asarray(np.where(x <= 1, near, np.where(x < 2, far, 0)))
