"""Owns the tiny clips of the video tests: made with PyAV alone, so that a mistake of ours cannot hide in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from video.files.sources.file import open_video
from video.frame import Frame

MS = Fraction(1, 1000)
STEADY = tuple(range(0, 20 * 512, 512))  # 25 frames a second in ticks of 1/12800 s
UNSTEADY = (0, 40, 90, 111, 180, 200, 260, 300, 370, 400, 401, 650, 690, 733, 800)  # ms


@dataclass(frozen=True)
class Clip:
    """What to make; the defaults are an ordinary H.264 clip with B-frames."""

    pts: Sequence[int] = STEADY
    time_base: Fraction = Fraction(1, 12800)
    size: tuple[int, int] = (96, 64)
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: {"preset": "superfast", "bf": "2", "qp": "12"})
    container_options: dict[str, str] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)  # colorspace, color_range, color_primaries, color_trc
    planes: NDArray[np.uint8] | None = None  # one still picture as stored, instead of the moving one
    audio: str | None = None
    audio_start: int = 0  # samples of 1/48000 s
    rotation: int | None = None
    sample_aspect_ratio: Fraction | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    stream_metadata: dict[str, str] = field(default_factory=dict)  # the video stream's
    second_video: bool = False
    interlaced: bool = False  # every second line is of the frame after; its marking is the codec's to write

    def make(self, path: Path) -> Path:
        with av.open(str(path), "w", container_options=self._container_options(path)) as container:
            container.metadata.update(self.metadata)
            rate = (len(self.pts) - 1) / ((max(self.pts) - min(self.pts)) * self.time_base)
            video = container.add_stream(self.codec, rate=rate, options=self.options)
            assert isinstance(video, VideoStream)
            self._set_up(video)
            video.metadata.update(self.stream_metadata)
            second = container.add_stream("mjpeg", rate=rate, options={"color_range": "pc"}) if self.second_video else None
            if second is not None:
                assert isinstance(second, VideoStream)
                second.width, second.height, second.pix_fmt = *self.size, "yuvj420p"
            sound = container.add_stream(self.audio, rate=48000) if self.audio else None
            if sound is not None:
                assert isinstance(sound, AudioStream)
                sound.layout = "mono"
                for sounds in tone(self.audio_start, float((max(self.pts) - min(self.pts)) * self.time_base)):
                    container.mux(sound.encode(sounds))
                container.mux(sound.encode(None))
            for index, pts in enumerate(self.pts):
                container.mux(video.encode(self._picture(index, pts)))
                if second is not None:
                    container.mux(second.encode(self._picture(index, pts)))
            container.mux(video.encode(None))
        return path

    def _container_options(self, path: Path) -> dict[str, str]:
        if path.suffix in (".mp4", ".mov"):
            ticks = str(self.time_base.denominator)
            return {"video_track_timescale": ticks, "movie_timescale": ticks, **self.container_options}
        return self.container_options

    def _set_up(self, video: VideoStream) -> None:
        context = video.codec_context
        context.width, context.height, context.pix_fmt = *self.size, self.pixel_format
        context.time_base = self.time_base
        video.time_base = self.time_base
        if self.sample_aspect_ratio is not None:
            context.sample_aspect_ratio = self.sample_aspect_ratio
        for name, code in self.tags.items():
            setattr(context, name, code)
        if self.rotation is not None:
            video.set_display_rotation(self.rotation)

    def _picture(self, index: int, pts: int) -> av.VideoFrame:
        if self.planes is None:
            picture = moving(index, *self.size)
            if self.interlaced:
                picture[1::2] = moving(index + 1, *self.size)[1::2]
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format=self.pixel_format)
        else:
            frame = av.VideoFrame.from_ndarray(self.planes, format=self.pixel_format)
        for name, code in self.tags.items():
            setattr(frame, name, code)
        frame.pts, frame.time_base = pts, self.time_base
        return frame


def moving(index: int, width: int, height: int) -> NDArray[np.uint8]:
    """A gradient that moves, with frame `index` told by its left edge: 8 grey levels brighter a frame, 25 frames long."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    picture = np.stack([(x * 2 + index * 5) % 256, (y * 3) % 256, (x + y + index * 3) % 256], axis=-1).astype(np.uint8)
    picture[:, :16] = 20 + 8 * (index % 25)
    return picture


def order_of(frames: Sequence[Frame]) -> list[int]:
    """Which frame of `moving` each one is, read back from its left edge."""
    return [round((float(frame.image[:, 2:12].mean()) - 20) / 8) for frame in frames]


def read(path: Path) -> list[Frame]:
    with open_video(path) as source:
        return list(source)


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """When each packet of the first stream of that kind is played, and its bytes."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in container.demux(stream) if packet.pts is not None]


def tone(start: int, seconds: float) -> list[av.AudioFrame]:
    """A hum from that sample on, in frames of AAC's size."""
    frames = []
    for index in range(int(seconds * 48000 / 1024) + 1):
        samples = 0.2 * np.sin(np.arange(index * 1024, (index + 1) * 1024) * 0.05)
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start + index * 1024, Fraction(1, 48000)
        frames.append(frame)
    return frames
