"""The sinks that have no times of their own: numbered pictures, and Y4M or raw frames on standard output."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from runtime.errors import SinkError, UsageError, needs_extra
from runtime.files.pictures import PICTURE_SUFFIXES, write_picture
from video.color import PictureToFrame, Range
from video.files.encoding import chroma_kept
from video.files.numbered import NumberedPictures
from video.files.target import check_numbered
from video.frame import Frame, VideoInfo

with needs_extra("cpu"):
    import av
    from av.video.codeccontext import VideoCodecContext
    from av.video.format import VideoFormat

_Y4M_CHROMA = {"yuv420p": "420jpeg", "yuv422p": "422", "yuv444p": "444"}  # averaged chroma lies in the middle, as in JPEG


class _SteadySink:
    """Frames that follow each other at one rate; those whose own time is another one are counted."""

    rounding = "pictures and pipes have a rate and no times (a file keeps them)"

    def __init__(self, path: Path, info: VideoInfo, others: Collection[str]) -> None:
        self.path = path
        self.info = info
        self.left_out = [f"{kind} streams" for kind in others]
        if info.display_matrix is not None:
            self.left_out.append("the rotation: pictures lie as they are stored")
        self.retimed = 0
        self.rounded = 0
        self.done = 0  # frames
        self._begin: Frame | None = None

    def _count(self, frame: Frame) -> None:
        self._begin = self._begin or frame
        rate = self.info.average_rate
        self.done += 1
        self.rounded += rate is None or (frame.time - self._begin.time) * rate != frame.index - self._begin.index


class SequenceSink(_SteadySink):
    """frames/%05d.png from number `first` on. Each picture is whole; those that were written stay when a later one fails."""

    def __init__(self, path: Path, info: VideoInfo, *, first: int, comment: str | None = None, others: Collection[str] = ()) -> None:
        super().__init__(path, info, others)
        if info.sample_aspect_ratio not in (None, 1):
            self.left_out.append(f"the shape of the pixels, {info.sample_aspect_ratio}")
        check_numbered(path, sorted(PICTURE_SUFFIXES))
        numbered = NumberedPictures.parse(path)
        if numbered is None:
            raise UsageError(f"{path}: a name with a number in it was expected (frames/%05d.png)")
        self._numbered, self._next, self._comment = numbered, first, comment

    def write(self, frame: Frame) -> None:
        self._count(frame)
        write_picture(self._numbered.path(self._next), frame.image, self._comment)
        self._next += 1

    def __enter__(self) -> SequenceSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        pass  # every picture is on disk already


class PipeSink(_SteadySink):
    """Y4M, or frames of `raw` pixels alone. A reader that goes away raises BrokenPipeError."""

    def __init__(self, path: Path, info: VideoInfo, stream: BinaryIO, *, raw: str | None = None, others: Collection[str] = ()) -> None:
        super().__init__(path, info, others)
        self._stream = stream
        self._raw = raw
        pixels = raw or chroma_kept(info)
        rgb = VideoFormat(pixels, info.width, info.height).is_rgb
        self._to_frame = PictureToFrame(replace(info.color, range=Range.FULL) if rgb else info.color, pixels)
        self._packer = VideoCodecContext.create("rawvideo", "w")
        if raw is None:
            self.left_out.append(f"colour matrix, primaries and transfer ({info.color.matrix.name}), which Y4M cannot say")
            stream.write(self._header())

    def _header(self) -> bytes:
        info = self.info
        if info.average_rate is None:
            raise SinkError(f"{self.path}: a rate was expected, which Y4M cannot do without, the source has none; write a file instead")
        rate, aspect = info.average_rate, info.sample_aspect_ratio
        words = [
            f"YUV4MPEG2 W{info.width} H{info.height} F{rate.numerator}:{rate.denominator}",
            "I?" if info.interlaced else "Ip",
            "A0:0" if aspect is None else f"A{aspect.numerator}:{aspect.denominator}",
            f"C{_Y4M_CHROMA[chroma_kept(info)]}",
            f"XCOLORRANGE={'FULL' if info.color.range is Range.FULL else 'LIMITED'}\n",
        ]
        return " ".join(words).encode()

    def write(self, frame: Frame) -> None:
        self._count(frame)
        if self._raw is None:
            self._stream.write(b"FRAME\n")
        for content in self._bytes(self._to_frame(frame.image)):
            self._stream.write(content)

    def __enter__(self) -> PipeSink:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._stream.flush()

    def _bytes(self, frame: av.VideoFrame) -> Iterator[bytes]:
        """The frame as it is, without the padding at the end of its lines."""
        if not self._packer.is_open:
            self._packer.width, self._packer.height, self._packer.pix_fmt = frame.width, frame.height, frame.format.name
            self._packer.time_base = self.info.time_base
        for packet in self._packer.encode(frame):
            yield bytes(packet)
