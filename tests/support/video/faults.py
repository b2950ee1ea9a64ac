"""Owns the damaged videos of the tests: what FFmpeg's noise filter, a bad disk, a cut copy and a flipped bit make of whole ones.

Nothing is drawn by chance that a seed does not say, and the noise filter's dice are the bytes themselves: the same fault comes every time.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext

from tests.support.video.clips import MS, Clip

FRAMES = 50
# Codec → options, pixel format and the time base that it takes, for keyframes every 10 frames.
CODECS: dict[str, tuple[dict[str, str], str, Fraction]] = {
    "libx264": ({"preset": "superfast", "bf": "2", "qp": "12", "g": "10"}, "yuv420p", MS),
    "libx265": ({"preset": "ultrafast", "x265-params": "log-level=none:keyint=10"}, "yuv420p", MS),
    "mpeg2video": ({"g": "10", "bf": "2"}, "yuv420p", Fraction(1, 25)),
    "mpeg4": ({"g": "10", "bf": "2"}, "yuv420p", Fraction(1, 25)),
    "mjpeg": ({"color_range": "pc"}, "yuvj420p", Fraction(1, 25)),
}
# Which codec goes into which container; FFmpeg has no MJPEG in transport streams.
CORPUS = [(codec, suffix) for codec in CODECS for suffix in (".ts", ".mp4", ".mkv") if (codec, suffix) != ("mjpeg", ".ts")]

SOUND, PICTURE = b"\xc0", b"\xe0"  # their packets' names in transport streams

Fault = Callable[[bytes, np.random.Generator], bytes]


def whole(path: Path, codec: str, *, audio: str | None = "aac") -> Path:
    """Two seconds with sound."""
    options, pixel_format, tick = CODECS[codec]
    step = int(Fraction(1, 25) / tick)
    index_in_front = {"movflags": "faststart"} if path.suffix in (".mp4", ".mov") else {}
    pts = range(0, FRAMES * step, step)
    clip = Clip(pts, tick, codec=codec, options=options, pixel_format=pixel_format, audio=audio, container_options=index_in_front)
    return clip.make(path)


def noisy(source: Path, target: Path, noise: str) -> Path:
    """The video's packets go through the filter, with such options: amount=2000 spoils about every 2000th byte, drop=not(n-5) drops one."""
    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        copies = {stream.index: writing.add_stream_from_template(stream, opaque=True) for stream in reading.streams}
        video = reading.streams.video[0]
        spoil = BitStreamFilterContext(f"noise={noise}", video)
        for packet in reading.demux():
            if packet.dts is None:
                continue
            time_base, index = packet.time_base, packet.stream_index  # the filter empties the packet
            for ready in spoil.filter(packet) if index == video.index else [packet]:
                ready.stream, ready.time_base = copies[index], time_base
                writing.mux(ready)
    return target


def flips(data: bytes, random: np.random.Generator) -> bytes:
    """Up to 40 bytes, anywhere: in headers too."""
    torn = np.frombuffer(data, np.uint8).copy()
    at = random.integers(0, len(torn), int(random.integers(1, 40)))
    torn[at] = random.integers(0, 256, len(at))
    return torn.tobytes()


def hole(data: bytes, random: np.random.Generator) -> bytes:
    at = int(random.integers(len(data) // 10, len(data)))
    return data[:at] + data[at + int(random.integers(1, 3000)) :]


def zeros(data: bytes, random: np.random.Generator) -> bytes:
    """What a disk gives back for sectors that were never written."""
    at, length = int(random.integers(len(data) // 10, len(data))), int(random.integers(1, 3000))
    return data[:at] + bytes(len(data[at : at + length])) + data[at + length :]


def foreign(data: bytes, random: np.random.Generator) -> bytes:
    at = int(random.integers(len(data) // 10, len(data)))
    return data[:at] + random.bytes(2000) + data[at:]


def cut(data: bytes, random: np.random.Generator) -> bytes:
    return data[: int(random.integers(0, len(data)))]


def hours_away(data: bytes, kind: bytes, nth: int) -> bytes:
    """One bit of the time of the n-th packet of SOUND or PICTURE in a transport stream, the highest: 13 hours."""
    at = 0
    for _ in range(nth):
        at = data.index(b"\x00\x00\x01" + kind, at) + 4
    spoiled = bytearray(data)
    spoiled[at + 5] ^= 0x08
    return bytes(spoiled)
