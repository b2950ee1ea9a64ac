"""Packets between receiving and decoding: whoever is a second behind goes on at a keyframe, and all that was left out is counted."""

from __future__ import annotations

import pytest

from video.live.slot import HandoverEnded
from video.live.sources.packets import PacketQueue, ReceivedPacket


def filled(arrivals: dict[int, float], keyframes: tuple[int, ...] = (0, 10, 20)) -> PacketQueue[int]:
    packets: PacketQueue[int] = PacketQueue()
    for packet, arrived in arrivals.items():
        assert packets.put(packet, arrived, keyframe=packet in keyframes)
    return packets


def rest(packets: PacketQueue[int]) -> list[ReceivedPacket[int]]:
    packets.end()
    came: list[ReceivedPacket[int]] = []
    while True:
        try:
            received = packets.take(0)
        except HandoverEnded:
            return came
        assert received is not None
        came.append(received)


def test_who_keeps_up_gets_everything() -> None:
    arrivals = {packet: packet * 0.04 for packet in range(25)}
    assert rest(filled(arrivals)) == [ReceivedPacket(packet, arrived, 0) for packet, arrived in arrivals.items()]


def test_a_burst_is_no_delay() -> None:
    assert len(rest(filled(dict.fromkeys(range(1000), 0.0)))) == 1000


def test_a_second_behind_all_goes_up_to_the_next_keyframe() -> None:
    packets = filled({packet: packet * 0.25 for packet in range(13)})
    assert rest(packets) == [ReceivedPacket(10, 2.5, 10), ReceivedPacket(11, 2.75, 0), ReceivedPacket(12, 3.0, 0)]


def test_what_was_left_out_twice_is_counted_once() -> None:
    packets = filled({packet: packet * 0.25 for packet in range(22)})
    came = rest(packets)
    assert came[0] == ReceivedPacket(20, 5.0, 20)
    assert sum(1 + received.skipped for received in came) == 22


def test_without_keyframes_it_goes_on_all_the_same() -> None:
    packets = filled({packet: packet * 0.2 for packet in range(301)}, keyframes=(0,))
    (came,) = rest(packets)
    assert (came.packet, came.skipped) == (300, 300)


def test_an_error_comes_after_what_was_received() -> None:
    packets = filled({0: 0.0})
    packets.end(ZeroDivisionError("torn"))
    packets.end()
    assert packets.take(0) == ReceivedPacket(0, 0.0, 0)
    with pytest.raises(ZeroDivisionError, match="torn"):
        packets.take(0)


def test_nobody_takes_any_more() -> None:
    packets = filled({0: 0.0})
    assert packets.take(0) is not None
    assert packets.take(0) is None, "nothing came within the limit"
    packets.end()
    assert not packets.put(1, 0.0, keyframe=True)
