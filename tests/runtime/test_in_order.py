"""One function over many items, on several threads: in order, a bounded number ahead, and an error in its place."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from runtime.in_order import in_order


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 4, 30])
def test_every_result_in_its_place(workers: int, count: int) -> None:
    assert list(in_order(lambda item: item * 2, range(count), workers)) == [item * 2 for item in range(count)]


@pytest.mark.parametrize("workers", [1, 3])
def test_items_are_taken_a_few_ahead_and_no_more(workers: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = in_order(lambda item: item, items(), workers)
    for result in itertools.islice(results, 10):
        assert result <= taken <= result + workers
    results.close()  # type: ignore[attr-defined]  # it is a generator


def test_an_error_comes_after_the_results_before_it_and_ends_the_threads() -> None:
    results = in_order(lambda item: 1 // (3 - item), range(100), 2)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("clearway-restore")]
