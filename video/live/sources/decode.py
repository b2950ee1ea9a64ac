"""Decodes one connection of a stream: whole frames come out at once, damaged ones never do. Does not know addresses.

From damage to the next whole keyframe frames are held back and counted as dropped. FFmpeg's errors become ours here: those worth another
try, and those that are not.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction

from runtime.errors import SourceError, SourceLost, needs_extra
from video.color import FrameToPicture, read_color
from video.files.sources.damage import UNDECODABLE
from video.files.sources.demux import demuxed
from video.frame import VideoInfo
from video.live.slot import HandoverEnded
from video.live.sources.packets import PacketQueue
from video.live.sources.source import TICK, CapturedPicture, DroppedFrame

with needs_extra("live"):
    import av
    from av.codec.context import Flags
    from av.container import InputContainer
    from av.error import (
        FFmpegError,
        HTTPClientError,
        HTTPForbiddenError,
        HTTPNotFoundError,
        HTTPUnauthorizedError,
        ProtocolNotFoundError,
    )
    from av.packet import Packet
    from av.video.stream import VideoStream

_FATAL = {
    HTTPUnauthorizedError: "the server wants another user or password (401); put them into the address: rtsp://USER:PASSWORD@HOST/…",
    HTTPForbiddenError: "the server refuses this user (403); check the address and the user's rights",
    HTTPNotFoundError: "the server has nothing under this address (404); check the path",
    HTTPClientError: "the server does not understand the request (4xx); check the address",
    ProtocolNotFoundError: "this FFmpeg does not know the protocol; give another address",
}
_SEGMENTED = frozenset({"hls", "dash"})
_A_WHILE = 0.2  # seconds
_DAMAGED_AT_MOST = 50  # in a row; a decoder that was opened for another codec never gets out of it
_HELD_AT_MOST = 300  # frames; streams with intra refresh never send a whole keyframe, and x264's are 250 apart


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """`from None`: FFmpeg's error has the whole address in it, and a traceback would show it."""
    try:
        yield
    except FFmpegError as error:
        for kind, said in _FATAL.items():
            if isinstance(error, kind):
                raise SourceError(f"{name}: {said}") from None
        raise SourceLost(f"{name}: expected a stream, got: {error.strerror}") from None


def decode_stream(
    name: str, container: InputContainer, stopped: threading.Event, clock: Callable[[], float] = time.monotonic
) -> Generator[CapturedPicture | DroppedFrame, None, None]:
    """Until it fails, ends (which is a failure too) or is stopped. The container stays the caller's, and is free again afterwards."""
    stream = _video_of(name, container)
    packets: PacketQueue[Packet[VideoStream]] = PacketQueue()
    receiver = threading.Thread(
        target=_receive, args=(name, container, stream, packets, stopped, clock), name="clearway-reader-receive", daemon=True
    )
    try:
        receiver.start()
        with contextlib.suppress(HandoverEnded):
            yield from _decode(name, stream, packets, stopped, clock)
    finally:
        packets.end()
        if receiver.is_alive():
            receiver.join()  # at the latest when FFmpeg's own limit is over; a container must not be closed under a read


def _receive(
    name: str,
    container: InputContainer,
    stream: VideoStream,
    packets: PacketQueue[Packet[VideoStream]],
    stopped: threading.Event,
    clock: Callable[[], float],
) -> None:
    """In a thread of its own."""
    received = demuxed(container, stream)
    try:
        while not stopped.is_set():
            with translate_errors(name):
                packet = next(received, None)
            if packet is None:
                raise SourceLost(f"{name}: expected a stream without end, it ended")
            if not packets.put(packet, clock(), keyframe=packet.is_keyframe):
                return
        packets.end()
    except BaseException as error:  # noqa: BLE001  raised again where the packets are taken
        packets.end(error)


def _decode(
    name: str, stream: VideoStream, packets: PacketQueue[Packet[VideoStream]], stopped: threading.Event, clock: Callable[[], float]
) -> Generator[CapturedPicture | DroppedFrame, None, None]:
    held, pictures = _DamageGate(), _PictureReader(name, stream, clock)
    while not stopped.is_set():
        if (received := packets.take(_A_WHILE)) is None:
            continue
        yield from [DroppedFrame(_BUSY)] * received.skipped
        frames = _frames(name, received.packet)
        if frames is None:
            held.damaged()
            yield DroppedFrame(_DAMAGED)
        for frame in frames or ():
            reason = held.why(frame, torn=received.packet.is_corrupt)
            yield pictures(frame, received.arrived) if reason is None else DroppedFrame(reason)
        if held.in_a_row >= _DAMAGED_AT_MOST:
            raise SourceLost(f"{name}: expected whole frames, got {held.in_a_row} damaged ones in a row; has the codec changed?")


def _video_of(name: str, container: InputContainer) -> VideoStream:
    if _SEGMENTED & set(container.format.name.split(",")):
        raise SourceError(
            f"{name}: expected single frames, got {container.format.name}, which delivers seconds at once; "
            "give the camera's RTSP or RTMP address"
        )
    if not container.streams.video:
        raise SourceLost(f"{name}: expected a video stream, found none yet")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise SourceError(f"{name}: its video codec is unknown to this FFmpeg; set the camera to H.264")
    # Frame threads would add a frame of delay each; 16 of them 568 ms against 67.
    stream.thread_type = "SLICE"
    stream.codec_context.flags |= Flags.low_delay
    return stream


def _frames(name: str, packet: Packet[VideoStream]) -> list[av.VideoFrame] | None:
    """None where nothing could be made of it."""
    try:
        return packet.decode()
    except UNDECODABLE:
        return None
    except FFmpegError as error:
        raise SourceLost(f"{name}: a frame could not be decoded: {error.strerror}") from None


_BUSY = "decoding was busy"
_DAMAGED = "damaged"
_FOLLOWS = "after damage, until the next keyframe"
_JOINED = "before the first keyframe"


class _DamageGate:
    """Keeps frames back that are built upon something damaged or never seen."""

    def __init__(self) -> None:
        self.in_a_row = 0  # damaged ones
        self._reason: str | None = _JOINED
        self._count = 0

    def damaged(self) -> None:
        self._reason, self._count = _FOLLOWS, 0
        self.in_a_row += 1

    def why(self, frame: av.VideoFrame, *, torn: bool) -> str | None:
        """Why this frame is kept back; None if it is not."""
        if torn or frame.is_corrupt:
            self.damaged()
            return _DAMAGED
        self._count += 1
        self.in_a_row = 0
        if frame.key_frame or self._count > _HELD_AT_MOST:
            self._reason = None
        return self._reason


class _PictureReader:
    """Decoded frames → what is handed on. Size, format and colour may change on the way."""

    def __init__(self, name: str, stream: VideoStream, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._name = name
        self._stream = stream
        self._kind: tuple[object, ...] | None = None

    def __call__(self, frame: av.VideoFrame, arrived: float) -> CapturedPicture:
        kind = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc)
        if kind != self._kind:
            self._kind, self._info = kind, self._describe(frame)
            self._picture = FrameToPicture(self._info.color)
        image = self._picture(frame)
        own = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
        return CapturedPicture(image, own, arrived, self._clock(), self._info)

    def _describe(self, frame: av.VideoFrame) -> VideoInfo:
        try:
            color, assumed = read_color(frame)
        except SourceError as error:
            raise SourceError(f"{self._name}: {error}") from error
        rate = self._stream.average_rate or self._stream.guessed_rate
        return VideoInfo(
            width=frame.width,
            height=frame.height,
            time_base=TICK,
            average_rate=Fraction(rate) if rate and 0 < rate <= 1000 else None,
            frames=None,
            duration=None,
            color=color,
            color_assumed=assumed,
            codec=self._stream.codec_context.codec.canonical_name,
            pixel_format=frame.format.name,
            bit_depth=max(component.bits for component in frame.format.components),
            container="live",
            sample_aspect_ratio=self._stream.sample_aspect_ratio or None,
            interlaced=frame.interlaced_frame,
        )
