"""Colour: what is said is kept, what is not is assumed by the documented rule, and the numbers are the standard's."""

from __future__ import annotations

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.errors import SourceError, UsageError
from video.color import (
    AssumedColor,
    ColorTags,
    FrameToPicture,
    Matrix,
    PictureToFrame,
    Primaries,
    Range,
    Transfer,
    assumed_matrix,
    read_color,
)

WEIGHTS = {  # of red and blue in luma
    Matrix.BT709: (0.2126, 0.0722),
    Matrix.SMPTE170M: (0.299, 0.114),
    Matrix.BT470BG: (0.299, 0.114),
    Matrix.BT2020_NCL: (0.2627, 0.0593),
}


@pytest.mark.parametrize(
    ("width", "height", "matrix"),
    [
        (1280, 720, Matrix.BT709),
        (1280, 536, Matrix.BT709),
        (960, 720, Matrix.BT709),
        (720, 576, Matrix.BT470BG),
        (352, 288, Matrix.BT470BG),
        (720, 480, Matrix.SMPTE170M),
        (640, 360, Matrix.SMPTE170M),
    ],
)
def test_the_rule_for_untagged_video(width: int, height: int, matrix: Matrix) -> None:
    assert assumed_matrix(width, height) is matrix
    tags, assumed = read_color(av.VideoFrame(width, height, "yuv420p"))
    assert tags.matrix is matrix
    assert tags.range is Range.LIMITED
    assert assumed == ("matrix", "range", "primaries", "transfer")


def test_what_is_said_is_kept_and_the_rest_follows_it() -> None:
    frame = av.VideoFrame(1920, 1080, "yuv420p")
    frame.colorspace, frame.color_trc = Matrix.SMPTE170M, Transfer.SRGB
    tags, assumed = read_color(frame)
    assert tags == ColorTags(Matrix.SMPTE170M, Range.LIMITED, Primaries.SMPTE170M, Transfer.SRGB)
    assert assumed == ("range", "primaries")


@pytest.mark.parametrize(
    ("asked", "height", "tags"),
    [
        ("bt601", 1080, ColorTags(Matrix.SMPTE170M, Range.LIMITED, Primaries.SMPTE170M, Transfer.SMPTE170M)),
        ("bt601-full", 576, ColorTags(Matrix.BT470BG, Range.FULL, Primaries.BT470BG, Transfer.SMPTE170M)),
        ("bt709", 480, ColorTags(Matrix.BT709, Range.LIMITED, Primaries.BT709, Transfer.BT709)),
        ("bt709-limited", 480, ColorTags(Matrix.BT709, Range.LIMITED, Primaries.BT709, Transfer.BT709)),
        ("bt2020-full", 480, ColorTags(Matrix.BT2020_NCL, Range.FULL, Primaries.BT2020, Transfer.BT2020_10)),
    ],
)
def test_what_is_asked_for_takes_the_rules_place(asked: str, height: int, tags: ColorTags) -> None:
    came, assumed = read_color(av.VideoFrame(720, height, "yuv420p"), AssumedColor.parse(asked))
    assert came == tags
    assert assumed == ("matrix", "range", "primaries", "transfer")


def test_what_is_asked_for_never_overrules_what_is_said() -> None:
    frame = av.VideoFrame(720, 480, "yuv420p")
    frame.colorspace, frame.color_range = Matrix.BT709, Range.LIMITED
    tags, assumed = read_color(frame, AssumedColor.parse("bt601-full"))
    assert (tags.matrix, tags.range, tags.primaries) == (Matrix.BT709, Range.LIMITED, Primaries.BT709)
    assert assumed == ("primaries", "transfer")
    assert read_color(av.VideoFrame(64, 64, "yuvj420p"), AssumedColor.parse("bt601-limited"))[0].range is Range.FULL, "said by its name"


@pytest.mark.parametrize("asked", ["", "rec709", "bt709-", "bt709-wide", "BT709", "full"])
def test_a_colour_that_nobody_can_assume(asked: str) -> None:
    with pytest.raises(UsageError, match=r"expected one of bt601, bt601-limited, .*, got"):
        AssumedColor.parse(asked)


def test_full_range_by_name_and_for_rgb() -> None:
    assert read_color(av.VideoFrame(64, 64, "yuvj420p"))[0].range is Range.FULL
    tags, _ = read_color(av.VideoFrame(1280, 720, "gbrp"))
    assert tags == ColorTags(Matrix.BT709, Range.LIMITED, Primaries.BT709, Transfer.SRGB), "it is stored as YUV afterwards"


@pytest.mark.parametrize(
    ("field", "code", "message"), [("colorspace", 8, r"colour matrix .*, got 8 "), ("color_trc", 16, "PQ"), ("color_trc", 18, "HLG")]
)
def test_what_cannot_be_kept_is_refused(field: str, code: int, message: str) -> None:
    frame = av.VideoFrame(64, 64, "yuv420p")
    setattr(frame, field, code)
    with pytest.raises(SourceError, match=message):
        read_color(frame)


def exact(bgr: NDArray[np.float64], tags: ColorTags) -> NDArray[np.float64]:
    """ITU-T H.273: B'G'R' in 0…1 → Y'CbCr codes."""
    red, blue = WEIGHTS[tags.matrix]
    y = red * bgr[..., 2] + (1 - red - blue) * bgr[..., 1] + blue * bgr[..., 0]
    cb, cr = (bgr[..., 0] - y) / (2 - 2 * blue), (bgr[..., 2] - y) / (2 - 2 * red)
    if tags.range is Range.FULL:
        return np.stack([255 * y, 128 + 255 * cb, 128 + 255 * cr], -1)
    return np.stack([16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr], -1)


@pytest.mark.parametrize("picture_range", list(Range))
@pytest.mark.parametrize("matrix", list(WEIGHTS))
def test_the_numbers_are_the_standards(matrix: Matrix, picture_range: Range) -> None:
    tags = ColorTags(matrix, picture_range, Primaries.BT709, Transfer.BT709)
    colours = np.array(list(itertools.product((0, 51, 128, 204, 255), repeat=3)), np.uint8)
    picture = np.repeat(np.repeat(colours[None], 16, 0), 16, 1)  # flat squares: filters have nothing to do
    frame = PictureToFrame(tags, "yuv444p")(np.ascontiguousarray(picture))
    codes = np.asarray(frame.to_ndarray(channel_last=True))[8, 8::16]
    assert np.abs(codes - exact(colours / 255, tags).clip(0, 255)).max() <= 1.05, "half a level of rounding, and swscale's coefficients"
    assert (frame.colorspace, frame.color_range) == (matrix, picture_range)
    back = FrameToPicture(tags)(frame)
    assert back.shape == picture.shape
    assert np.abs(back.astype(int) - picture).max() <= 2
    assert abs((back.astype(int) - picture).mean()) < 0.4, "swscale's short cuts darken by 0.7 (full range) and 1.6 (limited)"


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "nv12", "yuv420p10le", "gray", "gbrp", "bgra", "yuvj420p"])
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_every_pixel_format_becomes_a_picture(pixel_format: str, size: tuple[int, int]) -> None:
    grey = np.full((size[1], size[0], 3), 100, np.uint8)
    source = av.VideoFrame.from_ndarray(grey, format="bgr24").reformat(format=pixel_format, dst_color_range=1)
    source.time_base = Fraction(1, 25)
    tags, _ = read_color(source)
    picture = FrameToPicture(tags)(source)
    assert picture.shape == (size[1], size[0], 3)
    assert picture.dtype == np.uint8
    # Bicubic chroma, and for yuvj the reformat above that made it; never a wrong range, which would be 12 levels and more.
    assert np.abs(picture.astype(int) - 100).max() <= 3
