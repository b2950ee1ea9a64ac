"""Sources for trying out: a file played as if it were live, and a test pattern. Does not know networks or cameras."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import numpy as np

from runtime.picture import Picture
from video.files.sources.file import open_video
from video.live.sources.source import CapturedPicture, make_info


class FileAsLiveSource:
    """A video file whose frames come when they are shown. A frame that is decoded too late has still arrived when it was due."""

    ends = True

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def frames(self, stopped: threading.Event) -> Generator[CapturedPicture, None, None]:
        with open_video(self._path) as video:
            started = time.monotonic()
            first: Fraction | None = None
            for frame in video:
                first = frame.time if first is None else first
                due = started + float(frame.time - first)
                if _asleep_until(due, stopped):
                    return
                yield CapturedPicture(frame.image, frame.time, due, time.monotonic(), video.info)


class PatternSource:
    """A gradient with a bar that walks through it once in two seconds: stalls and lost frames are seen at once."""

    ends = False

    def __init__(self, width: int = 640, height: int = 360, rate: int = 25) -> None:
        self.name = f"pattern:{width}x{height}@{rate}"
        self._rate = rate
        self._info = make_info(width, height, "none", Fraction(rate))

    def frames(self, stopped: threading.Event) -> Generator[CapturedPicture, None, None]:
        background = self._background()
        started, index = time.monotonic(), 0
        while True:
            time_shown = Fraction(index, self._rate)
            due = started + float(time_shown)
            if _asleep_until(due, stopped):
                return
            yield CapturedPicture(self._picture(background, index), time_shown, due, time.monotonic(), self._info)
            # As a camera does: what could not be drawn in time is never drawn.
            index = max(index + 1, int((time.monotonic() - started) * self._rate))

    def _background(self) -> Picture:
        x = np.linspace(40, 215, self._info.width)
        y = np.linspace(40, 215, self._info.height)[:, None]
        return np.stack(np.broadcast_arrays(x, y, (x + y) / 2), axis=-1).astype(np.uint8)

    def _picture(self, background: Picture, index: int) -> Picture:
        picture = background.copy()
        width = self._info.width
        left = index * width // (2 * self._rate) % width
        picture[:, left : left + max(2, width // 32)] = 255
        return picture


def _asleep_until(due: float, stopped: threading.Event) -> bool:
    """Whether the sleep was broken off."""
    return stopped.wait(max(0.0, due - time.monotonic()))
