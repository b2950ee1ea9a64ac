"""Where the segments of a video begin. Does not know files or encoders.

What is made of a segment depends on its own frames alone. So a job that stopped goes on at the beginning of one, and ends with the same
pictures as one that never stopped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from fractions import Fraction

from video.frame import Frame

LENGTH = 1  # seconds; what opening an encoder for each costs is in docs/restore.md
_LEAST = 8  # frames: an encoder that is opened anew for one or two makes keyframes only, and x264 other decoding times


class Segments:
    """Ask it of every frame from the first of a segment on, in the order of showing or of decoding: the answers are the same.

    It counts milliseconds, since Matroska does: a file that was written is cut where its source was.
    """

    def __init__(self) -> None:
        self._begin: int | None = None
        self._frames = 0

    def begins(self, time: Fraction) -> bool:
        now = _milliseconds(time)
        self._frames += 1
        if self._begin is not None and (self._frames <= _LEAST or now - self._begin < LENGTH * 1000):
            return False
        self._begin, self._frames = now, 1
        return True


def in_segments(frames: Iterable[Frame]) -> Iterator[Frame]:
    segments = Segments()
    for frame in frames:
        yield dataclasses.replace(frame, begins=segments.begins(frame.time))


def _milliseconds(time: Fraction) -> int:
    """As FFmpeg rounds them: halves away from zero."""
    whole = int(abs(time) * 1000 + Fraction(1, 2))
    return whole if time >= 0 else -whole
