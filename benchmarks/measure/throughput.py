"""Owns how fast whole videos are restored, what limits that, and the obvious loop beside it; knows nothing of engines' insides.

The bound is what no scheduling can beat: the cores of the machine divided by the CPU-seconds that one frame costs in each of its
steps, measured alone on the same frames. An engine's threads that wait busily count as work there, so a pipeline that keeps
them busy can pass the bound by a little.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.footage.steps import alone_ms
from runtime.model.bundle import WEIGHTS
from runtime.restorer import Restorer
from video.files.encoding import EncodeOptions
from video.files.sources.file import open_video
from video.restore.job import RestoreJob
from video.restore.video import restore_video

_OBVIOUS_FRAMES = 12


@dataclass(frozen=True)
class Throughput:
    clip: str
    frames: int
    encoder: str
    fps: float  # file to file
    cpu_ms: dict[str, float]  # CPU-milliseconds a frame of each stage, measured alone
    cores: int
    bound_fps: float
    share_of_bound: float
    stages: dict[str, dict[str, float]]  # wall-clock in the pipeline, where the stages share the cores


@dataclass(frozen=True)
class ObviousLoop:
    """cv2.VideoCapture → PyTorch eager FP32 → cv2.VideoWriter (mp4v), the same weights."""

    note: str
    frames: int = 0
    fps: float | None = None


def measure_throughput(clip: Path, restorer: Restorer, scratch: Path) -> Throughput:
    options = EncodeOptions()
    with open_video(clip) as video:
        restorer(next(iter(video)).image)  # compiled and warm before the clock runs
    report = restore_video(RestoreJob(clip, scratch / "restored.mp4", options, overwrite=True), restorer)
    cpu_ms = alone_ms(clip, restorer, scratch)
    cores = len(os.sched_getaffinity(0))
    bound = cores / sum(cpu_ms.values()) * 1e3
    return Throughput(
        clip=f"{report.width}×{report.height}, {report.frames} frames",
        frames=report.frames,
        encoder=options.describe(),
        fps=round(report.fps, 2),
        cpu_ms=cpu_ms,
        cores=cores,
        bound_fps=round(bound, 2),
        share_of_bound=round(report.fps / bound, 3),
        stages=report.stages,
    )


def measure_obvious_loop(clip: Path, bundle: Path, scratch: Path) -> ObviousLoop:
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
    while done < _OBVIOUS_FRAMES:
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
