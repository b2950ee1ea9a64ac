"""The watch, told what time it is: when a source is opened, given up, opened again, and when it never is."""

from __future__ import annotations

import math

import pytest

from runtime.errors import SourceError, SourceLost
from video.live.watch import RetryPolicy, SourceState, SourceWatch, WatchStep

LOST = SourceLost("gone")


def watch(patience: RetryPolicy | None = None, jitter: float = 1.0) -> SourceWatch:
    return SourceWatch("cam", 0.0, lambda: jitter, patience)


def running(at: float = 0.0, interval: float = 0.04, frames: int = 10) -> SourceWatch:
    """Opened at 0; its last frame came at `at` + (frames − 1) · interval."""
    one = watch()
    assert one.step(0.0) is WatchStep.OPEN
    for index in range(frames):
        one.record_frame(at + index * interval)
    return one


def test_it_is_opened_at_once_and_once() -> None:
    one = watch()
    assert one.step(0.0) is WatchStep.OPEN
    assert one.step(0.0) is WatchStep.NOTHING
    assert one.state is SourceState.OPENING


def test_a_source_that_never_gives_a_frame_is_let_go() -> None:
    one = watch(RetryPolicy(opening=4.0))
    one.step(0.0)
    assert one.seconds_left(1.0) == 3.0
    assert one.step(3.9) is WatchStep.NOTHING
    assert one.step(4.0) is WatchStep.LET_GO
    assert (one.state, one.failures, one.losses) == (SourceState.WAITING, 1, 0)
    assert str(one.trouble) == "cam: expected a frame, got none for 4.0 s"


def test_a_hang_is_a_number_of_frame_intervals() -> None:
    slow = running(interval=0.5)  # two frames a second: 25 s are 50 intervals
    last = 9 * 0.5
    assert slow.step(last + 24.9) is WatchStep.NOTHING
    assert slow.step(last + 25.1) is WatchStep.LET_GO
    fast = running(interval=0.01)
    assert fast.step(0.09 + 1.9) is WatchStep.NOTHING, "a short pause of the network is no hang at any rate"
    assert fast.step(0.09 + 2.1) is WatchStep.LET_GO
    assert fast.losses == 1


def test_a_single_frame_says_nothing_of_the_rate() -> None:
    one = running(frames=1)
    assert one.interval is None
    assert one.step(9.9) is WatchStep.NOTHING
    assert one.step(10.0) is WatchStep.LET_GO


def test_delays_double_up_to_the_longest() -> None:
    one, now, delays = watch(), 0.0, []
    for _ in range(8):
        assert one.step(now) is WatchStep.OPEN
        one.record_loss(now, LOST)
        delays.append(one.retry_at - now)
        assert one.step(one.retry_at - 0.01) is WatchStep.NOTHING
        now = one.retry_at
    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert one.failures == 8


@pytest.mark.parametrize(("jitter", "delay"), [(0.0, 0.25), (0.5, 0.375), (1.0, 0.5)])
def test_jitter_takes_up_to_half_of_a_delay(jitter: float, delay: float) -> None:
    one = watch(jitter=jitter)
    one.step(0.0)
    one.record_loss(0.0, LOST)
    assert one.retry_at == delay


def test_only_a_connection_that_lived_resets_the_delay() -> None:
    one, now = watch(), 0.0
    for lived, delay in [(0.1, 0.5), (0.1, 1.0), (6.0, 0.5), (0.1, 1.0)]:
        assert one.step(now) is WatchStep.OPEN
        one.record_frame(now)
        one.record_frame(now + lived)
        one.record_loss(now + lived, LOST)
        assert one.retry_at == pytest.approx(now + lived + delay), f"after {lived} s of life"
        now = one.retry_at
    assert one.losses == one.connections == 4


def test_recovery_is_measured_from_the_last_frame_to_the_next_one() -> None:
    one = running(frames=26)  # the last at 1.0 s
    one.record_loss(1.5, LOST)
    one.step(one.retry_at)
    one.record_loss(3.0, LOST)  # an attempt that gave nothing
    assert one.step(one.retry_at) is WatchStep.OPEN
    assert not one.recoveries
    assert one.record_frame(8.0) == pytest.approx(7.0)
    assert one.record_frame(8.04) is None
    assert list(one.recoveries) == [pytest.approx(7.0)]
    assert (one.losses, one.failures, one.connections) == (1, 1, 2)
    assert one.interval == pytest.approx(0.04), "the pause is no frame interval"


def test_a_fatal_error_is_not_tried_again() -> None:
    one = running()
    error = SourceError("bad password")
    one.record_loss(1.0, error)
    assert (one.state, one.fatal, one.trouble) == (SourceState.OVER, error, error)
    assert one.step(math.inf) is WatchStep.END
    one.record_loss(2.0, LOST)
    assert one.fatal is error


def test_stopped_by_hand_it_stays_over() -> None:
    one = running()
    one.record_loss(1.0, LOST)
    one.end()
    assert one.step(one.retry_at + 1) is WatchStep.END
    assert one.fatal is None
    assert one.trouble is LOST
    assert one.seconds_left(0.0) == 0.0
