"""What may be said of a source: raw frames and rates, and what is neither."""

from __future__ import annotations

from fractions import Fraction

import pytest

from runtime.errors import UsageError
from video.files.reading import RawFormat, parse_rate


def test_raw_frames() -> None:
    assert RawFormat.parse("1280x720") == RawFormat(1280, 720, "yuv420p")
    assert RawFormat.parse("97x63:bgr24") == RawFormat(97, 63, "bgr24")


@pytest.mark.parametrize("text", ["", "1280", "0x720", "1280x720:", "1280X720", "1280x720:bgr24:x", "-1x720"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match=r"--raw: expected WIDTHxHEIGHT or WIDTHxHEIGHT:FORMAT, got"):
        RawFormat.parse(text)


def test_what_is_no_pixel_format() -> None:
    with pytest.raises(UsageError, match=r"--raw: expected a pixel format of FFmpeg's, got 'rgb8x'"):
        RawFormat.parse("64x64:rgb8x")


@pytest.mark.parametrize(("text", "rate"), [("25", Fraction(25)), ("30000/1001", Fraction(30000, 1001)), ("12.5", Fraction(25, 2))])
def test_rates(text: str, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "-25", "1/0", "1001", "nan"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(UsageError, match=r"--fps: expected .*, got"):
        parse_rate(text)
