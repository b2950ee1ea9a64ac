"""Pinned memory between who lets go of it and who may free it. Does not know what made it.

The last holder of an array may let go of it in any thread, at any line. CUDA may be asked to free it only where the GPU is used.
"""

from __future__ import annotations

import ctypes
import itertools
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

_Allocation = TypeVar("_Allocation")


class PinnedMemory(Generic[_Allocation]):
    """Any thread may use it, several at once."""

    def __init__(self, free: Callable[[_Allocation], object]) -> None:
        self._free = free
        self._held: dict[int, _Allocation] = {}
        self._dying: deque[int] = deque()  # what nobody holds any more
        self._numbers = itertools.count()

    def lend(self, array: NDArray[np.uint8], allocation: _Allocation) -> memoryview:
        """The bytes of an array, whose end is the allocation's."""
        number = next(self._numbers)
        self._held[number] = allocation
        weakref.finalize(array, self._dying.append, number).atexit = False
        return array.data

    def free_unheld(self) -> None:
        """Frees what nobody holds any more."""
        with suppress(IndexError):  # another thread may be at it too
            while True:
                self._free(self._held.pop(self._dying.popleft()))

    def abandon(self) -> None:
        """The GPU is lost: nothing is freed from now on."""
        keep_forever(tuple(self._held.values()))  # others may let go meanwhile
        self._free = lambda _: None


def keep_forever(things: Iterable[object]) -> None:
    """Not even at the exit are they let go: pycuda's and ONNX Runtime's destructors throw where a GPU is lost, which ends the process."""
    for thing in things:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
