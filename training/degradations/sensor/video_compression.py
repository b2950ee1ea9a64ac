"""The compression of video, by the real encoders of H.264 and H.265 through PyAV.

A frame of a stream is mostly predicted from the frame before it, and its artefacts are those of prediction: skipped blocks,
smears, what was wrong before. So the picture is the last frame of a short clip in which the camera comes to it in equal
steps, and only that frame is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, ClassVar

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from runtime.errors import DataError
from runtime.picture import Picture
from training.degradations.degradation import Bounds, Degraded, Light, Pixels, Range, check, draw, to_light, to_picture

_SMALLEST = 64  # sides that both encoders take; smaller pictures are mirrored on


@dataclass(frozen=True)
class H264:
    """`quality` is the encoder's constant rate factor: 18 is hard to tell from the original, 51 is the worst there is."""

    quality: Annotated[Range, Bounds(0, 51)] = (23.0, 38.0)
    frames: Annotated[int, Bounds(1, 30)] = 3  # of the clip; the first is coded by itself, the others from the one before
    pan: Pixels = (0.0, 6.0)  # from frame to frame

    encoder: ClassVar[tuple[str, str]] = ("libx264", "h264")
    options: ClassVar[dict[str, str]] = {"preset": "veryfast", "x264-params": "bframes=0:scenecut=0:keyint=infinite"}

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, clean: Light, rng: np.random.Generator) -> Degraded:
        quality, pan, angle = draw(rng, self.quality), draw(rng, self.pan), draw(rng, (0, 2 * np.pi))
        clip = _clip(to_picture(clean), self.frames, (pan * np.cos(angle), pan * np.sin(angle)))
        planes, size = _coded(clip, self.encoder, {**self.options, "crf": f"{quality:.2f}"})
        height, width = clean.shape[:2]
        picture = np.ascontiguousarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)[:height, :width], np.uint8)
        parameters = {"quality": quality, "pan": pan, "angle": float(np.degrees(angle)), "bytes": float(size)}
        return Degraded(to_light(picture), clean, {}, parameters)


@dataclass(frozen=True)
class H265(H264):
    """The same quality is reached at a rate factor about five higher than that of H.264."""

    quality: Annotated[Range, Bounds(0, 51)] = (26.0, 42.0)

    encoder: ClassVar[tuple[str, str]] = ("libx265", "hevc")
    options: ClassVar[dict[str, str]] = {
        "preset": "superfast",
        "x265-params": "bframes=0:scenecut=0:keyint=-1:rc-lookahead=1:pools=none:frame-threads=1:log-level=none",
    }


def _clip(picture: Picture, frames: int, step: tuple[float, float]) -> list[NDArray[np.uint8]]:
    """The frames as 4:2:0 planes, the picture itself last: the eye sees half as many colours as levels, and so do cameras."""
    height, width = picture.shape[:2]
    more = [max(_SMALLEST - side, side % 2) for side in (height, width)]
    whole = np.pad(picture, ((0, more[0]), (0, more[1]), (0, 0)), "symmetric")
    clip = []
    for back in range(frames - 1, -1, -1):
        moved = np.array([[1, 0, back * step[0]], [0, 1, back * step[1]]])
        size = (whole.shape[1], whole.shape[0])
        frame = cv2.warpAffine(whole, moved, size, borderMode=cv2.BORDER_REFLECT_101) if back else whole
        clip.append(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420), np.uint8))
    return clip


def _coded(clip: list[NDArray[np.uint8]], codec: tuple[str, str], options: dict[str, str]) -> tuple[NDArray[np.uint8], int]:
    """The last frame as it comes out of the decoder, and how many bytes it took."""
    try:
        encoder, decoder = av.CodecContext.create(codec[0], "w"), av.CodecContext.create(codec[1], "r")
    except (FFmpegError, ValueError) as error:
        raise DataError(f"{codec[0]} is not in this build of PyAV ({error}); pip install av brings one that has it") from error
    assert isinstance(encoder, VideoCodecContext)
    assert isinstance(decoder, VideoCodecContext)
    encoder.width, encoder.height = clip[0].shape[1], clip[0].shape[0] * 2 // 3
    encoder.pix_fmt, encoder.framerate, encoder.thread_count = "yuv420p", Fraction(30), 1
    encoder.options = options
    decoder.thread_count = 1
    packets = []
    for number, planes in enumerate(clip):
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoded = [frame for packet in (*packets, None) for frame in decoder.decode(packet)]
    return np.asarray(decoded[-1].to_ndarray(), np.uint8), packets[-1].size
