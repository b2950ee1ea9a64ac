"""A live model and a live sink for tests: the model adds levels, the sink keeps what it is given."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from runtime.picture import Picture
from runtime.restorer import Restored
from tests.support.video.servers import ENDS_WITHIN
from video.live.sinks.sink import Quit, Shown
from video.live.statistics import LiveStatistics


class Fake:
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


class Gather:
    """Keeps what it is given, and asks to quit after so many frames."""

    def __init__(self, most: int = 10**9, depth: int = 100, name: str = "gather") -> None:
        self.name, self.depth = name, depth
        self.shown: list[Shown] = []
        self.finished = 0
        self._most = most

    def begin(self, statistics: Callable[[], LiveStatistics]) -> None:
        assert statistics().restored >= 0

    def write(self, shown: Shown) -> None:
        self.shown.append(shown)
        if len(self.shown) >= self._most:
            raise Quit

    def idle(self) -> None:
        pass

    def finish(self) -> None:
        self.finished += 1

    @property
    def levels(self) -> list[int]:
        return [int(shown.restored.image[0, 0, 0]) for shown in self.shown]
