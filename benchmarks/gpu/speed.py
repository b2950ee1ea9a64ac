"""How fast a contender runs a model, one run after the other and side by side, and how much GPU memory it holds."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.gpu.contenders import Contender
from benchmarks.machine import ask_driver
from benchmarks.measure.model.latency import time_runs
from runtime.picture import Picture, Tensors
from training.data.drawn import drawn_scene

_DRAWN = (180, 320)  # height, width


@dataclass(frozen=True)
class Speed:
    model: str
    contender: str
    precision: str
    size: str
    batch: int
    p50_ms: float | None  # of one run, bytes to bytes
    p99_ms: float | None
    alone_per_s: float  # pictures, one run after the other
    side_by_side_per_s: float  # pictures, with as many runs under way as the contender gains from
    memory_mib: int | None  # more than before it was opened; None without a GPU
    arithmetic_share: float | None = None  # of the roof
    bytes_share: float | None = None


def measure_speed(
    model: str, runner: Contender, depth: int, size: tuple[int, int], batch: int, seconds: float, before: int | None
) -> Speed:
    """`before`: how much memory the GPU held before the runner was opened."""
    height, width = size
    frames = np.stack([tiled_frame(height, width)] * batch)
    facts = runner.facts
    latency = time_runs(facts.name, facts.precision, "", runner.run, frames, seconds)
    buffers = [_restorer_outputs(runner.run(frames)) for _ in range(depth)]
    rate = side_by_side([lambda into=into: runner.run(frames, into) for into in buffers], seconds)  # type: ignore[misc]
    held = gpu_memory_mib()
    memory = None if held is None or before is None else held - before
    alone = round(batch * (latency.fps or 0), 2)
    name = f"{width}×{height}"
    return Speed(model, facts.name, facts.precision, name, batch, latency.p50_ms, latency.p99_ms, alone, round(batch * rate, 2), memory)


@functools.cache
def tiled_frame(height: int, width: int) -> Picture:
    """One small drawn picture over and over: what is on a frame does not change what it takes."""
    drawn = drawn_scene(np.random.default_rng(0), *_DRAWN)
    rows, columns = -(-height // _DRAWN[0]), -(-width // _DRAWN[1])
    return np.ascontiguousarray(np.tile(drawn, (rows, columns, 1))[:height, :width])


def _restorer_outputs(came: Tensors) -> Tensors:
    """What a restorer asks for: no interference."""
    return {name: array for name, array in came.items() if name != "interference"}


def side_by_side(runs: list[Callable[[], object]], seconds: float) -> float:
    """Runs a second, of threads that each repeat one of these. The first is this thread, to which torch.compile's CUDA graphs belong."""
    done, errors, ends = [0] * len(runs), list[Exception](), time.perf_counter() + seconds

    def work(number: int) -> None:
        try:
            while time.perf_counter() < ends or not done[number]:
                runs[number]()
                done[number] += 1
        except Exception as error:  # noqa: BLE001  # handed on below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, len(runs))]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    work(0)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sum(done) / (time.perf_counter() - started)


def gpu_memory_mib() -> int | None:
    rows = ask_driver("memory.used")
    return int(rows[0][0]) if rows else None
