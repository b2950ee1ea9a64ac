"""Packets of other streams: in their order, without those whose time is damaged, and never one too few."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import cast

import pytest
from av.packet import Packet
from av.stream import Stream

from video.files.sources.copied import CopiedPackets


def packet(dts: int | None, index: int = 1, kind: str = "audio") -> Packet[Stream]:
    made = SimpleNamespace(dts=dts, time_base=Fraction(1), stream_index=index, stream=SimpleNamespace(type=kind))
    return cast("Packet[Stream]", made)


def through(times: list[int]) -> tuple[list[int | None], int]:
    copied = CopiedPackets()
    for time in times:
        copied.add(packet(time))
    copied.end()
    return [one.dts for one in copied.take()], copied.astray


@pytest.mark.parametrize(
    ("times", "kept"),
    [
        ([], []),
        ([7], [7]),
        ([0, 1, 2, 3], [0, 1, 2, 3]),
        ([0, 1, 9000, 3, 4], [0, 1, 3, 4]),  # hours ahead
        ([100, 101, 2, 103], [100, 101, 103]),  # back
        ([100, 101, 2], [100, 101]),
        ([0, 1, 9000, 9001], [0, 1, 9000, 9001]),  # a pause
        ([100, 101, 2, 3, 4], [100, 101, 2, 3, 4]),  # another recording: not a fault of one packet
        ([5, 5, 5], [5, 5, 5]),
    ],
)
def test_one_time_far_from_those_around_it_is_left_out(times: list[int], kept: list[int]) -> None:
    assert through(times) == (kept, len(times) - len(kept))


def test_subtitles_are_not_waited_for() -> None:
    copied = CopiedPackets()
    copied.add(packet(5, kind="subtitle"))
    assert [one.dts for one in copied.take()] == [5]


def test_each_stream_has_its_own_times() -> None:
    copied = CopiedPackets()
    for time in range(3):
        copied.add(packet(time, index=1))
        copied.add(packet(time + 9000, index=2))
    copied.end()
    assert len(list(copied.take())) == 6
    assert copied.astray == 0


def test_what_ends_a_stream_is_no_packet() -> None:
    copied = CopiedPackets()
    copied.add(packet(None))
    copied.end()
    assert list(copied.take()) == []
