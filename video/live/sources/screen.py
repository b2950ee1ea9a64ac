"""Grabs the screen of an X server, as a program: raw pictures as NUT on its standard output. Does not know what reads them.

A process of its own because OpenCV's wheel and PyAV's each bring an X library under one name: grabbing in a process that has loaded OpenCV
first ends it with a segmentation fault. So nothing of ours is imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import av

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


def grab(display: str, rate: str, out: BinaryIO) -> None:
    with av.open(display, format="x11grab", options={"framerate": rate}) as screen:
        write(screen.decode(screen.streams.video[0]), int(rate), out)


def write(frames: Iterator[VideoFrame], rate: int, out: BinaryIO) -> None:
    """As packed BGR: the screen's own format does not survive NUT as raw packets."""
    stream: VideoStream | None = None
    with av.open(out, "w", format="nut", options={"flush_packets": "1"}) as container:
        for frame in frames:
            if stream is None:
                stream = container.add_stream("rawvideo", rate=rate)
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "bgr24"
            container.mux(stream.encode(frame.reformat(format="bgr24")))


if __name__ == "__main__":
    grab(sys.argv[1], sys.argv[2], sys.stdout.buffer)
