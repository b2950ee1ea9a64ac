"""Where in a file decoding may begin, for frames that come out as if it had begun at the start. Does not know their use."""

from __future__ import annotations

import contextlib
import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from runtime.errors import needs_extra
from video.files.sources.demux import demuxed

with needs_extra("cpu"):
    import av
    from av.error import FFmpegError
    from av.packet import Packet
    from av.video.frame import PictureType
    from av.video.stream import VideoStream

_ROUNDED = Fraction(1, 2000)  # seconds: Matroska counts milliseconds


@dataclass(frozen=True)
class Keyframe:
    pts: int
    index: int  # of its frame, in the order of showing
    position: int  # of its packet among those of the video


def keyframe_before(path: Path, stream: int, done: Sequence[Fraction]) -> Keyframe | None:
    """The last one that may be trusted at or before the last of the frames that are `done`.

    None where the packets' times are not those of the frames, one for one, or where the keyframe is only called so (a camera that
    refreshes its picture piece by piece): then only decoding from the beginning is exact.
    """
    times: list[int] = []
    keyframe: tuple[int, int, Packet[VideoStream]] | None = None
    # Where it cannot be read, the source will say so itself.
    with contextlib.suppress(FFmpegError), av.open(os.path.abspath(path), metadata_errors="replace") as container:
        video = container.streams[stream]
        assert isinstance(video, VideoStream)
        for position, packet in enumerate(packet for packet in demuxed(container, video) if packet.size):
            if packet.is_discard:
                continue
            if packet.pts is None:
                return None
            if packet.dts is not None and packet.dts * packet.time_base > done[-1] + _ROUNDED:
                break
            times.append(packet.pts)
            if packet.is_keyframe and packet.pts * packet.time_base <= done[-1] + _ROUNDED:
                keyframe = (packet.pts, position, packet)
        times.sort()
        ticks = video.time_base or Fraction(0)
        agree = len(times) >= len(done) and all(abs(ours * ticks - said) <= _ROUNDED for ours, said in zip(times, done, strict=False))
        if keyframe is None or not agree or not _stands_alone(video, keyframe[2]):
            return None
        pts, position, _ = keyframe
        return Keyframe(pts, bisect_left(times, pts), position)
    return None


def _stands_alone(video: VideoStream, packet: Packet[VideoStream]) -> bool:
    try:
        frames = [*video.decode(packet), *video.decode(None)]
    except FFmpegError:
        return False
    return [(frame.pict_type, frame.is_corrupt) for frame in frames] == [(PictureType.I, False)]
