"""Numbered pictures as a video: their order, their rate, and what is wrong with them in one line."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.errors import ClearwayError, PictureError, SourceError, UsageError
from tests.support.video.clips import moving, order_of
from video.color import AssumedColor, Matrix, Range
from video.files.reading import ReadOptions
from video.files.sources.sequence import SequenceSource

NTSC = ReadOptions(rate=Fraction(30000, 1001))


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    for number in range(8, 14):
        cv2.imwrite(str(tmp_path / f"{number:03d}.png"), moving(number - 8, 97, 63))
    return tmp_path / "%03d.png"


def test_they_come_in_order_at_the_rate(frames: Path) -> None:
    with SequenceSource(frames, NTSC) as source:
        came = list(source)
    assert order_of(came) == [0, 1, 2, 3, 4, 5]
    assert [frame.time for frame in came] == [Fraction(1001 * index, 30000) for index in range(6)]
    assert all(np.array_equal(frame.image, moving(frame.index, 97, 63)) for frame in came)
    info = source.info
    assert (info.width, info.height, info.frames, info.duration, source.first_number) == (97, 63, 6, Fraction(6006, 30000), 8)
    assert (info.color.matrix, info.color.range) == (Matrix.SMPTE170M, Range.LIMITED), "it is stored as YUV afterwards"


def test_assumed_colours_are_for_them_too(frames: Path) -> None:
    read = ReadOptions(AssumedColor.parse("bt709"), rate=Fraction(25))
    assert SequenceSource(frames, read).info.color.matrix is Matrix.BT709


def gap(folder: Path) -> None:
    (folder / "010.png").unlink()


def nothing(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def another_size(folder: Path) -> None:
    cv2.imwrite(str(folder / "010.png"), moving(0, 64, 64))


def sixteen_bits(folder: Path) -> None:
    cv2.imwrite(str(folder / "010.png"), np.zeros((63, 97, 3), np.uint16))


def damaged(folder: Path) -> None:
    (folder / "010.png").write_bytes((folder / "010.png").read_bytes()[:-100])


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (gap, SourceError, r"010\.png: expected every number from 8 to 13, got no file for this one"),
        (nothing, SourceError, r"%03d\.png: expected numbered pictures, got none"),
        (another_size, SourceError, r"010\.png: expected 97×63 throughout, got 64×64"),
        (sixteen_bits, PictureError, r"010\.png: expected 8 bits a channel, got 16"),
        (damaged, PictureError, r"010\.png: expected a whole picture"),
    ],
)
def test_what_is_wrong_is_one_line(frames: Path, spoil: Callable[[Path], None], kind: type[ClearwayError], message: str) -> None:
    spoil(frames.parent)
    with pytest.raises(kind, match=message) as caught:
        list(SequenceSource(frames, NTSC))
    assert "\n" not in str(caught.value)


def test_they_have_no_rate_of_their_own(frames: Path) -> None:
    with pytest.raises(UsageError, match=r"%03d\.png: expected the rate of pictures or raw frames, got none; add --fps 25"):
        SequenceSource(frames, ReadOptions())
