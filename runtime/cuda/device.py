"""The GPU: whose turn a thread has on it, its memory, pinned memory, and what its errors mean. Does not know engines.

With runtime/cuda/stream.py and runtime/cuda/graphs.py it is all of CUDA in this house. Every call is checked, by pycuda or here. pycuda's
contexts belong to threads: a thread works on the GPU inside of `with device.current()`, and whatever is freed is freed there too.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from runtime.cuda.api import Allocation, CudaDriver, HostAllocation
from runtime.cuda.pinned import PinnedMemory, keep_forever
from runtime.errors import BackendError, MissingExtra
from runtime.picture import Picture

_T = TypeVar("_T")


@functools.cache
def open_device() -> Device:
    """The first GPU. One for the whole process, never let go."""
    try:
        import pycuda.driver as driver
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("pycuda"):
            raise MissingExtra("pycuda", "gpu") from error
        again = "compile it again: pip install --force-reinstall --no-cache-dir --no-binary pycuda pycuda"
        raise BackendError(f"pycuda is installed and cannot be loaded ({error}); {again}") from error
    return Device(cast(CudaDriver, driver))


class Device:
    """Any thread may use it, several at once."""

    def __init__(self, driver: CudaDriver) -> None:
        self.driver = driver
        self._threads = threading.local()
        self._pinned = PinnedMemory[HostAllocation](lambda allocation: allocation.free())
        try:
            driver.init()
            self._context = driver.Device(0).retain_primary_context()
        except driver.Error as error:
            raise BackendError(f"the GPU cannot be opened ({first_line(error)}); nvidia-smi may say more") from error
        # At the exit pycuda would give it back with cuCtxDetach, which is not for primary contexts, and print that this failed.
        keep_forever([self._context])

    @contextmanager
    def current(self) -> Iterator[None]:
        """The calling thread works on the GPU; may be nested. What pycuda raises inside comes out as a BackendError."""
        try:
            with nullcontext() if getattr(self._threads, "working", False) else self._pushed():
                self._pinned.free_unheld()
                yield
        except self.driver.Error as error:
            raise BackendError(f"the GPU failed ({first_line(error)}); nvidia-smi may say more") from error

    @contextmanager
    def _pushed(self) -> Iterator[None]:
        """Once a thread: to nest is four calls more, and where one fails, on a lost GPU, pycuda's stack and CUDA's differ for good."""
        self._context.push()
        self._threads.working = True
        try:
            yield
        finally:
            self._threads.working = False
            self.driver.Context.pop()

    def answers(self) -> bool:
        """After an error: whether the GPU still works for this process. Most errors of kernels end that for good, and any question shows
        it; this one waits for nobody, and may be asked while another thread captures."""
        try:
            with self.current():
                self.driver.mem_get_info()
        except BackendError:
            return False
        return True

    def abandon_if_lost(self) -> bool:
        """Whether the GPU is lost; its pinned memory is never let go then."""
        if self.answers():
            return False
        self._pinned.abandon()
        return True

    def allocate(self, size: int) -> Allocation:
        return self._granted(size, "of GPU memory", lambda: self.driver.mem_alloc(size))

    def allocate_pinned(self, size: int) -> NDArray[np.uint8]:
        """Memory of the machine that the GPU reads and writes by itself. Its `base` is what frees it."""
        return self._granted(size, "of pinned memory", lambda: self.driver.pagelocked_empty(size, np.uint8))

    def pinned(self, size: int) -> memoryview:
        """The same for PictureMemory, in any thread. It is freed when the GPU is next used after nobody holds it."""
        with self.current():
            array = self.allocate_pinned(size)
        return self._pinned.lend(array, cast(HostAllocation, array.base))

    def is_pinned(self, array: Picture | NDArray[np.float32]) -> bool:
        """Whether an array lies, whole and in one piece, in pinned memory of ours."""
        owner: object = array if array.flags.c_contiguous else None
        while isinstance(owner, np.ndarray | memoryview):
            owner = owner.obj if isinstance(owner, memoryview) else owner.base
        return isinstance(owner, self.driver.HostAllocation)

    def _granted(self, size: int, of: str, allocate: Callable[[], _T]) -> _T:
        try:
            return allocate()
        except self.driver.MemoryError as error:
            free, total = self.driver.mem_get_info()
            there = f"{free / 1e6:.0f} of the GPU's {total / 1e6:.0f} MB are free"
            what = "hand in smaller pictures or fewer at once, or end other programs that use it"
            raise BackendError(f"{size / 1e6:.1f} MB {of} were asked for and not to be had, {there}; {what}") from error


class DeviceBuffer:
    """Memory on the GPU that changes its size; so does its address then. Used inside of `device.current()`."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._allocation: Allocation | None = None
        self.size = self.address = 0

    def resize(self, size: int) -> None:
        """What was in it is gone. Where there is not enough memory, it has none."""
        if size != self.size:
            self.free()  # first: both need not fit
            self._allocation = self._device.allocate(size)
            self.size, self.address = size, int(self._allocation)

    def free(self) -> None:
        allocation, self._allocation = self._allocation, None
        self.size = self.address = 0
        if allocation is not None:
            allocation.free()


class PinnedBuffer:
    """The same in pinned memory: bytes that the GPU reads or writes while Python does something else."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.bytes: NDArray[np.uint8] = np.empty(0, np.uint8)

    def resize(self, size: int) -> None:
        if size != self.bytes.size:
            self.free()
            self.bytes = self._device.allocate_pinned(size)

    def free(self) -> None:
        allocation, self.bytes = self.bytes.base, np.empty(0, np.uint8)
        if allocation is not None:
            cast(HostAllocation, allocation).free()


def first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
