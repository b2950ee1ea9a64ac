"""The quick search over shifts finds what moving the picture to every one of them finds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.scoring.shifts import BORDER, at_best_shift


def _by_moving(planes: NDArray[np.float64], truth: NDArray[np.float64]) -> tuple[float, float, float]:
    """(least squared error, down, right), by bilinear warps to all 41×41 shifts."""
    height, width = truth.shape
    inner = truth[BORDER : height - BORDER, BORDER : width - BORDER]
    best = (np.inf, 0.0, 0.0)
    for down in np.arange(-5, 5.25, 0.25):
        for right in np.arange(-5, 5.25, 0.25):
            top, left = int(np.floor(down)), int(np.floor(right))
            part = planes[BORDER + top : BORDER + top + inner.shape[0] + 1, BORDER + left : BORDER + left + inner.shape[1] + 1]
            y, x = down - top, right - left
            rows = (1 - y) * part[:-1] + y * part[1:]
            error = float((((1 - x) * rows[:, :-1] + x * rows[:, 1:] - inner) ** 2).sum())
            best = min(best, (error, float(down), float(right)))
    return best


@pytest.mark.parametrize(("down", "right"), [(0.0, 0.0), (-1.6, 2.3), (4.9, -4.9), (0.5, -0.25)])
def test_it_is_the_least_of_all_shifts(down: float, right: float) -> None:
    truth = np.asarray(cv2.GaussianBlur(np.random.default_rng(2).uniform(0, 255, (48, 52)), (0, 0), 2.0), np.float64)
    moved = cv2.warpAffine(truth, np.array([[1, 0, right], [0, 1, down]]), (52, 48), borderMode=cv2.BORDER_REFLECT)
    picture = np.asarray(moved, np.float64)
    least, at_down, at_right = _by_moving(picture, truth)
    assert (at_down, at_right) == pytest.approx((down, right), abs=0.2)
    best, inner = at_best_shift(picture[..., None], truth[..., None])
    assert float(((best - inner) ** 2).sum()) == pytest.approx(least, rel=1e-9, abs=1e-9)
