"""Runs one function over many items on several threads, with the results in the items' order. Does not know what is computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_order(work: Callable[[_Item], _Result], items: Iterable[_Item], workers: int) -> Iterator[_Result]:
    """Items are taken in the caller's thread, at most `workers` ahead of the result that comes next.

    An error comes in the place of its result, after those before it; it, and a caller who stops in the middle, end what waits.
    """
    pending: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="clearway-restore") as threads:
        try:
            for item in items:
                pending.append(threads.submit(work, item))
                if len(pending) > workers:  # one waits, so that no worker does
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
