"""Moving a picture onto its truth before they are compared. Does not know scores.

Blind deblurring fixes the picture and the kernel only up to a shift: one pixel of it costs a text page 10 dB and more. So its
results are compared at the best of all shifts (Levin et al. 2009 compare so, and those who score deblurring after them): up to 5
pixels each way in quarters of a pixel, bilinear, with 15 pixels taken off each border of the truth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runtime.errors import DataError

FURTHEST, PARTS, BORDER = 5, 4, 15  # pixels; parts of a pixel; pixels
_Planes = NDArray[np.float64]  # [H, W, C]


def at_best_shift(planes: _Planes, truth: _Planes) -> tuple[_Planes, _Planes]:
    """Both without the border, the first moved to where its squared error is least."""
    height, width = truth.shape[:2]
    if min(height, width) <= 2 * BORDER:
        raise DataError(f"expected pictures larger than the {BORDER} pixels cut off each border, got {width}×{height}; use larger ones")
    inner = truth[BORDER : height - BORDER, BORDER : width - BORDER]
    errors = _errors(planes, inner)
    below, right, top, left = (int(place) for place in np.unravel_index(int(errors.argmin()), errors.shape))
    weights = _weights(below, right)
    return sum((weights[k] * _moved(planes, inner, top + k // 2, left + k % 2) for k in range(4)), np.zeros_like(inner)), inner


def _moved(planes: _Planes, inner: _Planes, top: int, left: int) -> _Planes:
    """The part under `inner` at a shift of whole pixels; 0 is the furthest up and left."""
    y, x = BORDER - FURTHEST + top, BORDER - FURTHEST + left
    return planes[y : y + inner.shape[0], x : x + inner.shape[1]]


def _weights(below: int, right: int) -> tuple[float, float, float, float]:
    """Of a pixel, its right neighbour, the one below and the one below that, for parts of a pixel."""
    y, x = below / PARTS, right / PARTS
    return (1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x


def _errors(planes: _Planes, inner: _Planes) -> NDArray[np.float64]:
    """[parts down, parts right, whole pixels down, whole pixels right]: the squared error at each shift.

    A picture between four others differs from the truth by their weighted differences, so every error follows from the products of
    neighbouring differences: 720 of them instead of 1,681 moved pictures.
    """
    own, right, below, falling, rising = _products(planes, inner)
    errors = np.empty((PARTS, PARTS, *falling.shape))
    for down in range(PARTS):
        for along in range(PARTS):
            a, b, c, d = _weights(down, along)
            squares = a * a * own[:-1, :-1] + b * b * own[:-1, 1:] + c * c * own[1:, :-1] + d * d * own[1:, 1:]
            beside = a * b * right[:-1] + c * d * right[1:] + a * c * below[:, :-1] + b * d * below[:, 1:]
            errors[down, along] = squares + 2 * (beside + a * d * falling + b * c * rising)
    errors[1:, :, -1] = np.inf  # beyond the furthest shift
    errors[:, 1:, :, -1] = np.inf
    return errors


def _products(planes: _Planes, inner: _Planes) -> tuple[NDArray[np.float64], ...]:
    """Of the differences at whole shifts: each with itself, its right neighbour, the one below, and across both ways."""
    sides = 2 * FURTHEST + 2  # one more than is searched: the far neighbour of the last
    own, right, below = np.zeros((sides, sides)), np.zeros((sides, sides - 1)), np.zeros((sides - 1, sides))
    falling, rising = np.zeros((sides - 1, sides - 1)), np.zeros((sides - 1, sides - 1))
    above: list[NDArray[np.float64]] = []
    for y in range(sides):
        row = [(_moved(planes, inner, y, x) - inner).ravel() for x in range(sides)]
        for x, one in enumerate(row):
            own[y, x] = _dot(one, one)
            if x:
                right[y, x - 1] = _dot(row[x - 1], one)
            if y:
                below[y - 1, x] = _dot(above[x], one)
            if x and y:
                falling[y - 1, x - 1] = _dot(above[x - 1], one)
                rising[y - 1, x - 1] = _dot(above[x], row[x - 1])
        above = row
    return own, right, below, falling, rising


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """On this thread: with a core or two busy elsewhere, BLAS waited for its own threads a hundred times longer than it computed."""
    return float(np.einsum("i,i->", a, b))
