"""The loops from file to file that one writes without Clearway, and their speed. Does not know pipelines."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from benchmarks.demo.clip import ClipOptions, clip_info
from runtime.model.bundle import WEIGHTS
from video.color import FrameToPicture, PictureToFrame, read_color
from video.files.encoding import EncodeOptions

_FRAMES = 12  # of the obvious loop, which may be slow


@dataclass(frozen=True)
class ObviousLoop:
    """cv2.VideoCapture → PyTorch eager FP32 → cv2.VideoWriter (mp4v), the same weights."""

    note: str
    frames: int = 0
    fps: float | None = None


def run_obvious_loop(clip: Path, bundle: Path, scratch: Path) -> ObviousLoop:
    try:
        import cv2
        import torch

        from training.checkpoint import load_checkpoint
        from training.scoring.evaluate import checkpoint_restore
    except ModuleNotFoundError as error:
        return ObviousLoop(f"not measured: {error.name} is not installed")
    if not (bundle / WEIGHTS).is_file():
        return ObviousLoop(f"not measured: the bundle has no {WEIGHTS}")
    restore = checkpoint_restore(load_checkpoint(bundle / WEIGHTS))
    capture = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG)
    size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(scratch / "obvious.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), capture.get(cv2.CAP_PROP_FPS), size)
    done, started = -1, time.perf_counter()  # the first frame warms up and is not counted
    while done < _FRAMES:
        more, picture = capture.read()
        if not more:
            break
        writer.write(restore(np.asarray(picture, np.uint8)))
        done += 1
        if done == 0:
            started = time.perf_counter()
    seconds = time.perf_counter() - started
    capture.release()
    writer.release()
    if done < 1:
        return ObviousLoop("not measured: the clip has fewer than two frames")
    return ObviousLoop(f"torch {torch.__version__}", done, round(done / seconds, 2))


def bare_loop(clip: Path, target: Path) -> float:
    """Frames a second of decoding, converting, converting back and encoding with PyAV; the conversions and the encoder are Clearway's."""
    started = time.perf_counter()
    with av.open(str(clip)) as source:
        stream = source.streams.video[0]
        stream.thread_type = "AUTO"
        count = encode(target, _there_and_back(source.decode(stream)))
    return count / (time.perf_counter() - started)


def _there_and_back(decoded: Iterable[av.VideoFrame]) -> Iterable[av.VideoFrame]:
    convert = None
    for frame in decoded:
        if convert is None:
            color, _ = read_color(frame)
            convert = FrameToPicture(color), PictureToFrame(color, "yuv420p")
        to_picture, to_frame = convert
        made = to_frame(to_picture(frame))
        made.pts, made.time_base = frame.pts, frame.time_base
        yield made


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
