"""The part of pycuda.driver and cuda.bindings.driver that this room calls, as types. Does not know what it is called for.

Neither brings types. tests/runtime/cuda/test_names.py looks the second one's names up in the real package; pycuda's sources have those of
the first, but it is compiled where a CUDA toolkit is.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Allocation(Protocol):
    """On the GPU; __int__ is its address."""

    def __int__(self) -> int: ...
    def free(self) -> None: ...


class HostAllocation(Protocol):
    """PinnedMemory; the array that was made on it has it as `base`."""

    def free(self) -> None: ...


class CudaContext(Protocol):
    """`pop` is of the class: it goes for the current one of the calling thread."""

    def push(self) -> None: ...


class CudaDevice(Protocol):
    def retain_primary_context(self) -> CudaContext: ...


class CudaEvent(Protocol):
    def record(self, stream: CudaStream, /) -> object: ...
    def synchronize(self) -> object: ...
    def time_till(self, later: CudaEvent, /) -> float: ...  # milliseconds


class CudaStream(Protocol):
    handle: int

    def synchronize(self) -> None: ...
    def wait_for_event(self, event: CudaEvent, /) -> None: ...


class EventFlags(Protocol):
    BLOCKING_SYNC: Any


class ContextClass(Protocol):
    def pop(self) -> None: ...


class CudaDriver(Protocol):
    """The module pycuda.driver."""

    Error: type[Exception]
    MemoryError: type[Exception]  # a kind of Error
    HostAllocation: type[Any]
    Context: ContextClass
    event_flags: EventFlags

    def init(self) -> None: ...
    def Device(self, ordinal: int, /) -> CudaDevice: ...  # noqa: N802  # their names
    def Stream(self, flags: int, /) -> CudaStream: ...  # noqa: N802
    def Event(self, flags: Any = ..., /) -> CudaEvent: ...  # noqa: N802
    def mem_alloc(self, size: int, /) -> Allocation: ...
    def mem_get_info(self) -> tuple[int, int]: ...  # free, total
    def pagelocked_empty(self, shape: int, dtype: type[np.uint8], /) -> NDArray[np.uint8]: ...
    def memcpy_htod_async(self, dest: int, src: NDArray[Any], stream: CudaStream, /) -> None: ...
    def memcpy_dtoh_async(self, dest: NDArray[Any], src: int, stream: CudaStream, /) -> None: ...


class CaptureMode(Protocol):
    CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: Any


class ResultCodes(Protocol):
    CUDA_SUCCESS: Any


class GraphDriver(Protocol):
    """The module cuda.bindings.driver. Every function gives a tuple: the result code, then what it is asked for."""

    CUstreamCaptureMode: CaptureMode
    CUresult: ResultCodes

    def CUstream(self, handle: int, /) -> Any: ...  # noqa: N802
    def cuStreamBeginCapture(self, stream: Any, mode: Any, /) -> tuple[Any, ...]: ...  # noqa: N802
    def cuStreamEndCapture(self, stream: Any, /) -> tuple[Any, ...]: ...  # noqa: N802
    def cuGraphInstantiate(self, graph: Any, flags: int, /) -> tuple[Any, ...]: ...  # noqa: N802
    def cuGraphLaunch(self, executable: Any, stream: Any, /) -> tuple[Any, ...]: ...  # noqa: N802
    def cuGraphExecDestroy(self, executable: Any, /) -> tuple[Any, ...]: ...  # noqa: N802
    def cuGraphDestroy(self, graph: Any, /) -> tuple[Any, ...]: ...  # noqa: N802
