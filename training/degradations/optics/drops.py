"""Drops on the windscreen: small lenses that show the scene upside down, themselves out of focus.

    picture = clean · (1 − mask) + drops

`drops` is the light that comes through them, already weighed by the mask. A drop's rim bends light so far that it comes from the
dark car, and its upper half holds a glint of the sky.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradations.degradation import Bounds, Degraded, Light, Range, Share, check, draw

_MOST = 400  # drops: a large picture is covered by larger ones, and a budget is kept
_WIDE = 3.0  # how many of its own radii a drop looks to each side at its rim; at its very rim it is more
_COARSE = 3  # the scene is sampled from a picture so many times smaller: a drop shows it that much smaller
_WAVES = np.arange(2, 5)[:, None, None]  # of an outline


@dataclass(frozen=True)
class Drops:
    cover: Share = (0.03, 0.25)  # of the picture
    radius: Annotated[Range, Bounds(1, 200)] = (4.0, 14.0)  # pixels
    blur: Annotated[Range, Bounds(0, 20)] = (0.5, 2.5)  # σ in pixels
    shape: Annotated[float, Bounds(0, 0.5)] = 0.12  # how far an outline strays from an ellipse

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        height, width = clean.shape[:2]
        cover, blur = draw(rng, self.cover), draw(rng, self.blur)
        radii = rng.uniform(*self.radius, _MOST)
        covered = np.cumsum(np.pi * radii**2) / (height * width)
        count = int(np.searchsorted(covered, cover))
        left_over = (cover - (covered[count - 1] if count else 0)) / (np.pi * radii[min(count, _MOST - 1)] ** 2 / (height * width))
        count = min(count + int(rng.random() < left_over), _MOST)  # a part of a drop is a chance of a drop: a patch may be smaller than one
        places = rng.random((_MOST, 2)) * [width, height]
        glass = _Glass.dry(height, width)
        for place, radius in zip(places[:count], radii[:count], strict=True):
            self._lens(glass, place, float(radius), rng)
        mask = glass.mask
        light = _through(clean, glass.source) * (mask * glass.shade)[..., None] + (mask * glass.glint)[..., None]
        if blur:
            light, mask = (np.asarray(cv2.GaussianBlur(layer, (0, 0), blur), np.float32) for layer in (light, mask))
        picture = clean * (1 - mask[..., None]) + light
        return Degraded(picture, clean, {"mask": mask, "drops": light}, {"cover": cover, "blur": blur, "drops": float(count)})

    def _lens(self, glass: _Glass, place: NDArray[np.float64], radius: float, rng: np.random.Generator) -> None:
        """Puts one drop over what is there."""
        tall = rng.uniform(1.0, 1.5)  # gravity
        waves, phases = self.shape * rng.standard_normal((3, 1, 1)) / _WAVES, rng.uniform(0, 2 * np.pi, (3, 1, 1))
        lit = rng.uniform(0.2, 0.8)
        reach = 1.4 * radius * tall + 1
        (left, top), (right, bottom) = np.floor(place - reach).astype(int).clip(0), np.ceil(place + reach).astype(int).clip(0)
        window = np.s_[top:bottom, left:right]
        rows, columns = glass.mask[window].shape
        y, x = np.ogrid[top : top + rows, left : left + columns]
        u, v = (x - place[0]) / radius, (y - place[1]) / (radius * tall)
        outline = 1 + (waves * np.cos(_WAVES * np.arctan2(v, u) + phases)).sum(axis=0)
        out = np.sqrt(u**2 + v**2) / np.maximum(outline, 0.3)  # 1 at the rim
        inside = np.clip((1 - out) * radius + 0.5, 0, 1)
        there = inside > 0
        bend = -_WIDE * (1 + out**4)
        glass.source[window][there] = np.stack([place[0] + radius * u * bend, place[1] + radius * tall * v * bend], axis=2)[there]
        glass.shade[window][there] = (1 - 0.7 * np.minimum(out, 1) ** 6)[there]
        glass.glint[window][there] = (lit * np.exp(-((u + 0.25) ** 2 + (v + 0.45) ** 2) / 0.03))[there]
        np.maximum(glass.mask[window], inside, out=glass.mask[window], casting="same_kind")


@dataclass(frozen=True)
class _Glass:
    """What the drops on it do to each pixel, [H, W]."""

    mask: Light  # how far it is covered
    shade: Light  # of what comes through
    glint: Light
    source: Light  # [H, W, 2]: from where that comes, right and down

    @staticmethod
    def dry(height: int, width: int) -> _Glass:
        y, x = np.mgrid[:height, :width].astype(np.float32)
        mask, shade, glint = np.zeros_like(x), np.ones_like(x), np.zeros_like(x)
        return _Glass(mask, shade, glint, np.stack([x, y], axis=2))


def _through(clean: Light, source: Light) -> Light:
    height, width = clean.shape[:2]
    small = cv2.resize(clean, (-(-width // _COARSE), -(-height // _COARSE)), interpolation=cv2.INTER_AREA)
    scale = np.array([small.shape[1] / width, small.shape[0] / height], np.float32)
    x, y = np.moveaxis((source + np.float32(0.5)) * scale - np.float32(0.5), 2, 0)
    return np.asarray(cv2.remap(small, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.float32)
