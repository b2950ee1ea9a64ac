"""One restorer that several streams share: the threads and futures around the schedule. Does not know what the streams are.

    with SharedRestorer(restorer) as shared:
        camera = shared.stream("front", within=0.08)
        future = camera.submit(picture)              # future.result() is a Restored

Nothing is dropped, late or not: a stream that submits more than its share has a queue that grows, and `statistics` says how long it is.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from runtime.errors import BackendError
from runtime.picture import Picture
from runtime.restorer import Restored, Restorer
from runtime.sharing.schedule import QueuedFrame, Schedule, StreamQueue


@dataclass(eq=False)
class _PendingFrame:
    stream: SharedStream
    picture: Picture
    future: Future[Restored] = field(default_factory=Future)
    outcome: Restored | Exception | None = None  # None until it ran


class SharedStream:
    """One of the streams. Any thread may submit, and close; frames go and come in the order in which they were submitted."""

    def __init__(self, shared: SharedRestorer, line: StreamQueue[_PendingFrame]) -> None:
        self._shared, self._line = shared, line
        self._under_way: deque[_PendingFrame] = deque()
        self._handing_out = threading.Lock()

    @property
    def name(self) -> str:
        return self._line.name

    def submit(self, picture: Picture) -> Future[Restored]:
        """uint8 [H, W, 3] BGR, left as it is until the future is done. What is wrong with it comes through the future."""
        return self._shared._submit(self._line, _PendingFrame(self, picture))

    def close(self) -> None:
        """Frames that wait fail; the one that runs ends. A second call does nothing."""
        self._shared._close(self._line)

    def _begin(self, job: _PendingFrame) -> None:
        self._under_way.append(job)

    def _hand_out(self) -> None:
        """In order: several runs are under way at once, and a later one may end first."""
        with self._handing_out:
            while self._under_way and (outcome := self._under_way[0].outcome) is not None:
                future = self._under_way.popleft().future
                if isinstance(outcome, Exception):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)


class SharedRestorer:
    """A context manager; else close it. The restorer stays its owner's: closing this leaves it open.

    `most` frames of one size, of as many streams, share a run if that keeps all their deadlines. On a CPU each goes alone by default: in a
    batch a frame takes more CPU time than alone (docs/runtime.md has the figures).
    """

    def __init__(self, restorer: Restorer, most: int = 1) -> None:
        self._restorer = restorer
        self._schedule = Schedule[_PendingFrame](most)
        self._change = threading.Condition()  # guards all below and the schedule
        self._runs, self._failed, self._closed = 0, 0, False
        depth = restorer.choice.backend.depth
        self._workers = [threading.Thread(target=self._work, name=f"clearway-shared-{n}", daemon=True) for n in range(depth)]
        for worker in self._workers:
            worker.start()

    def stream(self, name: str, within: float) -> SharedStream:
        """A new stream, each of whose frames is due `within` so many seconds after it was submitted."""
        with self._change:
            self._check_open()
            return SharedStream(self, self._schedule.open(name, within))

    def statistics(self) -> dict[str, Any]:
        """Of each stream that is open: frames, those that were late, those that wait, and how long they waited. Of all: runs."""
        with self._change:
            return {"runs": self._runs, "failed_batches": self._failed, "streams": self._schedule.statistics()}

    def close(self) -> None:
        """What waits fails, what runs ends. A second call does nothing."""
        with self._change:
            self._closed = True
            waiting = self._schedule.close_all()
            self._change.notify_all()
        _fail(waiting, "the shared restorer was closed before this frame's turn")
        for worker in self._workers:
            worker.join()

    def __enter__(self) -> SharedRestorer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise BackendError("this shared restorer was closed; make another one")

    def _submit(self, line: StreamQueue[_PendingFrame], job: _PendingFrame) -> Future[Restored]:
        size = job.picture.shape if isinstance(job.picture, np.ndarray) else ()
        with self._change:
            self._check_open()
            self._schedule.add(line, size, job, time.monotonic())
            self._change.notify()
        return job.future

    def _close(self, line: StreamQueue[_PendingFrame]) -> None:
        with self._change:
            waiting = self._schedule.close(line)
        _fail(waiting, f"the stream {line.name} was closed before this frame's turn")

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            self._run(batch)
            for ticket in batch:
                ticket.work.stream._hand_out()

    def _next(self) -> list[QueuedFrame[_PendingFrame]] | None:
        """Waits for frames whose futures nobody has cancelled. None when closed."""
        with self._change:
            while not self._closed:
                if not (batch := self._schedule.next(time.monotonic())):
                    self._change.wait()
                    continue
                if wanted := [ticket for ticket in batch if ticket.work.future.set_running_or_notify_cancel()]:
                    for ticket in wanted:
                        ticket.work.stream._begin(ticket.work)
                    return wanted
        return None

    def _run(self, batch: list[QueuedFrame[_PendingFrame]]) -> None:
        started = time.monotonic()
        outcomes = self._outcomes([ticket.work.picture for ticket in batch])
        now = time.monotonic()
        with self._change:
            if not any(isinstance(outcome, Exception) for outcome in outcomes):
                self._schedule.ran(batch, now - started)
            self._runs += 1
            for ticket in batch:
                self._schedule.finished(ticket, now)
        for ticket, outcome in zip(batch, outcomes, strict=True):
            ticket.work.outcome = outcome

    def _outcomes(self, pictures: list[Picture]) -> list[Restored] | list[Restored | Exception]:
        if len(pictures) > 1:
            try:
                return self._restorer.batch(pictures)
            except Exception:  # noqa: BLE001  whichever frame it was: each by itself has its own answer
                with self._change:
                    self._failed += 1
        return [self._alone(picture) for picture in pictures]

    def _alone(self, picture: Picture) -> Restored | Exception:
        try:
            return self._restorer(picture)
        except Exception as error:  # noqa: BLE001  handed on through the frame's future
            return error


def _fail(jobs: Iterable[_PendingFrame], why: str) -> None:
    for job in jobs:
        if job.future.set_running_or_notify_cancel():
            job.future.set_exception(BackendError(f"{why}; it was not restored"))
