"""Turns pictures into coded packets, each segment with an encoder of its own. Does not know containers."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

from runtime.errors import needs_extra
from video.color import PictureToFrame
from video.files.encoding import EncodeOptions, open_encoder
from video.frame import Frame, VideoInfo

with needs_extra("cpu"):
    from av.codec.context import CodecContext, Flags
    from av.packet import Packet
    from av.stream import Stream
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

_KEYFRAMES_S = 2  # seconds between keyframes within a segment: how far a player has to seek
_START, _LENGTHS = b"\0\0\0\1", b"\1"  # before a unit; at the beginning of a header whose units have lengths


class Coder:
    """Frames in their order. `first` is the encoder that a container writes its header from; each further segment opens one like it."""

    def __init__(self, first: VideoCodecContext, info: VideoInfo, options: EncodeOptions, *, matroska: bool) -> None:
        self._info, self._options, self._matroska = info, options, matroska
        self._encoder = self._opened(first)
        self._to_frame = PictureToFrame(info.color, self._encoder.pix_fmt or "")
        self._used = False

    def __call__(self, frame: Frame) -> Iterator[Packet[Stream]]:
        if frame.begins and self._used:
            yield from self.flush()
            like = CodecContext.create(self._options.facts.codec, "w")
            like.options = self._options.settings()
            like.flags |= self._encoder.flags & Flags.global_header
            self._encoder = self._opened(cast("VideoCodecContext", like))
        self._used = True
        encoded = self._to_frame(frame.image)
        encoded.pts, encoded.time_base, encoded.duration = frame.pts, frame.time_base, frame.duration
        yield from self._encoder.encode(encoded)

    def flush(self) -> Iterator[Packet[Stream]]:
        yield from self._encoder.encode(None)

    def as_coded(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        """A packet that was read from a file, as this encoder gave it to the file.

        Containers have the length before each unit of H.264 and H.265. Most encoders put a start code there, and from one that does
        a container expects nothing else.
        """
        if self._encoder.codec.canonical_name in ("h264", "hevc") and not (self._encoder.extradata or b"").startswith(_LENGTHS):
            packet.update(_with_start_codes(bytes(packet)))
        return packet

    def _opened(self, encoder: VideoCodecContext) -> VideoCodecContext:
        info, options = self._info, self._options
        encoder.width, encoder.height = info.width, info.height
        encoder.pix_fmt = options.pixel_format(info)
        encoder.time_base, encoder.framerate = info.time_base, info.average_rate or Fraction(25)
        encoder.flags |= Flags.frame_duration
        encoder.thread_count = 0
        if encoder.codec.canonical_name == "hevc" and not self._matroska:
            encoder.codec_tag = "hvc1"  # Apple's players refuse FFmpeg's own choice, hev1
        if not options.facts.intra:
            encoder.gop_size = max(1, round(_KEYFRAMES_S * (info.average_rate or 25)))
        if info.sample_aspect_ratio is not None:
            encoder.sample_aspect_ratio = info.sample_aspect_ratio
        encoder.colorspace, encoder.color_range = info.color.matrix, info.color.range
        encoder.color_primaries, encoder.color_trc = info.color.primaries, info.color.transfer
        open_encoder(encoder, options)
        return encoder


def _with_start_codes(data: bytes) -> bytes:
    """The same number of bytes: MP4 and Matroska are written with four for a length."""
    units, at = bytearray(data), 0
    while at < len(units):
        length = int.from_bytes(units[at : at + 4], "big")
        units[at : at + 4] = _START
        at += 4 + length
    return bytes(units)
