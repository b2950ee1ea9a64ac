"""The page's end of a live run: the newest frame, its views for the viewers, recent numbers. Does not know HTTP."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from runtime.timing import Durations
from video.live.sinks.sink import RestoredFrame
from video.live.statistics import LiveStatistics
from video.page.encoders import H264Encoder, JpegEncoder
from video.page.viewers import ViewChannel
from video.page.views import VIEWS, View

_JPEGS = 1
_H264_FRAMES = 8  # each is needed to show the next: a third of a second for the event loop to come to it


class PageSink:
    name = "page"
    depth = 1

    def __init__(self, views: Mapping[str, View] = VIEWS) -> None:
        self.newest: RestoredFrame | None = None
        self.views = views
        self.jpeg = {name: ViewChannel(view, JpegEncoder, _JPEGS) for name, view in views.items()}
        self.h264 = {name: ViewChannel(view, H264Encoder, _H264_FRAMES) for name, view in views.items()}
        self._statistics: Callable[[], LiveStatistics] | None = None
        self._ages: deque[tuple[float, float]] = deque(maxlen=200)  # when a frame was restored, and how long after it had come

    def begin(self, statistics: Callable[[], LiveStatistics]) -> None:
        self._statistics = statistics

    def write(self, shown: RestoredFrame) -> None:
        self.newest = shown
        self._ages.append((shown.stamps.restored, shown.stamps.restored - shown.stamps.arrived))
        for channel in (*self.jpeg.values(), *self.h264.values()):
            channel.write(shown.restored, shown.frame.pts)

    def idle(self) -> None:
        pass

    def finish(self) -> None:
        pass

    def numbers(self, since: float) -> dict[str, Any] | None:
        """Those of the run, and `latency` of the frames that were restored after `since`, a time.monotonic(). None before it has begun."""
        if self._statistics is None:
            return None
        recent = Durations()
        for restored, age in tuple(self._ages):
            if restored >= since:
                recent.add(age)
        return self._statistics().as_dict() | {"latency": recent.as_dict() if recent.count else None}
