"""Keeps one live source running: a thread that reads each connection, and a watch over it. Does not know what frames are for.

A reader that hangs in a driver or a library cannot be ended from outside. It is told to stop, what it still gives is ignored, and the next
connection gets a new thread.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from runtime.errors import SourceError, SourceLost
from video.frame import Frame
from video.live.slot import Slot
from video.live.sources.source import TICK, CapturedPicture, DroppedFrame, LiveClock, LiveSource
from video.live.statistics import LiveCounters
from video.live.watch import RetryPolicy, SourceWatch, WatchStep

_A_WHILE = 0.5  # seconds
_ENDLESS = RetryPolicy(opening=math.inf, hang_least=math.inf)  # a file may show one picture for an hour


@dataclass(frozen=True)
class CapturedFrame:
    """A frame with a time that rises for as long as the run lasts, whatever the source's own times do."""

    frame: Frame
    captured: CapturedPicture


class Capture:
    """Puts the frames of `source` into `slot` until stop(), its end, or a fatal error, and then ends the slot. run() is for a thread."""

    def __init__(
        self,
        source: LiveSource,
        slot: Slot[CapturedFrame],
        counters: LiveCounters,
        *,
        patience: RetryPolicy | None,
        say: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._slot = slot
        self._counters = counters
        self._say = say
        self._now = clock  # what the watch goes by; frames carry the stamps of their source
        patience = _ENDLESS if source.ends else patience
        self.watch = SourceWatch(source.name, clock(), random.random, patience)  # to be read under `lock`
        self.lock = threading.RLock()
        self.clock = LiveClock()
        self._changed = threading.Condition(self.lock)
        self._connection: threading.Event | None = None  # set: stop; which one it is tells a reader whether it is still wanted
        self._readers: list[threading.Thread] = []
        self._fault: BaseException | None = None

    def run(self) -> None:
        with self._changed:
            try:
                while (step := self.watch.step(self._now())) is not WatchStep.END:
                    if step is WatchStep.OPEN:
                        self._open()
                    elif step is WatchStep.LET_GO:
                        self._lost()
                    else:
                        self._changed.wait(min(_A_WHILE, self.watch.seconds_left(self._now())))
            finally:  # also where no thread can be started
                self._let_go()
                self._slot.end(self._fault or self.watch.fatal)

    def stop(self) -> None:
        """From any thread."""
        with self.lock:  # not the condition, which is written in Python: Ctrl-C in its __exit__ would leave it locked
            self.watch.end()
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Waits for the readers, which may be in a read that ends only at the source's own limit: those are left to themselves."""
        until = time.monotonic() + seconds
        for reader in self._readers:
            reader.join(max(0.0, until - time.monotonic()))

    def _open(self) -> None:
        self._readers = [reader for reader in self._readers if reader.is_alive()]
        connection = self._connection = threading.Event()
        self.clock.restart()
        reader = threading.Thread(target=self._read, args=(connection,), name="clearway-reader", daemon=True)
        self._readers.append(reader)
        reader.start()

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.set()
            self._connection = None

    def _lost(self) -> None:
        self._let_go()
        if self.watch.fatal is None:
            self._say(f"{self.watch.trouble}; trying again in {max(0.0, self.watch.retry_at - self._now()):.1f} s")

    def _read(self, connection: threading.Event) -> None:
        """One connection, in a thread of its own."""
        try:
            with closing(self._source.frames(connection)) as items:
                for item in items:
                    if not self._arrived(connection, item):
                        return
            self._ended(connection)
        except SourceError as error:
            self._failed(connection, error)
        except BaseException as error:  # noqa: BLE001  a fault of ours: handed on through the slot
            with self._changed:
                self._fault = self._fault or error
                self.stop()

    def _arrived(self, connection: threading.Event, item: CapturedPicture | DroppedFrame) -> bool:
        """Whether the connection is still wanted."""
        with self._changed:
            if connection is not self._connection:
                return False
            away = self.watch.record_frame(self._now())
            if away is not None:
                self._say(f"{self._source.name}: back after {away:.1f} s")
            if isinstance(item, DroppedFrame):
                self._counters.drop(item.reason)
                return True
            frame = Frame(self._counters.captured, self.clock(item.time, item.arrived), TICK, item.image)
            self._counters.capture(item.arrived, item.decoded)
            self._slot.put(CapturedFrame(frame, item))
            return True

    def _ended(self, connection: threading.Event) -> None:
        if self._source.ends:
            with self._changed:
                if connection is self._connection:
                    self.stop()
        else:
            self._failed(connection, SourceLost(f"{self._source.name}: expected a source without end, it ended"))

    def _failed(self, connection: threading.Event, error: SourceError) -> None:
        with self._changed:
            if connection is self._connection:
                self.watch.record_loss(self._now(), error)
                self._lost()
                self._changed.notify_all()
