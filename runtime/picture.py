"""What a picture is to this house, and memory for pictures that is used again once nobody holds it; knows nothing of engines.

A new array of a frame's size costs a millisecond of page faults at 1080p, every frame. Here an array's memory comes back when the array
and every view of it are gone, and the next array of that size gets it.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # [H, W, 3] or [N, H, W, 3], BGR, 0..255; owned by whoever made it
Tensors = dict[str, NDArray[np.uint8] | NDArray[np.float32]]


_SIZES_KEPT = 4  # as many as an engine keeps compiled; the memory of others is let go


def _from_the_heap(size: int) -> memoryview:
    return np.empty(size, np.uint8).data


class PictureMemory:
    """Any thread may ask for arrays, and drop them. `allocate` gives writable bytes, pinned ones for a GPU."""

    def __init__(self, allocate: Callable[[int], memoryview] = _from_the_heap) -> None:
        self._allocate = allocate
        self._free: OrderedDict[int, deque[memoryview]] = OrderedDict()  # by size
        self._lock = threading.Lock()  # of the sizes; a finalizer, which may run inside of any line, takes none

    def array(self, shape: Sequence[int]) -> Picture:
        """uint8, C-contiguous, with whatever was in it."""
        size = math.prod(shape)
        free = self._of_size(size)
        try:
            memory = free.pop()
        except IndexError:
            memory = self._allocate(size)
        # numpy makes a view's base the owner of its bytes: here that is `flat`, since `memory` is no array. So `flat` lives for as long
        # as any view does.
        flat = np.frombuffer(memory, np.uint8)
        weakref.finalize(flat, free.append, memory).atexit = False
        return flat.reshape(shape)

    def _of_size(self, size: int) -> deque[memoryview]:
        with self._lock:
            free = self._free.setdefault(size, deque())
            self._free.move_to_end(size)
            if len(self._free) > _SIZES_KEPT:
                self._free.popitem(last=False)
            return free
