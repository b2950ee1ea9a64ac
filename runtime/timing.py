"""Stage clocks and percentiles in constant memory. Does not know what is timed.

Durations are counted in bins that grow by 1 % each, so that a percentile is off by at most half a percent, and six days of
video take no more memory than one frame.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_GROWTH = 1.01
_SHORTEST = 1e-7  # seconds; everything below falls into the first bin
_PERCENTILES = (50, 95, 99)


class Durations:
    """Many durations, in seconds, as counts by size. One thread at a time; `StageTimes` sees to that."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self._bins: dict[int, int] = {}  # at most 2,100 for everything between 100 ns and two minutes

    def add(self, seconds: float) -> None:
        self.count += 1
        self.total += seconds
        index = int(math.log(max(seconds, _SHORTEST) / _SHORTEST) / math.log(_GROWTH))
        self._bins[index] = self._bins.get(index, 0) + 1

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else math.nan

    def percentile(self, percent: float) -> float:
        """The duration that so many percent do not exceed (nearest rank), to within 0.5 %. NaN where nothing was timed."""
        rank, seen = max(math.ceil(self.count * percent / 100), 1), 0
        for index in sorted(self._bins):
            seen += self._bins[index]
            if seen >= rank:
                return float(_SHORTEST * _GROWTH ** (index + 0.5))
        return math.nan

    def as_dict(self) -> dict[str, float]:
        """{count, mean_ms, p50_ms, p95_ms, p99_ms}"""
        percentiles = {f"p{percent}_ms": round(self.percentile(percent) * 1e3, 3) for percent in _PERCENTILES}
        return {"count": self.count, "mean_ms": round(self.mean * 1e3, 3)} | percentiles


class StageTimes:
    """One clock a stage. Any thread may time any stage, and read them all while others go on."""

    def __init__(self) -> None:
        self.durations: dict[str, Durations] = {}  # in the order in which the stages first ended
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what is inside, also where that raises."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        with self._lock:
            self.durations.setdefault(name, Durations()).add(seconds)

    def as_dict(self) -> dict[str, dict[str, float]]:
        """{stage: {count, mean_ms, p50_ms, p95_ms, p99_ms}}"""
        with self._lock:
            return {name: durations.as_dict() for name, durations in self.durations.items()}
