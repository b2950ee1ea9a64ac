"""Owns what waits between receiving and decoding a stream; knows nothing of what a packet is.

Whoever receives never waits, so that a slow decoder shows here and not as a delay in some buffer of the network's that grows unseen. Where
it is more than a second behind, all goes up to the next keyframe: a single packet that is left out would damage those after it.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from video.slot import Ended

_T = TypeVar("_T")

_BEHIND_S = 1.0
_SKIPPED_AT_MOST = 300  # streams with intra refresh have no keyframes


@dataclass(frozen=True)
class Received(Generic[_T]):
    packet: _T
    arrived: float
    skipped: int  # packets left out just before this one


class Packets(Generic[_T]):
    """One thread puts, one takes."""

    def __init__(self) -> None:
        self._waiting: deque[Received[_T]] = deque()
        self._changed = threading.Condition()
        self._skipped = 0
        self._skipping = self._ended = False
        self._error: BaseException | None = None

    def put(self, packet: _T, arrived: float, *, keyframe: bool) -> bool:
        """Whether packets are still wanted."""
        with self._changed:
            if self._ended:
                return False
            if self._waiting and arrived - self._waiting[0].arrived > _BEHIND_S:
                self._skipped += sum(1 + received.skipped for received in self._waiting)
                self._waiting.clear()
                self._skipping = True
            if self._skipping and not keyframe and self._skipped < _SKIPPED_AT_MOST:
                self._skipped += 1
                return True
            self._waiting.append(Received(packet, arrived, self._skipped))
            self._skipped, self._skipping = 0, False
            self._changed.notify()
            return True

    def take(self, seconds: float) -> Received[_T] | None:
        """None if nothing came within so many seconds. After the last one: Ended, or the error given to end()."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended, seconds)
            if self._waiting:
                return self._waiting.popleft()
            if not self._ended:
                return None
            raise Ended if self._error is None else self._error

    def end(self, error: BaseException | None = None) -> None:
        """From either side. What waits can still be taken. The first call counts."""
        with self._changed:
            if not self._ended:
                self._ended, self._error = True, error
            self._changed.notify_all()
