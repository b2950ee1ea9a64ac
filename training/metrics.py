"""Owns PSNR and SSIM under named protocols; knows nothing of networks, files or torch.

A figure without its protocol says nothing (RGB and Y differ by 1.3–1.4 dB on rain), so `PROTOCOLS` is the only way in:
each one fixes the channel, the crop and the SSIM window, and its `text` is printed beside every score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.backend import Picture
from runtime.errors import DataError, MissingExtra

try:
    import cv2
except ModuleNotFoundError as error:  # `clearway verify` on a box without anything comes by here
    raise MissingExtra("cv2", "cpu") from error

_Planes = NDArray[np.float64]  # [H, W, C], 0..255


@dataclass(frozen=True)
class Protocol:
    text: str
    luma: bool  # Y by BT.601 in limited range (MATLAB's rgb2ycbcr), else the three channels


PROTOCOLS = {
    "rgb": Protocol("RGB, no crop; SSIM Gaussian 11×11 σ 1.5, valid", luma=False),
    "y": Protocol("Y (BT.601 limited range, not rounded), no crop; SSIM Gaussian 11×11 σ 1.5, valid", luma=True),
}


def psnr(picture: Picture, truth: Picture, protocol: str = "rgb") -> float:
    """In dB over all pixels and channels; infinite where the two are equal."""
    a, b = _planes(picture, truth, protocol)
    error = float(np.mean((a - b) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def ssim(picture: Picture, truth: Picture, protocol: str = "rgb") -> float:
    """Wang et al. 2004: Gaussian window, only where it fits whole, mean over channels; sides of at least 11."""
    a, b = _planes(picture, truth, protocol)
    if min(a.shape[:2]) < 11:
        raise DataError(f"SSIM needs sides of at least 11 pixels, the picture is {a.shape[1]}×{a.shape[0]}")
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = _window(a), _window(b)
    variance_a = _window(a * a) - mean_a**2
    variance_b = _window(b * b) - mean_b**2
    covariance = _window(a * b) - mean_a * mean_b
    score = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
    return float(score.mean())


def _window(planes: _Planes) -> _Planes:
    blurred = cv2.GaussianBlur(planes, (11, 11), 1.5)
    return np.asarray(blurred[5:-5, 5:-5], dtype=np.float64)


def _planes(picture: Picture, truth: Picture, protocol: str) -> tuple[_Planes, _Planes]:
    if picture.shape != truth.shape:
        raise DataError(f"a picture and its truth have one size, {picture.shape} and {truth.shape} came")
    a, b = picture.astype(np.float64), truth.astype(np.float64)
    if not PROTOCOLS[protocol].luma:
        return a, b
    return _luma(a), _luma(b)


def _luma(bgr: _Planes) -> _Planes:
    return np.asarray(16 + (bgr @ np.array([24.966, 128.553, 65.481]))[..., None] / 255, dtype=np.float64)
