"""Owns drawn scenes whose motion is known: a wall with texture, a camera that moves along it, a square that moves before it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from runtime.picture import Picture

HEIGHT, WIDTH = 96, 160


def wall(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> Picture:
    """Blotches of 40 to 215 grey levels, so that nothing that is added to them is clipped."""
    noise = np.random.default_rng(seed).standard_normal((height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.asarray(cv2.normalize(soft, None, 40, 215, cv2.NORM_MINMAX), np.uint8)  # type: ignore[call-overload]


def pan(frames: int, step: int) -> list[Picture]:
    """The camera moves by so many pixels a frame."""
    whole = wall(width=WIDTH + frames * step)
    return [whole[:, number * step : number * step + WIDTH].copy() for number in range(frames)]


def passing(frames: int, step: int, side: int = 32) -> list[Picture]:
    """A square of another texture passes before a wall that stands."""
    pictures, square = [], wall(7)[:side, :side] // 3
    for number in range(frames):
        picture, left = wall(), 8 + number * step
        picture[30 : 30 + side, left : left + side] = square
        pictures.append(picture)
    return pictures


def noisy(pictures: Sequence[Picture], sigma: float, seed: int = 1) -> list[Picture]:
    rng = np.random.default_rng(seed)
    return [np.rint(picture + rng.normal(0, sigma, picture.shape)).clip(0, 255).astype(np.uint8) for picture in pictures]


def pulsing(pictures: Sequence[Picture], levels: int) -> list[Picture]:
    """Every second frame is brighter."""
    return [picture + np.uint8(levels * (number % 2)) for number, picture in enumerate(pictures)]


def mean_error(one: Sequence[Picture], other: Sequence[Picture]) -> float:
    return float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(one, other, strict=True)]))
