"""One thread of a live run, which can be ended whatever moment of its start a signal comes at. Does not know what the thread does.

A daemon thread that nobody has ended may be in a codec's code while the interpreter is torn down: the process then dies of SIGSEGV or
SIGABRT. Thread.start() can be interrupted before, in the middle of, or after the new thread's first line, and none of its attributes tells
these apart.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable


class Latch:
    """An event that Ctrl-C cannot break: threading.Event is written in Python and, interrupted in the wrong line, keeps its lock."""

    def __init__(self) -> None:
        self._is_set = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        if not self._is_set:
            self._is_set = True
            self._lock.release()

    def wait(self, seconds: float = -1) -> bool:
        """Whether it is set; -1 waits for ever."""
        if not self._is_set and self._lock.acquire(timeout=seconds):
            self._lock.release()
        return self._is_set


class StageThread:
    """To start it, make it known to the `try` that ends it, then start(). To end it, call_off(), stop its work, and wait()."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name = name
        self._work = work
        self._begun = self._called_off = False
        self._deciding = threading.Lock()
        self._ended = Latch()

    def start(self) -> None:
        try:
            threading.Thread(target=self._run, name=f"clearway-{self.name}", daemon=True).start()
        except RuntimeError as error:  # Ctrl-C in the wrong line of the Condition in it
            if isinstance(error.__context__, KeyboardInterrupt | SystemExit):
                raise error.__context__ from None
            raise

    def call_off(self) -> bool:
        """Whether its work has not begun, and now never will."""
        with self._deciding:
            self._called_off = not self._begun
        if self._called_off:
            self._ended.set()
        return self._called_off

    def wait(self, seconds: float) -> bool:
        """Whether its work has ended. A join() that Ctrl-C interrupts calls a running thread dead (Python 3.11)."""
        return self._ended.wait(seconds)

    def _run(self) -> None:
        with self._deciding:
            if self._called_off:
                return
            self._begun = True
        try:
            self._work()
        finally:
            self._ended.set()


def finish(end: Callable[[], None]) -> None:
    """Calls `end` until it comes through: a second Ctrl-C has to wait until the files are finished."""
    ended = False
    while not ended:
        with contextlib.suppress(KeyboardInterrupt, SystemExit):
            end()
            ended = True
