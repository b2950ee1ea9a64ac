"""Noise of a camera: as strong as photons and read-out make it, grained and coloured by the mosaic, and blotches without luma."""

from __future__ import annotations

import numpy as np
import pytest

from training.degradations.degradation import Light
from training.degradations.sensor.chroma_noise import ChromaNoise
from training.degradations.sensor.sensor_noise import SensorNoise

PLAIN = SensorNoise(photons=(400, 400), read=(3, 3), gain=(1, 1))


def _flat(level: float) -> Light:
    return np.full((128, 128, 3), level, np.float32)


@pytest.mark.parametrize("level", [0.4, 0.8])
def test_the_noise_is_that_of_the_photons_counted_and_of_the_read_out(level: float) -> None:
    noise = PLAIN(_flat(level), np.random.default_rng(1)).layers["noise"]
    linear = level**2.2
    raw = np.sqrt(400 * linear + 3**2) / 400  # Poisson's variance is its mean
    tone = 1 / 2.2 * linear ** (1 / 2.2 - 1)  # the slope of the tone curve there
    assert noise[8:-8:2, 8:-8:2, 0].std() == pytest.approx(tone * raw, rel=0.1)  # where a blue pixel stands, nothing is interpolated
    assert abs(noise.mean()) < 0.01


def test_shadows_are_noisier_than_lights_after_the_tone_curve() -> None:
    dark, bright = (PLAIN(_flat(level), np.random.default_rng(1)).layers["noise"].std() for level in (0.2, 0.9))
    assert dark > 1.5 * bright


def test_grains_are_wider_than_a_pixel() -> None:
    noise = PLAIN(_flat(0.5), np.random.default_rng(1)).layers["noise"][..., 2]
    beside = np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]
    assert beside > 0.4


def test_more_photons_make_less_noise() -> None:
    few, many = (SensorNoise(photons=(n, n))(_flat(0.5), np.random.default_rng(1)).layers["noise"].std() for n in (100, 10_000))
    assert few > 5 * many


def test_blotches_have_the_colour_and_the_strength_that_they_say_and_no_luma() -> None:
    blue, green, red = ChromaNoise(strength=(10, 10), size=(3, 3))(_flat(0.5), np.random.default_rng(1)).layers["noise"].transpose(2, 0, 1)
    luma = 0.114 * blue + 0.587 * green + 0.299 * red
    assert np.abs(luma).max() < 5e-4
    assert (blue - luma).std() / 1.772 == pytest.approx(10 / 255, rel=0.1)
    assert (red - luma).std() / 1.402 == pytest.approx(10 / 255, rel=0.1)


def test_blotches_are_as_wide_as_they_say() -> None:
    def beside(size: float) -> float:
        red = ChromaNoise(strength=(10, 10), size=(size, size))(_flat(0.5), np.random.default_rng(1)).layers["noise"][..., 2]
        return float(np.corrcoef(red[:, 4:].ravel(), red[:, :-4].ravel())[0, 1])

    assert abs(beside(2)) < 0.25
    assert beside(16) > 0.8
