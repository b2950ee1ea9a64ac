"""Memory comes back when nobody can see it any more, and never before."""

from __future__ import annotations

import threading

import numpy as np

from runtime.picture import PictureMemory


def _place(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def test_an_array_that_is_gone_gives_its_memory_to_the_next_of_its_size() -> None:
    memory = PictureMemory()
    first = memory.array((4, 5, 3))
    place = _place(first)
    assert first.flags.c_contiguous
    assert first.flags.writeable
    del first
    assert _place(memory.array((5, 4, 3))) == place


def test_any_view_keeps_the_memory() -> None:
    memory = PictureMemory()
    whole = memory.array((2, 4, 3))
    place = _place(whole)
    view = whole[1:].reshape(-1)[2:]
    shown = view.data
    turned = np.asarray(shown)[::-1]
    del whole
    assert _place(memory.array((2, 4, 3))) != place
    del view
    assert _place(memory.array((2, 4, 3))) != place
    del shown
    assert _place(memory.array((2, 4, 3))) != place
    del turned
    assert _place(memory.array((2, 4, 3))) == place


def test_two_that_live_together_have_memory_of_their_own() -> None:
    memory = PictureMemory()
    arrays = [memory.array((3, 3)) for _ in range(4)]
    for number, array in enumerate(arrays):
        array[:] = number
    assert [array.max() for array in arrays] == [0, 1, 2, 3]


def test_sizes_that_are_no_longer_asked_for_are_let_go() -> None:
    asked: list[int] = []

    def allocate(size: int) -> memoryview:
        asked.append(size)
        return memoryview(bytearray(size))

    memory = PictureMemory(allocate)
    for size in (10, 11, 12, 10, 13, 14, 10):  # 10 stays among the last four
        memory.array((size,))
    assert asked == [10, 11, 12, 13, 14]
    memory.array((11,))
    assert asked == [10, 11, 12, 13, 14, 11]


def test_many_threads() -> None:
    memory, wrong = PictureMemory(), list[int]()

    def work(number: int) -> None:
        for turn in range(300):
            array = memory.array((50 + turn % 6,))
            array[:] = number
            if (array != number).any():
                wrong.append(turn)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
