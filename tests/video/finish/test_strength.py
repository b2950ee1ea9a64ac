"""Strength: source + strength · (restored − source) with one rounding, exact at both ends, and `removed` of what is really written."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.bicubic import enlarged
from runtime.errors import UsageError
from runtime.restorer import Restored
from video.finish.strength import apply_strength, check_strength

LEVELS = np.arange(256, dtype=np.uint8)
SOURCE = np.repeat(np.repeat(LEVELS[:, None], 256, 1)[..., None], 3, 2)  # with RESTORED, every pair of levels there is
RESTORED = np.ascontiguousarray(SOURCE.transpose(1, 0, 2))


def of(image: np.ndarray, source: np.ndarray) -> Restored:
    return Restored(image, source, None, np.zeros(3, np.float32))


@pytest.mark.parametrize("strength", [0.0, 0.1, 0.25, 1 / 3, 0.5, 0.7, 0.99, 1.0])
def test_every_pair_of_levels_is_blended_with_one_rounding(strength: float) -> None:
    exact = SOURCE.astype(np.float64) + strength * (RESTORED.astype(np.float64) - SOURCE)
    image = apply_strength(of(RESTORED, SOURCE), strength).image
    assert image.dtype == np.uint8
    assert np.abs(image - exact).max() <= 0.5 + 1e-4, "FP32 may see the middle between two levels a little beside it"


def test_the_ends_are_exact() -> None:
    both = of(RESTORED, SOURCE)
    assert apply_strength(both, 1).image is RESTORED
    none = apply_strength(both, 0)
    assert np.array_equal(none.image, SOURCE)
    assert none.image is not SOURCE, "a result belongs to the caller, and so does the source"
    assert np.all(none.removed == 128)


def test_what_was_removed_follows_the_strength() -> None:
    half = apply_strength(of(np.full((16, 16, 3), 60, np.uint8), np.full((16, 16, 3), 100, np.uint8)), 0.5)
    assert np.all(half.image == 80)
    assert np.all(half.removed == 128 + 10)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_an_enlarging_model_blends_with_the_enlarged_source(strength: float) -> None:
    rng = np.random.default_rng(3)
    source, image = rng.integers(0, 256, (16, 18, 3), np.uint8), rng.integers(0, 256, (32, 36, 3), np.uint8)
    large = enlarged(source, 2).astype(np.float64)
    expected = (large + strength * (image - large)).clip(0, 255)
    assert np.abs(apply_strength(of(image, source), strength).image - expected).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("strength", [-0.001, 1.001, float("inf")])
def test_what_is_no_strength(strength: float) -> None:
    with pytest.raises(UsageError, match=r"expected 0 \(the source\) to 1 \(the restored picture\), got"):
        check_strength(strength)
