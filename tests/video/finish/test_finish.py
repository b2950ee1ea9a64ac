"""The last step: what is asked for is done and timed, in order, and nothing is kept of frames that are gone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from runtime.errors import UsageError
from runtime.picture import Picture
from runtime.restorer import Restored
from runtime.timing import StageTimes
from tests.support.video.scenes import noisy, pulsing, wall
from video.finish.finish import Finish, FinishOptions
from video.finish.flicker_reduction import Steadier
from video.finish.strength import at_strength


def given(picture: Picture) -> Restored:
    """By a network that does nothing."""
    return Restored(picture, picture, None, np.zeros(3, np.float32))


def finished(pictures: list[Picture], options: FinishOptions) -> tuple[list[Picture], Finish, StageTimes]:
    times = StageTimes()
    finish = Finish(options, times)
    return [finish(given(picture)).image for picture in pictures], finish, times


def test_what_is_not_asked_for_is_not_done() -> None:
    clip = noisy([wall()] * 4, 6)
    seen, finish, times = finished(clip, FinishOptions())
    assert all(one is other for one, other in zip(seen, clip, strict=True))
    assert finish.flicker() is None
    assert {"steady", "flicker"}.isdisjoint(times.as_dict())


def test_frames_are_steadied_in_their_order() -> None:
    clip = noisy([wall()] * 12, 6)
    steady = Steadier()
    seen, _, times = finished(clip, FinishOptions(steady=True))
    assert all((one == steady(other)).all() for one, other in zip(seen, clip, strict=True))
    assert times.as_dict()["steady"]["count"] == len(clip)


def test_the_score_is_of_what_is_written() -> None:
    clip = pulsing([wall()] * 12, 4)
    raw, steady = (finished(clip, FinishOptions(steady=steady, flicker=True))[1].flicker() for steady in (False, True))
    assert raw is not None
    assert steady is not None
    assert raw.source == raw.result == steady.source == pytest.approx(4)
    assert steady.result < 3


def test_strength_is_of_the_steadied_picture() -> None:
    clip = pulsing([wall()] * 6, 4)
    steady, whole = Steadier(), Finish(FinishOptions(0.5, steady=True), StageTimes())
    for picture in clip:
        expected = at_strength(dataclasses.replace(given(picture), image=steady(picture)), 0.5).image
        assert np.array_equal(whole(given(picture)).image, expected)
    with pytest.raises(UsageError, match="strength: 0"):
        FinishOptions(1.5)


def test_a_segment_is_finished_as_if_nothing_had_been_before() -> None:
    clip = noisy([wall()] * 12, 6)
    whole, resumed = (Finish(FinishOptions(steady=True, flicker=True), StageTimes()) for _ in range(2))
    for picture in clip[:6]:
        whole(given(picture))
    whole.restart()
    assert all((whole(given(picture)).image == resumed(given(picture)).image).all() for picture in clip[6:])
    scores = whole.flicker(), resumed.flicker()
    assert [score.pairs for score in scores if score is not None] == [10, 5]
