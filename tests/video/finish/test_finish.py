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
from video.finish.finish import FinishOptions, FrameFinisher
from video.finish.flicker_reduction import FlickerReducer
from video.finish.strength import apply_strength


def given(picture: Picture) -> Restored:
    """By a network that does nothing."""
    return Restored(picture, picture, None, np.zeros(3, np.float32))


def finished(pictures: list[Picture], options: FinishOptions) -> tuple[list[Picture], FrameFinisher, StageTimes]:
    times = StageTimes()
    finish = FrameFinisher(options, times)
    return [finish(given(picture)).image for picture in pictures], finish, times


def test_what_is_not_asked_for_is_not_done() -> None:
    clip = noisy([wall()] * 4, 6)
    seen, finish, times = finished(clip, FinishOptions())
    assert all(one is other for one, other in zip(seen, clip, strict=True))
    assert finish.flicker() is None
    assert {"steady", "flicker"}.isdisjoint(times.as_dict())


def test_flicker_is_reduced_in_the_order_of_the_frames() -> None:
    clip = noisy([wall()] * 12, 6)
    reduced = FlickerReducer()
    seen, _, times = finished(clip, FinishOptions(reduce_flicker=True))
    assert all((one == reduced(other)).all() for one, other in zip(seen, clip, strict=True))
    assert times.as_dict()["steady"]["count"] == len(clip)


def test_the_score_is_of_what_is_written() -> None:
    clip = pulsing([wall()] * 12, 4)
    raw, reduced = (finished(clip, FinishOptions(reduce_flicker=reduce, flicker=True))[1].flicker() for reduce in (False, True))
    assert raw is not None
    assert reduced is not None
    assert raw.source == raw.result == reduced.source == pytest.approx(4)
    assert reduced.result < 3


def test_strength_is_of_the_picture_with_less_flicker() -> None:
    clip = pulsing([wall()] * 6, 4)
    reduced, whole = FlickerReducer(), FrameFinisher(FinishOptions(0.5, reduce_flicker=True), StageTimes())
    for picture in clip:
        expected = apply_strength(dataclasses.replace(given(picture), image=reduced(picture)), 0.5).image
        assert np.array_equal(whole(given(picture)).image, expected)
    with pytest.raises(UsageError, match="strength: expected 0"):
        FinishOptions(1.5)


def test_a_segment_is_finished_as_if_nothing_had_been_before() -> None:
    clip = noisy([wall()] * 12, 6)
    whole, resumed = (FrameFinisher(FinishOptions(reduce_flicker=True, flicker=True), StageTimes()) for _ in range(2))
    for picture in clip[:6]:
        whole(given(picture))
    whole.restart()
    assert all((whole(given(picture)).image == resumed(given(picture)).image).all() for picture in clip[6:])
    scores = whole.flicker(), resumed.flicker()
    assert [score.pairs for score in scores if score is not None] == [10, 5]
