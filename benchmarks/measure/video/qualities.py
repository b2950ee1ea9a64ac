"""What each encoder makes of clean drawn frames at each quality: luma PSNR, bytes and CPU time. Does not restore."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.demo.clip import ClipOptions, RainyClip, clip_info
from benchmarks.demo.scene import RATE
from benchmarks.measure.video.steps import cpu_seconds
from benchmarks.record import say
from runtime.picture import Picture
from training.scoring.metrics import psnr
from video.color import PictureToFrame
from video.files.encoding import EncodeOptions
from video.files.sinks.file import VideoSink
from video.frame import Frame, VideoInfo

QUALITIES = (20, 40, 50, 60, 70, 80, 90, 100)
ENCODERS = ("h264", "h265", "av1", "prores")  # ffv1 beside them has no quality
FRAMES = 40
SECONDS = 4  # of the clip in segments


def qualities(clip: ClipOptions) -> list[dict[str, Any]]:
    """A row for each encoder and quality, of the street of this clip without its rain."""
    frames, rows = _dry(clip, FRAMES), []
    wanted = [EncodeOptions(encoder, quality) for encoder in ENCODERS for quality in QUALITIES] + [EncodeOptions("ffv1")]
    for options in wanted:
        rows.append(_measured(frames, clip_info(clip), options))
        say(json.dumps(rows[-1]))
    return rows


def segmented(clip: ClipOptions) -> list[dict[str, Any]]:
    """For each encoder what a frame costs with one encoder for all of them, and with one a second, as in a restored file."""
    frames, rows = _dry(clip, SECONDS * RATE), []
    for encoder in (*ENCODERS, "ffv1"):
        for every in (None, RATE):
            with _written(frames, clip_info(clip), EncodeOptions(encoder), every) as (target, spent):
                rows.append({"encoder": encoder, "every": every} | _costs(target, spent, len(frames)))
                say(json.dumps(rows[-1]))
    return rows


def _dry(clip: ClipOptions, count: int) -> list[Picture]:
    street = RainyClip(clip)
    return [street.truth(index) for index in range(count)]


def _measured(frames: list[Picture], info: VideoInfo, options: EncodeOptions) -> dict[str, Any]:
    with _written(frames, info, options) as (target, spent):
        to_frame = PictureToFrame(info.color, "yuv420p")
        with av.open(str(target)) as container:
            decoded = container.decode(video=0)
            scores = [psnr(_luma(came), _luma(to_frame(image))) for came, image in zip(decoded, frames, strict=True)]
        # Of the mean error of all frames: some are lossless, and infinite by themselves.
        error = float(np.mean(10 ** (-np.array(scores) / 10)))
        score = round(-10 * math.log10(error), 2) if error else None
        return {"encoder": options.encoder, "quality": options.quality, "psnr_db": score} | _costs(target, spent, len(frames))


@contextmanager
def _written(frames: list[Picture], info: VideoInfo, options: EncodeOptions, every: int | None = None) -> Iterator[tuple[Path, float]]:
    """The file, for as long as it is looked at, and the CPU-seconds of converting to YUV and writing; a segment has `every` frames."""
    step = int(1 / (info.time_base * (info.average_rate or RATE)))
    with tempfile.TemporaryDirectory(prefix="clearway-qualities-") as scratch:
        target = Path(scratch) / f"encoded{options.facts.containers[-1]}"

        def write() -> None:
            with VideoSink(target, info, options) as sink:
                for index, image in enumerate(frames):
                    begins = every is not None and index % every == 0
                    sink.write(Frame(index, index * step, info.time_base, image, step, begins=begins))

        spent = cpu_seconds(write)
        yield target, spent


def _costs(target: Path, spent: float, frames: int) -> dict[str, Any]:
    return {"bytes": target.stat().st_size // frames, "cpu_ms": round(spent / frames * 1e3, 2)}


def _luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(frame.reformat(format="yuv420p").to_ndarray()[: frame.height, :, None], np.uint8)
