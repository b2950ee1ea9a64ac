"""Ctrl-C at any moment of starting a run's threads: every thread that has begun is ended, and none begins afterwards."""

from __future__ import annotations

import _weakrefset
import itertools
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any

import pytest

from tests.support.video.live import FakeRestorer, GatheringSink, all_threads_end, captured
from tests.support.video.servers import ENDS_WITHIN
from video.live.run import LiveRun
from video.live.sources.source import CapturedPicture
from video.live.stage import Latch, StageThread, finish
from video.page.address import Address
from video.page.server import PageServer


class Endless:
    """Frames as fast as they are taken."""

    name, ends = "endless", False

    def frames(self, stopped: threading.Event) -> Generator[CapturedPicture, None, None]:
        while not stopped.wait(0.001):
            yield captured(1)


def live() -> LiveRun:
    return LiveRun(Endless(), FakeRestorer("a", 1), [GatheringSink(), GatheringSink(name="other")])


def page() -> PageServer:
    return PageServer(Address(port=0), [])


def interrupted_entering(manager: AbstractContextManager[object], moment: int) -> bool:
    """Whether entering it has that many moments at which Python looks for signals: a function begins, or one in C has returned."""
    moments = itertools.count()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        collecting = frame.f_code.co_filename == _weakrefset.__file__  # an exception in there is printed and forgotten
        if event in ("call", "c_return") and not collecting and next(moments) == moment:
            raise KeyboardInterrupt

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        with manager:
            sys.setprofile(before)
            return False
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize("make", [live, page])
def test_ctrl_c_at_every_moment_while_the_threads_start(make: Callable[[], AbstractContextManager[object]]) -> None:
    for moment in itertools.count(1):  # at 0 it has not begun to start anything
        interrupted = interrupted_entering(make(), moment)
        all_threads_end()
        if not interrupted:
            break
    assert moment > 20, "it has moments enough to say something"


def test_what_was_called_off_never_begins() -> None:
    ran: list[int] = []
    stage = StageThread("test", lambda: ran.append(1))
    assert stage.call_off()
    stage.start()
    assert stage.wait(0)
    all_threads_end()
    assert ran == []


def test_what_has_begun_is_not_called_off() -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        goes_on.wait(ENDS_WITHIN)

    stage = StageThread("test", work)
    stage.start()
    assert begun.wait(ENDS_WITHIN)
    assert not stage.call_off()
    assert not stage.wait(0)
    goes_on.set()
    assert stage.wait(ENDS_WITHIN)


def test_work_that_fails_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)

    def work() -> None:
        raise ZeroDivisionError

    stage = StageThread("test", work)
    stage.start()
    assert stage.wait(ENDS_WITHIN)


def test_a_latch_is_set_once_and_for_all() -> None:
    latch = Latch()
    assert not latch.wait(0)
    for _ in range(2):
        latch.set()
        assert latch.wait(0)


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_a_second_ctrl_c_waits_until_the_end(signal: type[BaseException]) -> None:
    tries: Iterator[bool] = iter([True, True, False])

    def end() -> None:
        if next(tries):
            raise signal

    finish(end)
    assert list(tries) == []


def test_an_error_while_ending_is_raised() -> None:
    def end() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        finish(end)
