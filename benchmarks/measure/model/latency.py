"""How long one frame takes in the model alone, on every engine of this machine. Does not know video.

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
from benchmarks.peers.defaults import default_peers
from runtime.backends.choose import PREFERENCE, open_backend
from runtime.backends.protocol import Backend
from runtime.errors import BackendError, MissingExtra
from runtime.model.bundle import Bundle
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
            yield time_runs(name, backend.facts.precision, backend.facts.detail, _of_one(backend), frame, seconds)
    for peer in default_peers(bundle):
        yield (
            Latency(peer.name, peer.precision, peer.note)
            if peer.run is None
            else time_runs(peer.name, peer.precision, peer.note, peer.run, frame, seconds)
        )


def measure_backend(bundle: Bundle, name: str, height: int, width: int, seconds: float) -> Latency:
    """One backend alone, by name or "auto"."""
    with contextlib.closing(open_backend(bundle, name).backend) as backend:
        facts = backend.facts
        return time_runs(facts.name, facts.precision, facts.detail, _of_one(backend), rainy_frame(height, width), seconds)


def _of_one(backend: Backend) -> Run:
    return lambda picture: backend.run(picture[None])


def rainy_frame(height: int, width: int, index: int = 40) -> Picture:
    return Weather(1, height, width)(Street(1, height, width).frame(index), index)


def time_runs(contender: str, precision: str, note: str, run: Run, frame: Picture, seconds: float) -> Latency:
    for _ in range(_WARM_UP):
        run(frame)
    durations, ends = Durations(), time.perf_counter() + seconds
    while durations.count < _FEWEST or time.perf_counter() < ends:
        started = time.perf_counter()
        run(frame)
        durations.add(time.perf_counter() - started)
    p50, p95, p99 = (round(durations.percentile(percent) * 1e3, 2) for percent in (50, 95, 99))
    return Latency(contender, precision, note, durations.count, p50, p95, p99, round(1 / durations.mean, 2))
