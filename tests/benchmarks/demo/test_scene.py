"""The street: a function of seed and index, at any size, moving, textured, and without end."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.demo.scene import Street

HEIGHT, WIDTH = 144, 256


@pytest.fixture(scope="module")
def street() -> Street:
    return Street(11, HEIGHT, WIDTH)


def test_a_frame_depends_on_seed_and_index_alone(street: Street) -> None:
    later, earlier = street.frame(40), street.frame(3)
    again = Street(11, HEIGHT, WIDTH)
    assert np.array_equal(again.frame(3), earlier)
    assert np.array_equal(again.frame(40), later)
    assert not np.array_equal(Street(12, HEIGHT, WIDTH).frame(3), earlier)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 64), (90, 50)])
def test_any_size(height: int, width: int) -> None:
    picture = Street(1, height, width).frame(7)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8


def test_everything_moves_but_the_sky_hardly(street: Street) -> None:
    change = np.abs(street.frame(20).astype(int) - street.frame(21)).mean(2)
    road, sky = change[HEIGHT // 2 :], change[: HEIGHT // 8, int(WIDTH * 0.4) : int(WIDTH * 0.6)]
    assert road.mean() > 3
    assert sky.mean() < 2


def test_a_standing_camera_sees_the_same_street_and_only_the_traffic_moves(street: Street) -> None:
    standing = Street(11, HEIGHT, WIDTH, standing=True)
    assert np.array_equal(standing.frame(0), street.frame(0))
    changed = (standing.frame(20) != standing.frame(21)).any(2)
    assert 0 < changed.mean() < 0.2


def test_nothing_jumps_from_frame_to_frame(street: Street) -> None:
    frames = [street.frame(index).astype(int) for index in range(60, 90)]
    steps = [np.abs(after - before).mean() for before, after in pairwise(frames)]
    assert max(steps) < 1.6 * np.median(steps)


def test_surfaces_are_textured(street: Street) -> None:
    blocks = street.frame(30).astype(float).reshape(HEIGHT // 8, 8, WIDTH // 8, 8, 3).std(axis=(1, 3)).mean(2)
    assert (blocks > 2).mean() > 0.75


def test_close_ups_start_with_the_plate_in_front_and_lie_inside(street: Street) -> None:
    boxes = street.close_ups(30)
    assert len(boxes) > 2
    left, _, right, _ = boxes[0]
    assert left < WIDTH / 2 < right
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= WIDTH
        assert 0 <= top < bottom <= HEIGHT


def test_the_street_has_no_end(street: Street) -> None:
    picture = street.frame(123_456)
    assert picture.std() > 30
