"""Hands the newest items from one thread to another. Does not know what they are.

The giver never waits: where nobody takes, the oldest item is dropped. So a full slot is the one signal of a taker that is too slow, and no
rate is estimated anywhere.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

_T = TypeVar("_T")


class HandoverEnded(Exception):
    """Nothing will come any more."""


class Handover(Generic[_T]):
    """What a giver and a taker share: items in their order, and an end that either side may set. How things are put is each kind's own."""

    def __init__(self) -> None:
        self._items: deque[_T] = deque()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._ended = False
        self._error: BaseException | None = None

    def take(self, seconds: float) -> _T | None:
        """The oldest item; None if none came within so many seconds. After the last: Ended, or the error given to end()."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended, seconds)
            if self._items:
                return self._items.popleft()
            if not self._ended:
                return None
            raise HandoverEnded if self._error is None else self._error

    def end(self, error: BaseException | None = None) -> None:
        """From either side. What waits can still be taken. The first call counts."""
        with self._lock:  # not the condition, which is written in Python: Ctrl-C in its __exit__ would leave it locked
            if not self._ended:
                self._ended, self._error = True, error
            self._changed.notify_all()


class Slot(Handover[_T]):
    """Holds the newest `depth` items. One thread gives, one takes, any may end it."""

    def __init__(self, depth: int = 1) -> None:
        super().__init__()
        self.dropped = 0  # items that were replaced by newer ones before anybody took them
        self._depth = depth

    def put(self, item: _T) -> None:
        """Never waits. After the end it does nothing: a giver that has not heard of it yet does no harm."""
        with self._changed:
            if self._ended:
                return
            if len(self._items) == self._depth:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify()
