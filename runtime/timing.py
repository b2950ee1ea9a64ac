"""Owns stage clocks and percentiles in constant memory; knows nothing of what is timed.

A duration falls into one of the bins that grow by 1 % each, so a percentile is off by at most half of that and a run of six
days costs as much memory as one frame.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_GROWTH = 1.01
_SHORTEST = 1e-7  # seconds; everything below falls into the first bin


class Durations:
    """Many durations, in seconds, as counts by size."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self._bins: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        self.count += 1
        self.total += seconds
        bin_ = int(math.log(max(seconds, _SHORTEST) / _SHORTEST) / math.log(_GROWTH))
        self._bins[bin_] = self._bins.get(bin_, 0) + 1

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else math.nan

    def percentile(self, percent: float) -> float:
        """The middle of the bin in which that share of the durations is reached."""
        rank, seen = math.ceil(self.count * percent / 100), 0
        for bin_ in sorted(self._bins):
            seen += self._bins[bin_]
            if seen >= max(rank, 1):
                return float(_SHORTEST * _GROWTH ** (bin_ + 0.5))
        return math.nan


class StageTimes:
    """One clock a stage. Any thread may time any stage."""

    def __init__(self) -> None:
        self._durations: dict[str, Durations] = {}
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        with self._lock:
            self._durations.setdefault(name, Durations()).add(seconds)

    def as_dict(self) -> dict[str, dict[str, float]]:
        """{stage: {count, mean_ms, p50_ms, p95_ms, p99_ms}}, stages in the order in which they first ended."""
        with self._lock:
            return {
                name: {"count": durations.count, "mean_ms": round(durations.mean * 1e3, 3)}
                | {f"p{p}_ms": round(durations.percentile(p) * 1e3, 3) for p in (50, 95, 99)}
                for name, durations in self._durations.items()
            }
