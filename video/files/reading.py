"""What may be said of a source that does not say it itself. Does not know files or pipes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from runtime.errors import UsageError, needs_extra
from video.color import AssumedColor

with needs_extra("cpu"):
    from av.video.format import VideoFormat


@dataclass(frozen=True)
class RawFormat:
    """The size and the pixels of raw frames."""

    width: int
    height: int
    pixel_format: str = "yuv420p"  # FFmpeg's name

    @classmethod
    def parse(cls, text: str) -> RawFormat:
        match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)(?::(\w+))?", text)
        if match is None:
            raise UsageError(f"--raw: expected WIDTHxHEIGHT or WIDTHxHEIGHT:FORMAT, got {text!r}; write it like 1280x720:bgr24")
        raw = cls(int(match[1]), int(match[2]), match[3] or cls.pixel_format)
        try:
            VideoFormat(raw.pixel_format, raw.width, raw.height)
        except ValueError as error:
            raise UsageError(f"--raw: expected a pixel format of FFmpeg's, got {match[3]!r}; use yuv420p, bgr24, …") from error
        return raw


@dataclass(frozen=True)
class ReadOptions:
    """How to read a video that does not say all of itself."""

    assume: AssumedColor | None = None  # for the colour tags that it leaves out; None: the rule in video/color.py
    deinterlace: bool = False  # frames that are marked as interlaced become whole ones
    rate: Fraction | None = None  # frames a second of numbered pictures and of raw frames; files have times of their own
    raw: RawFormat | None = None  # standard input is raw frames, and so is standard output

    def rate_of(self, path: Path) -> Fraction:
        if self.rate is None:
            raise UsageError(f"{path}: expected the rate of pictures or raw frames, got none; add --fps 25, or --fps 30000/1001")
        return self.rate


def parse_rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"--fps: expected frames a second, got {text!r}; write them like 25 or 30000/1001") from error
    if not 0 < rate <= 1000:
        raise UsageError(f"--fps: expected more than 0 and at most 1000 frames a second, got {text}; write them like 25 or 30000/1001")
    return rate
