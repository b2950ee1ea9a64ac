"""Bicubic resampling, as matrices and of whole pictures. Does not know models.

Keys' a = −0.5 with mirrored borders: MATLAB's imresize, by which super-resolution is trained and scored. OpenCV's and PyTorch's a = −0.75
rings more. Training's low resolution, the enlarging graph and what `Restored` says was removed all stand on `bicubic`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runtime.picture import Picture

_SHARPNESS = -0.5


def bicubic(side: int, wanted: int) -> NDArray[np.float64]:
    """[wanted, side]: what makes `wanted` pixels of a line of `side`. Widened by the factor where it shrinks, so that nothing aliases."""
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


def enlarged(picture: Picture, times: int) -> NDArray[np.float32]:
    """uint8 [H, W, 3] → float32 [H · times, W · times, 3] in grey levels, neither clipped nor rounded."""
    rows, columns = (bicubic(side, side * times).astype(np.float32) for side in picture.shape[:2])
    planes = np.moveaxis(picture, 2, 0).astype(np.float32)
    return np.ascontiguousarray(np.moveaxis(rows @ planes @ columns.T, 0, 2))


def _keys(x: NDArray[np.float64]) -> NDArray[np.float64]:
    a = _SHARPNESS
    near, far = ((a + 2) * x - (a + 3)) * x**2 + 1, ((x - 5) * x + 8) * a * x - 4 * a
    return np.asarray(np.where(x <= 1, near, np.where(x < 2, far, 0)))
