"""The lock: many together, one alone, and nobody waits for ever."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from runtime.cuda.gate import Gate

_PATIENCE = 10  # seconds until a test that hangs fails


def test_many_are_inside_together() -> None:
    gate, met = Gate(), threading.Barrier(3, timeout=_PATIENCE)

    def enter() -> None:
        with gate.together():
            met.wait()

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(enter) for _ in range(3)]:
            done.result(_PATIENCE)


def test_who_is_alone_is_alone() -> None:
    gate, inside, most = Gate(), [0, 0], [0, 0]

    def work(alone: bool) -> None:
        for _ in range(200):
            with gate.alone() if alone else gate.together():
                inside[alone] += 1
                if alone:
                    most[0], most[1] = max(most[0], inside[0]), max(most[1], inside[1])
                inside[alone] -= 1

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work, number % 2 == 0) for number in range(4)]:
            done.result(_PATIENCE)
    assert most == [0, 1]


def test_who_wants_to_be_alone_is_not_kept_waiting_by_those_who_come_later() -> None:
    gate, order = Gate(), []
    first = gate.together()
    first.__enter__()

    def alone() -> None:
        with gate.alone():
            order.append("alone")

    def together() -> None:
        with gate.together():
            order.append("together")

    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(alone)
        ends = time.monotonic() + _PATIENCE
        while not gate._wanting and time.monotonic() < ends:
            time.sleep(0.001)
        other = threads.submit(together)
        first.__exit__(None, None, None)
        one.result(_PATIENCE)
        other.result(_PATIENCE)
    assert order == ["alone", "together"]


@pytest.mark.parametrize("way", ["alone", "together"])
def test_an_error_inside_leaves_it_open(way: str) -> None:
    gate = Gate()
    with pytest.raises(ZeroDivisionError), getattr(gate, way)():
        raise ZeroDivisionError
    with gate.alone():
        pass
