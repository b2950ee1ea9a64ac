"""Owns moving a picture onto its truth before they are compared; knows nothing of scores.

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
        raise DataError(f"a comparison over shifts takes {BORDER} pixels off each border; {width}×{height} came: use larger pictures")
    inner = truth[BORDER : height - BORDER, BORDER : width - BORDER]
    least, best = np.inf, inner
    for below in range(PARTS):
        for right in range(PARTS):
            between = _between(planes, below / PARTS, right / PARTS)
            # Whole steps from -5; the last one stands for 5.25 and more where a part is added, and is left out.
            for top in range(-FURTHEST, FURTHEST + (below == 0)):
                for left in range(-FURTHEST, FURTHEST + (right == 0)):
                    moved = between[BORDER + top :, BORDER + left :][: inner.shape[0], : inner.shape[1]]
                    difference = (moved - inner).ravel()
                    error = float(difference @ difference)
                    if error < least:
                        least, best = error, moved
    return best, inner


def _between(planes: _Planes, below: float, right: float) -> _Planes:
    """The picture read `below` and `right` of each pixel (parts of a pixel, 0 to 1), bilinear."""
    rows = planes if below == 0 else (1 - below) * planes[:-1] + below * planes[1:]
    return rows if right == 0 else (1 - right) * rows[:, :-1] + right * rows[:, 1:]
