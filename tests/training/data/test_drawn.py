"""Drawn pictures: the same seed gives the same bytes, at any size, and there is something to see in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from runtime.picture import Picture
from training.data.drawn import dead_leaves, drawn_scene, natural_colours, noise

Draw = Callable[[np.random.Generator, int, int], Picture]
both = pytest.mark.parametrize("draw", [dead_leaves, drawn_scene])


@both
@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 90), (61, 17), (96, 128)])
def test_any_size_from_16_on(draw: Draw, height: int, width: int) -> None:
    picture = draw(np.random.default_rng(0), height, width)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous


@both
def test_the_generator_decides_everything(draw: Draw) -> None:
    first, again, other = (draw(np.random.default_rng(seed), 48, 64) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert np.mean(np.abs(first.astype(int) - other)) > 10


@both
def test_there_are_edges_and_no_large_flat_areas(draw: Draw) -> None:
    picture = draw(np.random.default_rng(2), 128, 128).astype(float)
    steps = np.abs(np.diff(picture, axis=1))
    assert np.quantile(steps, 0.99) > 5 * np.median(steps), "edges stand out from texture"
    blocks = picture.reshape(16, 8, 16, 8, 3).std(axis=(1, 3))
    assert (blocks > 0.3).mean() > 0.9, "texture or a gradient in almost every block"


def test_colours_are_mostly_near_grey() -> None:
    colours = natural_colours(np.random.default_rng(0), 4000)
    assert colours.min() >= 0
    assert colours.max() <= 255
    spread = colours.max(1) - colours.min(1)
    assert np.median(spread) < 50 < np.quantile(spread, 0.98)


@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_noise_is_centred_and_of_unit_deviation(slope: float) -> None:
    field = noise(np.random.default_rng(3), 70, 45, slope=slope)
    assert field.shape == (70, 45)
    assert abs(float(field.mean())) < 1e-4
    assert float(field.std()) == pytest.approx(1, abs=1e-3)


def test_a_steeper_slope_is_smoother() -> None:
    rough, smooth = (noise(np.random.default_rng(3), 96, 96, slope=slope) for slope in (0.0, 2.0))
    assert np.abs(np.diff(smooth)).mean() < 0.5 * np.abs(np.diff(rough)).mean()
