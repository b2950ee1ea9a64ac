"""A simulated camera: the rainy street sent over TCP, as a camera would. Does not know what is measured with it.

Each of its frames may carry a number, as bars that survive encoders and networks: eight black or white blocks, the lowest bit first, and
their opposites below. Where the two do not agree, no number is read.
"""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream

from benchmarks.demo.clip import ClipOptions, RainyClip
from benchmarks.demo.scene import RATE
from runtime.picture import Picture
from video.color import PictureToFrame
from video.files.sources.file import open_video

BITS = 8  # the numbers are 0 … 255
ACROSS = 40  # blocks in the width of a picture
_ENCODING = {"preset": "veryfast", "tune": "zerolatency", "crf": "24", "g": str(2 * RATE)}  # no B-frames


@contextmanager
def simulated_camera(
    clip: ClipOptions, scratch: Path, draw: Callable[[Picture, int], Picture] = lambda picture, index: picture
) -> Iterator[str]:
    """Its address, for as long as it sends, in a process of its own. `draw` may put something of each frame's index into its picture."""
    drawn, recorded = scratch / "clip.mp4", scratch / "camera.ts"
    RainyClip(clip).write(drawn)
    encode_as_camera(drawn, recorded, draw)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        process = multiprocessing.get_context("spawn").Process(target=send_for_ever, args=(recorded, listening), daemon=True)
        process.start()
        try:
            yield f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            process.terminate()
            process.join()


def encode_as_camera(clip: Path, target: Path, draw: Callable[[Picture, int], Picture] = lambda picture, index: picture) -> None:
    """`draw` may put something of each frame's index into its picture."""
    with open_video(clip) as source, av.open(str(target), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=RATE, options=_ENCODING)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = source.info.width, source.info.height, "yuv420p"
        to_frame = PictureToFrame(source.info.color, "yuv420p")
        for frame in source:
            encoded = to_frame(draw(frame.image, frame.index))
            encoded.pts, encoded.time_base = frame.index, Fraction(1, RATE)
            container.mux(stream.encode(encoded))
        container.mux(stream.encode(None))


def send_for_ever(recorded: Path, listening: socket.socket) -> None:
    """Sends the recording again and again, each frame when it is due, with times that go on, until `listening` is closed."""
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        try:
            with client, client.makefile("wb") as out:
                _send(recorded, out)
        except (OSError, av.FFmpegError):
            continue  # the reader has gone


def _send(recorded: Path, out: Any) -> None:
    with av.open(str(recorded)) as source:
        stream = source.streams.video[0]
        packets = [(bytes(packet), packet.is_keyframe) for packet in source.demux(stream) if packet.size]
        with av.open(out, "w", format="mpegts", options={"flush_packets": "1"}) as container:
            copy = container.add_stream_from_template(stream)
            started, index = time.monotonic(), 0
            while True:
                data, keyframe = packets[index % len(packets)]
                packet = av.Packet(data)
                packet.pts = packet.dts = index * 90000 // RATE
                packet.stream, packet.time_base, packet.is_keyframe = copy, Fraction(1, 90000), keyframe
                time.sleep(max(0.0, started + index / RATE - time.monotonic()))
                container.mux(packet)
                out.flush()
                index += 1


def _side(width: int) -> int:
    """Of a block, in pixels."""
    return width // ACROSS


def write_number(picture: Picture, number: int) -> Picture:
    block = _side(picture.shape[1])
    bits = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8)
    marked = picture.copy()
    marked[: 2 * block, : BITS * block] = (np.stack([bits, 1 - bits]) * 255).repeat(block, 0).repeat(block, 1)[..., None]
    return marked


def read_number(picture: Picture) -> int | None:
    block = _side(picture.shape[1])
    levels = picture[block // 2 : 2 * block : block, block // 2 : BITS * block : block].mean(axis=2)
    bits, opposites = levels > 127
    return None if (bits == opposites).any() else int((bits << np.arange(BITS)).sum())
