"""The names of live sources on the command line. Does not know what is done with a source."""

from __future__ import annotations

import re
from pathlib import Path

from runtime.errors import UsageError
from video.live.sources.camera import CameraSource
from video.live.sources.pretend import FileAsLiveSource, PatternSource
from video.live.sources.program import screen, srt
from video.live.sources.source import LiveSource
from video.live.sources.stream import StreamSource

NAMES = (
    "rtsp://…, rtmp://…, srt://…, http://…, a camera's number or /dev/video0, a video file, `pattern`, `pattern:1280x720@25`, or `screen`"
)


def make_live_source(name: str) -> LiveSource:
    if name.lower().startswith("srt://"):
        return srt(name)
    if "://" in name:
        return StreamSource(name)
    if name.isdecimal():
        return CameraSource(int(name))
    if name.startswith("/dev/"):
        return CameraSource(name)
    if name == "screen":
        return screen()
    if name == "pattern":
        return PatternSource()
    if found := re.fullmatch(r"pattern:(\d{2,4})x(\d{2,4})@(\d{1,3})", name):
        width, height, rate = map(int, found.groups())
        if min(width, height) >= 16 and rate:
            return PatternSource(width, height, rate)
    if Path(name).is_file():
        return FileAsLiveSource(Path(name))
    raise UsageError(f"{name}: expected a live source ({NAMES}), found no file of that name; check it")
