"""The live pipeline of one source. Does not know where frames come from or where they go.

    capture ──slot──> restore ──slot──> sink
    thread            thread    └─slot──> sink     a thread each

No stage waits for the next one: each slot keeps the newest frames and counts those it drops. So the present is shown, and a slow sink slows
nothing else. There is one LiveRun for each camera; several share a restorer.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from runtime.errors import BackendError, PictureError, SinkError
from runtime.picture import Picture
from runtime.restorer import Restored
from video.live.capture import Capture, CapturedFrame
from video.live.sinks.sink import LiveSink, QuitRequested, RestoredFrame
from video.live.slot import HandoverEnded, Slot
from video.live.sources.source import LiveSource
from video.live.stage import StageThread, finish
from video.live.statistics import FrameStamps, LiveCounters, LiveStatistics
from video.live.watch import RetryPolicy

_A_WHILE = 0.5  # seconds; on Windows an endless wait cannot be interrupted
_IDLE_S = 0.05  # how often a sink without frames gets its turn
_READERS_S = 0.5


@dataclass(frozen=True)
class _SinkFeed:
    sink: LiveSink
    slot: Slot[RestoredFrame]


class LiveRun:
    """Runs from entering to leaving it as a context manager; wait() in between. Leaving it ends the sinks, whatever has happened."""

    def __init__(
        self,
        source: LiveSource,
        restore: Callable[[Picture], Restored],
        sinks: Sequence[LiveSink],
        *,
        patience: RetryPolicy | None = None,
        say: Callable[[str], None] = lambda message: None,
        finish_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A sink that takes more than `finish_s` to finish its files hangs. By `clock` a source hangs and is tried again."""
        self._source = source
        self._apply = restore
        self._finish_s = finish_s
        self._counters = LiveCounters()
        self._fresh: Slot[CapturedFrame] = Slot()
        self._outs = [_SinkFeed(sink, Slot(sink.depth)) for sink in sinks]
        self._capture = Capture(source, self._fresh, self._counters, patience=patience, say=say, clock=clock)
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._feeds = [self._stage(out.sink.name, partial(self._feed, out)) for out in self._outs]
        self._restoring = self._stage("restore", self._restore)
        self._capturing = self._stage("capture", self._capture.run)
        self._stages = [*self._feeds, self._restoring, self._capturing]

    def stop(self) -> None:
        """From any thread. Frames that were taken still reach the sinks."""
        self._capture.stop()

    def wait(self, seconds: float | None = None) -> bool:
        """Until the source has ended or a sink has asked to quit, at most so long; whether it has. Raises the first error of all."""
        until = None if seconds is None else time.monotonic() + seconds
        for stage in self._stages:
            # In short waits, so that Ctrl-C lands here.
            while not stage.wait(_A_WHILE if until is None else min(_A_WHILE, max(0.0, until - time.monotonic()))):
                if until is not None and time.monotonic() >= until:
                    return False
        if self._error is not None:
            raise self._error
        return True

    def statistics(self) -> LiveStatistics:
        counters, capture = self._counters, self._capture
        dropped = counters.dropped
        slots = {"the network was busy": self._fresh.dropped} | {f"{out.sink.name} was busy": out.slot.dropped for out in self._outs}
        with capture.lock:
            watch = capture.watch
            return LiveStatistics(
                source=self._source.name,
                state=watch.state.value,
                seconds=time.monotonic() - counters.started,
                captured=counters.captured,
                restored=counters.restored,
                source_fps=counters.captured_rate.value(),
                restored_fps=counters.restored_rate.value(),
                dropped=dropped | {why: count for why, count in slots.items() if count},
                retimed=capture.clock.retimed,
                connections=watch.connections,
                losses=watch.losses,
                failed_attempts=watch.failures,
                recovery_s=tuple(watch.recoveries),
                trouble=None if watch.trouble is None else str(watch.trouble),
                stages=counters.times.as_dict(),
            )

    def _restore(self) -> None:
        try:
            while True:
                if (taken := self._fresh.take(_A_WHILE)) is not None:
                    shown = self._restored(taken)
                    for out in self._outs:
                        out.slot.put(shown)
        except HandoverEnded:
            pass
        finally:
            for out in self._outs:
                out.slot.end()

    def _restored(self, taken: CapturedFrame) -> RestoredFrame:
        frame, captured, began = taken.frame, taken.captured, time.monotonic()
        try:
            restored = self._apply(frame.image)
        except (BackendError, PictureError) as error:
            raise type(error)(f"{self._source.name}, frame {frame.index}: {error}") from error
        stamps = FrameStamps(captured.arrived, captured.decoded, began, time.monotonic())
        self._counters.restore(stamps)
        height, width = restored.image.shape[:2]
        return RestoredFrame(frame, restored, dataclasses.replace(captured.info, width=width, height=height), stamps)

    def _feed(self, out: _SinkFeed) -> None:
        out.sink.begin(self.statistics)
        try:
            while True:
                shown = out.slot.take(_IDLE_S)
                if shown is None:
                    out.sink.idle()
                else:
                    out.sink.write(shown)
                    self._counters.times.add(f"to {out.sink.name}", time.monotonic() - shown.stamps.arrived)
        except HandoverEnded:
            pass
        finally:
            out.sink.finish()

    def _stage(self, name: str, work: Callable[[], None]) -> StageThread:
        def guarded() -> None:
            try:
                work()
            except QuitRequested:
                self.stop()
            except BaseException as error:  # noqa: BLE001  raised again by wait()
                with self._lock:
                    self._error = self._error or error
                self.stop()

        return StageThread(name, guarded)

    def __enter__(self) -> LiveRun:
        try:
            for stage in self._stages:
                stage.start()
        except BaseException:  # Ctrl-C: some have started, and nobody else will end them
            finish(partial(self._end, time.monotonic() + self._finish_s))
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        finish(partial(self._end, time.monotonic() + self._finish_s))
        if self._error is not None and self._error is not value:
            raise self._error

    def _end(self, until: float) -> None:
        self.stop()
        if self._capturing.call_off():
            self._fresh.end()
        if self._restoring.call_off():
            for out in self._outs:
                out.slot.end()
        for feed in self._feeds:
            feed.call_off()
        for stage in self._stages:
            while not stage.wait(min(_A_WHILE, self._finish_s)):
                if time.monotonic() > until:
                    raise SinkError(
                        f"{self._source.name}: expected its {stage.name} to end within {self._finish_s:g} s, it hangs; check the disk"
                    )
        self._capture.join(_READERS_S)
