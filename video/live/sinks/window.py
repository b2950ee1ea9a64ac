"""A window with the live picture, and its keys. Does not know where the picture comes from.

w        restored, both with a wipe, or as it came          a, d     move the wipe's line
space    hold the picture, and go on                        s        save what is seen as a PNG
i        show or hide the numbers                           q, Esc   quit
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from pathlib import Path

from runtime.errors import SinkError, needs_extra
from runtime.files.pictures import write_picture
from runtime.picture import Picture
from video.live.preview import wipe
from video.live.sinks.sink import QuitRequested, RestoredFrame
from video.live.statistics import LiveStatistics

with needs_extra("live"):
    import cv2

_ESCAPE = 27
_STEP = 0.05  # of the width
_TITLE = "Clearway"


class WindowView(Enum):
    RESTORED = "restored"
    WIPE = "wipe"
    SOURCE = "source"


_AFTER = {WindowView.RESTORED: WindowView.WIPE, WindowView.WIPE: WindowView.SOURCE, WindowView.SOURCE: WindowView.RESTORED}


class WindowSink:
    name = "window"
    depth = 1

    def __init__(self, snapshots: Path) -> None:
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            # OpenCV's Qt would end the whole process.
            raise SinkError("window: expected a display, DISPLAY is not set; leave --window out, or record with --record DIR")
        self._snapshots = snapshots
        self._view, self._at = WindowView.RESTORED, 0.5
        self._held = self._numbers = False
        self._seen: RestoredFrame | None = None
        self._statistics: Callable[[], LiveStatistics] | None = None

    def begin(self, statistics: Callable[[], LiveStatistics]) -> None:
        self._statistics = statistics
        try:
            cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise SinkError(
                "window: expected an OpenCV that can open windows, got one without; pip install opencv-python, not -headless"
            ) from error

    def write(self, shown: RestoredFrame) -> None:
        if not self._held:
            first, self._seen = self._seen is None, shown
            if first:
                cv2.resizeWindow(_TITLE, shown.info.width, shown.info.height)
            cv2.imshow(_TITLE, self._picture(shown))
        self._listen()

    def idle(self) -> None:
        self._listen()

    def finish(self) -> None:
        cv2.destroyAllWindows()

    def _listen(self) -> None:
        key = cv2.waitKey(1)
        if self._seen is not None and cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1:
            raise QuitRequested  # closed with the mouse
        if key < 0:
            return
        self._press(chr(key & 0xFF))
        if self._seen is not None:
            cv2.imshow(_TITLE, self._picture(self._seen))

    def _press(self, key: str) -> None:
        if key in ("q", chr(_ESCAPE)):
            raise QuitRequested
        if key == "w":
            self._view = _AFTER[self._view]
        elif key in "ad":
            self._at = min(max(self._at + (_STEP if key == "d" else -_STEP), 0.0), 1.0)
        elif key == " ":
            self._held = not self._held
        elif key == "i":
            self._numbers = not self._numbers
        elif key == "s" and self._seen is not None:
            self._save(self._picture(self._seen))

    def _save(self, picture: Picture) -> None:
        stem = f"clearway_{datetime.now().astimezone():%Y-%m-%d_%H-%M-%S-%f%z}"
        write_picture(self._snapshots / f"{stem}.png", picture)

    def _picture(self, shown: RestoredFrame) -> Picture:
        after = shown.restored.image
        picture = after
        if self._view is not WindowView.RESTORED:
            before = shown.restored.before
            picture = before if self._view is WindowView.SOURCE else wipe(before, after, self._at)
        if not self._numbers or self._statistics is None:
            return picture
        return _written_on(picture, _lines(self._statistics(), time.monotonic() - shown.stamps.arrived))


def _lines(numbers: LiveStatistics, age: float) -> list[str]:
    def rate(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f}"

    return [
        f"{numbers.source}: {numbers.state}",
        f"{rate(numbers.source_fps)} fps in, {rate(numbers.restored_fps)} restored",
        f"{age * 1e3:.0f} ms old",
        f"{sum(numbers.dropped.values())} dropped, {numbers.losses} times lost",
    ]


def _written_on(picture: Picture, lines: list[str]) -> Picture:
    drawn = picture.copy()
    scale = max(picture.shape[1] / 1280, 0.5)  # smaller cannot be read
    for index, line in enumerate(lines, start=1):
        at = (round(16 * scale), round(30 * scale * index))
        for color, thick in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(drawn, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * scale, color, max(1, round(thick * scale)), cv2.LINE_AA)
    return drawn
