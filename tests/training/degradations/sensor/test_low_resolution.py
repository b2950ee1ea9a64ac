"""Low resolution: MATLAB's bicubic there and back, and the matrices that do it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from runtime.bicubic import bicubic
from runtime.errors import UsageError
from tests.support.training.scenes import SCENE
from training.degradations.sensor.low_resolution import Downscaling, LowResolution, resampling


@pytest.mark.parametrize("scale", [2, 4])
def test_it_is_the_antialiased_bicubic_of_others_but_for_the_border(scale: int) -> None:
    came = LowResolution(scale=(scale, scale))(SCENE, np.random.default_rng(1))
    clean = torch.from_numpy(SCENE).permute(2, 0, 1)[None]
    small = F.interpolate(clean, scale_factor=1 / scale, mode="bicubic", antialias=True, recompute_scale_factor=True)
    large = F.interpolate(small, size=SCENE.shape[:2], mode="bicubic", antialias=True)[0].permute(1, 2, 0).numpy()
    border = 5 * scale
    np.testing.assert_allclose(came.picture[border:-border, border:-border], large[border:-border, border:-border], atol=1e-5)


def test_the_matrices_make_the_picture() -> None:
    came = LowResolution()(SCENE, np.random.default_rng(2))
    rows, columns = (resampling(side, round(came.parameters["scale"])) for side in SCENE.shape[:2])
    for channel in range(3):
        np.testing.assert_allclose(came.picture[..., channel], rows @ SCENE[..., channel] @ columns.T, atol=1e-5)


def test_scales_are_whole_numbers_with_both_ends() -> None:
    scales = {LowResolution(scale=(2, 4))(SCENE, np.random.default_rng(seed)).parameters["scale"] for seed in range(40)}
    assert scales == {2.0, 3.0, 4.0}


def test_a_grey_picture_and_a_scale_of_one_stay_as_they_are() -> None:
    assert np.abs(resampling(33, 4).sum(axis=1) - 1).max() < 1e-5
    np.testing.assert_allclose(resampling(20, 1), np.eye(20), atol=1e-6)


def test_a_side_smaller_than_the_scale_becomes_one_pixel() -> None:
    assert np.ptp(resampling(3, 8), axis=0).max() < 1e-6


@pytest.mark.parametrize("times", [2, 4])
def test_shrunk_is_the_first_half_of_it(times: int) -> None:
    height, width = (side // times * times for side in SCENE.shape[:2])
    clean, rng = SCENE[:height, :width], np.random.default_rng(0)
    came = Downscaling(times)(clean, rng)
    assert came.picture.shape == (height // times, width // times, 3)
    assert came.clean is clean
    rows, columns = bicubic(height // times, height), bicubic(width // times, width)
    both = LowResolution((times, times))(clean, rng).picture
    for channel in range(3):
        np.testing.assert_allclose(rows @ came.picture[..., channel] @ columns.T, both[..., channel], atol=1e-5)


def test_downscaling_refuses_sides_that_it_does_not_divide() -> None:
    with pytest.raises(UsageError, match=r"expected sides that are multiples of 4, got 19×16"):
        Downscaling(4)(np.zeros((16, 19, 3), np.float32), np.random.default_rng(0))
