"""The blur of a shaken camera: a random walk during the exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from training.degradations.degradation import Amount, Bounds, Degraded, Light, Pixels, check, draw
from training.degradations.optics.blur import blurred

_STEPS = 256
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Shake:
    """`length` is that of the whole path in pixels; `restlessness` is how far its direction strays on the way, in radians (σ at its end).

    Zero restlessness is a straight line. Each point of the path gives its light to the four pixels around it: no steps, no aliasing.
    """

    length: Pixels = (2.0, 24.0)
    restlessness: Amount = (0.5, 4.0)
    pauses: Annotated[float, Bounds(0, 5)] = 0.6  # how uneven the pace is: a hand that stops leaves a bright point

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        length, restlessness = draw(rng, self.length), draw(rng, self.restlessness)
        path = _walk(rng, length, restlessness, self.pauses)
        return blurred(clean, path_kernel(path), {"length": length, "restlessness": restlessness})


def _walk(rng: np.random.Generator, length: float, restlessness: float, pauses: float) -> NDArray[np.float64]:
    """[steps, 2] right and down, around its own centre: blur must not move the picture."""
    turns = np.cumsum(rng.standard_normal(_STEPS)) * restlessness / np.sqrt(_STEPS)
    pace = np.exp(pauses * _slowly(rng))
    steps = pace / pace.sum() * length * np.exp(1j * (turns + rng.uniform(0, 2 * np.pi)))
    path = np.cumsum(steps)
    path -= path.mean()
    return np.stack([path.real, path.imag], axis=1)


def _slowly(rng: np.random.Generator) -> NDArray[np.float64]:
    """A walk along the path that is smooth and of deviation about one."""
    at = np.linspace(0, 2 * np.pi, _STEPS)
    waves = np.arange(1, 5)
    return np.asarray(np.sqrt(0.5) * np.sin(np.outer(at, waves) + rng.uniform(0, 2 * np.pi, 4)) @ rng.standard_normal(4), np.float64)


def path_kernel(path: NDArray[np.float64]) -> NDArray[np.float32]:
    """How long the light stayed on each pixel; sums to one."""
    reach = int(np.ceil(np.abs(path).max() + _SMALLEST))
    side = 2 * reach + 1
    place = path + reach
    corner = np.floor(place)
    share = place - corner
    x, y = corner.astype(np.int64).T
    kernel = np.zeros(side * side + side + 2)  # the neighbours of the last pixel get nothing, but are counted
    for right in (0, 1):
        for down in (0, 1):
            weight = np.where(right, share[:, 0], 1 - share[:, 0]) * np.where(down, share[:, 1], 1 - share[:, 1])
            kernel += np.bincount((y + down) * side + x + right, weight, len(kernel))
    return np.asarray(kernel[: side * side].reshape(side, side) / len(path), np.float32)
