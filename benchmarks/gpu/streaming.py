"""How busy a GPU is while a video goes through a restorer, and what a frame costs the host. Does not read files."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

from benchmarks.gpu.speed import tiled_frame
from runtime.restorer import Restorer

_WARM_UP = 8  # frames: both lanes prepare, capture and launch


@dataclass(frozen=True)
class StreamSpeed:
    model: str
    contender: str
    size: str
    frames_per_s: float
    computing: float  # the share of the time in which the GPU computed, by its own clock
    host_ms: float  # of CPU time for a frame, all threads of the process together


def measure_stream(model: str, restorer: Restorer, size: tuple[int, int], seconds: float) -> StreamSpeed:
    """The engine must have clocks on the GPU."""
    height, width = size
    frame = tiled_frame(height, width)
    for _ in restorer.stream([frame] * _WARM_UP):
        pass
    computed, started, busy, count = _computed_s(restorer), time.perf_counter(), time.process_time(), 0
    ends = started + seconds
    for _ in restorer.stream(itertools.takewhile(lambda _: time.perf_counter() < ends, itertools.repeat(frame))):
        count += 1
    took, busy, computed = time.perf_counter() - started, time.process_time() - busy, _computed_s(restorer) - computed
    name = f"{width}×{height}"
    host = 1e3 * busy / count
    return StreamSpeed(model, restorer.facts.name, name, round(count / took, 2), round(computed / took, 4), round(host, 3))


def _computed_s(restorer: Restorer) -> float:
    stage = restorer.statistics()["stages"]["compute"]
    return float(stage["count"] * stage["mean_ms"] / 1e3)
