"""SSIM over planes in its three published forms. Does not know colours, protocols or files.

They differ in the window, in what happens at the border and in how a variance is estimated, by up to a few hundredths:

    Gaussian   Wang et al. 2004: 11×11, σ 1.5, only where the window fits whole; each channel by itself
    Uniform    scikit-image's default: a box of 7×7, only where it fits whole, variances of a sample (n − 1); each channel by itself
    Volume     MATLAB's `ssim` given a colour picture: 11×11×11, σ 1.5, the three channels as the third axis, borders repeated
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runtime.errors import DataError, needs_extra

with needs_extra("cpu"):  # `clearway verify` on a box without anything comes by here
    import cv2

Planes = NDArray[np.float64]  # [H, W, C], 0..255
Window = Literal["gaussian", "uniform", "volume"]

_SIDE, _SIGMA, _BOX = 11, 1.5, 7


def structural_similarity(a: Planes, b: Planes, window: Window, white: float) -> float:
    """The mean over all places and channels; `white` is L, the range that steadies both quotients."""
    blur, least, sample = _WINDOWS[window]
    if min(a.shape[:2]) < least:
        raise DataError(f"SSIM needs sides of at least {least} pixels, the picture is {a.shape[1]}×{a.shape[0]}")
    c1, c2 = (0.01 * white) ** 2, (0.03 * white) ** 2
    mean_a, mean_b = blur(a), blur(b)
    variance_a = sample * (blur(a * a) - mean_a**2)
    variance_b = sample * (blur(b * b) - mean_b**2)
    covariance = sample * (blur(a * b) - mean_a * mean_b)
    score = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
    return float(score.mean())


def _gaussian(planes: Planes) -> Planes:
    return _planes(cv2.GaussianBlur(planes, (_SIDE, _SIDE), _SIGMA), planes)[_SIDE // 2 : -(_SIDE // 2), _SIDE // 2 : -(_SIDE // 2)]


def _uniform(planes: Planes) -> Planes:
    return _planes(cv2.blur(planes, (_BOX, _BOX)), planes)[_BOX // 2 : -(_BOX // 2), _BOX // 2 : -(_BOX // 2)]


def _volume(planes: Planes) -> Planes:
    blurred = _planes(cv2.GaussianBlur(planes, (_SIDE, _SIDE), _SIGMA, borderType=cv2.BORDER_REPLICATE), planes)
    return np.asarray(blurred @ _across_channels(planes.shape[2]), np.float64)


def _across_channels(channels: int) -> NDArray[np.float64]:
    """[from, to]: the same Gaussian along an axis of very few places, most of it on the repeated ends."""
    weights = cv2.getGaussianKernel(_SIDE, _SIGMA).ravel()
    mixed = np.zeros((channels, channels))
    for to in range(channels):
        for step, weight in enumerate(weights, start=-(_SIDE // 2)):
            mixed[min(max(to + step, 0), channels - 1), to] += weight
    return mixed


def _planes(blurred: object, like: Planes) -> Planes:
    """OpenCV drops the last axis of a single channel."""
    return np.asarray(blurred, np.float64).reshape(like.shape)


# (mean over the window, least side, n / (n − 1) where a variance is one of a sample)
_WINDOWS: dict[Window, tuple[Callable[[Planes], Planes], int, float]] = {
    "gaussian": (_gaussian, _SIDE, 1.0),
    "uniform": (_uniform, _BOX, _BOX**2 / (_BOX**2 - 1)),
    "volume": (_volume, 1, 1.0),
}
