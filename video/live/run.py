"""Owns the live pipeline of one source; knows nothing of where frames come from or where they go.

    capture ──slot──> restore ──slot──> sink
    thread            thread    └─slot──> sink     a thread each

Nobody waits for anybody behind them: each slot keeps the newest frames and counts what it lets go. So what is shown is the present, and a
slow sink slows nobody. One of these a camera; several share a restorer.
"""

from __future__ import annotations

import contextlib
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
from video.live.capture import Capture, Taken
from video.live.sinks.sink import LiveSink, Quit, Shown
from video.live.slot import Ended, Slot
from video.live.sources.source import LiveSource
from video.live.statistics import Counters, LiveStatistics, Stamps
from video.live.watch import Patience

_A_WHILE = 0.5  # seconds; on Windows an endless wait cannot be interrupted
_IDLE_S = 0.05  # how often a sink without frames gets its turn
_FINISH_S = 10.0  # a sink that takes longer to finish its files hangs
_READERS_S = 0.5


@dataclass(frozen=True)
class _Out:
    sink: LiveSink
    slot: Slot[Shown]


class Live:
    """Runs from entering to leaving it as a context manager; wait() in between. Leaving it ends the sinks, whatever has happened."""

    def __init__(
        self,
        source: LiveSource,
        restore: Callable[[Picture], Restored],
        sinks: Sequence[LiveSink],
        *,
        patience: Patience | None = None,
        say: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._source = source
        self._apply = restore
        self._counters = Counters()
        self._fresh: Slot[Taken] = Slot()
        self._outs = [_Out(sink, Slot(sink.depth)) for sink in sinks]
        self._capture = Capture(source, self._fresh, self._counters, patience=patience, say=say)
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._stages: list[tuple[str, threading.Event]] = []

    def stop(self) -> None:
        """From any thread. Frames that were taken still reach the sinks."""
        self._capture.stop()

    def wait(self, seconds: float | None = None) -> bool:
        """Until the source has ended or a sink has asked to quit, at most so long; whether it has. Raises the first error of all."""
        until = None if seconds is None else time.monotonic() + seconds
        for _, ended in self._stages:
            # In short waits, so that Ctrl-C lands here.
            while not ended.wait(_A_WHILE if until is None else min(_A_WHILE, max(0.0, until - time.monotonic()))):
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
        except Ended:
            pass
        finally:
            for out in self._outs:
                out.slot.end()

    def _restored(self, taken: Taken) -> Shown:
        frame, captured, began = taken.frame, taken.captured, time.monotonic()
        try:
            restored = self._apply(frame.image)
        except (BackendError, PictureError) as error:
            raise type(error)(f"{self._source.name}, frame {frame.index}: {error}") from error
        stamps = Stamps(captured.arrived, captured.decoded, began, time.monotonic())
        self._counters.restore(stamps)
        height, width = restored.image.shape[:2]
        return Shown(frame, restored, dataclasses.replace(captured.info, width=width, height=height), stamps)

    def _feed(self, out: _Out) -> None:
        out.sink.begin(self.statistics)
        try:
            while True:
                shown = out.slot.take(_IDLE_S)
                if shown is None:
                    out.sink.idle()
                else:
                    out.sink.write(shown)
                    self._counters.times.add(f"to {out.sink.name}", time.monotonic() - shown.stamps.arrived)
        except Ended:
            pass
        finally:
            out.sink.finish()

    def _start(self, name: str, stage: Callable[[], None]) -> None:
        ended = threading.Event()

        def guarded() -> None:
            try:
                stage()
            except Quit:
                self.stop()
            except BaseException as error:  # noqa: BLE001  raised again by wait()
                with self._lock:
                    self._error = self._error or error
                self.stop()
            finally:
                ended.set()

        threading.Thread(target=guarded, name=f"clearway-{name}", daemon=True).start()
        self._stages.append((name, ended))

    def __enter__(self) -> Live:
        for out in self._outs:
            self._start(out.sink.name, partial(self._feed, out))
        self._start("restore", self._restore)
        self._start("capture", self._capture.run)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        until = time.monotonic() + _FINISH_S
        for name, ended in self._stages:
            while not ended.is_set():
                if time.monotonic() > until:
                    raise SinkError(
                        f"{self._source.name}: its {name} was expected to end within {_FINISH_S:.0f} s, it hangs; is a disk gone?"
                    )
                with contextlib.suppress(KeyboardInterrupt, SystemExit):  # a second Ctrl-C: the files are being finished
                    ended.wait(_A_WHILE)
        self._capture.join(_READERS_S)
        if self._error is not None and self._error is not value:
            raise self._error
