"""Motion: found to a fraction of a pixel where it is known, none where nothing moves, and traced back only where that can be done."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.video.scenes import HEIGHT, WIDTH, noisy, pan, passing, wall
from video.finish.motion import find_motion, find_traceable, move, scale_motion, shrink

INSIDE = (slice(16, -16), slice(16, -16))


@pytest.mark.parametrize("step", [2, 5])
def test_a_camera_that_moves(step: int) -> None:
    before, now = pan(2, step)
    found = scale_motion(find_motion(shrink(now), shrink(before)), HEIGHT, WIDTH)
    assert np.abs(found[INSIDE][..., 0] - step).mean() < 0.25, "what is seen now was so far to the right"
    assert np.abs(found[INSIDE][..., 1]).mean() < 0.25
    assert np.abs(move(before, found)[INSIDE].astype(int) - now[INSIDE]).mean() < 2


def test_nothing_moves_in_noise() -> None:
    before, now = noisy([wall()] * 2, 8)
    assert (find_motion(shrink(now), shrink(before)) == 0).mean() > 0.98


def test_motion_is_scaled_to_the_picture() -> None:
    field = np.full((10, 20, 2), (1.0, -2.0), np.float32)
    assert (scale_motion(field, 30, 80) == (4.0, -6.0)).all()


def test_standing_still_moves_nothing() -> None:
    picture = wall()
    assert (move(picture, np.zeros((HEIGHT, WIDTH, 2), np.float32)) == picture).all()


@pytest.mark.parametrize("side", [16, 17, 31, 32, 33])
def test_the_smallest_pictures_that_a_network_takes(side: int) -> None:
    picture = wall(height=side, width=side)
    found = find_motion(shrink(picture), shrink(picture))
    assert scale_motion(found, side, side).shape == (side, side, 2)
    assert (found == 0).all()


def test_what_comes_into_sight_cannot_be_traced() -> None:
    before, now = (shrink(picture) for picture in pan(2, 10))
    mask = find_traceable(find_motion(now, before), find_motion(before, now))
    assert mask[:, -4:].mean() < 0.1, "5 columns of the small picture are new"
    assert mask[8:-8, 8:-12].mean() > 0.95


def test_what_a_passing_square_uncovers_cannot_be_traced() -> None:
    before, now = (shrink(picture) for picture in passing(2, 10))
    found = find_motion(now, before)
    mask = find_traceable(found, find_motion(before, now)) > 0
    wrong = np.abs(move(before, found).astype(int) - now)
    assert wrong[~mask].mean() > 5 * wrong[mask].mean()
    assert 0.8 < mask.mean() < 1
