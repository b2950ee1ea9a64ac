"""Owns a card of paper: pycuda.driver and cuda.bindings.driver over numpy arrays, for tests of what runs on a card.

Like a real one it does later what a stream is given: in that stream's order, when somebody waits for it, and not before. What is used
after it was freed, freed twice, or touched by a thread that is not working on the card is an AssertionError. `live` counts what is held,
and any call can be made to fail.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter, deque
from collections.abc import Callable
from enum import Enum
from types import SimpleNamespace
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

_APART = 1 << 32  # between two addresses, so that no allocation reaches into the next


class PaperError(Exception):
    """pycuda.driver.Error."""


class PaperMemoryError(PaperError):
    """pycuda.driver.MemoryError."""


class Fault(Enum):
    MEMORY = "out of memory"
    ERROR = "an invalid value"
    LOST = "unspecified launch failure"  # and every call after it


class PaperCard:
    def __init__(self, total: int = 1 << 30) -> None:
        self.total = self.free = total
        self.live: Counter[str] = Counter()
        self.leaked: list[str] = []
        self.computed: list[object] = []  # by whoever computes, in order
        self.steps = 0  # calls that can fail
        self.fail_at: int | None = None
        self.fault = Fault.ERROR
        self.lost = False
        self.lock = threading.RLock()
        self._memory: dict[int, NDArray[np.uint8]] = {}
        self._addresses = itertools.count(_APART, _APART)
        self._threads = threading.local()
        self.streams: WeakValueDictionary[int, PaperStream] = WeakValueDictionary()
        self.clock = 0.0

    @property
    def depth(self) -> int:
        """How often the calling thread has pushed the context."""
        return getattr(self._threads, "depth", 0)

    def move(self, by: int) -> None:
        self._threads.depth = self.depth + by
        assert self.depth >= 0, "a context was popped that was not pushed"

    def fails(self) -> bool:
        """Counts a call that can fail. Whether this one does."""
        assert self.depth > 0, "the card was used by a thread that is not working on it"
        with self.lock:
            self.steps += 1
            if self.steps == self.fail_at:
                self.lost = self.fault is Fault.LOST
                return True
            return self.lost

    def step(self) -> None:
        if self.fails():
            kind = PaperMemoryError if self.fault is Fault.MEMORY and not self.lost else PaperError
            raise kind(f"cuSomething failed: {self.fault.value}")

    def allocate(self, size: int) -> int:
        assert size > 0
        with self.lock:
            if size > self.free:
                raise PaperMemoryError("cuMemAlloc failed: out of memory")
            self.free -= size
            address = next(self._addresses)
            self._memory[address] = np.full(size, 0xAB, np.uint8)
            self.live["device"] += 1
            return address

    def release(self, address: int) -> None:
        with self.lock:
            assert address in self._memory, "memory was freed twice"
            self.free += self._memory.pop(address).size
            self.live["device"] -= 1

    def at(self, address: int, size: int) -> NDArray[np.uint8]:
        memory = self._memory.get(address)
        assert memory is not None, "memory was used after it was freed"
        assert size <= memory.size, f"{size} bytes of {memory.size} were used"
        return memory[:size]


class _Allocation:
    def __init__(self, card: PaperCard, size: int) -> None:
        self._card = card
        self._address = card.allocate(size)

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        assert self._card.depth
        self._card.release(self._address)


class HostAllocation:
    def __init__(self, card: PaperCard, size: int) -> None:
        self._card: PaperCard | None = card
        self._bytes = np.full(size, 0xCD, np.uint8)
        self.__array_interface__ = self._bytes.__array_interface__
        card.live["pinned"] += 1

    def free(self) -> None:
        assert self._card is not None, "pinned memory was freed twice"
        assert self._card.depth
        self._card.live["pinned"] -= 1
        self._card = None

    def __del__(self) -> None:
        if self._card is not None:
            self._card.leaked.append("pinned memory went without being freed")


class _Held:
    """What pycuda destroys when nobody holds it any more, if the thread works on the card."""

    def __init__(self, card: PaperCard, kind: str) -> None:
        card.step()
        self.card, self._kind = card, kind
        card.live[kind] += 1

    def __del__(self) -> None:
        if hasattr(self, "_kind"):
            self.card.live[self._kind] -= 1
            if not self.card.depth:
                self.card.leaked.append(f"a {self._kind} went in a thread that does not work on the card")


class PaperStream(_Held):
    def __init__(self, card: PaperCard, flags: int = 0) -> None:
        super().__init__(card, "stream")
        self.handle = next(card._addresses)
        self._work: deque[Callable[[], None]] = deque()
        self.captured: list[Callable[[], None]] | None = None
        card.streams[self.handle] = self

    def give(self, work: Callable[[], None]) -> None:
        (self._work if self.captured is None else self.captured).append(work)

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        with self.card.lock:
            while self._work and not until():
                self._work.popleft()()

    def synchronize(self) -> None:
        if self.card.lost:
            self._work.clear()
        assert self.card.depth
        self.run()

    def wait_for_event(self, event: PaperEvent) -> None:
        self.card.step()
        until = event.recorded
        if until is not None:
            self.give(lambda: until.stream.run(lambda: until.done))


class _Recorded:
    def __init__(self, stream: PaperStream) -> None:
        self.stream = stream
        self.time: float | None = None

    @property
    def done(self) -> bool:
        return self.time is not None


class PaperEvent(_Held):
    def __init__(self, card: PaperCard, flags: object = None) -> None:
        super().__init__(card, "event")
        self.recorded: _Recorded | None = None

    def record(self, stream: PaperStream) -> None:
        self.card.step()
        assert stream.captured is None
        recorded = self.recorded = _Recorded(stream)

        def happen() -> None:
            self.card.clock += 1
            recorded.time = self.card.clock

        stream.give(happen)

    def synchronize(self) -> None:
        self.card.step()
        if (recorded := self.recorded) is not None:
            recorded.stream.run(lambda: recorded.done)

    def time_till(self, later: PaperEvent) -> float:
        self.card.step()
        assert self.recorded is not None
        assert later.recorded is not None
        assert self.recorded.time is not None
        assert later.recorded.time is not None, "an event was read before anybody waited for it"
        return later.recorded.time - self.recorded.time


class _Context:
    """Both the class and its objects: `pop` goes for the calling thread."""

    def __init__(self, card: PaperCard) -> None:
        self._card = card

    def push(self) -> None:
        self._card.move(1)

    def pop(self) -> None:
        self._card.move(-1)


class PaperDriver:
    """The module pycuda.driver."""

    Error = PaperError
    MemoryError = PaperMemoryError
    HostAllocation = HostAllocation
    event_flags = SimpleNamespace(BLOCKING_SYNC=1)

    def __init__(self, card: PaperCard) -> None:
        self.card = card
        self.Context = _Context(card)

    def init(self) -> None:
        pass

    def Device(self, ordinal: int) -> Any:  # noqa: N802
        assert ordinal == 0
        return SimpleNamespace(retain_primary_context=lambda: _Context(self.card))

    def Stream(self, flags: int = 0) -> PaperStream:  # noqa: N802
        return PaperStream(self.card, flags)

    def Event(self, flags: object = None) -> PaperEvent:  # noqa: N802
        return PaperEvent(self.card, flags)

    def mem_alloc(self, size: int) -> _Allocation:
        self.card.step()
        return _Allocation(self.card, size)

    def mem_get_info(self) -> tuple[int, int]:
        if self.card.lost:
            raise PaperError("cuMemGetInfo failed: unspecified launch failure")
        return self.card.free, self.card.total

    def pagelocked_empty(self, shape: int, dtype: type[np.uint8]) -> NDArray[np.uint8]:
        self.card.step()
        return np.asarray(HostAllocation(self.card, shape))

    def memcpy_htod_async(self, dest: int, src: NDArray[Any], stream: PaperStream) -> None:
        self.card.step()
        assert src.flags.c_contiguous
        stream.give(lambda: _copy(self.card.at(dest, src.nbytes), src.reshape(-1).view(np.uint8)))

    def memcpy_dtoh_async(self, dest: NDArray[Any], src: int, stream: PaperStream) -> None:
        self.card.step()
        assert dest.flags.c_contiguous
        stream.give(lambda: _copy(dest.reshape(-1).view(np.uint8), self.card.at(src, dest.nbytes)))


def _copy(to: NDArray[np.uint8], come: NDArray[np.uint8]) -> None:
    to[:] = come


class _Code(NamedTuple):
    name: str


_SUCCESS = _Code("CUDA_SUCCESS")


class PaperGraphs:
    """The module cuda.bindings.driver."""

    CUresult = SimpleNamespace(CUDA_SUCCESS=_SUCCESS)
    CUstreamCaptureMode = SimpleNamespace(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL=1)

    def __init__(self, card: PaperCard) -> None:
        self.card = card

    def CUstream(self, handle: int) -> PaperStream:  # noqa: N802
        return self.card.streams[handle]

    def _code(self) -> _Code:
        return _Code("CUDA_ERROR_UNKNOWN") if self.card.fails() else _SUCCESS

    def cuStreamBeginCapture(self, stream: PaperStream, mode: object) -> tuple[_Code, ...]:  # noqa: N802
        code = self._code()
        if code is _SUCCESS:
            assert stream.captured is None
            stream.captured = []
        return (code,)

    def cuStreamEndCapture(self, stream: PaperStream) -> tuple[_Code, Any]:  # noqa: N802
        work, stream.captured = stream.captured, None
        code = self._code()
        if code is _SUCCESS:
            self.card.live["graph"] += 1
        return code, work

    def cuGraphInstantiate(self, graph: list[Callable[[], None]], flags: int) -> tuple[_Code, Any]:  # noqa: N802
        code = self._code()
        if code is _SUCCESS:
            self.card.live["executable"] += 1
        return code, tuple(graph)

    def cuGraphLaunch(self, executable: tuple[Callable[[], None], ...], stream: PaperStream) -> tuple[_Code]:  # noqa: N802
        code = self._code()
        if code is _SUCCESS:
            for work in executable:
                stream.give(work)
            self.card.computed.append("launched")
        return (code,)

    def cuGraphExecDestroy(self, executable: object) -> tuple[_Code]:  # noqa: N802
        self.card.live["executable"] -= 1
        return (_SUCCESS,)

    def cuGraphDestroy(self, graph: object) -> tuple[_Code]:  # noqa: N802
        self.card.live["graph"] -= 1
        return (_SUCCESS,)
