"""Pinned memory is freed by who uses the GPU next, once, and never where the GPU is lost."""

from __future__ import annotations

import gc
import weakref

import numpy as np

from runtime.cuda.pinned import Pinned, keep_for_ever


class _Allocation:
    pass


def test_it_is_freed_after_the_last_view_is_gone_and_not_before_it_may_be() -> None:
    freed: list[str] = []
    pinned = Pinned[str](freed.append)
    memory = pinned.lent(np.zeros(8, np.uint8), "one")
    view = np.frombuffer(memory, np.uint8)[2:4]
    pinned.bury()
    del memory
    pinned.bury()
    assert freed == []
    del view
    assert freed == []
    for _ in range(2):
        pinned.bury()
    assert freed == ["one"]


def test_on_a_lost_gpu_nothing_is_freed_or_let_go() -> None:
    freed: list[_Allocation] = []
    pinned, allocation = Pinned[_Allocation](freed.append), _Allocation()
    seen = weakref.ref(allocation)
    memory = pinned.lent(np.zeros(8, np.uint8), allocation)
    pinned.forsake()
    del memory, allocation
    pinned.bury()
    del pinned
    gc.collect()
    assert freed == []
    assert seen() is not None


def test_what_is_kept_outlives_its_last_holder() -> None:
    thing = _Allocation()
    seen = weakref.ref(thing)
    keep_for_ever([thing])
    del thing
    gc.collect()
    assert seen() is not None
