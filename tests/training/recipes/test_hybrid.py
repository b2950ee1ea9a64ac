"""Hybrid distortion: RL-Restore's levels, in order, each within its range."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from training.data.drawn import dead_leaves
from training.degradations.degradation import to_light
from training.recipes.hybrid import MILD, MODERATE, SEVERE, TRIALS, WIDE_BLUR_TRIALS, Hybrid

CLEAN = to_light(dead_leaves(np.random.default_rng(1), 48, 56))


@pytest.mark.parametrize("total", [MILD, MODERATE, SEVERE])
def test_the_levels_add_up_to_the_class(total: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    drawn = [Hybrid(total)(CLEAN, rng).parameters for _ in range(60)]
    assert {one["levels"] for one in drawn} == set(range(total[0], total[1] + 1))
    for one in drawn:
        strengths = (one["sigma"] / 5, one["noise_sigma"] / 50, (100 - one["quality"]) / 90)
        # A level is a tenth of the range, and the strength lies anywhere in it; JPEG's quality is a whole number.
        assert one["levels"] / 10 - 0.3 - 0.02 <= sum(strengths) <= one["levels"] / 10 + 0.03


def test_the_strongest_are_sigma_5_sigma_50_and_quality_10_and_blur_10_by_name() -> None:
    rng = np.random.default_rng(1)
    drawn = [Hybrid((3, 30))(CLEAN, rng).parameters for _ in range(200)]
    wide = [Hybrid((3, 30), blur=10)(CLEAN, rng).parameters["sigma"] for _ in range(200)]
    assert max(one["sigma"] for one in drawn) == pytest.approx(5, abs=0.2)
    assert max(wide) == pytest.approx(10, abs=0.4)
    assert max(one["noise_sigma"] for one in drawn) == pytest.approx(50, abs=2)
    assert (min(one["quality"] for one in drawn), max(one["quality"] for one in drawn)) == pytest.approx((10, 100), abs=3)


def test_the_same_seed_makes_the_same_picture_and_another_makes_another() -> None:
    first, again, other = (Hybrid()(CLEAN, np.random.default_rng(seed)).picture for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_kernel_that_is_handed_out_is_the_one_that_blurred() -> None:
    point = np.zeros((31, 31, 3), np.float32)
    point[15, 15] = 1
    made = Hybrid().degrade(point, np.random.default_rng(1), blur=0.5)
    assert made.layers["kernel"].sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(made.picture[5:26, 5:26, 0], made.layers["kernel"], atol=1e-6)


def test_each_distortion_can_be_asked_for_alone() -> None:
    for name in ("blur", "noise", "jpeg"):
        made = [Hybrid().degrade(CLEAN, np.random.default_rng(1), **{name: strength}) for strength in (0.1, 0.5, 1.0)]
        errors = [float(((one.picture - CLEAN) ** 2).mean()) for one in made]
        assert errors == sorted(errors), name
        assert len(made[0].parameters) == 1


def test_the_trials_are_the_three_classes_and_no_two_are_the_same() -> None:
    degradations = [make(1) for _, make in (*TRIALS, *WIDE_BLUR_TRIALS)]
    assert all(one != other for one, other in itertools.combinations(degradations, 2))
