"""The last step: what is asked for is done and timed, in order, and nothing is kept of frames that are gone."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest

from runtime.backend import Picture
from runtime.timing import StageTimes
from tests.video.scenes import noisy, pulsing, wall
from video.finish import Finish, FinishOptions
from video.frame import Frame
from video.pipeline import run_pipeline
from video.steady import Steadier


def frames(pictures: list[Picture]) -> list[Frame]:
    return [Frame(index, index, Fraction(1, 25), picture) for index, picture in enumerate(pictures)]


def finished(pictures: list[Picture], options: FinishOptions, workers: int = 1) -> tuple[list[Picture], Finish, StageTimes]:
    """Through the pipeline, with a network that does nothing."""
    times, seen = StageTimes(), list[Picture]()
    finish = Finish(options, times)

    def work(frame: Frame) -> Frame:
        finish.keep(frame)
        return dataclasses.replace(frame)

    run_pipeline(frames(pictures), work, lambda frame: seen.append(frame.image), workers=workers, after=finish, times=times)
    return seen, finish, times


def test_what_is_not_asked_for_is_not_done() -> None:
    clip = noisy([wall()] * 4, 6)
    seen, finish, times = finished(clip, FinishOptions())
    assert all(one is other for one, other in zip(seen, clip, strict=True))
    assert finish.flicker() is None
    assert {"steady", "flicker"}.isdisjoint(times.as_dict())


@pytest.mark.parametrize("workers", [1, 3])
def test_frames_are_steadied_in_their_order(workers: int) -> None:
    clip = noisy([wall()] * 12, 6)
    steady = Steadier()
    seen, _, times = finished(clip, FinishOptions(steady=True), workers)
    assert all((one == steady(other)).all() for one, other in zip(seen, clip, strict=True))
    assert times.as_dict()["steady"]["count"] == len(clip)


def test_the_score_is_of_what_is_written() -> None:
    clip = pulsing([wall()] * 12, 4)
    raw, steady = (finished(clip, FinishOptions(steady, flicker=True))[1].flicker() for steady in (False, True))
    assert raw is not None
    assert steady is not None
    assert raw.source == raw.result == steady.source == pytest.approx(4)
    assert steady.result < 3


def test_a_segment_is_finished_as_if_nothing_had_been_before() -> None:
    clip = frames(noisy([wall()] * 12, 6))
    whole, resumed = (Finish(FinishOptions(steady=True, flicker=True), StageTimes()) for _ in range(2))

    def run(finish: Finish, frame: Frame) -> Picture:
        finish.keep(frame)
        return finish(frame).image

    for frame in clip[:6]:
        run(whole, frame)
    whole.restart()
    assert all((run(whole, frame) == run(resumed, frame)).all() for frame in clip[6:])
    scores = whole.flicker(), resumed.flicker()
    assert [score.pairs for score in scores if score is not None] == [10, 5]
