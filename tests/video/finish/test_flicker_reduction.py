"""Flicker reduction: less flicker, no ghosts, nothing kept over a cut or a restart, and the same bytes every time."""

from __future__ import annotations

import numpy as np
import pytest

from runtime.picture import Picture
from tests.support.video.scenes import mean_error, noisy, pan, passing, pulsing, wall
from video.finish.flicker_reduction import FlickerReducer, reduce_flicker


def run(pictures: list[Picture]) -> list[Picture]:
    reducer = FlickerReducer()
    return [reducer(picture) for picture in pictures]


def test_noise_before_a_standing_camera_is_averaged() -> None:
    clean = [wall()] * 12
    restored = noisy(clean, 6)
    result = run(restored)
    assert mean_error(result[6:], clean[6:]) < 0.55 * mean_error(restored[6:], clean[6:])


def test_noise_before_a_moving_camera_is_averaged_too() -> None:
    """What stands, as the sky and the camera's own car do, shows how much the pictures flicker."""
    clean = pan(12, 3)
    for picture in clean:
        picture[64:] = wall(3)[64:]
    restored = noisy(clean, 6)
    moving = [[picture[:56] for picture in pictures[6:]] for pictures in (run(restored), restored, clean)]
    assert mean_error(moving[0], moving[2]) < 0.85 * mean_error(moving[1], moving[2])


def test_a_moving_camera_that_shows_no_flicker_stays_sharp() -> None:
    clean = pan(12, 3)
    for picture in clean:
        picture[64:] = wall(3)[64:]
    assert mean_error(run(clean), clean) < 0.05


def test_where_nothing_stands_nothing_is_known_of_flicker_and_nothing_is_done() -> None:
    restored = noisy(pan(12, 3), 6)
    assert mean_error(run(restored), restored) == 0


def test_a_pulse_is_damped() -> None:
    restored = pulsing([wall()] * 16, 4)
    steps = np.abs(np.diff([picture.mean() for picture in run(restored)[8:]]))
    assert steps.max() < 2


def test_nothing_is_left_behind_what_passes() -> None:
    clip = passing(12, 7)
    for number, after in list(enumerate(run(clip)))[2:]:
        behind = slice(8 + 7 * (number - 2), 8 + 7 * number)  # where the square was in the two frames before
        assert np.abs(after.astype(int) - clip[number])[30:62, behind].mean() < 1
    assert np.abs(clip[3].astype(int) - clip[4])[30:62, 29:36].mean() > 40, "what a ghost would be made of"


def test_where_nothing_is_trusted_the_frame_stays_as_it_is() -> None:
    """Not to a level near it: exactly."""
    before, now = wall(), wall()
    now[:, 80:] = 255 - now[:, 80:] // 4
    result = reduce_flicker(reduce_flicker(None, before), now).image
    assert (result[:, 100:] == now[:, 100:]).all()


def test_where_nothing_flickers_a_faint_change_comes_at_once() -> None:
    now = wall()
    now[40:72, 40:72] += 5
    assert (reduce_flicker(reduce_flicker(None, wall()), now).image == now).mean() > 0.98


def test_a_still_picture_stays_as_it_is() -> None:
    for picture in run([wall()] * 10):
        assert (picture == wall()).all()


@pytest.mark.parametrize("other", [wall(1), wall(0, 64, 64)], ids=["cut", "another size"])
def test_another_scene_begins_anew(other: Picture) -> None:
    state = reduce_flicker(None, wall())
    assert reduce_flicker(state, other).image is other


def test_a_segment_depends_on_nothing_before_it() -> None:
    clip = noisy([wall()] * 12, 6)
    whole = FlickerReducer()
    for picture in clip[:6]:
        whole(picture)
    whole.restart()
    resumed = FlickerReducer()
    for picture in clip[6:]:
        assert (whole(picture) == resumed(picture)).all()


def test_the_same_frames_give_the_same_bytes() -> None:
    clip = noisy([wall()] * 8, 6)
    for one, other in zip(run(clip), run(clip), strict=True):
        assert (one == other).all()


def test_what_came_is_not_written_to() -> None:
    clip = noisy([wall()] * 3, 6)
    kept = [picture.copy() for picture in clip]
    run(clip)
    assert mean_error(clip, kept) == 0
