"""Owns how long one frame takes in the model alone, on every engine of this machine; knows nothing of video.

Every contender gets the same frame and the same weights, is warmed up, and runs alone: the one before is closed first. The time is
from bytes in host memory to bytes in host memory.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.demo.scene import Street
from benchmarks.demo.weather import Weather
from runtime.backends.choose import PREFERENCE, open_backend
from runtime.backends.protocol import Backend
from runtime.errors import BackendError, MissingExtra
from runtime.model.bundle import WEIGHTS, Bundle
from runtime.picture import Picture
from runtime.timing import Durations

_WARM_UP = 3  # frames: compilation, memory, caches
_FEWEST = 5  # frames, however slow
Run = Callable[[Picture], object]


@dataclass(frozen=True)
class Latency:
    """One contender. Figures are None where it cannot run here, and `note` says why."""

    contender: str
    precision: str
    note: str
    frames: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    fps: float | None = None  # 1 / mean


def measure_latency(bundle: Bundle, height: int, width: int, seconds: float) -> Iterator[Latency]:
    """One line a contender, each as soon as it is measured; `seconds` for each."""
    frame = rainy_frame(height, width)
    for name in PREFERENCE:
        try:
            backend = open_backend(bundle, name).backend
        except (MissingExtra, BackendError) as error:
            yield Latency(name, "", str(error))
            continue
        with contextlib.closing(backend):
            yield measure(name, backend.facts.precision, backend.facts.detail, _of_one(backend), frame, seconds)
    for contender in (_bare_onnxruntime, _pytorch_fp32, _pytorch_bf16):
        yield contender(bundle, frame, seconds)


def measure_backend(bundle: Bundle, name: str, height: int, width: int, seconds: float) -> Latency:
    """One backend alone, by name or "auto"."""
    with contextlib.closing(open_backend(bundle, name).backend) as backend:
        facts = backend.facts
        return measure(facts.name, facts.precision, facts.detail, _of_one(backend), rainy_frame(height, width), seconds)


def _of_one(backend: Backend) -> Run:
    return lambda picture: backend.run(picture[None])


def rainy_frame(height: int, width: int, index: int = 40) -> Picture:
    return Weather(1, height, width)(Street(1, height, width).frame(index), index)


def measure(contender: str, precision: str, note: str, run: Run, frame: Picture, seconds: float) -> Latency:
    for _ in range(_WARM_UP):
        run(frame)
    durations, ends = Durations(), time.perf_counter() + seconds
    while durations.count < _FEWEST or time.perf_counter() < ends:
        started = time.perf_counter()
        run(frame)
        durations.add(time.perf_counter() - started)
    p50, p95, p99 = (round(durations.percentile(percent) * 1e3, 2) for percent in (50, 95, 99))
    return Latency(contender, precision, note, durations.count, p50, p95, p99, round(1 / durations.mean, 2))


def _bare_onnxruntime(bundle: Bundle, frame: Picture, seconds: float) -> Latency:
    """The engine as its own documentation starts it, without Clearway's settings."""
    name = "onnxruntime, its defaults"
    try:
        import onnxruntime
    except ModuleNotFoundError:
        return Latency(name, "fp32", "onnxruntime is not installed")
    session = onnxruntime.InferenceSession(str(bundle.onnx_path), providers=["CPUExecutionProvider"])
    return measure(name, "fp32", onnxruntime.__version__, lambda picture: session.run(None, {"frame": picture[None]}), frame, seconds)


def _pytorch_fp32(bundle: Bundle, frame: Picture, seconds: float) -> Latency:
    return _pytorch("pytorch eager", "fp32", bundle, frame, seconds)


def _pytorch_bf16(bundle: Bundle, frame: Picture, seconds: float) -> Latency:
    return _pytorch("pytorch eager, channels-last, autocast", "bf16", bundle, frame, seconds)


def _pytorch(name: str, precision: str, bundle: Bundle, frame: Picture, seconds: float) -> Latency:
    try:
        import torch

        from training.checkpoint import load_checkpoint
        from training.scoring.evaluate import checkpoint_restore
    except ModuleNotFoundError as error:
        return Latency(name, precision, f"{error.name} is not installed")
    if not (bundle.folder / WEIGHTS).is_file():
        return Latency(name, precision, f"the bundle has no {WEIGHTS}")
    restore = checkpoint_restore(load_checkpoint(bundle.folder / WEIGHTS), bf16=precision == "bf16")
    return measure(name, precision, f"torch {torch.__version__}, {torch.get_num_threads()} threads", restore, frame, seconds)
