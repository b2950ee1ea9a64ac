"""PinnedMemory memory is freed by who uses the GPU next, once, and never where the GPU is lost."""

from __future__ import annotations

import gc
import weakref

import numpy as np

from runtime.cuda.pinned import PinnedMemory, keep_forever


class _Allocation:
    pass


def test_it_is_freed_after_the_last_view_is_gone_and_not_before_it_may_be() -> None:
    freed: list[str] = []
    pinned = PinnedMemory[str](freed.append)
    memory = pinned.lend(np.zeros(8, np.uint8), "one")
    view = np.frombuffer(memory, np.uint8)[2:4]
    pinned.free_unheld()
    del memory
    pinned.free_unheld()
    assert freed == []
    del view
    assert freed == []
    for _ in range(2):
        pinned.free_unheld()
    assert freed == ["one"]


def test_on_a_lost_gpu_nothing_is_freed_or_let_go() -> None:
    freed: list[_Allocation] = []
    pinned, allocation = PinnedMemory[_Allocation](freed.append), _Allocation()
    seen = weakref.ref(allocation)
    memory = pinned.lend(np.zeros(8, np.uint8), allocation)
    pinned.abandon()
    del memory, allocation
    pinned.free_unheld()
    del pinned
    gc.collect()
    assert freed == []
    assert seen() is not None


def test_what_is_kept_outlives_its_last_holder() -> None:
    thing = _Allocation()
    seen = weakref.ref(thing)
    keep_forever([thing])
    del thing
    gc.collect()
    assert seen() is not None
