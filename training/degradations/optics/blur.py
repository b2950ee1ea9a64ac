"""The blur of a lens: a Gaussian, also swept in a straight line, and the disc of defocus.

A kernel is laid on the picture as `cv2.filter2D` does it, mirrored at the border without repeating the border itself, and is in
the layers: whoever knows the physics can lay it on another picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradations.degradation import Degraded, Light, Pixels, check, draw

_SHARPEST = 0.1  # pixels: below this a Gaussian is one pixel, and at zero it would divide by zero
_SUPER = 8  # samples across a pixel, where the rim of a disc crosses it


@dataclass(frozen=True)
class Blur:
    sigma: Pixels = (0.3, 3.0)
    motion: Pixels = (0.0, 12.0)

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        sigma, length, angle = draw(rng, self.sigma), draw(rng, self.motion), draw(rng, (0, 180))
        return blurred(clean, blur_kernel(sigma, length, angle), {"sigma": sigma, "motion": length, "angle": angle})


@dataclass(frozen=True)
class Defocus:
    """A point out of focus is the aperture's picture: an even disc, with the rim's pixels covered by the share that it covers."""

    radius: Pixels = (0.5, 6.0)

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        radius = draw(rng, self.radius)
        return blurred(clean, disc_kernel(radius), {"radius": radius})


def blurred(clean: Light, kernel: NDArray[np.float32], parameters: dict[str, float]) -> Degraded:
    picture = cv2.filter2D(clean, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return Degraded(np.asarray(picture, np.float32), clean, {"kernel": kernel}, parameters)


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


def disc_kernel(radius: float) -> NDArray[np.float32]:
    """Sums to one; below half a pixel it is the pixel itself."""
    radius = max(radius, 0.5)
    reach = int(np.ceil(radius - 0.5))
    across = (np.arange(_SUPER * (2 * reach + 1)) + 0.5) / _SUPER - reach - 0.5
    inside = across[:, None] ** 2 + across**2 <= radius**2
    covered = inside.reshape(2 * reach + 1, _SUPER, 2 * reach + 1, _SUPER).mean(axis=(1, 3))
    return np.asarray(covered / covered.sum(), np.float32)
