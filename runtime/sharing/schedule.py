"""Whose turn it is on an engine that several streams share. Knows no threads, pictures or clock: sizes, work and `now` come in.

The frame that is due first goes first, with two limits. A stream's frames keep their order. And while a stream waits, every other one gets
one turn at most, however much it submits and however soon that is due: with n streams a frame at the head of its own waits for n − 1 turns.
Frames of one size share a run, one of each stream, for as long as the run is expected to end before any of them is due.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from runtime.errors import BackendError, UsageError
from runtime.timing import Durations

_Work = TypeVar("_Work")
_Size = tuple[int, ...]

_WEIGHT = 1 / 8  # of a new duration in what is expected: half of it is the last five runs
_LEARNT = 64  # durations kept, of sizes and counts


@dataclass(eq=False)
class StreamQueue(Generic[_Work]):
    """What waits of one stream, and what became of the rest."""

    name: str
    within: float  # seconds from when a frame is added until it is due
    waiting: deque[QueuedFrame[_Work]] = field(default_factory=deque)
    last_turn: int = 0
    waits_since: int = 0  # the turn after which the frame at the head came there
    frames: int = 0  # done
    late: int = 0
    waited: Durations = field(default_factory=Durations)  # until the run began

    def as_dict(self) -> dict[str, Any]:
        return {"frames": self.frames, "late": self.late, "waiting": len(self.waiting), "waited": self.waited.as_dict()}


@dataclass(frozen=True, eq=False)
class QueuedFrame(Generic[_Work]):
    """One frame that waits for its turn, or has it."""

    line: StreamQueue[_Work]
    size: _Size
    added: float
    due: float
    work: _Work


class Schedule(Generic[_Work]):
    """One thread at a time. Times are in seconds on any clock that only goes forward."""

    def __init__(self, most: int) -> None:
        if most < 1:
            raise UsageError(f"expected at least 1 frame a run, got {most}")
        self._most = most
        self._lines: dict[str, StreamQueue[_Work]] = {}
        self._turn = 0
        self._seconds: OrderedDict[tuple[_Size, int], float] = OrderedDict()

    def open(self, name: str, within: float) -> StreamQueue[_Work]:
        if name in self._lines:
            raise UsageError(f"a stream is called {name!r} already; close that one first, or choose another name")
        if not within > 0:
            raise UsageError(f"{name}: frames must be due within more than 0 seconds, {within} came")
        line = self._lines[name] = StreamQueue[_Work](name, within)
        return line

    def close(self, line: StreamQueue[_Work]) -> list[_Work]:
        """The work that waited and will get no turn."""
        if self._lines.get(line.name) is line:
            del self._lines[line.name]
        left = [ticket.work for ticket in line.waiting]
        line.waiting.clear()
        return left

    def close_all(self) -> list[_Work]:
        return [work for line in list(self._lines.values()) for work in self.close(line)]

    def add(self, line: StreamQueue[_Work], size: _Size, work: _Work, now: float) -> None:
        if self._lines.get(line.name) is not line:
            raise BackendError(f"the stream {line.name} was closed; open it again")
        if not line.waiting:
            line.waits_since = self._turn
        line.waiting.append(QueuedFrame(line, size, now, now + line.within, work))

    def next(self, now: float) -> list[QueuedFrame[_Work]]:
        """The frames of the next run; none where nothing waits."""
        heads = sorted((line.waiting[0] for line in self._waiting()), key=lambda ticket: ticket.due)
        batch = [ticket for ticket in heads if self._may_go(ticket.line, [])][:1]  # late or not: late frames run too
        for ticket in heads if self._most > 1 else ():
            if ticket not in batch and self._fits(ticket, batch, now) and self._may_go(ticket.line, batch):
                batch.append(ticket)
        self._turn += bool(batch)
        for ticket in batch:
            line = ticket.line
            line.waiting.popleft()
            line.last_turn = line.waits_since = self._turn
            line.waited.add(now - ticket.added)
        return batch

    def ran(self, batch: list[QueuedFrame[_Work]], seconds: float) -> None:
        """How long a run took: what the next one like it is expected to take."""
        key = batch[0].size, len(batch)
        before = self._seconds.pop(key, seconds)
        self._seconds[key] = before + _WEIGHT * (seconds - before)
        if len(self._seconds) > _LEARNT:
            self._seconds.popitem(last=False)

    def finished(self, ticket: QueuedFrame[_Work], now: float) -> None:
        ticket.line.frames += 1
        ticket.line.late += now > ticket.due

    def expected(self, size: _Size, count: int) -> float:
        """Seconds. A count that never ran is expected to gain nothing from sharing; a size that never ran, to take for ever."""
        return self._seconds.get((size, count), count * self._seconds.get((size, 1), math.inf))

    def statistics(self) -> dict[str, dict[str, Any]]:
        return {name: line.as_dict() for name, line in self._lines.items()}

    def _waiting(self) -> Iterator[StreamQueue[_Work]]:
        return (line for line in self._lines.values() if line.waiting)

    def _may_go(self, line: StreamQueue[_Work], batch: list[QueuedFrame[_Work]]) -> bool:
        """Whether no other stream that is left out has waited since before this one's last turn."""
        served = {ticket.line.name for ticket in batch} | {line.name}
        return all(line.last_turn <= other.waits_since for other in self._waiting() if other.name not in served)

    def _fits(self, ticket: QueuedFrame[_Work], batch: list[QueuedFrame[_Work]], now: float) -> bool:
        if len(batch) == self._most or ticket.size != batch[0].size:
            return False
        return now + self.expected(ticket.size, len(batch) + 1) <= min(one.due for one in (*batch, ticket))
