"""Owns blur: out of focus (Gaussian) and shaken in a straight line (motion); knows nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradations.degradation import Degraded, Light, Range, draw

_SHARPEST = 0.1  # pixels: below this a Gaussian is one pixel, and at zero it would divide by zero


@dataclass(frozen=True)
class Blur:
    sigma: Range = (0.3, 3.0)  # pixels
    motion: Range = (0.0, 12.0)  # pixels

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        sigma, length, angle = draw(rng, self.sigma), draw(rng, self.motion), draw(rng, (0, 180))
        picture = cv2.filter2D(clean, -1, blur_kernel(sigma, length, angle), borderType=cv2.BORDER_REFLECT_101)
        return Degraded(np.asarray(picture, np.float32), clean, {}, {"sigma": sigma, "motion": length, "angle": angle})


def blur_kernel(sigma: float, length: float, angle: float) -> NDArray[np.float32]:
    """A Gaussian swept along a line of that length (pixels) and angle (degrees); it sums to one."""
    sigma = max(sigma, _SHARPEST)
    reach = int(np.ceil(3 * sigma + length / 2)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    kernel = np.zeros_like(x)
    for at in np.linspace(-length / 2, length / 2, 2 * int(np.ceil(length)) + 1):
        dx, dy = at * np.cos(np.radians(angle)), at * np.sin(np.radians(angle))
        kernel += np.exp(-((x - dx) ** 2 + (y - dy) ** 2) / (2 * sigma**2))
    return np.asarray(kernel / kernel.sum(), np.float32)
