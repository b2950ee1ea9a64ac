"""Noise as a camera makes it: of photons and read-out, on a mosaic of colours, then processed.

The picture is taken back to linear light behind the colour filters; there each pixel counts photons (Poisson) and is read out
with an error (Gaussian). Interpolating the mosaic, white balance and the tone curve follow, and leave what one sees on real
night pictures: grains wider than a pixel, coloured, and strongest in the shadows. Only the noise goes through the mosaic, so that
the picture's own detail stays: it was taken once already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from training.degradations.degradation import Bounds, Degraded, Light, Range, check, draw

_TONE = 2.2
_DARKEST = 1e-6  # the tone curve is infinitely steep at zero
_GREEN = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4  # bilinear: what each neighbour gives to the pixels between
_OTHERS = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4


@dataclass(frozen=True)
class SensorNoise:
    photons: Annotated[Range, Bounds(5, 1e6)] = (50.0, 2000.0)  # that fill a pixel; evenly in how many times more
    read: Annotated[Range, Bounds(0, 1e3)] = (1.0, 6.0)  # σ of the read-out, in photons
    gain: Annotated[Range, Bounds(1, 4)] = (1.2, 2.4)  # of red and blue over green: they are filtered stronger, and amplified again

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        photons = float(np.exp(draw(rng, (np.log(self.photons[0]), np.log(self.photons[1])))))
        read = draw(rng, self.read)
        gains = np.array([draw(rng, self.gain), 1, draw(rng, self.gain)], np.float32)
        linear = np.asarray(cv2.pow(np.clip(clean, 0, 1), _TONE), np.float32)
        noise = _interpolated(_mosaic_noise(linear / gains, photons, read, rng)) * gains
        picture = np.asarray(cv2.pow(np.maximum(linear + noise, _DARKEST), 1 / _TONE), np.float32)
        parameters = {"photons": photons, "read": read, "gain-blue": float(gains[0]), "gain-red": float(gains[2])}
        return Degraded(picture, clean, {"noise": picture - clean}, parameters)


def _mosaic_noise(raw: Light, photons: float, read: float, rng: np.random.Generator) -> Light:
    """[H, W]: the error of each pixel behind its one filter (BG over GR)."""
    mosaic = raw[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = raw[::2, ::2, 0], raw[1::2, 1::2, 2]
    counted = rng.poisson(mosaic * np.float32(photons)) + np.float32(read) * rng.standard_normal(mosaic.shape, np.float32)
    return np.asarray(counted / photons - mosaic, np.float32)


def _interpolated(mosaic: Light) -> Light:
    """[H, W, 3]: each colour from the pixels that have it."""
    planes = np.zeros((3, *mosaic.shape), np.float32)
    planes[0, ::2, ::2], planes[2, 1::2, 1::2] = mosaic[::2, ::2], mosaic[1::2, 1::2]
    planes[1, ::2, 1::2], planes[1, 1::2, ::2] = mosaic[::2, 1::2], mosaic[1::2, ::2]
    kernels = (_OTHERS, _GREEN, _OTHERS)
    full = [cv2.filter2D(plane, -1, kernel, borderType=cv2.BORDER_REFLECT_101) for plane, kernel in zip(planes, kernels, strict=True)]
    return np.asarray(cv2.merge(full), np.float32)
