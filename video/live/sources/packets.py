"""The queue between receiving and decoding a stream. Does not know what a packet is.

The receiver never waits, so that a slow decoder shows here and not as a growing delay in some network buffer. Where the decoder is more
than a second behind, all packets up to the next keyframe are skipped: leaving out a single one would damage those after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from video.live.slot import Handover

_T = TypeVar("_T")

_BEHIND_S = 1.0
_SKIPPED_AT_MOST = 300  # streams with intra refresh have no keyframes


@dataclass(frozen=True)
class ReceivedPacket(Generic[_T]):
    packet: _T
    arrived: float
    skipped: int  # packets left out just before this one


class PacketQueue(Handover[ReceivedPacket[_T]]):
    """One thread puts, one takes."""

    def __init__(self) -> None:
        super().__init__()
        self._skipped = 0
        self._skipping = False

    def put(self, packet: _T, arrived: float, *, keyframe: bool) -> bool:
        """Whether packets are still wanted."""
        with self._changed:
            if self._ended:
                return False
            if self._items and arrived - self._items[0].arrived > _BEHIND_S:
                self._skipped += sum(1 + received.skipped for received in self._items)
                self._items.clear()
                self._skipping = True
            if self._skipping and not keyframe and self._skipped < _SKIPPED_AT_MOST:
                self._skipped += 1
                return True
            self._items.append(ReceivedPacket(packet, arrived, self._skipped))
            self._skipped, self._skipping = 0, False
            self._changed.notify()
            return True
