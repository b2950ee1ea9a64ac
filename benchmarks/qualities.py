"""Owns what each encoder makes of clean drawn frames at each quality: luma PSNR, bytes and CPU time; knows nothing of restoring."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.clip import ClipOptions, RainyClip, clip_info
from benchmarks.record import say
from benchmarks.throughput import cpu_seconds
from runtime.backend import Picture
from training.metrics import psnr
from video.color import PictureToFrame
from video.encoding import EncodeOptions
from video.frame import Frame, VideoInfo
from video.sinks.file import VideoSink

QUALITIES = (20, 40, 50, 60, 70, 80, 90, 100)
ENCODERS = ("h264", "h265", "av1", "prores")  # ffv1 beside them has no quality
FRAMES = 40


def qualities(clip: ClipOptions) -> list[dict[str, Any]]:
    """A row for each encoder and quality, of the street of this clip without its rain."""
    dry = dataclasses.replace(clip, frames=FRAMES, rain=False)
    street = RainyClip(dry)
    frames = [street.truth(index) for index in range(dry.frames)]
    wanted = [EncodeOptions(encoder, quality) for encoder in ENCODERS for quality in QUALITIES] + [EncodeOptions("ffv1")]
    rows = []
    for options in wanted:
        rows.append(_measured(frames, clip_info(dry), options))
        say(json.dumps(rows[-1]))
    return rows


def _measured(frames: list[Picture], info: VideoInfo, options: EncodeOptions) -> dict[str, Any]:
    """CPU time is that of converting to YUV and writing too."""
    step = int(1 / (info.time_base * (info.average_rate or 25)))
    with tempfile.TemporaryDirectory(prefix="clearway-qualities-") as scratch:
        target = Path(scratch) / f"encoded{options.facts.containers[-1]}"

        def write() -> None:
            with VideoSink(target, info, options) as sink:
                for index, image in enumerate(frames):
                    sink.write(Frame(index, index * step, info.time_base, image, step))

        spent = cpu_seconds(write)
        to_frame = PictureToFrame(info.color, "yuv420p")
        with av.open(str(target)) as container:
            decoded = container.decode(video=0)
            scores = [psnr(_luma(came), _luma(to_frame(image))) for came, image in zip(decoded, frames, strict=True)]
        # Of the mean error of all frames: some are lossless, and infinite by themselves.
        error = float(np.mean(10 ** (-np.array(scores) / 10)))
        return {
            "encoder": options.encoder,
            "quality": options.quality,
            "psnr_db": round(-10 * math.log10(error), 2) if error else None,
            "bytes": target.stat().st_size // len(frames),
            "cpu_ms": round(spent / len(frames) * 1e3, 2),
        }


def _luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(frame.reformat(format="yuv420p").to_ndarray()[: frame.height, :, None], np.uint8)
