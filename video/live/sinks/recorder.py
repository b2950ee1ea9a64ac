"""Records a live run as files of a few minutes each, named by the time of day. Does not know how a file is written.

A new file begins where the picture's size, its colours, the model or the strength change; a file ends where the source is away. No file is
ever overwritten.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from runtime.errors import UsageError
from video.files.encoding import EncodeOptions
from video.files.sinks.file import VideoSink
from video.files.target import make_folder
from video.frame import Frame, VideoInfo
from video.live.sinks.sink import RestoredFrame
from video.live.statistics import LiveStatistics

_AWAY_S = 10.0  # without a frame: the file is finished, so that it can be looked at


class Recorder:
    name = "recorder"
    depth = 8  # a disk's pause of a third of a second at 25 frames a second loses nothing

    def __init__(
        self,
        folder: Path,
        minutes: Fraction = Fraction(10),
        options: EncodeOptions | None = None,
        *,
        comment: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`comment` is what a file says of how its pictures came to be; where that changes, another file is begun."""
        if minutes <= 0:
            raise UsageError(f"--segment: expected more than 0 minutes, got {float(minutes):g}; use --segment 10")
        make_folder(folder)
        self.files: list[Path] = []  # finished, in order
        self._folder = folder
        self._seconds = minutes * 60
        self._options = options
        self._comment = comment
        self._said: str | None = None  # in this file
        self._sink: VideoSink | None = None
        self._first = self._last = 0  # ticks of this file's frames
        self._written = 0.0

    def begin(self, statistics: Callable[[], LiveStatistics]) -> None:
        pass

    def write(self, shown: RestoredFrame) -> None:
        said = self._comment()
        if self._sink is not None and (self._is_full(shown.frame) or said != self._said or _kind(self._sink.info) != _kind(shown.info)):
            self._close()
        if self._sink is None:
            self._sink = VideoSink(self._path(), shown.info, self._options, comment=said)
            self._said, self._first, self._last = said, shown.frame.pts, shown.frame.pts
        pts = shown.frame.pts
        # How long it will be shown is not known yet: as long as the one before.
        frame = dataclasses.replace(shown.frame, image=shown.restored.image, pts=pts - self._first, duration=pts - self._last)
        self._last, self._written = pts, time.monotonic()
        self._sink.write(frame)

    def idle(self) -> None:
        if time.monotonic() - self._written > _AWAY_S:
            self._close()

    def finish(self) -> None:
        self._close()

    def _is_full(self, frame: Frame) -> bool:
        return (frame.pts - self._first) * frame.time_base >= self._seconds

    def _close(self) -> None:
        if self._sink is not None:
            sink, self._sink = self._sink, None
            sink.finish()
            self.files.append(sink.path)

    def _path(self) -> Path:
        """With the offset from UTC: where clocks are put back, an hour comes twice."""
        stem = f"{datetime.now().astimezone():%Y-%m-%d_%H-%M-%S%z}"
        path, count = self._folder / f"{stem}.mp4", 1
        while path.exists():
            count += 1
            path = self._folder / f"{stem}_{count}.mp4"
        return path


def _kind(info: VideoInfo) -> tuple[object, ...]:
    """What cannot change within a file."""
    return info.width, info.height, info.color, info.pixel_format, info.sample_aspect_ratio
