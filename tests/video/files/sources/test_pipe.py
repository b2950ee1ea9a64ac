"""Standard input: Y4M of every chroma, other containers, raw frames, and a stream that ends where it should not."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from runtime.errors import SourceError, UsageError
from tests.support.video.clips import Clip, moving, order_of
from video.color import Range
from video.files.reading import RawFormat, ReadOptions
from video.files.sources.pipe import open_pipe

RATE = Fraction(30000, 1001)
COUNT = 6


def y4m(pixel_format: str = "yuv420p", size: tuple[int, int] = (96, 64), color_range: int = 0) -> bytes:
    """As FFmpeg writes it."""
    made = io.BytesIO()
    with av.open(made, "w", format="yuv4mpegpipe", options={"strict": "-1"}) as container:
        stream = container.add_stream("rawvideo", rate=RATE)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        stream.codec_context.color_range = color_range
        for index in range(COUNT):
            frame = av.VideoFrame.from_ndarray(moving(index, *size), format="bgr24").reformat(format=pixel_format)
            frame.pts, frame.time_base = index, 1 / RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()


@pytest.mark.parametrize("size", [(96, 64), (97, 63)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv411p", "gray", "yuv420p10le", "gray16le"])
def test_y4m(pixel_format: str, size: tuple[int, int]) -> None:
    stream = y4m(pixel_format, size)
    with open_pipe(io.BytesIO(stream), ReadOptions()) as source:
        frames = list(source)
    assert order_of(frames) == list(range(COUNT))
    assert [frame.time for frame in frames] == [index / RATE for index in range(COUNT)]
    assert (source.info.width, source.info.height, source.info.average_rate, source.info.pixel_format) == (*size, RATE, pixel_format)
    for missing in (1, 500):
        with (
            open_pipe(io.BytesIO(stream[:-missing]), ReadOptions()) as source,
            pytest.raises(SourceError, match=r"^-: expected whole frames, got"),
        ):
            list(source)


def test_the_range_of_y4m_is_kept() -> None:
    with open_pipe(io.BytesIO(y4m(color_range=2)), ReadOptions()) as source:
        assert source.info.color.range is Range.FULL
        assert source.info.color_assumed == ("matrix", "primaries", "transfer")


def test_words_in_a_frames_header_are_no_damage() -> None:
    stream = y4m().replace(b"FRAME\n", b"FRAME Ip\n")
    with open_pipe(io.BytesIO(stream), ReadOptions()) as source:
        assert len(list(source)) == COUNT


def test_a_container_that_needs_no_seeking(tmp_path: Path) -> None:
    path = Clip().make(tmp_path / "in.mkv")
    with open_pipe(io.BytesIO(path.read_bytes()), ReadOptions()) as source:
        assert order_of(list(source)) == list(range(20))


def test_raw_frames() -> None:
    pictures = np.stack([moving(index, 97, 63) for index in range(COUNT)])
    read = ReadOptions(rate=RATE, raw=RawFormat(97, 63, "bgr24"))
    with open_pipe(io.BytesIO(pictures.tobytes()), read) as source:
        frames = list(source)
    assert np.array_equal(np.stack([frame.image for frame in frames]), pictures)
    assert [frame.time for frame in frames] == [index / RATE for index in range(COUNT)]
    with open_pipe(io.BytesIO(pictures.tobytes()[:-1]), read) as source, pytest.raises(SourceError, match="breaks off after frame"):
        list(source)


def test_raw_frames_have_no_rate_of_their_own() -> None:
    with pytest.raises(UsageError, match=r"^-: expected the rate of pictures or raw frames, got none; add --fps 25"):
        open_pipe(io.BytesIO(b""), ReadOptions(raw=RawFormat(97, 63)))


@pytest.mark.parametrize("content", [b"", b"text\n" * 100, b"YUV4MPEG2 W96 H64 F25:1\n"])
def test_what_is_not_a_video_is_one_line(content: bytes) -> None:
    with pytest.raises(SourceError, match=r"^-: .*expected") as caught:
        open_pipe(io.BytesIO(content), ReadOptions())
    assert "\n" not in str(caught.value)
