"""Bicubic: Keys' own a = −0.5 and no other, mirrored at the border, the same for lines and for pictures."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.bicubic import bicubic, enlarged


@pytest.mark.parametrize("times", [2, 3, 4])
def test_curves_of_second_degree_come_back_exactly(times: int) -> None:
    """Of all bicubic filters only a = −0.5 does that. Within two pixels of the border there is no curve to follow."""
    side = 16
    fine = (np.arange(side * times) + 0.5) / times - 0.5
    within = slice(2 * times, -2 * times)
    np.testing.assert_allclose((bicubic(side, side * times) @ np.arange(side) ** 2)[within], (fine**2)[within], atol=1e-9)


@pytest.mark.parametrize(("side", "wanted"), [(16, 64), (17, 51), (64, 16), (5, 5)])
def test_the_border_is_a_mirror(side: int, wanted: int) -> None:
    line = np.random.default_rng(side).random(side)
    whole = bicubic(3 * side, 3 * wanted) @ np.concatenate([line[::-1], line, line[::-1]])
    np.testing.assert_allclose(bicubic(side, wanted) @ line, whole[wanted : 2 * wanted], atol=1e-12)


def test_a_picture_is_enlarged_along_both_sides() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (7, 10, 3), dtype=np.uint8)
    came = enlarged(picture, 4)
    assert came.shape == (28, 40, 3)
    for colour in range(3):
        np.testing.assert_allclose(came[..., colour], bicubic(7, 28) @ picture[..., colour] @ bicubic(10, 40).T, atol=1e-3)
    np.testing.assert_allclose(enlarged(picture, 1), picture, atol=1e-4)
