"""The packets of a container up to its end. Does not know what is in them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TypeVar, cast

from runtime.errors import needs_extra

with needs_extra("cpu"):
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream


_Stream = TypeVar("_Stream", bound=Stream)


def demuxed(container: InputContainer, *streams: _Stream) -> Iterator[Packet[_Stream]]:
    """Of these streams, or of all; at last an empty packet for each.

    Where FFmpeg finds another stream on the way (a transport stream may begin one at any time, and damage makes some up), PyAV 18 gives the
    packets of those that it knew, and then trips over the new one instead of ending.
    """
    with contextlib.suppress(IndexError):
        yield from cast("Iterator[Packet[_Stream]]", container.demux(*streams))
