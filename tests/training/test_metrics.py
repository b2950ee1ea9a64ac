"""PSNR and SSIM: against scikit-image and against values that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from runtime.backend import Picture
from runtime.errors import DataError
from training.metrics import psnr, ssim


@pytest.fixture
def pair() -> tuple[Picture, Picture]:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 256, (48, 37, 3), np.uint8)
    return np.clip(truth + rng.normal(0, 12, truth.shape), 0, 255).astype(np.uint8), truth


def test_psnr_of_a_constant_difference_is_the_textbook_value() -> None:
    dark, bright = np.full((16, 16, 3), 100, np.uint8), np.full((16, 16, 3), 110, np.uint8)
    assert psnr(dark, bright) == pytest.approx(20 * np.log10(255 / 10))


def test_psnr_of_equal_pictures_is_infinite(pair: tuple[Picture, Picture]) -> None:
    assert psnr(pair[1], pair[1]) == float("inf")


def test_rgb_agrees_with_scikit_image(pair: tuple[Picture, Picture]) -> None:
    picture, truth = pair
    expected = structural_similarity(
        truth, picture, data_range=255, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, truncate=3.5
    )
    assert psnr(picture, truth) == pytest.approx(peak_signal_noise_ratio(truth, picture, data_range=255))
    # scikit-image's mean leaves out the same border of 5 pixels
    assert ssim(picture, truth) == pytest.approx(expected, abs=1e-6)


def test_luma_is_matlabs_limited_range() -> None:
    white, black = np.full((16, 16, 3), 255, np.uint8), np.zeros((16, 16, 3), np.uint8)
    assert psnr(white, black, "y") == pytest.approx(20 * np.log10(255 / 219))


def test_luma_weighs_green_most() -> None:
    base = np.zeros((16, 16, 3), np.uint8)
    by_channel = []
    for channel in range(3):
        other = base.copy()
        other[..., channel] = 50
        by_channel.append(psnr(other, base, "y"))
    blue, green, red = by_channel
    assert green < red < blue


def test_sizes_must_agree_and_hold_the_window() -> None:
    with pytest.raises(DataError, match="one size"):
        psnr(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 17, 3), np.uint8))
    with pytest.raises(DataError, match="at least 11"):
        ssim(np.zeros((8, 16, 3), np.uint8), np.zeros((8, 16, 3), np.uint8))
