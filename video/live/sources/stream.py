"""A stream from the network (RTSP, RTMP, HTTP, TCP, UDP) through FFmpeg: its address, and opening it in bounded time.

Does not know when it is opened again. The address may hold a password: only redact() of it is ever printed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator

from runtime.errors import SourceError, needs_extra
from video.live.sources.decode import decode_stream, translate_errors
from video.live.sources.source import CapturedPicture, DroppedFrame

with needs_extra("live"):
    import av

# What each scheme calls the time that FFmpeg itself waits for one answer or one read.
# Not `timeout` for RTMP: there it means "wait for a caller".
_TIMEOUTS: dict[str, tuple[str, ...]] = {
    "rtsp": ("timeout",),
    "rtsps": ("timeout",),
    "rtmp": ("rw_timeout",),
    "rtmps": ("rw_timeout",),
    "http": ("timeout", "rw_timeout"),
    "https": ("timeout", "rw_timeout"),
    "tcp": ("timeout", "rw_timeout"),
    "udp": ("timeout",),
}
SCHEMES = tuple(_TIMEOUTS)
# Not fflags=nobuffer: it throws away the frames that were read to find out what the stream is.
# fpsprobesize: a first frame after 0.17 s instead of 0.9 s, for a frame rate that nothing here needs.
SOON = {"analyzeduration": "1000000", "probesize": "1000000", "fpsprobesize": "0"}


class StreamSource:
    """A stream by its address. Each call of frames() is one connection."""

    ends = False

    def __init__(self, url: str, *, timeout_s: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        """`timeout_s` is for one answer or one read."""
        scheme = url.partition("://")[0].lower()
        if scheme not in _TIMEOUTS:
            raise SourceError(f"{redact(url)}: expected an address that begins with {'://, '.join(SCHEMES)}://, got {scheme}://; check it")
        self.name = redact(url)
        self._url = url
        self._clock = clock
        transport = {"rtsp_transport": "tcp"} if scheme.startswith("rtsp") else {}
        self._options = SOON | transport | dict.fromkeys(_TIMEOUTS[scheme], str(round(timeout_s * 1e6)))

    def frames(self, stopped: threading.Event) -> Generator[CapturedPicture | DroppedFrame, None, None]:
        with translate_errors(self.name):
            container = av.open(self._url, options=self._options, metadata_errors="replace")
        with container:
            yield from decode_stream(self.name, container, stopped, self._clock)


def redact(url: str) -> str:
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
