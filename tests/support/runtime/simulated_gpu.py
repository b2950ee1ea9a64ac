"""Owns a simulated GPU: pycuda.driver and cuda.bindings.driver over numpy arrays, for tests of what runs on a GPU.

Like a real one it does later what a stream is given: in that stream's order, when somebody waits for it, and not before. What is used
after it was freed, freed twice, or touched by a thread that is not working on the GPU is an AssertionError. `live` counts what is held,
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


class SimulatedError(Exception):
    """pycuda.driver.Error."""


class SimulatedMemoryError(SimulatedError):
    """pycuda.driver.MemoryError."""


class Fault(Enum):
    MEMORY = "out of memory"
    ERROR = "an invalid value"
    LOST = "unspecified launch failure"  # and every call after it


class SimulatedGpu:
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
        self.streams: WeakValueDictionary[int, SimulatedStream] = WeakValueDictionary()
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
        assert self.depth > 0, "the GPU was used by a thread that is not working on it"
        with self.lock:
            self.steps += 1
            if self.steps == self.fail_at:
                self.lost = self.fault is Fault.LOST
                return True
            return self.lost

    def step(self) -> None:
        if self.fails():
            kind = SimulatedMemoryError if self.fault is Fault.MEMORY and not self.lost else SimulatedError
            raise kind(f"cuSomething failed: {self.fault.value}")

    def allocate(self, size: int) -> int:
        assert size > 0
        with self.lock:
            if size > self.free:
                raise SimulatedMemoryError("cuMemAlloc failed: out of memory")
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
    def __init__(self, gpu: SimulatedGpu, size: int) -> None:
        self._gpu = gpu
        self._address = gpu.allocate(size)

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        assert self._gpu.depth
        self._gpu.release(self._address)


class HostAllocation:
    def __init__(self, gpu: SimulatedGpu, size: int) -> None:
        self._gpu: SimulatedGpu | None = gpu
        self._bytes = np.full(size, 0xCD, np.uint8)
        self.__array_interface__ = self._bytes.__array_interface__
        gpu.live["pinned"] += 1

    def free(self) -> None:
        assert self._gpu is not None, "pinned memory was freed twice"
        assert self._gpu.depth
        self._gpu.live["pinned"] -= 1
        self._gpu = None

    def __del__(self) -> None:
        if self._gpu is not None:
            self._gpu.leaked.append("pinned memory went without being freed")


class _Held:
    """What pycuda destroys when nobody holds it any more, if the thread works on the GPU."""

    def __init__(self, gpu: SimulatedGpu, kind: str) -> None:
        gpu.step()
        self.gpu, self._kind = gpu, kind
        gpu.live[kind] += 1

    def __del__(self) -> None:
        if hasattr(self, "_kind"):
            self.gpu.live[self._kind] -= 1
            if not self.gpu.depth:
                self.gpu.leaked.append(f"a {self._kind} went in a thread that does not work on the GPU")


class SimulatedStream(_Held):
    def __init__(self, gpu: SimulatedGpu, flags: int = 0) -> None:
        super().__init__(gpu, "stream")
        self.handle = next(gpu._addresses)
        self._work: deque[Callable[[], None]] = deque()
        self.captured: list[Callable[[], None]] | None = None
        gpu.streams[self.handle] = self

    def give(self, work: Callable[[], None]) -> None:
        (self._work if self.captured is None else self.captured).append(work)

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        with self.gpu.lock:
            while self._work and not until():
                self._work.popleft()()

    def synchronize(self) -> None:
        if self.gpu.lost:
            self._work.clear()
        assert self.gpu.depth
        self.run()

    def wait_for_event(self, event: SimulatedEvent) -> None:
        self.gpu.step()
        until = event.recorded
        if until is not None:
            self.give(lambda: until.stream.run(lambda: until.done))


class _Recorded:
    def __init__(self, stream: SimulatedStream) -> None:
        self.stream = stream
        self.time: float | None = None

    @property
    def done(self) -> bool:
        return self.time is not None


class SimulatedEvent(_Held):
    def __init__(self, gpu: SimulatedGpu, flags: object = None) -> None:
        super().__init__(gpu, "event")
        self.recorded: _Recorded | None = None

    def record(self, stream: SimulatedStream) -> None:
        self.gpu.step()
        assert stream.captured is None
        recorded = self.recorded = _Recorded(stream)

        def happen() -> None:
            self.gpu.clock += 1
            recorded.time = self.gpu.clock

        stream.give(happen)

    def synchronize(self) -> None:
        self.gpu.step()
        if (recorded := self.recorded) is not None:
            recorded.stream.run(lambda: recorded.done)

    def time_till(self, later: SimulatedEvent) -> float:
        self.gpu.step()
        assert self.recorded is not None
        assert later.recorded is not None
        assert self.recorded.time is not None
        assert later.recorded.time is not None, "an event was read before anybody waited for it"
        return later.recorded.time - self.recorded.time


class _Context:
    """Both the class and its objects: `pop` goes for the calling thread."""

    def __init__(self, gpu: SimulatedGpu) -> None:
        self._gpu = gpu

    def push(self) -> None:
        self._gpu.move(1)

    def pop(self) -> None:
        self._gpu.move(-1)


class SimulatedDriver:
    """The module pycuda.driver."""

    Error = SimulatedError
    MemoryError = SimulatedMemoryError
    HostAllocation = HostAllocation
    event_flags = SimpleNamespace(BLOCKING_SYNC=1)

    def __init__(self, gpu: SimulatedGpu) -> None:
        self.gpu = gpu
        self.Context = _Context(gpu)

    def init(self) -> None:
        pass

    def Device(self, ordinal: int) -> Any:  # noqa: N802
        assert ordinal == 0
        return SimpleNamespace(retain_primary_context=lambda: _Context(self.gpu))

    def Stream(self, flags: int = 0) -> SimulatedStream:  # noqa: N802
        return SimulatedStream(self.gpu, flags)

    def Event(self, flags: object = None) -> SimulatedEvent:  # noqa: N802
        return SimulatedEvent(self.gpu, flags)

    def mem_alloc(self, size: int) -> _Allocation:
        self.gpu.step()
        return _Allocation(self.gpu, size)

    def mem_get_info(self) -> tuple[int, int]:
        if self.gpu.lost:
            raise SimulatedError("cuMemGetInfo failed: unspecified launch failure")
        return self.gpu.free, self.gpu.total

    def pagelocked_empty(self, shape: int, dtype: type[np.uint8]) -> NDArray[np.uint8]:
        self.gpu.step()
        return np.asarray(HostAllocation(self.gpu, shape))

    def memcpy_htod_async(self, dest: int, src: NDArray[Any], stream: SimulatedStream) -> None:
        self.gpu.step()
        assert src.flags.c_contiguous
        stream.give(lambda: _copy(self.gpu.at(dest, src.nbytes), src.reshape(-1).view(np.uint8)))

    def memcpy_dtoh_async(self, dest: NDArray[Any], src: int, stream: SimulatedStream) -> None:
        self.gpu.step()
        assert dest.flags.c_contiguous
        stream.give(lambda: _copy(dest.reshape(-1).view(np.uint8), self.gpu.at(src, dest.nbytes)))


def _copy(to: NDArray[np.uint8], come: NDArray[np.uint8]) -> None:
    to[:] = come


class _Code(NamedTuple):
    name: str


_SUCCESS = _Code("CUDA_SUCCESS")


class SimulatedGraphs:
    """The module cuda.bindings.driver."""

    CUresult = SimpleNamespace(CUDA_SUCCESS=_SUCCESS)
    CUstreamCaptureMode = SimpleNamespace(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL=1)

    def __init__(self, gpu: SimulatedGpu) -> None:
        self.gpu = gpu

    def CUstream(self, handle: int) -> SimulatedStream:  # noqa: N802
        return self.gpu.streams[handle]

    def _code(self) -> _Code:
        return _Code("CUDA_ERROR_UNKNOWN") if self.gpu.fails() else _SUCCESS

    def cuStreamBeginCapture(self, stream: SimulatedStream, mode: object) -> tuple[_Code, ...]:  # noqa: N802
        code = self._code()
        if code is _SUCCESS:
            assert stream.captured is None
            stream.captured = []
        return (code,)

    def cuStreamEndCapture(self, stream: SimulatedStream) -> tuple[_Code, Any]:  # noqa: N802
        work, stream.captured = stream.captured, None
        code = self._code()
        if code is _SUCCESS:
            self.gpu.live["graph"] += 1
        return code, work

    def cuGraphInstantiate(self, graph: list[Callable[[], None]], flags: int) -> tuple[_Code, Any]:  # noqa: N802
        code = self._code()
        if code is _SUCCESS:
            self.gpu.live["executable"] += 1
        return code, tuple(graph)

    def cuGraphLaunch(self, executable: tuple[Callable[[], None], ...], stream: SimulatedStream) -> tuple[_Code]:  # noqa: N802
        code = self._code()
        if code is _SUCCESS:
            for work in executable:
                stream.give(work)
            self.gpu.computed.append("launched")
        return (code,)

    def cuGraphExecDestroy(self, executable: object) -> tuple[_Code]:  # noqa: N802
        self.gpu.live["executable"] -= 1
        return (_SUCCESS,)

    def cuGraphDestroy(self, graph: object) -> tuple[_Code]:  # noqa: N802
        self.gpu.live["graph"] -= 1
        return (_SUCCESS,)
