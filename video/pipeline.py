"""Owns overlapping three stages on three threads and ending them cleanly; knows nothing of videos, networks or files.

    source ──queue──> work ──queue──> sink
    thread            workers         thread

The first error wins: it is raised from `run_pipeline`, in the caller's thread, after all threads have ended. The caller's thread waits for
the workers, so that Ctrl-C lands here and not in a thread that cannot hear it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from runtime.in_order import in_order
from runtime.timing import StageTimes
from video.frame import Frame

_T = TypeVar("_T")
_Result = TypeVar("_Result")


class _Cancelled(Exception):
    """Unwinds a stage whose neighbour has failed. Never seen outside."""


class _Queue(Generic[_T]):
    """A bounded queue that can end, and that lets go of everyone who waits when it is cancelled.

    queue.Queue has no end and no cancel (shutdown() came with Python 3.13): a stage that waits on a neighbour that has died
    would wait for ever.
    """

    def __init__(self, depth: int) -> None:
        self._items: deque[_T] = deque()
        self._depth = depth
        self._changed = threading.Condition()
        self._ended = False
        self._cancelled = False

    def put(self, item: _T) -> None:
        with self._changed:
            while len(self._items) >= self._depth and not self._cancelled:
                self._changed.wait(_A_WHILE)
            if self._cancelled:
                raise _Cancelled
            self._items.append(item)
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def cancel(self) -> None:
        with self._changed:
            self._cancelled = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[_T]:
        while True:
            with self._changed:
                while not (self._items or self._ended or self._cancelled):
                    self._changed.wait(_A_WHILE)
                if self._cancelled:
                    raise _Cancelled
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item


_A_WHILE = 0.5  # seconds; nobody needs waking by it, but on Windows an endless wait cannot be interrupted


class _Failure:
    """The first error of any stage; setting it stops the others."""

    def __init__(self, *queues: _Queue[Any]) -> None:
        self.error: BaseException | None = None
        self._queues = queues
        self._lock = threading.Lock()

    def set(self, error: BaseException) -> None:
        with self._lock:
            self.error = self.error or error
        for queue in self._queues:
            queue.cancel()


def run_pipeline(
    source: Iterable[Frame],
    work: Callable[[Frame], _Result],
    sink: Callable[[_Result], None],
    *,
    depth: int = 4,
    workers: int = 1,
    after: Callable[[_Result], _Result] | None = None,
    times: StageTimes,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Sends every frame of `source` through `work` to `sink`, in order, at most `depth` waiting between two stages.

    `work` is called by so many `workers` at once: an engine that moves one frame while it computes another wants two. `after` gets what
    they made in its order, one by one, in the caller's thread, beside the work on the next frames.

    Stage times are taken as "decode", "restore" and "encode": what each took for a frame, without waiting for the others.
    `progress` hears the number of frames done, in the sink's thread.
    """
    fresh: _Queue[Frame] = _Queue(depth)
    done: _Queue[_Result] = _Queue(depth)
    failure = _Failure(fresh, done)

    def timed(frame: Frame) -> _Result:
        with times.stage("restore"):
            return work(frame)

    threads = [
        _start("read", failure, lambda: _read(source, fresh, times)),
        _start("write", failure, lambda: _write(done, sink, times, progress)),
    ]
    try:
        for restored in in_order(timed, fresh, workers):
            done.put(restored if after is None else after(restored))
        done.end()
        for _, ended in threads:
            _wait(ended)
    except _Cancelled:
        pass
    except BaseException as error:  # noqa: BLE001  Ctrl-C too: both are raised again below, once the threads have ended
        failure.set(error)
    _join(threads)  # whoever called closes the files next, which no thread may still be using: a second Ctrl-C has to wait too
    if failure.error is not None:
        raise failure.error


def _read(source: Iterable[Frame], fresh: _Queue[Frame], times: StageTimes) -> None:
    started = time.perf_counter()
    for frame in source:
        times.add("decode", time.perf_counter() - started)
        fresh.put(frame)
        started = time.perf_counter()
    fresh.end()


def _write(done: _Queue[_Result], sink: Callable[[_Result], None], times: StageTimes, progress: Callable[[int], None] | None) -> None:
    for count, result in enumerate(done, start=1):
        with times.stage("encode"):
            sink(result)
        if progress is not None:
            progress(count)


def _start(name: str, failure: _Failure, stage: Callable[[], None]) -> tuple[threading.Thread, threading.Event]:
    """The thread, and what says that its stage has ended: a join() that Ctrl-C interrupts calls a running thread dead (Python 3.11)."""
    ended = threading.Event()

    def guarded() -> None:
        try:
            stage()
        except _Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001  handed on to the caller's thread
            failure.set(error)
        finally:
            ended.set()

    thread = threading.Thread(target=guarded, name=f"clearway-{name}", daemon=True)
    thread.start()
    return thread, ended


def _wait(ended: threading.Event) -> None:
    while not ended.wait(_A_WHILE):
        pass


def _join(threads: list[tuple[threading.Thread, threading.Event]]) -> None:
    for thread, ended in threads:
        while not ended.is_set():
            with contextlib.suppress(KeyboardInterrupt, SystemExit):  # SystemExit: SIGTERM, see clearway/command.py
                _wait(ended)
        thread.join()
