"""The rainy clip: a street and its weather as an H.264 file, and the clean truth of each of its frames. Does not restore."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

from benchmarks.demo.scene import RATE, Street
from benchmarks.demo.weather import Weather
from runtime.picture import Picture
from runtime.timing import StageTimes
from video.color import ColorTags, Matrix, Primaries, Range, Transfer
from video.files.encoding import EncodeOptions
from video.files.sinks.file import VideoSink
from video.frame import Frame, VideoInfo
from video.pipeline import run_pipeline

_TICK = Fraction(1, 12800)
_COLOR = ColorTags(Matrix.BT709, Range.LIMITED, Primaries.BT709, Transfer.BT709)
# About 8 Mbit/s at 720p with this much rain: what a good dashcam writes.
AS_RECORDED = EncodeOptions(quality=52, preset="veryfast")


@dataclasses.dataclass(frozen=True)
class ClipOptions:
    frames: int = 8 * RATE
    height: int = 720
    width: int = 1280
    seed: int = 11
    standing: bool = False  # the camera
    rain: bool = True


class RainyClip:
    """Takes some seconds to set up; then `write` draws it, and `truth` draws any clean frame again."""

    def __init__(self, options: ClipOptions) -> None:
        self.options = options
        self._street = Street(options.seed, options.height, options.width, standing=options.standing)
        self._weather = Weather(options.seed, options.height, options.width)

    def truth(self, index: int) -> Picture:
        return self._street.frame(index)

    def close_ups(self, index: int) -> list[tuple[int, int, int, int]]:
        return self._street.close_ups(index)

    def write(self, path: Path, progress: Callable[[int], None] | None = None) -> None:
        """Drawing, weather and encoding run on a thread each."""
        with VideoSink(path, clip_info(self.options), AS_RECORDED, overwrite=True) as sink:
            run_pipeline(self._dry(), self._in_rain, sink.write, times=StageTimes(), progress=progress)

    def _dry(self) -> Iterator[Frame]:
        step = int(1 / (RATE * _TICK))
        for index in range(self.options.frames):
            yield Frame(index, index * step, _TICK, self.truth(index), step)

    def _in_rain(self, frame: Frame) -> Frame:
        return dataclasses.replace(frame, image=self._weather(frame.image, frame.index)) if self.options.rain else frame


def clip_info(options: ClipOptions) -> VideoInfo:
    return VideoInfo(
        width=options.width,
        height=options.height,
        time_base=_TICK,
        average_rate=Fraction(RATE),
        frames=options.frames,
        duration=Fraction(options.frames, RATE),
        color=_COLOR,
        color_assumed=(),
        codec="h264",
        pixel_format="yuv420p",
        bit_depth=8,
        container="mp4",
    )


def write_clip(path: Path, seconds: float, height: int, width: int) -> None:
    """A clip for measuring speed: the same street and the same rain every time."""
    RainyClip(ClipOptions(round(seconds * RATE), height, width)).write(path)
