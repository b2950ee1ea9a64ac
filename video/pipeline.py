"""Overlaps three stages on three threads and ends them cleanly. Does not know videos, networks or files.

    source ──queue──> work ──queue──> sink
    thread            workers         thread

The first error wins: it is raised from `run_pipeline`, in the caller's thread, after all threads have ended. The caller's thread waits for
the workers, so Ctrl-C arrives here and not in a thread that cannot receive it.
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
    """A bounded queue that can end, and that releases everyone who waits when it is cancelled.

    queue.Queue has neither (shutdown() came with Python 3.13): a stage that waits for a neighbour that has failed would wait for ever.
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


_A_WHILE = 0.5  # seconds; a signal that another thread raises is noticed at the next waking


class _Failure:
    """The first error of any stage; setting it stops the others."""

    def __init__(self, *queues: _Queue[Any]) -> None:
        self.error: BaseException | None = None
        self._queues = queues
        self._lock = threading.Lock()

    def set(self, error: BaseException) -> None:
        with self._lock:
            self.error = self.error or error
        self.stop()

    def stop(self) -> None:
        for queue in self._queues:
            queue.cancel()


class _Stage:
    """A stage on a thread of its own.

    A signal may interrupt the caller anywhere in start(), also before the new thread runs. So a thread that has not begun when join() is
    called never begins. An Event says that it has ended: a join() that Ctrl-C interrupts calls a running thread dead (Python 3.11).
    """

    def __init__(self, name: str, work: Callable[[], None], failure: _Failure) -> None:
        self._work, self._failure = work, failure
        self._lock = threading.Lock()
        self._begun = self._given_up = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"clearway-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        with self._lock:
            if self._given_up:
                return
            self._begun = True
        try:
            self._work()
        except _Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001  handed on to the caller's thread
            self._failure.set(error)
        finally:
            self._ended.set()

    def wait(self) -> None:
        while not self._ended.wait(_A_WHILE):
            pass

    def join(self) -> None:
        """Returns only when the thread is out of `work`, however often the user presses Ctrl-C."""
        while True:
            with contextlib.suppress(KeyboardInterrupt, SystemExit):  # SystemExit: SIGTERM, see the front door
                with self._lock:
                    self._given_up = True
                if self._begun:
                    self._failure.stop()
                    self.wait()
                return


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
    """Sends every frame of `source` through `work` to `sink`, in order, with at most `depth` waiting between two stages.

    `workers` threads call `work` at once: an engine that moves one frame while it computes another wants two. `after` gets their results
    in order, one by one, in the caller's thread, while the next frames are being worked on.

    Stage times are recorded as "decode", "restore" and "encode": what each took for a frame, without waiting for the others.
    `progress` gets the number of frames done, in the sink's thread.
    """
    fresh: _Queue[Frame] = _Queue(depth)
    done: _Queue[_Result] = _Queue(depth)
    failure = _Failure(fresh, done)

    def timed(frame: Frame) -> _Result:
        with times.stage("restore"):
            return work(frame)

    stages = [
        _Stage("read", lambda: _read(source, fresh, times), failure),
        _Stage("write", lambda: _write(done, sink, times, progress), failure),
    ]
    try:
        for stage in stages:
            stage.start()
        for restored in in_order(timed, fresh, workers):
            done.put(restored if after is None else after(restored))
        done.end()
        for stage in stages:
            stage.wait()
    except _Cancelled:
        pass
    except BaseException as error:  # noqa: BLE001  Ctrl-C too: both are raised again below, once the threads have ended
        failure.set(error)
    finally:  # the caller closes the files next, which no thread may still be using
        for stage in stages:
            stage.join()
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
