"""Owns a stream from the network (RTSP, RTMP, HTTP, TCP, UDP) or the screen through FFmpeg; knows nothing of when it is opened again.

What is damaged never comes out: from there to the next whole keyframe frames are dropped, and counted by whoever listens. The URL may
hold a password: only `redacted` of it is ever said.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction

from runtime.errors import MissingExtra, SourceError, SourceLost
from video.color import FrameToPicture, read_color
from video.frame import VideoInfo
from video.sources.live import TICK, Captured, Dropped

try:
    import av
    from av.codec.context import Flags
    from av.container import InputContainer
    from av.error import (
        FFmpegError,
        HTTPClientError,
        HTTPForbiddenError,
        HTTPNotFoundError,
        HTTPUnauthorizedError,
        InvalidDataError,
        ProtocolNotFoundError,
    )
    from av.packet import Packet
    from av.video.stream import VideoStream
except ImportError as error:
    raise MissingExtra(error.name or "av", "live") from error

_PATIENCE = "5000000"  # microseconds that FFmpeg itself waits for one answer or one read
_WAITS = {"timeout": _PATIENCE, "rw_timeout": _PATIENCE}
# Not `timeout` for RTMP: there it means "wait for a caller".
_OPTIONS: dict[str, dict[str, str]] = {
    "rtsp": {"rtsp_transport": "tcp", "timeout": _PATIENCE},
    "rtsps": {"rtsp_transport": "tcp", "timeout": _PATIENCE},
    "rtmp": {"rw_timeout": _PATIENCE},
    "rtmps": {"rw_timeout": _PATIENCE},
    "http": _WAITS,
    "https": _WAITS,
    "tcp": _WAITS,
    "udp": {"timeout": _PATIENCE},
}
SCHEMES = tuple(_OPTIONS)
# Not fflags=nobuffer: it throws away the frames that were read to find out what the stream is.
# fpsprobesize: a first frame after 0.17 s instead of 0.9 s, for a frame rate that nothing here needs.
_SOON = {"analyzeduration": "1000000", "probesize": "1000000", "fpsprobesize": "0"}
_FATAL = {
    HTTPUnauthorizedError: "the server wants another user or password (401); put them into the address: rtsp://USER:PASSWORD@HOST/…",
    HTTPForbiddenError: "the server refuses this user (403); check the address and the user's rights",
    HTTPNotFoundError: "the server has nothing under this address (404); check the path",
    HTTPClientError: "the server does not understand the request (4xx); check the address",
    ProtocolNotFoundError: "this FFmpeg does not know the protocol; give another address",
}
_SEGMENTED = frozenset({"hls", "dash"})
_HELD_AT_MOST = 300  # frames; streams with intra refresh never send a whole keyframe, and x264's are 250 apart


class StreamSource:
    """A stream by its address. Each call of frames() is one connection."""

    ends = False

    def __init__(self, url: str, *, format: str | None = None, options: dict[str, str] | None = None) -> None:
        scheme = url.partition("://")[0].lower()
        if format is None and scheme not in _OPTIONS:
            raise SourceError(f"{redacted(url)}: an address that begins with {'://, '.join(SCHEMES)}:// was expected; {_instead(scheme)}")
        self.name = redacted(url)
        self._url = url
        self._format = format
        self._options = options or {**_SOON, **_OPTIONS[scheme]}

    def frames(self, stopped: threading.Event) -> Generator[Captured | Dropped, None, None]:
        with self._translated():
            container = av.open(self._url, format=self._format, options=self._options, metadata_errors="replace")
        with container:
            yield from self._decode(container, self._video_of(container), stopped)

    def _video_of(self, container: InputContainer) -> VideoStream:
        if _SEGMENTED & set(container.format.name.split(",")):
            raise SourceError(
                f"{self.name}: frames as they come were expected, {container.format.name} hands out seconds at once; "
                "give the camera's RTSP or RTMP address"
            )
        if not container.streams.video:
            raise SourceLost(f"{self.name}: a video stream was expected, there is none yet")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise SourceError(f"{self.name}: its video codec is unknown to this FFmpeg; set the camera to H.264")
        # Frame threads would add a frame of delay each; 16 of them 568 ms against 67.
        stream.thread_type = "SLICE"
        stream.codec_context.flags |= Flags.low_delay
        return stream

    def _decode(
        self, container: InputContainer, stream: VideoStream, stopped: threading.Event
    ) -> Generator[Captured | Dropped, None, None]:
        held, pictures = _Held(), _Pictures(self.name, stream)
        packets = container.demux(stream)
        while not stopped.is_set():
            with self._translated():
                packet = next(packets, None)
            if packet is None:
                raise SourceLost(f"{self.name}: a stream without end was expected, it ended")
            arrived = time.monotonic()
            try:
                frames = self._frames(packet)
            except InvalidDataError:
                held.damaged()
                yield Dropped(_DAMAGED)
                continue
            for frame in frames:
                reason = held.why(frame, torn=packet.is_corrupt)
                yield pictures(frame, arrived) if reason is None else Dropped(reason)

    def _frames(self, packet: Packet[VideoStream]) -> list[av.VideoFrame]:
        try:
            return packet.decode()
        except InvalidDataError:
            raise
        except FFmpegError as error:
            raise SourceLost(f"{self.name}: a frame could not be decoded: {error.strerror}") from None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """`from None`: FFmpeg's error has the whole address in it, and a traceback would show it."""
        try:
            yield
        except FFmpegError as error:
            for kind, said in _FATAL.items():
                if isinstance(error, kind):
                    raise SourceError(f"{self.name}: {said}") from None
            raise SourceLost(f"{self.name}: a stream was expected: {error.strerror}") from None


_DAMAGED = "damaged"
_FOLLOWS = "after damage, until the next keyframe"
_JOINED = "before the first keyframe"


class _Held:
    """Keeps frames back that are built upon something damaged or never seen."""

    def __init__(self) -> None:
        self._reason: str | None = _JOINED
        self._count = 0

    def damaged(self) -> None:
        self._reason, self._count = _FOLLOWS, 0

    def why(self, frame: av.VideoFrame, *, torn: bool) -> str | None:
        """Why this frame is kept back; None if it is not."""
        if torn or frame.is_corrupt:
            self.damaged()
            return _DAMAGED
        self._count += 1
        if frame.key_frame or self._count > _HELD_AT_MOST:
            self._reason = None
        return self._reason


class _Pictures:
    """Decoded frames → what is handed on. Size, format and colour may change on the way."""

    def __init__(self, name: str, stream: VideoStream) -> None:
        self._name = name
        self._stream = stream
        self._kind: tuple[object, ...] | None = None

    def __call__(self, frame: av.VideoFrame, arrived: float) -> Captured:
        kind = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc)
        if kind != self._kind:
            self._kind, self._info = kind, self._describe(frame)
            self._picture = FrameToPicture(self._info.color)
        image = self._picture(frame)
        own = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
        return Captured(image, own, arrived, time.monotonic(), self._info)

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
            display_matrix=None,
            interlaced=frame.interlaced_frame,
            has_audio=False,
        )


def redacted(url: str) -> str:
    """Without user, password and the values of the query, where cameras want tokens and passwords too.

    Up to the last @ before the query: passwords are often written with a / or an @ that should have been escaped.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    path, question, query = rest.partition("?")
    # An unescaped ? in a password: everything up to the @ after it belongs to the password.
    if "@" in query:
        path, question, query = query.rpartition("@")[2], "", ""
        path = f"***@{path.partition('?')[0]}"
    elif "@" in path:
        path = f"***@{path.rpartition('@')[2]}"
    names = (part.partition("=")[0] for part in query.split("&") if "=" in part)
    return f"{scheme}://{path}{question}{'&'.join(f'{name}=***' for name in names) or '***' * bool(query)}"


def screen(rate: int = 15) -> StreamSource:
    """The whole screen of the X server that DISPLAY names."""
    display = os.environ.get("DISPLAY")
    if "x11grab" not in av.formats_available or not display:
        why = "DISPLAY names none" if "x11grab" in av.formats_available else "this PyAV cannot grab one"
        raise SourceError(f"screen: the screen of an X server was expected, {why}; try another source, such as `pattern`")
    return StreamSource(display, format="x11grab", options={"framerate": str(rate)})


def _instead(scheme: str) -> str:
    if scheme == "srt":
        return "for SRT put FFmpeg in between: ffmpeg -i srt://… -c copy -f mpegts 'tcp://127.0.0.1:9000?listen=1', and open tcp://127.0.0.1:9000"
    return f"{scheme}:// came; check the address"
