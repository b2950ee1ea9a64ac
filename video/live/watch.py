"""When a live source is opened, given up and opened again. Does not know threads, clocks or what a source is.

    WAITING ──retry is due──> OPENING ──a frame──> RUNNING
       ^                         │                    │
       └────── lost, or nothing came for too long ────┘        a fatal error, an end or stop(): OVER

Every call is told what time it is (seconds of any clock that rises), so that a test needs neither a thread nor patience.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from runtime.errors import SourceError, SourceLost


class SourceState(Enum):
    WAITING = "waiting"
    OPENING = "opening"
    RUNNING = "running"
    OVER = "over"


class WatchStep(Enum):
    """What the source's runner has to do now."""

    NOTHING = "nothing"
    OPEN = "open"
    LET_GO = "let go"  # of a connection that hangs; the next one is opened by a later step
    END = "end"


@dataclass(frozen=True)
class RetryPolicy:
    """All in seconds, but for `hang_intervals`."""

    opening: float = 10.0  # until the first frame; a camera's keyframes may be four seconds apart
    hang_intervals: float = 50.0  # frame intervals without a frame
    hang_least: float = 2.0  # a network's pauses are no hang, however fast the frames follow each other
    first_delay: float = 0.5
    longest_delay: float = 30.0
    stable_after: float = 5.0  # a connection that lived so long is a success: the next delay starts from the first again


_SMOOTHING = 0.1  # the weight of the newest interval


class SourceWatch:
    """The state of one source. `jitter` gives numbers in 0 … 1: cameras that a power cut took away together do not come back together."""

    def __init__(self, name: str, now: float, jitter: Callable[[], float], patience: RetryPolicy | None = None) -> None:
        self.state = SourceState.WAITING
        self.connections = 0  # that gave at least one frame
        self.losses = 0  # of connections that had given a frame
        self.failures = 0  # attempts that never gave one
        self.recoveries: deque[float] = deque(maxlen=100)  # the last ones: seconds from the last frame before a loss to the first after it
        self.interval: float | None = None  # between frames, smoothed
        self.trouble: SourceError | None = None  # the last one
        self.fatal: SourceError | None = None  # why it is over, where it did not end by itself
        self.retry_at = now
        self._name = name
        self._patience = patience or RetryPolicy()
        self._jitter = jitter
        self._delay = self._patience.first_delay
        self._opened = now
        self._first = self._last = now  # frames of this connection
        self._missing_since: float | None = None

    def step(self, now: float) -> WatchStep:
        """Moves on by the clock alone."""
        if self.state is SourceState.OVER:
            return WatchStep.END
        if self.state is SourceState.WAITING and now >= self.retry_at:
            self.state, self._opened = SourceState.OPENING, now
            return WatchStep.OPEN
        if self.state in (SourceState.OPENING, SourceState.RUNNING) and now >= self._deadline():
            since = now - (self._opened if self.state is SourceState.OPENING else self._last)
            self.record_loss(now, SourceLost(f"{self._name}: expected a frame, got none for {since:.1f} s"))
            return WatchStep.LET_GO
        return WatchStep.NOTHING

    def seconds_left(self, now: float) -> float:
        """Until the clock alone changes something."""
        if self.state is SourceState.OVER:
            return 0.0
        return max(0.0, (self.retry_at if self.state is SourceState.WAITING else self._deadline()) - now)

    def record_frame(self, now: float) -> float | None:
        """A frame came, whole or damaged: the source lives. How long it was away, where this one ends a loss."""
        away = None
        if self.state is SourceState.OPENING:
            self.state, self._first = SourceState.RUNNING, now
            self.connections += 1
            if self._missing_since is not None:
                away = now - self._missing_since
                self.recoveries.append(away)
                self._missing_since = None
        elif self.state is SourceState.RUNNING:
            gap = now - self._last
            self.interval = gap if self.interval is None else self.interval + _SMOOTHING * (gap - self.interval)
        self._last = now
        return away

    def record_loss(self, now: float, error: SourceError) -> None:
        """The connection failed. Anything but a SourceLost is fatal: trying again with a wrong password locks accounts."""
        if self.state in (SourceState.WAITING, SourceState.OVER):
            return
        self.trouble = error
        if not isinstance(error, SourceLost):
            self.state, self.fatal = SourceState.OVER, error
            return
        if self.state is SourceState.RUNNING:
            self.losses += 1
            self._missing_since = self._last
            if now - self._first >= self._patience.stable_after:
                self._delay = self._patience.first_delay
        else:
            self.failures += 1
        self.state = SourceState.WAITING
        self.retry_at = now + self._delay * (0.5 + self._jitter() / 2)
        self._delay = min(self._delay * 2, self._patience.longest_delay)

    def end(self) -> None:
        """Stopped by hand, or a source whose end is its end."""
        self.state = SourceState.OVER

    def _deadline(self) -> float:
        if self.state is SourceState.OPENING:
            return self._opened + self._patience.opening
        if self.interval is None:  # one frame alone says nothing of the rate
            return self._last + self._patience.opening
        return self._last + max(self._patience.hang_least, self._patience.hang_intervals * self.interval)
