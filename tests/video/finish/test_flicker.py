"""The flicker score: what it gives is known for scenes that were drawn."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from runtime.picture import Picture
from tests.support.video.scenes import noisy, pan, passing, pulsing, wall
from video.finish.flicker import FlickerMeter, FlickerScore


def score(sources: list[Picture], results: list[Picture]) -> FlickerScore:
    meter = FlickerMeter()
    for source, result in zip(sources, results, strict=True):
        meter.add(source, result)
    found = meter.score()
    assert found is not None
    return found


STILL = [wall()] * 8


def test_a_still_picture_does_not_flicker() -> None:
    assert score(STILL, STILL) == FlickerScore(0.0, 0.0, 7, 1.0)


def test_a_constant_shift_is_no_flicker() -> None:
    assert score(STILL, [picture + 20 for picture in STILL]).result == 0


def test_a_pulse_scores_its_height() -> None:
    found = score(STILL, pulsing(STILL, 3))
    assert found.source == 0
    assert found.result == pytest.approx(3)


def test_noise_scores_what_two_draws_of_it_differ_by() -> None:
    """In grey, where the weights of the three channels make the deviation smaller; two draws differ by 2σ/√π on average."""
    sigma = 6 * math.sqrt(0.114**2 + 0.587**2 + 0.299**2)
    assert score(STILL, noisy(STILL, 6)).result == pytest.approx(2 * sigma / math.sqrt(math.pi), rel=0.03)


def test_a_moving_camera_scores_little_and_its_pulse_on_top() -> None:
    moving = pan(8, 4)
    even, pulsed = score(moving, moving), score(moving, pulsing(moving, 6))
    assert even.source == even.result < 1.5
    assert 6 <= pulsed.result < 6.5
    unmoved = np.mean([np.abs(now.astype(int) - before).mean() for before, now in pairwise(moving)])
    assert even.result < unmoved / 8, "what a difference without motion would say"


def test_what_is_uncovered_is_not_compared() -> None:
    clip = passing(8, 6)
    found = score(clip, clip)
    assert 0.9 < found.compared < 1.0
    assert found.result < 0.6


def test_a_result_twice_as_large() -> None:
    moving = pan(8, 4)
    larger = [np.repeat(np.repeat(picture, 2, 0), 2, 1) for picture in pulsing(moving, 6)]
    assert score(moving, larger).result == pytest.approx(score(moving, pulsing(moving, 6)).result, abs=0.4)


def test_a_cut_and_a_restart_are_not_compared() -> None:
    meter = FlickerMeter()
    for picture in (wall(0), wall(1)):
        meter.add(picture, picture)
    assert meter.score() is None, "two pictures that have nothing in common"
    meter.restart()
    meter.add(wall(1) + 9, wall(1) + 9)
    assert meter.score() is None
    meter.add(wall(1) + 9, wall(1) + 9)
    assert meter.score() == FlickerScore(0.0, 0.0, 1, 1.0)
