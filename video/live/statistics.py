"""The numbers of a live run, counted by several threads. Does not know how frames move."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from runtime.timing import StageTimes


@dataclass(frozen=True)
class LiveStatistics:
    source: str
    state: str  # of the source: video/live/watch.py
    seconds: float
    captured: int  # whole frames that came
    restored: int
    source_fps: float | None  # of the last frames
    restored_fps: float | None  # of the last frames
    dropped: dict[str, int]  # why → frames
    retimed: int  # frames whose own time was missing or jumped
    connections: int
    losses: int
    failed_attempts: int
    recovery_s: tuple[float, ...]  # how long the last hundred losses lasted
    trouble: str | None  # what happened last
    # "decode", "wait", "restore": what each stage took; "to restored", "to window", …: since the packet was there
    stages: dict[str, dict[str, float]]

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class FrameStamps:
    """When a frame was where: seconds of time.monotonic()."""

    arrived: float  # its packet was there
    decoded: float
    taken: float  # by the restorer
    restored: float


class RateMeter:
    """Frames a second, over the last ones. One thread writes; others may read."""

    def __init__(self) -> None:
        self._stamps: deque[float] = deque(maxlen=50)

    def add(self, now: float) -> None:
        self._stamps.append(now)

    def value(self) -> float | None:
        stamps = list(self._stamps)
        return (len(stamps) - 1) / (stamps[-1] - stamps[0]) if len(stamps) > 1 and stamps[-1] > stamps[0] else None


class LiveCounters:
    """What the stages count; the slots and the watch keep their own numbers."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.times = StageTimes()
        self.captured = self.restored = 0  # each written by one thread only
        self.captured_rate, self.restored_rate = RateMeter(), RateMeter()
        self._dropped: Counter[str] = Counter()
        self._lock = threading.Lock()

    def capture(self, arrived: float, decoded: float) -> None:
        self.captured += 1
        self.captured_rate.add(arrived)
        self.times.add("decode", decoded - arrived)

    def restore(self, stamps: FrameStamps) -> None:
        self.restored += 1
        self.restored_rate.add(stamps.restored)
        self.times.add("wait", stamps.taken - stamps.decoded)
        self.times.add("restore", stamps.restored - stamps.taken)
        self.times.add("to restored", stamps.restored - stamps.arrived)

    def drop(self, reason: str) -> None:
        with self._lock:
            self._dropped[reason] += 1

    @property
    def dropped(self) -> dict[str, int]:
        with self._lock:
            return dict(self._dropped)
