"""Encoders for browsers: JPEG, and H.264 as WebRTC wants it. Do not know viewers or views."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from runtime.errors import SinkError, needs_extra
from runtime.picture import Picture
from video.color import PictureToFrame, assumed_tags
from video.live.sources.source import TICK

with needs_extra("live"):
    import av
    import cv2
    from av.error import FFmpegError
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import PictureType

_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 85]
# One picture in, one out, and none much above 100 kB, so that its burst of packets fits a browser's socket (about 90). A keyframe every
# 50 frames is what a browser waits for after a loss that sending again did not mend. ultrafast, because the encoder stands beside a
# network on the same cores.
_H264 = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "profile": "baseline",
    "crf": "26",
    "g": "50",
    "maxrate": "12M",
    "bufsize": "800k",
}
_USUAL_RATE = Fraction(25)  # for the encoder's budget; left out, it takes each tick of the clock for a frame


@dataclass(frozen=True)
class EncodedPicture:
    content: bytes
    is_keyframe: bool  # can be shown without those before it


class PictureEncoder(Protocol):
    def __call__(self, picture: Picture, pts: int, *, keyframe: bool) -> EncodedPicture:
        """`pts` in ticks of video.live.sources.source.TICK, rising; `keyframe` asks for one that needs none before it."""


class JpegEncoder:
    def __call__(self, picture: Picture, pts: int, *, keyframe: bool) -> EncodedPicture:
        done, content = cv2.imencode(".jpg", picture, _JPEG)
        if not done:
            raise SinkError(f"page: expected a JPEG of {picture.shape[1]}×{picture.shape[0]} pixels, OpenCV made none")
        return EncodedPicture(content.tobytes(), is_keyframe=True)


class H264Encoder:
    """Starts a new stream where the size changes, which browsers accept."""

    def __init__(self) -> None:
        self._context: VideoCodecContext | None = None
        self._shape: tuple[int, ...] = ()

    def __call__(self, picture: Picture, pts: int, *, keyframe: bool) -> EncodedPicture:
        if self._context is None or picture.shape != self._shape:
            self._context, self._shape = _encoder(picture), picture.shape
            self._to_frame = PictureToFrame(assumed_tags(picture.shape[1], picture.shape[0]), "yuv420p")
        frame = self._to_frame(picture)
        frame.pts, frame.time_base = pts, TICK
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        try:
            packets = self._context.encode(frame)
        except FFmpegError as error:
            raise SinkError(f"page: expected libx264 to encode a frame, it failed ({error.strerror})") from error
        return EncodedPicture(b"".join(map(bytes, packets)), is_keyframe=any(packet.is_keyframe for packet in packets))


def _encoder(picture: Picture) -> VideoCodecContext:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    context.height, context.width = picture.shape[:2]
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", TICK, _USUAL_RATE
    context.thread_count = 1
    context.options = _H264
    try:
        context.open()
    except FFmpegError as error:
        raise SinkError(f"page: expected an H.264 encoder, libx264 does not open ({error.strerror})") from error
    return context
