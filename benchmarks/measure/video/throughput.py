"""How fast whole videos are restored, and what limits that. Does not know how engines work.

The bound is what no scheduling can beat: the cores of the machine divided by the CPU-seconds that one frame costs in each of its
steps, measured alone on the same frames. An engine's threads that wait busily count as work there, so a pipeline that keeps
them busy can pass the bound by a little.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure.video.steps import alone_ms
from runtime.restorer import Restorer
from video.files.encoding import EncodeOptions
from video.files.sources.file import open_video
from video.restore.job import RestoreJob
from video.restore.video import restore_video


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
