"""The two codings: one picture in, one out at once; colours kept; a new size or a lost viewer begins anew."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from runtime.picture import Picture
from tests.support.video.serving import picture
from video.color import FrameToPicture, read_color
from video.live.sources.source import TICK
from video.page.encoders import EncodedPicture, H264Encoder, JpegEncoder, PictureEncoder


def gradient(shift: int = 0) -> Picture:
    x = np.roll(np.linspace(20, 230, 96), shift)
    return np.stack(np.broadcast_arrays(x, x[::-1], np.linspace(30, 200, 64)[:, None]), axis=-1).astype(np.uint8)


def decode_stream(items: list[EncodedPicture]) -> list[Picture]:
    context = av.CodecContext.create("h264", "r")
    assert isinstance(context, VideoCodecContext)
    packets = [av.Packet(item.content) for item in items]
    frames = [frame for packet in [*packets, None] for frame in context.decode(packet)]
    return [FrameToPicture(read_color(frame)[0])(frame) for frame in frames]


def test_h264_gives_each_picture_at_once_with_its_colours() -> None:
    encoder = H264Encoder()
    pictures = [gradient(shift) for shift in range(5)]
    items = [encoder(one, 3600 * index, keyframe=False) for index, one in enumerate(pictures)]
    assert [item.is_keyframe for item in items] == [True, False, False, False, False]
    for one, again in zip(pictures, decode_stream(items), strict=True):
        assert np.abs(one.astype(int) - again).mean() < 4


def test_h264_begins_anew_when_asked_and_where_the_size_changes() -> None:
    encoder = H264Encoder()
    asked = [encoder(gradient(index), 3600 * index, keyframe=index == 2) for index in range(4)]
    assert [item.is_keyframe for item in asked] == [True, False, True, False]
    assert len(decode_stream(asked[2:])) == 2, "what stands alone needs nothing before it"
    assert encoder(picture(50, (64, 48)), 18000, keyframe=False).is_keyframe
    assert not encoder(picture(50, (64, 48)), 21600, keyframe=False).is_keyframe


def test_h264_has_a_budget_that_leaves_a_picture() -> None:
    """Noise of 640×720 at crf alone would be 40 Mbit/s; without a frame rate the encoder would take the budget for that of a tick."""
    rng = np.random.default_rng(1)
    encoder = H264Encoder()
    items = [encoder(rng.integers(0, 256, (720, 640, 3), np.uint8), round(index * 0.04 / TICK), keyframe=False) for index in range(25)]
    size = sum(len(item.content) for item in items)
    assert 0.5e6 < size < 2.5e6, "12 Mbit/s is 1.5 MB in this second"


@pytest.mark.parametrize("encoder", [JpegEncoder(), H264Encoder()])
def test_what_a_keyframe_says_of_itself(encoder: PictureEncoder) -> None:
    assert encoder(gradient(), 7, keyframe=True).is_keyframe


def test_jpeg_stands_alone() -> None:
    item = JpegEncoder()(gradient(), 7, keyframe=False)
    again = np.asarray(cv2.imdecode(np.frombuffer(item.content, np.uint8), cv2.IMREAD_COLOR), int)
    assert item.is_keyframe
    assert np.abs(again - gradient()).mean() < 4
