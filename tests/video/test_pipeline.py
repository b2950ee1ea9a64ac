"""The pipeline: in order, bounded, and it always ends: with the error of the stage that failed, whichever it was and whenever."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
import pytest

from runtime.timing import StageTimes
from video.frame import Frame
from video.pipeline import run_pipeline

FRAMES = 30
PICTURE = np.zeros((2, 2, 3), np.uint8)
ENDS_WITHIN = 20.0  # seconds; a hang is caught, a slow machine is not


class Boom(Exception):
    pass


def frames(count: int = FRAMES) -> Iterator[Frame]:
    for index in range(count):
        yield Frame(index, index, Fraction(1, 25), PICTURE)


def nothing(_: Frame) -> None:
    pass


def ends(run: Callable[[], None]) -> BaseException | None:
    """Runs in a thread of its own, so that a pipeline that hangs fails the test instead of stopping it."""
    raised: list[BaseException | None] = [None]

    def guarded() -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001  it is what the test looks at
            raised[0] = error

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    thread.join(ENDS_WITHIN)
    assert not thread.is_alive(), "the pipeline hangs"
    assert not [other.name for other in threading.enumerate() if other.name.startswith("clearway-")], "a stage's thread was left behind"
    return raised[0]


def test_frames_arrive_in_order_and_times_are_taken() -> None:
    seen: list[int] = []
    counts: list[int] = []
    times = StageTimes()
    assert ends(lambda: run_pipeline(frames(), lambda f: f, lambda f: seen.append(f.index), times=times, progress=counts.append)) is None
    assert seen == list(range(FRAMES))
    assert counts == list(range(1, FRAMES + 1))
    assert {"decode", "restore", "encode"} <= times.as_dict().keys()
    assert times.as_dict()["restore"]["count"] == FRAMES


def test_several_workers_work_at_once_and_keep_the_order() -> None:
    seen: list[int] = []
    together = threading.Barrier(3, timeout=ENDS_WITHIN)  # broken, and an error, unless three frames are worked on at once

    def work(frame: Frame) -> Frame:
        together.wait()
        time.sleep(0.002 * (frame.index % 3 == 0))
        return frame

    assert ends(lambda: run_pipeline(frames(), work, lambda f: seen.append(f.index), workers=3, times=StageTimes())) is None
    assert seen == list(range(FRAMES))


def test_what_comes_after_gets_frames_in_their_order_one_by_one_in_the_callers_thread() -> None:
    seen: list[int] = []
    after: list[tuple[int, str]] = []

    def work(frame: Frame) -> Frame:
        time.sleep(0.002 * (frame.index % 3 == 0))
        return frame

    def count(frame: Frame) -> Frame:
        after.append((frame.index, threading.current_thread().name))
        return Frame(frame.index + 100, frame.pts, frame.time_base, frame.image)

    def run() -> None:
        threading.current_thread().name = "the caller"
        run_pipeline(frames(), work, lambda f: seen.append(f.index), workers=3, after=count, times=StageTimes())

    assert ends(run) is None
    assert after == [(index, "the caller") for index in range(FRAMES)]
    assert seen == list(range(100, 100 + FRAMES))


def test_an_error_in_what_comes_after_ends_all() -> None:
    def after(_: Frame) -> Frame:
        raise Boom

    assert isinstance(ends(lambda: run_pipeline(frames(), lambda f: f, nothing, after=after, times=StageTimes())), Boom)


def test_an_error_of_one_of_several_workers_ends_all() -> None:
    seen: list[int] = []

    def work(frame: Frame) -> Frame:
        if frame.index == 7:
            raise Boom
        return frame

    assert isinstance(ends(lambda: run_pipeline(frames(), work, lambda f: seen.append(f.index), workers=3, times=StageTimes())), Boom)
    assert seen == list(range(len(seen)))
    assert len(seen) <= 7


def test_an_empty_source_ends() -> None:
    assert ends(lambda: run_pipeline(frames(0), lambda f: f, nothing, times=StageTimes())) is None


@pytest.mark.parametrize("depth", [1, 3])
def test_a_slow_sink_holds_the_source_back(depth: int) -> None:
    taken = 0
    most = 0

    def source() -> Iterator[Frame]:
        nonlocal taken
        for frame in frames():
            taken += 1
            yield frame

    def sink(frame: Frame) -> None:
        nonlocal most
        time.sleep(0.002)
        most = max(most, taken - frame.index)

    assert ends(lambda: run_pipeline(source(), lambda f: f, sink, depth=depth, times=StageTimes())) is None
    assert most <= 2 * depth + 4, "two queues, and one frame in the hands of each stage"


@pytest.mark.parametrize("pace", ["all quick", "slow source", "slow work", "slow sink"])
@pytest.mark.parametrize("when", [0, 10, FRAMES - 1])
@pytest.mark.parametrize("stage", ["source", "work", "sink"])
def test_any_stage_may_raise(stage: str, when: int, pace: str) -> None:
    """Early, late and in the middle; with full queues before it (it is slow) and empty ones (another is)."""

    def at(here: str, frame: Frame) -> Frame:
        if pace.endswith(here):
            time.sleep(0.002)
        if here == stage and frame.index == when:
            raise Boom(f"{stage} at {when}")
        return frame

    def source() -> Iterator[Frame]:
        for frame in frames():
            yield at("source", frame)

    def sink(frame: Frame) -> None:
        at("sink", frame)

    error = ends(lambda: run_pipeline(source(), lambda f: at("work", f), sink, depth=2, times=StageTimes()))
    assert isinstance(error, Boom)
    assert str(error) == f"{stage} at {when}"


def test_a_source_may_raise_after_its_last_frame() -> None:
    def source() -> Iterator[Frame]:
        yield from frames()
        raise Boom("broke off")

    error = ends(lambda: run_pipeline(source(), lambda f: f, nothing, times=StageTimes()))
    assert isinstance(error, Boom)


def test_the_first_error_wins() -> None:
    def source() -> Iterator[Frame]:
        yield from frames(5)
        raise Boom("first")

    def sink(_: Frame) -> None:
        for thread in threading.enumerate():
            if thread.name == "clearway-read":
                thread.join()  # its error has been handed on by then
        raise ValueError("later")

    assert isinstance(ends(lambda: run_pipeline(source(), lambda f: f, sink, times=StageTimes())), Boom)


def test_progress_may_raise() -> None:
    def progress(_: int) -> None:
        raise Boom

    assert isinstance(ends(lambda: run_pipeline(frames(), lambda f: f, nothing, times=StageTimes(), progress=progress)), Boom)


@pytest.mark.parametrize("busy", ["source", "work", "sink"])
def test_control_c_ends_it(busy: str) -> None:
    """A real signal, while one of the stages is the one that everybody waits for."""

    def at(here: str) -> None:
        if here == busy:
            time.sleep(0.02)

    def source() -> Iterator[Frame]:
        for frame in frames(10_000):
            at("source")
            yield frame

    def work(frame: Frame) -> Frame:
        at("work")
        if frame.index == 3:
            threading.Timer(0.05, signal.raise_signal, [signal.SIGINT]).start()
        return frame

    with pytest.raises(KeyboardInterrupt):
        run_pipeline(source(), work, lambda _: at("sink"), times=StageTimes())
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("clearway-")]


def test_a_second_control_c_does_not_leave_a_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever called closes the file next, and a thread that still writes into it would bring the whole process down."""
    monkeypatch.setattr("video.pipeline._A_WHILE", 0.01)  # a signal that another thread raises is heard at the next waking
    busy, impatient, left = threading.Event(), threading.Event(), threading.Event()

    def sink(_: Frame) -> None:
        busy.set()
        impatient.wait()
        time.sleep(0.1)
        left.set()

    def user() -> None:
        busy.wait()
        for _ in range(3):
            time.sleep(0.1)
            signal.raise_signal(signal.SIGINT)
        impatient.set()

    pressing = threading.Thread(target=user)
    pressing.start()
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(frames(), lambda f: f, sink, times=StageTimes())
    assert left.is_set(), "the sink was still at work when the caller went on"
    pressing.join()
