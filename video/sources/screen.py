"""Owns grabbing the screen of an X server, as a program: raw pictures as NUT on its standard output. Knows nothing of what reads them.

A process of its own because OpenCV's wheel and PyAV's each bring an X library under one name: grabbing in a process that has loaded OpenCV
first ends it with a segmentation fault. So nothing of ours is imported here.
"""

from __future__ import annotations

import sys

import av


def grab(display: str, rate: str) -> None:
    with av.open(display, format="x11grab", options={"framerate": rate}) as screen:
        seen = screen.streams.video[0]
        with av.open(sys.stdout.buffer, "w", format="nut", options={"flush_packets": "1"}) as out:
            written = out.add_stream_from_template(seen)
            for packet in screen.demux(seen):
                packet.stream = written
                out.mux(packet)


if __name__ == "__main__":
    grab(*sys.argv[1:])
