"""What a live sink is, and what it gets. Does not know windows, files or pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runtime.restorer import Restored
from video.frame import Frame, VideoInfo
from video.live.statistics import FrameStamps, LiveStatistics


@dataclass(frozen=True)
class RestoredFrame:
    """A frame on its way to a sink. Several sinks hold the same arrays: none may write to them."""

    frame: Frame  # as it came
    restored: Restored
    info: VideoInfo  # of the restored picture
    stamps: FrameStamps


class QuitRequested(Exception):
    """Raised by a sink: somebody wants the whole run to end, as at the end of its source."""


class LiveSink(Protocol):
    """All calls come from one thread of the sink's own, but for `name` and `depth`."""

    @property
    def name(self) -> str: ...

    @property
    def depth(self) -> int:
        """How many frames may wait for it. 1 shows the newest; more keeps frames through a short pause."""

    def begin(self, statistics: Callable[[], LiveStatistics]) -> None: ...

    def write(self, shown: RestoredFrame) -> None: ...

    def idle(self) -> None:
        """Called again and again while no frame comes, some 20 times a second."""

    def finish(self) -> None:
        """Called once, whatever went before, but for a begin() that failed."""


class NullSink:
    """Goes nowhere: for trying out and for measuring."""

    name = "null"
    depth = 1

    def begin(self, statistics: Callable[[], LiveStatistics]) -> None:
        pass

    def write(self, shown: RestoredFrame) -> None:
        pass

    def idle(self) -> None:
        pass

    def finish(self) -> None:
        pass
