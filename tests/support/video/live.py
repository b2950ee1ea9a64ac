"""Stand-ins for the ends of a live run, and waiting for what other threads do."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from runtime.picture import Picture
from runtime.restorer import Restored
from tests.support.video.servers import ENDS_WITHIN
from video.live.sinks.sink import QuitRequested, RestoredFrame
from video.live.sources.source import CapturedPicture, make_info
from video.live.statistics import LiveStatistics


def soon(holds: Callable[[], bool], what: str) -> None:
    """A hang fails, a slow machine does not."""
    until = time.monotonic() + ENDS_WITHIN
    while not holds():
        if time.monotonic() > until:
            stacks = "".join("".join(traceback.format_stack(frame)) + "\n" for frame in sys._current_frames().values())
            raise AssertionError(f"never came: {what}\n{stacks}")
        time.sleep(0.01)


def all_threads_end() -> None:
    """All of ours but readers that hang. A thread that was never started, or whose work is over, is none."""

    def left() -> list[str]:
        alive = [thread.name for thread in threading.enumerate() if thread.is_alive()]
        return [name for name in alive if name.startswith("clearway-") and not name.startswith("clearway-reader")]

    soon(lambda: left() == [], "the end of every thread")


def captured(level: int, size: tuple[int, int] = (32, 24)) -> CapturedPicture:
    now = time.monotonic()
    return CapturedPicture(np.full((size[1], size[0], 3), level, np.uint8), None, now, now, make_info(*size, "test", None))


class FakeRestorer:
    """Adds so many levels; `waits` holds it in its first frame."""

    def __init__(self, name: str, levels: int, waits: threading.Event | None = None, error: Exception | None = None) -> None:
        self.manifest = SimpleNamespace(name=name, version="1")
        self.choice = SimpleNamespace(describe=lambda: "numpy")
        self.closed = 0
        self._levels, self._waits, self._error = levels, waits, error

    def __call__(self, picture: Picture) -> Restored:
        assert not self.closed, "a closed model was asked"
        if self._waits is not None:
            assert self._waits.wait(ENDS_WITHIN)
        if self._error is not None:
            raise self._error
        return Restored(picture + np.uint8(self._levels), picture, None, np.zeros(3, np.float32))

    def close(self) -> None:
        self.closed += 1


class GatheringSink:
    """Keeps what it is given, and asks to quit after so many frames."""

    def __init__(self, most: int = 10**9, depth: int = 100, name: str = "gather") -> None:
        self.name, self.depth = name, depth
        self.shown: list[RestoredFrame] = []
        self.finished = 0
        self._most = most

    def begin(self, statistics: Callable[[], LiveStatistics]) -> None:
        assert statistics().restored >= 0

    def write(self, shown: RestoredFrame) -> None:
        self.shown.append(shown)
        if len(self.shown) >= self._most:
            raise QuitRequested

    def idle(self) -> None:
        pass

    def finish(self) -> None:
        self.finished += 1

    @property
    def levels(self) -> list[int]:
        return [int(shown.restored.image[0, 0, 0]) for shown in self.shown]
