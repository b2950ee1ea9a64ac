"""The packets of a file's other streams between the one who reads them and the one who copies them. Does not know either.

In some containers each packet says its time itself, and one flipped bit makes it hours later. Everything after it could only be moved
behind it, so sound, which goes on without a pause, is held back by a packet to see whether its time goes back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from runtime.errors import needs_extra

with needs_extra("cpu"):
    from av.packet import Packet
    from av.stream import Stream

_FAR = 1  # seconds; less is a disorder that the sink can mend


class CopiedPackets:
    """One thread gives, one takes."""

    def __init__(self) -> None:
        self.astray = 0  # packets that were left out
        self._ready: deque[Packet[Stream]] = deque()
        self._held: dict[int, Packet[Stream]] = {}
        self._last: dict[int, int] = {}  # the time of the last one that was handed on

    def add(self, packet: Packet[Stream]) -> None:
        if packet.dts is None:  # the empty packet that ends a stream, or a cover picture
            return
        if packet.stream.type != "audio":
            self._ready.append(packet)
            return
        held = self._held.get(packet.stream_index)
        self._held[packet.stream_index] = packet
        if held is not None:
            self._hand_on(held, packet.dts)

    def end(self) -> None:
        for held in self._held.values():
            self._hand_on(held, None)
        self._held.clear()

    def take(self) -> Iterator[Packet[Stream]]:
        while self._ready:
            yield self._ready.popleft()

    def _hand_on(self, packet: Packet[Stream], following: int | None) -> None:
        time, index = packet.dts, packet.stream_index
        assert time is not None, "only packets with a time are held"
        last = self._last.get(index, time)
        astray = 0
        if following is not None and last <= following < time:
            astray = time - following
        elif time < last and (following is None or following >= last):
            astray = last - time
        if astray and astray * packet.time_base > _FAR:
            self.astray += 1
            return
        self._last[index] = time
        self._ready.append(packet)
