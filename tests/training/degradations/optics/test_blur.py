"""Blur: kernels that keep the light, stay in place, are what was asked for, and make the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.support.training.scenes import SCENE
from training.degradations.degradation import Degradation
from training.degradations.optics.blur import Blur, Defocus, blur_kernel, disc_kernel
from training.degradations.optics.shake import Shake

BLURS: tuple[Degradation, ...] = (Blur(), Defocus(), Shake())


@pytest.mark.parametrize("blur", BLURS, ids=lambda blur: type(blur).__name__)
def test_the_kernel_in_the_layers_makes_the_picture(blur: Degradation) -> None:
    for seed in range(5):
        came = blur(SCENE, np.random.default_rng(seed))
        kernel = came.layers["kernel"]
        again = cv2.filter2D(SCENE, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        np.testing.assert_allclose(came.picture, again, atol=1e-5)
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        assert kernel.min() >= 0
        assert kernel.shape[0] == kernel.shape[1]
        assert kernel.shape[0] % 2 == 1


@pytest.mark.parametrize("blur", BLURS, ids=lambda blur: type(blur).__name__)
def test_blur_does_not_move_the_picture(blur: Degradation) -> None:
    for seed in range(20):
        kernel = blur(SCENE, np.random.default_rng(seed)).layers["kernel"]
        around = np.arange(len(kernel)) - len(kernel) // 2
        assert abs(kernel.sum(axis=0) @ around) < 0.02
        assert abs(kernel.sum(axis=1) @ around) < 0.02


@pytest.mark.parametrize("blur", [Blur(sigma=(0, 0), motion=(0, 0)), Defocus(radius=(0, 0)), Shake(length=(0, 0))])
def test_blur_without_blur_is_the_picture(blur: Degradation) -> None:
    np.testing.assert_allclose(blur(SCENE, np.random.default_rng(1)).picture, SCENE, atol=1e-6)


def test_blur_keeps_the_light_and_lowers_the_contrast() -> None:
    came = Blur(sigma=(2, 2))(SCENE, np.random.default_rng(1))
    assert came.picture.mean() == pytest.approx(SCENE.mean(), abs=0.01)
    assert came.picture.std() < SCENE.std()


def test_a_gaussian_and_a_disc_are_as_wide_as_they_say() -> None:
    for kernel, expected in ((blur_kernel(1.7, 0, 0), 1.7**2), (disc_kernel(4.3), 4.3**2 / 4)):
        around = np.arange(len(kernel)) - len(kernel) // 2
        assert kernel.sum(axis=0) @ around**2 == pytest.approx(expected, rel=0.03)


def test_the_rim_of_a_disc_is_covered_in_part() -> None:
    """A disc without antialiasing has two values, and jumps as its radius grows."""
    kernel = disc_kernel(4.3)
    assert len(np.unique(kernel.round(6))) > 5
    widths = [disc_kernel(radius)[disc_kernel(radius) > 0.5 * disc_kernel(radius).max()].sum() for radius in (4.0, 4.1, 4.2)]
    assert np.ptp(widths) < 0.2


def test_a_walk_without_restlessness_is_a_straight_line_and_a_restless_one_is_not() -> None:
    def straightness(restlessness: float) -> float:
        """Of the spread along and across: 1 is a line."""
        shares = []
        for seed in range(10):
            shake = Shake(length=(20, 20), restlessness=(restlessness, restlessness))
            kernel = shake(SCENE, np.random.default_rng(seed)).layers["kernel"].astype(np.float64)
            y, x = np.mgrid[: len(kernel), : len(kernel)] - len(kernel) // 2
            cross = (kernel * x * y).sum()
            spread = np.linalg.eigvalsh([[(kernel * x * x).sum(), cross], [cross, (kernel * y * y).sum()]])
            shares.append(spread[1] / spread.sum())
        return float(np.mean(shares))

    assert straightness(0) > 0.98
    assert straightness(4) < 0.9
