"""What a file says of its own length is believed, and only what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import SourceError
from tests.support.video.clips import Clip
from video.files.sources.file import open_video
from video.files.sources.whole import FRONT, missing_bytes

EBML = b"\x1a\x45\xdf\xa3"


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
@pytest.mark.parametrize("missing", [20, 1000])
def test_a_copy_that_was_cut_short_is_named_before_the_work(tmp_path: Path, suffix: str, missing: int) -> None:
    path = Clip().make(tmp_path / f"in{suffix}")
    data = path.read_bytes()
    assert missing_bytes(data[:FRONT], len(data)) == 0
    path.write_bytes(data[:-missing])
    with pytest.raises(SourceError, match=rf"^{path}: a whole video was expected, its last {missing:,} bytes are missing; copy it again"):
        open_video(path)


def test_bytes_behind_the_end_are_no_fault(tmp_path: Path) -> None:
    data = Clip().make(tmp_path / "in.mkv").read_bytes()
    assert missing_bytes(data[:FRONT], len(data) + 100) == 0


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0"])
def test_an_avi_that_was_never_finished_announces_nothing(length: bytes) -> None:
    assert missing_bytes(b"RIFF" + length + b"AVI LIST", 5000) == 0


@pytest.mark.parametrize("size", [b"\x01\xff\xff\xff\xff\xff\xff\xff", b"\xff"])
def test_a_matroska_that_was_never_finished_announces_nothing(size: bytes) -> None:
    assert missing_bytes(EBML + b"\x84\x42\x86\x81\x01\x18\x53\x80\x67" + size, 5000) == 0


def test_lengths_of_every_width_are_read() -> None:
    header = EBML + b"\x84\x42\x86\x81\x01\x18\x53\x80\x67"
    for width in range(1, 9):
        size = ((1 << 7 * width) | 100).to_bytes(width, "big")
        assert missing_bytes(header + size, 50) == len(header) + width + 100 - 50


@pytest.mark.parametrize(
    "start", [b"", b"RIFF", b"RIFF\xff\0\0\0WAVE", b"\x1a\x45\xdf\xa3", b"\x1a\x45\xdf\xa3\0", b"\x1a\x45\xdf\xa3\x81"]
)
def test_anything_else_announces_nothing(start: bytes) -> None:
    assert missing_bytes(start, 7) == 0
