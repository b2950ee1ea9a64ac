"""What a video's numbers mean as colours, and the conversion to and from BGR. Does not know files or streams.

The rule for what a video does not say (most cameras leave some of it out):

    matrix      BT.709 where height ≥ 720 or width ≥ 1280, else BT.601 (as broadcast and players have it)
    primaries   those of the matrix; for BT.601 the 625-line ones where height is 576 or 288, else the 525-line ones
    transfer    that of the matrix
    range       full for pixel formats that say so by name (yuvj…) and for RGB, else limited

`AssumedColor` (--assume-color) takes the place of the rule's matrix, and of its range if it names one. What was said is never
overruled, and all four are always written. What 8 bits cannot hold (PQ, HLG, Dolby Vision) is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar, cast

import numpy as np

from runtime.errors import SourceError, UsageError, needs_extra
from runtime.picture import Picture

with needs_extra("cpu"):
    import av
    import cv2
    from av.video.reformatter import Interpolation, VideoReformatter


class Matrix(IntEnum):
    """The code points are those of ITU-T H.273, which FFmpeg uses too. (Range has FFmpeg's.)"""

    BT709 = 1
    FCC = 4
    BT470BG = 5  # BT.601, 625 lines
    SMPTE170M = 6  # BT.601, 525 lines: the same numbers
    SMPTE240M = 7
    BT2020_NCL = 9


class Range(IntEnum):
    LIMITED = 1
    FULL = 2


class Primaries(IntEnum):
    BT709 = 1
    BT470M = 4
    BT470BG = 5
    SMPTE170M = 6
    SMPTE240M = 7
    FILM = 8
    BT2020 = 9
    SMPTE428 = 10
    SMPTE431 = 11
    SMPTE432 = 12
    EBU3213 = 22


class Transfer(IntEnum):
    BT709 = 1
    GAMMA22 = 4
    GAMMA28 = 5
    SMPTE170M = 6
    SMPTE240M = 7
    LINEAR = 8
    LOG = 9
    LOG_SQRT = 10
    IEC61966_2_4 = 11
    BT1361_ECG = 12
    SRGB = 13
    BT2020_10 = 14
    BT2020_12 = 15
    PQ = 16
    SMPTE428 = 17
    HLG = 18


@dataclass(frozen=True)
class ColorTags:
    matrix: Matrix
    range: Range
    primaries: Primaries
    transfer: Transfer


_ASSUMABLE = {"bt601": Matrix.SMPTE170M, "bt709": Matrix.BT709, "bt2020": Matrix.BT2020_NCL}
_RANGES = {"limited": Range.LIMITED, "full": Range.FULL}
ASSUMABLE = tuple(f"{matrix}{range_}" for matrix in _ASSUMABLE for range_ in ("", *(f"-{name}" for name in _RANGES)))


@dataclass(frozen=True)
class AssumedColor:
    """What the user knows of videos that do not say it themselves."""

    matrix: Matrix
    range: Range | None = None  # None: by the rule

    @classmethod
    def parse(cls, text: str) -> AssumedColor:
        if text not in ASSUMABLE:
            raise UsageError(
                f"assumed colour: expected one of {', '.join(ASSUMABLE)}, got {text!r}; leave it out to go by the video's size"
            )
        matrix, _, range_ = text.partition("-")
        return cls(_ASSUMABLE[matrix], _RANGES.get(range_))


_Code = TypeVar("_Code", bound=IntEnum)

_OF_MATRIX = {
    Matrix.BT709: (Primaries.BT709, Transfer.BT709),
    Matrix.FCC: (Primaries.BT470M, Transfer.GAMMA22),
    Matrix.BT470BG: (Primaries.BT470BG, Transfer.SMPTE170M),
    Matrix.SMPTE170M: (Primaries.SMPTE170M, Transfer.SMPTE170M),
    Matrix.SMPTE240M: (Primaries.SMPTE240M, Transfer.SMPTE240M),
    Matrix.BT2020_NCL: (Primaries.BT2020, Transfer.BT2020_10),
}
_UNSPECIFIED = 2
_HDR = {Transfer.PQ: "PQ (HDR10)", Transfer.HLG: "HLG"}
_TONE_MAP = "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
# Dolby Vision's own coding of colours (profile 5) is known to libplacebo only.
_TONE_MAP_DOLBY = "libplacebo=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv:format=yuv420p"


def assumed_matrix(width: int, height: int, assume: AssumedColor | None = None) -> Matrix:
    if assume is None and (height >= 720 or width >= 1280):
        return Matrix.BT709
    matrix = Matrix.SMPTE170M if assume is None else assume.matrix
    return Matrix.BT470BG if matrix is Matrix.SMPTE170M and height in (576, 288) else matrix


def assumed_tags(width: int, height: int) -> ColorTags:
    """Of pictures that were never stored as video: the rule, in all four."""
    matrix = assumed_matrix(width, height)
    return ColorTags(matrix, Range.LIMITED, *_OF_MATRIX[matrix])


def is_rgb(frame: av.VideoFrame) -> bool:
    return frame.format.is_rgb or frame.format.has_palette


def read_color(frame: av.VideoFrame, assume: AssumedColor | None = None) -> tuple[ColorTags, tuple[str, ...]]:
    """The tags of a decoded frame, and the names of those that had to be assumed. SourceError for what cannot be kept."""
    rgb = is_rgb(frame)
    matrix = None if rgb else _said(Matrix, frame.colorspace, "colour matrix", absent=(0, _UNSPECIFIED))
    primaries = _said(Primaries, frame.color_primaries, "colour primaries", absent=(0, _UNSPECIFIED))
    transfer = _said(Transfer, frame.color_trc, "transfer", absent=(0, _UNSPECIFIED))
    _refuse_high_range(frame, transfer)
    full_by_name = rgb or frame.format.name.startswith("yuvj")
    said_range = Range.FULL if full_by_name else _said(Range, frame.color_range, "colour range", absent=(0,))
    said = {"matrix": matrix, "range": said_range, "primaries": primaries, "transfer": transfer}
    matrix = matrix or assumed_matrix(frame.width, frame.height, assume)
    by_matrix = (Primaries.BT709, Transfer.SRGB) if rgb else _OF_MATRIX[matrix]
    # RGB is stored as YUV afterwards; limited range is what every player takes that for.
    picture_range = Range.LIMITED if rgb else said_range or (assume and assume.range) or Range.LIMITED
    tags = ColorTags(matrix, picture_range, primaries or by_matrix[0], transfer or by_matrix[1])
    return tags, tuple(name for name, value in said.items() if value is None)


def _refuse_high_range(frame: av.VideoFrame, transfer: Transfer | None) -> None:
    sides: Mapping[str, Any] = cast("Mapping[str, Any]", frame.side_data)  # PyAV's stub knows of one kind only
    dolby = "DOVI_RPU_BUFFER" in sides or "DOVI_METADATA" in sides
    if not dolby and transfer not in _HDR:
        return
    came, filters = ("Dolby Vision", _TONE_MAP_DOLBY) if dolby or transfer is None else (_HDR[transfer], _TONE_MAP)
    raise SourceError(
        f"expected standard-range video, got {came}, which the 8 bits of Clearway would flatten; tone-map it first: "
        f"ffmpeg -i IN -vf {filters} -c:a copy OUT.mkv"
    )


def _said(kind: Callable[[int], _Code], code: int, what: str, absent: tuple[int, ...]) -> _Code | None:
    if code in absent:
        return None
    try:
        return kind(code)
    except ValueError:
        raise SourceError(
            f"expected a {what} that Clearway can convert, got {code} (ITU-T H.273); convert the video to BT.709 first"
        ) from None


# swscale's name for a matrix; its BT.601 stands for both of ours.
_SWS = {matrix: int(matrix) for matrix in Matrix} | {Matrix.SMPTE170M: 5}

# Without ACCURATE_RND and FULL_CHR_H_INT swscale takes a short cut that truncates: every picture comes out 1.1 levels too
# dark (up to 2.9), and 1.6 after the way back. With them the error is 0.5, which is rounding. Planar GBR and cv2.merge give the
# same bytes as packed BGR at half the cost (720p: 1.6 ms against 2.7 bilinear and 4.8 bicubic; the short cut takes 0.25).
_UP = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
# Averaging keeps chroma best of all filters after _UP (59 dB against 49–57), and 1.2 ms is no dearer than the others.
_DOWN = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


class FrameToPicture:
    """Decoded frames → BGR. One reformatter for all frames: PyAV keeps a scaler alive for each one that is made."""

    def __init__(self, tags: ColorTags) -> None:
        self._tags = tags
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> Picture:
        planes = self._reformatter.reformat(
            frame,
            format="gbrp",
            src_colorspace=_SWS[self._tags.matrix],
            src_color_range=int(Range.FULL if is_rgb(frame) else self._tags.range),
            dst_color_range=int(Range.FULL),
            interpolation=_UP,
            threads=1,
        )
        rows, columns = frame.height, frame.width
        green, blue, red = (
            np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:rows, :columns] for plane in planes.planes
        )
        return np.asarray(cv2.merge([blue, green, red]), np.uint8)


class PictureToFrame:
    """BGR → frames for an encoder, with all four tags on them."""

    def __init__(self, tags: ColorTags, pixel_format: str) -> None:
        self._tags = tags
        self._pixel_format = pixel_format
        self._reformatter = VideoReformatter()

    def __call__(self, picture: Picture) -> av.VideoFrame:
        frame = self._reformatter.reformat(
            av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(picture), format="bgr24"),
            format=self._pixel_format,
            src_color_range=int(Range.FULL),
            dst_colorspace=_SWS[self._tags.matrix],
            dst_color_range=int(self._tags.range),
            interpolation=_DOWN,
            threads=1,
        )
        frame.colorspace, frame.color_range = self._tags.matrix, self._tags.range
        frame.color_primaries, frame.color_trc = self._tags.primaries, self._tags.transfer
        return frame
