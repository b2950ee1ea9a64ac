"""Sinks without times: numbered pictures and pipes say what they could not keep, and read back as what was written."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from runtime.errors import SinkError, UsageError
from tests.support.video.clips import MS, STEADY, UNSTEADY, Clip, read
from video.files.reading import RawFormat, ReadOptions
from video.files.sinks.untimed import PipeSink, SequenceSink
from video.files.sources.file import open_video
from video.files.sources.pipe import PIPE, open_pipe


def piped(source: Path, raw: str | None = None) -> tuple[bytes, PipeSink]:
    stream = io.BytesIO()
    with open_video(source) as video, PipeSink(PIPE, video.info, stream, raw=raw) as sink:
        for frame in video:
            sink.write(frame)
    return stream.getvalue(), sink


def test_pictures_are_numbered_and_say_what_they_are(tmp_path: Path) -> None:
    source = Clip(audio="aac", rotation=90, sample_aspect_ratio=Fraction(4, 3)).make(tmp_path / "in.mp4")
    name = tmp_path / "f%03d.png"
    with open_video(source) as video, SequenceSink(name, video.info, first=8, comment="Restored", others=video.other_kinds) as sink:
        frames = list(video)
        for frame in frames:
            sink.write(frame)
    assert sorted(path.name for path in tmp_path.glob("f*")) == [f"f{number:03d}.png" for number in range(8, 8 + len(STEADY))]
    assert np.all(cv2.imread(str(tmp_path / "f010.png")) == frames[2].image)
    assert b"Restored\0" in (tmp_path / "f010.png").read_bytes()
    assert sink.rounded == 0
    assert sink.left_out == ["audio streams", "the rotation: pictures lie as they are stored", "the shape of the pixels, 4/3"]


def test_times_that_are_not_kept_are_counted(tmp_path: Path) -> None:
    source = Clip(pts=UNSTEADY, time_base=MS).make(tmp_path / "in.mp4")
    with open_video(source) as video, SequenceSink(tmp_path / "%d.jpg", video.info, first=1) as sink:
        frames = list(video)
        for frame in frames:
            sink.write(frame)
    rate = video.info.average_rate
    assert rate is not None
    assert sink.rounded == sum(frame.time * rate != frame.index for frame in frames) > 10


def test_pictures_that_are_there_are_never_mixed_with_new_ones(tmp_path: Path) -> None:
    source = Clip().make(tmp_path / "in.mp4")
    (tmp_path / "0099.png").write_bytes(b"of another video")
    with open_video(source) as video:
        with pytest.raises(
            UsageError, match=r"0099\.png: expected new files, got one that exists already .and 0 more.; name another folder"
        ):
            SequenceSink(tmp_path / "%04d.png", video.info, first=1)
        with pytest.raises(UsageError, match=r"expected .*\.png.*, got \.gif"):
            SequenceSink(tmp_path / "%04d.gif", video.info, first=1)
        with pytest.raises(SinkError, match="make it first"):
            SequenceSink(tmp_path / "nowhere" / "%04d.png", video.info, first=1)


@pytest.mark.parametrize("size", [(96, 64), (97, 63)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "bgr0"])
def test_y4m_reads_back(tmp_path: Path, pixel_format: str, size: tuple[int, int]) -> None:
    tags = {"color_range": 2, "colorspace": 6}
    source = Clip(size=size, codec="ffv1", options={}, pixel_format=pixel_format, tags=tags).make(tmp_path / "in.mkv")
    stream, sink = piped(source)
    with open_pipe(io.BytesIO(stream), ReadOptions()) as video:
        frames = list(video)
    for before, after in zip(read(source), frames, strict=True):
        assert np.abs(after.image.astype(int) - before.image).mean() < 3
    assert [frame.time for frame in frames] == [Fraction(index, 25) for index in range(len(STEADY))]
    kept = {"yuv420p": "yuv420p", "yuv422p": "yuv422p"}.get(pixel_format, "yuv444p")
    assert video.info.pixel_format.replace("yuvj", "yuv") == kept
    assert video.info.color.range is sink.info.color.range
    assert sink.left_out == ["colour matrix, primaries and transfer (SMPTE170M), which Y4M cannot say"]


def test_y4m_says_the_shape_of_pixels_and_an_odd_rate(tmp_path: Path) -> None:
    clip = Clip(pts=[p * 1001 for p in range(5)], time_base=Fraction(1, 30000), sample_aspect_ratio=Fraction(4, 3))
    stream, sink = piped(clip.make(tmp_path / "in.mp4"))
    assert sink.rounded == 0
    with open_pipe(io.BytesIO(stream), ReadOptions()) as video:
        assert (video.info.sample_aspect_ratio, video.info.average_rate) == (Fraction(4, 3), Fraction(30000, 1001))


@pytest.mark.parametrize("pixel_format", ["bgr24", "rgb24", "gbrp", "yuv444p", "yuv420p", "nv12"])
def test_raw_frames_are_of_the_pixels_that_were_asked_for(tmp_path: Path, pixel_format: str) -> None:
    source = Clip(size=(97, 63), codec="ffv1", options={}, pixel_format="yuv444p", tags={"color_range": 1, "colorspace": 6})
    path = source.make(tmp_path / "in.mkv")
    stream, sink = piped(path, pixel_format)
    with open_video(path) as video:
        before = np.stack([frame.image for frame in video]).astype(int)
    options = ReadOptions(rate=Fraction(25), raw=RawFormat(97, 63, pixel_format))
    with open_pipe(io.BytesIO(stream), options) as video:
        after = np.stack([frame.image for frame in video]).astype(int)
    error = np.abs(after - before)
    assert error.max() == 0 if pixel_format in ("bgr24", "rgb24", "gbrp") else np.median(error) <= 2
    assert sink.left_out == []


def test_a_reader_that_goes_away() -> None:
    """The word `restore` then ends as other programs do before a pipe: without a word, by 141."""

    class Closed(io.BytesIO):
        def write(self, _: object) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        piped_to(Closed())


def piped_to(stream: io.BytesIO) -> None:
    one_frame = io.BytesIO(b"YUV4MPEG2 W64 H64 F25:1\nFRAME\n" + bytes(64 * 96))
    with open_pipe(one_frame, ReadOptions()) as video, PipeSink(PIPE, video.info, stream) as sink:
        for frame in video:
            sink.write(frame)
