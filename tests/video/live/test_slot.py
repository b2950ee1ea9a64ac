"""The slot: giving never waits, the newest stays, what nobody took is counted, and an end reaches whoever waits."""

from __future__ import annotations

import threading

import pytest

from tests.support.video.servers import ENDS_WITHIN
from video.live.slot import HandoverEnded, Slot


def test_the_newest_stays_and_the_rest_is_counted() -> None:
    slot: Slot[int] = Slot()
    for item in range(5):
        slot.put(item)
    assert slot.take(0) == 4
    assert slot.dropped == 4
    assert slot.take(0) is None, "nothing came within the limit"


def test_a_deeper_slot_keeps_the_order_of_the_newest() -> None:
    slot: Slot[int] = Slot(3)
    for item in range(5):
        slot.put(item)
    assert [slot.take(0) for _ in range(3)] == [2, 3, 4]
    assert slot.dropped == 2


def test_what_is_held_can_be_taken_after_the_end() -> None:
    slot: Slot[int] = Slot()
    slot.put(1)
    slot.end()
    slot.put(2)
    assert slot.take(0) == 1
    with pytest.raises(HandoverEnded):
        slot.take(0)
    assert slot.dropped == 0, "what came after the end is nobody's loss"


def test_the_first_end_counts() -> None:
    slot: Slot[int] = Slot()
    slot.end(ZeroDivisionError("first"))
    slot.end()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="first"):
            slot.take(0)


@pytest.mark.parametrize("end", [False, True])
def test_whoever_waits_is_woken(end: bool) -> None:
    slot: Slot[int] = Slot()
    came: list[object] = []

    def take() -> None:
        try:
            came.append(slot.take(ENDS_WITHIN))
        except HandoverEnded:
            came.append("ended")

    waiting = threading.Thread(target=take, daemon=True)
    waiting.start()
    if end:
        slot.end()
    else:
        slot.put(7)
    waiting.join(ENDS_WITHIN / 2)
    assert came == ["ended" if end else 7]
