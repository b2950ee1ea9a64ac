"""What each step of a frame's way from file to file costs alone. Does not know pipelines."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import av

from benchmarks.peers.loops import encode
from runtime.picture import Picture
from runtime.restorer import Restorer
from video.color import FrameToPicture, PictureToFrame, read_color

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
