"""Owns what each step of a frame's way from file to file costs alone, and encoding as a restored file is; knows nothing of pipelines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from benchmarks.demo.clip import ClipOptions, clip_info
from runtime.picture import Picture
from runtime.restorer import Restorer
from video.color import FrameToPicture, PictureToFrame, read_color
from video.files.encoding import EncodeOptions

_FRAMES = 50  # that each step gets: all are kept in memory


def alone_ms(clip: Path, restorer: Restorer, scratch: Path) -> dict[str, float]:
    """CPU-milliseconds a frame of each step, one after the other."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        decoded: list[av.VideoFrame] = []
        spent = {"decode": cpu_seconds(lambda: decoded.extend(islice(container.decode(stream), _FRAMES)))}
    color, _ = read_color(decoded[0])
    to_picture, to_frame = FrameToPicture(color), PictureToFrame(color, "yuv420p")
    pictures: list[Picture] = []
    spent["to BGR"] = cpu_seconds(lambda: pictures.extend(map(to_picture, decoded)))
    restored: list[Picture] = []
    spent["model"] = cpu_seconds(lambda: restored.extend(restorer(picture).image for picture in pictures))
    frames: list[av.VideoFrame] = []
    spent["to YUV"] = cpu_seconds(lambda: frames.extend(map(to_frame, restored)))
    for made, original in zip(frames, decoded, strict=True):
        made.pts, made.time_base = original.pts, original.time_base
    spent["encode"] = cpu_seconds(lambda: encode(scratch / "alone.mp4", frames))
    return {step: round(seconds / len(decoded) * 1e3, 3) for step, seconds in spent.items()}


def cpu_seconds(work: Callable[[], object]) -> float:
    """Of the whole process: the threads of decoders, encoders and engines count."""
    started = time.process_time()
    work()
    return time.process_time() - started


def encode(target: Path, frames: Iterable[av.VideoFrame]) -> int:
    """With the default encoder as a restored file has it."""
    count = 0
    with av.open(str(target), "w") as container:
        video: VideoStream | None = None
        for frame in frames:
            video = video or _add_video(container, frame)
            container.mux(video.encode(frame))
            count += 1
        assert video is not None, "the clip has frames"
        container.mux(video.encode(None))
    return count


def _add_video(container: OutputContainer, first: av.VideoFrame) -> VideoStream:
    options, info = EncodeOptions(), clip_info(ClipOptions())
    video = container.add_stream(options.facts.codec, rate=info.average_rate, options=options.settings())
    assert isinstance(video, VideoStream)
    context = video.codec_context
    context.width, context.height, context.pix_fmt, context.thread_count = first.width, first.height, first.format.name, 0
    context.gop_size, context.time_base = 2 * int(info.average_rate or 25), info.time_base
    return video
